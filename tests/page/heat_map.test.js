/** Rows and marks of the heat map, and charts of what was logged. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { alarmMarks, heatRows, worstPlace } from "../../keras_filterwatch/view/page/heat_rows.js";
import { mainLogs } from "../../keras_filterwatch/view/page/overview.js";
import { madeUpAlarm, madeUpLayer, madeUpRun, NOISE, NORM } from "./made_up_run.js";

/**
 * @param {number} blocks
 * @param {number} each  layers in a block
 */
const network = (blocks, each) =>
  madeUpRun({
    layers: Array.from({ length: blocks * each }, (_, place) =>
      madeUpLayer({ name: `layer${place}`, block: `block${Math.floor(place / each)}` }),
    ),
  });

test("up to 64 layers have a row each", () => {
  assert.equal(heatRows(network(16, 4), []).length, 64);
});

test("more layers have a row for each block", () => {
  const rows = heatRows(network(10, 7), []);
  assert.equal(rows[1].label, "block1");
  assert.deepEqual(rows[1].places, [7, 8, 9, 10, 11, 12, 13]);
  assert.equal(rows.length, 10);
});

test("an open block has a row for itself and one for each of its layers", () => {
  const rows = heatRows(network(10, 7), ["block1"]);
  assert.equal(rows.length, 17);
  assert.deepEqual(
    rows.slice(1, 3).map(({ label, places }) => [label, places.length]),
    [
      ["block1", 7],
      ["layer7", 1],
    ],
  );
});

test("many blocks are shown together, and no layer is lost", () => {
  const groups = heatRows(network(250, 2), []);
  assert.ok(groups.length <= 64);
  assert.deepEqual(
    groups.flatMap(({ places }) => places),
    Array.from({ length: 500 }, (_, place) => place),
  );
  assert.equal(groups[0].label, "block0 … block3");
});

test("blocks of one layer have its name", () => {
  const run = network(20, 3);
  run.layers.push(...["a", "b", "c", "d", "e"].map((name) => madeUpLayer({ name })));
  const labels = heatRows(run, []).map(({ label }) => label);
  assert.equal(labels.length, 25);
  assert.deepEqual(labels.slice(-2), ["d", "e"]);
});

test("the worst layer stands for its block", () => {
  const places = [0, 1, 2, 3];
  assert.equal(worstPlace(places, [[0.2], [0.9], [null], [0.3]], 0, NOISE), 1);
  const better = /** @type {const} */ ("high");
  assert.equal(worstPlace(places, [[0.2], [0.9], [null], [0.3]], 0, { ...NOISE, better }), 0);
  assert.equal(worstPlace(places, [[0.2], [3], [null], [0.3]], 0, NORM), 1);
  assert.equal(worstPlace(places, [[0.2], [0.9], ["nan"], [0.3]], 0, NOISE), 2);
});

test("alarms are marked in the row of their layer, where they began and ended", () => {
  const run = madeUpRun({
    alarms: [
      madeUpAlarm({ layer: "second", step: 1, ended: 4 }),
      madeUpAlarm({ layer: "first", step: 5, level: "note" }),
    ],
  });
  assert.deepEqual(alarmMarks(run, heatRows(run, [])), [
    { row: 1, column: 1, level: "warning", sign: "▲" },
    { row: 1, column: 2, level: "warning", sign: "❙" },
    { row: 0, column: 3, level: "note", sign: "●" },
  ]);
});

test("alarms about the whole network have a row of their own", () => {
  const run = madeUpRun({ alarms: [madeUpAlarm({ layer: "", step: 2 })] });
  const rows = heatRows(run, []);
  assert.deepEqual(
    rows.map(({ label }) => label),
    ["network", "first", "second"],
  );
  assert.deepEqual(alarmMarks(run, rows), [{ row: 0, column: 2, level: "warning", sign: "▲" }]);
});

test("losses and accuracies have charts, of the columns alone", () => {
  const run = madeUpRun({
    columns: [1, 5],
    logs: {
      accuracy: [null, 0.1, 0.5, 0.9],
      learning_rate: [1, 1, 1, 1],
      loss: [null, 4, 2, 1],
      val_loss: [null, 5, 3, "nan"],
    },
  });
  assert.deepEqual(mainLogs(run), [
    { name: "loss", values: [4, 1] },
    { name: "val_loss", values: [5, "nan"] },
    { name: "accuracy", values: [0.1, 0.9] },
  ]);
});
