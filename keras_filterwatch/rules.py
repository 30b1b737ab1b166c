"""History of scores in, alarms out: each rule is a function that abstains without evidence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from keras_filterwatch.metrics import noise
from keras_filterwatch.scoring import Scores


@dataclass(frozen=True)
class Alarm:
    """Something is probably wrong.

    Attributes:
        rule: the rule's name, as `stop_on` takes it.
        layer: the layer it is about.
        step: the step at which it was raised.
        value: what was measured.
        threshold: what it would have to be for silence.
        filters: indices of the filters it is about; empty if it is about the whole layer.
        message: the same in a sentence.
    """

    rule: str
    layer: str
    step: int
    value: float
    threshold: float
    filters: tuple[int, ...]
    message: str


# Rotations, from runs on digits, MNIST and photographs: layers with a rate far too low stay below
# the first; healthy ones that learn without a visible pattern lie in between.
_AT_REST, _TURNED = 0.01, 0.3

History = Sequence[Scores]
Rule = Callable[[History], Iterable[Alarm]]


def default_rules() -> list[Rule]:
    """The rules that a `FilterWatch` follows when it is given none."""
    return [noisy, diverged]


def noisy(history: History, patience: int = 5) -> list[Alarm]:
    """A layer that still looks untrained after `patience` epochs.

    It looked untrained at every step of the last `patience` epochs, with slices enough to tell
    (`metrics.noise.verdict`), and either kept its initial direction or turned far from it without
    forming anything. A layer that has turned a little is left alone: wide layers of healthy
    networks learn without a visible pattern.
    """
    last = history[-1]
    if last.epoch - history[0].epoch < patience:
        return []
    recent = [scores for scores in history if scores.epoch > last.epoch - patience]
    alarms = []
    for name, layer in last.items():
        if any(name not in past or past[name].verdict != "untrained" for past in recent):
            continue
        turned = layer.get("rotation", 0.0)
        if _AT_REST <= turned < _TURNED:
            continue
        bound = 1 - noise.NEAR * noise.noise_error(layer.shape[:-2], layer["slices"])
        message = (
            f"{name} still looks untrained after {last.epoch} epochs: noise score "
            f"{layer['noise']:.2f} (1 is noise, below {bound:.2f} would be structure), "
            f"rotation {turned:.2g} since the start (0 is not at all)."
            + ("" if layer.trainable else " It is frozen: trainable is False.")
        )
        alarms.append(Alarm("noisy", name, last.step, layer["noise"], bound, (), message))
    return alarms


def diverged(history: History) -> list[Alarm]:
    """A layer with weights that are NaN or infinite, or that BatchNormalization makes so."""
    last = history[-1]
    alarms = []
    for name, layer in last.items():
        filters = tuple(np.flatnonzero(~np.isfinite(layer.filters["norm"])).tolist())
        if filters:
            some = ", ".join(map(str, filters[:8])) + (", ..." if len(filters) > 8 else "")
            message = (
                f"{name} diverged: {len(filters)} of {layer.shape[-1]} filters are not finite any "
                f"more, by their weights or the BatchNormalization behind them (filters {some})."
            )
            alarms.append(Alarm("diverged", name, last.step, len(filters), 0, filters, message))
    return alarms
