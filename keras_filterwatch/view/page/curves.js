// Curves of scores: of a layer, and of its filters.

import { Choice } from "./choice.js";
import { formatNumber, formatStep, numberOf, scoreTitle } from "./format.js";
import { useDocument } from "./source.js";
import { html, useMemo, useState } from "./vendor/preact.js";

// more lines take too long to draw, and hide each other
const MOST_LINES = 512;

/**
 * The curves of the layer's scores, the important ones first.
 * @param {import("./layer_types.d.ts").LayerProps} props
 */
export function LayerCurves(props) {
  const { source, run, state, place } = props;
  const [isOpen, setOpen] = useState(false);
  const { steps, numbers = {} } = useDocument(source, run, `layer/${place}`) ?? {};
  const scores = run.scores.filter(({ name }) => numbers[name]?.some((value) => value !== null));
  return html`<section aria-label="Curves">
    <h2>Scores over time</h2>
    <p><button aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>Filter by filter</button></p>
    ${isOpen && html`<${FilterCurves} ...${props} filter=${state.filter} />`}
    <div class="charts">
      ${scores.map(
        ({
          name,
          about,
        }) => html`<${LineChart} ...${props} key=${name} label=${scoreTitle(name)} about=${about}
          steps=${steps} values=${numbers[name]} />`,
      )}
    </div>
  </section>`;
}

/**
 * A score of all filters over time; that of the selected one is strong.
 * @param {import("./layer_types.d.ts").FilterProps} props
 */
export function FilterCurves(props) {
  const { source, run, place, filter, document } = props;
  const [wanted, setScore] = useState("");
  const names = Object.keys(document?.numbers ?? {});
  const score = names.includes(wanted) ? wanted : names[0];
  /** @type {import("./types.d.ts").CurvesDocument} */
  const curves = useDocument(source, run, score ? `curves/${place}/${score}` : "");
  const lines = useMemo(() => {
    const { values = [] } = curves ?? {};
    return (values[0] ?? []).map((_, each) => values.map((row) => row[each] ?? null));
  }, [curves]);
  const every = Math.ceil(lines.length / MOST_LINES);
  const faint = useMemo(() => lines.filter((_, i) => i % every === 0), [lines]);
  if (!score) return null;
  const title = `${scoreTitle(score)} of ${every > 1 ? `one of ${every}` : "all"} filters`;
  return html`<div class="filter-curves">
    <${Choice} title="Score" label="Score of the filters" value=${score} onChoice=${setScore}
      options=${names.map((name) => [name, scoreTitle(name)])} />
    ${curves === null && html`<p>There is no curve of this score.</p>`}
    ${curves && html`<${LineChart} ...${props} label=${title} steps=${curves.steps} values=${lines[filter]} faint=${faint} />`}
  </div>`;
}

/**
 * Returns the lowest and highest of the values that are finite; zero is included where it is near.
 * @param {import("./types.d.ts").Value[][]} lists
 */
export function rangeOf(lists) {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of lists.flat().map(numberOf).filter(Number.isFinite)) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return { low: 0, high: 1 };
  if (low > 0 && (low < high / 2 || low === high)) low = 0;
  if (low === high) high = low < 0 ? 0 : 1;
  return { low, high };
}

/**
 * Returns a line of SVG from place to place, with gaps where values are not finite; a value with none
 * beside it is a short dash.
 * @param {import("./types.d.ts").Value[]} values
 */
export function linePath(values, y) {
  const isKnown = (place) => Number.isFinite(numberOf(values[place]));
  const part = (value, place) => {
    if (!isKnown(place)) return "";
    const dash = isKnown(place - 1) || isKnown(place + 1) ? "" : "h.2";
    return `${isKnown(place - 1) ? "L" : "M"}${place} ${y(value).toFixed(1)}${dash}`;
  };
  return values.map(part).join("");
}

/**
 * A chart of a score, among `faint` lines. The value at the pointer, else at the selected step, stands
 * above it; a click selects the step.
 * @param {import("./layer_types.d.ts").LineChartProps} props
 */
export function LineChart({ label, about, steps, values = [], faint = [], run, state, go }) {
  const [hovered, setHovered] = useState(null);
  const { low, high, line, others } = useMemo(() => {
    const range = rangeOf([values, ...faint]);
    const y = (value) => (100 * (range.high - value)) / (range.high - range.low);
    const others = faint.map((each) => linePath(each, y)).join("");
    return { ...range, line: linePath(values, y), others };
  }, [values, faint]);
  const last = steps.length - 1;
  const place = Math.min(hovered ?? steps.findLastIndex((step) => step <= state.step), last);
  const at = ({ offsetX, currentTarget: { clientWidth } }) =>
    Math.max(0, Math.min(last, Math.round((offsetX / clientWidth) * last)));
  const title = (each) => steps.length > 0 && formatStep(steps[each], run.unit);
  const [from, to] = [0, last].map((each) => `${title(each)} ${formatNumber(values[each])}`);
  return html`<figure class=${faint.length ? "chart high" : "chart"} title=${about}>
    <figcaption>${label} <span>${title(place)}: <b>${formatNumber(values[place])}</b></span></figcaption>
    <div class="chart-axis"><span>${formatNumber(high)}</span><span>${formatNumber(low)}</span></div>
    <div class="chart-box" onPointerMove=${(event) => setHovered(at(event))} onPointerLeave=${() => setHovered(null)}
      onClick=${(event) => go({ step: steps[at(event)] })}>
      <svg role="img" aria-label=${`${label}: ${from}, ${to}`} viewBox=${`0 0 ${last || 1} 100`} preserveAspectRatio="none">
        <path class="chart-faint" d=${others} />
        <path class="chart-line" d=${line} />
      </svg>
      <i class="chart-step" style=${{ left: `${(100 * place) / (last || 1)}%` }}></i>
    </div>
    <div class="chart-steps"><span>${title(0)}</span><span>${title(last)}</span></div>
  </figure>`;
}
