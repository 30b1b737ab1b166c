// The overview: what is wrong, the training's curves, the heat map, the table of layers, and what is not watched.

import { LineChart } from "./curves.js";
import { Findings } from "./findings.js";
import { countOf } from "./format.js";
import { HeatMap } from "./heat_map.js";
import { LayerTable } from "./layer_table.js";
import { html, useMemo } from "./vendor/preact.js";

/** @param {import("./types.d.ts").ViewProps} props */
export function Overview(props) {
  const { run } = props;
  const logs = useMemo(() => mainLogs(run), [run]);
  const count = Object.keys(run.skipped).length;
  return html`<div class="overview">
    <${Findings} ...${props} />
    <div class="charts">${logs.map(
      ({ name, values }) => html`<${LineChart} ...${props} key=${name} label=${name}
        steps=${run.columns} values=${values} />`,
    )}</div>
    ${run.scores.length ? html`<${HeatMap} ...${props} />` : html`<p class="faint">No layer has scores yet.</p>`}
    ${run.layers.length > 0 && html`<${LayerTable} ...${props} />`}
    <${Facts} title="${countOf(count, "layer")} with weights not watched" facts=${run.skipped} />
    <${Facts} title="The model and its training" facts=${run.model} />
  </div>`;
}

/**
 * Returns the losses, the accuracies, and the learning rate if it changes: names, values at the columns.
 * @param {import("./types.d.ts").RunDocument} run
 */
export function mainLogs({ logs, steps, columns }) {
  const places = new Map(steps.map((step, place) => [step, place]));
  const names = Object.keys(logs);
  const patterns = [/^(val_)?loss$/, /^(val_)?\w*acc(uracy)?$/];
  const main = patterns.flatMap((pattern) =>
    names.filter((name) => pattern.test(name)).slice(0, 2),
  );
  const rates = logs.learning_rate ?? [];
  if (rates.some((rate) => rate !== rates[0])) main.push("learning_rate");
  return main.map((name) => ({
    name,
    values: columns.map((step) => logs[name][places.get(step)] ?? null),
  }));
}

/** @param {{title: string, facts: Record<string, string>}} props */
function Facts({ title, facts }) {
  const lines = Object.entries(facts);
  if (!lines.length) return null;
  return html`<details><summary>${title}</summary>
    <dl class="facts">${lines.map(([name, text]) => html`<div key=${name}><dt>${name}</dt><dd>${text}</dd></div>`)}</dl>
  </details>`;
}
