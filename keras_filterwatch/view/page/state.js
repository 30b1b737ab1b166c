// What the page shows, as it stands in the address.

import { scoreOfWorstAlarm } from "./findings.js";

/** @type {import("./types.d.ts").State} */
export const INITIAL_STATE = {
  run: "",
  view: "overview",
  step: 0,
  follows: true,
  layer: "",
  filter: null,
  score: "",
  order: "place",
  scale: "time",
  zoom: 0,
  otherRun: "",
  otherStep: null,
};

const WHOLE_NUMBER = /^\d{1,15}$/;
// what may not be any text or whole number
const FORMS = { view: /^(overview|layer|compare)$/, scale: /^(time|step)$/, zoom: /^\d\d?$/ };

/** Returns the part of an address that keeps a state, "#view=layer": what differs from the first state. */
export function hashOfState({ follows, ...state }) {
  const differs = ([name, value]) => (name === "step" ? !follows : value !== INITIAL_STATE[name]);
  return `#${new URLSearchParams(Object.entries(state).filter(differs))}`;
}

/** Returns the state that an address keeps; of what it lacks or what cannot be, the first state. */
export function stateOfHash(hash) {
  const query = new URLSearchParams(hash.slice(1));
  const state = { ...INITIAL_STATE };
  for (const [name, first] of Object.entries(INITIAL_STATE)) {
    const isText = typeof first === "string";
    const form = FORMS[name] ?? (isText ? /./ : WHOLE_NUMBER);
    const text = query.get(name) ?? "";
    if (form.test(text)) state[name] = isText ? text : Number(text);
  }
  state.follows = !WHOLE_NUMBER.test(query.get("step"));
  return state;
}

/** Returns the step of ascending `steps` that is `step` or the last before it, else the first. */
export function stepAt(steps, step) {
  return steps.findLast((each) => each <= step) ?? steps[0] ?? 0;
}

/** Returns what stands `by` places after `item` in a list; the first or the last at its ends. */
export function itemBy(list, item, by) {
  return list[Math.max(0, Math.min(list.length - 1, list.indexOf(item) + by))];
}

/** Returns a state that can be shown of a run: with a step, layer and score that it has. */
export function fitState(state, run) {
  const hasLayer = run.layers.some(({ name }) => name === state.layer);
  const hasScore = run.scores.some(({ name }) => name === state.score);
  return {
    ...state,
    run: state.run || run.name,
    step: stepAt(run.steps, state.follows ? Number.POSITIVE_INFINITY : state.step),
    layer: hasLayer ? state.layer : "",
    filter: hasLayer ? state.filter : null,
    score: hasScore ? state.score : scoreOfWorstAlarm(run),
  };
}

/** Returns the state after changes: at its newest step, a run is followed; another layer has no filter. */
export function changeState(state, changes, run) {
  const { step, layer = state.layer } = changes;
  const follows = step === undefined ? state.follows : step >= run.steps.at(-1);
  return { ...state, follows, filter: layer === state.layer ? state.filter : null, ...changes };
}
