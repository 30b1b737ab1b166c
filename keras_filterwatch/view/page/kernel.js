// A kernel: its weights, where they lie in a picture of it, and their colours.

import { weightColours } from "./colours.js";
import { formatNumber } from "./format.js";

/** The level of a weight that is not finite. */
export const LOST_LEVEL = -128;
/** Sizes of a weight in pixels. */
export const ZOOMS = [1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32, 48, 64];
const LARGEST_FIT = 24;
// a smaller window shows no shape, a smaller weight without one cannot be pointed at
const SMALLEST_WINDOW = 14;
const SMALLEST_WEIGHT = 4;
const LINE = 18;
// browsers draw no wider pictures
const MOST_CELLS = 16000;

const decodedKernels = new WeakMap();

/**
 * Returns a kernel with its levels as numbers; of one that has them already, the same.
 * @param {import("./layer_types.d.ts").AnyKernel} kernel
 * @returns {import("./layer_types.d.ts").Decoded}
 */
export function decodeKernel(kernel) {
  const known = typeof kernel.levels === "string" ? decodedKernels.get(kernel) : kernel;
  if (known) return known;
  const text = atob(String(kernel.levels));
  const levels = new Int8Array(text.length);
  for (let i = 0; i < text.length; i++) levels[i] = text.charCodeAt(i);
  const decoded = { ...kernel, levels, filters: kernel.scales.length };
  decodedKernels.set(kernel, decoded);
  return decoded;
}

/**
 * Returns a weight; NaN if it is not finite.
 * @param {import("./layer_types.d.ts").Decoded} kernel
 */
export function weightAt(
  { height, width, channels, levels, scales },
  filter,
  row,
  column,
  channel,
) {
  const level = levels[((filter * height + row) * width + column) * channels + channel];
  return level === LOST_LEVEL ? Number.NaN : level * scales[filter];
}

/**
 * Returns the absolute weight that gets full colour: the 99.5 % quantile, or 1 if that is 0. With the
 * largest weight instead, one outlier would make all others pale. Pictures have the same limit.
 * @param {import("./layer_types.d.ts").Decoded} kernel
 */
export function kernelLimit(kernel) {
  if (kernel.limit) return kernel.limit;
  const { levels, scales } = kernel;
  const size = levels.length / scales.length;
  const sizeAt = (level, i) => Math.abs(level * scales[Math.floor(i / size)]);
  const sizes = Float64Array.from(levels, sizeAt).filter((_, i) => levels[i] !== LOST_LEVEL);
  const place = 0.995 * (sizes.length - 1);
  const [below, above = below] = sizes.sort().subarray(Math.max(0, Math.floor(place)));
  kernel.limit = below + (place % 1) * (above - below) || 1;
  return kernel.limit;
}

/**
 * Returns what the pointer is at in words: "filter 3, row 0, column 2, channel 5: 0.1234".
 * @param {import("./layer_types.d.ts").Hover} hover
 */
export function hoverText({ filter, weight }, kernel, name = `filter ${filter}`) {
  if (!weight) return name;
  const { row, column, channels } = weight;
  const { height, width, depth } = kernel;
  const isInput = height * width === 1;
  const isColour = channels.length > 1;
  const words = [
    name,
    depth > 1 && `slice ${Math.floor((column * depth) / width)}`,
    height > 1 && `row ${row}`,
    !isInput && `column ${column % (width / depth)}`,
    kernel.channels > 1 && !isColour && `${isInput ? "input" : "channel"} ${channels}`,
  ];
  const values = channels.map((channel) => {
    const value = weightAt(kernel, filter, row, column, channel);
    const text = Number.isNaN(value) ? "not finite" : formatNumber(value);
    return isColour ? `${["red", "green", "blue"][channel]} ${text}` : text;
  });
  return `${words.filter(Boolean).join(", ")}: ${values.join(", ")}`;
}

/**
 * Returns the places of `count` filters, in weights. With one channel, or three in colour, they are
 * tiles side by side; else each has a row, with a cell for each channel. Each slice of a window of three
 * axes has a cell. With zoom 0 all is seen at once, if it can be recognised then.
 * @param {import("./layer_types.d.ts").Room} room
 */
export function kernelLayout(kernel, count, zoom, room) {
  if (zoom) return layoutAt(kernel, count, zoom, room);
  const side = Math.max(kernel.height, kernel.width / kernel.depth);
  const least = side > 1 ? SMALLEST_WINDOW / side : SMALLEST_WEIGHT;
  const layouts = ZOOMS.filter((each) => each >= least && each <= LARGEST_FIT).map((each) =>
    layoutAt(kernel, count, each, room),
  );
  const fits = ({ width, height, zoom }) =>
    width * zoom <= room.width && height * zoom <= room.height;
  return layouts.findLast(fits) ?? layouts[0];
}

/** @returns {import("./layer_types.d.ts").KernelLayout} */
function layoutAt({ height, width, channels, depth }, count, zoom, room) {
  const gap = Number(height * width > 1);
  const isColour = gap > 0 && channels === 3;
  const isTiles = isColour || (gap > 0 && channels === 1);
  const cells = Math.min(MOST_CELLS, isColour ? depth : channels * depth);
  const cellWidth = width / depth;
  const filterWidth = cells * (cellWidth + gap) - gap;
  const tileWidth = Math.ceil((Math.max(filterWidth * zoom, room.label) + 8) / zoom);
  const pitchX = isTiles ? tileWidth : filterWidth;
  const pitchY = height + (isTiles ? Math.ceil(LINE / zoom) : gap);
  const columns = isTiles
    ? Math.max(1, Math.min(count, Math.floor(room.width / zoom / pitchX)))
    : 1;
  return {
    ...{ zoom, count, isTiles, isColour, depth, cells, cellWidth, gap, filterWidth },
    ...{ filterHeight: height, columns, pitchX, pitchY, width: columns * pitchX },
    height: Math.ceil(count / columns) * pitchY,
  };
}

/** Returns the left upper corner of the filter at a place of the order. */
export function cornerOf({ columns, pitchX, pitchY }, place) {
  return { x: (place % columns) * pitchX, y: Math.floor(place / columns) * pitchY };
}

/** Returns the column and channels at `x` of a filter, three in colour; null between cells. */
function columnAt({ isColour, depth, cells, cellWidth, gap }, x) {
  const cell = Math.floor(x / (cellWidth + gap));
  const column = x % (cellWidth + gap);
  if (cell >= cells || column >= cellWidth) return null;
  const channels = isColour ? [0, 1, 2] : [Math.floor(cell / depth)];
  return { column: (cell % depth) * cellWidth + column, channels };
}

/** Returns the place of the filter at a point, and its weight there; null beside the filters. */
export function hitAt(layout, x, y) {
  const { columns, pitchX, pitchY, count, filterHeight } = layout;
  const across = Math.floor(x / pitchX);
  const place = Math.floor(y / pitchY) * columns + across;
  if (x < 0 || y < 0 || across >= columns || place >= count) return null;
  const row = y % pitchY;
  const at = row < filterHeight && columnAt(layout, x % pitchX);
  return { place, weight: at ? { row, ...at } : null };
}

/** Returns the place that an arrow key leads to, or the same at the ends; undefined for other keys. */
export function placeAfterKey({ columns, count }, place, key) {
  const sides = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  if (!(key in sides)) return { Home: 0, End: count - 1 }[key];
  const next = place + sides[key];
  return next >= 0 && next < count ? next : place;
}

/** Returns the pixels of the filters in an order, one for each weight, and none between them. */
export function paintKernel(kernel, order, layout, limit) {
  const { table, place: shade } = weightColours(limit);
  const grey = (weight) => Math.round(Math.max(-1, Math.min(1, weight / limit)) * 127 + 128);
  const pixel = (weights) => {
    const [red, green, blue] = weights;
    if (!layout.isColour) return table[shade(red)];
    const isLost = Number.isNaN(red + green + blue);
    return isLost ? table[255] : (255 << 24) | (grey(blue) << 16) | (grey(green) << 8) | grey(red);
  };
  const pixels = new Uint32Array(layout.width * layout.height);
  order.forEach((filter, place) => {
    const { x, y } = cornerOf(layout, place);
    for (let across = 0; across < layout.filterWidth; across++) {
      const at = columnAt(layout, across);
      for (let row = 0; at && row < kernel.height; row++) {
        const weights = at.channels.map((each) => weightAt(kernel, filter, row, at.column, each));
        pixels[(y + row) * layout.width + x + across] = pixel(weights);
      }
    }
  });
  return pixels;
}
