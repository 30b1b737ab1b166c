"""The filters of a kernel against each other: what rank, copies and anisotropy are read from."""

import math
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, Weights, precision

_MOST = 512  # filters that are compared: the work grows with the square of their number
_NUMBERS = 2**19  # weights multiplied at once


@dataclass(frozen=True, eq=False)
class Comparison:
    """The filters of a kernel against each other; without those that are zero or not finite.

    Attributes:
        places: which filters of the kernel they are.
        empty: how many were left out.
        flat: their weights, `(taps * channels, filters)`, a view where possible.
        lengths: their norms, `(filters,)`.
        gram: the products between them, `(filters, filters)`.
        cosines: the same between filters of length 1, with 0 on the diagonal.
    """

    places: Array
    empty: int
    flat: Weights
    lengths: Floats
    gram: Floats
    cosines: Floats


@np.errstate(all="ignore")
def compare(array: Array) -> Comparison:
    """Compares the filters of `(*spatial, channels, filters)`: all, or 256 to 512 of more."""
    nth = -(-array.shape[-1] // _MOST) or 1
    count = len(range(0, array.shape[-1], nth))
    flat = array[..., ::nth].reshape(math.prod(array.shape[:-1]), count)
    flat = np.ascontiguousarray(flat, precision(array))
    gram = products_between(flat)
    lengths = np.sqrt(np.diag(gram))
    used = np.isfinite(lengths) & (lengths > 0)
    if not used.all():
        flat, gram, lengths = flat[:, used], gram[np.ix_(used, used)], lengths[used]
    cosines = gram / np.outer(lengths, lengths)
    np.fill_diagonal(cosines, 0)
    places = np.flatnonzero(used) * nth
    return Comparison(places, count - len(places), flat, lengths, gram, cosines)


def products_between(flat: Weights) -> Floats:
    """Scalar products of the columns of `(weights, columns)`, `(columns, columns)`.

    In float64: small singular values are lost in single precision, and a rank adds them up.
    """
    gram = np.zeros((flat.shape[1], flat.shape[1]))
    rows = max(1, _NUMBERS // max(flat.shape[1], 1))
    for start in range(0, len(flat), rows):
        part = flat[start : start + rows].astype(np.float64, copy=False)
        gram += part.T @ part
    return gram
