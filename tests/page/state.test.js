/** What the page shows: its address and its steps. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  changeState,
  fitState,
  hashOfState,
  INITIAL_STATE,
  itemBy,
  stateOfHash,
  stepAt,
} from "../../keras_filterwatch/view/page/state.js";
import { madeUpRun } from "./made_up_run.js";

test("an address keeps a state", () => {
  /** @type {import("../../keras_filterwatch/view/page/types.d.ts").State} */
  const state = {
    run: "a b/c&d=é",
    view: "compare",
    step: 12,
    follows: false,
    layer: "conv2d/<b>",
    filter: 0,
    score: "dead_units",
    order: "similarity",
    scale: "step",
    zoom: 4,
    otherRun: "x",
    otherStep: 0,
  };
  assert.deepEqual(stateOfHash(hashOfState(state)), state);
});

test("the address of the first state is short", () => {
  assert.equal(hashOfState(INITIAL_STATE), "#");
  assert.deepEqual(stateOfHash(""), INITIAL_STATE);
});

test("what an address cannot mean is ignored", () => {
  const hash = "#view=nowhere&step=-1&filter=x&zoom=1e9&scale=never&unknown=1";
  assert.deepEqual(stateOfHash(hash), INITIAL_STATE);
});

test("a step that was not recorded becomes the last one before it", () => {
  assert.equal(stepAt([0, 1, 2, 5], 4), 2);
  assert.equal(stepAt([3, 5], 1), 3);
  assert.equal(stepAt([], 7), 0);
});

test("moves end at the first and the last", () => {
  assert.equal(itemBy([0, 1, 2, 5], 2, 1), 5);
  assert.equal(itemBy([0, 1, 2, 5], 5, 1), 5);
  assert.equal(itemBy([0, 1, 2, 5], 2, -10), 0);
});

test("a move from what is not in the list leads to its first", () => {
  assert.equal(itemBy(["first", "second"], "", 1), "first");
});

test("who follows the run sees its newest step", () => {
  assert.equal(fitState({ ...INITIAL_STATE, step: 1, follows: true }, madeUpRun()).step, 5);
  assert.equal(fitState({ ...INITIAL_STATE, step: 1, follows: false }, madeUpRun()).step, 1);
});

test("a layer and a score that the run lacks are not shown", () => {
  const state = { ...INITIAL_STATE, layer: "third", filter: 2, score: "gradient" };
  const shown = fitState(state, madeUpRun());
  assert.deepEqual([shown.layer, shown.filter, shown.score], ["", null, "noise"]);
});

test("going to the newest step follows what comes, going back stops that", () => {
  const run = madeUpRun();
  assert.equal(changeState({ ...INITIAL_STATE, follows: false }, { step: 5 }, run).follows, true);
  assert.equal(changeState(INITIAL_STATE, { step: 2 }, run).follows, false);
});

test("another layer has no selected filter", () => {
  const state = { ...INITIAL_STATE, layer: "first", filter: 3 };
  assert.equal(changeState(state, { layer: "second" }, madeUpRun()).filter, null);
  assert.equal(changeState(state, { layer: "second", filter: 1 }, madeUpRun()).filter, 1);
  assert.equal(changeState(state, { step: 1 }, madeUpRun()).filter, 3);
});
