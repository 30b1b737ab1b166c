"""Windows of kernels as cells of a picture: how large they are drawn, and their pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_filterwatch.draw.colours import (
    LIGHT_GREY,
    Pixels,
    blue_to_red,
    colours_around_grey,
    enlarge,
    palette_place,
)
from keras_filterwatch.kernels import Array, Kernel

MAX_SIDE = 1900  # pixels of a picture, without its caption and margins
SPACE = 6  # pixels between two cells

_STRIP_HEIGHT = 16  # pixels of a 1-D window
_MAX_TAP = 16  # pixels of a tap


class WindowFormat(NamedTuple):
    """How windows of one size are drawn.

    Attributes:
        taps: a slice for each spatial axis, which picks the taps that are drawn.
        tap_size: pixels of the picture for each tap, along each axis.
        columns: how many windows fit beside each other.
        rows: how many windows fit below each other.
        note: which taps are left out; empty if all are drawn.
    """

    taps: tuple[slice, ...]
    tap_size: int
    columns: int
    rows: int
    note: str


def window_format(spatial: Sequence[int], target: int, min_tap_size: int) -> WindowFormat:
    """Returns how windows of the size `spatial` are drawn, about `target` pixels wide.

    Of windows that are larger than a picture, only each second, third, ... tap is drawn.

    Example:
        >>> window_format((3, 3), target=60, min_tap_size=2).tap_size
        16
        >>> window_format((5000,), target=60, min_tap_size=1).note
        '1 of 3 taps along each axis'
    """
    taps_of_picture, every = tuple(spatial), 1
    while max(_taps_down_and_across(taps_of_picture)) > MAX_SIDE:
        every += 1
        taps_of_picture = tuple(-(-size // every) for size in spatial)
    down, across = _taps_down_and_across(taps_of_picture)
    tap_size = max(min_tap_size, min(_MAX_TAP, round(target / max(taps_of_picture))))
    tap_size = min(tap_size, MAX_SIDE // max(down, across))
    height = down * tap_size if len(spatial) > 1 else _STRIP_HEIGHT
    return WindowFormat(
        taps=(slice(None, None, every),) * len(spatial),
        tap_size=tap_size,
        columns=MAX_SIDE // (across * tap_size + SPACE) or 1,
        rows=MAX_SIDE // (height + SPACE) or 1,
        note=f"1 of {every} taps along each axis" if every > 1 else "",
    )


def _taps_down_and_across(spatial: Sequence[int]) -> tuple[int, int]:
    """Returns height and width of a window in taps, where depths stand side by side."""
    if len(spatial) < 3:
        return (spatial[0] if len(spatial) == 2 else 1), spatial[-1]
    return spatial[1], spatial[0] * (spatial[2] + 1)


def fits_one_cell(kernel: Kernel) -> bool:
    """True if a cell can show a whole filter: it has one channel, or three as colours."""
    return kernel.channels == 1 or (len(kernel.spatial) == 2 and kernel.channels == 3)


def cells(windows: Array, limit: float, tap_size: int) -> Pixels:
    """Returns the pixels of windows `(windows, *spatial, channels)` with one channel or three.

    Three channels are drawn in colour, `(windows, height, width, 3)`; one from blue to red, as
    places in the palette, `(windows, height, width)`. Both have full colour at `limit`. The depths
    of 3-D windows stand side by side.
    """
    if windows.shape[-1] == 3:
        return enlarge(colours_around_grey(windows, limit), tap_size, axis=1)
    pixels = blue_to_red(windows[..., 0], limit)
    if pixels.ndim == 2:
        lines = pixels.repeat(tap_size, axis=1)
        return lines[:, np.newaxis].repeat(_STRIP_HEIGHT, axis=1)
    pixels = enlarge(pixels, tap_size, axis=pixels.ndim - 2)
    return pixels if pixels.ndim == 3 else _side_by_side(pixels)


def channel_pixels(window: Array, limit: float, tap_size: int) -> Pixels:
    """Returns the pixels of a window `(*spatial,)` from blue to red, as `cells` does."""
    pixels: Pixels = cells(window[np.newaxis, ..., np.newaxis], limit, tap_size)[0]
    return pixels


def _side_by_side(images: Pixels) -> Pixels:
    """Returns `(windows, depths, height, width)` with the depths beside each other, and gaps."""
    count, depths, height, width = images.shape
    pixels = np.full((count, height, depths, width + 1), palette_place(LIGHT_GREY), np.uint8)
    pixels[..., :width] = np.moveaxis(images, 1, 2)
    side_by_side: Pixels = pixels.reshape(count, height, -1)[..., :-1]
    return side_by_side
