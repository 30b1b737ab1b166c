"""Is it redundant? The rank of a layer, and filters that are copies of each other.

Of a layer with more than 512 filters every second, or third, and so on is compared
(`comparison.py`).
"""

import math
from functools import cache
from itertools import permutations, product
from typing import TypeAlias

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import ROUNDING, Floats
from keras_filterwatch.metrics.similarity import Comparison, compare, products_between

_COPY = 0.9  # cosine of a copy; in narrow filters, where chance comes that far, more is needed
_CHANCE = 0.03  # share of layers in which chance makes a pair: of uniform filters, nearly .05
_NUMBERS = 2**18  # weights turned at once
_LOST = 1e-4  # more than single precision loses in a product of profiles

Pose: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]  # the order of axes, those to flip


@np.errstate(all="ignore")
def measure(
    array: Array, compared: Comparison | None = None
) -> tuple[dict[str, float], dict[str, Floats]]:
    """All of this file for one kernel `(*spatial, channels, filters)`.

    Returns the layer's numbers, without those that are undefined: `effective_rank` and
    `stable_rank` (1 to the smaller side of the matrix; high is good), and the shares of filters
    with a copy: `duplicates` (same pose, same sign: waste; 0 is good, 1 if all are one filter),
    `rotated` (turned or mirrored, and no duplicate) and `inverted` (the opposite sign), both of
    which are healthy. Beside them the three shares per filter, `(filters,)`: 1 with a copy, 0
    without, NaN where it was not compared. `compared` saves comparing the filters again.
    """
    compared = compared or compare(array)
    size, count = compared.flat.shape
    numbers = ranks(compared)
    if count < 2 or size < 2:
        return numbers, {}
    turns = poses(array.shape[:-2])
    limit = max(_COPY, chance_cosine(size, count, 2 * (1 + len(turns)), _CHANCE))
    found = {"duplicates": compared.cosines > limit, "inverted": compared.cosines < -limit}
    if turns:
        turned = _turned_copies(compared, array.shape[:-1], turns, limit)
        found["rotated"] = turned & ~found["duplicates"]
    filters = {}
    for name, pairs in found.items():
        filters[name] = np.full(array.shape[-1], np.nan)
        filters[name][compared.places] = pairs.any(axis=1)
        numbers[name] = float(pairs.any(axis=1).mean())
    return numbers, filters


def ranks(compared: Comparison) -> dict[str, float]:
    """`effective_rank` (Roy & Vetterli 2007) and `stable_rank`; empty without weights.

    exp of the entropy of the singular values' shares, and ||W||_F^2 / ||W||_2^2: 3.5961 and
    1.8750 for diag(4, 3, 2, 1).
    """
    size, count = compared.flat.shape
    if not size or not count:
        return {}
    gram = compared.gram
    if size < count:  # the smaller of the two products has the same spectrum
        gram = products_between(compared.flat.T)
    squares = np.linalg.eigvalsh(gram)
    squares = squares[squares > ROUNDING * squares[-1]]
    shares = np.sqrt(squares) / np.sqrt(squares).sum()
    return {
        "effective_rank": float(np.exp(-(shares * np.log(shares)).sum())),
        "stable_rank": float(squares.sum() / squares[-1]),
    }


@cache
def chance_cosine(dimension: int, filters: int, poses: int, chance: float = 0.05) -> float:
    """The cosine that so many normal filters reach in a share `chance` of layers, in any pose.

    At .05, for 64 filters in 16 poses (8 turns, 2 signs): .971, .757, .606, .373, .193 for filters
    of 9, 27, 49, 147, 576 weights. 1 where chance can do anything.
    """
    comparisons = max(poses * filters * (filters - 1) // 2, 1)
    if dimension < 2:
        return 1.0
    # (1 - x^2)^((d-3)/2), the density of a cosine in d dimensions, with x = tanh u
    u = np.linspace(0, 20, 20_001)
    tail = np.cumsum((np.cosh(u) ** (1.0 - dimension))[::-1])[::-1]
    tail = tail / tail[0] / 2
    each = -math.expm1(math.log1p(-chance) / comparisons)
    return math.tanh(np.interp(-math.log(each), -np.log(np.maximum(tail, 1e-300)), u))


@cache
def poses(spatial: tuple[int, ...]) -> tuple[Pose, ...]:
    """The ways to turn and mirror a window onto itself, but for leaving it as it is.

    7 if it is square (the dihedral group D4), 3 if oblong, 1 in 1-D, none for 1x1.
    """
    axes = tuple(range(len(spatial)))
    wide = [axis for axis in axes if spatial[axis] > 1]
    orders = [
        order
        for order in permutations(axes)
        if all(spatial[i] == spatial[o] and (i == o or i in wide) for i, o in enumerate(order))
    ]
    flips = [
        tuple(axis for axis, flip in zip(wide, chosen, strict=True) if flip)
        for chosen in product((False, True), repeat=len(wide))
    ]
    return tuple((o, f) for o in orders for f in flips if (o, f) != (axes, ()))


def _turned_copies(
    compared: Comparison, shape: tuple[int, ...], turns: tuple[Pose, ...], limit: float
) -> Array:
    """Which filters `(filters, filters)` are alike in another pose than their own."""
    count = compared.flat.shape[1]
    found = np.zeros((count, count), bool)
    bound = _highest_cosines(compared, shape, {order for order, _ in turns})
    some = np.flatnonzero((bound > limit).any(axis=1))
    flat = compared.flat[:, some].T / compared.lengths[some, np.newaxis]
    windows = flat.reshape(len(some), *shape)
    for order, flips in turns:
        turned = windows.transpose(0, *(o + 1 for o in order), len(shape))
        turned = np.flip(turned, tuple(axis + 1 for axis in flips)).reshape(flat.shape)
        found[np.ix_(some, some)] |= flat @ turned.T > limit
    np.fill_diagonal(found, False)
    return found


def _highest_cosines(
    compared: Comparison, shape: tuple[int, ...], orders: set[tuple[int, ...]]
) -> Floats:
    """What the cosine of two filters cannot exceed in any pose, 0 on the diagonal.

    In even and odd parts along each axis, mirroring only changes signs, and turning exchanges what
    the orders of the axes exchange: the norms of these groups bound the cosine, which in wide
    layers rules nearly all filters out.
    """
    spatial, channels, count = shape[:-1], shape[-1], compared.flat.shape[1]
    places = np.arange(math.prod(spatial)).reshape(spatial)
    first = np.min([places, *(places.transpose(order) for order in orders)], axis=0)
    groups, group = np.unique(first, return_inverse=True)
    lengths = compared.lengths.astype(compared.flat.dtype)
    bound = np.full((count, count), _LOST)
    windows = compared.flat.reshape(*shape, count)
    step = max(1, _NUMBERS // max(1, places.size * count))
    for start in range(0, channels, step):
        some = slice(start, start + step)
        parts = windows[..., some, :] / lengths
        for axis, size in enumerate(spatial):
            turn = _even_and_odd(size).astype(parts.dtype)
            parts = np.moveaxis(np.tensordot(turn, parts, (1, axis)), 0, axis)
        squares = np.zeros((len(groups), *parts.shape[-2:]), np.float32)
        for place, weights in zip(group.ravel(), parts.reshape(-1, *parts.shape[-2:]), strict=True):
            squares[place] += np.square(weights)
        profile = np.sqrt(squares).reshape(-1, count)
        bound += profile.T @ profile
    np.fill_diagonal(bound, 0)
    return bound


def _even_and_odd(size: int) -> Floats:
    """The orthogonal matrix that takes an axis to its even parts, its middle and its odd parts."""
    one, half = np.eye(size), size // 2
    even, odd = (one + one[::-1])[:half], (one - one[::-1])[:half]
    return np.concatenate([even / math.sqrt(2), one[half : size - half], odd / math.sqrt(2)])
