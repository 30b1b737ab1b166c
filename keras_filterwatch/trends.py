"""Does a series of numbers rise, or is that chance? Scatter and trend of values, one per epoch."""

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

_EXACT = 20  # values up to which the test is exact


def scatter(values: Sequence[float]) -> float:
    """Returns the standard deviation of the values around their trend, estimated robustly.

    The median absolute deviation of the differences between neighbours, times 1.4826 (which makes
    it a standard deviation under a normal distribution), over the square root of 2. A steady trend
    does not enlarge it. NaN with fewer than three values.

    Example:
        >>> scatter([1.0, 2.0, 3.0, 4.0])
        0.0
    """
    if len(values) < 3:
        return math.nan
    differences = np.diff(np.asarray(values, np.float64))
    deviation = np.median(np.abs(differences - np.median(differences)))
    return float(1.4826 * deviation / math.sqrt(2))


def chance_of_rise(values: Sequence[float]) -> float:
    """Returns the probability, 0 to 1, that values without a trend rise as steadily as these.

    Small is a steady rise. The one-sided test of Mann (1945) and Kendall (1975): exact up to 20
    values without ties, by the normal distribution for more. 1 with fewer than two values, or if
    one is not finite.

    Example:
        >>> chance_of_rise([1.0, 2.0, 3.0, 4.0])  # 1 of 24 orders rises throughout
        0.041666666666666664
    """
    numbers = np.asarray(values, np.float64)
    count = len(numbers)
    if count < 2 or not np.isfinite(numbers).all():
        return 1.0
    rises = np.sign(numbers[None, :] - numbers[:, None])[np.triu_indices(count, 1)]
    pairs = len(rises)
    falling = math.ceil((pairs - float(rises.sum())) / 2)  # inversions; half of each tie
    if count > _EXACT:
        deviation = math.sqrt(count * (count - 1) * (2 * count + 5) / 72)
        return 0.5 * math.erfc((pairs / 2 - falling) / deviation / math.sqrt(2))
    return sum(_orders(count)[: falling + 1]) / math.factorial(count)


def slope(values: Sequence[float]) -> float:
    """Returns the change from one value to the next: the median over all pairs.

    The estimator of Theil (1950) and Sen (1968). 0 with fewer than two values.

    Example:
        >>> slope([0.0, 2.0, 4.0, 60.0, 8.0])
        2.0
    """
    numbers = np.asarray(values, np.float64)
    first, second = np.triu_indices(len(numbers), 1)
    steepness = (numbers[second] - numbers[first]) / (second - first)
    return float(np.median(steepness)) if len(first) else 0.0


@cache
def _orders(count: int) -> list[int]:
    """Returns how many orders of so many values have 0, 1, 2, ... inversions."""
    orders = [1]
    for size in range(2, count + 1):
        padded = [0] * (size - 1) + orders + [0] * (size - 1)
        orders = [sum(padded[i : i + size]) for i in range(len(orders) + size - 1)]
    return orders
