"""The faults' labels: which causes are right, and whether an outcome agrees with the fault.

An outcome is measured by the model's quality alone, never by what a tool says.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """How well a model does after a training.

    Attributes:
        train: quality on the training items, as a share of the way from guessing, 0, to what a
            healthy training reaches, 1; NaN if it could not be measured.
        held_out: the same on items that were held out.
        loss: the last training loss; NaN where none is logged.
        is_finite: whether all weights and all numbers in Keras's logs are finite.
    """

    train: float
    held_out: float
    loss: float
    is_finite: bool


@dataclass(frozen=True)
class Label:
    """What a tool should say about a fault.

    Attributes:
        causes: names of `Diagnosis.cause` that are right, the expected one first.
        fits: takes an outcome and returns whether it agrees with the label.
        without_probe: further causes that are right where there was no probe.
    """

    causes: tuple[str, ...]
    fits: Callable[[Outcome], bool]
    without_probe: tuple[str, ...] = ()

    def right(self, probed: bool) -> tuple[str, ...]:
        """Returns all causes that are right, with a probe or without."""
        return self.causes if probed else (*self.causes, *self.without_probe)


def learns(outcome: Outcome) -> bool:
    """Returns True for a healthy training."""
    return outcome.held_out > 0.85


def hardly_learns(outcome: Outcome) -> bool:
    """Returns True if neither training items nor others are learnt half way."""
    return not (outcome.held_out >= 0.5 or outcome.train >= 0.5)


def falls_short(outcome: Outcome) -> bool:
    """Returns True for a training that does not reach nine tenths of what healthy ones do."""
    return not outcome.held_out >= 0.9


def memorises(outcome: Outcome) -> bool:
    """Returns True if the training items are learnt, and others hardly better than by guessing."""
    return outcome.train > 0.5 and outcome.held_out < 0.15


def overfits(outcome: Outcome) -> bool:
    """Returns True if the training items are learnt far better than others."""
    return outcome.train > 0.8 and outcome.train - outcome.held_out > 0.2


def explodes(outcome: Outcome) -> bool:
    """Returns True if a loss or a weight is not finite."""
    return not (outcome.is_finite and not math.isinf(outcome.loss))


def any_outcome(outcome: Outcome) -> bool:
    """Returns True: frozen random weights are a mistake even if other layers make up for it."""
    return True


# by name of the fault; healthy trainings have no label, and `borderline` expects `learns` of them
LABELS: Mapping[str, Label] = {
    "rate_too_low": Label(("rate too low",), hardly_learns),
    "schedule_at_zero": Label(("rate too low",), hardly_learns),
    "adadelta_default": Label(("rate too low",), hardly_learns),
    "clipped_to_nothing": Label(("clipped to nothing", "rate too low"), hardly_learns),
    "rate_too_high": Label(("rate too high", "diverged"), falls_short),
    "exploding": Label(("diverged",), explodes),
    "nan_inputs": Label(("inputs not finite",), explodes, ("diverged",)),
    "raw_inputs": Label(("inputs not normalised",), falls_short),
    "raw_inputs_bounded": Label(("inputs not normalised", "saturated"), falls_short),
    "saturated_by_weights": Label(("saturated",), falls_short),
    "vanishing_gradient": Label(("vanishing gradient",), hardly_learns),
    "dead_at_start": Label(("dead at the start", "can't tell"), falls_short),
    "zero_initialisation": Label(("symmetric initialisation",), falls_short),
    "constant_initialisation": Label(("symmetric initialisation",), falls_short),
    "frozen_at_random": Label(("frozen at random",), any_outcome),
    "over_regularised": Label(("over-regularised",), falls_short),
    "dropout_too_strong": Label(("too much dropout",), falls_short),
    "random_labels": Label(("memorised",), memorises),
    "tiny_training_set": Label(("overfit",), overfits),
    "loss_does_not_fit": Label(("loss does not fit the output",), falls_short),
    "relu_output": Label(("loss does not fit the output",), falls_short),
    "wrong_sign": Label(("loss does not fit the output", "labels or loss wrong"), hardly_learns),
}


def borderline(fault: str | None, outcome: Outcome) -> bool:
    """Returns True if the outcome contradicts the label; `fault` is None for a healthy one."""
    fits = learns if fault is None else LABELS[fault].fits
    return not fits(outcome)
