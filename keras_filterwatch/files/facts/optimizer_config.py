"""How a saved model is trained: its optimizer, learning rate and clipping, from its config."""

from collections.abc import Mapping
from typing import Any

from keras_filterwatch.files.facts.numbers import number

_CLIPPING = ("clipnorm", "global_clipnorm", "clipvalue")
_INNER = ("inner_optimizer", "optimizer")  # what a LossScaleOptimizer calls the one inside
_MOST_INNER = 8
# optimizers that a config may name without their arguments
_BY_NAME = {
    name.lower(): name
    for name in (
        *("SGD", "RMSprop", "Adam", "AdamW", "Adadelta", "Adagrad", "Adamax", "Nadam", "Ftrl"),
        *("Lion", "Adafactor", "Lamb"),
    )
}
_DEFAULT_RATE, _DEFAULT_RATE_OF_SGD = 0.001, 0.01
# what Keras's schedules begin with
_FIRST_RATES = {
    **dict.fromkeys(
        (
            *("ExponentialDecay", "PolynomialDecay", "InverseTimeDecay", "CosineDecay"),
            "CosineDecayRestarts",
        ),
        "initial_learning_rate",
    ),
    "PiecewiseConstantDecay": "values",
}


def optimizer_facts(compile_config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns what is known of the optimizer, by the names of the fields of `ModelFacts`.

    Args:
        compile_config: `compile_config` of Keras 3, or `training_config` of Keras 1 and 2; None for
            a model that was not compiled.

    Example:
        >>> optimizer = {"class_name": "SGD", "config": {"learning_rate": 0.1, "momentum": 0.9}}
        >>> facts = optimizer_facts({"optimizer": optimizer})
        >>> facts["optimizer"], facts["learning_rate"], facts["momentum"]
        ('SGD', 0.1, 0.9)
    """
    optimizer = _optimizer(compile_config or {})
    if isinstance(optimizer, str):
        name = _BY_NAME.get(optimizer.lower(), "")
        rate = _DEFAULT_RATE_OF_SGD if name == "SGD" else _DEFAULT_RATE
        return {"optimizer": name, "learning_rate": rate} if name else {}
    config = optimizer.get("config")
    name = bare_name(optimizer)
    if not name or not isinstance(config, Mapping):
        return {}
    rate = config.get("learning_rate", config.get("lr"))
    schedule = bare_name(rate) if isinstance(rate, Mapping) and number(rate) is None else ""
    momentum = number(config.get("momentum")) or 0.0
    bounds = {kind: number(config.get(kind)) for kind in _CLIPPING}
    return {
        "optimizer": name,
        "learning_rate": _first_rate(schedule, rate) if schedule else number(rate),
        "schedule": schedule,
        "momentum": momentum if 0 < momentum < 1 else 0.0,
        "clipping": {kind: bound for kind, bound in bounds.items() if bound is not None},
        "weight_decay": number(config.get("weight_decay")) or 0.0,
    }


def bare_name(serialised: Mapping[str, Any]) -> str:
    """Returns the name of the class, or of the function, of a serialised object; `""` if unknown.

    Example:
        >>> bare_name({"class_name": "Addons>LAMB"}), bare_name({"class_name": "function",
        ...     "config": "my_schedule"})
        ('LAMB', 'my_schedule')
    """
    name = serialised.get("class_name")
    if name == "function":
        name = serialised.get("config")
    return name.rpartition(">")[2] if isinstance(name, str) else ""


def _optimizer(compile_config: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """Returns the config of the optimizer that trains, or its name; an empty one if unknown."""
    optimizer = compile_config.get("optimizer", compile_config.get("optimizer_config"))
    for _ in range(_MOST_INNER):
        if not isinstance(optimizer, Mapping):
            break
        config = optimizer.get("config")
        if not isinstance(config, Mapping) or not bare_name(optimizer).startswith("LossScale"):
            return optimizer
        optimizer = next((config[key] for key in _INNER if key in config), None)
    return optimizer if isinstance(optimizer, str) else {}


def _first_rate(schedule: str, serialised: Mapping[str, Any]) -> float | None:
    """Returns the rate with which one of Keras's schedules begins; None for others."""
    config, module = serialised.get("config"), serialised.get("module")
    is_of_keras = f"{module or 'keras'}.".startswith("keras.")
    if serialised.get("registered_name") or not is_of_keras:
        return None  # a class of the user's own, whatever its name
    if not isinstance(config, Mapping) or schedule not in _FIRST_RATES:
        return None
    value = config.get(_FIRST_RATES[schedule])
    return number(value[0] if isinstance(value, list) and value else value)
