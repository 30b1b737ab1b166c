"""Reads how a model is trained: its optimizer, learning rate, clipping and penalties."""

from typing import Any

import keras
import numpy as np

from keras_filterwatch.model import backends

_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")


def name(model: keras.Model) -> str:
    """Returns the class of the model's optimizer; `""` if there is none."""
    optimizer = _optimizer(model)
    return "" if optimizer is None else type(optimizer).__name__


def learning_rate(model: keras.Model) -> float | None:
    """Returns the learning rate as it is now; None if there is none."""
    return _number(_optimizer(model), "learning_rate")


def schedule(model: keras.Model) -> str:
    """Returns the class of the learning rate's schedule, or a function's name; `""` if none."""
    rate = getattr(_optimizer(model), "_learning_rate", None)
    if hasattr(rate, "assign") or not callable(rate):  # a variable may be callable too
        return ""
    return str(getattr(rate, "__name__", type(rate).__name__))


def momentum(model: keras.Model) -> float:
    """Returns the momentum of optimizers that have one; 0 for others."""
    return _number(_optimizer(model), "momentum") or 0.0


def clipping(model: keras.Model) -> dict[str, float]:
    """Returns `"clipnorm"`, `"global_clipnorm"` or `"clipvalue"` -> its bound, where it is set."""
    bounds = {name: _number(_optimizer(model), name) for name in _CLIPPING}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def weight_decay(model: keras.Model) -> float:
    """Returns the weight decay; 0 for none."""
    return _number(_optimizer(model), "weight_decay") or 0.0


def penalties(weight: keras.Variable) -> dict[str, float]:
    """Returns `"l1"` and `"l2"` -> the strength of a weight's regulariser, where it is not 0."""
    regulariser = getattr(weight, "regularizer", None)
    strengths = {kind: _number(regulariser, kind) for kind in ("l1", "l2")}
    return {kind: strength for kind, strength in strengths.items() if strength}


def has_own_train_step(model: keras.Model) -> bool:
    """Returns True if the model has its own `train_step` or `compute_loss`."""
    return any(
        name in vars(model) or getattr(type(model), name, None) is not getattr(keras.Model, name)
        for name in ("train_step", "compute_loss")
    )


def _optimizer(model: keras.Model) -> Any:
    """Returns the optimizer that trains a model; None if there is none, or it is not known which.

    For a LossScaleOptimizer it is the optimizer inside.
    """
    optimizer = getattr(model, "optimizer", None)
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    if has_own_train_step(model):
        for value in vars(model).values():
            is_optimizer = isinstance(value, keras.optimizers.Optimizer)
            if is_optimizer and value is not optimizer and value is not inner:
                return None  # the model trains with its own ones; the compiled one may be a default
    return inner


def _number(holder: Any, attribute: str) -> float | None:
    """Returns an attribute as the shortest number that is the same in float32; None if missing.

    So the learning rate is 0.1, not 0.10000000149.
    """
    value = getattr(holder, attribute, None)
    return None if value is None else float(str(np.float32(backends.to_numpy(value))))
