"""Is it saturated? How much of their range the weights use, and how many sit at its ends."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, precision
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

DESCRIPTIONS = {
    "rail": "Share of the weights at the end of a constraint's range: 0 is good.",
    "coverage": "How evenly the weights use their range: 1 is even; judge its change.",
}
_BINS = 10
_NARROWEST = 1e-14  # of the larger end: in a narrower range there is no room for bins
_SAMPLED_WEIGHTS = 2**17  # that many give the histogram of larger kernels too
_END_WIDTH = 1e-6  # share of the range within which a weight is at its end


def measure(facts: KernelFacts) -> Measurements:
    """Measures `coverage` of the layer, and `rail` of the layer and of each filter."""
    array, constrained = facts.finite_weights, facts.kernel.constrained_share
    ends = _block_ends(array)
    share, filters = rail(array, None if constrained is None else constrained[facts.finite], ends)
    return {
        "rail": Measurement(share, facts.for_all_filters(filters)),
        "coverage": Measurement(coverage(array, ends)),
    }


@np.errstate(all="ignore")
def coverage(array: Array, ends: Array | None = None) -> float:
    """Returns how evenly the weights of `(*spatial, channels, filters)` use their range, 0 to 1.

    The share of ten bins between their smallest and largest that they would fill if they filled
    them evenly: exp of the entropy over the bins, over 10. 1 for uniform weights, .2 for a bunch
    of 1s and 0s. Initialisers differ, so judge its change. NaN without two different weights. Of
    more than 131,072 weights those of every second, or third, ... channel are counted. `ends`,
    `(blocks, 2)`, are the smallest and the largest weight of each block, if they are known.

    Example:
        >>> import numpy as np
        >>> coverage(np.array([[0.0, 1.0], [1.0, 0.0]]))
        0.2
    """
    low, high = _range(_block_ends(array) if ends is None else ends)
    if not _NARROWEST * max(-low, high) < high - low < np.inf:
        return float("nan")
    sample = array[..., :: -(-array.size // _SAMPLED_WEIGHTS), :]
    edges = np.linspace(low, high, _BINS + 1)[1:-1].astype(precision(sample))
    below = np.zeros(_BINS + 1)
    below[-1] = sample.size
    for _, (block,) in blocks(sample):
        below[1:-1] += [np.count_nonzero(block < edge) for edge in edges]
    counts = np.diff(below)
    shares = counts[counts > 0] / sample.size
    return float(np.exp(-(shares * np.log(shares)).sum())) / _BINS


@np.errstate(all="ignore")
def rail(
    array: Array, constrained_share: Array | None = None, ends: Array | None = None
) -> tuple[float, Floats]:
    """Returns the share of the weights at the end of a constraint's range, 0 to 1.

    The results are the layer's number and that of each filter, `(filters,)`; 0 is good. Weights
    that a constraint clips are all equal to the largest or the smallest one; of free weights, each
    end has one. NaN for constant weights.

    Args:
        array: the weights, `(*spatial, channels, filters)`.
        constrained_share: per filter, `(filters,)`, the share that a constraint of another kind
            keeps from growing, such as one on the filter's norm.
        ends: the smallest and the largest weight of each block, `(blocks, 2)`, if they are known.

    Example:
        >>> import numpy as np
        >>> rail(np.clip(np.array([[0.3, 1.7], [-0.2, 1.2], [0.1, 0.4]]), -1, 1))[1].round(3)
        array([0.   , 0.667])
    """
    ends = _block_ends(array) if ends is None else ends
    low, high = _range(ends)
    if not 0 < high - low < np.inf:
        return np.nan, np.full(array.shape[-1], np.nan)
    low, high = low + _END_WIDTH * (high - low), high - _END_WIDTH * (high - low)
    at_end = np.zeros((2, array.shape[-1]))
    for (columns, (block,)), (least, most) in zip(blocks(array), ends, strict=True):
        # unless weights are clipped, few blocks have any at an end and need to be counted
        if least <= low:
            at_end[0, columns] += (block <= low).sum(axis=(0, 1))
        if most >= high:
            at_end[1, columns] += (block >= high).sum(axis=(0, 1))
    at_end[at_end.sum(axis=1) < 2] = 0
    shares = at_end.sum(axis=0) / array[..., 0].size
    shares = shares if constrained_share is None else np.maximum(shares, constrained_share)
    return float(shares.mean()), shares


def _block_ends(array: Array) -> Array:
    """Returns the smallest and the largest weight of each block, `(blocks, 2)`."""
    ends = [(block.min(), block.max()) for _, (block,) in blocks(array)]
    return np.array(ends, np.float64).reshape(-1, 2)


def _range(ends: Array) -> tuple[float, float]:
    return (float(ends[:, 0].min()), float(ends[:, 1].max())) if len(ends) else (0.0, 0.0)
