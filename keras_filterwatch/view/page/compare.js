// The compare view: two steps of a run, or two runs, side by side.

import { LayerKernels } from "./compare_filters.js";
import { compareRows, compareSentence } from "./compare_rows.js";
import { ChangeTable } from "./compare_table.js";
import { formatNumber, formatStep, shorten } from "./format.js";
import { kernelChange, matchLayers, weightStepOf } from "./match_layers.js";
import { useDocument } from "./source.js";
import { stepAt } from "./state.js";
import { logsAt } from "./time_slider.js";
import { html, useEffect, useMemo, useRef, useState } from "./vendor/preact.js";

const MOST_NAMES = 8;
const ROTATIONS_REST_MS = 250;
const ROTATIONS_SHOWN_MS = 1000;

/** @typedef {import("./types.d.ts").ViewProps} Props */
/** @typedef {import("./types.d.ts").RunDocument} RunDoc */
/** @typedef {import("./compare_types.d.ts").Side} Side */
/** @typedef {import("./compare_types.d.ts").LayerPair} Pair */

/**
 * Two steps of a run, or two runs, side by side. On the right is what the time slider shows, on the left
 * what it is compared with.
 * @param {Props} props
 */
export function CompareView(props) {
  const { source, run, runs, state } = props;
  const entry = runs.find(({ name }) => name === state.otherRun && name !== run.name);
  const loaded = useOtherRun(source, entry);
  const other = entry ? loaded : run;
  const side = (/** @type {RunDoc} */ of, /** @type {number} */ step) => {
    const text = formatStep(step, of.unit);
    return { run: of, step, name: entry ? `${shorten(of.name, 40)}, ${text}` : text };
  };
  const now = side(run, state.step);
  let before = null;
  let content = html`<p role="status">${other === null ? "That run is not there any more." : "Loading."}</p>`;
  if (other?.steps.length && run.steps.length) {
    const step = state.otherStep ?? (entry ? state.step : other.steps[0]);
    before = side(other, stepAt(other.steps, step));
    content = html`<${BothSides} ...${props} now=${now} before=${before} />`;
  } else if (other) {
    content = html`<p role="status">One of both has no step yet.</p>`;
  }
  return html`<section class="compare" aria-label="Compare">
    <${CompareChoice} ...${props} now=${now} before=${before} otherRun=${entry?.name ?? ""} />
    ${content}
  </section>`;
}

/**
 * Returns the document of the run to compare with. It loads anew while the record is being read.
 * @param {import("./types.d.ts").Source} source
 * @param {import("./types.d.ts").RunEntry | undefined} entry
 * @returns {RunDoc | null | undefined}
 */
function useOtherRun(source, entry) {
  const [asked, setAsked] = useState(0);
  const request = { name: entry?.name ?? "", version: `${entry?.version} ${asked}` };
  const other = useDocument(source, /** @type {any} */ (request), entry ? "run" : "");
  const isRead = !other || other.read >= 1;
  useEffect(() => {
    if (isRead) return;
    const timer = setTimeout(() => setAsked(asked + 1), 500);
    return () => clearTimeout(timer);
  }, [isRead, asked]);
  // its own name may be that of its folder
  return useMemo(() => other && { ...other, name: request.name }, [other, request.name]);
}

/**
 * The controls: the other run, its step, and whether both steps move together.
 * @param {Props & {now: Side, before: Side | null, otherRun: string}} props
 */
function CompareChoice({ run, runs, state, go, now, before, otherRun }) {
  const steps = before?.run.steps ?? [];
  const names = runs.map(({ name }) => name).filter((name) => name !== run.name);
  const moves = state.otherStep === null;
  return html`<div class="compare-choice">
    <span>Compare with</span>
    ${
      names.length > 0 &&
      html`<select aria-label="Run to compare with" value=${otherRun}
        onChange=${(/** @type {any} */ event) => go({ otherRun: event.currentTarget.value, otherStep: null })}>
        <option value="">this run</option>
        ${names.map((name) => html`<option key=${name} value=${name}>${name}</option>`)}
      </select>`
    }
    ${
      before &&
      html`<input type="range" aria-label="Step to compare with" min="0" max=${steps.length - 1}
          value=${steps.indexOf(before.step)} aria-valuetext=${before.name}
          onInput=${(/** @type {any} */ event) => go({ otherStep: steps[Number(event.currentTarget.value)] })} />
        <button type="button" aria-pressed=${moves}
          onClick=${() => go({ otherStep: moves ? before.step : null })}>${otherRun ? "Both move" : "From the start"}</button>
        <span><b>${before.name}</b> → <b>${now.name}</b></span>`
    }
  </div>`;
}

/**
 * The differences of two sides.
 * @param {import("./compare_types.d.ts").CompareProps} props
 */
function BothSides(props) {
  const { source, state, now, before } = props;
  const shown = useRef("");
  const match = useMemo(
    () => matchLayers(now.run.layers, before.run.layers),
    [now.run.layers, before.run.layers],
  );
  const tables = [now, before].map((side) => useDocument(source, side.run, `table/${side.step}`));
  const kernels = match.pairs.filter((pair) => {
    return now.run.layers[pair.place].drawn && before.run.layers[pair.otherPlace].drawn;
  });
  const measured = measuredRotations(now, before, tables);
  const computed = useRotations(props, measured ? [] : kernels);
  if (!tables[0] || !tables[1]) {
    const isMissing = tables[0] === null || tables[1] === null;
    return html`<p role="status">${isMissing ? "The scores of one of both steps are not here." : "Loading."}</p>`;
  }
  const scores = now.run.scores.filter(({ name }) =>
    tables.every((table) => name in table.numbers),
  );
  const rows = compareRows(match.pairs, scores, tables, measured ?? computed);
  const named = (/** @type {string} */ name) => rows.find(({ pair }) => pair.name === name)?.pair;
  // without a selected layer, the one that changed most at first, also while the slider moves
  const most = rows.find(({ pair }) => kernels.includes(pair))?.pair ?? rows[0]?.pair;
  const selected = named(state.layer) ?? named(shown.current) ?? most;
  shown.current = selected?.name ?? "";
  return html`
    <p class="compare-headline" role="status">${compareSentence(rows, scores, now, before)}</p>
    <${CompareRemarks} ...${match} now=${now} before=${before} />
    <${LogChanges} now=${now} before=${before} />
    <${ChangeTable} ...${{ ...props, rows, scores, tables, selected }} />
    ${selected && html`<${LayerKernels} key=${selected.name} ...${props} pair=${selected} />`}
  `;
}

/**
 * Returns the rotation of each layer of a run from its first step on, as it was measured while the run
 * trained; null if anything else is compared.
 * @param {Side} now
 * @param {Side} before
 * @param {(import("./types.d.ts").TableDocument | null | undefined)[]} tables
 */
function measuredRotations(now, before, tables) {
  if (now.run !== before.run) return null;
  const first = now.run.steps[0];
  const later = before.step === first ? tables[0] : now.step === first ? tables[1] : null;
  const values = later?.numbers.rotation;
  return values
    ? new Map(values.map((value, place) => [place, Number(value ?? Number.NaN)]))
    : null;
}

/**
 * Returns the rotation of those layers whose recorded kernels are loaded so far, by place. Loading
 * waits until the steps have rested.
 * @param {{source: import("./types.d.ts").Source, now: Side, before: Side}} props
 * @param {Pair[]} pairs
 * @returns {Map<number, number>}
 */
function useRotations({ source, now, before }, pairs) {
  const asked = JSON.stringify([
    ...[now, before].map((side) => [side.run.name, weightStepOf(side)]),
    pairs.map((pair) => [pair.place, pair.otherPlace]),
  ]);
  const [result, setResult] = useState({ asked: "", rotations: new Map() });
  useEffect(() => {
    let isOver = false;
    const load = async () => {
      const rotations = new Map();
      let shownAt = performance.now();
      const get = (/** @type {Side} */ side, /** @type {number} */ place) =>
        source.get(side.run.name, `kernel/${place}/${weightStepOf(side)}`, side.run.version);
      for (const pair of pairs) {
        const both = [get(now, pair.place), get(before, pair.otherPlace)];
        const [kernel, other] = await Promise.all(both).catch(() => []);
        if (isOver) return;
        const change = kernel && other && kernelChange(kernel, other);
        if (change) rotations.set(pair.place, change.rotation);
        if (performance.now() - shownAt > ROTATIONS_SHOWN_MS) {
          setResult({ asked, rotations: new Map(rotations) });
          shownAt = performance.now();
        }
      }
      setResult({ asked, rotations });
    };
    const timer = setTimeout(load, ROTATIONS_REST_MS);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [source, asked]);
  return result.asked === asked ? result.rotations : new Map();
}

/**
 * Which layers were matched by place, which only one side has, and which weights are compared.
 * @param {{pairs: Pair[], onlyNow: string[], onlyBefore: string[], now: Side, before: Side}} props
 */
function CompareRemarks({ pairs, onlyNow, onlyBefore, now, before }) {
  const byPlace = pairs.filter((pair) => pair.name !== pair.otherName);
  const moved = [before, now].filter(
    (side) => side.run.weightSteps.length && weightStepOf(side) !== side.step,
  );
  /** @type {[string, string[]][]} */
  const remarks = [
    [
      "Matched by place, as names differ",
      byPlace.map((pair) => `${pair.otherName} with ${pair.name}`),
    ],
    [`Only in ${before.name}`, onlyBefore],
    [`Only in ${now.name}`, onlyNow],
    [
      "Weights of other steps are compared, as these have none",
      moved.map((side) => `${formatStep(weightStepOf(side), side.run.unit)} for ${side.name}`),
    ],
  ];
  return remarks.map(([title, names]) => {
    const rest = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : "";
    return (
      names.length > 0 &&
      html`<p key=${title} class="compare-remark">${title}: ${names.slice(0, MOST_NAMES).join(", ")}${rest}.</p>`
    );
  });
}

/**
 * What Keras logged on both sides.
 * @param {{now: Side, before: Side}} props
 */
function LogChanges({ now, before }) {
  const value = (/** @type {Side} */ side, /** @type {string} */ name) =>
    formatNumber(side.run.logs[name]?.[side.run.steps.indexOf(side.step)]);
  return html`<ul class="compare-logs" aria-label="Logged on both sides">
    ${logsAt(now.run, now.step)
      .slice(0, MOST_NAMES)
      .map(
        ([name, last]) =>
          html`<li key=${name}>${name} ${value(before, name)} → <b>${formatNumber(last)}</b></li>`,
      )}
  </ul>`;
}
