// The table of the compare view: the scores of all layers on both sides.

import { fewScores, sortedBy } from "./compare_rows.js";
import { formatNumber, scoreTitle, shorten } from "./format.js";
import { html, useState } from "./vendor/preact.js";

const MOST_COMPARED_ROWS = 100;

/** @typedef {import("./compare_types.d.ts").CompareRow} Row */

/**
 * The differences of each layer, those that changed most first. Every column sorts.
 * @param {import("./compare_types.d.ts").TableProps} props
 */
export function ChangeTable({ rows, scores, now, before, tables, selected, go }) {
  const [sort, setSort] = useState({ column: "", isDescending: true });
  const [shows, setShows] = useState({ scores: false, rows: false });
  const few = fewScores(scores);
  const columns = [
    { key: "/layer", title: "layer", score: null, of: (/** @type {Row} */ row) => row.pair.place },
    {
      key: "/rotation",
      title: "rotation",
      score: null,
      of: (/** @type {Row} */ row) => row.rotation,
    },
    ...(shows.scores ? scores : few).map((score) => ({
      ...{ key: score.name, title: scoreTitle(score.name), score },
      of: (/** @type {Row} */ row) => Math.abs(row.changes[score.name]),
    })),
  ];
  const by = columns.find(({ key }) => key === sort.column);
  const sorted = by ? sortedBy(rows, by.of, sort.isDescending) : rows;
  const press = (/** @type {string} */ column) =>
    setSort({
      column,
      isDescending: sort.column === column ? !sort.isDescending : column !== "/layer",
    });
  const direction = sort.isDescending ? "descending" : "ascending";
  return html`
    <div class="compare-scroll" role="region" aria-label="Changes of all layers" tabindex="0">
      <table class="compare-table">
        <caption>Changes from ${before.name} to ${now.name}, and both values</caption>
        <thead>
          <tr>
            ${columns.map(
              ({
                key,
                title,
                score,
              }) => html`<th key=${key} scope="col" title=${score ? score.about : ""}
                aria-sort=${by?.key === key ? direction : "none"}>
                <button type="button" onClick=${() => press(key)}>${title}</button>
              </th>`,
            )}
            <th scope="col" class="text">verdict</th>
          </tr>
        </thead>
        <tbody>
          ${sorted.slice(0, shows.rows ? rows.length : MOST_COMPARED_ROWS).map((row) => {
            const { name, place, otherPlace } = row.pair;
            const isSelected = name === selected?.name;
            const verdicts = new Set([tables[1].verdicts[otherPlace], tables[0].verdicts[place]]);
            return html`<tr key=${name} class=${isSelected ? "selected" : ""}>
              <th scope="row">
                <button type="button" aria-pressed=${isSelected} title=${name}
                  onClick=${() => go({ layer: name, filter: null })}>${shorten(name, 36)}</button>
              </th>
              <td>${formatNumber(row.rotation)}</td>
              ${columns.map(
                ({ key, score }) =>
                  score &&
                  html`<td key=${key}>
                    ${changeText(score, row.changes[key])}${" "}
                    <small>${formatNumber(tables[1].numbers[key][otherPlace])} → ${formatNumber(tables[0].numbers[key][place])}</small>
                  </td>`,
              )}
              <td class="text">${[...verdicts].join(" → ")}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>
    <p>
      ${
        scores.length > few.length &&
        html`<button type="button" aria-pressed=${shows.scores}
          onClick=${() => setShows({ ...shows, scores: !shows.scores })}>All scores</button>`
      }
      ${
        rows.length > MOST_COMPARED_ROWS &&
        html`<button type="button" aria-pressed=${shows.rows}
          onClick=${() => setShows({ ...shows, rows: !shows.rows })}>All ${rows.length} layers</button>`
      }
    </p>
  `;
}

/**
 * Returns a change with its sign; of a score with a better end, also whether it is for the better.
 * @param {import("./types.d.ts").Score} score
 * @param {number} change
 */
function changeText(score, change) {
  const text = `${change > 0 ? "+" : ""}${formatNumber(change)}`;
  if (!score.better || !change) return text;
  const name = (score.better === "high") === change > 0 ? "better" : "worse";
  return html`<span class=${name} title=${name}>${text}</span>`;
}
