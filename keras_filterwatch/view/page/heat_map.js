// The heat map: a row for each layer, a column for each step.

import { Choice } from "./choice.js";
import { isLogarithmic, scorePalette, scorePlace, useDark } from "./colours.js";
import { alarmsNow } from "./findings.js";
import { formatNumber, formatStep, scoreTitle, shorten } from "./format.js";
import { alarmMarks, heatRows, worstPlace } from "./heat_rows.js";
import { useLoaded } from "./source.js";
import { stepAt } from "./state.js";
import { html, useLayoutEffect, useMemo, useRef, useState } from "./vendor/preact.js";

/** @param {import("./types.d.ts").ViewProps} props */
export function HeatMap({ source, run: newest, state, go }) {
  const dark = useDark();
  const [open, setOpen] = useState([]);
  const [hover, setHover] = useState(null);
  const canvas = useRef(null);
  const key = `matrix/${state.score}`;
  const loaded = useLoaded(source, newest, key);
  // rows and columns are those that the values belong to, also while newer ones load
  const run = loaded?.run ?? newest;
  const { layers, columns } = run;
  const values = (loaded?.key === key && loaded.document?.values) || [];
  const score = newest.scores.find(({ name }) => name === state.score);
  const rows = useMemo(() => heatRows(run, open), [run, open]);
  const rowHeight = rows.length <= 14 ? 24 : rows.length <= 32 ? 18 : 14;
  const left = (column) => `left:${(100 * column) / columns.length}%`;
  const top = (row) => `top:${row * rowHeight}px`;
  const marks = useMemo(() => {
    const position = ({ row, column }) => `${left(column + 0.5)};${top(row + 0.5)}`;
    return alarmMarks(run, rows).map(
      (mark) => html`<i class=${mark.level} style=${position(mark)}>${mark.sign}</i>`,
    );
  }, [rows]);

  // one pixel a cell, which style.css makes larger; undefined values are transparent
  useLayoutEffect(() => {
    const colours = scorePalette(score, dark).pixels;
    const pixels = rows.flatMap(({ places }) =>
      columns.map((_, column) => {
        const value = values[worstPlace(places, values, column, score)]?.[column];
        return colours[scorePlace(score, value)] ?? 0;
      }),
    );
    const bytes = new Uint8ClampedArray(Uint32Array.from(pixels).buffer);
    canvas.current.getContext("2d").putImageData(new ImageData(bytes, columns.length), 0, 0);
  }, [loaded, rows, score, dark]);

  const selected = rows.findLastIndex(({ names }) => state.layer && names.includes(state.layer));
  const alarms = alarmsNow(run.alarms, state.step).filter(({ level }) => level !== "note");
  const stride = Math.ceil(columns.length / 13);
  const isNarrow = innerWidth < 760;

  const cellAt = ({ offsetX: x, offsetY: y, currentTarget: { clientWidth } }) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, Math.floor(y / rowHeight)))];
    const share = Math.max(0, Math.min(x / clientWidth, 1 - 1e-6));
    const column = Math.floor(share * columns.length);
    const place = worstPlace(row.places, values, column, score);
    const layer = layers[place]?.name ?? "";
    const value = values[place]?.[column];
    return { row, step: columns[column], layer, value, x, y, isRight: share > 0.5 };
  };
  const pick = (event) => {
    const { step, layer } = cellAt(event);
    go(layer ? { step, layer, view: "layer" } : { step });
  };
  const openRow = ({ label, names }) => {
    if (names.length > 1) {
      setOpen(open.includes(label) ? open.filter((each) => each !== label) : [...open, label]);
    } else if (names[0]) go({ view: "layer", layer: label });
  };

  return html`<section class="heat" aria-label="Heat map">
    <div class="heat-head">
      <${Choice} title="Colour by" label="Score" value=${state.score}
        options=${newest.scores.map(({ name }) => [name, scoreTitle(name)])} onChoice=${(name) => go({ score: name })} />
      <${Legend} score=${score} dark=${dark} />
      <p class="about">A row for each layer, a column for each ${run.unit}. ${score.about}</p>
    </div>
    <div class="heat-body" style="--row:${rowHeight}px;--columns:${columns.length}">
      <div class="row-names" role="group" aria-label="Layers">
        ${rows.map((row, at) => {
          const { label, names } = row;
          const isBlock = names.length > 1;
          const text = isNarrow ? shorten(label.split(" … ")[0], 12) : shorten(label, 32);
          const isAlarmed = alarms.some(({ layer }) => names.includes(layer));
          return html`<button key=${label + isBlock} title=${label + (isAlarmed ? " has an alarm" : "")} class=${isAlarmed && "alarmed"}
            onClick=${() => openRow(row)}
            aria-current=${at === selected ? "true" : null} aria-expanded=${isBlock ? open.includes(label) : null}>
            <span>${text}${isBlock && !isNarrow && ` (${names.length})`}</span>
          </button>`;
        })}
      </div>
      <div class="heat-frame">
        <div class="heat-canvas ${columns.length <= 60 ? "parted" : ""}" onClick=${pick}
          onPointerMove=${(event) => setHover(cellAt(event))} onPointerLeave=${() => setHover(null)}>
          <canvas ref=${canvas} role="img" width=${columns.length} height=${rows.length} style="height:${rows.length * rowHeight}px"
            aria-label="Heat map of ${scoreTitle(score.name)}; the table below has the numbers"></canvas>
          ${marks}
          <span class="column" style=${left(columns.indexOf(stepAt(columns, state.step)))}></span>
          ${selected >= 0 && html`<span class="row" style=${top(selected)}></span>`}
        </div>
        <div class="ticks" aria-hidden="true">
          ${columns.map((step, at) => at % stride === 0 && html`<span style=${left(at + 0.5)}>${step.toLocaleString("en")}</span>`)}
        </div>
        ${hover && html`<${HoverInfo} run=${run} score=${score} ...${hover} />`}
      </div>
    </div>
  </section>`;
}

function Legend({ score, dark }) {
  const { better } = score;
  const end = (name) => formatNumber(score[name]) + (better === name ? " (good)" : "");
  const colours = `to ${better === "high" ? "left" : "right"}, ${scorePalette(score, dark).css}`;
  return html`<span class="legend">
    ${end("low")}<i class="legend-bar" style="background:linear-gradient(${colours})"></i>${end("high")}
    ${isLogarithmic(score) && html`<span>logarithmic</span>`}
    <i class="hatched"></i>undefined<span>▲ alarm began</span><span>❙ ended</span><span>● note</span>
  </span>`;
}

/** The number under the pointer, and alarms that held then. */
function HoverInfo({ run, score, row, step, layer, value, x, y, isRight }) {
  const alarms = alarmsNow(run.alarms, step).filter((alarm) => alarm.layer === layer);
  const side = isRight ? `right:calc(100% - ${x - 14}px)` : `left:${x + 14}px`;
  const count = row.names.length;
  return html`<div class="hover" aria-hidden="true" style="top:${y + 14}px;${side}">
    <b>${layer || row.label}</b> ${count > 1 && html`<span class="faint">worst of ${count} in ${row.label}</span>`}
    <div>${formatStep(step, run.unit)}${layer && html`: ${scoreTitle(score.name)} <b>${formatNumber(value)}</b>`}</div>
    ${alarms.slice(0, 3).map(({ level, message }) => html`<div class=${level}>${message}</div>`)}
  </div>`;
}
