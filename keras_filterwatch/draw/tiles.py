"""Labelled tiles: windows in the input's shape on white paper, each with its own words."""

import math
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from keras_filterwatch.draw import canvas
from keras_filterwatch.kernels import Array

MAX_CHANNELS = 8  # that stand side by side in a tile

_FONT, _GAP, _LINE, _APART, _NARROWEST = 12, 8, 15, 14, 620
_WIDEST_LABEL, _WIDEST_TEXT = 150, 120  # left of a row, at a tile
_ROOM = canvas.WIDEST - _WIDEST_LABEL - 2 * _APART


@dataclass(frozen=True)
class Tile:
    """A picture, a line of text above and one below, and the colour of its outline."""

    pixels: canvas.Pixels
    above: str = ""
    below: str = ""
    outline: canvas.Colour = canvas.GAP


@dataclass(frozen=True)
class Fit:
    """How windows become tiles of one size.

    Attributes:
        nth: one of so many pixels along each axis is drawn.
        size: pixels of the picture per pixel of the window.
        channels: those drawn side by side; one, or three in colour, need not be chosen.
        across: tiles that fit beside each other.
        down: rows that fit below each other.
        notes: what is left out.
    """

    nth: int
    size: int
    channels: tuple[int, ...]
    across: int
    down: int
    notes: tuple[str, ...]

    @property
    def coloured(self) -> bool:
        """Whether windows are drawn in colour around grey."""
        return not self.channels

    def tile(self, window: Array, limit: float) -> canvas.Pixels:
        """A window `(height, width, channels)` or `(height, width)` of numbers, zero in between."""
        window = self.thinned(window)
        if window.ndim == 2:
            return canvas.window_tile(window, limit, self.size)
        if self.coloured:
            return canvas.enlarged(canvas.in_colour(window, limit), self.size)
        side_by_side = np.moveaxis(window[..., self.channels], -1, 0)
        return canvas.window_tile(side_by_side, limit, self.size)

    def thinned(self, window: Array) -> Array:
        """The pixels that are drawn."""
        return window[:: self.nth, :: self.nth]


def fitted(
    strengths: Array, spatial: Sequence[int], target: int, text: str, columns: int = 1
) -> Fit:
    """A fit for so many columns of tiles that are as large as the target where possible.

    Args:
        strengths: how strong each channel is, `(channels,)`: of many, the strongest are drawn.
        spatial: height and width of the windows.
        target: pixels of a tile's longer side.
        text: the longest that is written over a tile.
        columns: tiles that must fit beside each other.

    Raises:
        ValueError: they do not.
    """
    channels = _drawn_channels(strengths)
    beside = len(channels) or 1
    longest = min(_WIDEST_TEXT, int(canvas.font_of(_FONT).getlength(text)) + 1)
    most = _ROOM // (max(longest, 24 * beside) + _GAP)
    if columns > most:
        raise ValueError(
            f"{columns} tiles do not fit beside each other, at most {most} do: ask for fewer "
            "units or classes."
        )
    room = (_ROOM // columns - _GAP) // beside - 1
    nth = max(1, -(-spatial[1] // room), -(-spatial[0] // (canvas.WIDEST - 3 * _LINE)))
    height, width = (-(-size // nth) for size in spatial)
    size = max(1, min(16, target // max(height, width), room // width))
    wide = max(beside * (width * size + 1), longest)
    notes = [f"1 of {nth} pixels along each axis"] if nth > 1 else []
    if beside > 1:
        which = "all" if beside == len(strengths) else "the strongest"
        numbers = ", ".join(map(str, channels))
        notes.append(f"side by side {which} of {len(strengths)} channels: {numbers}")
    down = canvas.WIDEST // (height * size + 2 * _LINE + _GAP) or 1
    return Fit(nth, size, channels, _ROOM // (wide + _GAP), down, tuple(notes))


def _drawn_channels(strengths: Array) -> tuple[int, ...]:
    if len(strengths) == 3:
        return ()
    strongest = np.argsort(-np.nan_to_num(strengths, nan=np.inf), kind="stable")[:MAX_CHANNELS]
    return tuple(map(int, np.sort(strongest)))


def in_rows(tiles: Sequence[Tile], fit: Fit) -> list[Sequence[Tile]]:
    """Tiles in reading order, in rows that fit and leave few places free."""
    least = min(fit.across, max(-(-len(tiles) // fit.down), math.ceil(math.sqrt(len(tiles)))))
    widths = range(least, min(2 * least, fit.across) + 1)
    across = min(widths, key=lambda width: (-len(tiles) % width, width))
    return [tiles[start : start + across] for start in range(0, len(tiles), across)]


def grid_of(
    rows: Sequence[Sequence[Tile]], left: Sequence[str] = (), apart: Sequence[int] = ()
) -> Image.Image:
    """Rows of tiles on white, with a label left of each, and more room before some columns."""
    font = canvas.font_of(_FONT)
    tiles = [tile for row in rows for tile in row]
    height, width = tiles[0].pixels.shape[:2]
    above = [canvas.shortened(tile.above, font, _WIDEST_TEXT) for tile in tiles]
    below = [canvas.shortened(tile.below, font, _WIDEST_TEXT) for tile in tiles]
    wide = max(width, *(int(font.getlength(text)) + 1 for text in above + below)) + _GAP
    over = _LINE * any(above) + 1
    high = over + height + _LINE * any(below) + _GAP
    left = [canvas.shortened(label, font, _WIDEST_LABEL) for label in left]
    indent = max((int(font.getlength(label)) + _GAP for label in left), default=0)
    corners = [
        indent + c * wide + (wide - _GAP - width) // 2 + 1 + _APART * sum(a <= c for a in apart)
        for c in range(max(map(len, rows)))
    ]
    across = max(indent + len(corners) * wide + len(apart) * _APART, _NARROWEST)
    image = Image.new("RGB", (across, len(rows) * high), canvas.PAPER)
    draw = ImageDraw.Draw(image)
    middles, bottoms = [], []
    for r, row in enumerate(rows):
        y = r * high + over
        for x, tile in zip(corners, row, strict=False):
            outline = (x - 1, y - 1, x + width, y + height)
            if tile.outline != canvas.GAP:  # a mark is twice as wide
                draw.rectangle((x - 2, y - 2, x + width + 1, y + height + 1), tile.outline)
            draw.rectangle(outline, tile.outline)
            image.paste(Image.fromarray(tile.pixels), (x, y))
            middles.append((x + width / 2, y - 3.0))
            bottoms.append((x + width / 2, y + height + 2.0))
    canvas.write(image, middles, above, font, "mb")
    canvas.write(image, bottoms, below, font, "ma")
    heights = [r * high + over + height / 2 for r in range(len(left))]
    canvas.write(image, [(indent - _GAP, y) for y in heights], left, font, "rm")
    return image


def scales(limits: Sequence[tuple[str, float, bool]]) -> Image.Image:
    """The scales of a picture that has several: what each is for, its limit, whether in colour."""
    font = canvas.font_of(12)
    bars = [canvas.scale(limit, coloured) for _, limit, coloured in limits]
    indent = max(int(font.getlength(name)) for name, _, _ in limits) + 6
    size = (indent + max(bar.width for bar in bars), 18 * len(bars))
    image = Image.new("RGB", size, canvas.PAPER)
    for i, bar in enumerate(bars):
        image.paste(bar, (indent, 18 * i))
    places = [(0.0, 18.0 * i + 7) for i in range(len(bars))]
    canvas.write(image, places, [name for name, _, _ in limits], font, "lm")
    return image


def chosen(what: str, wanted: Iterable[int] | int | None, there_are: int) -> list[int]:
    """The indices asked for, checked; all where none are.

    Raises:
        TypeError: what is no index.
        ValueError: none, or one that is not there.
    """
    if wanted is None:
        return list(range(there_are))
    several = wanted if isinstance(wanted, Iterable) else [wanted]
    try:
        indices = [operator.index(each) for each in several]
    except TypeError as error:
        raise TypeError(f"{what}={wanted!r}: whole numbers are needed, such as [0, 1].") from error
    if not indices:
        raise ValueError(f"{what}: none are asked for; name some, or leave it out.")
    absent = [index for index in indices if not 0 <= index < there_are]
    if absent:
        raise ValueError(f"{what} {absent} are not there: there are 0 to {there_are - 1}.")
    return indices


def signed(number: float, digits: int) -> str:
    """So many digits, with their sign."""
    return f"{number:+#.{digits}g}".rstrip(".") if np.isfinite(number) else str(number)
