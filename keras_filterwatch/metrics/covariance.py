"""How do the slices of a kernel vary? Their covariances, over the layer and filter by filter."""

import math
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats, Weights, blocks, products
from keras_filterwatch.metrics.similarity import Comparison, compare

WIDEST = 512  # taps of a window that are compared: of more, an even sample
_SMALL = 25  # taps up to which covariances are summed one by one, which is faster there


@dataclass(frozen=True, eq=False)
class Spread:
    """How a kernel's slices vary over each other.

    A slice has its taps as coordinates. Without a window a filter is one slice, and its channels
    are the coordinates.

    Attributes:
        gram: the Gram matrix of the centred slices, from coordinate to coordinate; without a
            window that from filter to filter, which has the same trace and sum of squares.
        energy: of the slices before they were centred.
        anisotropy: of the layer, see `noise.anisotropy`.
        of_filters: of each filter's own slices, `(filters,)`; NaN with fewer than three.
    """

    gram: Floats
    energy: float
    anisotropy: float
    of_filters: Floats


@np.errstate(all="ignore")
def spread(array: Array, compared: Comparison | None = None) -> Spread:
    """That of a kernel `(*spatial, channels, filters)`; `compared`, if known, are its filters."""
    if math.prod(array.shape[:-2]) == 1:
        return _between_filters(array, compared or compare(array))
    points = _coordinates(array)
    taps, channels, filters = points.shape
    mean, energies = np.zeros((taps, filters)), np.zeros(filters)
    for columns, (block,) in blocks(points):
        mean[:, columns] += block.sum(axis=1, dtype=np.float64)
        energies[columns] += products(block, block)
    mean /= max(channels, 1)
    of_layer = mean.mean(axis=1, keepdims=True) if filters else mean
    if taps <= _SMALL:
        grams = _by_pairs(points, mean)
        traces, squares = np.trace(grams), np.square(grams).sum(axis=(0, 1))
        apart = mean - of_layer
        gram = grams.sum(axis=2) + channels * apart @ apart.T
    else:
        traces, squares = _filter_by_filter(points, mean)
        gram = _at_once(points, of_layer)
    energy = float(energies.sum())
    of_filters = _sphericity(traces, squares, energies, channels, taps)
    return Spread(gram, energy, _anisotropy(gram, energy, channels * filters, taps), of_filters)


def _between_filters(array: Array, compared: Comparison) -> Spread:
    channels, filters = array.shape[-2:]
    count = len(compared.gram) + compared.empty
    gram = np.zeros((count, count))
    gram[: len(compared.gram), : len(compared.gram)] = compared.gram
    energy = float(np.trace(gram))
    if count:
        mean = gram.mean(axis=0)
        gram = gram - mean - mean[:, np.newaxis] + mean.mean()
    anisotropy = _anisotropy(gram, energy, count, channels)
    return Spread(gram, energy, anisotropy, np.full(filters, np.nan))


def _coordinates(array: Array) -> Array:
    """The kernel as `(taps, channels, filters)`, of large windows an even sample."""
    points = array.reshape(-1, *array.shape[-2:]) if array.size else np.zeros((1, 0, 0))
    if len(points) > WIDEST:
        points = points[np.linspace(0, len(points) - 1, WIDEST).astype(int)]
    return np.asarray(points)


def _by_pairs(points: Array, mean: Floats) -> Floats:
    """The Gram matrix of each filter's slices, `(coordinates, coordinates, filters)`."""
    count, _, filters = points.shape
    grams = np.zeros((count, count, filters))
    for columns, (block,) in blocks(points):
        rows = _centred(block, mean[:, columns])
        for i in range(count):
            grams[i, i:, columns] += np.einsum("cf,jcf->jf", rows[i], rows[i:])
    for i in range(count):
        grams[i + 1 :, i] = grams[i, i + 1 :]
    return grams


def _at_once(points: Array, mean: Floats) -> Floats:
    """The Gram matrix of all slices."""
    gram = np.zeros((len(points), len(points)))
    for _, (block,) in blocks(points):
        rows = _centred(block, mean).reshape(len(points), -1)
        gram += rows @ rows.T
    return gram


def _filter_by_filter(points: Array, mean: Floats) -> tuple[Floats, Floats]:
    """Trace and sum of squares of the Gram matrix of each filter's slices."""
    coordinates, slices, filters = points.shape
    sums = np.zeros((2, filters))
    if slices > 1:
        for columns, (block,) in blocks(points, whole_filters=True):
            rows = _centred(block, mean[:, columns]).transpose(2, 1, 0)
            turned = rows.transpose(0, 2, 1)
            # both products have the same trace and norm: the smaller one will do
            gram = rows @ turned if slices < coordinates else turned @ rows
            sums[0, columns] = np.trace(gram, axis1=1, axis2=2)
            sums[1, columns] = np.square(gram.astype(np.float64)).sum(axis=(1, 2))
    return sums[0], sums[1]


def _centred(block: Weights, mean: Floats) -> Weights:
    return np.asarray(block - mean[:, np.newaxis].astype(block.dtype))


def _anisotropy(gram: Floats, energy: float, slices: int, dimensions: int) -> float:
    trace, squares = np.asarray(np.trace(gram)), np.square(gram).sum()
    return float(_sphericity(trace, squares, np.asarray(energy), slices, dimensions))


def _sphericity(
    traces: Floats, squares: Floats, energies: Floats, slices: int, dimensions: int
) -> Floats:
    """John's (1971) test of sphericity, rescaled; NaN where undefined or rounding noise."""
    m, d = slices - 1, dimensions
    if m < 2 or d < 2:
        return np.full(np.shape(traces), np.nan)
    some = np.where(traces > ROUNDING * energies, traces, np.nan)
    under_noise = (m + d + 1) / (m * d + 2)
    return np.asarray((squares / np.square(some) - under_noise) / (1 - under_noise))
