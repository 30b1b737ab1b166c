/** What holds for the files of the page as a whole: their size, their licences, their imports. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const page = new URL("../../keras_filterwatch/view/page/", import.meta.url);
const vendor = readdirSync(new URL("vendor/", page));
const scripts = readdirSync(page).filter((name) => name.endsWith(".js"));

/** @param {string} name */
const text = (name) => readFileSync(new URL(name, page), "utf8");

test("our JavaScript is smaller than 80 kB, minified as the library beside it is", async () => {
  const contents = 'export * from "./index.js"; export * from "./report.js";';
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: fileURLToPath(page) },
    external: ["./vendor/preact.js"],
    bundle: true,
    minify: true,
    format: "esm",
    write: false,
  });
  const size = outputFiles[0].contents.length;
  assert.ok(size > 0 && size < 80_000, `${size} bytes`);
});

test("the licences of what is vendored lie beside it", () => {
  // preact.js is htm 3.1.1's preact/standalone.module.js, which has Preact 10 in it
  assert.deepEqual(
    vendor.filter((name) => name.endsWith(".js")),
    ["preact.js"],
  );
  assert.match(text("vendor/LICENSE-htm"), /Apache License\s+Version 2\.0/);
  assert.match(text("vendor/LICENSE-preact"), /The MIT License \(MIT\)\s+Copyright/);
});

test("a report can join the files: one line an import, each name once, no default exports", () => {
  /** @type {Map<string, string>} */
  const owners = new Map();
  for (const name of scripts) {
    for (const line of text(name).split("\n")) {
      if (/^import (\{|\*|\w+ from|["'])/.test(line)) {
        assert.match(line, /^import \{ \w+(, \w+)* \} from "\.\/[\w/]+\.js";$/, name);
      }
      if (line.startsWith("export")) {
        assert.match(line, /^export (async function|function\*?|const|class) /, name);
      }
      const names = line.match(/^(?:export )?(?:async )?(?:function\*?|const|let|var|class) (\w+)/);
      if (names) {
        assert.equal(owners.get(names[1]), undefined, `${names[1]} in ${name}`);
        owners.set(names[1], name);
      }
    }
  }
});

test("nothing is asked for at another address", () => {
  for (const name of readdirSync(page).filter((each) => /\.(js|css)$/.test(each))) {
    assert.doesNotMatch(text(name), /(https?:)?\/\/[a-z]+\.[a-z]|@import/i, name);
  }
});
