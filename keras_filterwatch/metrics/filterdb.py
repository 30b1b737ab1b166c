"""How good are its 3x3 filters? Three measures of CNN Filter DB (Gavrikov & Keuper, CVPR 2022).

They are finite where the original is not: a singular value may be 0, a layer may have one slice.
"""

import math

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats, blocks
from keras_filterwatch.metrics.covariance import SliceCovariance, slice_covariance
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

DESCRIPTIONS = {
    "sparsity": "CNN Filter DB: share of the 3x3 slices that are empty.",
    "variance_entropy": "CNN Filter DB: how evenly the 3x3 slices vary in all directions.",
    "variance_entropy_norm": "The same, relative to noise: about .9 is good, above 1 random.",
    "orthogonality": "CNN Filter DB: 1 - mean |cosine| between filters: 1 is orthogonal.",
}
_EMPTY = 0.01  # a slice is empty if all its weights are below this share of the layer's largest


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures all of this file for a layer with a 3x3 window; nothing for any other."""
    if facts.kernel.spatial != (3, 3):
        return {}
    array = facts.finite_weights
    entropy = variance_entropy(array, facts.covariance)
    under_noise = entropy_of_noise(max(array[0, 0].size, 1))
    # the entropy of one or two slices is 0, whatever they are
    relative = entropy / under_noise if under_noise > 0 else entropy
    return {
        "sparsity": Measurement(sparsity(array)),
        "variance_entropy": Measurement(entropy),
        "variance_entropy_norm": Measurement(relative),
        "orthogonality": Measurement(orthogonality(facts.similarity.cosines)),
    }


@np.errstate(all="ignore")
def sparsity(array: Array) -> float:
    """Returns the share of the slices of `(*spatial, channels, filters)` that are empty, 0 to 1.

    Empty means that all weights are below a hundredth of the layer's largest; 0 is good. NaN if
    all weights are zero.

    Example:
        >>> import numpy as np
        >>> array = np.ones((3, 3, 1, 4))
        >>> array[..., 0] = 0.001
        >>> sparsity(array)
        0.25
    """
    largest = [np.maximum(block.max(axis=0), -block.min(axis=0)) for _, (block,) in blocks(array)]
    peaks = np.concatenate([part.ravel() for part in largest]) if largest else np.zeros(0)
    highest = peaks.max(initial=0)
    return float((peaks < _EMPTY * highest).mean()) if highest > 0 else math.nan


@np.errstate(all="ignore")
def variance_entropy(array: Array, covariance: SliceCovariance | None = None) -> float:
    """Returns how evenly the slices of `(*spatial, channels, filters)` vary in all directions.

    Entropy of the variances along their principal axes, in digits: 0 if they vary along one or
    not at all, log10(9) at most for 3x3. NaN if all weights are zero. `covariance`, that of the
    slices, saves computing it again.

    Example:
        >>> import numpy as np
        >>> array = np.zeros((3, 3, 1, 2))
        >>> array[0, 0] = [1, -1]  # both slices lie on one axis
        >>> variance_entropy(array)
        0.0
    """
    covariance = covariance or slice_covariance(array)
    if not covariance.energy > 0:
        return math.nan
    variances = np.linalg.eigvalsh(covariance.gram)
    shares = variances[variances > ROUNDING * covariance.energy]
    shares = shares / shares.sum()
    return abs(float((shares * np.log10(shares)).sum()))


def entropy_of_noise(slices: int) -> float:
    """Returns the variance entropy of so many random 3x3 slices, as the paper fitted it.

    0 or less for fewer than three slices, where the fit does not hold.

    Example:
        >>> round(entropy_of_noise(1024), 3)
        0.95
    """
    return 1.2618047 / (1 + math.exp(-0.88767525 * (math.log2(slices) - 2.30436435))) - 0.31050834


def orthogonality(cosines: Floats) -> float:
    """Returns 1 - mean |cosine| between filters: 1 is orthogonal, 0 all filters alike.

    `cosines` is `(filters, filters)` with 0 on the diagonal. NaN with fewer than two filters.

    Example:
        >>> import numpy as np
        >>> orthogonality(np.array([[0.0, -0.5], [-0.5, 0.0]]))
        0.5
    """
    count = len(cosines)
    return 1 - float(np.abs(cosines).sum()) / (count * (count - 1)) if count > 1 else math.nan
