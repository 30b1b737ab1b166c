"""History: the scores of a training so far, and the questions that rules and diagnosis ask."""

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import overload

from keras_filterwatch.scores import LayerScores, Scores

UNMOVED = 0.01  # rotation below which a layer has kept its first direction (see rules.noisy)

_ACCURACIES = (
    *("accuracy", "acc", "sparse_categorical_accuracy", "categorical_accuracy"),
    "binary_accuracy",
)


class History(Sequence[Scores]):
    """The scores of a training, oldest first; it cannot be changed.

    Rules take any sequence of `Scores`; `History.of` makes a `History` of it.

    Args:
        steps: the `Scores` of each step, oldest first.

    Example:
        >>> history = History([Scores(0, 0, {}), Scores(1, 1, {}, logs={"loss": 0.5})])
        >>> history[-1].step, len(history.logged)
        (1, 1)
    """

    def __init__(self, steps: Iterable[Scores] = ()) -> None:
        self._steps = tuple(steps)

    @classmethod
    def of(cls, steps: Sequence[Scores]) -> "History":
        """Returns a sequence of scores as a `History`, and a `History` as it is."""
        return steps if isinstance(steps, cls) else cls(steps)

    @overload
    def __getitem__(self, index: int) -> Scores: ...
    @overload
    def __getitem__(self, index: slice) -> "History": ...
    def __getitem__(self, index: int | slice) -> "Scores | History":
        if isinstance(index, slice):
            return History(self._steps[index])
        return self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, History | list | tuple):
            return NotImplemented
        return list(self) == list(other)

    def __repr__(self) -> str:
        steps = f": {self[0].step} to {self[-1].step}" if self else ""
        return f"History({len(self)} steps{steps})"

    # Steps

    @cached_property
    def epoch_ends(self) -> "History":
        """The first step and the steps at the ends of epochs, without those within an epoch."""
        before = [None, *self._steps]
        return History(
            scores
            for scores, previous in zip(self._steps, before, strict=False)
            if previous is None or scores.epoch > previous.epoch
        )

    @cached_property
    def logged(self) -> "History":
        """The steps at which Keras logged a loss: the ends of epochs."""
        return History(scores for scores in self._steps if "loss" in scores.logs)

    @property
    def epochs(self) -> int:
        """Epochs from the first step to the last one; 0 for an empty history."""
        return self[-1].epoch - self[0].epoch if self else 0

    def up_to_validations(self) -> list["History"]:
        """Returns the history as it was at each step with a validation loss, oldest first."""
        steps = enumerate(self._steps, 1)
        return [self[:end] for end, scores in steps if "val_loss" in scores.logs]

    # Layers and their scores

    def values(self, layer: str, score: str) -> list[float]:
        """Returns what a score of a layer was at each step that has it, oldest first."""
        return [
            scores[layer][score]
            for scores in self._steps
            if layer in scores and score in scores[layer]
        ]

    def layers_with(self, score: str) -> Iterator[tuple[str, LayerScores, list[float]]]:
        """Yields each layer that has a score now: its name, its scores and the past values."""
        for name, layer in self[-1].items():
            if score in layer:
                yield name, layer, self.values(name, score)

    def hidden_layers(self) -> list[tuple[str, LayerScores]]:
        """Returns all layers but a dense last one, whose units may well be dead or saturated."""
        layers = list(self[-1].items())
        return layers[:-1] if layers and len(layers[-1][1].shape) == 2 else layers

    def is_trainable(self, layer: str) -> bool:
        """Returns False for a layer that is frozen now."""
        return layer not in self[-1] or self[-1][layer].trainable

    @property
    def largest_rotation(self) -> float:
        """The rotation since the start of the layer that turned most; NaN if none is known."""
        rotations = (layer["rotation"] for layer in self[-1].values() if "rotation" in layer)
        return max(rotations, default=math.nan)

    def later_layers_moved(self, times: float = 10.0) -> bool:
        """Returns True if, at some step, a layer had turned far more than the first trainable one.

        By more than `times` as much, and by more than 0.001. False with fewer than three
        trainable layers.
        """
        for scores in self._steps[1:]:
            rotations = [
                layer["rotation"]
                for layer in scores.values()
                if "rotation" in layer and layer.trainable
            ]
            if len(rotations) > 2 and max(rotations) > max(1e-3, times * rotations[0]):
                return True
        return False

    # Progress of the training

    def progress(self, prefix: str = "") -> float:
        """Returns the way from guessing to perfection that training has gone, 0 to 1.

        By the accuracy where one is logged, else by the share of the first epoch's loss that is
        gone: 0 if the last loss is missing or NaN. NaN without a first loss above 0.

        Args:
            prefix: `""` for the training data, `"val_"` for the validation data.
        """
        accuracy = self.accuracy(prefix)
        if not math.isnan(accuracy):
            return accuracy
        losses = [scores.logs.get(f"{prefix}loss", math.nan) for scores in self.logged]
        return max(0.0, 1 - losses[-1] / losses[0]) if losses and losses[0] > 0 else math.nan

    def accuracy(self, prefix: str = "") -> float:
        """Returns the accuracy at the last epoch: 0 for guessing, 1 for perfection, NaN if unknown.

        Guessing is right in one of as many cases as a dense last layer has units, in one of two
        where it has one unit, and never where the last layer is not dense.
        """
        last = self.logged[-1] if self.logged else None
        names = [f"{prefix}{name}" for name in _ACCURACIES]
        name = next((name for name in names if last and name in last.logs), None)
        if last is None or name is None:
            return math.nan
        shapes = [layer.shape for layer in last.values()]
        guess = 1 / max(2, shapes[-1][-1]) if shapes and len(shapes[-1]) == 2 else 0.0
        return max(0.0, (last.logs[name] - guess) / (1 - guess))

    def gap(self) -> float:
        """Returns the progress on the training data minus that on the validation data.

        NaN without evidence.
        """
        return self.progress() - self.progress("val_")

    def best_validation_progress(self) -> float:
        """Returns the best validation progress of all epochs, 0 to 1; NaN if none is known."""
        ends = [end for end, scores in enumerate(self._steps, 1) if "loss" in scores.logs]
        values = (self[:end].progress("val_") for end in ends)
        return max((value for value in values if not math.isnan(value)), default=math.nan)

    def gets_nowhere(self, epochs: int = 3) -> bool:
        """Returns True if training is below half way and made no progress in so many epochs."""
        ends = [end for end, scores in enumerate(self._steps, 1) if "loss" in scores.logs]
        if len(ends) < epochs:
            return False
        before, now = (self[:end].progress() for end in (ends[-epochs], ends[-1]))
        return now < 0.5 and now - before < 0.05

    def was_pretrained(self) -> bool:
        """Returns True if the model was probably trained before it was watched.

        It had structure at the start and its accuracy, if one is logged, is above half way; or it
        performs well with unmoved weights.
        """
        if any(layer.verdict == "structured" for layer in self[0].values()):
            return not self.accuracy() <= 0.5
        return self.largest_rotation < UNMOVED and self.progress() > 0.5
