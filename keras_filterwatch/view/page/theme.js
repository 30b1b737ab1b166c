// Dark and light: as TensorBoard around the page is, else as the reader's system. Print is light.

import { tensorBoardWindow } from "./address.js";

/** Gives `<html>` the class "dark" while the page is to be dark, and calls `draw` when that changes. */
export function followTheme(draw) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const around = tensorBoardWindow()?.document.body;
  const update = (event) => {
    const isDark = around ? around.classList.contains("dark-mode") : system.matches;
    document.documentElement.classList.toggle("dark", isDark && event?.type !== "beforeprint");
    draw();
  };
  if (around) new MutationObserver(update).observe(around, { attributeFilter: ["class"] });
  system.addEventListener("change", update);
  addEventListener("beforeprint", update);
  addEventListener("afterprint", update);
  update();
}
