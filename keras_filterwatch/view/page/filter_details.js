// FilterDetails: what is known about one filter, and how it became so.

import { FilterCurves } from "./curves.js";
import { placeOrder } from "./filter_order.js";
import { formatNumber, formatStep, scoreTitle } from "./format.js";
import { decodeKernel, hoverText, kernelLimit } from "./kernel.js";
import { KernelCanvas } from "./kernel_canvas.js";
import { useLoaded } from "./source.js";
import { html, useState } from "./vendor/preact.js";

/**
 * One filter: its label, scores with what they mean, film strip and curve.
 * @param {import("./layer_types.d.ts").FilterProps} props
 */
export function FilterDetails(props) {
  const { run, state, go, document, filter, layer } = props;
  const scores = run.scores.filter(
    ({ name }) => typeof document?.numbers[name]?.[filter] === "number",
  );
  const button = (label, sign, next) => html`
    <button aria-label=${label} disabled=${next < 0 || next >= layer.shape.at(-1)}
      onClick=${() => go({ filter: next })}>${sign}</button>`;
  return html`<section class="filter-details" aria-label="Selected filter">
    <h3>Filter ${filter} <span class="filter-label">${document?.descriptions[filter]}</span>
      <span class="filter-buttons">
        ${button("Filter before", "‹", filter - 1)} ${button("Next filter", "›", filter + 1)} ${button("Select no filter", "×", null)}
      </span>
    </h3>
    ${document === null && html`<p>The scores of the filters were not recorded at ${formatStep(state.step, run.unit)}.</p>`}
    <div class="filter-scores" role="region" aria-label="Scores of the filter" tabindex="0"><table>
      ${scores.map(
        ({ name, about }) => html`<tr key=${name}>
          <th scope="row">${scoreTitle(name)}</th>
          <td>${formatNumber(document.numbers[name][filter])}</td>
          <td class="faint">${about}</td>
        </tr>`,
      )}
    </table></div>
    <p class="faint">A share of the filters is 1 (yes) or 0 (no) for one of them.</p>
    ${layer.drawn && html`<${FilmStrip} ...${props} />`}
    <${FilterCurves} ...${props} />
  </section>`;
}

/**
 * The life of a filter: its weights at up to 16 steps, one of which can be selected.
 * @param {import("./layer_types.d.ts").FilterProps} props
 */
function FilmStrip({ source, run, state, go, place, filter, layer, limit }) {
  const key = `strip/${place}/${filter}`;
  const loaded = useLoaded(source, run, key);
  const [hovered, setHovered] = useState(null);
  if (loaded?.key !== key) return null;
  if (!loaded.document) return html`<p>The weights of this filter were not recorded.</p>`;
  const { steps } = loaded.document;
  const kernel = decodeKernel(loaded.document);
  const scale = limit || kernelLimit(kernel);
  const titles = steps.map((step) => formatStep(step, run.unit));
  return html`<h4>Film strip <span class="faint">by ${run.unit}; full colour at ${formatNumber(scale)}</span></h4>
    <${KernelCanvas} ...${{ kernel, limit: scale, zoom: 0, mostHeight: 320, onHover: setHovered }}
      order=${placeOrder(steps.length)} captions=${titles.map((title) => title.split(" ").at(-1))}
      label=${`Film strip of filter ${filter} of ${layer.name}`} selected=${steps.findLastIndex((step) => step <= state.step)}
      onSelect=${(frame) => frame !== null && go({ step: steps[frame] })} />
    <p class="reading">${hovered && hoverText(hovered, kernel, titles[hovered.filter])}</p>`;
}
