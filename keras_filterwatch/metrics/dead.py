"""Is it dead? Filters whose weights are too small to matter, as BatchNormalization leaves them."""

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, products

_SHARE_OF_MEDIAN = 0.1  # under the usual initialisers no filter of 64 falls below it


@np.errstate(all="ignore")
def filter_norms(array: Array, gain: Array | None = None) -> Floats:
    """Euclidean norm of each filter of `(*spatial, channels, filters)`, times its gain.

    `gain` is |gamma| / sqrt(variance + epsilon) of a BatchNormalization behind the layer: with
    one, the raw norm means nothing. Not finite where a weight is not.
    """
    squares = np.zeros(array.shape[-1])
    for columns, (block,) in blocks(array):
        squares[columns] += products(block, block)
    return effective_norms(np.sqrt(squares), gain)


def effective_norms(norms: Floats, gain: Array | None) -> Floats:
    """Norms `(filters,)` as a BatchNormalization with this gain leaves them."""
    return norms if gain is None else norms * np.asarray(gain, np.float64)


def dead_filters(norms: Array) -> Array:
    """Which filters are dead by weight: norm 0, or below a tenth of the layer's median.

    `(filters,)` in and out. Healthy layers have none. A norm that is not finite is not dead.
    """
    finite = norms[np.isfinite(norms)]
    median = float(np.median(finite)) if finite.size else 0.0
    return np.asarray((norms == 0) | (norms < _SHARE_OF_MEDIAN * median))
