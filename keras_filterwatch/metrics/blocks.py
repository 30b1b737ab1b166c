"""How a kernel is read: block by block in float64, whatever its size, layout or dtype."""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import Array

Floats = NDArray[np.float64]

ROUNDING = 1e-12  # what is below this share of the energy it came from is rounding noise
_BLOCK = 2**17  # numbers in a block: 1 MiB in float64, which a core's cache holds


def blocks(*arrays: Array, whole_filters: bool = False) -> Iterator[tuple[slice, list[Floats]]]:
    """Walks arrays of one shape `(*spatial, channels, filters)` together.

    Yields the filters that a block holds and, of each array, a float64 copy of the block with
    axes `(taps, channels, filters)`; taps are the positions of the window, 1 for a dense kernel.
    With `whole_filters` no filter is spread over several blocks.
    """
    *spatial, channels, filters = arrays[0].shape
    taps = math.prod(spatial)
    if 0 in (taps, channels, filters):
        return
    deep = channels if whole_filters else min(channels, max(1, _BLOCK // (taps * filters)))
    wide = max(1, _BLOCK // (taps * deep))
    for first in range(0, filters, wide):
        columns = slice(first, min(first + wide, filters))
        for channel in range(0, channels, deep):
            cut = (..., slice(channel, channel + deep), columns)
            parts = [array[cut].astype(np.float64) for array in arrays]
            yield columns, [part.reshape(taps, *part.shape[-2:]) for part in parts]


def centred_gram(points: Array) -> tuple[Floats, float]:
    """Covariances, not yet divided, of the slices of `(taps, channels, filters)`, and their energy.

    `(taps, taps)`: the slices are centred over each other; the energy is that before centring.
    """
    taps = len(points)
    gram, total = np.zeros((taps, taps)), np.zeros(taps)
    for _, (block,) in blocks(points):
        rows = block.reshape(taps, -1)
        gram += rows @ rows.T
        total += rows.sum(axis=1)
    energy = float(np.trace(gram))
    gram -= np.outer(total, total) / max(math.prod(points.shape[1:]), 1)
    return gram, energy
