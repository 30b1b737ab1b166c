"""Reads the records of the trainings, and selects among them."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.faults import records

GOOD, POOR = 0.9, 0.5  # of the way from guessing to what networks of the study `windows` reach
_BEST = 0.9  # quantile


class Trained:
    """One training with what it reached, compared with networks that learn the data set well.

    Attributes:
        record: what was kept of it.
        reference: the validation accuracy that is usual for as many items of its data set.
    """

    def __init__(self, record: dict[str, Any], reference: float) -> None:
        self.record, self.reference = record, reference

    def __getattr__(self, name: str) -> Any:
        if name == "record" or name not in self.record:
            raise AttributeError(name)
        return self.record[name]

    @cached_property
    def accuracy(self) -> float:
        """On the validation items, after the last epoch."""
        return _accuracy(self.record)

    @property
    def gap(self) -> float:
        """By how much the accuracy is higher on the training items."""
        return self.logs[-1]["accuracy"] - self.accuracy

    @property
    def reach(self) -> float:
        """How far it came: 0 is guessing, 1 what is usual for the data set."""
        return (self.accuracy - self.guess) / (self.reference - self.guess)

    @property
    def is_good(self) -> bool:
        """Whether it came at least 90 % of the way."""
        return self.reach >= GOOD

    @property
    def is_poor(self) -> bool:
        """Whether it came at most half of the way."""
        return self.reach <= POOR

    @property
    def is_finite(self) -> bool:
        """Whether the loss is a number after the last epoch."""
        return bool(np.isfinite(self.logs[-1]["loss"]))

    @property
    def cell(self) -> tuple[str, int]:
        """Data set and window: trainings of one cell can be compared."""
        return self.data, self.window

    def score(self, layer: str, name: str, step: int = -1) -> float:
        """Returns a score of a layer, after the last epoch or at a step; NaN where undefined."""
        return self.steps[step].get(layer, {}).get(name, float("nan"))


class Records:
    """The records of a folder.

    Attributes:
        trained: the trainings.
        simulations: the records of made-up layers.
        references: data set -> the median accuracy of the study `windows`.
    """

    def __init__(self, folder: Path) -> None:
        everything = [records.read(path) for path in sorted(folder.glob("*.json.gz"))]
        self.simulations = [each for each in everything if each["study"] == "power"]
        trainings = [each for each in everything if each["study"] != "power"]
        usual: dict[tuple[str, int], float] = {}
        self.references: dict[str, float] = {}
        for (data, items), group in grouped(trainings, _comparable_by).items():
            learnt = [_accuracy(each) for each in group if each["study"] == "windows"]
            if learnt:
                self.references[data] = float(np.median(learnt))
            # where fewer items were learnt from, nine in ten trainings do no better
            usual[data, items] = (
                self.references[data]
                if learnt
                else float(np.quantile([_accuracy(each) for each in group], _BEST))
            )
        self.trained = [
            Trained(each, usual[_comparable_by(each)])
            for each in trainings
            if each["data"] in self.references
        ]

    def of(self, *studies: str, **fields: Any) -> list[Trained]:
        """Returns the trainings of some studies whose fields have these values."""
        return [
            each
            for each in self.trained
            if each.study in studies and all(getattr(each, k) == v for k, v in fields.items())
        ]


def _comparable_by(record: Mapping[str, Any]) -> tuple[str, int]:
    """Returns what accuracies can be compared within: the data set, and how much of it."""
    return record["data"], record["items"][0]


def _accuracy(record: Mapping[str, Any]) -> float:
    return record["logs"][-1]["val_accuracy"]


def noise_of(group: Iterable[Trained], layer: str = "first", step: int = -1) -> list[float]:
    """Returns the noise scores of a layer, after training or at a step, where defined."""
    scores = [each.score(layer, "noise", step) for each in group]
    return [score for score in scores if np.isfinite(score)]


def grouped(items: Iterable[Any], key: Callable[[Any], Hashable]) -> dict[Any, list[Any]]:
    """Returns the items by key, in order of the keys.

    Example:
        >>> grouped([3, 1, 2], lambda number: number % 2)
        {0: [2], 1: [3, 1]}
    """
    groups: dict[Any, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return dict(sorted(groups.items()))
