// The page: its head, the view that is selected, and what keys do.

import { tensorBoardWindow, useAddress } from "./address.js";
import { CompareView } from "./compare.js";
import { alarmsAt } from "./findings.js";
import { capitalised } from "./format.js";
import { KEYS, keyAction } from "./keys.js";
import { LayerView } from "./layer.js";
import { Overview } from "./overview.js";
import { useRuns } from "./source.js";
import { changeState, fitState, hashOfState, itemBy } from "./state.js";
import { followTheme } from "./theme.js";
import { TimeSlider, usePlay } from "./time_slider.js";
import { html, render, useErrorBoundary, useLayoutEffect, useState } from "./vendor/preact.js";

const VIEWS = { overview: Overview, layer: LayerView, compare: CompareView };

/** Shows the page in `root`. A report's static part stays there if its documents cannot be read. */
export async function start(source, root) {
  if (!source.isLive) await source.get((await source.runs())[0].name, "run", "");
  root.replaceChildren();
  followTheme(() => render(html`<${App} source=${source} />`, root));
}

export function App({ source }) {
  const [wanted, setWanted] = useAddress();
  const { runs, run, failure } = useRuns(source, wanted.run);
  const [showsKeys, setShowsKeys] = useState(false);
  const state = run ? fitState(wanted, run) : wanted;
  const go = (changes) =>
    setWanted((last) => {
      const after = changeState(fitState(last, run), changes, run);
      if (after.view === "layer") after.layer ||= worstLayer(run, after.step);
      return after;
    });
  const play = usePlay(run, state.step, go);

  useLayoutEffect(() => {
    const press = (event) => {
      const action = run && keyAction(event);
      if (!action) return;
      const names = run.layers.map(({ name }) => name);
      event.preventDefault();
      if (action.help) setShowsKeys(!showsKeys);
      if (action.play) play.toggle();
      if (action.view) go(action);
      if (action.step) go({ step: itemBy(run.steps, state.step, action.step) });
      if (action.layer) go({ layer: itemBy(names, state.layer, action.layer) });
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });

  if (!run) return html`<main class="empty">${emptyMessage(runs, failure)}</main>`;
  const keyRows = KEYS.map(([key, text]) => html`<div><dt>${key}</dt><dd>${text}</dd></div>`);
  const props = { source, run, runs, state, go };
  return html`
    <header class="head">
      <div class="head-row">
        <h1 class="run-name">${runs.length < 2 ? run.name : runPicker(runs, run, go)}</h1>
        <nav class="tabs" aria-label="Views">${Object.keys(VIEWS).map(
          (view) => html`<button key=${view} aria-current=${state.view === view ? "page" : null}
            onClick=${() => go({ view })}>${capitalised(view)}</button>`,
        )}</nav>
        <span class="head-end">
          ${tensorBoardWindow() && html`<a href="${source.base}page${hashOfState(state)}" target="_blank">Open in its own window</a>`}
          <button class="quiet help" aria-expanded=${showsKeys} aria-label="Keys" title="Keys"
            onClick=${() => setShowsKeys(!showsKeys)}>?</button>
        </span>
      </div>
      <${TimeSlider} ...${props} play=${play} />
      ${showsKeys && html`<dl class="keys" aria-label="Keys">${keyRows}</dl>`}
      <div role="status">${noticesOf(run, failure).map((text) => html`<p class="notice">${text}</p>`)}</div>
    </header>
    <main><${Guarded} key=${state.view}><${VIEWS[state.view]} ...${props} /></${Guarded}></main>
  `;
}

function runPicker(runs, run, go) {
  const options = runs.map(({ name }) => html`<option key=${name} value=${name}>${name}</option>`);
  return html`<label>Run <select value=${run.name}
    onChange=${(event) => go({ run: event.target.value })}>${options}</select></label>`;
}

/** Shows a view, or why it cannot be shown: the rest of the page stays usable. */
function Guarded({ children }) {
  const [error] = useErrorBoundary(console.error);
  if (!error) return children;
  return html`<p class="notice" role="alert">This view cannot be shown (${String(error)}). The other views may work.</p>`;
}

/** Returns what a reader must know about the data before judging by them. */
function noticesOf({ read, problems, leftOut }, failure) {
  const lines = [
    failure && `The server does not answer (${failure}). What is shown may be old; trying again.`,
    read < 1 && `Reading the record: ${Math.floor(read * 100)} % so far.`,
    ...problems,
    leftOut,
  ];
  return lines.filter(Boolean);
}

function emptyMessage(runs, failure) {
  if (failure) return html`<p>The runs cannot be read: ${failure} The page tries again.</p>`;
  if (!runs || runs.length) return html`<h1>Loading …</h1>`;
  return html`<h1>No run yet</h1>
    <p>Below this log directory there is no record of FilterWatch. Add the callback to a training:</p>
    <pre>
import keras_filterwatch as fw

model.fit(x, y, callbacks=[fw.FilterWatch("logs/run1")])</pre>
    <p>This page shows the run as soon as its first step is recorded.</p>`;
}

/** Returns the layer to open first: that of the worst alarm at the step, else the first layer. */
function worstLayer(run, step) {
  const worst = alarmsAt(run.alarms, step).find(({ alarm }) => alarm.layer);
  return worst?.alarm.layer ?? run.layers[0]?.name ?? "";
}
