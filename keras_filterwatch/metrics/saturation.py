"""Is it saturated? How much of their range the weights use, and what sits at its ends."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks

_BINS = 10
_TOO_CLOSE = 1e-14  # of the larger one: ends between which there is no room for bins
_AT = 1e-6  # share of the range within which a weight is at its end


@np.errstate(all="ignore")
def coverage(array: Array) -> float:
    """How evenly the weights of `(*spatial, channels, filters)` use their range, 0 to 1.

    The share of ten bins between their smallest and largest that they would fill if they filled
    them evenly: exp of the entropy over the bins, over 10. 1 for uniform weights, .2 for a bunch
    of 1s and 0s. Initialisers differ, so judge its change. NaN without two different weights.
    """
    low, high = _range(array)
    if not _TOO_CLOSE * max(-low, high) < high - low < np.inf:
        return float("nan")
    counts = np.zeros(_BINS)
    for _, (block,) in blocks(array):
        counts += np.histogram(block, _BINS, (low, high))[0]
    shares = counts[counts > 0] / counts.sum()
    return float(np.exp(-(shares * np.log(shares)).sum())) / _BINS


@np.errstate(all="ignore")
def rail(array: Array, held: Array | None = None) -> tuple[float, Floats]:
    """Share of the weights at a constraint's rail, of the layer and per filter `(filters,)`.

    Weights that a constraint clips are all equal to the largest or the smallest one; of weights
    that are free, each end has one. `held`, `(filters,)`, is the share that a constraint of
    another kind holds, such as a norm that must not grow. 0 is good. NaN for constant weights.
    """
    low, high = _range(array)
    if not 0 < high - low < np.inf:
        return np.nan, np.full(array.shape[-1], np.nan)
    ends = np.zeros((2, array.shape[-1]))
    for columns, (block,) in blocks(array):
        at = (block <= low + _AT * (high - low), block >= high - _AT * (high - low))
        ends[:, columns] += [part.sum(axis=(0, 1)) for part in at]
    ends[ends.sum(axis=1) < 2] = 0
    shares = ends.sum(axis=0) / array[..., 0].size
    shares = shares if held is None else np.maximum(shares, held)
    return float(shares.mean()), shares


def _range(array: Array) -> tuple[float, float]:
    ends = [(block.min(), block.max()) for _, (block,) in blocks(array)]
    return (min(low for low, _ in ends), max(high for _, high in ends)) if ends else (0.0, 0.0)
