/** The order of the table of layers. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { layerRows } from "../../keras_filterwatch/view/page/layer_table.js";
import { madeUpAlarm, madeUpLayer, madeUpRun, NOISE } from "./made_up_run.js";

const run = madeUpRun({
  layers: ["conv10", "conv2", "conv1", "head"].map((name) => madeUpLayer({ name })),
  alarms: [
    madeUpAlarm({ layer: "conv1", level: "warning", step: 1 }),
    madeUpAlarm({ layer: "head", level: "error", step: 1 }),
    madeUpAlarm({ layer: "conv10", level: "error", step: 1, ended: 2 }),
    madeUpAlarm({ layer: "conv2", level: "note", step: 1 }),
  ],
});
const table = {
  step: 2,
  verdicts: ["structured", "untrained", "structured", "undetermined"],
  sentences: ["", "", "", ""],
  numbers: { noise: [0.2, 0.9, 0.1, null], norm: [3, "nan", 1, 2] },
};

/**
 * @param {string} by
 * @param {boolean} [isDescending]
 */
const order = (by, isDescending = false) =>
  layerRows(run, table, { by, isDescending }, NOISE).map(({ layer }) => layer.name);

test("layers with alarms that hold are first, errors before warnings, then the worst scores", () => {
  assert.deepEqual(order("alarms"), ["head", "conv1", "conv2", "conv10"]);
});

test("a score is sorted either way, and what is undefined is last", () => {
  assert.deepEqual(order("noise"), ["conv1", "conv10", "conv2", "head"]);
  assert.deepEqual(order("noise", true), ["conv2", "conv10", "conv1", "head"]);
  assert.deepEqual(order("norm", true), ["conv10", "head", "conv1", "conv2"]);
});

test("the verdict untrained is first", () => {
  assert.equal(order("verdict")[0], "conv2");
});

test("the network's order is kept and turned round", () => {
  assert.deepEqual(order("layer"), ["conv10", "conv2", "conv1", "head"]);
  assert.deepEqual(order("layer", true), ["head", "conv1", "conv2", "conv10"]);
});
