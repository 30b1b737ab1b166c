"""What the training logs say: how far training came, on the training data and on others."""

import math
from collections.abc import Sequence

from keras_filterwatch.scores import Scores

_ACCURACIES = (
    *("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy"),
    "binary_accuracy",
)

History = Sequence[Scores]


def epochs(history: History) -> list[Scores]:
    """The last look at each epoch that logged a loss."""
    return [scores for scores in history if "loss" in scores.logs]


def progress(history: History, prefix: str = "") -> float:
    """How far from guessing to perfection training came, 0 to 1; `prefix` is "" or "val_".

    By the accuracy where it is logged, else by how much of the first epoch's loss is gone. NaN
    without evidence.
    """
    by_accuracy = accuracy(history, prefix)
    if not math.isnan(by_accuracy):
        return by_accuracy
    losses = [scores.logs.get(f"{prefix}loss", math.nan) for scores in epochs(history)]
    return max(0.0, 1 - losses[-1] / losses[0]) if losses and losses[0] > 0 else math.nan


def accuracy(history: History, prefix: str = "") -> float:
    """The accuracy at the last epoch, 0 for a guess and 1 for perfection; NaN if none is logged.

    A guess is among as many classes as a dense last layer has units, and 2 where it has one.
    """
    logged = epochs(history)
    named = [prefix + name for name in _ACCURACIES if logged and prefix + name in logged[-1].logs]
    if not named:
        return math.nan
    shapes = [layer.shape for layer in logged[-1].values()]
    guess = 1 / max(2, shapes[-1][-1]) if shapes and len(shapes[-1]) == 2 else 0.0
    return max(0.0, (logged[-1].logs[named[0]] - guess) / (1 - guess))


def gap(history: History) -> float:
    """How much further training came on its own data than on others; NaN without evidence."""
    return progress(history) - progress(history, "val_")
