// The entry of the tab: TensorBoard loads this module into an iframe of its own and calls `render`.

import { start } from "./app.js";
import { ServerSource } from "./source.js";

/** Shows the page: links its style sheets, makes its root and starts it. */
export async function render() {
  document.documentElement.lang = "en";
  document.title ||= "Filters";
  await Promise.all(["style.css", "layer.css", "compare.css"].map(linkStyles));
  const root = document.createElement("div");
  document.body.append(root);
  await start(new ServerSource(new URL("../", import.meta.url)), root);
  window.focus(); // so that keys reach the tab that was just opened
}

function linkStyles(name) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL(name, import.meta.url).href;
  document.head.append(link);
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve;
  });
}
