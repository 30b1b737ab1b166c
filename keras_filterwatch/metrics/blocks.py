"""Reads a kernel in blocks that fit a processor's cache, whatever its size, layout or dtype."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.kernels import LARGE, Array

Floats = NDArray[np.float64]
Weights = NDArray[np.floating]

ROUNDING = 1e-12  # a smaller share of the energy that it was computed from is rounding noise
_BLOCK_BYTES = 2**21  # a core's own cache holds as much
_EXACT_IN_FLOAT32 = {"f": 4, "V": 4, "i": 2}  # kind of dtype -> bytes that float32 can represent
_FLOAT32_TERMS = 16  # float32 adds so many terms, and float64 adds up their sums
_SMALLEST_NORM, _LARGEST_NORM = 1e-12, 1e15  # float32 can square the weights of such filters


def blocks(*arrays: Array, whole_filters: bool = False) -> Iterator[tuple[slice, list[Weights]]]:
    """Walks through arrays of one shape `(*spatial, channels, filters)` together.

    Yields the filters that a block contains and, for each array, the block with axes `(taps,
    channels, filters)`, which must not be written to. Taps are the positions of the window; a
    dense kernel has 1. With `whole_filters` every block has all channels of its filters. Blocks
    are float64, or float32 for kernels that `precision` says so of.

    Example:
        >>> import numpy as np
        >>> [(filters, block.shape) for filters, (block,) in blocks(np.ones((3, 3, 2, 8)))]
        [(slice(0, 8, None), (9, 2, 8))]
    """
    *spatial, channels, filters = arrays[0].shape
    taps = math.prod(spatial)
    if 0 in (taps, channels, filters):
        return
    dtype = precision(*arrays)
    most = _BLOCK_BYTES // dtype.itemsize
    deep = channels if whole_filters else min(channels, max(1, most // (taps * filters)))
    if deep > _FLOAT32_TERMS and not whole_filters:
        deep -= deep % _FLOAT32_TERMS  # `filter_products` then needs no loop over taps
    wide = max(1, most // (taps * deep))
    for first in range(0, filters, wide):
        columns = slice(first, min(first + wide, filters))
        for channel in range(0, channels, deep):
            parts = [array[..., channel : channel + deep, columns] for array in arrays]
            yield columns, [_contiguous(part, dtype) for part in parts]


def _contiguous(part: Array, dtype: np.dtype[Any]) -> Weights:
    contiguous = part.dtype == dtype and part.strides[-1] == part.itemsize
    block = part if contiguous else part.astype(dtype, order="C")
    return block.reshape(-1, *part.shape[-2:])


def precision(*arrays: Array) -> np.dtype[Any]:
    """Returns the dtype in which `blocks` reads arrays of one shape.

    It is float32 for kernels of more than 65,536 weights whose dtype float32 can represent, and
    float64 for all others.
    """
    exact = all(
        array.dtype.itemsize <= _EXACT_IN_FLOAT32.get(array.dtype.kind, 0) for array in arrays
    )
    return np.dtype(np.float32 if exact and arrays[0].size > LARGE else np.float64)


def overflows_float32(array: Array, norms: Floats) -> bool:
    """Returns True if float32 cannot square the weights of some filter that is finite and not 0.

    The squares would overflow to infinity or underflow to 0. `norms`, `(filters,)`, are the
    filters' norms as read in float32.
    """
    weights = array[..., (norms < _SMALLEST_NORM) | (norms > _LARGEST_NORM)]
    axes = tuple(range(array.ndim - 1))
    return bool((np.isfinite(weights).all(axis=axes) & weights.any(axis=axes)).any())


def slice_products(one: Weights, other: Weights) -> Floats:
    """Returns the scalar products of the slices of two blocks, `(channels, filters)`."""
    total = np.zeros(one.shape[1:])
    for start in range(0, len(one), _FLOAT32_TERMS):
        taps = slice(start, start + _FLOAT32_TERMS)
        total += np.einsum("tcf,tcf->cf", one[taps], other[taps])
    return total


def filter_products(one: Weights, other: Weights) -> Floats:
    """Returns the scalar products of the filters of two blocks, `(filters,)`."""
    taps, channels, filters = one.shape
    if taps == 1 and channels % _FLOAT32_TERMS == 0:
        one, other = (block.reshape(_FLOAT32_TERMS, -1, filters) for block in (one, other))
    return np.asarray(slice_products(one, other).sum(axis=0))


@np.errstate(all="ignore")
def euclidean_norms(array: Array) -> Floats:
    """Returns the norm of each filter of `(*spatial, channels, filters)`, `(filters,)`.

    A norm is not finite where a weight is not.
    """
    squares = np.zeros(array.shape[-1])
    for columns, (block,) in blocks(array):
        squares[columns] += filter_products(block, block)
    return np.sqrt(squares)
