"""Is it redundant? The rank of a layer, and filters that are copies of each other.

Of a layer with more than 512 filters every second, or third, and so on is compared.
"""

import math
from functools import cache
from itertools import permutations, product
from typing import TypeAlias

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements
from keras_filterwatch.metrics.similarity import FilterSimilarity, gram_matrix

DESCRIPTIONS = {
    "effective_rank": "Directions that the filters use: at most as many as filters or inputs.",
    "stable_rank": "The same, where small directions count less.",
    "duplicates": "Share of the filters with a copy in the same pose: 0 is good.",
    "rotated": "Share of the filters with a turned or mirrored copy: healthy.",
    "inverted": "Share of the filters with a copy of the opposite sign: healthy.",
}
_COPY = 0.9  # cosine of a copy; narrow filters reach it by chance, so they need more
ONE_DIRECTION = 1.05  # effective rank below which all filters are the same
_CHANCE = 0.03  # share of layers in which chance makes a pair: of uniform filters, nearly .05
_TRANSFORMED_WEIGHTS = 2**18  # transformed at once
_FLOAT32_ERROR = 1e-4  # more than float32 loses in a scalar product of group norms

Pose: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # the order of axes, those to flip


@np.errstate(all="ignore")
def measure(facts: KernelFacts) -> Measurements:
    """Measures all of this file.

    `effective_rank` and `stable_rank` are 1 to the smaller side of the matrix of all weights; high
    is good. The others are shares of filters with a copy, and per filter, `(filters,)`, 1 with a
    copy, 0 without and NaN where it was not compared: `duplicates` (same pose and sign: waste; 0
    is good, 1 if all filters are one), `rotated` (turned or mirrored, and no duplicate) and
    `inverted` (the opposite sign), both of which are healthy. They are absent with fewer than two
    filters or weights per filter, `rotated` also without a window.
    """
    similarity = facts.similarity
    size, count = similarity.weights.shape
    measurements = {name: Measurement(number) for name, number in ranks(similarity).items()}
    if count < 2 or size < 2:
        return measurements
    spatial, channels = facts.kernel.spatial, facts.kernel.channels
    transforms = poses(spatial)
    threshold = max(_COPY, chance_cosine(size, count, 2 * (1 + len(transforms)), _CHANCE))
    pairs = {
        "duplicates": similarity.cosines > threshold,
        "inverted": similarity.cosines < -threshold,
    }
    if transforms:
        copies = _transformed_copies(similarity, (*spatial, channels), transforms, threshold)
        pairs["rotated"] = copies & ~pairs["duplicates"]
    for name, are_copies in pairs.items():
        has_copy = are_copies.any(axis=1)
        values = np.full(facts.finite_weights.shape[-1], np.nan)
        values[similarity.filters] = has_copy
        measurements[name] = Measurement(float(has_copy.mean()), facts.for_all_filters(values))
    return measurements


@np.errstate(all="ignore")
def ranks(similarity: FilterSimilarity) -> dict[str, float]:
    """Returns `effective_rank` (Roy & Vetterli 2007) and `stable_rank`; {} without weights.

    They are exp of the entropy of the singular values' shares, and ||W||_F^2 / ||W||_2^2.

    Example:
        >>> import numpy as np
        >>> from keras_filterwatch.metrics.similarity import filter_similarity
        >>> numbers = ranks(filter_similarity(np.diag([4.0, 3.0, 2.0, 1.0])))
        >>> {name: round(number, 4) for name, number in numbers.items()}
        {'effective_rank': 3.5961, 'stable_rank': 1.875}
    """
    size, count = similarity.weights.shape
    if not size or not count:
        return {}
    gram = similarity.gram
    if size < count:  # the smaller of the two products has the same spectrum
        gram = gram_matrix(similarity.weights.T)
    squares = np.linalg.eigvalsh(gram)
    squares = squares[squares > ROUNDING * squares[-1]]
    shares = np.sqrt(squares) / np.sqrt(squares).sum()
    return {
        "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        "stable_rank": float(squares.sum() / squares[-1]),
    }


@cache
def chance_cosine(dimension: int, filters: int, poses: int, chance: float = 0.05) -> float:
    """Returns the cosine that so many normal filters reach in a share `chance` of layers.

    The highest over all pairs and poses; at .05, for 64 filters in 16 poses (8 transforms, 2
    signs): .971, .757, .606, .373, .193 for filters of 9, 27, 49, 147, 576 weights. 1 where a
    filter has a single weight.

    Example:
        >>> round(chance_cosine(147, 64, 16), 3)
        0.373
    """
    comparisons = max(poses * filters * (filters - 1) // 2, 1)
    if dimension < 2:
        return 1.0
    # (1 - x^2)^((d-3)/2), the density of a cosine in d dimensions, with x = tanh u
    u = np.linspace(0, 20, 20_001)
    tail = np.cumsum((np.cosh(u) ** (1.0 - dimension))[::-1])[::-1]
    tail = tail / tail[0] / 2
    per_comparison = -math.expm1(math.log1p(-chance) / comparisons)
    log_tail = -np.log(np.maximum(tail, 1e-300))
    return math.tanh(np.interp(-math.log(per_comparison), log_tail, u))


@cache
def poses(spatial: tuple[int, ...]) -> tuple[Pose, ...]:
    """Returns the ways to turn and mirror a window onto itself, except leaving it as it is.

    7 if it is square (the dihedral group D4), 3 if oblong, 1 in 1-D, none for 1x1. Each is the
    order of the axes, and the axes to flip after that.

    Example:
        >>> poses((3,))
        (((0,), (0,)),)
        >>> len(poses((3, 3)))
        7
    """
    axes = tuple(range(len(spatial)))
    wide = [axis for axis in axes if spatial[axis] > 1]
    orders = [
        order
        for order in permutations(axes)
        if all(spatial[i] == spatial[o] and (i == o or i in wide) for i, o in enumerate(order))
    ]
    flips = [
        tuple(axis for axis, flip in zip(wide, choice, strict=True) if flip)
        for choice in product((False, True), repeat=len(wide))
    ]
    return tuple((o, f) for o in orders for f in flips if (o, f) != (axes, ()))


def _transformed_copies(
    similarity: FilterSimilarity,
    shape: tuple[int, ...],
    transforms: tuple[Pose, ...],
    threshold: float,
) -> Array:
    """Returns which pairs of filters, `(filters, filters)`, are copies in another pose."""
    count = similarity.weights.shape[1]
    copies = np.zeros((count, count), bool)
    bound = _highest_cosines(similarity, shape, {order for order, _ in transforms})
    candidates = np.flatnonzero((bound > threshold).any(axis=1))
    flat = similarity.weights[:, candidates].T / similarity.norms[candidates, np.newaxis]
    windows = flat.reshape(len(candidates), *shape)
    for order, flips in transforms:
        transformed = windows.transpose(0, *(o + 1 for o in order), len(shape))
        transformed = np.flip(transformed, tuple(axis + 1 for axis in flips)).reshape(flat.shape)
        copies[np.ix_(candidates, candidates)] |= flat @ transformed.T > threshold
    np.fill_diagonal(copies, False)
    return copies


def _highest_cosines(
    similarity: FilterSimilarity, shape: tuple[int, ...], orders: set[tuple[int, ...]]
) -> Floats:
    """Returns an upper bound for the cosine of two filters in any pose, 0 on the diagonal.

    In even and odd parts along each axis, mirroring only changes signs, and turning exchanges what
    the orders of the axes exchange: the norms of these groups bound the cosine. In wide layers the
    bound rules nearly all filters out, and comparing them in every pose would double the time of
    all scores of a ResNet50.
    """
    spatial, channels, count = shape[:-1], shape[-1], similarity.weights.shape[1]
    taps = np.arange(math.prod(spatial)).reshape(spatial)
    lowest = np.min([taps, *(taps.transpose(order) for order in orders)], axis=0)
    groups, group_of_tap = np.unique(lowest, return_inverse=True)
    norms = similarity.norms.astype(similarity.weights.dtype)
    bound = np.full((count, count), _FLOAT32_ERROR)
    windows = similarity.weights.reshape(*shape, count)
    step = max(1, _TRANSFORMED_WEIGHTS // max(1, taps.size * count))
    for start in range(0, channels, step):
        parts = windows[..., start : start + step, :] / norms
        for axis, size in enumerate(spatial):
            transform = _even_and_odd(size).astype(parts.dtype)
            parts = np.moveaxis(np.tensordot(transform, parts, (1, axis)), 0, axis)
        parts = parts.reshape(-1, *parts.shape[-2:])
        squares = np.zeros((len(groups), *parts.shape[1:]), np.float32)
        for group, weights in zip(group_of_tap.ravel(), parts, strict=True):
            squares[group] += np.square(weights)
        group_norms = np.sqrt(squares).reshape(-1, count)
        bound += group_norms.T @ group_norms
    np.fill_diagonal(bound, 0)
    return bound


def _even_and_odd(size: int) -> Floats:
    """Returns the orthogonal matrix that maps an axis to its even, middle and odd parts."""
    one, half = np.eye(size), size // 2
    even, odd = (one + one[::-1])[:half], (one - one[::-1])[:half]
    return np.concatenate([even / math.sqrt(2), one[half : size - half], odd / math.sqrt(2)])
