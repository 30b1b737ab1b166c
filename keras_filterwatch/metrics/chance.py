"""How often does chance alone give such a score? Null distributions of what labels are made of.

Under normal noise Geary's C, dc and chroma are ratios of two sums of squares, each with known
weights, so their tails need no simulation. Initialisers of other shapes, such as uniform ones,
differ from them by little (`docs/scores.md` has the measurements).
"""

import math
from functools import cache

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.blocks import Floats

_STEPS = 40  # of Newton's method at most; about eight are needed
_CLOSE = 1e-6  # the slope, relative to its standard deviation, at which it ends
_NEAR_MEAN = 1e-4  # below it the formula of the tail is 0/0, and its limit is taken
_SIDE = 9  # most taps along an axis of which the gradients' distribution is computed
_GRID = np.linspace(0, 1, 33)  # coherences for which it is computed
_FEWEST_GRADIENTS = 5  # with fewer, the tail of the coherence is not known well enough


@np.errstate(all="ignore")
def chance_of_positive(values: Array, degrees: Array) -> Floats:
    """Returns the probability that a weighted sum of chi-square numbers is above zero.

    The saddlepoint approximation of Lugannani and Rice (1980), whose relative error is a few
    percent however small the probability is.

    Args:
        values: the weights, `(terms, sums)`.
        degrees: degrees of freedom of each term, broadcast to `(terms, sums)`; any positive number.

    Example:
        >>> import numpy as np
        >>> # F(2, 4) is above 6.944 in 5 % of cases
        >>> chance_of_positive(np.array([[1 / 2], [-6.944 / 4]]), np.array([[2], [4]])).round(2)
        array([0.05])
    """
    low, high = 1 / (2 * values.min(axis=0)), 1 / (2 * values.max(axis=0))
    has_both_signs = (low < 0) & (high > 0) & np.isfinite(low) & np.isfinite(high)
    low, high = np.where(has_both_signs, low, -1.0), np.where(has_both_signs, high, 1.0)
    point = np.zeros(values.shape[1])
    for _ in range(_STEPS):
        ratio = values / (1 - 2 * point * values)
        weighted = degrees * ratio
        slope, curvature = weighted.sum(axis=0), 2 * (weighted * ratio).sum(axis=0)
        if not (has_both_signs & (np.square(slope) > _CLOSE**2 * curvature)).any():
            break
        low, high = np.where(slope < 0, point, low), np.where(slope < 0, high, point)
        point = point - slope / curvature
        point = np.where((point > low) & (point < high), point, (low + high) / 2)
    log_height = (degrees * np.log1p(-2 * point * values)).sum(axis=0)
    root = np.sign(point) * np.sqrt(np.maximum(log_height, 0))
    density = np.exp(-np.square(root) / 2) / math.sqrt(2 * math.pi)
    tail = _normal_tail(root) + density * (1 / (point * np.sqrt(curvature)) - 1 / root)
    skewness = 8 * (weighted * np.square(ratio)).sum(axis=0) / curvature**1.5
    tail = np.where(abs(root) < _NEAR_MEAN, 0.5 - skewness / 6 / math.sqrt(2 * math.pi), tail)
    return np.where(has_both_signs, np.clip(tail, 0, 1), (values > 0).any(axis=0))


def tails_of_c(geary_c: Array, spatial: tuple[int, ...], slices: Array) -> tuple[Floats, Floats]:
    """Returns how often noise has a C as high as these, and one as low, both `(filters,)`.

    NaN counts as nothing unusual: its chance is 1.

    Args:
        geary_c: of the filters, `(filters,)`.
        spatial: the window, `(height, width)`.
        slices: of how many independent slices each filter consists, `(filters,)`.

    Example:
        >>> import numpy as np
        >>> upper, lower = tails_of_c(np.array([0.5, 1.5]), (3, 3), np.array([1.0, 1.0]))
        >>> upper.round(3), lower.round(3)
        (array([0.99 , 0.028]), array([0.01 , 0.972]))
    """
    patterns = _spectrum_of_c(*spatial)
    upper = chance_of_positive(patterns - geary_c, slices)
    return np.where(np.isnan(geary_c), 1.0, upper), np.where(np.isnan(geary_c), 1.0, 1 - upper)


def tail_of_share(share: Array, inside: Array | float, outside: Array | float) -> Floats:
    """Returns how often so large a share of noise's energy lies in a subspace, `(filters,)`.

    NaN counts as nothing unusual: its chance is 1.

    Args:
        share: of each filter's energy, `(filters,)`.
        inside: dimensions of the subspace.
        outside: dimensions of the rest.

    Example:
        >>> import numpy as np
        >>> tail_of_share(np.array([0.75]), 2, 2).round(2)  # uniform between 0 and 1
        array([0.25])
    """
    degrees = np.stack(
        [np.broadcast_to(inside, share.shape), np.broadcast_to(outside, share.shape)]
    )
    tail = chance_of_positive(np.stack([1 - share, -share]), degrees)
    return np.where(np.isnan(share), 1.0, tail)


@np.errstate(all="ignore")
def tail_of_coherence(coherence: Array, spatial: tuple[int, ...], slices: Array) -> Floats:
    """Returns how often noise has a coherence as high as these, `(filters,)`.

    Gradients that share taps favour the vertical and the horizontal, where the tail is known; the
    directions between add to it as they do in a normal distribution with the same two variances.
    It is 1 for filters without a gradient, and for those too small to show a direction: with two
    taps along an axis, or fewer than five independent gradients, as in one slice of 3x3.

    Args:
        coherence: of the filters, `(filters,)`.
        spatial: the window, `(height, width)`.
        slices: of how many independent slices each filter consists, `(filters,)`.

    Example:
        >>> import numpy as np
        >>> tail_of_coherence(np.array([0.8]), (3, 3), np.array([3.0])).round(3)
        array([0.003])
    """
    if min(spatial) < 3:
        return np.ones(len(coherence))
    size = min(spatial[0], _SIDE), min(spatial[1], _SIDE)
    copies = slices * _independent_gradients(*spatial) / _independent_gradients(*size)
    spectra = _spectra_of_direction(*size)
    place = np.clip(np.nan_to_num(coherence), 0, 1) * (len(_GRID) - 1)
    index = np.minimum(place.astype(int), len(_GRID) - 2)
    part = place - index
    values = (1 - part) * spectra[:, index] + part * spectra[:, index + 1]
    a, b = spatial[0] - 1, spatial[1] - 1
    neighbours, diagonals = 2 * a * b - a - b, (a - 1) * (b - 1)
    # ratio of the variances of the structure tensor's diagonal part and of its upright part
    narrow = (2 * a * b + diagonals - neighbours) / (2 * a * b + neighbours)
    one_sided = chance_of_positive(values, copies)
    tail = np.minimum(2 * one_sided / math.sqrt(1 - narrow), 1)
    too_small = slices * _independent_gradients(*spatial) < _FEWEST_GRADIENTS
    return np.where(too_small | np.isnan(coherence), 1.0, tail)


def slices_drawn_alike(slices: Array, taps: int, channels: int) -> Floats:
    """Returns how many slices of one distribution vary as much as these effective numbers of them.

    Slices of one distribution differ in size by chance, so their effective number, the score
    `slices`, is below the number of channels. NaN, of a filter without variance, becomes the
    number of channels.

    Example:
        >>> import numpy as np
        >>> slices_drawn_alike(np.array([1.0, 2.6, 2.9, np.nan]), taps=9, channels=3)
        array([1., 3., 3., 3.])
    """
    return np.fmin(slices + 2 * (slices - 1) / (taps - 1), channels)


def _normal_tail(z: Floats) -> Floats:
    return np.array([math.erfc(value / math.sqrt(2)) / 2 for value in z])


@cache
def _spectrum_of_c(height: int, width: int) -> Floats:
    """Returns the values of C of the patterns that the grid is made of, `(taps - 1, 1)`."""
    down, across = (2 - 2 * np.cos(np.pi * np.arange(size) / size) for size in (height, width))
    pairs = height * (width - 1) + width * (height - 1)
    eigenvalues = np.add.outer(down, across).reshape(-1, 1)[1:]
    return np.asarray(eigenvalues * (height * width - 1) / (2 * pairs))


def _independent_gradients(height: int, width: int) -> float:
    """Returns how many gradients without common taps would favour one direction as much."""
    a, b = height - 1, width - 1
    neighbours = 2 * a * b - a - b
    return a * b / (1 + neighbours / (2 * a * b))


@cache
def _spectra_of_direction(height: int, width: int) -> Floats:
    """Returns what `chance_of_positive` needs for each coherence of the grid, `(taps, grid)`.

    Eigenvalues of the upright part of the structure tensor less the coherence times its trace.
    """
    taps = np.eye(height * width).reshape(-1, height, width)
    falling = (taps[:, 1:, 1:] - taps[:, :-1, :-1]).reshape(len(taps), -1)
    rising = (taps[:, :-1, 1:] - taps[:, 1:, :-1]).reshape(len(taps), -1)
    upright = falling @ rising.T + rising @ falling.T
    trace = falling @ falling.T + rising @ rising.T
    forms = upright - _GRID[:, np.newaxis, np.newaxis] * trace
    return np.ascontiguousarray(np.linalg.eigvalsh(forms).T)
