// The entry of a report: the page with the documents that its file holds.

import { start } from "./app.js";
import { EmbeddedSource } from "./source.js";

/**
 * The documents of a report. So that the file stays small, it holds each number once: tables and layers
 * are made of the matrices, strips of the kernels, and curves of the filters' scores.
 */
export class ReportSource extends EmbeddedSource {
  /**
   * @param {string} run
   * @param {string} key
   * @returns {Promise<any>}
   */
  async get(run, key) {
    const [kind, first, second = ""] = key.split("/");
    if (Object.hasOwn(this.content.documents, key)) return super.get(run, key);
    if (kind === "table") return this.table(run, Number(first));
    if (kind === "layer") return this.layer(run, Number(first));
    if (kind === "strip") return this.strip(run, first, Number(second));
    return kind === "curves" ? this.curves(run, first, key.slice(`curves/${first}/`.length)) : null;
  }

  /**
   * Returns the matrix of each score, and what `pick` takes of it.
   * @param {string} run
   * @param {(rows: import("./types.d.ts").Value[][]) => import("./types.d.ts").Value[]} pick
   */
  async fromMatrices(run, pick) {
    const { scores } = await this.get(run, "run");
    /** @type {Record<string, import("./types.d.ts").Value[]>} */
    const numbers = {};
    for (const { name } of scores) {
      const matrix = await this.get(run, `matrix/${name}`);
      if (matrix) numbers[name] = pick(matrix.values);
    }
    return numbers;
  }

  /**
   * @param {string} run
   * @param {number} step
   */
  async table(run, step) {
    const { columns, layers } = await this.get(run, "run");
    const column = columns.indexOf(step);
    if (column < 0) return null;
    const texts = await this.get(run, "texts");
    const place = texts.steps.indexOf(step);
    const none = layers.map(() => "");
    return {
      step,
      verdicts: texts.verdicts[place] ?? none,
      sentences: texts.sentences[place] ?? none,
      numbers: await this.fromMatrices(run, (rows) => rows.map((row) => row[column])),
    };
  }

  /**
   * @param {string} run
   * @param {number} place
   */
  async layer(run, place) {
    const { columns, layers } = await this.get(run, "run");
    if (!layers[place]) return null;
    const numbers = await this.fromMatrices(run, (rows) => rows[place]);
    const defined = Object.entries(numbers).filter(([, row]) => row.some((each) => each !== null));
    return { steps: columns, numbers: Object.fromEntries(defined) };
  }

  /**
   * @param {string} run
   * @param {string} place
   * @param {number} filter
   */
  async strip(run, place, filter) {
    const { stripSteps } = await this.get(run, "texts");
    const parts = [];
    for (const step of stripSteps) {
      const kernel = await this.get(run, `kernel/${place}/${step}`);
      if (!kernel || !(filter >= 0 && filter < kernel.filters)) continue;
      const levels = atob(kernel.levels);
      const size = levels.length / kernel.filters;
      const part = levels.slice(filter * size, (filter + 1) * size);
      parts.push({ step, kernel, levels: part, scale: kernel.scales[filter] });
    }
    const last = parts.at(-1);
    if (!last) return null;
    const { height, width, channels, depth } = last.kernel;
    return {
      steps: parts.map(({ step }) => step),
      ...{ height, width, channels, depth },
      levels: btoa(parts.map(({ levels }) => levels).join("")),
      scales: parts.map(({ scale }) => scale),
    };
  }

  /**
   * @param {string} run
   * @param {string} place
   * @param {string} score
   */
  async curves(run, place, score) {
    const { columns } = await this.get(run, "run");
    const steps = [];
    const values = [];
    for (const step of columns) {
      const filters = await this.get(run, `filters/${place}/${step}`);
      if (!filters?.numbers[score]) continue;
      steps.push(step);
      values.push(filters.numbers[score]);
    }
    return steps.length ? { steps, read: 1, values } : null;
  }
}

/** Shows the page in the place of the report's static part, which stays if the page cannot start. */
export async function startReport() {
  const root = document.getElementById("filterwatch");
  const content = document.getElementById("filterwatch-documents")?.textContent;
  if (root && content) await start(new ReportSource(JSON.parse(content)), root);
}
