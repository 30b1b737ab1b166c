// The order in which a layer's filters are shown.

import { numberOf, scoreTitle } from "./format.js";
import { LOST_LEVEL } from "./kernel.js";

const MOST_COMPARED = 512;

/** Returns the places 0 to `count` - 1. */
export function placeOrder(count) {
  return [...Array(count).keys()];
}

/**
 * Returns the filters by a score, those without one last; filters with the same stay in place.
 * @param {import("./types.d.ts").Value[]} values
 */
export function orderByScore(values, count, isHighFirst) {
  const rank = (filter) => numberOf(values[filter]) * (isHighFirst ? -1 : 1);
  const [known, rest] = [false, true].map((isLost) =>
    placeOrder(count).filter((filter) => Number.isNaN(rank(filter)) === isLost),
  );
  return [...known.sort((left, right) => rank(left) - rank(right) || 0), ...rest];
}

/**
 * Returns a chain of the filters: behind each the one of those left that has the highest absolute
 * cosine with it. Filters that are zero or not finite, and those behind the first 512, come last. The
 * levels of a filter do for a cosine, whatever its scale.
 * @param {import("./layer_types.d.ts").Decoded} kernel
 */
export function similarityOrder({ levels, filters }) {
  const size = levels.length / filters;
  const product = (left, right) => {
    let sum = 0;
    for (let i = 0; i < size; i++) sum += levels[left * size + i] * levels[right * size + i];
    return sum;
  };
  const norms = placeOrder(Math.min(filters, MOST_COMPARED)).map((filter) => {
    const isLost = levels.subarray(filter * size, (filter + 1) * size).includes(LOST_LEVEL);
    return isLost ? 0 : Math.sqrt(product(filter, filter));
  });
  const left = placeOrder(norms.length).filter((filter) => norms[filter] > 0);
  const chain = left.splice(0, 1);
  while (left.length) {
    const last = chain.at(-1);
    const cosines = left.map((filter) => Math.abs(product(last, filter)) / norms[filter]);
    chain.push(...left.splice(cosines.indexOf(Math.max(...cosines)), 1));
  }
  return [...chain, ...placeOrder(filters).filter((filter) => !chain.includes(filter))];
}

// high values come first: they are the worse ones, or neither is
const showsHighFirst = (scores, name) =>
  scores.find((score) => score.name === name)?.better !== "high";

/**
 * Returns the orders that a layer has, with what they are called.
 * @param {import("./types.d.ts").FiltersDocument} document
 */
export function orderTitles(scores, document) {
  const title = (name) =>
    `${scoreTitle(name)}, ${showsHighFirst(scores, name) ? "highest" : "lowest"} first`;
  return [
    ["place", "place in the network"],
    ["similarity", "similarity"],
    ...Object.keys(document?.numbers ?? {}).map((name) => [name, title(name)]),
  ];
}

/**
 * Returns the filters in the order that is asked for; in place if there is no such.
 * @param {import("./types.d.ts").FiltersDocument} document
 */
export function orderOfFilters(order, kernel, scores, document) {
  const values = document?.numbers[order];
  if (order === "similarity") return similarityOrder(kernel);
  if (!values) return placeOrder(kernel.filters);
  return orderByScore(values, kernel.filters, showsHighFirst(scores, order));
}
