"""The items that a training uses, as arrays, whatever form a program gave them."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from benchmarks.faults.program import Training


def as_arrays(x: Any, y: Any = None, batches: int | None = None) -> tuple[Any, Any, Any]:
    """Returns inputs, targets and weights as arrays, lists or dicts of arrays; None for none.

    Args:
        x: arrays, or a dataset of batches `x`, `(x,)`, `(x, y)` or `(x, y, weights)`.
        y: targets, if `x` are arrays.
        batches: how many to take of a dataset at most; needed for one without an end.
    """
    if not is_dataset(x):
        return x, y, None
    taken: list[tuple[Any, ...]] = []
    for batch in _batches(x):
        if batches is not None and len(taken) >= batches:
            break
        batch = batch if isinstance(batch, tuple) else (batch,)
        taken.append(keras.tree.map_structure(np.asarray, batch))
    joined = keras.tree.map_structure(lambda *parts: np.concatenate(parts), *taken)
    return (*joined, None, None)[:3]


def is_dataset(x: Any) -> bool:
    """Returns True for what gives batches: a tf.data.Dataset, a PyDataset or a generator."""
    return not isinstance(x, np.ndarray | list | tuple | dict) and not hasattr(x, "shape")


def use_arrays(training: Training) -> None:
    """Replaces datasets by arrays with the same items, where a fault has to change the items.

    Batches keep their size and epochs their number of updates.
    """
    arguments = training.arguments
    if is_dataset(training.x):
        steps = arguments.pop("steps_per_epoch", None)
        training.x, training.y, weights = as_arrays(training.x, batches=steps)
        if weights is not None:
            arguments["sample_weight"] = weights
    if training.validation is not None and is_dataset(training.validation):
        steps = arguments.pop("validation_steps", None)
        x, y, weights = as_arrays(training.validation, batches=steps)
        training.validation = (x, y) if weights is None else (x, y, weights)


def first_items(data: Any, count: int) -> Any:
    """Returns the first items of each array; None stays None."""
    return map_arrays(lambda array: array[:count], data)


def map_arrays(change: Callable[[Any], Any], data: Any) -> Any:
    """Returns the same structure with each array changed; None stays None."""
    return None if data is None else keras.tree.map_structure(change, data)


def count(data: Any) -> int:
    """Returns the number of items."""
    return len(keras.tree.flatten(data)[0])


def probe(training: Training, size: int = 256) -> Any:
    """Returns `(x, y)` for FilterWatch: the program's own, or the first training items.

    It is `x` alone where there are no targets.
    """
    if training.probe is not None:
        return training.probe
    x, y, _ = as_arrays(training.x, training.y, math.ceil(size / training.batch))
    x, y = first_items(x, size), first_items(y, size)
    return x if y is None else (x, y)


def updates_per_epoch(training: Training) -> int:
    """Returns how many batches an epoch has."""
    if "steps_per_epoch" in training.arguments:
        return int(training.arguments["steps_per_epoch"])
    if is_dataset(training.x):
        return len(training.x)
    return math.ceil(count(training.x) / training.batch)


def _batches(dataset: Any) -> Iterable[Any]:
    if isinstance(dataset, keras.utils.PyDataset):
        return (dataset[i] for i in range(len(dataset)))
    return dataset
