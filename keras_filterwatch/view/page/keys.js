// The keys of the page.

export const KEYS = [
  ["← →", "one step back, forward (with Shift ten)"],
  ["↑ ↓", "layer above, below"],
  ["Space", "play, stop"],
  ["O L C", "overview, layer, compare"],
  ["?", "show or hide these keys"],
];

const ACTIONS = {
  arrowleft: { step: -1 },
  arrowright: { step: 1 },
  arrowup: { layer: -1 },
  arrowdown: { layer: 1 },
  " ": { play: true },
  o: { view: "overview" },
  l: { view: "layer" },
  c: { view: "compare" },
  "?": { help: true },
};
// elements that use all keys, the space bar, or arrows themselves
const FIELDS = "input:not([type=range]), textarea, select";
const PRESSED_BY_SPACE = "button, a, summary, [role=option], [role=gridcell]";
const MOVED_BY_ARROWS = "input, [role=listbox], [role=grid]";

/** Returns what a pressed key is to do, such as `{ step: -1 }`; null if it is not for the page. */
export function keyAction(event) {
  const isIn = (selector) => event.target.closest?.(selector);
  const action = ACTIONS[event.key.toLowerCase()];
  if (!action || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented)
    return null;
  if (isIn(FIELDS) || (action.play && isIn(PRESSED_BY_SPACE))) return null;
  if ((action.step || action.layer) && isIn(MOVED_BY_ARROWS)) return null;
  return action.step && event.shiftKey ? { step: 10 * action.step } : action;
}
