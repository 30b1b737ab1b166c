/** Documents from a server and from a report. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { EmbeddedSource, ServerSource } from "../../keras_filterwatch/view/page/source.js";

/** @type {string[]} */
const asked = [];
const server = createServer((request, response) => {
  const url = new URL(request.url ?? "", "http://localhost");
  asked.push(request.url ?? "");
  const key = url.searchParams.get("key") ?? "";
  if (url.pathname.endsWith("/runs")) response.end('[{"name": "a", "version": "1"}]');
  else if (key.startsWith("table/"))
    response.end(JSON.stringify({ key, run: url.searchParams.get("run") }));
  else if (key.startsWith("matrix/") || key === "run") response.end(JSON.stringify({ key }));
  else if (key === "broken") response.writeHead(500).end('{"message": "The record is damaged."}');
  else response.writeHead(404).end("{}");
});
/** @type {ServerSource} */
let source;

before(async () => {
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  source = new ServerSource(new URL(`http://127.0.0.1:${port}/prefix/`));
});
after(() => server.close());

test("runs are asked for below the address of the server", async () => {
  assert.deepEqual(await source.runs(), [{ name: "a", version: "1" }]);
  assert.equal(asked.at(-1), "/prefix/runs");
});

test("names of runs arrive as they are", async () => {
  assert.equal((await source.get("a&b=ü #/", "table/1", "1")).run, "a&b=ü #/");
});

test("a document of one step is asked for once, whatever the version", async () => {
  const first = await source.get("once", "table/2", "1");
  const count = asked.length;
  assert.equal(await source.get("once", "table/2", "2"), first);
  assert.equal(asked.length, count);
});

test("a document over all steps is asked for again when the version has changed", async () => {
  await source.get("a", "matrix/noise", "1");
  const count = asked.length;
  await source.get("a", "matrix/noise", "1");
  assert.equal(asked.length, count);
  await source.get("a", "matrix/noise", "2");
  assert.equal(asked.length, count + 1);
});

test("what is not there is null, and asked for again", async () => {
  assert.equal(await source.get("a", "kernel/0/1", "1"), null);
  const count = asked.length;
  assert.equal(await source.get("a", "kernel/0/1", "1"), null);
  assert.equal(asked.length, count + 1);
});

test("a failure has the server's sentence", async () => {
  await assert.rejects(source.get("a", "broken", "1"), { message: "The record is damaged." });
});

test("a report has documents as they are, and packed ones", async () => {
  const packed = gzipSync(JSON.stringify({ values: [[1, null]] })).toString("base64");
  const report = new EmbeddedSource({
    run: "r",
    documents: { run: { name: "r" }, "matrix/noise": packed },
  });
  assert.deepEqual(await report.runs(), [{ name: "r", version: "" }]);
  assert.deepEqual(await report.get("r", "run"), { name: "r" });
  assert.deepEqual(await report.get("r", "matrix/noise"), { values: [[1, null]] });
  assert.equal(await report.get("r", "toString"), null);
});
