"""Kernels in, pictures out: what the filters of a layer look like at one step."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from keras_filterwatch.kernels import Array, Kernel, Snapshot, nearest
from keras_filterwatch.scoring import LayerScores, Scores, score, snapshot_of

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MAX_FILTERS = 256  # tiles on a sheet
MAX_ROWS = MAX_COLUMNS = 32  # filters and channels in a matrix

INK: Colour = (45, 45, 45)
PAPER: Colour = (255, 255, 255)
GAP: Colour = (180, 180, 180)
DEAD: Colour = (0, 0, 0)  # frame of a dead filter
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

_MARGIN, _SPACE, _STRIP, _NARROWEST, _WIDEST = 12, 4, 16, 440, 1900


def filters(
    source: Any, layer: Any = None, *, step: int | None = None, scores: Scores | None = None
) -> Image.Image:
    """One labelled picture of a layer's filters; shows itself in a notebook.

    One channel is drawn from blue over white, which is zero, to red; three channels in colour,
    where grey is zero; more as a matrix with a row per filter and the strongest channels as
    columns. One scale serves the whole picture, so that weak filters look weak. A dead filter has
    a black frame, a weight that is not finite is magenta.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        layer: its name, or, of a model, the layer or a pattern; the first with a window larger
            than 1 is drawn if there are several, or if it is None.
        step: for the caption; a `Snapshot` knows its own.
        scores: those of `source`, to save computing them.

    Raises:
        ValueError: no layer of that name, or none with a window to draw.
    """
    snapshot = snapshot_of(source, layer)
    kernel = _chosen(snapshot, layer if isinstance(source, Snapshot | Mapping) else None)
    if scores is None:
        scores = score(Snapshot(snapshot.step, (kernel,)))
    if step is None and isinstance(source, Snapshot):
        step = snapshot.step
    measured = scores[kernel.name]
    coloured = len(kernel.spatial) == 2 and kernel.channels == 3
    if coloured or kernel.channels == 1:
        return _sheet(kernel, measured, step, coloured)
    return _matrix(kernel, measured, step)


def _chosen(snapshot: Snapshot, name: str | None) -> Kernel:
    names = [kernel.name for kernel in snapshot.kernels]
    if name is not None and name not in names:
        raise ValueError(f"no kernel is called {name!r}; {nearest(name, names)}.")
    wanted = [kernel for kernel in snapshot.kernels if name in (None, kernel.name)]
    for kernel in wanted:
        if kernel.has_window:
            return kernel
    raise ValueError(
        f"there is nothing to draw: none of {[kernel.name for kernel in wanted]} has a window "
        "larger than 1. A Dense layer has one where it reads an image through a Flatten layer."
    )


def _sheet(kernel: Kernel, measured: LayerScores, step: int | None, coloured: bool) -> Image.Image:
    """Filters as tiles in reading order."""
    few = kernel.filters <= 64
    spatial, nth, thinned = _thinned(kernel.spatial)
    size, across, down = _layout(spatial, 60, least=3 if few else 2)
    across = min(8 if few else 16, across)
    shown = min(kernel.filters, MAX_FILTERS, across * down)
    weights = kernel.array[nth][..., :shown].astype(np.float64)
    limit = _limit(weights)
    if coloured:
        tiles = [_enlarged(_in_colour(weights[..., f], limit), size) for f in range(shown)]
    else:
        tiles = [_slice(weights[..., 0, f], limit, size) for f in range(shown)]
    rows = [tiles[start : start + across] for start in range(0, shown, across)]
    frames = [(f // across, slice(f % across, f % across + 1)) for f in _dead(measured, shown)]
    grid = _grid(rows, [str(start) for start in range(0, shown, across)], [], frames)
    notes = [_first(shown, kernel.filters, "filters"), thinned]
    return _page(grid, _caption(kernel, measured, step), notes, limit, coloured)


def _matrix(kernel: Kernel, measured: LayerScores, step: int | None) -> Image.Image:
    """A row per filter, a column per channel, the strongest channels first."""
    spatial, nth, thinned = _thinned(kernel.spatial)
    size, across, down = _layout(spatial, 18, least=3)
    shown = min(kernel.filters, MAX_ROWS, down)
    rows = kernel.array[nth][..., :shown].astype(np.float64)
    with np.errstate(all="ignore"):
        strength = np.square(rows).sum(axis=(*range(rows.ndim - 2), -1))
    strength[~np.isfinite(strength)] = np.inf  # what diverged is to be seen
    strongest = np.argsort(-strength, kind="stable")[: min(MAX_COLUMNS, across)]
    weights = rows[..., strongest, :]
    limit = _limit(weights)
    cells = [
        [_slice(weights[..., c, f], limit, size) for c in range(len(strongest))]
        for f in range(shown)
    ]
    frames = [(f, slice(0, len(strongest))) for f in _dead(measured, shown)]
    grid = _grid(cells, [str(f) for f in range(shown)], [str(c) for c in strongest], frames)
    notes = [
        "rows: filters, columns: channels",
        _first(shown, kernel.filters, "filters"),
        _first(len(strongest), kernel.channels, "channels", "strongest"),
        thinned,
    ]
    return _page(grid, _caption(kernel, measured, step), notes, limit, False)


def _dead(measured: LayerScores, shown: int) -> list[int]:
    return [int(f) for f in np.flatnonzero(measured.filters["dead"][:shown])]


def _first(shown: int, there_are: int, what: str, which: str = "first") -> str:
    return f"{which} {shown} of {there_are} {what}" if shown < there_are else ""


def _limit(weights: Array) -> float:
    """What full colour stands for: nearly the largest weight, so that no outlier pales the rest."""
    size = np.abs(weights[np.isfinite(weights)])
    return float(np.quantile(size, 0.995)) or 1.0 if size.size else 1.0


def _size(spatial: Sequence[int]) -> tuple[int, int]:
    """Height and width of a slice, in taps: depths stand side by side."""
    if len(spatial) < 3:
        return (spatial[0] if len(spatial) == 2 else 1), spatial[-1]
    return spatial[1], spatial[0] * (spatial[2] + 1)


def _thinned(spatial: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[slice, ...], str]:
    """Windows too large for a picture lose taps evenly: their new size, how, and a note on it."""
    nth, fewer = 1, spatial
    while max(_size(fewer)) > _WIDEST:
        nth += 1
        fewer = tuple(-(-size // nth) for size in spatial)
    note = f"1 of {nth} taps along each axis" if nth > 1 else ""
    return fewer, (slice(None, None, nth),) * len(spatial), note


def _layout(spatial: Sequence[int], target: int, least: int) -> tuple[int, int, int]:
    """Pixels per tap, for windows about as wide as the target, and how many fit across and down."""
    height, width = _size(spatial)
    size = max(least, min(16, round(target / max(spatial))))
    size = min(size, _WIDEST // max(height, width))
    tall = height * size if len(spatial) > 1 else _STRIP
    return size, _WIDEST // (width * size + _SPACE) or 1, _WIDEST // (tall + _SPACE) or 1


def _slice(window: Array, limit: float, size: int) -> Pixels:
    """One spatial window, blue to red; the depths of a 3-D window stand side by side."""
    if window.ndim == 1:
        return _blue_to_red(window[np.newaxis], limit).repeat(_STRIP, axis=0).repeat(size, axis=1)
    if window.ndim == 2:
        return _enlarged(_blue_to_red(window, limit), size)
    gap = np.full((window.shape[1] * size, 1, 3), GAP, np.uint8)
    parts = [part for depth in window for part in (gap, _slice(depth, limit, size))]
    return np.concatenate(parts[1:], axis=1)


def _blue_to_red(values: Array, limit: float) -> Pixels:
    shade = np.clip(np.nan_to_num(values / limit), -1, 1) * 63 + 63
    return np.where(
        np.isfinite(values)[..., np.newaxis], _PALETTE[shade.round().astype(int)], _BROKEN
    )


def _in_colour(values: Array, limit: float) -> Pixels:
    level = np.clip(np.nan_to_num(values / limit), -1, 1) * 127 + 128
    whole = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(whole, level.round().astype(np.uint8), _BROKEN)


def _enlarged(pixels: Pixels, size: int) -> Pixels:
    return pixels.repeat(size, axis=0).repeat(size, axis=1)


def _grid(
    rows: list[list[Pixels]],
    row_labels: list[str],
    column_labels: list[str],
    frames: list[tuple[int, slice]],
) -> Image.Image:
    """Cells of one size on a grey ground, labelled; frames go around ranges of cells in a row."""
    height, width = rows[0][0].shape[:2]
    font = _font(11)
    left = max(int(font.getlength(label)) for label in row_labels) + 6
    top = 16 if column_labels else 0
    down, across = height + _SPACE, width + _SPACE
    ground = (across * len(rows[0]) + _SPACE, down * len(rows) + _SPACE)
    image = Image.new("RGB", (left + ground[0], top + ground[1]), PAPER)
    draw = ImageDraw.Draw(image)
    for r, cells in enumerate(rows):
        y = top + r * down
        end = (left + across * len(cells) + _SPACE - 1, y + down + _SPACE - 1)
        draw.rectangle((left, y, *end), fill=GAP)
        for c, cell in enumerate(cells):
            image.paste(Image.fromarray(cell), (left + _SPACE + c * across, y + _SPACE))
    for r, span in frames:
        start = (left + span.start * across + 1, top + r * down + 1)
        end = (left + span.stop * across + _SPACE - 2, top + (r + 1) * down + _SPACE - 2)
        draw.rectangle((*start, *end), outline=DEAD, width=2)
    middles = [top + _SPACE + r * down + height / 2 for r in range(len(rows))]
    centres = [left + _SPACE + c * across + width / 2 for c in range(len(column_labels))]
    _write(image, [(left - 4, y) for y in middles], row_labels, font, "rm")
    _write(image, [(x, top - 3) for x in centres], column_labels, font, "mb")
    return image


def _caption(kernel: Kernel, measured: LayerScores, step: int | None) -> list[str]:
    dead = int(measured.filters["dead"].sum())
    noise = f"{measured['noise']:.2f}" if "noise" in measured else "undefined"
    shape = "x".join(map(str, (*kernel.spatial, kernel.channels)))
    return [
        kernel.name,
        f"{kernel.layer_type} {shape}, {kernel.filters} filters".strip(),
        "" if step is None else f"step {step}",
        f"noise {noise}",
        f"dead {dead} of {kernel.filters} ({dead / kernel.filters:.0%})",
    ]


def _page(
    grid: Image.Image, caption: list[str], notes: list[str], limit: float, coloured: bool
) -> Image.Image:
    """The grid with its caption above, its notes and its scale below."""
    width = max(grid.width, _NARROWEST)
    above, below = _font(15), _font(12)
    bar = _scale(limit, coloured, below)
    head = _lines(caption, above, width)
    foot = _lines(notes, below, width - bar.width - 3 * _SPACE)
    top, bottom = 21 * len(head) + 6, max(16 * len(foot), bar.height)
    size = (width + 2 * _MARGIN, grid.height + top + bottom + 2 * _MARGIN + 6)
    image = Image.new("RGB", size, PAPER)
    image.paste(grid, (_MARGIN, _MARGIN + top))
    x, y = _MARGIN + bar.width + 3 * _SPACE, _MARGIN + top + grid.height + 6
    image.paste(bar, (_MARGIN, y))
    _write(image, [(_MARGIN, _MARGIN + 21 * i) for i in range(len(head))], head, above)
    _write(image, [(x, y + 16 * i) for i in range(len(foot))], foot, below)
    return image


def _scale(limit: float, coloured: bool, font: Font) -> Image.Image:
    """The colours from -limit over 0 to limit, with their numbers."""
    ramp = np.linspace(-limit, limit, 101)[np.newaxis]
    colours = _in_colour(np.stack([ramp] * 3, -1), limit) if coloured else _blue_to_red(ramp, limit)
    ends = [f"{-limit:.2g}", f"{limit:.2g}"]
    left, right = (int(font.getlength(end)) + 5 for end in ends)
    image = Image.new("RGB", (left + 101 + right, 16), PAPER)
    image.paste(Image.fromarray(colours.repeat(10, axis=0)), (left, 2))
    draw = ImageDraw.Draw(image)
    draw.rectangle((left - 1, 1, left + 101, 12), outline=GAP)
    _write(image, [(left - 4, 7)], ends[:1], font, "rm")
    _write(image, [(left + 106, 7)], ends[1:], font, "lm")
    return image


def _write(
    image: Image.Image,
    places: list[tuple[float, float]],
    texts: list[str],
    font: Font,
    anchor: str = "la",
) -> None:
    """Text in eight greys, so that a picture fits a palette of 256 colours and stays small."""
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for place, text in zip(places, texts, strict=True):
        draw.text(place, text, 255, font, anchor)
    image.paste(INK, None, mask.point(lambda level: level // 32 * 255 // 7))


def _lines(parts: list[str], font: Font, width: int) -> list[str]:
    """Parts joined to lines that fit."""
    lines = [""]
    for part in filter(None, parts):
        while font.getlength(part) > width:  # a long name keeps its start and its end
            middle = len(part) // 2
            part = f"{part[: middle - 2]}…{part[middle + 2 :]}"
        longer = f"{lines[-1]}   {part}" if lines[-1] else part
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return [line for line in lines if line]


@cache
def _font(size: int) -> Font:
    return ImageFont.load_default(size)
