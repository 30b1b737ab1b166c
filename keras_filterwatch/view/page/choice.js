// Choice: a list to pick from.

import { html } from "./vendor/preact.js";

/** @param {import("./layer_types.d.ts").ChoiceProps} props */
export function Choice({ label, title, value, options, onChoice }) {
  return html`<label>${title} <select aria-label=${label} value=${value} onChange=${({ target }) => onChoice(target.value)}>
    ${options.map(([name, text]) => html`<option key=${name} value=${name}>${text}</option>`)}
  </select></label>`;
}
