"""With what the weights of a saved model began, from its config."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_filterwatch.files.facts.numbers import number
from keras_filterwatch.files.facts.optimizer_config import bare_name
from keras_filterwatch.kernels import Array

# Keras 1 and 2, and the aliases of Keras 3 -> the class of today
_CLASSES = {
    "zero": "Zeros",
    "zeros": "Zeros",
    "one": "Ones",
    "ones": "Ones",
    "uniform": "RandomUniform",
    "random_uniform": "RandomUniform",
    "normal": "RandomNormal",
    "random_normal": "RandomNormal",
    "truncated_normal": "TruncatedNormal",
    "glorot_uniform": "GlorotUniform",
    "glorot_normal": "GlorotNormal",
    "he_uniform": "HeUniform",
    "he_normal": "HeNormal",
    "lecun_uniform": "LecunUniform",
    "lecun_normal": "LecunNormal",
    "orthogonal": "Orthogonal",
    "orthogonal_initializer": "Orthogonal",
    "variance_scaling": "VarianceScaling",
    "identity": "Identity",
    "constant": "Constant",
    "OrthogonalInitializer": "Orthogonal",
    "IdentityInitializer": "Identity",
}
_DEFAULTS = {"bias": "zeros", "beta": "zeros", "gamma": "ones"}  # of Keras
_DEFAULTS |= {"moving_mean": "zeros", "moving_variance": "ones"}


def initialiser_name(value: Any) -> str:
    """Returns the class of a serialised initialiser, or the name of a function; `""` if unknown.

    Example:
        >>> initialiser_name("he_normal"), initialiser_name({"class_name": "Zeros", "config": {}})
        ('HeNormal', 'Zeros')
    """
    name = bare_name(value) if isinstance(value, Mapping) else value
    return _CLASSES.get(name, name) if isinstance(name, str) else ""


def constant_of(value: Any, weight: str) -> float | Array | None:
    """Returns the constant that one of Keras's initialisers sets; None for others.

    Args:
        value: the serialised initialiser; None for the default of the weight.
        weight: `"bias"`, `"gamma"`, `"beta"`, `"moving_mean"` or `"moving_variance"`.

    Example:
        >>> constant_of({"class_name": "Constant", "config": {"value": 0.1}}, "bias")
        0.1
        >>> constant_of(None, "gamma"), constant_of("random_normal", "bias")
        (1.0, None)
    """
    if (
        isinstance(value, Mapping)
        and ">" in f"{value.get('class_name')}{value.get('registered_name')}"
    ):
        return None
    name = initialiser_name(_DEFAULTS.get(weight) if value is None else value)
    if name in ("Zeros", "Ones"):
        return float(name == "Ones")
    config = value.get("config") if isinstance(value, Mapping) else None
    if name != "Constant" or not isinstance(config, Mapping):
        return None
    constant = config.get("value")
    if isinstance(constant, list) and all(number(part) is not None for part in constant):
        return np.array(constant, np.float64)
    return number(constant)
