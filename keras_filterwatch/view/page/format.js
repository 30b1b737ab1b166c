// Numbers, steps and names as text.

const FOUR_DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });
const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const WORDS = { nan: "NaN", inf: "∞", "-inf": "−∞" };

/** Returns a value with four significant digits: "0.1234", "12,300", "1.2e−7"; "–" if undefined. */
export function formatNumber(value) {
  if (!Number.isFinite(value)) return WORDS[value] ?? "–";
  const size = Math.abs(value);
  let text = (size < 1000 ? FOUR_DIGITS : WHOLE).format(value);
  if ((size && size < 1e-4) || size >= 1e7) text = value.toExponential(3).replace(/\.?0*e\+?/, "e");
  return text.replaceAll("-", "−");
}

/** Returns a step with what it counts: "epoch 3", and "start" for step 0. */
export function formatStep(step, unit) {
  return step === 0 ? "start" : `${unit} ${WHOLE.format(step)}`;
}

/** Returns a value as a number, NaN if it is undefined. */
export function numberOf(value) {
  return typeof value === "number" ? value : Number(`${value}`.replace("inf", "Infinity"));
}

/** Returns a kernel's shape: "3 × 3 × 16 → 32", channels and filters last. */
export function formatShape(shape) {
  return shape.join(" × ").replace(/ × (\d+)$/, " → $1");
}

/** Returns a name without its middle, if it has more than `most` letters: ends tell layers apart. */
export function shorten(name, most) {
  const letters = [...name];
  if (letters.length <= most) return name;
  const head = Math.floor((most - 1) / 3);
  return `${letters.slice(0, head).join("")}…${letters.slice(head + 1 - most).join("")}`;
}

export function countOf(count, noun) {
  return `${WHOLE.format(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function scoreTitle(name) {
  return name.replaceAll("_", " ");
}

export function capitalised(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
