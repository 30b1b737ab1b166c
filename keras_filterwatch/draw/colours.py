"""Numbers as colours: from blue to red, in colour around grey, or as a photograph."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import Array

Pixels = NDArray[np.uint8]  # (height, width) places in PALETTE, or (height, width, 3) in RGB
Colour = tuple[int, int, int]

DARK_GREY: Colour = (45, 45, 45)  # text
LIGHT_GREY: Colour = (180, 180, 180)  # the ground that cells lie on, and thin lines
WHITE: Colour = (255, 255, 255)

# Each filter gets at most one frame. The colours are those of Okabe and Ito (2008), which people
# with any colour vision tell apart.
FRAME_COLOURS: dict[str, Colour] = {
    "dead": (0, 0, 0),
    "duplicate": (240, 228, 66),
    "blob": (230, 159, 0),
    "edge": (0, 114, 178),
    "colour": (204, 121, 167),
    "checkered": (213, 94, 0),
    "smooth": (0, 158, 115),
    "noise-like": (110, 110, 110),
}
_MAGENTA: Colour = (230, 0, 126)  # numbers that are not finite

_BLUE_TO_RED = (  # RdBu of ColorBrewer, which people with any colour vision tell apart
    *((5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240)),
    WHITE,
    *((253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31)),
)
# Scores, as on the page (view/page/colours.js): both become darker all the way.
_GOOD_TO_BAD = ((228, 238, 241), (248, 227, 172), (242, 169, 90), (207, 90, 35), (123, 30, 12))
_LOW_TO_HIGH = ((233, 238, 247), (169, 192, 226), (95, 139, 203), (44, 84, 153), (15, 42, 94))
_SCORE_LEVELS = 23
_TEXT_LEVELS = [level * 255 // 7 for level in range(8)]  # from white to the grey of letters
_PHOTOGRAPH_GREYS = 64


def _between(colours: Sequence[Colour], count: int) -> Array:
    """Returns `(count, 3)` colours, evenly between those given."""
    places = np.linspace(0, len(colours) - 1, count)
    channels = [np.interp(places, range(len(colours)), each) for each in zip(*colours, strict=True)]
    return np.stack(channels, axis=-1).astype(int)


# Pictures are drawn in one palette: a pixel is a place in it. 8 bits instead of 24 make them three
# times as fast to draw and to compress. Only what is drawn in colour around grey, or a photograph
# in colour, has more colours than a palette can have: its pixels are red, green and blue.
PALETTE: Pixels = np.concatenate(
    [
        _between(_BLUE_TO_RED, 127),
        [_MAGENTA],
        [[round(255 - level * (255 - DARK_GREY[0]) / 255)] * 3 for level in _TEXT_LEVELS],
        [LIGHT_GREY],
        list(FRAME_COLOURS.values()),
        _between(_GOOD_TO_BAD, _SCORE_LEVELS),
        _between(_LOW_TO_HIGH, _SCORE_LEVELS),
        [[round(level * 255 / (_PHOTOGRAPH_GREYS - 1))] * 3 for level in range(_PHOTOGRAPH_GREYS)],
    ]
).astype(np.uint8)
_ZERO, _NOT_FINITE = 63, 127  # the places of white, in the middle of the colours, and of magenta
TEXT_PLACE = 128  # of white, which the greys of letters follow
_PHOTOGRAPH_PLACE = len(PALETTE) - _PHOTOGRAPH_GREYS
_SCORE_PLACE = _PHOTOGRAPH_PLACE - 2 * _SCORE_LEVELS


def palette_place(colour: Colour) -> int:
    """Returns the place of a colour in the palette.

    Example:
        >>> PALETTE[palette_place(LIGHT_GREY)].tolist()
        [180, 180, 180]
    """
    return int((np.array(colour) == PALETTE).all(axis=1).argmax())


def colour_limit(weights: Array) -> float:
    """Returns the absolute weight that gets full colour: the 99.5 % quantile, or else 1.

    With the largest weight instead, one outlier would make all others pale. NaN and infinity are
    ignored.

    Example:
        >>> colour_limit(np.array([-2.0, 2.0, np.nan]))
        2.0
    """
    sizes = np.abs(weights[np.isfinite(weights)])
    return float(np.quantile(sizes, 0.995)) or 1.0 if sizes.size else 1.0


def blue_to_red(values: Array, limit: float) -> Pixels:
    """Returns places in the palette: blue at -limit, white at zero, red at limit, magenta for NaN.

    Example:
        >>> PALETTE[blue_to_red(np.array([0.0, 1.0]), limit=1.0)].tolist()
        [[255, 255, 255], [103, 0, 31]]
    """
    places = np.clip(values / limit, -1, 1) * _ZERO + _ZERO
    places[~np.isfinite(values)] = _NOT_FINITE
    return np.rint(places, out=places).astype(np.uint8)


def colours_around_grey(values: Array, limit: float) -> Pixels:
    """Returns three channels `(..., 3)` as red, green and blue, where zero is grey.

    Example:
        >>> colours_around_grey(np.array([1.0, 0.0, -1.0]), limit=1.0).tolist()
        [255, 128, 1]
    """
    levels = np.clip(values / limit, -1, 1) * 127 + 128
    levels[~np.isfinite(values).all(axis=-1)] = _MAGENTA
    return np.rint(levels, out=levels).astype(np.uint8)


def score_colours(shares: Array, of_quality: bool) -> Pixels:
    """Returns places in the palette: pale at 0, dark at 1. NaN gets any of them.

    Args:
        shares: how far each value is on the way from one end of its score's range to the other.
        of_quality: True for the colours from good, 0, to bad; False for those from low to high.

    Example:
        >>> PALETTE[score_colours(np.array([0.0, 1.0]), of_quality=True)].tolist()
        [[228, 238, 241], [123, 30, 12]]
    """
    levels = np.rint(np.clip(np.nan_to_num(shares), 0, 1) * (_SCORE_LEVELS - 1))
    start = _SCORE_PLACE if of_quality else _SCORE_PLACE + _SCORE_LEVELS
    places: Pixels = (start + levels).astype(np.uint8)
    return places


def photograph(values: Array, low: float, high: float) -> Pixels:
    """Returns an image, black at low and white at high, in 64 levels.

    An image `(height, width, 1)` is returned as places in the palette, `(height, width)`; one in
    colour as `(height, width, 3)`.

    Example:
        >>> PALETTE[photograph(np.array([[[2.0], [3.0]]]), low=2.0, high=3.0)].tolist()
        [[[0, 0, 0], [255, 255, 255]]]
    """
    levels = np.rint(
        np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1) * (_PHOTOGRAPH_GREYS - 1)
    ).astype(int)
    is_finite = np.asarray(np.isfinite(values).all(axis=-1))
    if values.shape[-1] == 1:
        places = np.where(is_finite, _PHOTOGRAPH_PLACE + levels[..., 0], _NOT_FINITE)
        return places.astype(np.uint8)
    pixels: Pixels = PALETTE[_PHOTOGRAPH_PLACE + levels, 0]
    pixels[~is_finite] = _MAGENTA
    return pixels


def enlarge(pixels: Pixels, size: int, axis: int = 0) -> Pixels:
    """Returns images in which each pixel is a square of `size` pixels.

    The axis `axis` is that of the rows; that of the columns follows.
    """
    return pixels.repeat(size, axis=axis + 1).repeat(size, axis=axis)
