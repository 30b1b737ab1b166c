"""How good are its 3x3 filters? Three measures of CNN Filter DB (Gavrikov & Keuper, CVPR 2022).

Finite where the original is not: a singular value may be 0, a layer may have one slice.
"""

import math

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats, blocks
from keras_filterwatch.metrics.covariance import Spread, spread

_EMPTY = 0.01  # a slice is empty if all its weights are below this share of the layer's largest


@np.errstate(all="ignore")
def measure(array: Array, cosines: Floats, varied: Spread | None = None) -> dict[str, float]:
    """The measures of a kernel `(3, 3, channels, filters)`; `{}` for any other window.

    `cosines` are those between its filters, `(filters, filters)`, 0 on the diagonal, or between a
    sample of them, as `compare` takes one of more than 512; `varied` is its `spread`, if known. A
    name that is undefined for the kernel (orthogonality of one filter, say) is absent.
    """
    if array.shape[:-2] != (3, 3):
        return {}
    entropy = variance_entropy(array, varied)
    under_noise = entropy_of_noise(max(array[0, 0].size, 1))
    numbers = {
        "sparsity": sparsity(array),
        "variance_entropy": entropy,
        # one and two slices have no entropy, whatever they are
        "variance_entropy_norm": entropy / under_noise if under_noise > 0 else entropy,
        "orthogonality": orthogonality(cosines),
    }
    return {name: value for name, value in numbers.items() if np.isfinite(value)}


def sparsity(array: Array) -> float:
    """Share of the slices of `(*spatial, channels, filters)` that are empty; 0 is good.

    Empty: all weights are below a hundredth of the layer's largest. NaN if all are zero.
    """
    largest = [np.maximum(block.max(axis=0), -block.min(axis=0)) for _, (block,) in blocks(array)]
    peaks = np.concatenate([part.ravel() for part in largest]) if largest else np.zeros(0)
    highest = peaks.max(initial=0)
    return float((peaks < _EMPTY * highest).mean()) if highest > 0 else math.nan


def variance_entropy(array: Array, varied: Spread | None = None) -> float:
    """How evenly the slices of `(*spatial, channels, filters)` vary in all directions.

    Entropy of the variances along their principal axes, in digits: 0 if they vary along one or
    not at all, log10(9) at most for 3x3. NaN if all weights are zero.
    """
    varied = varied or spread(array)
    if not varied.energy > 0:
        return math.nan
    variances = np.linalg.eigvalsh(varied.gram)
    shares = variances[variances > ROUNDING * varied.energy]
    shares = shares / shares.sum()
    return abs(float((shares * np.log10(shares)).sum()))


def entropy_of_noise(slices: int) -> float:
    """The variance entropy of so many random 3x3 slices, as the paper fitted it; <= 0 below 3."""
    return 1.2618047 / (1 + math.exp(-0.88767525 * (math.log2(slices) - 2.30436435))) - 0.31050834


def orthogonality(cosines: Floats) -> float:
    """1 - mean |cosine| between filters: 1 orthogonal, 0 all alike; NaN with fewer than two."""
    count = len(cosines)
    return 1 - float(np.abs(cosines).sum()) / (count * (count - 1)) if count > 1 else math.nan
