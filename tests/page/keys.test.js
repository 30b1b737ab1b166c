/** What pressed keys do. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyAction } from "../../keras_filterwatch/view/page/keys.js";

/**
 * A key pressed in an element that is, or is in, what these selectors name.
 * @param {string} key
 * @param {string[]} [within]
 * @param {object} [more]
 */
function pressed(key, within = [], more = {}) {
  const closest = (/** @type {string} */ selector) =>
    within.some((name) => selector.split(", ").includes(name)) ? {} : null;
  return keyAction(/** @type {any} */ ({ key, target: { closest }, ...more }));
}

test("arrows move step and layer, with Shift ten steps", () => {
  assert.deepEqual(pressed("ArrowLeft"), { step: -1 });
  assert.deepEqual(pressed("ArrowRight", [], { shiftKey: true }), { step: 10 });
  assert.deepEqual(pressed("ArrowDown"), { layer: 1 });
});

test("letters change the view", () => {
  assert.deepEqual(pressed("o"), { view: "overview" });
  assert.deepEqual(pressed("L"), { view: "layer" });
  assert.deepEqual(pressed("c"), { view: "compare" });
  assert.deepEqual(pressed("?"), { help: true });
});

test("keys in a field belong to the field", () => {
  for (const key of ["l", " ", "ArrowLeft", "?"]) assert.equal(pressed(key, ["select"]), null);
});

test("the slider keeps its arrows, and the space bar plays", () => {
  assert.equal(pressed("ArrowLeft", ["input"]), null);
  assert.deepEqual(pressed(" ", ["input"]), { play: true });
});

test("the space bar presses a button that has the focus", () => {
  assert.equal(pressed(" ", ["button"]), null);
  assert.deepEqual(pressed("ArrowLeft", ["button"]), { step: -1 });
});

test("a list keeps its arrows", () => {
  assert.equal(pressed("ArrowDown", ["[role=listbox]"]), null);
});

test("shortcuts of the browser stay", () => {
  assert.equal(pressed("l", [], { ctrlKey: true }), null);
  assert.equal(pressed("ArrowLeft", [], { altKey: true }), null);
});
