// The table of layers at the selected step, worst first.

import { scoreColour, useDark } from "./colours.js";
import { alarmsNow } from "./findings.js";
import { formatNumber, formatShape, formatStep, numberOf, scoreTitle } from "./format.js";
import { badness } from "./heat_rows.js";
import { useLoaded } from "./source.js";
import { html, useState } from "./vendor/preact.js";

const FEW_SCORES = 7;
// of more rows, those in view are in the page: all take too long to draw
const FEW_ROWS = 60;
const ROW_HEIGHT = 27;
const VERDICTS = ["untrained", "undetermined", "structured"];

/**
 * Returns the rows `{layer, place, alarms}` in the order of the network ("layer"), of verdicts,
 * alarms or a score. By alarms, the worst are first: those with alarms, then the farthest from the good end
 * of `score`. What is undefined is last either way.
 * @param {import("./types.d.ts").RunDocument} run
 * @param {import("./types.d.ts").TableDocument} table
 */
export function layerRows(run, table, { by, isDescending }, score) {
  const now = alarmsNow(run.alarms, table.step);
  const value = (name, place) => table.numbers[name]?.[place];
  const keys = {
    layer: ({ place }) => place,
    verdict: ({ place }) => VERDICTS.indexOf(table.verdicts[place]),
    alarms: ({ urgency, place }) =>
      4 * urgency - (score ? badness(score, value(score.name, place)) : 0),
  };
  const keyOf = keys[by] ?? (({ place }) => numberOf(value(by, place)));
  const rows = run.layers.map((layer, place) => {
    const alarms = now.filter((alarm) => alarm.layer === layer.name);
    const urgency = { error: 0, warning: 1 }[alarms[0]?.level] ?? 2;
    const row = { layer, place, alarms, urgency };
    const key = keyOf(row) * (isDescending ? -1 : 1);
    return { ...row, key: Number.isNaN(key) ? Number.POSITIVE_INFINITY : key };
  });
  return rows.sort((left, right) => left.key - right.key || 0);
}

/** @param {import("./types.d.ts").ViewProps} props */
export function LayerTable({ source, run, state, go }) {
  const dark = useDark();
  const [order, setOrder] = useState({ by: "alarms", isDescending: false });
  const [hasAll, setHasAll] = useState(false);
  const [first, setFirst] = useState(0);
  const loaded = useLoaded(source, run, `table/${state.step}`);
  const table = loaded?.document;
  if (!table)
    return html`<p>${table === null && "The scores of this step are not in this report."}</p>`;
  // of scores without a better end, none is the worst
  const judging = run.scores.filter(({ better }) => better);
  const score = judging.find(({ name }) => name === state.score) ?? judging[0];
  const rows = layerRows(loaded.run, table, order, score);
  const hidden = rows.length - first - FEW_ROWS;
  const scores = hasAll ? run.scores : run.scores.slice(0, FEW_SCORES);

  const header = (by, title, about, isDescending = false) => {
    const isSorted = order.by === by;
    const next = { by, isDescending: isSorted ? !order.isDescending : isDescending };
    const sort = isSorted && (order.isDescending ? "descending" : "ascending");
    return html`<th key=${by} scope="col" aria-sort=${sort || null}>
      <button title=${about} onClick=${() => setOrder(next)}>${title}</button></th>`;
  };
  const space = (count) => count > 0 && html`<tr style="height:${count * ROW_HEIGHT}px"></tr>`;
  const line = ({ layer, place, alarms }) => {
    const verdict = table.verdicts[place];
    return html`<tr key=${layer.name} aria-current=${layer.name === state.layer ? "true" : null}>
      <th scope="row"><button class="link" title="${layer.type || layer.kind}, ${formatShape(layer.shape)}"
        onClick=${() => go({ view: "layer", layer: layer.name })}>${layer.name}</button></th>
      <td class=${verdict}>${verdict}${!layer.trainable && " (frozen)"}</td>
      <td>${alarms.map(({ level, rule, message }) => html`<span class="tag ${level}" title=${message}>${rule}</span> `)}</td>
      ${scores.map((each) => {
        const value = table.numbers[each.name]?.[place];
        const colour = each.better ? scoreColour(each, value, dark) : "";
        return html`<td>${formatNumber(value)}<i class="chip" style="background:${colour}"></i></td>`;
      })}
      <td class="words" title=${table.sentences[place]}>${table.sentences[place]}</td>
    </tr>`;
  };
  return html`<section class="layers" aria-label="Layers">
    <div class="section-head">
      <h2 class="small">Layers at ${formatStep(table.step, run.unit)}</h2>
      ${
        run.scores.length > FEW_SCORES &&
        html`<label><input type="checkbox" checked=${hasAll} onChange=${() => setHasAll(!hasAll)} />
          All ${run.scores.length} scores</label>`
      }
    </div>
    <div class="scroller ${rows.length > FEW_ROWS ? "long" : ""}" tabindex="0" role="region" aria-label="Table of layers"
      onScroll=${({ target }) => setFirst(Math.max(0, Math.floor(target.scrollTop / ROW_HEIGHT) - 9))}>
      <table aria-rowcount=${rows.length + 1}>
        <thead><tr>
          ${header("layer", "Layer", "Sort as the network has them")}${header("verdict", "Verdict")}
          ${header("alarms", "Alarms", "Sort by alarms that hold, the worst first")}
          ${scores.map(({ name, about, better }) => header(name, scoreTitle(name), about, better !== "high"))}
          <th scope="col">In words</th>
        </tr></thead>
        <tbody>${space(first)}${rows.slice(first, first + FEW_ROWS).map(line)}${space(hidden)}</tbody>
      </table>
    </div>
  </section>`;
}
