/** The order of alarms, and when they held. */

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  alarmPhase,
  alarmSpan,
  alarmsAt,
  scoreOfWorstAlarm,
} from "../../keras_filterwatch/view/page/findings.js";
import { madeUpAlarm } from "./made_up_run.js";

test("an alarm holds from its first step until the one at which it ended", () => {
  const alarm = madeUpAlarm({ step: 3, ended: 7 });
  assert.deepEqual(
    [2, 3, 6, 7].map((step) => alarmPhase(alarm, step)),
    ["later", "now", "now", "ended"],
  );
  assert.equal(alarmPhase(madeUpAlarm({ step: 3, ended: null }), 1000), "now");
});

test("alarms that hold come first, and of them errors", () => {
  const alarms = [
    madeUpAlarm({ rule: "later", step: 9, level: "error" }),
    madeUpAlarm({ rule: "ended", step: 1, ended: 2, level: "error" }),
    madeUpAlarm({ rule: "note", step: 1, level: "note" }),
    madeUpAlarm({ rule: "second", step: 2, level: "warning" }),
    madeUpAlarm({ rule: "first", step: 1, level: "warning" }),
    madeUpAlarm({ rule: "error", step: 3, level: "error" }),
  ];
  assert.deepEqual(
    alarmsAt(alarms, 5).map(({ alarm }) => alarm.rule),
    ["error", "first", "second", "note", "ended", "later"],
  );
});

test("the span of an alarm says when it was raised and ended", () => {
  assert.equal(alarmSpan(madeUpAlarm({ step: 3 }), "epoch"), "raised at epoch 3");
  assert.equal(
    alarmSpan(madeUpAlarm({ step: 0, ended: 2 }), "epoch"),
    "raised at start, ended at 2",
  );
});

test("the heat map begins with the score that shows the worst alarm at the newest step", () => {
  const scores = ["noise", "dead_units", "norm"].map((name) => ({ name }));
  const run = { steps: [0, 5], scores, alarms: [] };
  assert.equal(scoreOfWorstAlarm(run), "noise");
  const dead = madeUpAlarm({ rule: "dead", layer: "conv", level: "warning", step: 3 });
  assert.equal(scoreOfWorstAlarm({ ...run, alarms: [dead] }), "dead_units");
  assert.equal(scoreOfWorstAlarm({ ...run, alarms: [{ ...dead, level: "note" }] }), "noise");
  assert.equal(scoreOfWorstAlarm({ ...run, alarms: [{ ...dead, ended: 4 }] }), "noise");
});
