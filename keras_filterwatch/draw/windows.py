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


def cells(windows: Array, limit: float, tap_size: int) -> list[Pixels]:
    """Returns the pixels of windows `(windows, *spatial, channels)` with one channel or three.

    Three channels are drawn in colour, one from blue to red. Both have full colour at `limit`.
    """
    if windows.ndim != 4:
        return [cell(window, limit, tap_size) for window in windows]
    is_coloured = windows.shape[-1] == 3  # all 2-D windows in one go: it is much faster
    pixels = (
        colours_around_grey(windows, limit) if is_coloured else blue_to_red(windows[..., 0], limit)
    )
    return list(pixels.repeat(tap_size, axis=1).repeat(tap_size, axis=2))


def cell(window: Array, limit: float, tap_size: int) -> Pixels:
    """Returns the pixels of one window `(*spatial, channels)`, as `cells` does."""
    if window.shape[-1] == 3:
        return enlarge(colours_around_grey(window, limit), tap_size)
    return channel_pixels(window[..., 0], limit, tap_size)


def channel_pixels(window: Array, limit: float, tap_size: int) -> Pixels:
    """Returns the pixels of a window `(*spatial,)` from blue to red.

    The depths of a 3-D window stand side by side.
    """
    if window.ndim == 1:
        row = blue_to_red(window[np.newaxis], limit)
        return row.repeat(_STRIP_HEIGHT, axis=0).repeat(tap_size, axis=1)
    if window.ndim == 2:
        return enlarge(blue_to_red(window, limit), tap_size)
    gap = np.full((window.shape[1] * tap_size, 1, 3), LIGHT_GREY, np.uint8)
    parts = [part for depth in window for part in (gap, channel_pixels(depth, limit, tap_size))]
    return np.concatenate(parts[1:], axis=1)
