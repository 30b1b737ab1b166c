/** Lines of scores over steps. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { linePath, rangeOf } from "../../keras_filterwatch/view/page/curves.js";

const identity = (/** @type {number} */ x) => x;

test("a line has a gap where a value is not finite, and a dash for a value alone", () => {
  assert.equal(
    linePath([1, 2, null, 3, "nan", 4, 5], identity),
    "M0 1.0L1 2.0M3 3.0h.2M5 4.0L6 5.0",
  );
});

test("the range is that of the finite values", () => {
  assert.deepEqual(
    rangeOf([
      [5, null, 6],
      [5.5, "inf"],
    ]),
    { low: 5, high: 6 },
  );
});

test("the range begins at zero where that is near", () => {
  assert.deepEqual(rangeOf([[1, 6]]), { low: 0, high: 6 });
});

test("a range is never empty", () => {
  assert.deepEqual(rangeOf([]), { low: 0, high: 1 });
  assert.deepEqual(rangeOf([[0, 0]]), { low: 0, high: 1 });
  assert.deepEqual(rangeOf([[-2, -2]]), { low: -2, high: 0 });
});
