/** Palettes that read in grey print and with any colour vision. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  NOT_FINITE,
  scoreColour,
  scorePalette,
  scoreShare,
  weightColours,
} from "../../keras_filterwatch/view/page/colours.js";
import { NOISE, NORM } from "./made_up_run.js";

/**
 * Returns the relative luminance of a colour by the formula of WCAG 2.
 * @param {string} colour  "rgb(r,g,b)"
 */
function luminance(colour) {
  const [red, green, blue] = (colour.match(/\d+/g) ?? []).map((text) => {
    const share = Number(text) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

for (const score of [NOISE, NORM]) {
  for (const dark of [false, true]) {
    test(`${score.name} ${dark ? "on dark" : "on light"} changes in one direction of lightness`, () => {
      const steps = scorePalette(score, dark).css.map(luminance);
      const sign = dark ? 1 : -1;
      for (let i = 1; i < steps.length; i++) assert.ok(sign * (steps[i] - steps[i - 1]) >= -1e-3);
      assert.ok(Math.abs(steps[63] - steps[0]) > 0.5);
    });
  }
}

test("a value's share runs from the good end to the bad end", () => {
  assert.equal(scoreShare(NOISE, 0.25), 0.25);
  assert.equal(scoreShare({ ...NOISE, better: "high" }, 0.25), 0.75);
  assert.equal(scoreShare(NORM, 1), 0.25);
});

test("values that span orders of magnitude are coloured by their logarithm", () => {
  const wide = { ...NORM, low: 0.001, high: 10 };
  assert.ok(Math.abs(scoreShare(wide, 0.1) - 0.5) < 1e-12);
  assert.equal(scoreShare(wide, 0), 0);
  assert.equal(scoreShare(wide, 100), 1);
});

test("values outside the range have the colour of the nearest end", () => {
  assert.equal(scoreColour(NOISE, 7, false), scoreColour(NOISE, 1, false));
  assert.equal(scoreColour(NOISE, -7, false), scoreColour(NOISE, 0, false));
});

test("what is undefined has no colour, and what is not finite one of its own", () => {
  assert.equal(scoreColour(NOISE, null, false), "");
  assert.equal(scoreColour(NOISE, "nan", false), NOT_FINITE);
});

test("weights are blue below zero, white at zero, red above", () => {
  const { table, place } = weightColours(2);
  const channels = (/** @type {number} */ weight) => {
    const pixel = table[place(weight)];
    return [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  };
  assert.deepEqual(channels(0), [255, 255, 255]);
  assert.deepEqual(channels(2), [103, 0, 31]); // the ends of ColorBrewer's RdBu
  assert.deepEqual(channels(-5), [5, 48, 97]);
  assert.equal(place(Number.NaN), 255);
});
