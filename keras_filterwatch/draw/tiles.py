"""Labelled tiles on white: windows of Dense kernels and inputs, each with words of its own."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from keras_filterwatch.draw import colours
from keras_filterwatch.draw.indexed import image_of, ink, white_image
from keras_filterwatch.draw.lettering import draw_text, font_of, shorten, text_width
from keras_filterwatch.draw.windows import MAX_SIDE, channel_pixels
from keras_filterwatch.kernels import Array

MAX_CHANNELS = 8  # channels that stand side by side in a tile

_FONT_SIZE, _LINE_HEIGHT = 12, 15
_SPACE, _GROUP_SPACE = 8, 14  # pixels between tiles, and more between groups of columns
_MAX_ROW_LABEL, _MAX_TEXT = 150, 120  # pixels of a label left of a row, and of a text at a tile
_MIN_WIDTH = 620
_MAX_WIDTH = MAX_SIDE - _MAX_ROW_LABEL - 2 * _GROUP_SPACE


@dataclass(frozen=True)
class Tile:
    """A picture, a line of text above and one below it, and the colour of its outline."""

    pixels: colours.Pixels
    above: str = ""
    below: str = ""
    outline: colours.Colour = colours.LIGHT_GREY


@dataclass(frozen=True)
class TileFormat:
    """How windows of one size are drawn as tiles.

    Attributes:
        every: each second, third, ... pixel along each axis is drawn; 1 for all.
        pixel_size: pixels of the picture for each pixel of the window, along each axis.
        channels: those that are drawn side by side; empty for three channels, drawn in colour.
        columns: tiles that fit beside each other.
        rows: rows of tiles that fit below each other.
        notes: what is left out.
    """

    every: int
    pixel_size: int
    channels: tuple[int, ...]
    columns: int
    rows: int
    notes: tuple[str, ...]

    @property
    def is_coloured(self) -> bool:
        """True if windows are drawn in colour around grey."""
        return not self.channels

    def pixels(self, window: Array, limit: float) -> colours.Pixels:
        """Returns the tile of a window `(height, width, channels)` or `(height, width)`.

        Zero is white, or grey in colour; numbers of the size `limit` have full colour.
        """
        window = self.thin(window)
        if window.ndim == 2:
            return channel_pixels(window, limit, self.pixel_size)
        if self.is_coloured:
            return colours.enlarge(colours.colours_around_grey(window, limit), self.pixel_size)
        channels = np.moveaxis(window[..., self.channels], -1, 0)
        return channel_pixels(channels, limit, self.pixel_size)

    def thin(self, window: Array) -> Array:
        """Returns the pixels of a window that are drawn."""
        return window[:: self.every, :: self.every]


def tile_format(
    strengths: Array, spatial: Sequence[int], target: int, text: str, columns: int = 1
) -> TileFormat:
    """Returns how windows are drawn as tiles, as large as the target where there is room.

    Args:
        strengths: how strong each channel is, `(channels,)`: of many, the strongest are drawn.
        spatial: height and width of the windows.
        target: pixels of a tile's longer side.
        text: the longest text over a tile.
        columns: tiles that must fit beside each other.

    Raises:
        ValueError: so many tiles do not fit beside each other.
    """
    channels = _strongest_channels(strengths)
    beside = len(channels) or 1
    widest = min(_MAX_TEXT, int(text_width(text, font_of(_FONT_SIZE))) + 1)
    most = _MAX_WIDTH // (max(widest, 24 * beside) + _SPACE)
    if columns > most:
        raise ValueError(
            f"{columns} tiles do not fit beside each other, at most {most} do: ask for fewer "
            "units or classes."
        )
    max_width = (_MAX_WIDTH // columns - _SPACE) // beside - 1
    every = max(1, -(-spatial[1] // max_width), -(-spatial[0] // (MAX_SIDE - 3 * _LINE_HEIGHT)))
    height, width = (-(-size // every) for size in spatial)
    pixel_size = max(1, min(16, target // max(height, width), max_width // width))
    tile_width = max(beside * (width * pixel_size + 1), widest)
    notes = [f"1 of {every} pixels along each axis"] if every > 1 else []
    if beside > 1:
        which = "all" if beside == len(strengths) else "the strongest"
        numbers = ", ".join(map(str, channels))
        notes.append(f"side by side {which} of {len(strengths)} channels: {numbers}")
    return TileFormat(
        every,
        pixel_size,
        channels,
        columns=_MAX_WIDTH // (tile_width + _SPACE),
        rows=MAX_SIDE // (height * pixel_size + 2 * _LINE_HEIGHT + _SPACE) or 1,
        notes=tuple(notes),
    )


def _strongest_channels(strengths: Array) -> tuple[int, ...]:
    if len(strengths) == 3:
        return ()
    strongest = np.argsort(-np.nan_to_num(strengths, nan=np.inf), kind="stable")[:MAX_CHANNELS]
    return tuple(map(int, np.sort(strongest)))


def tiles_in_rows(tiles: Sequence[Tile], tile_format: TileFormat) -> list[Sequence[Tile]]:
    """Returns tiles in reading order, in rows that fit and leave few places empty."""
    fewest = max(-(-len(tiles) // tile_format.rows), math.ceil(math.sqrt(len(tiles))))
    fewest = min(tile_format.columns, fewest)
    candidates = range(fewest, min(2 * fewest, tile_format.columns) + 1)
    columns = min(candidates, key=lambda count: (-len(tiles) % count, count))
    return [tiles[start : start + columns] for start in range(0, len(tiles), columns)]


def tile_grid(
    rows: Sequence[Sequence[Tile]],
    row_labels: Sequence[str] = (),
    group_starts: Sequence[int] = (),
) -> Image.Image:
    """Returns rows of tiles on white.

    Args:
        rows: tiles of one size; rows may be shorter than others.
        row_labels: a label left of each row.
        group_starts: columns that have more space before them.
    """
    font = font_of(_FONT_SIZE)
    tiles = [tile for row in rows for tile in row]
    height, width = tiles[0].pixels.shape[:2]
    above = [shorten(tile.above, font, _MAX_TEXT) for tile in tiles]
    below = [shorten(tile.below, font, _MAX_TEXT) for tile in tiles]
    widest = max(int(text_width(text, font)) + 1 for text in above + below)
    across = max(width, widest) + _SPACE
    top = _LINE_HEIGHT * any(above) + 1
    down = top + height + _LINE_HEIGHT * any(below) + _SPACE
    row_labels = [shorten(label, font, _MAX_ROW_LABEL) for label in row_labels]
    indent = max((int(text_width(label, font)) + _SPACE for label in row_labels), default=0)
    lefts = [
        indent
        + c * across
        + (across - _SPACE - width) // 2
        + 1
        + _GROUP_SPACE * sum(start <= c for start in group_starts)
        for c in range(max(map(len, rows)))
    ]
    total = indent + len(lefts) * across + len(group_starts) * _GROUP_SPACE
    pictures = [image_of(tile.pixels) for tile in tiles]
    image = white_image((max(total, _MIN_WIDTH), len(rows) * down), *pictures)
    draw = ImageDraw.Draw(image)
    next_picture = iter(pictures)
    places_above, places_below = [], []
    for r, row in enumerate(rows):
        y = r * down + top
        for x, tile in zip(lefts, row, strict=False):
            line = ink(image, tile.outline)
            if tile.outline != colours.LIGHT_GREY:  # an outline that means something is wider
                draw.rectangle((x - 2, y - 2, x + width + 1, y + height + 1), line)
            draw.rectangle((x - 1, y - 1, x + width, y + height), line)
            image.paste(next(next_picture), (x, y))
            places_above.append((x + width / 2, y - 3.0))
            places_below.append((x + width / 2, y + height + 2.0))
    draw_text(image, places_above, above, font, "mb")
    draw_text(image, places_below, below, font, "ma")
    middles = [r * down + top + height / 2 for r in range(len(row_labels))]
    draw_text(image, [(indent - _SPACE, y) for y in middles], row_labels, font, "rm")
    return image


def signed_number(number: float, digits: int) -> str:
    """Returns a number with so many digits and its sign.

    Example:
        >>> signed_number(0.5, 2)
        '+0.50'
    """
    return f"{number:+#.{digits}g}".rstrip(".") if np.isfinite(number) else str(number)
