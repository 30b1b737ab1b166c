// Where documents come from: the server of TensorBoard, or the report that holds the page.

import { useEffect, useRef, useState } from "./vendor/preact.js";

const RETRY_MS = 3000;
// what these hold never changes: they are about one step
const OF_ONE_STEP = /^(table|filters|kernel|picture)\//;

/** What keeps the documents that were asked for lately. When it is full, it begins anew. */
class KeepingSource {
  documents = new Map();
  letters = 0;

  async get(run, key, version) {
    const name = JSON.stringify([run, key, OF_ONE_STEP.test(key) || version]);
    if (this.documents.has(name)) return this.documents.get(name);
    const text = await /** @type {any} */ (this).load(run, key);
    const document = JSON.parse(text);
    // of what is still being read, there is more the next time
    if (!document || document.read < 1) return document;
    if (this.letters > 60e6) {
      this.documents.clear();
      this.letters = 0;
    }
    this.letters += text.length;
    this.documents.set(name, document);
    return document;
  }
}

/** The documents of all runs that TensorBoard serves, from the plugin's routes below `base`. */
export class ServerSource extends KeepingSource {
  isLive = true;

  constructor(base) {
    super();
    this.base = base;
  }

  async runs() {
    return JSON.parse(await textOf(await fetch(new URL("runs", this.base))));
  }

  async load(run, key) {
    const query = new URLSearchParams({ run, key });
    const response = await fetch(new URL(`document?${query}`, this.base));
    return [404, 410].includes(response.status) ? "null" : textOf(response);
  }
}

async function textOf(response) {
  if (response.ok) return response.text();
  const { message } = await response.json().catch(() => ({}));
  throw new Error(message ?? `The server answered ${response.status}.`);
}

/** The documents that a report holds: as they are, or as base64 of gzip of their JSON. */
export class EmbeddedSource extends KeepingSource {
  isLive = false;

  constructor(content) {
    super();
    this.content = content;
  }

  async runs() {
    return [{ name: this.content.run, version: "" }];
  }

  async load(_run, key) {
    const { documents } = this.content;
    const content = Object.hasOwn(documents, key) ? documents[key] : null;
    return typeof content === "string" ? unpack(content) : JSON.stringify(content);
  }
}

function unpack(base64) {
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

/** Returns the runs, the document of the one that is wanted, else the first, and why nothing new comes. */
export function useRuns(source, wanted) {
  const [shown, setShown] = useState(/** @type {any} */ ({}));
  const known = useRef("");
  useEffect(() => {
    let isOver = false;
    const ask = async () => {
      const runs = await source.runs();
      const entry = runs.find(({ name }) => name === wanted) ?? runs[0];
      const news = JSON.stringify([entry, runs.map(({ name }) => name)]);
      if (news === known.current) return;
      const run = entry && (await source.get(entry.name, "run", entry.version));
      if (isOver) return;
      known.current = run?.read >= 1 ? news : "";
      setShown((last) => ({ runs, run: run ? { ...run, ...entry } : last.run }));
    };
    const fail = ({ message }) => {
      known.current = "";
      setShown((last) => ({ ...last, failure: message }));
    };
    const repeat = async () => {
      if (!document.hidden) await ask().catch(fail);
      if (source.isLive && !isOver) setTimeout(repeat, known.current ? RETRY_MS : 1000);
    };
    repeat();
    return () => {
      isOver = true;
    };
  }, [source, wanted]);
  return shown;
}

/**
 * Returns the document that was loaded last for this run, with the key and run that it was asked for;
 * undefined before the first. One request goes out at a time: a moving slider passes steps.
 */
export function useLoaded(source, run, key) {
  const [loaded, setLoaded] = useState(/** @type {any} */ ({}));
  const isLoading = useRef(false);
  const name = JSON.stringify([run.name, run.version, key]);
  useEffect(() => {
    if (!key || isLoading.current || loaded.name === name) return;
    const show = (next) => {
      isLoading.current = false;
      setLoaded(next);
    };
    isLoading.current = true;
    source.get(run.name, key, run.version).then(
      (document) => show({ document, run, key, name }),
      () => setTimeout(show, RETRY_MS, { ...loaded }),
    );
  }, [name, loaded]);
  return key && loaded.run?.name === run.name ? loaded : undefined;
}

/** Returns a document, of the previous key while another loads: null if it is not there. */
export function useDocument(source, run, key) {
  return useLoaded(source, run, key)?.document;
}
