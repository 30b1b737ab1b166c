// How far apart the scores of two sides are, as rows of a table and in a sentence.

import { formatNumber, scoreTitle } from "./format.js";

const MOST_COMPARED_SCORES = 4;
// they are about a run's own past, so that they differ between any two steps
const OF_OWN_PAST = ["rotation", "update"];

/** @typedef {import("./types.d.ts").Score} Score */
/** @typedef {import("./compare_types.d.ts").Side} Side */
/** @typedef {import("./compare_types.d.ts").CompareRow} CompareRow */

/**
 * Returns the important scores, which the compare view shows first.
 * @param {Score[]} scores
 */
export function fewScores(scores) {
  return scores.filter(({ name }) => !OF_OWN_PAST.includes(name)).slice(0, MOST_COMPARED_SCORES);
}

/**
 * Returns the differences of all layers, the most changed first.
 * @param {import("./compare_types.d.ts").LayerPair[]} pairs
 * @param {Score[]} scores
 * @param {import("./types.d.ts").TableDocument[]} tables  now and before
 * @param {Map<number, number>} rotations  by place
 * @returns {CompareRow[]}
 */
export function compareRows(pairs, scores, tables, rotations) {
  const few = fewScores(scores);
  const rows = pairs.map((pair) => {
    const rotation = rotations.get(pair.place) ?? Number.NaN;
    /** @type {Record<string, number>} */
    const changes = {};
    for (const { name } of scores) {
      const now = tables[0].numbers[name][pair.place];
      const before = tables[1].numbers[name][pair.otherPlace];
      const isKnown = typeof now === "number" && typeof before === "number";
      changes[name] = isKnown ? now - before : Number.NaN;
    }
    const shares = few.map((score) => shareOfRange(score, changes[score.name]));
    return { pair, changes, rotation, size: Math.max(rotation || 0, ...shares) };
  });
  return sortedBy(rows, (row) => row.size, true);
}

/**
 * Returns a change as a share of its score's range, 0 or more; 0 if it is undefined.
 * @param {Score} score
 * @param {number} change
 */
function shareOfRange(score, change) {
  const share = Math.abs(change) / (score.high - score.low);
  return Number.isFinite(share) ? share : 0;
}

/**
 * Returns rows sorted by a number, the largest first or last; undefined ones stand last either way.
 * @template Row
 * @param {Row[]} rows
 * @param {(row: Row) => number} numberOfRow
 * @param {boolean} isDescending
 */
export function sortedBy(rows, numberOfRow, isDescending) {
  const known = rows.filter((row) => !Number.isNaN(numberOfRow(row)));
  const sign = isDescending ? -1 : 1;
  known.sort((a, b) => sign * (numberOfRow(a) - numberOfRow(b)));
  return [...known, ...rows.filter((row) => Number.isNaN(numberOfRow(row)))];
}

/**
 * Returns what changed most, in a sentence.
 * @param {CompareRow[]} rows  the most changed first
 * @param {Score[]} scores
 * @param {Side} now
 * @param {Side} before
 */
export function compareSentence(rows, scores, now, before) {
  if (now.run === before.run && now.step === before.step) {
    return "Both sides show the same step. Move the time slider, or pick another step to compare with.";
  }
  const [most] = rows;
  if (!most) return "The two have no layer in common.";
  if (!most.size) return `No layer changed between ${before.name} and ${now.name}.`;
  const turned = rows.map((row) => row.rotation).filter((rotation) => !Number.isNaN(rotation));
  const unrelated = turned.filter((rotation) => Math.abs(rotation - 1) < 0.15).length;
  if (now.run !== before.run && unrelated > 1 && unrelated > 0.8 * turned.length) {
    return (
      "The kernels of both have nothing in common: rotations are about 1, as between networks that " +
      "began with other random weights. Compare their scores."
    );
  }
  const share = (/** @type {Score} */ score) => shareOfRange(score, most.changes[score.name]);
  const [score] = sortedBy(fewScores(scores), share, true);
  const parts = [];
  if (most.rotation > 0)
    parts.push(`its kernel turned by ${formatNumber(most.rotation)} (1 − cosine)`);
  if (score && share(score) > 0) {
    const change = most.changes[score.name];
    parts.push(
      `${scoreTitle(score.name)} ${change > 0 ? "rose" : "fell"} by ${formatNumber(Math.abs(change))}`,
    );
    if (share(score) > (most.rotation || 0)) parts.reverse();
  }
  return `${most.pair.name} changed most between ${before.name} and ${now.name}: ${parts.join(", ")}.`;
}
