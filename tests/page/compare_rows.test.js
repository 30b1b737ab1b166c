import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareRows,
  compareSentence,
  fewScores,
  sortedBy,
} from "../../keras_filterwatch/view/page/compare_rows.js";

const NOISE = { name: "noise", about: "", low: 0, high: 1, better: "low" };
const NORM = { name: "norm", about: "", low: 0, high: 10, better: "" };
const PAIRS = ["first", "second"].map((name, place) => ({
  ...{ name, place },
  ...{ otherName: name, otherPlace: place },
}));
const RUN = {};

function side(step, run = RUN) {
  return { run, step, name: `epoch ${step}` };
}

function rowsOf(now, before, rotations = new Map()) {
  return compareRows(PAIRS, [NOISE, NORM], [{ numbers: now }, { numbers: before }], rotations);
}

test("changes are now less before, the largest share of a score's range first", () => {
  const rows = rowsOf({ noise: [0.5, 0.25], norm: [1, 9] }, { noise: [0.75, 0.25], norm: [1, 2] });
  assert.deepEqual(
    rows.map((row) => [row.pair.name, row.changes, row.size]),
    [
      ["second", { noise: 0, norm: 7 }, 0.7],
      ["first", { noise: -0.25, norm: 0 }, 0.25],
    ],
  );
});

test("what is undefined on one side has no change and does not lead", () => {
  const rows = rowsOf({ noise: [null, 0.5], norm: [1, 1] }, { noise: [1, 0.25], norm: [1, 1] });
  assert.equal(rows[0].pair.name, "second");
  assert.ok(Number.isNaN(rows[1].changes.noise));
});

test("a rotation can be the largest change", () => {
  const numbers = { noise: [0.5, 0.5], norm: [1, 1] };
  const rows = rowsOf(numbers, numbers, new Map([[1, 0.5]]));
  assert.deepEqual([rows[0].pair.name, rows[0].rotation, rows[0].size], ["second", 0.5, 0.5]);
});

test("rotation and update of the own past are not among the few scores", () => {
  const names = ["noise", "update", "rotation", "norm"];
  assert.deepEqual(
    fewScores(names.map((name) => ({ ...NOISE, name }))).map(({ name }) => name),
    ["noise", "norm"],
  );
});

test("undefined numbers are sorted last either way", () => {
  const rows = [Number.NaN, 1, 3, 2];
  const identity = (row) => row;
  assert.deepEqual(sortedBy(rows, identity, true), [3, 2, 1, Number.NaN]);
  assert.deepEqual(sortedBy(rows, identity, false), [1, 2, 3, Number.NaN]);
});

test("the sentence says which layer changed most and how", () => {
  const rows = rowsOf(
    { noise: [0.25, 0.5], norm: [1, 1] },
    { noise: [0.75, 0.5], norm: [1, 1] },
    new Map([[0, 0.125]]),
  );
  assert.equal(
    compareSentence(rows, [NOISE, NORM], side(9), side(1)),
    "first changed most between epoch 1 and epoch 9: noise fell by 0.5, " +
      "its kernel turned by 0.125 (1 − cosine).",
  );
});

test("the sentence says when nothing changed, or when both sides are the same", () => {
  const numbers = { noise: [0.5, 0.5], norm: [1, 1] };
  const rows = rowsOf(numbers, numbers);
  assert.match(compareSentence(rows, [NOISE], side(2), side(1)), /^No layer changed/);
  assert.match(compareSentence(rows, [NOISE], side(2), side(2)), /^Both sides show the same step/);
  assert.match(compareSentence([], [], side(2), side(1)), /no layer in common/);
});

test("kernels of two runs with rotations about 1 have nothing in common", () => {
  const numbers = { noise: [0.5, 0.5], norm: [1, 1] };
  const rotations = new Map([
    [0, 0.98],
    [1, 1.03],
  ]);
  const rows = rowsOf(numbers, numbers, rotations);
  assert.match(compareSentence(rows, [NOISE], side(2), side(2, {})), /nothing in common/);
  assert.doesNotMatch(compareSentence(rows, [NOISE], side(2), side(1)), /nothing in common/);
});
