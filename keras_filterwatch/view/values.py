"""Numbers as the page's documents have them: five significant digits, and words for NaN and inf."""

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from keras_filterwatch.kernels import Array

Value: TypeAlias = float | str | None

_DIGITS = 5
_MOST_EXPONENT = 17  # numbers from 1e-17 to 1e17 are rounded by exact powers of ten


def scores_as_values(numbers: Array) -> list[Any]:
    """Returns scores, of any number of axes, as nested lists; None where they are undefined.

    Example:
        >>> scores_as_values(np.array([[0.1234567, np.nan], [np.inf, 3.0]]))
        [[0.12346, None], ['inf', 3.0]]
    """
    numbers = np.asarray(numbers, np.float64)
    finite = np.isfinite(numbers)
    result: list[Any] = rounded(np.where(finite, numbers, 0.0)).tolist()
    for place in zip(*(axis.tolist() for axis in np.nonzero(~finite)), strict=True):
        row = result
        for index in place[:-1]:
            row = row[index]
        row[place[-1]] = None if math.isnan(numbers[place]) else _word(float(numbers[place]))
    return result


def logs_as_values(numbers: Sequence[float | None]) -> list[Value]:
    """Returns what was logged at each step; None where nothing was.

    Example:
        >>> logs_as_values([None, 0.25, math.nan])
        [None, 0.25, 'nan']
    """
    present = np.array([math.nan if number is None else number for number in numbers], np.float64)
    finite = np.isfinite(present)
    values: list[Value] = rounded(np.where(finite, present, 0.0)).tolist()
    for place in np.flatnonzero(~finite).tolist():
        values[place] = None if numbers[place] is None else _word(float(present[place]))
    return values


def as_value(number: float) -> Value:
    """Returns one number that was measured or logged.

    Example:
        >>> as_value(123456.0), as_value(-math.inf)
        (123460.0, '-inf')
    """
    return logs_as_values([float(number)])[0]


def rounded(numbers: Array) -> Array:
    """Returns finite numbers with five significant digits, as JSON writes them shortest.

    Example:
        >>> rounded(np.array([0.000123456, -98765.4, 0.0])).tolist()
        [0.00012346, -98765.0, 0.0]
    """
    numbers = np.asarray(numbers, np.float64)
    sizes = np.abs(numbers)
    with np.errstate(divide="ignore"):
        exponents = np.floor(np.log10(sizes))
    is_usual = np.abs(exponents) < _MOST_EXPONENT  # of 0 it is -inf
    shifts = np.where(is_usual, _DIGITS - 1 - exponents, 0)
    # of two exact numbers, the quotient and the product are the nearest to a short decimal
    up, down = 10.0 ** np.maximum(shifts, 0), 10.0 ** np.maximum(-shifts, 0)
    result = np.where(is_usual, np.rint(numbers * up / down) / up * down, numbers)
    for place in np.flatnonzero(~is_usual & (sizes > 0)).tolist():
        result.flat[place] = float(f"{numbers.flat[place]:.{_DIGITS}g}")
    return np.asarray(result)


def _word(number: float) -> str:
    """Returns what stands for a number that JSON cannot hold."""
    return "nan" if math.isnan(number) else "inf" if number > 0 else "-inf"
