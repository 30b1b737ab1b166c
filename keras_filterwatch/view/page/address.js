// Where the state is kept: in the address of the page, and of TensorBoard around it.

import { hashOfState, stateOfHash } from "./state.js";
import { useEffect, useState } from "./vendor/preact.js";

// TensorBoard leaves a part of its address of this form to the plugin
const PART = "p.filterwatch.state";

/** Returns the window of TensorBoard around the page; null if there is none that can be read. */
export function tensorBoardWindow() {
  try {
    return window.parent.document.querySelector("tb-webapp") && window.parent;
  } catch {
    return null;
  }
}

/**
 * Returns the state that the address keeps, and what changes it. Back leads to the view before.
 * @returns {[import("./types.d.ts").State, Function]}
 */
export function useAddress() {
  const [state, setState] = useState(readAddress);
  useEffect(() => {
    const read = () => setState(stateOfHash(location.hash));
    addEventListener("popstate", read);
    return () => removeEventListener("popstate", read);
  }, []);
  useEffect(() => {
    const isNewView = state.view !== stateOfHash(location.hash).view;
    // browsers allow few changes a second: those of a playing slider are written together
    const timer = setTimeout(writeAddress, isNewView ? 0 : 300, hashOfState(state), isNewView);
    return () => clearTimeout(timer);
  }, [state]);
  return [state, setState];
}

function readAddress() {
  const around = new URLSearchParams(tensorBoardWindow()?.location.hash).get(PART);
  if (location.hash === "" && around) setHash(window, `#${around}`);
  return stateOfHash(location.hash);
}

function writeAddress(hash, isNewView) {
  if (hash !== location.hash) setHash(window, hash, isNewView);
  const around = tensorBoardWindow();
  if (!around) return;
  const parts = around.location.hash.split("&").filter((text) => !text.startsWith(PART));
  setHash(around, [...parts, `${PART}=${encodeURIComponent(hash.slice(1))}`].join("&"));
}

/** Changes the address of a window. One that cannot be changed, as in a notebook, stays. */
function setHash({ history, location }, hash, isNew = false) {
  try {
    const address = location.pathname + location.search + hash;
    history[isNew ? "pushState" : "replaceState"](history.state, "", address);
  } catch {}
}
