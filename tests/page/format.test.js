/** Numbers, steps and names as people read them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  countOf,
  formatNumber,
  formatShape,
  formatStep,
  numberOf,
  shorten,
} from "../../keras_filterwatch/view/page/format.js";

test("a number has four significant digits", () => {
  assert.equal(formatNumber(0.123456), "0.1235");
  assert.equal(formatNumber(2), "2");
  assert.equal(formatNumber(12345.6), "12,346");
  assert.equal(formatNumber(-0.5), "\u22120.5");
});

test("very small and very large numbers have an exponent", () => {
  assert.equal(formatNumber(0.0000123456), "1.235e\u22125");
  assert.equal(formatNumber(2.5e9), "2.5e9");
  assert.equal(formatNumber(0), "0");
});

test("what is undefined is a dash, and what is not finite says so", () => {
  assert.equal(formatNumber(null), "–");
  assert.equal(formatNumber(undefined), "–");
  assert.equal(formatNumber("nan"), "NaN");
  assert.equal(formatNumber("-inf"), "\u2212∞");
});

test("words for numbers that are not finite become those numbers", () => {
  assert.equal(numberOf("inf"), Number.POSITIVE_INFINITY);
  assert.equal(numberOf("-inf"), Number.NEGATIVE_INFINITY);
  assert.ok(Number.isNaN(numberOf("nan")));
  assert.ok(Number.isNaN(numberOf(null)));
});

test("step 0 is the start", () => {
  assert.equal(formatStep(0, "epoch"), "start");
  assert.equal(formatStep(1200, "step"), "step 1,200");
});

test("a kernel's shape leads to its filters", () => {
  assert.equal(formatShape([3, 3, 16, 32]), "3 × 3 × 16 → 32");
  assert.equal(formatShape([784, 10]), "784 → 10");
});

test("a long name keeps both ends", () => {
  const short = shorten("backbone_stage1_block2_conv", 12);
  assert.equal([...short].length, 12);
  assert.ok(short.startsWith("bac") && short.endsWith("k2_conv"));
  assert.equal(shorten("conv2d", 12), "conv2d");
});

test("one thing has no plural", () => {
  assert.equal(countOf(1, "layer"), "1 layer");
  assert.equal(countOf(1500, "layer"), "1,500 layers");
});
