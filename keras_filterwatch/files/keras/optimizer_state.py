"""The state of the optimizer in a file of Keras 3: its updates and its learning rate."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.files.keras.layer_groups import LayerGroup

_CLASSES = frozenset(
    (
        *("sgd", "rmsprop", "adam", "adamw", "adadelta", "adagrad", "adamax", "nadam", "ftrl"),
        *("lion", "adafactor", "lamb", "muon", "schedulefreeadamw"),
    )
)


class OptimizerState(NamedTuple):
    """What a file tells about the optimizer.

    Attributes:
        updates: how many updates it has made; None if unknown.
        learning_rate: its learning rate; None if unknown.
    """

    updates: int | None = None
    learning_rate: float | None = None


def optimizer_state(
    root: LayerGroup, compile_config: Mapping[str, Any] | None, saves_rate: bool
) -> OptimizerState:
    """Returns the state of the optimizer, as far as its class makes certain what the file holds.

    Args:
        root: the group of the model.
        compile_config: as the config of the model has it.
        saves_rate: whether the learning rate is the optimizer's second variable, as in Keras 3.
    """
    optimizer = (compile_config or {}).get("optimizer")
    group = root.child("optimizer")
    name, config = _class_and_config(optimizer)
    if name == "lossscaleoptimizer" and group:
        name, config = _class_and_config(config.get("inner_optimizer"))
        group = group.child("inner_optimizer")
    if name not in _CLASSES or group is None:
        return OptimizerState()
    numbers = [each.array for each in group.variables[:2] if each.array.shape == ()]
    iteration = numbers[0] if numbers else None
    if iteration is None or iteration.dtype.kind not in "iu":
        return OptimizerState()
    updates = int(iteration.read())
    rate = numbers[1] if len(numbers) > 1 and saves_rate else None
    has_schedule = isinstance(config.get("learning_rate"), Mapping)
    if rate is None or rate.dtype.kind != "f" or has_schedule:
        return OptimizerState(updates)
    value = float(rate.read())
    return OptimizerState(updates, value if np.isfinite(value) else None)


def _class_and_config(optimizer: Any) -> tuple[str, Mapping[str, Any]]:
    """Returns the class of an optimizer of Keras in small letters, `""` if it is not one."""
    if isinstance(optimizer, str):
        return optimizer.lower(), {}
    if not isinstance(optimizer, Mapping) or not isinstance(optimizer.get("class_name"), str):
        return "", {}
    module = optimizer.get("module", "keras.optimizers")
    if not isinstance(module, str) or "keras" not in module.split("."):
        return "", {}
    config = optimizer.get("config")
    return optimizer["class_name"].lower(), config if isinstance(config, Mapping) else {}
