"""Effects with their intervals: the area under a curve, means over cells, correlations, shares."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.faults.report import wilson

_DRAWS = 1_000  # of a bootstrap
_PERCENTILES = (2.5, 97.5)


class Estimate(NamedTuple):
    """A number and its interval of 95 %; prints as `0.42 (0.40 to 0.45)`."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def auc(positive: ArrayLike, negative: ArrayLike) -> float:
    """Returns how often a positive is larger than a negative, of all pairs; ties count half.

    It is the area under the receiver operating characteristic: 0.5 is guessing, 1 always right.

    Example:
        >>> auc([3, 2], [1, 2])
        0.875
    """
    first, second = np.asarray(positive, float), np.asarray(negative, float)
    difference = first[:, np.newaxis] - second
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def mean_auc(cells: Sequence[tuple[ArrayLike, ArrayLike]]) -> Estimate:
    """Returns the mean of the `auc` of cells `(positive, negative)`, such as data sets.

    Positives and negatives are compared within their cell, and drawn within it for the interval.
    """
    return _bootstrap(
        [np.asarray(values, float) for cell in cells for values in cell],
        lambda samples: np.mean(
            [auc(*pair) for pair in zip(samples[::2], samples[1::2], strict=True)]
        ),
    )


def mean(cells: Sequence[ArrayLike]) -> Estimate:
    """Returns the mean of the means of cells; the values of each cell are drawn within it.

    Example:
        >>> mean([[1.0, 1.0], [3.0, 3.0, 3.0]])
        Estimate(value=2.0, low=2.0, high=2.0)
    """
    return _bootstrap(
        [np.asarray(cell, float) for cell in cells],
        lambda samples: np.mean([cell.mean() for cell in samples]),
    )


def difference(cells: Sequence[tuple[ArrayLike, ArrayLike]]) -> Estimate:
    """Returns the mean over cells of mean(first) - mean(second), drawn independently.

    Example:
        >>> difference([([3.0, 3.0], [1.0]), ([2.0], [2.0])])
        Estimate(value=1.0, low=1.0, high=1.0)
    """
    return _bootstrap(
        [np.asarray(values, float) for cell in cells for values in cell],
        lambda samples: np.mean(
            [a.mean() - b.mean() for a, b in zip(samples[::2], samples[1::2], strict=True)]
        ),
    )


def spearman(x: ArrayLike, y: ArrayLike) -> float:
    """Returns the correlation of the ranks (Spearman 1904); ties get their mean rank.

    Pairs with a NaN are left out; NaN if one of the two does not vary.

    Example:
        >>> round(spearman([1, 2, 3, 4], [10, 100, 1000, 10]), 6)  # ranks 1.5, 3, 4, 1.5
        0.105409
    """
    pairs = np.array([x, y], float)
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    if not pairs.size:
        return float("nan")
    first, second = (ranks - ranks.mean() for ranks in map(_ranks, pairs))
    energy = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / energy if energy else float("nan")


def rank_correlation(x: ArrayLike, y: ArrayLike) -> Estimate:
    """Returns the `spearman` correlation; the pairs are drawn anew for its interval."""
    pairs = np.array([x, y], float).T
    return _bootstrap([pairs], lambda samples: spearman(*samples[0].T))


def share(hits: int, of: int) -> Estimate:
    """Returns a share with Wilson's interval (1927).

    Example:
        >>> print(share(5, 10))
        0.50 (0.24 to 0.76)
    """
    return Estimate(hits / of, *wilson(hits, of)) if of else Estimate(*3 * [math.nan])


def r_squared(true: ArrayLike, predicted: ArrayLike) -> Estimate:
    """Returns 1 - squared errors / squared deviations from the mean; the items are drawn anew.

    Example:
        >>> r_squared([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).value
        1.0
    """
    pairs = np.stack([np.asarray(true, float), np.asarray(predicted, float)], axis=1)

    def of(samples: Sequence[NDArray]) -> float:
        truth, guess = samples[0].T
        deviations = np.square(truth - truth.mean()).sum()
        return 1 - np.square(truth - guess).sum() / deviations if deviations else np.nan

    return _bootstrap([pairs], of)


def ridge(
    features: NDArray, target: NDArray, groups: ArrayLike, penalty: float = 1.0
) -> NDArray[np.float64]:
    """Returns for each item what a ridge regression on the items of other groups predicts.

    Features are standardised by the items that the regression is fitted on; constant ones are
    left out.

    Args:
        features: `(items, features)`, all finite.
        target: `(items,)`.
        groups: `(items,)`; a group is predicted at once.
        penalty: on the squared coefficients, relative to one item.
    """
    groups, predicted = np.asarray(groups), np.empty(len(target))
    for group in np.unique(groups):
        fitted = groups != group
        centre, scale = features[fitted].mean(axis=0), features[fitted].std(axis=0)
        used = scale > 1e-9 * (1 + np.abs(centre))
        x = (features[:, used] - centre[used]) / scale[used]
        level = target[fitted].mean()
        inner = x[fitted].T @ x[fitted] + penalty * np.eye(x.shape[1])
        weights = np.linalg.solve(inner, x[fitted].T @ (target[fitted] - level))
        predicted[~fitted] = x[~fitted] @ weights + level
    return predicted


def _bootstrap(
    samples: Sequence[NDArray], statistic: Callable[[Sequence[NDArray]], float]
) -> Estimate:
    """Returns a statistic of samples, and the percentiles of it over samples drawn anew."""
    if not samples or any(len(sample) == 0 for sample in samples):
        return Estimate(np.nan, np.nan, np.nan)
    random = np.random.default_rng(0)
    statistics = [
        statistic([sample[random.integers(len(sample), size=len(sample))] for sample in samples])
        for _ in range(_DRAWS)
    ]
    low, high = np.nanpercentile(statistics, _PERCENTILES)
    return Estimate(float(statistic(samples)), float(low), float(high))


def _ranks(values: NDArray) -> NDArray[np.float64]:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]
