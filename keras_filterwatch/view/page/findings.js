// What is wrong: the diagnosis at a step, and the alarms and notes of the whole run.

import { capitalised, formatStep } from "./format.js";
import { html } from "./vendor/preact.js";

const PHASES = ["now", "ended", "later"];
const LEVELS = ["error", "warning", "note"];

/**
 * Returns when an alarm is, seen from a step: "now", "ended" or "later".
 * @param {import("./types.d.ts").Alarm} alarm
 */
export function alarmPhase(alarm, step) {
  if (alarm.step > step) return "later";
  return alarm.ended === null || alarm.ended > step ? "now" : "ended";
}

/**
 * Returns alarms with their phase at a step: those that hold, then ended and later ones; of each the
 * errors, warnings, then notes, as they began.
 * @param {import("./types.d.ts").Alarm[]} alarms
 */
export function alarmsAt(alarms, step) {
  const rank = ({ alarm, phase }) => 3 * PHASES.indexOf(phase) + LEVELS.indexOf(alarm.level);
  return alarms
    .map((alarm) => ({ alarm, phase: alarmPhase(alarm, step) }))
    .sort((left, right) => rank(left) - rank(right) || left.alarm.step - right.alarm.step);
}

/**
 * Returns the alarms and notes that hold at a step, the worst first.
 * @param {import("./types.d.ts").Alarm[]} alarms
 */
export function alarmsNow(alarms, step) {
  const list = alarmsAt(alarms, step).filter(({ phase }) => phase === "now");
  return list.map(({ alarm }) => alarm);
}

/**
 * Returns when an alarm was raised and ended: "raised at epoch 3". The fault itself may be older.
 */
export function alarmSpan({ step, ended }, unit) {
  const begin = formatStep(step, unit);
  return `raised at ${begin}${ended === null ? "" : `, ended at ${ended.toLocaleString("en")}`}`;
}

// the scores in which the fault that a rule names can be seen
const SCORES_OF_RULES = {
  dead: ["dead_units", "dead"],
  saturated: ["saturated_units", "rail"],
  vanishing: ["gradient"],
  stalled: ["rotation"],
  exploding: ["norm"],
  shrinking: ["norm"],
};

/**
 * Returns the score that shows the worst alarm about a layer at the newest step; without one, the most
 * important score.
 * @param {import("./types.d.ts").RunDocument} run
 */
export function scoreOfWorstAlarm(run) {
  const names = run.scores.map(({ name }) => name);
  const alarms = alarmsNow(run.alarms, run.steps.at(-1));
  const worst = alarms.find(({ layer, level }) => layer && level !== "note");
  return SCORES_OF_RULES[worst?.rule]?.find((name) => names.includes(name)) ?? names[0] ?? "";
}

const NO_DIAGNOSIS = {
  cause: "No diagnosis yet",
  advice: "",
  evidence: ["It begins with the first steps of the training."],
};

/** @param {import("./types.d.ts").ViewProps} props */
export function Findings({ run, state, go }) {
  const diagnosis = run.diagnoses.findLast(({ step }) => step <= state.step);
  const { cause, advice, evidence } = diagnosis ?? NO_DIAGNOSIS;
  const alarms = alarmsAt(run.alarms, state.step);
  return html`<section class="findings" aria-label="Diagnosis">
    <div class="diagnosis">
      <p class="faint">Diagnosis at ${formatStep(state.step, run.unit)}</p>
      <h2>${capitalised(cause)}</h2>
      ${advice && html`<p class="advice"><b>What to do:</b> ${advice}</p>`}
      ${evidence.length > 0 && html`<p>${diagnosis && html`<b>Why:</b> `}${evidence.join(" ")}</p>`}
    </div>
    <div class="alarms">
      <h2 class="small">Alarms and notes <span class="faint">${alarms.length || "none so far"}</span></h2>
      <ul>${alarms.map(({ alarm: { rule, layer, step, level, message, ended }, phase }) => {
        const span = (phase === "later" ? "later: " : "") + alarmSpan({ step, ended }, run.unit);
        return html`<li key=${[rule, layer, step].join()} class=${phase}>
          <button class="alarm ${level}" onClick=${() => go(layer ? { step, layer, view: "layer" } : { step })}>
            <span class="alarm-level"><span aria-hidden="true">${level === "note" ? "●" : "▲"}</span> ${capitalised(level)}</span>
            <span class="alarm-text">${message} <span class="faint">${span}</span></span>
          </button></li>`;
      })}</ul>
    </div>
  </section>`;
}
