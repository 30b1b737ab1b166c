"""Compares the filters of a kernel with each other: rank, copies and anisotropy need it."""

import math
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, Weights, precision

_MOST_FILTERS = 512  # the work grows with the square of the number of compared filters
_WEIGHTS_AT_ONCE = 2**19  # converted to float64 together


@dataclass(frozen=True, eq=False)
class FilterSimilarity:
    """The filters of a kernel compared with each other.

    Filters that are zero or not finite are left out. Of more than 512 filters every second, or
    third, and so on is compared.

    Attributes:
        filters: indices of the compared filters in the kernel, `(compared,)`.
        left_out: how many filters of the sample are zero or not finite.
        weights: the compared filters as columns, `(taps * channels, compared)`.
        norms: their norms, `(compared,)`.
        gram: their scalar products, `(compared, compared)`.
        cosines: their cosines, `(compared, compared)`, with 0 on the diagonal.
    """

    filters: Array
    left_out: int
    weights: Weights
    norms: Floats
    gram: Floats
    cosines: Floats


@np.errstate(all="ignore")
def filter_similarity(array: Array) -> FilterSimilarity:
    """Compares the filters of `(*spatial, channels, filters)`.

    Example:
        >>> import numpy as np
        >>> filter_similarity(np.array([[1.0, 2.0, 0.0], [1.0, 2.0, 3.0]])).cosines.round(3)
        array([[0.   , 1.   , 0.707],
               [1.   , 0.   , 0.707],
               [0.707, 0.707, 0.   ]])
    """
    nth = -(-array.shape[-1] // _MOST_FILTERS) or 1
    count = len(range(0, array.shape[-1], nth))
    weights = array[..., ::nth].reshape(math.prod(array.shape[:-1]), count)
    weights = np.ascontiguousarray(weights, precision(array))
    gram = gram_matrix(weights)
    norms = np.sqrt(np.diag(gram))
    comparable = np.isfinite(norms) & (norms > 0)
    if not comparable.all():
        weights, norms = weights[:, comparable], norms[comparable]
        gram = gram[np.ix_(comparable, comparable)]
    cosines = gram / np.outer(norms, norms)
    np.fill_diagonal(cosines, 0)
    filters = np.flatnonzero(comparable) * nth
    return FilterSimilarity(filters, count - len(filters), weights, norms, gram, cosines)


def gram_matrix(columns: Weights) -> Floats:
    """Returns the scalar products of the columns of `(weights, columns)`, `(columns, columns)`.

    They are float64: float32 would lose small singular values, which the effective rank counts.
    """
    gram = np.zeros((columns.shape[1], columns.shape[1]))
    rows = max(1, _WEIGHTS_AT_ONCE // max(columns.shape[1], 1))
    for start in range(0, len(columns), rows):
        part = columns[start : start + rows].astype(np.float64, copy=False)
        gram += part.T @ part
    return gram
