// KernelCanvas: a picture of a kernel, in which a filter can be selected and each weight read.

import { cornerOf, hitAt, kernelLayout, paintKernel, placeAfterKey } from "./kernel.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "./vendor/preact.js";

const LETTER = 7;
const SCROLLBAR = 18;
const ROW_LABEL = 13;
const CHANNEL_LABEL = 28;
export const MARK_SIGNS = { dead: " ✕", duplicate: " =" };

/**
 * The filters of a kernel: in colour around grey of three channels, else blue, white and red. A click
 * or an arrow key selects one.
 * @param {import("./layer_types.d.ts").KernelCanvasProps} props
 */
export function KernelCanvas(props) {
  const { kernel, order, limit, selected, onSelect, onHover } = props;
  const { captions = [], marks = [], mostHeight = 600 } = props;
  const scroller = useRef(null);
  const canvas = useRef(null);
  const labels = order.map((each) => (captions[each] ?? each) + (MARK_SIGNS[marks[each]] ?? ""));
  const label = LETTER * Math.max(0, ...labels.map((text) => text.length));
  const width = useElementWidth(scroller) - label - SCROLLBAR;
  const room = { width, height: mostHeight - 2 * SCROLLBAR, label };
  const layout = kernelLayout(kernel, order.length, props.zoom, room);
  const { zoom, isTiles } = layout;
  const size = { width: layout.width * zoom, height: layout.height * zoom };
  useLayoutEffect(() => {
    const pixels = new Uint8ClampedArray(paintKernel(kernel, order, layout, limit).buffer);
    canvas.current.getContext("2d").putImageData(new ImageData(pixels, layout.width), 0, 0);
  }, [kernel, limit, [order, ...Object.values(layout)].join()]);

  const chosen = order.indexOf(selected);
  useEffect(() => {
    if (chosen < 0) return;
    const { scrollTop, clientHeight } = scroller.current;
    const top = cornerOf(layout, chosen).y * zoom;
    const least = top + layout.pitchY * zoom + 2 * SCROLLBAR - clientHeight;
    scroller.current.scrollTop = Math.min(Math.max(scrollTop, least), top);
  }, [chosen, size.height]);

  const hitOf = ({ offsetX, offsetY }) => {
    const hit = hitAt(layout, Math.floor(offsetX / zoom), Math.floor(offsetY / zoom));
    return hit && { filter: order[hit.place], weight: hit.weight };
  };
  const click = (event) => {
    const hit = hitOf(event);
    if (hit) onSelect(hit.filter === selected ? null : hit.filter);
  };
  const press = (event) => {
    const next = event.key === "Escape" ? -1 : placeAfterKey(layout, chosen, event.key);
    if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    onSelect(order[next] ?? null);
  };
  const margin = isTiles ? "0" : `16px 0 0 ${label + 6}px`;
  const marksInOrder = order.map((each) => marks[each]);
  return html`<div class="kernel" ref=${scroller} style=${{ maxHeight: `${mostHeight}px` }}>
    <div class="kernel-content" style=${{ margin }}>
      <canvas ref=${canvas} width=${layout.width} height=${layout.height} style=${size} role="application" tabindex="0"
        aria-label=${`${props.label}: arrow keys select one, Escape none`} onPointerMove=${(event) => onHover(hitOf(event))}
        onPointerLeave=${() => onHover(null)} onClick=${click} onKeyDown=${press}></canvas>
      <svg aria-hidden="true" ...${size}>${signsOf(layout, labels, marksInOrder, chosen)}</svg>
    </div>
  </div>`;
}

/** Returns what stands on filters: their labels and marks, and a frame around that at `chosen`. */
function signsOf(layout, labels, marks, chosen) {
  const { zoom, isTiles } = layout;
  const { filterWidth, filterHeight, pitchY, cellWidth, gap, depth } = layout;
  const [width, height] = [filterWidth * zoom, filterHeight * zoom];
  const every = isTiles ? 1 : Math.ceil(ROW_LABEL / (pitchY * zoom));
  const filters = labels.map((label, place) => {
    const corner = cornerOf(layout, place);
    const [x, y] = [corner.x * zoom, corner.y * zoom];
    const frame = (name) =>
      html`<rect class=${name} x=${x - 2} y=${y - 2} width=${width + 4} height=${height + 4} />`;
    return html`${marks[place] in MARK_SIGNS && frame(`mark-${marks[place]}`)}
      ${place === chosen && frame("kernel-selected")}
      ${
        place % every === 0 &&
        html`<text class=${isTiles ? "" : "row"} x=${isTiles ? x : -6}
        y=${y + (isTiles ? height + 13 : height / 2 + 4)}>${label}</text>`
      }`;
  });
  const channel = (cellWidth + gap) * depth * zoom;
  const step = Math.ceil(CHANNEL_LABEL / channel);
  for (let i = 0; !isTiles && i * channel < width; i += step)
    filters.push(html`<text x=${i * channel} y="-4">${i}</text>`);
  return filters;
}

/** Returns the width of an element, now and as it changes; 0 before it is there. */
function useElementWidth(ref) {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setWidth(ref.current.clientWidth));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return width;
}
