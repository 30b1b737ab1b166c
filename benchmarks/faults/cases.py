"""The cases: what is done to a training, its true cause, and whether its outcome fits the label.

The parameters of each training are drawn at random from the ranges that stand here.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from numpy.random import Generator

from benchmarks.faults.networks import CROSSED, UNNORMALISED

# Learning rates that train every network here, by optimiser.
USUAL_RATES = {"adam": (1e-3, 3e-3), "sgd": (2e-2, 5e-2), "rmsprop": (5e-4, 2e-3)}
EPOCHS = 20


@dataclass(frozen=True)
class Plan:
    """How to train: all that a case may change, and all that a record needs to say."""

    optimizer: str
    rate: float
    epochs: int = EPOCHS
    batch: int = 32
    schedule: str = "constant"  # or "cosine", to zero
    activation: str = "relu"
    initializer: str = "glorot_uniform"  # or "zeros", "constant", "normal"
    initial: float = 0.0  # the constant, or the standard deviation
    depth: int = 0
    l2: float = 0.0
    dropout: float = 0.0
    pixels: str = "normalised"  # or "raw": 0..255
    labels: str = "true"  # or "random"
    items: int = 0  # of the training set; 0 is all
    first_trainable: bool = True
    pretrained: str = ""  # or "frozen", "tuned"


@dataclass(frozen=True)
class Outcome:
    """What became of a training, apart from anything that a watcher scores."""

    loss: float
    accuracy: float
    val_accuracy: float
    best_val_accuracy: float


@dataclass(frozen=True)
class Case:
    """One thing that is done to trainings.

    Attributes:
        name: what is done.
        cause: what a diagnosis must call it; None where nothing is wrong.
        draw: a generator and the architecture -> how to train.
        fits: whether an outcome agrees with the label.
        architectures: what it is trained with.
    """

    name: str
    cause: str | None
    draw: Callable[[Generator, str], Plan]  # from the architecture
    fits: Callable[[Outcome, "Reach"], bool]
    architectures: tuple[str, ...] = CROSSED


@dataclass(frozen=True)
class Reach:
    """Accuracies as a share of the way from guessing to what a healthy training reaches."""

    train: float
    val: float


# The validation accuracy that healthy trainings reach: about the lowest of some thirty in trials.
HEALTHY_ACCURACY = {"digits": 0.95, "photographs": 0.80, "mnist": 0.92}


def borderline(case: Case, outcome: Outcome, data: str, classes: int) -> bool:
    """Whether the outcome contradicts the label; looks at loss and accuracies only."""
    chance, healthy = 1 / classes, HEALTHY_ACCURACY[data]
    train, val = (
        (accuracy - chance) / (healthy - chance)
        for accuracy in (outcome.accuracy, outcome.val_accuracy)
    )
    return not case.fits(outcome, Reach(train, val))


# Drawing


def log_uniform(random: Generator, low: float, high: float) -> float:
    """A number between the two, any order of magnitude as likely as the others."""
    return float(math.exp(random.uniform(math.log(low), math.log(high))))


def usual(random: Generator, optimizer: str = "") -> Plan:
    """A healthy training, with any optimiser if none is given."""
    optimizer = optimizer or str(random.choice(list(USUAL_RATES)))
    return Plan(optimizer, log_uniform(random, *USUAL_RATES[optimizer]))


def _with(optimizer: str) -> Callable[[Generator, str], Plan]:
    return lambda random, architecture: usual(random, optimizer)


def _rate_too_low(random: Generator, architecture: str) -> Plan:
    plan = usual(random)
    return replace(plan, rate=plan.rate * log_uniform(random, 1e-5, 2e-3))


def _rate_too_high(random: Generator, architecture: str) -> Plan:
    plan = usual(random)
    low, high = {"adam": (0.08, 1), "sgd": (0.3, 3), "rmsprop": (0.08, 1)}[plan.optimizer]
    bears = 15 if architecture == "batch_norm" else 1
    return replace(plan, rate=bears * log_uniform(random, low, high))


def _bounded(random: Generator, optimizer: str = "") -> Plan:
    return replace(usual(random, optimizer), activation=str(random.choice(["sigmoid", "tanh"])))


def _saturated_by_weights(random: Generator, architecture: str) -> Plan:
    return replace(_bounded(random), initializer="normal", initial=log_uniform(random, 2, 10))


def _saturated_by_inputs(random: Generator, architecture: str) -> Plan:
    return replace(_bounded(random, "sgd"), pixels="raw")  # Adam makes up for it too well


def _vanishing_gradient(random: Generator, architecture: str) -> Plan:
    depth = int(random.integers(6, 11))
    return replace(usual(random), activation="sigmoid", depth=depth)


def _random_labels(random: Generator, architecture: str) -> Plan:
    items = int(random.integers(200, 401))
    return replace(usual(random), labels="random", items=items, epochs=2 * EPOCHS)


def _overfit(random: Generator, architecture: str) -> Plan:
    items = int(random.integers(20, 41))
    return replace(usual(random, "adam"), items=items, batch=8, epochs=2 * EPOCHS)


def _zeros(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), initializer="zeros")


def _constant(random: Generator, architecture: str) -> Plan:
    value = log_uniform(random, 0.1, 1)
    return replace(usual(random), initializer="constant", initial=value)


def _over_regularised(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), l2=log_uniform(random, 0.3, 10))


def _exploding(random: Generator, architecture: str) -> Plan:
    plan = replace(usual(random, "sgd"), activation="leaky_relu")  # ReLUs would die before
    return replace(plan, rate=log_uniform(random, 1e3, 1e6))


def _frozen_at_random(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), first_trainable=False)


def _dropout(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), dropout=float(random.uniform(0.2, 0.5)))


def _weight_decay(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), l2=log_uniform(random, 1e-5, 1e-3))


def _transfer(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), pretrained="frozen")


def _fine_tuning(random: Generator, architecture: str) -> Plan:
    plan = usual(random)
    return replace(plan, pretrained="tuned", rate=plan.rate * log_uniform(random, 0.003, 0.03))


def _cosine(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), schedule="cosine")


def _long(random: Generator, architecture: str) -> Plan:
    return replace(usual(random), epochs=3 * EPOCHS)


# Outcomes


def _learns(outcome: Outcome, reach: Reach) -> bool:
    return reach.val > 0.85


def _falls_short(outcome: Outcome, reach: Reach) -> bool:
    """On digits, say, five times the usual error."""
    return not reach.val > 0.93


def _hardly_learns(outcome: Outcome, reach: Reach) -> bool:
    return not (reach.val > 0.5 or reach.train > 0.5)


def _memorises(outcome: Outcome, reach: Reach) -> bool:
    return reach.train > 0.5 and reach.val < 0.15


def _overfits(outcome: Outcome, reach: Reach) -> bool:
    return outcome.accuracy > 0.95 and outcome.accuracy - outcome.val_accuracy > 0.15


def _explodes(outcome: Outcome, reach: Reach) -> bool:
    return not math.isfinite(outcome.loss)


def _any(outcome: Outcome, reach: Reach) -> bool:
    """A first layer left at random is a mistake even where the others make up for it."""
    return True


FAULTS = (
    Case("rate_too_low", "rate too low", _rate_too_low, _hardly_learns),
    Case("rate_too_high", "rate too high", _rate_too_high, _falls_short),
    Case("saturated_by_weights", "saturated", _saturated_by_weights, _falls_short, UNNORMALISED),
    Case("saturated_by_inputs", "saturated", _saturated_by_inputs, _falls_short, UNNORMALISED),
    Case(
        "vanishing_gradient",
        "vanishing gradient",
        _vanishing_gradient,
        _hardly_learns,
        UNNORMALISED,
    ),
    Case("random_labels", "memorised", _random_labels, _memorises),
    Case("tiny_training_set", "overfit", _overfit, _overfits),
    Case("zero_initialisation", "symmetric initialisation", _zeros, _falls_short),
    Case("constant_initialisation", "symmetric initialisation", _constant, _falls_short),
    Case("over_regularised", "over-regularised", _over_regularised, _falls_short),
    Case("exploding", "diverged", _exploding, _explodes),
    Case("frozen_at_random", "frozen at random", _frozen_at_random, _any),
)
HEALTHY = (
    *(Case(name, None, _with(name), _learns) for name in USUAL_RATES),
    Case("dropout", None, _dropout, _learns),
    Case("weight_decay", None, _weight_decay, _learns),
    Case("transfer", None, _transfer, _learns),
    Case("fine_tuning", None, _fine_tuning, _learns),
    Case("cosine_to_zero", None, _cosine, _learns),
    Case("long_training", None, _long, _learns),
    Case(
        "kinds", None, _with(""), _learns, ("window_3", "window_5", "window_7", "conv1d", "dense")
    ),
)
CASES: Mapping[str, Case] = {case.name: case for case in (*FAULTS, *HEALTHY)}
