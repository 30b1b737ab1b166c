"""History: the scores of a training so far, and the questions that rules and diagnosis ask."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import overload

import numpy as np

from keras_filterwatch.metrics.motion import AT_REST
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
    known_yardsticks,
    paired,
    yardsticks,
)

Steps = Sequence[Scores]  # what rules take: `History.of` makes a `History` of it

_UPDATES_TO_MOVE = 100  # updates after which a network at rest has had time to move
UNMOVED = 0.01  # rotation below which a layer has kept its first direction (see rules.noisy)


class History(Sequence[Scores]):
    """The scores of a training, oldest first; it cannot be changed.

    It is what rules get. They take any sequence of `Scores` too: `History.of` makes a `History`
    of it.

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
        """Returns the values of a layer's score at each step that has it, oldest first."""
        return [
            scores[layer][score]
            for scores in self._steps
            if layer in scores and score in scores[layer]
        ]

    def layers_with(self, score: str) -> Iterator[tuple[str, LayerScores, list[float]]]:
        """Yields each layer that has a score at the last step: name, scores, values so far."""
        for name, layer in self[-1].items():
            if score in layer:
                yield name, layer, self.values(name, score)

    def hidden_layers(self) -> list[tuple[str, LayerScores]]:
        """Returns name and scores, at the last step, of all layers but a last one that is dense.

        Units of an output layer may well be at an end of their range.
        """
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
        """True if no layer that may train has moved noticeably, whatever the loss does.

        The largest rotation since the start is below 2e-4, which is a change of the weights by
        2 %. Before 100 updates, the rotation is extrapolated to 100: it grows at most with the
        square of their number. False if the rotation is not known.
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
        """True if `learning` is `"gets nowhere"`: nothing is learnt, after time enough for it."""
        return self.learning == NOWHERE

    # Progress of the training

    @property
    def patience(self) -> int:
        """After how many epochs a training is judged: a fifth of the planned ones, 2 to 5.

        5 if it is not known how many are planned.
        """
        return patience(self.facts)

    @cached_property
    def learning(self) -> str:
        """Whether the network learns, as `keras_filterwatch.progress.learning` returns it.

        One of `"learns"`, `"still improves"`, `"gets nowhere"` and `"can't tell"`, which is so
        early in a training and where the logs do not say.
        """
        return learning(self._steps, self.facts, self.was_pretrained(), self.is_at_rest)

    @cached_property
    def struggles(self) -> bool:
        """True if training diverged, gets nowhere, or stays well behind perfection.

        What is odd about the set-up, or was about layers as training began, is then a likely
        reason. The last two of the five signs are seen in healthy trainings too.
        """
        return (
            self.has_diverged
            or self.gets_nowhere
            or is_worse_than_guessing(self._steps, self.facts)
            or stands_still(self._steps, self.facts)
            or is_behind(self._steps, self.facts)
        )

    def progress(self, prefix: str = "") -> float:
        """Returns how far training has come on the way from guessing, 0, to perfection, 1.

        It is measured on the curve of `yardstick`, the same for training and validation data: an
        accuracy where one is logged, else another metric or the loss. 0 if the last value is
        missing or NaN. NaN if no such curve was logged.

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
        """The most trusted yardstick; one that validation data have too, where there are any.

        None if no curve can be measured.
        """
        every = yardsticks(self._steps, self.facts)
        return paired(self._steps, self.facts) or (every[0] if every else None)

    def gap(self) -> float:
        """Returns the progress on the training data minus that on the validation data, -1 to 1.

        NaN if one of them is not known.
        """
        return self.progress() - self.progress("val_")

    def validation_is_guessed(self) -> bool:
        """Returns True if validation was no better than guessing over the last epochs.

        On each yardstick whose guessing is known, the mean way over `patience` epochs is below
        0.05. False where guessing is not known.
        """
        # the probe's targets show how frequent classes are in the training data, not here
        facts = replace(self.facts, targets=())
        known = known_yardsticks(self._steps, facts)
        recent = [each.ways(self.logged, "val_")[-self.patience :] for each in known]
        means = [sum(ways) / len(ways) for ways in recent if ways]
        return bool(means) and not max(means) >= NOTHING / 2

    def was_pretrained(self) -> bool:
        """Returns True if the trainable layers were probably trained before they were watched.

        A bias or BatchNormalization was no longer at its initial values at the start; or a layer
        was structured at the start, and no curve shows that the model does badly; or the model
        does well although its weights hardly moved, by a curve whose guessing is known.
        """
        trainable = {name: layer for name, layer in self[0].items() if layer.trainable}
        if any(self.facts.was_trained.get(name) for name in trainable):
            return True
        known = known_yardsticks(self._steps, self.facts)
        ways = [way for each in known for way in each.ways(self.logged)[-1:]]
        does_well = any(way > HALF_WAY for way in ways)
        if any(layer.verdict == "structured" for layer in trainable.values()):
            return does_well or not known
        return does_well and self.largest_rotation < UNMOVED
