// Which layers of two runs belong together, and how far apart their kernels are.

import { decodeKernel } from "./kernel.js";
import { stepAt } from "./state.js";

const NOT_FINITE_LEVEL = -128;
// as keras_filterwatch/comparison/kernel_change.py has them
const ROUNDING = 1e-6;
const ABOVE_QUANTISATION = 1.5;

/** @typedef {import("./types.d.ts").Layer} Layer */
/** @typedef {import("./types.d.ts").KernelDocument} KernelDoc */

/** @typedef {import("./compare_types.d.ts").Side} Side */

/**
 * Returns which layers of two runs belong together, in the order of the first, and the names of those
 * that only one has. Layers of the same name belong together. Where two networks have kernels of the
 * same shapes in the same order, and not the same names, all layers are matched by their places; so are
 * those whose names only one of them has, if their shapes are the same in the same order.
 * @param {Layer[]} layers
 * @param {Layer[]} others
 */
export function matchLayers(layers, others) {
  const places = new Map(layers.map(({ name }, place) => [name, place]));
  const otherPlaces = new Map(others.map(({ name }, place) => [name, place]));
  let here = layers.filter(({ name }) => !otherPlaces.has(name));
  let there = others.filter(({ name }) => !places.has(name));
  if (here.length + there.length && haveSameShapes(layers, others))
    [here, there] = [layers, others];
  const byPlace = new Map(
    haveSameShapes(here, there) ? here.map(({ name }, i) => [name, there[i].name]) : [],
  );
  const pairs = layers.flatMap(({ name }, place) => {
    const otherName = byPlace.get(name) ?? name;
    const otherPlace = otherPlaces.get(otherName);
    return otherPlace === undefined ? [] : [{ name, place, otherName, otherPlace }];
  });
  for (const pair of pairs) {
    places.delete(pair.name);
    otherPlaces.delete(pair.otherName);
  }
  return { pairs, onlyNow: [...places.keys()], onlyBefore: [...otherPlaces.keys()] };
}

/**
 * @param {Layer[]} layers
 * @param {Layer[]} others
 */
function haveSameShapes(layers, others) {
  const [shapes, otherShapes] = [layers, others].map((each) => each.map(({ shape }) => shape));
  return JSON.stringify(shapes) === JSON.stringify(otherShapes);
}

/**
 * Returns the step of a side's weights: of its step, or the last ones before it.
 * @param {Side} side
 */
export function weightStepOf(side) {
  return stepAt(side.run.weightSteps, side.step);
}

/**
 * Returns how far the recorded weights of a layer turned; null if the kernels have other shapes. What
 * rounding to 255 levels explains is no change. Filters whose weights are all zero, or not finite, in
 * one of both changed most.
 * @param {KernelDoc} now
 * @param {KernelDoc} before
 * @returns {import("./compare_types.d.ts").KernelChange | null}
 */
export function kernelChange(now, before) {
  const shapes = [now, before].map((kernel) => {
    return [kernel.height, kernel.width, kernel.channels, kernel.depth].join();
  });
  if (shapes[0] !== shapes[1]) return null;
  const size = now.height * now.width * now.channels;
  const levels = [now, before].map((kernel) => decodeKernel(kernel).levels);
  const whole = { product: 0, now: 0, before: 0, error: 0 };
  const filters = [];
  for (let filter = 0; filter < Math.min(now.filters, before.filters); filter++) {
    const sums = { product: 0, now: 0, before: 0, error: 0 };
    for (let i = filter * size; i < (filter + 1) * size; i++) {
      const weight =
        levels[0][i] === NOT_FINITE_LEVEL ? Number.NaN : levels[0][i] * now.scales[filter];
      const other =
        levels[1][i] === NOT_FINITE_LEVEL ? Number.NaN : levels[1][i] * before.scales[filter];
      sums.product += weight * other;
      sums.now += weight * weight;
      sums.before += other * other;
    }
    sums.error = (size / 12) * (now.scales[filter] ** 2 + before.scales[filter] ** 2);
    for (const name of /** @type {(keyof Sums)[]} */ (Object.keys(sums))) whole[name] += sums[name];
    filters.push({ filter, ...turnOf(sums) });
  }
  const turn = turnOf(whole);
  const isSame = turn.isSame || filters.every((each) => each.isSame);
  const changed = filters.filter((each) => each.hasWeights && !each.isSame && !isSame);
  changed.sort((a, b) => b.rank - a.rank || b.size - a.size || a.filter - b.filter);
  const rest = filters.filter((each) => !changed.includes(each));
  return {
    rotation: isSame ? 0 * turn.rotation : turn.rotation,
    filterRotations: filters.map((each) => (each.isSame || isSame ? 0 : 1) * each.rotation),
    order: [...changed, ...rest].map(({ filter }) => filter),
    changed: changed.length,
  };
}

/** @typedef {{product: number, now: number, before: number, error: number}} Sums */

/** @param {Sums} sums */
function turnOf({ product, now, before, error }) {
  const norms = Math.sqrt(now) * Math.sqrt(before);
  const rotation = norms > 0 ? 1 - Math.max(-1, Math.min(1, product / norms)) : Number.NaN;
  const size = Math.sqrt(Math.max(0, now + before - 2 * product) / before);
  const least = Math.max(ROUNDING, ABOVE_QUANTISATION * Math.sqrt(error / before));
  return {
    rotation,
    size,
    isSame: size <= least || (now === 0 && before === 0),
    hasWeights: now > 0 || before > 0,
    // weights in one of both only come before any rotation, which is 2 at most
    rank: now > 0 === before > 0 ? rotation : 3,
  };
}
