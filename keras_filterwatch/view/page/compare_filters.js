// The filters of a layer on both sides of the compare view.

import { countOf, formatNumber, scoreTitle } from "./format.js";
import { decodeKernel, hoverText, kernelLimit } from "./kernel.js";
import { KernelCanvas } from "./kernel_canvas.js";
import { kernelChange, weightStepOf } from "./match_layers.js";
import { useDocument } from "./source.js";
import { html, useMemo, useState } from "./vendor/preact.js";

const MOST_CHANGED_FILTERS = 12;
const MOST_CANVAS_HEIGHT = 380;

/** @typedef {import("./types.d.ts").KernelDocument | null | undefined} KernelOrNone */
/** @typedef {import("./compare_types.d.ts").Side} Side */

/**
 * The filters of a layer on both sides, in the same colours, those that changed most first.
 * @param {import("./compare_types.d.ts").CompareProps & {pair: import("./compare_types.d.ts").LayerPair}} props
 */
export function LayerKernels({ source, now, before, pair, state, go }) {
  const [hovered, setHovered] = useState(/** @type {any} */ (null));
  const sides = [
    { side: before, place: pair.otherPlace },
    { side: now, place: pair.place },
  ];
  /** @type {KernelOrNone[]} */
  const kernels = sides.map(({ side, place }) => {
    const hasWeights = side.run.weightSteps.length && side.run.layers[place].drawn;
    const kernel = useDocument(
      source,
      side.run,
      hasWeights ? `kernel/${place}/${weightStepOf(side)}` : "",
    );
    return hasWeights ? kernel : null;
  });
  const change = useMemo(
    () => (kernels[0] && kernels[1] ? kernelChange(kernels[1], kernels[0]) : null),
    kernels,
  );
  const captions = useMemo(
    () => change?.filterRotations.map((turn, filter) => `${filter}: ${turn.toPrecision(2)}`),
    [change],
  );
  const select = (/** @type {number | null} */ filter) => go({ layer: pair.name, filter });
  const selected = state.layer === pair.name ? state.filter : null;
  const shown = kernels.map((kernel) => kernel && decodeKernel(kernel));
  const limit = Math.max(0, ...shown.map((kernel) => (kernel ? kernelLimit(kernel) : 0)));
  return html`<section aria-label="Filters of both">
    <h3>${pair.name}${pair.name === pair.otherName ? "" : ` and ${pair.otherName}`}</h3>
    <p class="compare-remark">
      ${changeSentence(kernels, change)}
      ${limit > 0 && ` ${coloursSentence(kernels, limit)}`}
    </p>
    <div class="compare-figures">
      ${shown.map((kernel, i) => {
        const name = sides[i].side.name;
        return html`<figure key=${i}>
          <figcaption>${name}</figcaption>
          ${kernel === null && html`<p>The weights of this layer were not recorded.</p>`}
          ${
            kernel &&
            html`<${KernelCanvas} ...${{ kernel, limit, selected, captions, zoom: state.zoom }}
              mostHeight=${MOST_CANVAS_HEIGHT}
              order=${change ? change.order : [...Array(kernel.filters).keys()]}
              label=${`Filters of ${pair.name}, ${name}`} onSelect=${select} onHover=${setHovered} />`
          }
          ${kernel && html`<p class="compare-remark">${hovered?.filter < kernel.filters && hoverText(hovered, kernel)}\u00a0</p>`}
        </figure>`;
      })}
    </div>
    <div class="compare-tables">${
      change &&
      change.changed > 0 &&
      html`<${SmallTable} label="Filters that changed most" head=${["filter", "rotation"]}
        rows=${change.order
          .slice(0, Math.min(change.changed, MOST_CHANGED_FILTERS))
          .map((filter) => ({
            key: filter,
            isMarked: filter === selected || filter === hovered?.filter,
            head: html`<button type="button" aria-pressed=${filter === selected} onClick=${() => select(filter)}>${filter}</button>`,
            cells: [formatNumber(change.filterRotations[filter])],
          }))} />`
    }
    ${selected !== null && html`<${FilterChanges} ...${{ source, sides, filter: selected }} />`}</div>
  </section>`;
}

/**
 * @param {KernelOrNone[]} kernels
 * @param {import("./compare_types.d.ts").KernelChange | null} change
 */
function changeSentence(kernels, change) {
  if (!kernels.every(Boolean)) return "";
  if (!change) return "The kernels have other shapes, so that their filters cannot be compared.";
  const filters = countOf(change.order.length, "filter");
  const changed = `${change.changed} of ${filters} changed; those that changed most come first.`;
  return `${changed} Rotation of the kernel: ${formatNumber(change.rotation)}.`;
}

/**
 * @param {KernelOrNone[]} kernels
 * @param {number} limit
 */
function coloursSentence(kernels, limit) {
  const { channels = 0, height = 1, width = 1 } = kernels.find(Boolean) ?? {};
  const isColour = channels === 3 && height * width > 1;
  const [low, high] = [formatNumber(-limit), formatNumber(limit)];
  const ends = isColour
    ? `grey 0, dark ${low}, bright ${high}`
    : `blue ${low}, white 0, red ${high}`;
  return `Colours on both sides: ${ends}.`;
}

/**
 * The scores of one filter on both sides.
 * @param {{source: import("./types.d.ts").Source, sides: {side: Side, place: number}[], filter: number}} props
 */
function FilterChanges({ source, sides, filter }) {
  /** @type {(import("./types.d.ts").FiltersDocument | null | undefined)[]} */
  const [before, now] = sides.map(({ side, place }) =>
    useDocument(source, side.run, `filters/${place}/${side.step}`),
  );
  if (!before || !now) return null;
  const names = Object.keys(now.numbers).filter((name) => name in before.numbers);
  const kinds = [before, now].map((document) => document.descriptions[filter] || "–");
  return html`<${SmallTable} label=${`Scores of filter ${filter}`} head=${["score", ...sides.map(({ side }) => side.name)]}
    rows=${[
      { key: "", head: `filter ${filter}`, cells: kinds },
      ...names.map((name) => ({
        key: name,
        head: scoreTitle(name),
        cells: [before, now].map((document) => formatNumber(document.numbers[name][filter])),
      })),
    ]} />`;
}

/**
 * @param {{label: string, head: string[],
 *   rows: {key: string | number, head: any, cells: string[], isMarked?: boolean}[]}} props
 */
function SmallTable({ label, head, rows }) {
  return html`<div class="compare-scroll" role="region" aria-label=${label} tabindex="0">
    <table class="compare-table">
      <thead><tr>${head.map((text) => html`<th key=${text} scope="col">${text}</th>`)}</tr></thead>
      <tbody>
        ${rows.map(
          (row) => html`<tr key=${row.key} class=${row.isMarked ? "selected" : ""}>
            <th scope="row">${row.head}</th>${row.cells.map((cell, i) => html`<td key=${i}>${cell}</td>`)}
          </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
