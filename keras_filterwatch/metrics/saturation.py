"""Is it saturated? How much of their range the weights use, and what sits at its ends."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, precision

_BINS = 10
_TOO_CLOSE = 1e-14  # of the larger one: ends between which there is no room for bins
_SAMPLE = 2**17  # weights whose histogram tells that of more
_AT = 1e-6  # share of the range within which a weight is at its end


def measure(array: Array, held: Array | None = None) -> tuple[dict[str, float], dict[str, Floats]]:
    """`rail` and `coverage` of a kernel `(*spatial, channels, filters)`; `rail` per filter too."""
    ends = _ends(array)
    share, filters = rail(array, held, ends)
    return {"rail": share, "coverage": coverage(array, ends)}, {"rail": filters}


@np.errstate(all="ignore")
def coverage(array: Array, ends: Array | None = None) -> float:
    """How evenly the weights of `(*spatial, channels, filters)` use their range, 0 to 1.

    The share of ten bins between their smallest and largest that they would fill if they filled
    them evenly: exp of the entropy over the bins, over 10. 1 for uniform weights, .2 for a bunch
    of 1s and 0s. Initialisers differ, so judge its change. NaN without two different weights. Of
    more than 131,072 weights those of every second, or third, ... channel are counted.
    """
    low, high = _range(_ends(array) if ends is None else ends)
    if not _TOO_CLOSE * max(-low, high) < high - low < np.inf:
        return float("nan")
    some = array[..., :: -(-array.size // _SAMPLE), :]
    edges = np.linspace(low, high, _BINS + 1)[1:-1].astype(precision(some))
    below = np.zeros(_BINS + 1)
    below[-1] = some.size
    for _, (block,) in blocks(some):
        below[1:-1] += [np.count_nonzero(block < edge) for edge in edges]
    counts = np.diff(below)
    shares = counts[counts > 0] / some.size
    return float(np.exp(-(shares * np.log(shares)).sum())) / _BINS


@np.errstate(all="ignore")
def rail(
    array: Array, held: Array | None = None, ends: Array | None = None
) -> tuple[float, Floats]:
    """Share of the weights at a constraint's rail, of the layer and per filter `(filters,)`.

    Weights that a constraint clips are all equal to the largest or the smallest one; of weights
    that are free, each end has one. `held`, `(filters,)`, is the share that a constraint of
    another kind holds, such as a norm that must not grow. 0 is good. NaN for constant weights.
    """
    ends = _ends(array) if ends is None else ends
    low, high = _range(ends)
    if not 0 < high - low < np.inf:
        return np.nan, np.full(array.shape[-1], np.nan)
    low, high = low + _AT * (high - low), high - _AT * (high - low)
    at = np.zeros((2, array.shape[-1]))
    for (columns, (block,)), (least, most) in zip(blocks(array), ends, strict=True):
        if least <= low:  # in few blocks, where nothing holds the weights
            at[0, columns] += (block <= low).sum(axis=(0, 1))
        if most >= high:
            at[1, columns] += (block >= high).sum(axis=(0, 1))
    at[at.sum(axis=1) < 2] = 0
    shares = at.sum(axis=0) / array[..., 0].size
    shares = shares if held is None else np.maximum(shares, held)
    return float(shares.mean()), shares


def _ends(array: Array) -> Array:
    """The smallest and the largest weight of each block, `(blocks, 2)`."""
    ends = [(block.min(), block.max()) for _, (block,) in blocks(array)]
    return np.array(ends, np.float64).reshape(-1, 2)


def _range(ends: Array) -> tuple[float, float]:
    return (float(ends[:, 0].min()), float(ends[:, 1].max())) if len(ends) else (0.0, 0.0)
