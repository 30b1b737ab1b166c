"""Measures the range of a probe's inputs and targets, and how frequent classes are."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model_facts import InputFacts, TargetFacts

_AT_ONCE = 2**15  # numbers that are converted to float64 at once, so that they stay in the cache
_FOR_CLASSES = 2**20  # numbers of the targets that are read to count classes, at most
_MANY_CLASSES = 2**16  # targets with so large a range are not counted as classes


def input_facts(
    inputs: Any, names: Sequence[str] = (), scale: float = 1.0, offset: float = 0.0
) -> tuple[InputFacts, ...]:
    """Returns the range of each of a model's inputs.

    Args:
        inputs: an array, or a list or dict of arrays.
        names: names of the model's inputs, for a list.
        scale, offset: those of the model's Rescaling layers, applied to an only input.

    Example:
        >>> input_facts(np.array([[0.0, 255.0]]))[0].maximum
        255.0
    """
    ranges = [InputFacts(name, *_range(array)) for name, array in _named(inputs, names)]
    if len(ranges) == 1:
        return (_rescaled(ranges[0], scale, offset),)
    return tuple(ranges)


def _rescaled(facts: InputFacts, scale: float, offset: float) -> InputFacts:
    """Returns the range of an input times `scale` plus `offset`."""
    ends = sorted(scale * end + offset for end in (facts.minimum, facts.maximum))
    return replace(
        facts,
        minimum=ends[0],
        maximum=ends[1],
        mean=scale * facts.mean + offset,
        std=abs(scale) * facts.std,
    )


def target_facts(targets: Any, names: Sequence[str] = ()) -> tuple[TargetFacts, ...]:
    """Returns what is known about the targets of each of a model's outputs.

    Args:
        targets: an array, or a list or dict of arrays; None in place of one that is missing.
        names: names of the model's outputs, for a list.

    Example:
        >>> target_facts(np.array([0, 1, 2, 2]))[0].majority
        0.5
    """
    return tuple(_target(name, array) for name, array in _named(targets, names))


class _Range(NamedTuple):
    minimum: float
    maximum: float
    mean: float
    std: float
    finite: float


def _range(array: Array) -> _Range:
    """Returns smallest, largest, mean, standard deviation and share of the finite numbers."""
    low, high = math.inf, -math.inf
    count = 0
    mean = squares = 0.0  # the sum of squares is that of the distances from the mean
    for part in _parts(array):
        own_mean = float(part.mean())
        if not math.isfinite(own_mean):
            part = part[np.isfinite(part)]
            if not part.size:
                continue
            own_mean = float(part.mean())
        low, high = min(low, float(part.min())), max(high, float(part.max()))
        # both are merged as Chan, Golub & LeVeque (1983) do
        distance, total = own_mean - mean, count + part.size
        part = part - own_mean
        squares += float(part @ part) + distance**2 * count * part.size / total
        mean += distance * part.size / total
        count = total
    if not count:
        return _Range(math.nan, math.nan, math.nan, math.nan, 0.0)
    return _Range(low, high, mean, math.sqrt(squares / count), count / array.size)


def _target(name: str, array: Array) -> TargetFacts:
    """Returns what is known about the targets of one output."""
    minimum, maximum, mean, std, finite = _range(array)
    rows = array[: max(1, _FOR_CLASSES * len(array) // max(1, array.size))]
    units = 1 if array.ndim < 2 else array.shape[-1]
    numbers = np.concatenate([part[np.isfinite(part)] for part in _parts(rows)] or [rows[:0]])
    is_whole = bool(numbers.size) and bool(np.all(numbers == np.round(numbers)))
    is_one_hot = (
        units > 1
        and numbers.size == rows.size > 0
        and bool(np.all((numbers == 0) | (numbers == 1)))
        and bool(np.all(rows.sum(axis=-1) == 1))
    )
    majority = math.nan
    if is_one_hot:
        counts = rows.reshape(-1, units).sum(axis=0, dtype=np.float64)
        majority = float(counts.max() / counts.sum())
    elif is_whole and np.ptp(numbers) < _MANY_CLASSES:
        counts = np.bincount((numbers - numbers.min()).astype(np.int64))
        majority = float(counts.max() / counts.sum())
    return TargetFacts(
        *(name, minimum, maximum, mean, finite, units, is_whole, is_one_hot, majority, std),
        items=len(array),
    )


def _parts(array: Array) -> Iterator[Array]:
    """Yields the numbers of an array in float64, a few at once."""
    numbers = array.reshape(-1)
    for start in range(0, numbers.size, _AT_ONCE):
        yield numbers[start : start + _AT_ONCE].astype(np.float64)


def _named(structure: Any, names: Sequence[str]) -> list[tuple[str, Array]]:
    """Returns each array of a structure with its name: `""` for one alone, its place if unknown."""
    if structure is None:
        return []
    arrays = keras.tree.flatten(structure)
    if len(arrays) == 1:
        names = [""]
    elif isinstance(structure, Mapping) and len(structure) == len(arrays):
        names = keras.tree.flatten({key: str(key) for key in structure})
    elif len(names) != len(arrays):
        names = [str(place) for place in range(len(arrays))]
    return [
        (name, np.asarray(array))
        for name, array in zip(names, arrays, strict=True)
        if array is not None
    ]
