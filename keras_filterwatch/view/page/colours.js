// All palettes. Each is monotone in lightness, for grey print and any colour vision.

const SCORE_LEVELS = 64;
export const NOT_FINITE = "#e6007e";
// From good to bad. On light ground the bad is dark, on dark ground it is bright: it stands out.
const GOOD_TO_BAD = paletteOf("e4eef1 f8e3ac f2a95a cf5a23 7b1e0c");
const GOOD_TO_BAD_DARK = paletteOf("22323c 483f42 94562e e8933f ffe9b8");
// From low to high, for scores of which neither end is better.
const LOW_TO_HIGH = paletteOf("e9eef7 a9c0e2 5f8bcb 2c5499 0f2a5e");
const LOW_TO_HIGH_DARK = paletteOf("1f2a3c 2f4f85 5480c4 93b8ec dfecff");
// RdBu of ColorBrewer, as the drawn pictures have it: white at zero.
const BLUE_TO_RED = paletteOf(
  "053061 2166ac 4393c3 92c5de d1e5f0 ffffff fddbc7 f4a582 d6604d b2182b 67001f",
  255,
);
// Of lines: those of Okabe and Ito (2008), which people with any colour vision tell apart.
const LINES = ["#0072b2", "#c04c00", "#00805c", "#a8467f", "#8a6500", "#3d7fb0"];
const LINES_DARK = ["#56b4e9", "#ff9a4d", "#2fcf9f", "#e79fc4", "#f0e442", "#9ecbff"];

/** Returns evenly spaced colours: as CSS, and as pixels of ImageData, the last of which is `NOT_FINITE`. */
function paletteOf(text, count = SCORE_LEVELS) {
  const stops = text.split(" ").map((hex) => [0, 2, 4].map((at) => +`0x${hex.slice(at, at + 2)}`));
  const colours = Array.from({ length: count }, (_, place) => {
    const position = (place / (count - 1)) * (stops.length - 1);
    const [left, right] = [stops[Math.floor(position)], stops[Math.ceil(position)]];
    return left.map((low, i) => Math.round(low + (right[i] - low) * (position % 1)));
  });
  const pixels = colours.map(
    ([red, green, blue]) => (255 << 24) | (blue << 16) | (green << 8) | red,
  );
  return {
    css: colours.map((channels) => `rgb(${channels})`),
    pixels: Uint32Array.of(...pixels, 0xff7e00e6),
  };
}

/** Returns 64 colours from a score's good end to its bad end, else from low to high. */
export function scorePalette({ better }, dark) {
  if (dark) return better ? GOOD_TO_BAD_DARK : LOW_TO_HIGH_DARK;
  return better ? GOOD_TO_BAD : LOW_TO_HIGH;
}

/** Returns true if a score is coloured by its logarithm, as its values span orders of magnitude. */
export function isLogarithmic({ low, high, better }) {
  return better === "" && low > 0 && high / low > 30;
}

/** Returns where a value is from its score's good end, 0, to its bad end, 1; else from low to high. */
export function scoreShare(score, value) {
  const { low, high } = score;
  const raw = isLogarithmic(score)
    ? Math.log(Math.max(value, low) / low) / Math.log(high / low)
    : (value - low) / (high - low || 1);
  const share = Math.min(1, Math.max(0, raw));
  return score.better === "high" ? 1 - share : share;
}

/** Returns the place of a value in `scorePalette`: 64 if it is not finite, -1 if it is undefined. */
export function scorePlace(score, value) {
  if ((value ?? null) === null) return -1;
  if (!Number.isFinite(value)) return SCORE_LEVELS;
  return Math.round(scoreShare(score, value) * (SCORE_LEVELS - 1));
}

/** Returns the CSS colour of a value of a score; "" if it is undefined. */
export function scoreColour(score, value, dark) {
  const place = scorePlace(score, value);
  return place < 0 ? "" : (scorePalette(score, dark).css[place] ?? NOT_FINITE);
}

/** Returns pixels from blue at -limit over white to red at limit, and `place`, a weight's place in them. */
export function weightColours(limit) {
  const scale = 127 / (limit || 1);
  const place = (weight) =>
    Number.isFinite(weight) ? Math.round(Math.min(254, Math.max(0, weight * scale + 127))) : 255;
  return { table: BLUE_TO_RED.pixels, place };
}

export function weightColour(weight, limit) {
  return BLUE_TO_RED.css[weightColours(limit).place(weight)] ?? NOT_FINITE;
}

export function lineColour(place, dark) {
  return (dark ? LINES_DARK : LINES)[place % LINES.length];
}

/** Returns true while the page is dark. It is drawn again when that changes. */
export function useDark() {
  return document.documentElement.classList.contains("dark");
}
