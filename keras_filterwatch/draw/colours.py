"""Numbers as colours: from blue to red, in colour around grey, or as a photograph."""

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import Array

Pixels = NDArray[np.uint8]
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

_BLUE_TO_RED = (  # RdBu of ColorBrewer, which people with any colour vision tell apart
    *((5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240)),
    WHITE,
    *((253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31)),
)
_PALETTE_PLACES = np.linspace(0, len(_BLUE_TO_RED) - 1, 127)
_PALETTE: Pixels = np.stack(
    [
        np.interp(_PALETTE_PLACES, range(len(_BLUE_TO_RED)), channel)
        for channel in zip(*_BLUE_TO_RED, strict=True)
    ],
    axis=-1,
).astype(np.uint8)
_MAGENTA: Pixels = np.array((230, 0, 126), np.uint8)  # numbers that are not finite


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
    """Returns pixels `(..., 3)`: blue at -limit, white at zero, red at limit, magenta for NaN.

    Example:
        >>> blue_to_red(np.array([0.0, 1.0]), limit=1.0).tolist()
        [[255, 255, 255], [103, 0, 31]]
    """
    places = np.clip(np.nan_to_num(values / limit), -1, 1) * 63 + 63
    is_finite = np.isfinite(values)[..., np.newaxis]
    return np.where(is_finite, _PALETTE[places.round().astype(int)], _MAGENTA)


def colours_around_grey(values: Array, limit: float) -> Pixels:
    """Returns three channels `(..., 3)` as red, green and blue, where zero is grey.

    Example:
        >>> colours_around_grey(np.array([1.0, 0.0, -1.0]), limit=1.0).tolist()
        [255, 128, 1]
    """
    levels = np.clip(np.nan_to_num(values / limit), -1, 1) * 127 + 128
    is_finite = np.isfinite(values).all(axis=-1, keepdims=True)
    return np.where(is_finite, levels.round().astype(np.uint8), _MAGENTA)


def photograph(values: Array, low: float, high: float) -> Pixels:
    """Returns images `(..., 1)` in 64 greys, or `(..., 3)` in colour: black at low, white at high.

    Example:
        >>> photograph(np.array([[2.0], [3.0]]), low=2.0, high=3.0).tolist()
        [[0, 0, 0], [255, 255, 255]]
    """
    levels = np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1) * 63
    is_finite = np.isfinite(values).all(axis=-1, keepdims=True)
    pixels = (levels.round() * (255 / 63)).round().astype(np.uint8)
    return np.where(is_finite, pixels, _MAGENTA)


def enlarge(pixels: Pixels, size: int) -> Pixels:
    """Returns an image in which each pixel is a square of `size` pixels."""
    return pixels.repeat(size, axis=0).repeat(size, axis=1)
