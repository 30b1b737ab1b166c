"""History: the scores of a training so far, and the questions that rules and diagnosis ask."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import overload

import numpy as np

from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.progress import (
    HALF_WAY,
    NOTHING,
    NOWHERE,
    is_behind,
    is_worse_than_guessing,
    learning,
    patience,
    stands_still,
)
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.yardsticks import (
    Yardstick,
    epochs_logged,
    paired,
    yardsticks,
)

AT_REST = 2e-4  # rotation of the layer that turned most, in a network that stands still
_UPDATES_TO_MOVE = 100
UNMOVED = 0.01  # rotation below which a layer has kept its first direction (see rules.noisy)


class History(Sequence[Scores]):
    """The scores of a training, oldest first; it cannot be changed.

    Rules take any sequence of `Scores`; `History.of` makes a `History` of it.

    Args:
        steps: the `Scores` of each step, oldest first.
        facts: what is known about the model; nothing by default.

    Example:
        >>> history = History([Scores(0, 0, {}), Scores(1, 1, {}, logs={"loss": 0.5})])
        >>> history[-1].step, len(history.logged)
        (1, 1)
    """

    def __init__(self, steps: Iterable[Scores] = (), facts: ModelFacts | None = None) -> None:
        self._steps = tuple(steps)
        self.facts = facts or ModelFacts()

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
            return History(self._steps[index], self.facts)
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
        ends = (
            scores
            for scores, previous in zip(self._steps, before, strict=False)
            if previous is None or scores.epoch > previous.epoch
        )
        return History(ends, self.facts)

    @cached_property
    def logged(self) -> "History":
        """The steps with the logs of an epoch: its losses and metrics."""
        return History(epochs_logged(self._steps), self.facts)

    @property
    def epochs(self) -> int:
        """Epochs from the first step to the last one; 0 for an empty history."""
        return self[-1].epoch - self[0].epoch if self else 0

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

    @property
    def largest_rotation(self) -> float:
        """The largest rotation since the start of the layers that may train; NaN if unknown."""
        layers = self[-1].values() if self else ()
        rotations = (each["rotation"] for each in layers if each.trainable and "rotation" in each)
        return max(rotations, default=math.nan)

    @property
    def is_at_rest(self) -> bool:
        """True if no layer that may train has moved to speak of, whatever the loss does.

        The largest rotation since the start is below 2e-4, at which weights changed by 2 %; or,
        of fewer than 100 updates, if it would be at 100. A rotation grows with the square of the
        way at most.
        """
        updates = self[-1].updates if self and self[-1].updates else _UPDATES_TO_MOVE
        as_at_100 = max(1.0, _UPDATES_TO_MOVE / updates) ** 2
        return self.largest_rotation * as_at_100 < AT_REST

    @property
    def has_diverged(self) -> bool:
        """True if the last loss, or the norm of a filter, is not finite."""
        norms = (layer.filters.get("norm") for layer in self[-1].values()) if self else ()
        loss = self[-1].logs.get("loss", 0.0) if self else 0.0
        finite = all(norm is None or bool(np.isfinite(norm).all()) for norm in norms)
        return not (finite and math.isfinite(loss))

    @property
    def gets_nowhere(self) -> bool:
        """True if the network learns nothing, after time enough to learn something."""
        return self.learning == NOWHERE

    # Progress of the training

    @property
    def patience(self) -> int:
        """After how many epochs a training is judged: a fifth of the planned ones, 2 to 5."""
        return patience(self.facts)

    @cached_property
    def learning(self) -> str:
        """Whether the network learns: `"learns"`, `"still improves"`, `"gets nowhere"`.

        Or `"can't tell"`: too early, or the logs do not say (`keras_filterwatch.progress`).
        """
        return learning(self._steps, self.facts, self.was_pretrained(), self.is_at_rest)

    @cached_property
    def struggles(self) -> bool:
        """True if training diverged, gets nowhere, or stays well behind perfection.

        What is odd about the set-up, or about layers as training began, is then a likely reason.
        """
        return (
            self.has_diverged
            or self.gets_nowhere
            or is_worse_than_guessing(self._steps, self.facts)
            or stands_still(self._steps, self.facts)
            or is_behind(self._steps, self.facts)
        )

    def progress(self, prefix: str = "") -> float:
        """Returns the way from guessing to perfection that training has gone, 0 to 1.

        On the most trusted yardstick (`keras_filterwatch.yardsticks.yardsticks`), the same one for
        both data: by an accuracy where one is logged, else by another metric or the loss. 0 if
        the last value is missing or NaN. NaN without evidence.

        Args:
            prefix: `""` for the training data, `"val_"` for the validation data.
        """
        yardstick = self.yardstick
        if yardstick is None:
            return math.nan
        ways = yardstick.ways(self.logged, prefix)
        if not ways:
            return math.nan
        is_missing = prefix + yardstick.name not in self.logged[-1].logs
        return 0.0 if is_missing or not ways[-1] > 0 else min(1.0, ways[-1])

    @cached_property
    def yardstick(self) -> Yardstick | None:
        """The most trusted yardstick: one of validation data too, where there is any."""
        every = yardsticks(self._steps, self.facts)
        return paired(self._steps, self.facts) or (every[0] if every else None)

    def gap(self) -> float:
        """Returns the progress on the training data minus that on the validation data.

        NaN without evidence.
        """
        return self.progress() - self.progress("val_")

    def validation_is_guessed(self) -> bool:
        """Returns True if validation is at guessing at the last epochs: nothing carried over.

        By the mean over the history's patience, on each yardstick whose guessing is known, where
        all classes count as equally frequent: the probe's targets are of the training data. False
        where guessing is not known.
        """
        facts = replace(self.facts, targets=())
        known = [each for each in yardsticks(self._steps, facts) if each.knows_guess]
        recent = [each.ways(self.logged, "val_")[-self.patience :] for each in known]
        means = [sum(ways) / len(ways) for ways in recent if ways]
        return bool(means) and not max(means) >= NOTHING / 2

    def was_pretrained(self) -> bool:
        """Returns True if what may train was probably trained before it was watched.

        A bias or BatchNormalization was no longer at its initial values; or the model had
        structure at the start and did not fail since; or it does well with unmoved weights, by a
        curve whose guessing is known.
        """
        free = {name: layer for name, layer in self[0].items() if layer.trainable}
        if any(self.facts.was_trained.get(name) for name in free):
            return True
        known = [each for each in yardsticks(self._steps, self.facts) if each.knows_guess]
        ways = [way for each in known for way in each.ways(self.logged)[-1:]]
        does_well = any(way > HALF_WAY for way in ways)
        if any(layer.verdict == "structured" for layer in free.values()):
            return does_well or not known
        return does_well and self.largest_rotation < UNMOVED
