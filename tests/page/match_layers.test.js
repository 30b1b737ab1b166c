import assert from "node:assert/strict";
import { test } from "node:test";
import {
  kernelChange,
  matchLayers,
  weightStepOf,
} from "../../keras_filterwatch/view/page/match_layers.js";

/** Layers of these names, with kernels of these shapes. */
function layers(shapes) {
  return Object.entries(shapes).map(([name, shape]) => ({ name, shape, drawn: true }));
}

/** A kernel document of windows that are one row high; each filter has its levels and a scale. */
function kernel(filters, scales = filters.map(() => 1)) {
  const levels = Buffer.from(Int8Array.from(filters.flat()).buffer).toString("base64");
  const [height, width, channels, depth] = [1, filters[0].length, 1, 1];
  return { filters: filters.length, height, width, channels, depth, levels, scales };
}

const close = (value, expected) =>
  assert.ok(Math.abs(value - expected) < 1e-9, `${value}, not ${expected}`);

test("layers of the same name belong together, also in another order", () => {
  const { pairs, onlyNow, onlyBefore } = matchLayers(
    layers({ a: [3, 2], b: [2, 4] }),
    layers({ b: [2, 4], c: [1, 1], a: [3, 2] }),
  );
  assert.deepEqual(
    pairs.map((pair) => [pair.name, pair.place, pair.otherName, pair.otherPlace]),
    [
      ["a", 0, "a", 2],
      ["b", 1, "b", 0],
    ],
  );
  assert.deepEqual([onlyNow, onlyBefore], [[], ["c"]]);
});

test("networks of the same shapes that count otherwise are matched by place", () => {
  const shape = [8, 2];
  const { pairs, onlyNow, onlyBefore } = matchLayers(
    layers({ dense: shape, dense_1: shape }),
    layers({ dense_1: shape, dense_2: shape }),
  );
  assert.deepEqual(
    pairs.map((pair) => [pair.name, pair.otherName]),
    [
      ["dense", "dense_1"],
      ["dense_1", "dense_2"],
    ],
  );
  assert.deepEqual([onlyNow, onlyBefore], [[], []]);
});

test("layers of other names are matched by place where the rest have the same names", () => {
  const { pairs } = matchLayers(
    layers({ stem: [3, 8], head: [8, 10] }),
    layers({ stem: [5, 8], output: [8, 10] }),
  );
  assert.deepEqual(
    pairs.map((pair) => [pair.name, pair.otherName]),
    [
      ["stem", "stem"],
      ["head", "output"],
    ],
  );
});

test("layers that only one network has are named", () => {
  const { pairs, onlyNow, onlyBefore } = matchLayers(
    layers({ stem: [3, 8], head: [8, 10] }),
    layers({ stem: [3, 8], output: [8, 5] }),
  );
  assert.deepEqual(
    pairs.map(({ name }) => name),
    ["stem"],
  );
  assert.deepEqual([onlyNow, onlyBefore], [["head"], ["output"]]);
});

test("rotation is 1 - cosine, of each filter and of the whole kernel", () => {
  // turned by 0, by 90 degrees, by 60 degrees: cosines 1, 0, .5
  const before = kernel([
    [100, 0],
    [100, 0],
    [120, 0],
  ]);
  const now = kernel([
    [100, 0],
    [0, 100],
    [60, 104],
  ]);
  const change = kernelChange(now, before);
  const third = 1 - 60 / Math.hypot(60, 104);
  close(change.filterRotations[0], 0);
  close(change.filterRotations[1], 1);
  close(change.filterRotations[2], third);
  const products = 100 * 100 + 0 + 60 * 120;
  const norms = Math.hypot(100, 100, 60, 104) * Math.hypot(100, 100, 120);
  close(change.rotation, 1 - products / norms);
  assert.deepEqual([change.order, change.changed], [[1, 2, 0], 2]);
});

test("scales are those of each filter", () => {
  const filters = [
    [127, 0],
    [127, 0],
  ];
  const turned = [
    [127, 0],
    [0, 127],
  ];
  const scales = [2, 1];
  const change = kernelChange(kernel(turned, scales), kernel(filters, scales));
  // weights (2, 0, 1, 0) and (2, 0, 0, 1), times 127
  close(change.rotation, 1 - 4 / 5);
});

test("what rounding to 255 levels explains is no change", () => {
  // off by 1 level in one of 3 weights; rounding explains sqrt(3 * (1 + 1) / 12) levels, times 1.5
  const change = kernelChange(kernel([[126, 127, 127]]), kernel([[127, 127, 127]]));
  assert.deepEqual([change.rotation, change.filterRotations, change.changed], [0, [0], 0]);
});

test("filters without weights in one of both changed most", () => {
  const before = kernel([
    [100, 0],
    [100, 0],
    [-128, 0],
  ]);
  const now = kernel([
    [-100, 0],
    [0, 0],
    [1, 100],
  ]);
  const change = kernelChange(now, before);
  assert.deepEqual(change.order.slice(0, 2).sort(), [1, 2]);
  assert.equal(change.order[2], 0);
  assert.equal(change.changed, 3);
  assert.deepEqual(change.filterRotations, [2, Number.NaN, Number.NaN]);
});

test("kernels of other shapes have no change", () => {
  assert.equal(kernelChange(kernel([[1, 2]]), { ...kernel([[1, 2]]), height: 2, width: 1 }), null);
});

test("weights are of the step, or of the last step before that has some", () => {
  const run = { weightSteps: [2, 4, 8] };
  assert.deepEqual(
    [1, 2, 7, 9].map((step) => weightStepOf({ run, step, name: "" })),
    [2, 2, 4, 8],
  );
});
