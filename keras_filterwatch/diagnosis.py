"""Alarms, scores and training logs in; the most probable cause, the evidence and advice out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keras_filterwatch import logs
from keras_filterwatch.rules import Alarm, History

NO_FAULT, CANNOT_TELL = "no fault found", "can't tell"
_ENOUGH = 5  # epochs; the patience of the rules

ADVICE = {
    "diverged": "Lower the learning rate tenfold, clip gradients, and look for inputs that are NaN "
    "or huge.",
    "symmetric initialisation": "Initialise the layer at random (glorot_uniform, he_normal), not "
    "with zeros or a constant.",
    "frozen at random": "Set trainable = True, or load trained weights before freezing.",
    "saturated": "Normalise the inputs (0..255 to about -1..1), initialise smaller, or use ReLU.",
    "over-regularised": "Weaken L2 or weight decay, tenfold first.",
    "rate too high": "Lower the learning rate tenfold; then try LeakyReLU, He initialisation or "
    "BatchNormalization.",
    "vanishing gradient": "Use ReLU with He initialisation, BatchNormalization or shortcuts; or "
    "fewer layers.",
    "rate too low": "Raise the learning rate tenfold, or train much longer.",
    "memorised": "Look at the labels: what is learnt does not carry over at all. Then more data.",
    "overfit": "Add data or augmentation, L2 or dropout, or stop earlier.",
    NO_FAULT: "What was watched gave no reason to stop.",
    CANNOT_TELL: "Give FilterWatch probe inputs and fit validation data: they tell causes apart.",
}


@dataclass(frozen=True)
class Diagnosis:
    """What is probably wrong; prints as sentences.

    Attributes:
        cause: a key of `ADVICE`; `"no fault found"` or `"can't tell"` if that is so.
        evidence: what was measured, in sentences.
        advice: what to try first.
    """

    cause: str
    evidence: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        evidence = (each[:1].upper() + each[1:] for each in self.evidence)
        return " ".join((f"{self.cause.capitalize()}.", *evidence, self.advice))


def diagnose(history: History, alarms: Sequence[Alarm]) -> Diagnosis:
    """The most probable cause of these alarms.

    Causes that explain others stand first: what diverged is not also stalled, and units that died
    while the weights shrank to nothing were killed by regularisation.
    """
    if not alarms:
        return _of_silence(history)
    cause, because = _cause(history, alarms)
    evidence = tuple(alarm.message for alarm in because[:3])
    return Diagnosis(cause, evidence, ADVICE[cause])


def _of_silence(history: History) -> Diagnosis:
    """Silence says little after a few epochs, and nothing before the first."""
    epochs = history[-1].epoch - history[0].epoch if history else 0
    if epochs == 0 or not history[-1].layers:
        return Diagnosis(CANNOT_TELL, ("nothing was watched while it trained.",), "Train on.")
    short = f"epochs watched: {epochs}; most alarms need {_ENOUGH}."
    return Diagnosis(NO_FAULT, () if epochs >= _ENOUGH else (short,), ADVICE[NO_FAULT])


def _cause(history: History, alarms: Sequence[Alarm]) -> tuple[str, list[Alarm]]:
    by: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        by.setdefault(alarm.rule, []).append(alarm)
    frozen = [a for a in by.get("noisy", []) if not _trains(history, a.layer)]
    if "diverged" in by:
        return "diverged", by["diverged"]
    if "symmetric" in by:
        return "symmetric initialisation", by["symmetric"]
    if frozen:
        return "frozen at random", frozen
    if "shrinking" in by and "exploding" not in by:
        return "over-regularised", by["shrinking"]
    first = next(iter(history[-1]), "")
    saturated_first = any(alarm.layer == first for alarm in by.get("saturated", []))
    held_back = by.get("stalled", []) + by.get("saturated", [])
    if held_back and not saturated_first and _later_layers_moved(history):
        return "vanishing gradient", held_back
    if "saturated" in by:
        return "saturated", by["saturated"]
    for rule in ("exploding", "dead"):
        if rule in by:
            return "rate too high", by[rule]
    if "stalled" in by:
        return "rate too low", by["stalled"]
    if "overfitting" in by:
        return ("memorised" if _nothing_carried_over(history) else "overfit"), by["overfitting"]
    if "noisy" in by and _max_rotation(history) < 0.01:
        return "rate too low", by["noisy"]
    return CANNOT_TELL, list(alarms)


def _trains(history: History, layer: str) -> bool:
    return layer not in history[-1] or history[-1][layer].trainable


def _max_rotation(history: History) -> float:
    return max((layer.get("rotation", 0.0) for layer in history[-1].values()), default=0.0)


def _later_layers_moved(history: History, times: float = 10.0) -> bool:
    """Whether the first layer that trains once lay far behind a later one."""
    for scores in history[1:]:
        turned = [s["rotation"] for s in scores.values() if "rotation" in s and s.trainable]
        if len(turned) > 2 and max(turned) > 1e-3 and max(turned) > times * turned[0]:
            return True
    return False


def _nothing_carried_over(history: History) -> bool:
    best = max(
        (logs.progress(history[: end + 1], "val_") for end in range(len(history))),
        key=lambda value: -1.0 if math.isnan(value) else value,
        default=math.nan,
    )
    return best < 0.1
