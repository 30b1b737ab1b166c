// LayerView: one layer, its filters, their scores and how they came about.

import { Choice } from "./choice.js";
import { LayerCurves } from "./curves.js";
import { alarmPhase, alarmSpan } from "./findings.js";
import { formatShape, formatStep, scoreTitle } from "./format.js";
import { LayerFilters } from "./layer_filters.js";
import { useDocument } from "./source.js";
import { stepAt } from "./state.js";
import { html } from "./vendor/preact.js";

const MOST_BUTTONS = 12;
const PICTURE_ABOUTS = {
  favourites: "the parts of the probe inputs that excite each filter most",
  activations: "what the filters return for the first probe inputs",
  class_paths: "for each class its path template and its strongest hidden units",
};

/**
 * The layer of the state, or the first one that is drawn.
 * @param {import("./types.d.ts").ViewProps} props
 */
export function LayerView(props) {
  const { layers, name } = props.run;
  const layer =
    layers.find((each) => each.name === props.state.layer) ??
    layers.find(({ drawn }) => drawn) ??
    layers[0];
  if (!layer) return html`<p>No layer is recorded yet.</p>`;
  const place = layers.indexOf(layer);
  // what was loaded for one layer is not for another, so each has components of its own
  return html`<${OneLayer} ...${props} key=${`${name} ${place}`} ...${{ place, layer }} />`;
}

/** @param {import("./layer_types.d.ts").LayerProps} props */
function OneLayer(props) {
  const { source, run, state, place } = props;
  const document = useDocument(source, run, `filters/${place}/${state.step}`);
  return html`<div class="layer-view">
    ${[LayerHead, LayerFilters, LayerCurves, LayerPictures].map((part) => html`<${part} ...${props} document=${document} />`)}
  </div>`;
}

/**
 * What the layer is, what its scores say, and what is wrong with it now.
 * @param {import("./layer_types.d.ts").LayerProps} props
 */
function LayerHead({ source, run, state, go, place, layer }) {
  /** @type {import("./types.d.ts").TableDocument} */
  const table = useDocument(source, run, `table/${state.step}`);
  const alarms = run.alarms.filter(
    (alarm) => alarm.layer === layer.name && alarmPhase(alarm, state.step) === "now",
  );
  const filterButton = (filter) => html`
    <button class="quiet" aria-label=${`Select filter ${filter}`} onClick=${() => go({ filter })}>${filter}</button>`;
  return html`<section class="layer-head" aria-label="Layer">
    <p>
      <${Choice} label="Layer" value=${layer.name} onChoice=${(name) => go({ layer: name })}
        options=${run.layers.map(({ name }) => [name, name])} />
      <span class="faint">${layer.type || layer.kind} ${formatShape(layer.shape)}${!layer.trainable && ", not trainable"}</span>
      <strong class="verdict">${table?.verdicts[place]}</strong>
    </p>
    <p>${table && `${layer.name}: ${table.sentences[place]}`}</p>
    ${alarms.map(
      (alarm) => html`<p key=${`${alarm.rule} ${alarm.step}`}>
        <strong class=${alarm.level}>${alarm.level}</strong> ${alarm.message} <span class="faint">${alarmSpan(alarm, run.unit)}</span>
        ${alarm.filters.length < layer.shape.at(-1) && alarm.filters.slice(0, MOST_BUTTONS).map(filterButton)}
        ${alarm.filters.length < layer.shape.at(-1) && alarm.filters.length > MOST_BUTTONS && ` and ${alarm.filters.length - MOST_BUTTONS} more`}
      </p>`,
    )}
  </section>`;
}

/**
 * What was drawn of the layer while the training ran.
 * @param {import("./layer_types.d.ts").LayerProps} props
 */
function LayerPictures({ source, run, state, place }) {
  const pictures = run.pictures.filter(({ layer, steps }) => layer === place && steps.length);
  return (
    pictures.length > 0 &&
    html`<section aria-label="Pictures">
    <h2>What the layer returns, as drawn while the training ran</h2>
    ${pictures.map((picture) => html`<${RunPicture} key=${picture.name} ...${{ source, run, picture }} step=${stepAt(picture.steps, state.step)} />`)}
  </section>`
  );
}

/** @param {import("./layer_types.d.ts").PictureProps} props */
function RunPicture({ source, run, picture, step }) {
  const { name, layer } = picture;
  /** @type {import("./types.d.ts").PictureDocument} */
  const document = useDocument(source, run, `picture/${name}/${layer}/${step}`);
  const title = `${scoreTitle(name)} of ${run.layers[layer].name}, ${formatStep(step, run.unit)}`;
  const about = PICTURE_ABOUTS[name] ? `${title}: ${PICTURE_ABOUTS[name]}` : title;
  return html`<figure class="run-picture">
    <figcaption>${about}</figcaption>
    ${document === null && html`<p>This picture is not in the record any more.</p>`}
    ${document && html`<img src=${`data:image/png;base64,${document.png}`} alt=${about} />`}
  </figure>`;
}
