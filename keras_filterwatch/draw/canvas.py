"""What all pictures share: colours, grids of cells, text, and the page around them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from keras_filterwatch.kernels import Array

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

INK: Colour = (45, 45, 45)
PAPER: Colour = (255, 255, 255)
GAP: Colour = (180, 180, 180)
_ANCHORS = (  # ColorBrewer's RdBu, which every colour vision tells apart; zero is white
    *((5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240)),
    (255, 255, 255),
    *((253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31)),
)
_SHADES = np.linspace(0, len(_ANCHORS) - 1, 127)
_PALETTE: Pixels = np.stack(
    [np.interp(_SHADES, range(len(_ANCHORS)), part) for part in zip(*_ANCHORS, strict=True)], -1
).astype(np.uint8)

_BROKEN: Pixels = np.array((230, 0, 126), np.uint8)  # weights that are not finite

MARGIN, SPACE, STRIP, _NARROWEST, WIDEST = 12, 6, 16, 440, 1900


def first(shown: int, there_are: int, what: str, which: str = "first") -> str:
    """A note on what there is no room for; nothing if all is shown."""
    return f"{which} {shown} of {there_are} {what}" if shown < there_are else ""


def limit_of(weights: Array) -> float:
    """What full colour stands for: nearly the largest weight, so that no outlier pales the rest."""
    size = np.abs(weights[np.isfinite(weights)])
    return float(np.quantile(size, 0.995)) or 1.0 if size.size else 1.0


def _size(spatial: Sequence[int]) -> tuple[int, int]:
    """Height and width of a slice, in taps: depths stand side by side."""
    if len(spatial) < 3:
        return (spatial[0] if len(spatial) == 2 else 1), spatial[-1]
    return spatial[1], spatial[0] * (spatial[2] + 1)


def thinned(spatial: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[slice, ...], str]:
    """Windows too large for a picture lose taps evenly: their new size, how, and a note on it."""
    nth, fewer = 1, spatial
    while max(_size(fewer)) > WIDEST:
        nth += 1
        fewer = tuple(-(-size // nth) for size in spatial)
    note = f"1 of {nth} taps along each axis" if nth > 1 else ""
    return fewer, (slice(None, None, nth),) * len(spatial), note


def layout(spatial: Sequence[int], target: int, least: int) -> tuple[int, int, int]:
    """Pixels per tap, for windows about as wide as the target, and how many fit across and down."""
    height, width = _size(spatial)
    size = max(least, min(16, round(target / max(spatial))))
    size = min(size, WIDEST // max(height, width))
    tall = height * size if len(spatial) > 1 else STRIP
    return size, WIDEST // (width * size + SPACE) or 1, WIDEST // (tall + SPACE) or 1


def tile(window: Array, limit: float, size: int) -> Pixels:
    """A window `(*spatial, channels)`: three channels in colour, one from blue to red."""
    if window.shape[-1] == 3:
        return enlarged(in_colour(window, limit), size)
    return window_tile(window[..., 0], limit, size)


def tiles(windows: Array, limit: float, size: int) -> list[Pixels]:
    """The tiles of windows `(many, *spatial, channels)`, in one go where they are 2-D."""
    if windows.ndim != 4:
        return [tile(window, limit, size) for window in windows]
    coloured = windows.shape[-1] == 3
    pixels = in_colour(windows, limit) if coloured else blue_to_red(windows[..., 0], limit)
    return list(pixels.repeat(size, axis=1).repeat(size, axis=2))


def window_tile(window: Array, limit: float, size: int) -> Pixels:
    """One spatial window, blue to red; the depths of a 3-D window stand side by side."""
    if window.ndim == 1:
        return blue_to_red(window[np.newaxis], limit).repeat(STRIP, axis=0).repeat(size, axis=1)
    if window.ndim == 2:
        return enlarged(blue_to_red(window, limit), size)
    gap = np.full((window.shape[1] * size, 1, 3), GAP, np.uint8)
    parts = [part for depth in window for part in (gap, window_tile(depth, limit, size))]
    return np.concatenate(parts[1:], axis=1)


def blue_to_red(values: Array, limit: float) -> Pixels:
    """Blue at -limit, white at zero, red at limit; magenta what is not finite."""
    shade = np.clip(np.nan_to_num(values / limit), -1, 1) * 63 + 63
    return np.where(
        np.isfinite(values)[..., np.newaxis], _PALETTE[shade.round().astype(int)], _BROKEN
    )


def in_colour(values: Array, limit: float) -> Pixels:
    """Three channels `(..., 3)` as red, green and blue around grey, which is zero."""
    level = np.clip(np.nan_to_num(values / limit), -1, 1) * 127 + 128
    whole = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(whole, level.round().astype(np.uint8), _BROKEN)


def as_photograph(values: Array, low: float, high: float) -> Pixels:
    """Images `(..., 1)` in 64 greys, or `(..., 3)` in colour: low is black, high is white."""
    shade = np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1) * 63
    whole = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(whole, (shade.round() * (255 / 63)).round().astype(np.uint8), _BROKEN)


def enlarged(pixels: Pixels, size: int) -> Pixels:
    """Each pixel as a square."""
    return pixels.repeat(size, axis=0).repeat(size, axis=1)


@dataclass(frozen=True)
class Frame:
    """A line around some neighbouring cells of a row."""

    row: int
    cells: slice
    colour: Colour


def grid_of(
    rows: Sequence[Sequence[Pixels]],
    left: Sequence[str] = (),
    above: Sequence[str] = (),
    below: Sequence[Sequence[str]] = (),
    captions: Sequence[Sequence[str]] = (),
    frames: Sequence[Frame] = (),
) -> Image.Image:
    """Cells of one size on a grey ground.

    Args:
        rows: the cells; later rows may be shorter.
        left: a label for each row.
        above: a label for each column.
        below: lines of labels, one label for each column.
        captions: a label under each cell, in rows as the cells.
        frames: drawn into the gaps between the cells.
    """
    height, width = rows[0][0].shape[:2]
    font = font_of(11)
    indent = max((int(font.getlength(label)) for label in left), default=-6) + 6
    top = 16 if above else 0
    down, across = height + SPACE + (SPACE + 13 if captions else 0), width + SPACE
    ground = (across * len(rows[0]) + SPACE, down * len(rows) + SPACE)
    size = (top + ground[1] + 14 * len(below), indent + ground[0])
    pixels = np.full((*size, 3), PAPER, np.uint8)
    for r, cells in enumerate(rows):
        y, end = top + r * down, indent + across * len(cells) + SPACE
        pixels[y : y + height + 2 * SPACE, indent:end] = GAP
        for c, cell in enumerate(cells):
            x = indent + SPACE + c * across
            pixels[y + SPACE :, x:][:height, :width] = cell
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for frame in frames:
        x, y = indent + SPACE + frame.cells.start * across, top + SPACE + frame.row * down
        end = (indent + frame.cells.stop * across + 2, y + height + 2)
        draw.rectangle((x - 3, y - 3, *end), outline=frame.colour, width=2)
    middles = [top + SPACE + r * down + height / 2 for r in range(len(left))]
    centres = [indent + SPACE + c * across + width / 2 for c in range(len(rows[0]))]
    write(image, [(indent - 4, y) for y in middles], left, font, "rm")
    write(image, [(x, top - 3) for x in centres[: len(above)]], above, font, "mb")
    lines = [(top + ground[1] + 2 + 14 * line, labels) for line, labels in enumerate(below)]
    under = top + height + 2 * SPACE + 1
    lines += [(under + r * down, labels) for r, labels in enumerate(captions)]
    for y, labels in lines:
        write(image, [(x, y) for x in centres[: len(labels)]], labels, font, "ma")
    return image


def page(
    grid: Image.Image,
    caption: Sequence[str],
    notes: Sequence[str] = (),
    bar: Image.Image | None = None,
    legend: Sequence[tuple[str, Colour]] = (),
) -> Image.Image:
    """The grid with its caption above; its legend, its scale and its notes below."""
    width = max(grid.width, _NARROWEST)
    above, below = font_of(15), font_of(12)
    bar = bar or Image.new("RGB", (0, 0), PAPER)
    indent = bar.width + 2 * SPACE if bar.width else 0
    head = _lines(caption, above, width)
    foot = _lines(notes, below, width - indent)
    marks = _legend(legend, below, width)
    top = 21 * len(head) + 6
    bottom = max(16 * len(foot), bar.height)
    size = (width + 2 * MARGIN, grid.height + top + marks.height + bottom + 2 * MARGIN + 6)
    image = Image.new("RGB", size, PAPER)
    image.paste(grid, (MARGIN, MARGIN + top))
    y = MARGIN + top + grid.height + 6
    image.paste(marks, (MARGIN, y))
    y += marks.height
    image.paste(bar, (MARGIN, y))
    x = MARGIN + indent
    write(image, [(MARGIN, MARGIN + 21 * i) for i in range(len(head))], head, above)
    write(image, [(x, y + 16 * i) for i in range(len(foot))], foot, below)
    return image


def _legend(marks: Sequence[tuple[str, Colour]], font: Font, width: int) -> Image.Image:
    """Frames and what they mean, in as many lines as they need."""
    places, x, line = [], 0, 0
    for name, _ in marks:
        long = 18 + int(font.getlength(name))
        if x + long > width:
            x, line = 0, line + 1
        places.append((x, 18 * line))
        x += long + 14
    image = Image.new("RGB", (width, 18 * (line + 1) if places else 0), PAPER)
    draw = ImageDraw.Draw(image)
    for (x, y), (_, colour) in zip(places, marks, strict=True):
        draw.rectangle((x, y + 2, x + 12, y + 13), outline=colour, width=2)
    write(image, [(x + 18, y) for x, y in places], [name for name, _ in marks], font)
    return image


def scale(limit: float, coloured: bool = False, least: float | None = None) -> Image.Image:
    """The colours from -limit over 0 to limit, with their numbers; or from least to limit."""
    font = font_of(12)
    least = -limit if least is None else least
    ramp = np.linspace(least, limit, 101)[np.newaxis]
    colours = in_colour(np.stack([ramp] * 3, -1), limit) if coloured else blue_to_red(ramp, limit)
    ends = [f"{least:.2g}", f"{limit:.2g}"]
    left, right = (int(font.getlength(end)) + 5 for end in ends)
    image = Image.new("RGB", (left + 101 + right, 16), PAPER)
    image.paste(Image.fromarray(colours.repeat(10, axis=0)), (left, 2))
    draw = ImageDraw.Draw(image)
    draw.rectangle((left - 1, 1, left + 101, 12), outline=GAP)
    write(image, [(left - 4, 7)], ends[:1], font, "rm")
    write(image, [(left + 106, 7)], ends[1:], font, "lm")
    return image


def write(
    image: Image.Image,
    places: Sequence[tuple[float, float]],
    texts: Sequence[str],
    font: Font,
    anchor: str = "la",
) -> None:
    """Text in eight greys, so that a picture fits a palette of 256 colours and stays small."""
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for place, text in zip(places, texts, strict=True):
        draw.text(place, text, 255, font, anchor)
    box = mask.getbbox()  # pasting all of a large picture takes long
    if box:
        image.paste(INK, box, mask.crop(box).point(lambda level: level // 32 * 255 // 7))


def _lines(parts: Sequence[str], font: Font, width: int) -> list[str]:
    """Parts joined to lines that fit."""
    lines = [""]
    for part in filter(None, parts):
        part = shortened(part, font, width)
        longer = f"{lines[-1]}   {part}" if lines[-1] else part
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [line for line in lines if line]


def shortened(text: str, font: Font, width: int) -> str:
    """A text that fits: a long one keeps its start and its end."""
    while font.getlength(text) > width:
        middle = len(text) // 2
        text = f"{text[: middle - 1]}…{text[middle + 2 :]}"
    return text


@cache
def font_of(size: int) -> Font:
    """Pillow's own."""
    return ImageFont.load_default(size)
