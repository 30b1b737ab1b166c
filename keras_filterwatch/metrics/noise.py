"""Is it noise? Geary's C, the noise score, and what C cannot detect: dc and anisotropy.

A slice is one spatial window of a kernel, one (channel, filter) pair: n taps on a grid with E
pairs of neighbours. A layer, and each filter, pools its slices as ratios of sums, so that every
number keeps its expectation under noise.
"""

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats, blocks, slice_products
from keras_filterwatch.metrics.covariance import MOST_TAPS, slice_covariance
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

ROUGHNESS = {
    "noise": "Noise score: 1 is noise, 0 the smoothest pattern that the window can carry.",
    "geary_c": "Geary's C of neighbouring weights: 1 is noise, towards 0 is smooth.",
    "noise_z": "Standard errors between Geary's C and that of noise.",
    "slices": "Effective number of slices that the noise score rests on.",
    "dc": "Share of the energy in the slices' means: 1/n is noise, 1 a flat kernel.",
}
ANISOTROPY = {
    "anisotropy": "What the slices share: 0 is noise, 1 one pattern in all of them.",
}

# A verdict needs an effect that matters and evidence for it, never one of them alone.
NEAR, FAR = 3, 5  # standard errors: a score nearer than NEAR may be noise, beyond FAR it is not
_EFFECT = {"noise": 0.1, "dc": 0.5, "anisotropy": 0.05}  # that matters; dc relative to its 1/n
_DETECTABLE = 1 / 8  # "untrained" needs so many slices that a noise score so far from 1 is evident
_SMALLEST_SQUARE = 1e-140  # smaller sums of squares lose digits when they are squared again


class Difference(NamedTuple):
    """How far a score is from that of noise, or scores of filters are, and its standard error."""

    size: Any
    error: Any


def measure_roughness(facts: KernelFacts) -> Measurements:
    """Measures `noise`, `geary_c`, `noise_z`, `slices` and `dc`, of the layer and of each filter.

    They are undefined, NaN, for kernels without neighbouring taps. Filters that diverged are left
    out.
    """
    sums, spatial = _sums(facts.finite_weights), facts.kernel.spatial
    layer, filters = _pooled(sums.sum(axis=1), spatial), _pooled(sums, spatial)
    return {
        name: Measurement(float(layer[name]), facts.for_all_filters(filters[name]))
        for name in layer
    }


def measure_anisotropy(facts: KernelFacts) -> Measurements:
    """Measures `anisotropy`, of the layer and of each filter's own slices."""
    covariance = facts.covariance
    filters = facts.for_all_filters(covariance.filter_anisotropy)
    return {"anisotropy": Measurement(covariance.anisotropy, filters)}


def geary_c(array: Array) -> float:
    """Returns Geary's C (1954) of a kernel `(*spatial, channels, filters)`.

    1 in expectation for noise of any scale and distribution, towards 0 for smooth kernels, above
    1 for checkerboards. NaN where no tap has a neighbour or no slice varies.

    Example:
        >>> import numpy as np
        >>> sobel = np.outer([1, 2, 1], [-1, 0, 1]).reshape(3, 3, 1, 1)
        >>> round(geary_c(sobel), 3)
        0.444
    """
    return _layer_score("geary_c", array)


def noise_score(array: Array) -> float:
    """Returns Geary's C of `(*spatial, channels, filters)`, rescaled for the size of the window.

    1 is noise, 0 the smoothest pattern that the window can carry; above 1 are checkerboards. It is
    comparable across window sizes. Low is good in a trained first layer. NaN where no tap has a
    neighbour or no slice varies.

    Example:
        >>> import numpy as np
        >>> sobel = np.outer([1, 2, 1], [-1, 0, 1]).reshape(3, 3, 1, 1)
        >>> round(noise_score(sobel), 3)
        0.167
    """
    return _layer_score("noise", array)


def anisotropy(array: Array) -> float:
    """Returns how much the slices of `(*spatial, channels, filters)` share structure.

    tr(G^2)/tr(G)^2 of their Gram matrix G, John's (1971) test of sphericity, rescaled: 0 in
    expectation for Gaussian noise, 1 when all slices are one pattern. Kernels without neighbours
    compare their filters over the channels, of more than 512 filters an even sample; of windows
    with more than 512 taps an even sample of taps. NaN with fewer than three slices.

    Example:
        >>> import numpy as np
        >>> sobel = np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]).reshape(3, 3, 1, 1)
        >>> round(anisotropy(sobel * np.arange(1, 9)), 6)
        1.0
    """
    return slice_covariance(array).anisotropy


def verdict(scores: Mapping[str, float], shape: tuple[int, ...]) -> str:
    """Returns `"structured"`, `"untrained"` or `"undetermined"` for a kernel of this shape.

    Structured: the noise score, dc or anisotropy differs from noise by an effect that matters,
    beyond five standard errors. Untrained: none differs by three, and there are enough slices to
    make a difference of 1/8 in the noise score evident. Kernels without neighbours can look
    structured, never untrained.

    Args:
        scores: of the layer: `noise`, `slices`, `dc` and `anisotropy`, as far as they are defined.
        shape: of the kernel, `(*spatial, channels, filters)`.

    Example:
        >>> verdict({"noise": 0.4, "slices": 96, "dc": 0.1, "anisotropy": 0.0}, (5, 5, 3, 32))
        'structured'
    """
    *spatial, channels, filters = shape
    if "noise" not in scores:
        # here a filter is one slice, and filters of a few inputs share something by chance
        bound = max(2 * _EFFECT["anisotropy"], FAR * 2 / max((filters - 1) * channels, 1))
        return "structured" if scores.get("anisotropy", 0) > bound else "undetermined"
    differences = differences_from_noise(scores, shape)
    if structured_in(differences):
        return "structured"
    enough_slices = scores["slices"] > slices_needed(tuple(spatial))
    if enough_slices and all(d.size < NEAR * d.error for d in differences.values()):
        return "untrained"
    return "undetermined"


def differences_from_noise(
    scores: Mapping[str, Any], shape: tuple[int, ...]
) -> dict[str, Difference]:
    """Returns how much `noise`, `dc` and `anisotropy` differ from those of noise.

    Args:
        scores: of a layer, as `verdict` takes them, or of each of its filters, `(filters,)`.
        shape: of the kernel; of a filter, `(*spatial, channels, 1)`.

    Example:
        >>> scores = {"noise": 0.4, "slices": 32, "dc": 0.04, "anisotropy": 0.0}
        >>> size, error = differences_from_noise(scores, (3, 3, 1, 32))["noise"]
        >>> round(size, 4), round(float(error), 4)  # sqrt(1/18 / 32) / (1 - 1/3)
        (0.6, 0.0625)
    """
    *spatial, channels, filters = shape
    n, effective = math.prod(spatial), scores["slices"]
    rows = np.maximum(effective - 1, 1)
    # slices of unequal size count as fewer: noise then has an anisotropy of about 1 / rows
    of_noise = 1 / rows - 1 / max(channels * filters - 1, 1)
    return {
        "noise": Difference(
            abs(scores["noise"] - 1), noise_error(tuple(spatial), 1) / np.sqrt(effective)
        ),
        "dc": Difference(
            abs(n * scores.get("dc", 1 / n) - 1), np.sqrt(2 * (n - 1) / (n + 2) / effective)
        ),
        "anisotropy": Difference(
            scores.get("anisotropy", 0.0) - of_noise, 2 / (rows * min(n, MOST_TAPS))
        ),
    }


def structured_in(differences: Mapping[str, Difference]) -> list[str]:
    """Returns the scores in which a layer differs from noise, enough to matter and beyond doubt.

    Example:
        >>> structured_in({"noise": Difference(0.6, 0.06), "dc": Difference(0.6, 0.3)})
        ['noise']
    """
    return [
        name
        for name, (size, error) in differences.items()
        if size > max(_EFFECT[name], FAR * error)
    ]


def noise_error(spatial: tuple[int, ...], slices: float) -> float:
    """Returns the standard error of the noise score of so many effective slices of noise.

    Example:
        >>> round(noise_error((3, 3), 72), 6)  # sqrt(1/18 / 72) / (1 - 1/3)
        0.041667
    """
    return math.sqrt(variance_of_c(spatial) / slices) / (1 - smoothest_c(spatial))


def slices_needed(spatial: tuple[int, ...]) -> float:
    """Returns how many effective slices it takes to call a layer untrained.

    With so many, a noise score 1/8 below that of noise is three standard errors away from it.

    Example:
        >>> round(slices_needed((3, 3)), 6)  # (3 * 8)^2 * (1/18) / (1 - 1/3)^2
        72.0
    """
    return (NEAR * noise_error(spatial, 1) / _DETECTABLE) ** 2


@cache
def smoothest_c(spatial: tuple[int, ...]) -> float:
    """Returns the lowest C that a window of this size can have: 1/3 for 3x3, .0566 for 7x7.

    Example:
        >>> round(smoothest_c((7, 7)), 4)
        0.0566
    """
    n, pairs = math.prod(spatial), _neighbour_pairs(spatial)
    return (n - 1) * (1 - math.cos(math.pi / max(spatial))) / pairs


@cache
def variance_of_c(spatial: tuple[int, ...]) -> float:
    """Returns the variance of one slice's C under normal noise (Cliff & Ord 1981).

    Example:
        >>> from fractions import Fraction
        >>> Fraction(variance_of_c((3, 3))).limit_denominator(1000)
        Fraction(1, 18)
    """
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


def _layer_score(name: str, array: Array) -> float:
    return float(_pooled(_sums(array).sum(axis=1), array.shape[:-2])[name])


@np.errstate(all="ignore")
def _sums(array: Array) -> Floats:
    """Returns per filter what the ratios are made of, added over its slices, `(5, filters)`.

    They are the squared differences of neighbours, the squared deviations from a slice's mean, the
    square of a slice's squared deviations, the squared means times n, and the squared weights.
    """
    spatial = array.shape[:-2]
    totals = np.zeros((5, array.shape[-1]))
    if math.prod(spatial) == 1:  # no tap has a neighbour
        return totals
    for columns, (block,) in blocks(array):
        mean = block.mean(axis=0, dtype=np.float64)
        centred = block - mean.astype(block.dtype)
        window = centred.reshape(*spatial, *mean.shape)
        differences = np.zeros(mean.shape)
        for axis in range(len(spatial)):
            steps = np.diff(window, axis=axis).reshape(-1, *mean.shape)
            differences += slice_products(steps, steps)
        deviations = slice_products(centred, centred)
        means = len(block) * np.square(mean)
        energy = deviations + means
        # a constant slice has no variance, whatever the rounding of its mean says
        deviations = np.where(differences > _SMALLEST_SQUARE, deviations, 0.0)
        parts = (differences, deviations, np.square(deviations), means, energy)
        totals[:, columns] += [part.sum(axis=0) for part in parts]
    return totals


@np.errstate(all="ignore")
def _pooled(sums: Floats, spatial: tuple[int, ...]) -> dict[str, Floats]:
    """Returns the scores of one pool of slices, `(5,)`, or of many, `(5, pools)`.

    A score is NaN where it is undefined.
    """
    undefined = np.full(sums.shape[1:], np.nan)
    scores = dict.fromkeys(("geary_c", "noise", "noise_z", "slices", "dc"), undefined)
    n, pairs = math.prod(spatial), _neighbour_pairs(spatial)
    differences, deviations, squared_deviations, means, energy = sums
    if pairs > 0:
        scores["dc"] = means / np.where(energy > _SMALLEST_SQUARE, energy, np.nan)
    if n > 2:  # of two taps, C is 1 whatever they are
        defined = (deviations > 0) & np.isfinite(squared_deviations)
        deviations = np.where(defined, deviations, np.nan)
        c = (n - 1) / (2 * pairs) * differences / deviations
        slices = np.square(deviations) / squared_deviations
        smoothest = smoothest_c(spatial)
        scores["geary_c"] = c
        scores["noise"] = (c - smoothest) / (1 - smoothest)
        scores["noise_z"] = (c - 1) / np.sqrt(variance_of_c(spatial) / slices)
        scores["slices"] = slices
    return scores
