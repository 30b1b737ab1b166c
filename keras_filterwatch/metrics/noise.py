"""Is it noise? Geary's C, the noise score, and what C cannot see: dc and anisotropy.

A slice is one spatial window of a kernel, one (channel, filter) pair: n taps on a grid with E
pairs of neighbours. A layer, and each filter, pools its slices as ratios of sums, so that every
number keeps its expectation under noise.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, sums
from keras_filterwatch.metrics.covariance import WIDEST, Spread, spread

_TINY = 1e-140  # squares below this lose digits when squared again

# A verdict needs an effect that matters and evidence for it, never one of them alone.
NEAR, FAR = 3, 5  # standard errors within which a score is noise's own, beyond which it is not
_RESOLVED = 1 / 8  # "untrained" is said only where a noise score this far from 1 would be seen
_EFFECT = {"noise": 0.1, "dc": 0.5, "anisotropy": 0.05}  # what matters; dc as a multiple of 1/n


@np.errstate(all="ignore")
def geary_c(array: Array) -> float:
    """Geary's C (1954) of a kernel `(*spatial, channels, filters)`.

    1 in expectation for noise of any scale and distribution, towards 0 for smooth kernels, above
    1 for checkerboards. NaN where no tap has a neighbour or no slice varies.
    """
    return float(_pool(_sums(array).sum(axis=1), array.shape[:-2])["geary_c"])


@np.errstate(all="ignore")
def noise_score(array: Array) -> float:
    """C of `(*spatial, channels, filters)` rescaled: 1 is noise, 0 the smoothest pattern there is.

    Comparable across window sizes; above 1 for checkerboards. Low is good in a trained first
    layer. NaN where no tap has a neighbour or no slice varies.
    """
    return float(_pool(_sums(array).sum(axis=1), array.shape[:-2])["noise"])


@np.errstate(all="ignore")
def anisotropy(array: Array) -> float:
    """How much the slices of `(*spatial, channels, filters)` share structure.

    tr(G^2)/tr(G)^2 of their Gram matrix G, John's (1971) test of sphericity, rescaled: 0 in
    expectation for Gaussian noise, 1 when all slices are one pattern. Kernels without neighbours
    compare their filters over the channels, of more than 512 filters an even sample; of windows
    with more than 512 taps an even sample of taps. NaN with fewer than three slices.
    """
    return spread(array).anisotropy


@np.errstate(all="ignore")
def roughness(array: Array) -> tuple[dict[str, float], dict[str, Floats]]:
    """All of this file but anisotropy, for a kernel `(*spatial, channels, filters)`.

    Returns the layer's numbers, without those that are undefined, and the same per filter,
    `(filters,)`, NaN where undefined: `geary_c`, `noise`, `noise_z` (standard errors from noise),
    `slices` (their effective number) and `dc` (share of the energy in the slices' means: 1/n under
    noise, 1 for a flat kernel). The weights have to be finite.
    """
    spatial, added = array.shape[:-2], _sums(array)
    layer = {name: float(value) for name, value in _pool(added.sum(axis=1), spatial).items()}
    defined = {name: value for name, value in layer.items() if np.isfinite(value)}
    return defined, _pool(added, spatial)


def shared(varied: Spread) -> tuple[dict[str, float], dict[str, Floats]]:
    """`anisotropy` of a layer, if it is defined, and of its filters, `(filters,)`."""
    of_layer = varied.anisotropy
    numbers = {"anisotropy": of_layer} if np.isfinite(of_layer) else {}
    return numbers, {"anisotropy": varied.of_filters}


def measure(array: Array) -> tuple[dict[str, float], dict[str, Floats]]:
    """All of this file for one kernel `(*spatial, channels, filters)`."""
    layer, filters = roughness(array)
    more, of_filters = shared(spread(array))
    return layer | more, filters | of_filters


def verdict(scores: Mapping[str, float], shape: tuple[int, ...]) -> str:
    """`"structured"`, `"untrained"` or `"undetermined"`, from `measure` of a kernel of this shape.

    Structured: the noise score, dc or anisotropy differs from noise by an effect that matters,
    beyond five standard errors. Untrained: none differs by three, and there are enough slices to
    have seen one that does. Kernels without neighbours can look structured, never untrained.
    """
    *spatial, channels, filters = shape
    n, slices = math.prod(spatial), channels * filters
    if "noise" not in scores:
        # here a filter is one slice, and filters of a few inputs share something by chance
        bound = max(2 * _EFFECT["anisotropy"], FAR * 2 / max((filters - 1) * channels, 1))
        return "structured" if scores.get("anisotropy", 0) > bound else "undetermined"
    effective = scores["slices"]
    rows = max(effective - 1, 1)
    error = {
        "noise": noise_error(tuple(spatial), effective),
        "dc": math.sqrt(2 * (n - 1) / (n + 2) / effective),
        "anisotropy": 2 / (rows * min(n, WIDEST)),
    }
    away = {
        "noise": abs(scores["noise"] - 1),
        "dc": abs(n * scores.get("dc", 1 / n) - 1),
        # slices of unequal size count as fewer: about 1 / rows is what noise then shares
        "anisotropy": scores.get("anisotropy", 0.0) - (1 / rows - 1 / max(slices - 1, 1)),
    }
    if any(away[k] > max(_EFFECT[k], FAR * error[k]) for k in away):
        return "structured"
    resolved = NEAR * error["noise"] < _RESOLVED
    if resolved and all(away[k] < NEAR * error[k] for k in away):
        return "untrained"
    return "undetermined"


def noise_error(spatial: tuple[int, ...], slices: float) -> float:
    """Standard error of the noise score of so many effective slices of pure noise."""
    return math.sqrt(variance_of_c(spatial) / slices) / (1 - smoothest_c(spatial))


@cache
def smoothest_c(spatial: tuple[int, ...]) -> float:
    """The lowest C that a window of this size can have: 1/3 for 3x3, .0566 for 7x7."""
    n, pairs = math.prod(spatial), _neighbour_pairs(spatial)
    return (n - 1) * (1 - math.cos(math.pi / max(spatial))) / pairs


@cache
def variance_of_c(spatial: tuple[int, ...]) -> float:
    """Variance of one slice's C under normal noise (Cliff & Ord 1981): 1/18 for 3x3."""
    n, s0 = math.prod(spatial), 2 * _neighbour_pairs(spatial)
    degree = sum(_neighbours_along(axis, spatial) for axis in range(len(spatial)))
    s2 = 4 * float(np.square(degree).sum())
    return ((4 * s0 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)


def _neighbour_pairs(spatial: Sequence[int]) -> int:
    n = math.prod(spatial)
    return sum(n - n // size for size in spatial) if n else 0


def _neighbours_along(axis: int, spatial: Sequence[int]) -> Floats:
    counts = np.full(spatial[axis], 2.0) - (np.arange(spatial[axis]) == 0)
    counts -= np.arange(spatial[axis]) == spatial[axis] - 1
    shape = [1] * len(spatial)
    shape[axis] = -1
    return np.broadcast_to(counts.reshape(shape), spatial)


def _sums(array: Array) -> Floats:
    """Per filter, what the ratios are made of, added over its slices: `(5, filters)`."""
    spatial = array.shape[:-2]
    added = np.zeros((5, array.shape[-1]))
    if math.prod(spatial) == 1:  # nothing has a neighbour
        return added
    for columns, (block,) in blocks(array):
        mean = block.mean(axis=0, dtype=np.float64)
        centred = block - mean.astype(block.dtype)
        window = centred.reshape(*spatial, *mean.shape)
        rough = np.zeros(mean.shape)
        for axis in range(len(spatial)):
            steps = np.diff(window, axis=axis).reshape(-1, *mean.shape)
            rough += sums(steps, steps)
        varied = sums(centred, centred)
        flat = len(block) * np.square(mean)
        energy = varied + flat
        # a constant slice has no variance, whatever the rounding of its mean says
        varied = np.where(rough > _TINY, varied, 0.0)
        parts = (rough, varied, np.square(varied), flat, energy)
        added[:, columns] += [part.sum(axis=0) for part in parts]
    return added


def _pool(sums: Floats, spatial: tuple[int, ...]) -> dict[str, Floats]:
    """The scores of one pool of slices `(5,)`, or of many `(5, pools)`; NaN where undefined."""
    undefined = np.full(sums.shape[1:], np.nan)
    scores = dict.fromkeys(("geary_c", "noise", "noise_z", "slices", "dc"), undefined)
    n, pairs = math.prod(spatial), _neighbour_pairs(spatial)
    rough, varied, varied_squared, mean_squared, energy = sums
    if pairs > 0:
        scores["dc"] = mean_squared / np.where(energy > _TINY, energy, np.nan)
    if n > 2:  # of two taps, C is 1 whatever they are
        some = np.where((varied > 0) & np.isfinite(varied_squared), varied, np.nan)
        c = (n - 1) / (2 * pairs) * rough / some
        slices = np.square(some) / varied_squared
        smoothest = smoothest_c(spatial)
        scores["geary_c"] = c
        scores["noise"] = (c - smoothest) / (1 - smoothest)
        scores["noise_z"] = (c - 1) / np.sqrt(variance_of_c(spatial) / slices)
        scores["slices"] = slices
    return scores
