// The rows of the heat map, and the marks of alarms in them.

import { scoreShare } from "./colours.js";
import { stepAt } from "./state.js";

const MOST_ROWS = 64;

/**
 * Returns the rows `{label, names, places}`: up to 64 layers each by itself; more by block, or by several
 * blocks. Behind an open block come its layers. A first row, without places, is for alarms about the
 * whole network, whose layer is "".
 * @param {import("./types.d.ts").RunDocument} run
 * @param {string[]} open  labels of blocks
 */
export function heatRows({ layers, alarms }, open) {
  const isAboutAll = alarms.some(({ layer }) => layer === "");
  const rows = isAboutAll ? [{ label: "network", names: [""], places: [] }] : [];
  const blocks = [];
  layers.forEach(({ block }, place) => {
    const isNext = layers.length > MOST_ROWS && block && block === layers[place - 1]?.block;
    if (isNext) blocks.at(-1).push(place);
    else blocks.push([place]);
  });
  const together = Math.ceil(blocks.length / MOST_ROWS);
  for (let i = 0; i < blocks.length; i += together) {
    const places = blocks.slice(i, i + together).flat();
    const names = places.map((place) => layers[place].name);
    const ends = [places[0], places.at(-1)].map((at) => layers[at].block || layers[at].name);
    const label = [...new Set(ends)].join(" … ");
    if (names.length > 1) rows.push({ label, names, places });
    if (names.length > 1 && !open.includes(label)) continue;
    for (const place of places) {
      const { name } = layers[place];
      rows.push({ label: name, names: [name], places: [place] });
    }
  }
  return rows;
}

/**
 * Returns how bad a value is, 0 to 1 (of scores without a better end, how high); -1 if it is undefined, 2 if
 * it is not finite.
 * @param {import("./types.d.ts").Score} score
 */
export function badness(score, value) {
  if (value === null || value === undefined) return -1;
  return typeof value === "number" ? scoreShare(score, value) : 2;
}

/**
 * Returns the place of the worst layer among `places` at a column.
 * @param {number[]} places
 * @param {import("./types.d.ts").Value[][]} values
 */
export function worstPlace(places, values, column, score) {
  const badnessAt = (place) => badness(score, values[place]?.[column]);
  let worst = places[0];
  for (const place of places) if (badnessAt(place) > badnessAt(worst)) worst = place;
  return worst;
}

/**
 * Returns a mark `{row, column, level, sign}` for each begin and end of an alarm or note.
 * @param {import("./types.d.ts").RunDocument} run
 */
export function alarmMarks({ alarms, columns }, rows) {
  return alarms.flatMap(({ layer, step, ended, level }) => {
    // the layer's own row comes behind that of its block
    const row = rows.findLastIndex(({ names }) => names.includes(layer));
    const column = (at) => columns.indexOf(stepAt(columns, at));
    const begin = { row, column: column(step), level, sign: level === "note" ? "●" : "▲" };
    return ended === null ? [begin] : [begin, { ...begin, column: column(ended), sign: "❙" }];
  });
}
