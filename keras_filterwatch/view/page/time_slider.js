// The selected step: a slider, a play button, and what was logged then.

import { formatNumber, formatStep } from "./format.js";
import { stepAt } from "./state.js";
import { html, useEffect, useState } from "./vendor/preact.js";

// the most important logs first
const LOG_RANKS = [/^loss/, /^(?!val_).*acc/, /^val_/, /^/];

/**
 * Returns whether the run is played, and `toggle`, which plays it from the selected step on, at the last
 * from the first. It shows the columns only, so that 2,000 steps take no longer than 100.
 */
export function usePlay(run, step, go) {
  const [isPlaying, setIsPlaying] = useState(false);
  const columns = run?.columns ?? [];
  const next = columns.find((column) => column > step);
  useEffect(() => {
    if (!isPlaying) return;
    const show = () => (next === undefined ? setIsPlaying(false) : go({ step: next }));
    const timer = setTimeout(show, Math.max(60, Math.min(700, 12000 / columns.length)));
    return () => clearTimeout(timer);
  }, [isPlaying, next]);
  const toggle = () => {
    if (!isPlaying && next === undefined) go({ step: columns[0] });
    setIsPlaying(!isPlaying);
  };
  return { isPlaying, toggle };
}

/** Returns names and values of what was logged at a step: loss and accuracy, then the rest. */
export function logsAt(run, step) {
  const place = run.steps.indexOf(stepAt(run.steps, step));
  const rank = (log) => LOG_RANKS.findIndex((pattern) => pattern.test(log[0]));
  return Object.entries(run.logs)
    .map(([name, values]) => [name, values[place]])
    .filter(([, value]) => (value ?? null) !== null)
    .sort((left, right) => rank(left) - rank(right));
}

export function TimeSlider({ run, state, go, play }) {
  const { steps } = run;
  const place = steps.indexOf(state.step);
  const last = steps.length - 1;
  const title = formatStep(state.step, run.unit);
  const button = (label, sign, isOff, onClick) =>
    html`<button aria-label=${label} disabled=${isOff} onClick=${onClick}>${sign}</button>`;
  return html`<div class="time">
    <span class="time-buttons">
      ${button(play.isPlaying ? "Stop" : "Play", play.isPlaying ? "■" : "▶\uFE0E", last < 1, play.toggle)}
      ${button("Step back", "‹", place <= 0, () => go({ step: steps[place - 1] }))}
      ${button("Step forward", "›", place >= last, () => go({ step: steps[place + 1] }))}
    </span>
    <input type="range" aria-label="Step" aria-valuetext=${title} max=${last} value=${place}
      onInput=${(event) => go({ step: steps[event.target.value] })} />
    <span class="time-step"><strong>${title}</strong> of ${formatNumber(steps[last])}${
      !run.hasEnded && state.follows && ", going on"
    }</span>
    <span class="time-logs">${logsAt(run, state.step)
      .slice(0, 6)
      .map(
        ([name, value]) => html`<span key=${name}>${name} <b>${formatNumber(value)}</b></span> `,
      )}</span>
  </div>`;
}
