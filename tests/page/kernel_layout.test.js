/** Where filters lie in the picture of a kernel, and what lies at a point of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  cornerOf,
  hitAt,
  kernelLayout,
  placeAfterKey,
} from "../../keras_filterwatch/view/page/kernel.js";

const colour = { height: 5, width: 5, channels: 3, depth: 1 };
const deep = { height: 3, width: 3, channels: 64, depth: 1 };
const dense = { height: 1, width: 1, channels: 784, depth: 1 };
const room = { width: 800, height: 500, label: 0 };

test("filters of one and of three channels are tiles side by side", () => {
  const layout = kernelLayout(colour, 32, 8, room);
  assert.ok(layout.isTiles && layout.isColour);
  assert.equal(layout.filterWidth, 5);
  assert.ok(layout.width * 8 <= 800);
  assert.equal(layout.height, Math.ceil(32 / layout.columns) * layout.pitchY);
});

test("other channel counts have a row for each filter and a cell for each channel", () => {
  const layout = kernelLayout(deep, 128, 4, room);
  assert.equal(layout.isTiles, false);
  // 3 weights and a gap for each but the last
  assert.deepEqual([layout.width, layout.height], [64 * 4 - 1, 128 * 4]);
});

test("a kernel without a window is a matrix of filters and inputs without gaps", () => {
  const layout = kernelLayout(dense, 10, 2, room);
  assert.deepEqual([layout.width, layout.height], [784, 10]);
});

test("three inputs without a window are a matrix, not colours", () => {
  const layout = kernelLayout({ ...dense, channels: 3 }, 8, 0, room);
  assert.deepEqual([layout.isTiles, layout.isColour], [false, false]);
});

test("slices of a window of three axes have a cell each", () => {
  const layout = kernelLayout({ height: 3, width: 6, channels: 1, depth: 2 }, 8, 10, room);
  assert.ok(layout.isTiles);
  assert.equal(layout.filterWidth, 3 + 1 + 3);
  assert.deepEqual(hitAt(layout, 5, 2), { place: 0, weight: { row: 2, column: 4, channels: [0] } });
});

test("fitted, all filters can be seen at once where that is possible", () => {
  const layout = kernelLayout(colour, 32, 0, room);
  assert.ok(layout.width * layout.zoom <= 800 && layout.height * layout.zoom <= 500);
  const larger = kernelLayout(colour, 32, layout.zoom + 4, room);
  assert.ok(larger.height * larger.zoom > 500 || layout.zoom === 24);
});

test("fitted, windows of a large kernel stay recognisable", () => {
  const { zoom } = kernelLayout(deep, 512, 0, { ...room, width: 400 });
  assert.ok(3 * zoom >= 14);
});

test("tiles are as wide as their labels", () => {
  const { pitchX } = kernelLayout(colour, 32, 2, { ...room, label: 120 });
  assert.ok(pitchX * 2 >= 120);
});

test("a point of a tile is a weight of each colour", () => {
  const layout = kernelLayout(colour, 32, 8, room);
  const { x, y } = cornerOf(layout, 20);
  const weight = { row: 2, column: 3, channels: [0, 1, 2] };
  assert.deepEqual(hitAt(layout, x + 3, y + 2), { place: 20, weight });
});

test("a point of a row is a weight of one channel", () => {
  const layout = kernelLayout(deep, 128, 4, room);
  const { x, y } = cornerOf(layout, 100);
  const weight = { row: 0, column: 2, channels: [40] };
  assert.deepEqual(hitAt(layout, x + 40 * 4 + 2, y), { place: 100, weight });
});

test("a gap belongs to its filter and is no weight", () => {
  const layout = kernelLayout(deep, 128, 4, room);
  assert.deepEqual(hitAt(layout, 3, cornerOf(layout, 7).y), { place: 7, weight: null });
  assert.deepEqual(hitAt(layout, 0, 7 * 4 + 3), { place: 7, weight: null });
});

test("beside the filters there is nothing", () => {
  const layout = kernelLayout(colour, 5, 8, { ...room, width: 100 });
  assert.equal(hitAt(layout, layout.width, 1), null);
  assert.equal(hitAt(layout, 1, layout.height), null);
  assert.equal(hitAt(layout, -1, 1), null);
  const { x, y } = cornerOf(layout, 5);
  assert.equal(hitAt(layout, x, y), null);
});

test("arrow keys go along tiles and from line to line, and stay at the ends", () => {
  const layout = kernelLayout(colour, 32, 8, { ...room, width: 480 });
  const { columns } = layout;
  assert.equal(placeAfterKey(layout, 3, "ArrowRight"), 4);
  assert.equal(placeAfterKey(layout, 3, "ArrowDown"), 3 + columns);
  assert.equal(placeAfterKey(layout, 3, "ArrowUp"), 3);
  assert.equal(placeAfterKey(layout, 31, "ArrowRight"), 31);
  assert.equal(placeAfterKey(layout, 3, "End"), 31);
  assert.equal(placeAfterKey(layout, 3, "x"), undefined);
});

test("in rows, down is the next filter", () => {
  assert.equal(placeAfterKey(kernelLayout(deep, 128, 4, room), 3, "ArrowDown"), 4);
});
