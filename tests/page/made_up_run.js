/** Made-up documents for tests of the page. */

/**
 * @param {Partial<import("../../keras_filterwatch/view/page/types.d.ts").Layer>} [changes]
 * @returns {import("../../keras_filterwatch/view/page/types.d.ts").Layer}
 */
export function madeUpLayer(changes = {}) {
  return {
    name: "conv2d",
    type: "Conv2D",
    kind: "conv",
    shape: [3, 3, 1, 8],
    block: "",
    trainable: true,
    drawn: true,
    ...changes,
  };
}

/**
 * @param {Partial<import("../../keras_filterwatch/view/page/types.d.ts").Alarm>} [changes]
 * @returns {import("../../keras_filterwatch/view/page/types.d.ts").Alarm}
 */
export function madeUpAlarm(changes = {}) {
  return {
    rule: "noisy",
    layer: "conv2d",
    step: 3,
    ended: null,
    level: "warning",
    value: 0.99,
    threshold: 0.95,
    filters: [],
    message: "conv2d still looks untrained.",
    ...changes,
  };
}

/** @type {import("../../keras_filterwatch/view/page/types.d.ts").Score} */
export const NOISE = { name: "noise", about: "Share of noise.", low: 0, high: 1, better: "low" };

/** @type {import("../../keras_filterwatch/view/page/types.d.ts").Score} */
export const NORM = { name: "norm", about: "Mean norm.", low: 0, high: 4, better: "" };

/**
 * @param {Partial<import("../../keras_filterwatch/view/page/types.d.ts").RunDocument>} [changes]
 * @returns {import("../../keras_filterwatch/view/page/types.d.ts").RunDocument}
 */
export function madeUpRun(changes = {}) {
  return {
    name: "run1",
    version: "1",
    unit: "epoch",
    hasEnded: false,
    read: 1,
    problems: [],
    steps: [0, 1, 2, 5],
    columns: [0, 1, 2, 5],
    weightSteps: [0, 1, 2, 5],
    layers: [madeUpLayer({ name: "first" }), madeUpLayer({ name: "second" })],
    skipped: {},
    scores: [NOISE, NORM],
    logs: {},
    alarms: [],
    diagnoses: [],
    model: {},
    pictures: [],
    leftOut: "",
    ...changes,
  };
}
