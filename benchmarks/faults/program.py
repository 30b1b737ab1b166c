"""Program and Training: a training as a user would write it, before `fit` and before a fault."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras
from numpy.random import Generator


@dataclass
class Training:
    """A compiled model and its data, before `fit`. Faults change it in place.

    Attributes:
        model: compiled and built; it may have its own `train_step`.
        x: inputs as `fit` takes them: an array, a list or dict of arrays, or a dataset of batches.
        y: targets in the same way; None where `x` brings them or there are none.
        validation: `(x, y)`, a dataset, or None.
        epochs: how many to train.
        quality: takes the model, inputs and targets and returns how well it does, measured apart
            from Keras's logs; higher is better.
        guess: the quality of a model that has learnt nothing.
        good: the quality on `held_out` that a healthy training reaches, as measured.
        held_out: `(x, y)` for `quality`, always there, also where `validation` is None.
        batch: items in a batch.
        probe: `(x, y)` of 128 items or more, as FilterWatch takes them; x[:256], y[:256] if None.
        arguments: further arguments of `fit`, such as callbacks or class_weight.
    """

    model: keras.Model
    x: Any
    y: Any
    validation: Any
    epochs: int
    quality: Callable[[keras.Model, Any, Any], float]
    guess: float
    good: float
    held_out: tuple[Any, Any]
    batch: int = 32
    probe: Any = None
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Program:
    """A kind of training.

    Attributes:
        name: unique, such as `"residual_cifar10"`.
        family: of architecture and task, such as `"residual"`, `"autoencoder"`, `"gan"`.
        build: a generator of random numbers -> a healthy training. What users vary (learning rate
            within its usual range, batch, width) is drawn from it. Seeds of Keras are set before.
        faults: names of the faults (`benchmarks.faults.faults.FAULTS`) that can be done to it.
    """

    name: str
    family: str
    build: Callable[[Generator], Training]
    faults: Sequence[str] = ()
