// LayerFilters: the filters of a layer in any order, colours and zoom.

import { Choice } from "./choice.js";
import { weightColour } from "./colours.js";
import { FilterDetails } from "./filter_details.js";
import { orderOfFilters, orderTitles } from "./filter_order.js";
import { countOf, formatNumber, formatStep, scoreTitle } from "./format.js";
import { decodeKernel, hoverText, kernelLimit, ZOOMS } from "./kernel.js";
import { KernelCanvas, MARK_SIGNS } from "./kernel_canvas.js";
import { useDocument } from "./source.js";
import { stepAt } from "./state.js";
import { html, useMemo, useState } from "./vendor/preact.js";

/**
 * The filters on a canvas, and the selected one beside it.
 * @param {import("./layer_types.d.ts").LayerProps} props
 */
export function LayerFilters(props) {
  const { source, run, state, go, place, layer, document } = props;
  const { weightSteps } = run;
  const title = (step) => formatStep(step, run.unit);
  const isDrawn = layer.drawn && weightSteps.length > 0;
  const step = stepAt(weightSteps, state.step);
  const ends = [weightSteps[0], weightSteps.at(-1)];
  const [kernel, ...others] = [step, ...ends].map((each) => {
    const loaded = useDocument(source, run, isDrawn ? `kernel/${place}/${each}` : "");
    return loaded && decodeKernel(loaded);
  });
  const fixed = Math.max(...others.map((each) => (each ? kernelLimit(each) : 0)));
  const isFixed = state.scale === "time" && fixed > 0;
  const count = layer.shape.at(-1);
  const filter = state.filter < count ? state.filter : null;
  const limit = isFixed ? fixed : 0;
  const steps = isFixed ? `${title(ends[0])} or ${title(ends[1])}, the larger one` : title(step);
  const picture = { ...props, kernel, limit, filter, steps };
  return html`<section aria-label="Filters">
    <h2>Filters</h2>
    <div class="layer-tools">
      ${
        kernel &&
        html`
        <${Choice} title="Order" label="Order of filters" value=${state.order} onChoice=${(order) => go({ order })}
          options=${orderTitles(run.scores, document)} />
        <${Choice} title="Colours" label="Colour scale" value=${state.scale} onChoice=${(scale) => go({ scale })}
          options=${[["time", "same for all steps"], ["step", "of each step"]]} />
        <${Choice} title="Zoom" label="Pixels of a weight" value=${state.zoom} onChoice=${(zoom) => go({ zoom: Number(zoom) })}
          options=${[[0, "fit"], ...ZOOMS.map((zoom) => [zoom, `${zoom}×`])]} />`
      }
      <label>Filter <input type="number" aria-label="Number of the filter" min="0" max=${count - 1} value=${filter ?? ""}
        placeholder=${`0–${count - 1}`} onChange=${({ target: { valueAsNumber: number } }) =>
          go({ filter: number >= 0 && number < count ? number : null })} /></label>
    </div>
    <div class=${isDrawn ? "layer-columns" : ""}>
      <div>
        ${!isDrawn && html`<p>The weights of this layer were not recorded. FilterWatch(..., layers=[${JSON.stringify(layer.name)}]) records them.</p>`}
        ${isDrawn && kernel === null && html`<p>The weights of this layer were not recorded at ${title(step)}.</p>`}
        ${kernel && step !== state.step && html`<p class="remark">There are no weights of ${title(state.step)} here. These are of ${title(step)}.</p>`}
        ${kernel?.filters < count && html`<p class="remark">The first ${kernel.filters} of ${count} filters were recorded.</p>`}
        ${kernel && html`<${FilterPicture} ...${picture} />`}
      </div>
      ${
        filter === null
          ? html`<p class="faint">Select a filter to see its scores, its film strip and its curves.</p>`
          : html`<${FilterDetails} ...${props} filter=${filter} limit=${limit} />`
      }
    </div>
  </section>`;
}

/**
 * The filters, the weight at the pointer, and what the colours and marks mean.
 * @param {import("./layer_types.d.ts").FilterPictureProps} props
 */
function FilterPicture({ run, state, go, layer, document, kernel, limit, filter, steps }) {
  const [hovered, setHovered] = useState(null);
  const order = useMemo(
    () => orderOfFilters(state.order, kernel, run.scores, document),
    [kernel, state.order, document],
  );
  const full = limit || kernelLimit(kernel);
  const { numbers = {}, descriptions = [] } = document ?? {};
  const about = (each) => {
    const names = [...new Set([state.order, "noise", "norm"])].filter((name) => numbers[name]);
    const texts = names.map((name) => `${scoreTitle(name)} ${formatNumber(numbers[name][each])}`);
    return `(${[descriptions[each], ...texts].filter(Boolean).join(", ")})`;
  };
  const reading = () => {
    if (hovered) return `${hoverText(hovered, kernel)} ${about(hovered.filter)}`;
    if (filter !== null) return `filter ${filter} ${about(filter)}`;
    return "Point at a weight to read it. Click a filter, or use arrow keys.";
  };
  const isColour = kernel.channels === 3 && kernel.height * kernel.width > 1;
  const stops = Array.from({ length: 11 }, (_, i) => weightColour(i - 5, 5));
  const colours = isColour ? ["#010101", "#808080", "#ffffff"] : stops;
  return html`<div class="scale">
      <span class="scale-colours" style=${{ background: `linear-gradient(to right, ${colours})` }}></span>
      <span class="scale-numbers"><span>${formatNumber(-full)}</span><span>0</span><span>${formatNumber(full)}</span></span>
      <span class="faint">Full colour at the 99.5 % quantile of the absolute weights of ${steps}.
        ${isColour && " Red, green and blue are the three channels; grey is zero."}
        ${kernel.channels > 1 && !isColour && " A row for each filter, a column for each input channel."}</span>
    </div>
    <p class="reading" aria-live="polite">${reading()}</p>
    <${KernelCanvas} ...${{ kernel, order, limit: full, zoom: state.zoom, selected: filter }} marks=${descriptions}
      label=${`Filters of ${layer.name}`} onHover=${setHovered} onSelect=${(each) => go({ filter: each })} />
    <p class="mark-legend">
      ${Object.entries(MARK_SIGNS).map(([mark, sign]) => {
        const count = descriptions.filter((each) => each === mark).length;
        return (
          count > 0 &&
          html`<span><i class=${`mark-${mark}`}></i>${sign} ${mark} (${countOf(count, "filter")})</span>`
        );
      })}
    </p>`;
}
