"""How a kernel is read: block by block, whatever its size, layout or dtype."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import LARGE, Array

Floats = NDArray[np.float64]
Weights = NDArray[np.floating]

ROUNDING = 1e-12  # what is below this share of the energy it came from is rounding noise
_BLOCK = 2**21  # bytes of a block, which the caches next to a core hold
_HELD = {"f": 4, "V": 4, "i": 2}  # kind of number -> bytes that single precision can hold
_TOGETHER = 16  # numbers that are added in single precision, before float64 goes on
_SMALLEST, _LARGEST = 1e-12, 1e15  # norms of filters whose weights single precision can square


def blocks(*arrays: Array, whole_filters: bool = False) -> Iterator[tuple[slice, list[Weights]]]:
    """Walks arrays of one shape `(*spatial, channels, filters)` together.

    Yields the filters that a block holds and, of each array, the block with axes `(taps, channels,
    filters)`, to be read only; taps are the positions of the window, 1 for a dense kernel. With
    `whole_filters` no filter is spread over several blocks. Blocks come in float64; those of large
    kernels of single precision or less in float32, where `beyond_single_precision` tells which
    weights are too small or too large, and `sums` and `products` add up the others.
    """
    *spatial, channels, filters = arrays[0].shape
    taps = math.prod(spatial)
    if 0 in (taps, channels, filters):
        return
    dtype = precision(*arrays)
    most = _BLOCK // dtype.itemsize
    deep = channels if whole_filters else min(channels, max(1, most // (taps * filters)))
    if deep > _TOGETHER and not whole_filters:
        deep -= deep % _TOGETHER  # as `products` likes it
    wide = max(1, most // (taps * deep))
    for first in range(0, filters, wide):
        columns = slice(first, min(first + wide, filters))
        for channel in range(0, channels, deep):
            parts = [array[..., channel : channel + deep, columns] for array in arrays]
            yield columns, [_in_order(part, dtype) for part in parts]


def _in_order(part: Array, dtype: np.dtype[Any]) -> Weights:
    ordered = part.dtype == dtype and part.strides[-1] == part.itemsize
    block = part if ordered else part.astype(dtype, order="C")
    return block.reshape(-1, *part.shape[-2:])


def precision(*arrays: Array) -> np.dtype[Any]:
    """What numbers of these arrays of one shape are read in."""
    short = all(array.dtype.itemsize <= _HELD.get(array.dtype.kind, 0) for array in arrays)
    return np.dtype(np.float32 if short and arrays[0].size > LARGE else np.float64)


def beyond_single_precision(array: Array, norms: Array) -> bool:
    """Whether it would be read in it, and filters with these norms cannot be squared in it."""
    if precision(array) == np.float64:
        return False
    weights = array[..., (norms < _SMALLEST) | (norms > _LARGEST)]
    axes = tuple(range(array.ndim - 1))
    return bool((np.isfinite(weights).all(axis=axes) & weights.any(axis=axes)).any())


def sums(one: Weights, other: Weights) -> Floats:
    """Sums of products over the taps of two blocks, `(channels, filters)`."""
    added = np.zeros(one.shape[1:])
    for start in range(0, len(one), _TOGETHER):
        some = slice(start, start + _TOGETHER)
        added += np.einsum("tcf,tcf->cf", one[some], other[some])
    return added


def products(one: Weights, other: Weights) -> Floats:
    """Scalar products of the filters of two blocks, `(filters,)`."""
    taps, channels, filters = one.shape
    if taps == 1 and channels % _TOGETHER == 0:
        one, other = (each.reshape(_TOGETHER, -1, filters) for each in (one, other))
    return np.asarray(sums(one, other).sum(axis=0))
