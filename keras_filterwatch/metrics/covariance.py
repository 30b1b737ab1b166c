"""How do the slices of a kernel vary together? Their covariances, of the layer and per filter."""

import math
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats, Weights, blocks, filter_products
from keras_filterwatch.metrics.similarity import FilterSimilarity, filter_similarity

MOST_TAPS = 512  # taps of a window that are used; of more, an even sample
_FEW_TAPS = 25  # up to so many taps, products of pairs are faster than matrix products per filter


@dataclass(frozen=True, eq=False)
class SliceCovariance:
    """How the slices of a kernel vary together.

    The coordinates of a slice are its taps. In a kernel without a window a filter counts as one
    slice, and its channels are the coordinates.

    Attributes:
        gram: the Gram matrix of the centred slices, `(coordinates, coordinates)`; without a
            window `(filters, filters)`, which has the same trace and sum of squares.
        energy: the sum of the squared weights, before they were centred.
        anisotropy: of the layer, see `noise.anisotropy`.
        filter_anisotropy: of each filter's own slices, `(filters,)`; NaN with fewer than three.
    """

    gram: Floats
    energy: float
    anisotropy: float
    filter_anisotropy: Floats


@np.errstate(all="ignore")
def slice_covariance(array: Array, similarity: FilterSimilarity | None = None) -> SliceCovariance:
    """Returns how the slices of `(*spatial, channels, filters)` vary together.

    `similarity`, that of its filters, saves computing it again for kernels without a window.

    Example:
        >>> import numpy as np
        >>> one_pattern = np.array([[1.0, 2.0], [0.0, 0.0], [-1.0, -2.0]])[:, np.newaxis]
        >>> slice_covariance(np.tile(one_pattern, (1, 2, 1))).anisotropy
        1.0
    """
    if math.prod(array.shape[:-2]) == 1:
        return _between_filters(array, similarity or filter_similarity(array))
    points = _coordinates(array)
    taps, channels, filters = points.shape
    mean, energies = np.zeros((taps, filters)), np.zeros(filters)
    for columns, (block,) in blocks(points):
        mean[:, columns] += block.sum(axis=1, dtype=np.float64)
        energies[columns] += filter_products(block, block)
    mean /= max(channels, 1)
    layer_mean = mean.mean(axis=1, keepdims=True) if filters else mean
    if taps <= _FEW_TAPS:
        grams = _filter_grams(points, mean)
        traces, squares = np.trace(grams), np.square(grams).sum(axis=(0, 1))
        offsets = mean - layer_mean
        gram = grams.sum(axis=2) + channels * offsets @ offsets.T
    else:
        traces, squares = _filter_traces(points, mean)
        gram = _layer_gram(points, layer_mean)
    energy = float(energies.sum())
    anisotropy = _layer_anisotropy(gram, energy, channels * filters, taps)
    filter_anisotropy = _sphericity(traces, squares, energies, channels, taps)
    return SliceCovariance(gram, energy, anisotropy, filter_anisotropy)


def _between_filters(array: Array, similarity: FilterSimilarity) -> SliceCovariance:
    channels, filters = array.shape[-2:]
    comparable = len(similarity.gram)
    count = comparable + similarity.left_out
    gram = np.zeros((count, count))
    gram[:comparable, :comparable] = similarity.gram
    energy = float(np.trace(gram))
    if count:
        mean = gram.mean(axis=0)
        gram = gram - mean - mean[:, np.newaxis] + mean.mean()
    anisotropy = _layer_anisotropy(gram, energy, count, channels)
    return SliceCovariance(gram, energy, anisotropy, np.full(filters, np.nan))


def _coordinates(array: Array) -> Array:
    """Returns the kernel as `(taps, channels, filters)`, with a sample of many taps."""
    points = array.reshape(-1, *array.shape[-2:]) if array.size else np.zeros((1, 0, 0))
    if len(points) > MOST_TAPS:
        points = points[np.linspace(0, len(points) - 1, MOST_TAPS).astype(int)]
    return np.asarray(points)


def _filter_grams(points: Array, mean: Floats) -> Floats:
    """Returns the Gram matrix of each filter's slices, `(taps, taps, filters)`."""
    count, _, filters = points.shape
    grams = np.zeros((count, count, filters))
    for columns, (block,) in blocks(points):
        rows = _centred(block, mean[:, columns])
        for i in range(count):
            grams[i, i:, columns] += np.einsum("cf,jcf->jf", rows[i], rows[i:])
    for i in range(count):
        grams[i + 1 :, i] = grams[i, i + 1 :]
    return grams


def _layer_gram(points: Array, mean: Floats) -> Floats:
    """Returns the Gram matrix of all slices, `(taps, taps)`."""
    gram = np.zeros((len(points), len(points)))
    for _, (block,) in blocks(points):
        rows = _centred(block, mean).reshape(len(points), -1)
        gram += rows @ rows.T
    return gram


def _filter_traces(points: Array, mean: Floats) -> tuple[Floats, Floats]:
    """Returns trace and sum of squares of each filter's Gram matrix, both `(filters,)`."""
    coordinates, slices, filters = points.shape
    traces, squares = np.zeros((2, filters))
    if slices > 1:
        for columns, (block,) in blocks(points, whole_filters=True):
            rows = _centred(block, mean[:, columns]).transpose(2, 1, 0)
            transposed = rows.transpose(0, 2, 1)
            # both products have the same trace and sum of squares, so the smaller one will do
            gram = rows @ transposed if slices < coordinates else transposed @ rows
            traces[columns] = np.trace(gram, axis1=1, axis2=2)
            squares[columns] = np.square(gram.astype(np.float64)).sum(axis=(1, 2))
    return traces, squares


def _centred(block: Weights, mean: Floats) -> Weights:
    return np.asarray(block - mean[:, np.newaxis].astype(block.dtype))


def _layer_anisotropy(gram: Floats, energy: float, slices: int, dimensions: int) -> float:
    trace, squares = np.asarray(np.trace(gram)), np.square(gram).sum()
    return float(_sphericity(trace, squares, np.asarray(energy), slices, dimensions))


def _sphericity(
    traces: Floats, squares: Floats, energies: Floats, slices: int, dimensions: int
) -> Floats:
    """Returns John's (1971) test of sphericity, rescaled; NaN if undefined or rounding noise."""
    m, d = slices - 1, dimensions
    if m < 2 or d < 2:
        return np.full(np.shape(traces), np.nan)
    variances = np.where(traces > ROUNDING * energies, traces, np.nan)
    under_noise = (m + d + 1) / (m * d + 2)
    return np.asarray((squares / np.square(variances) - under_noise) / (1 - under_noise))
