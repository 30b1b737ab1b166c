/** What the slider says about a step. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { logsAt } from "../../keras_filterwatch/view/page/time_slider.js";
import { madeUpRun } from "./made_up_run.js";

const run = madeUpRun({
  logs: {
    learning_rate: [0.1, 0.1, 0.1, 0.1],
    val_accuracy: [null, 0.2, 0.3, 0.4],
    accuracy: [null, 0.3, 0.4, 0.5],
    loss: [null, 3, 2, "nan"],
  },
});

test("loss and accuracy are first", () => {
  assert.deepEqual(logsAt(run, 2), [
    ["loss", 2],
    ["accuracy", 0.4],
    ["val_accuracy", 0.3],
    ["learning_rate", 0.1],
  ]);
});

test("what was not logged at a step is left out", () => {
  assert.deepEqual(logsAt(run, 0), [["learning_rate", 0.1]]);
});

test("a loss that is not a number is told", () => {
  assert.deepEqual(logsAt(run, 5)[0], ["loss", "nan"]);
});
