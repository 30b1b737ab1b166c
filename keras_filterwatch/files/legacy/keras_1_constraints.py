"""Constraints of Keras 1, with the axes that kernels have today."""

from typing import Any

from keras_filterwatch.files.config.class_names import current_name
from keras_filterwatch.files.legacy.keras_1 import order_of_axes


def use_current_axes(config: dict[str, Any]) -> bool:
    """Gives the constraints in the config of a model the axes that kernels have today.

    Constraints of one-dimensional convolutions are removed, as versions of Keras 1 differ in the
    order of their axes.

    Args:
        config: the config of a model of Keras 1, which is changed.

    Returns:
        Whether a constraint was removed.

    Example:
        >>> constraint = {"name": "MaxNorm", "m": 2, "axis": [1, 2, 3]}
        >>> conv = {"dim_ordering": "th", "W_constraint": constraint}
        >>> use_current_axes({"class_name": "Convolution2D", "config": conv})
        False
        >>> constraint["axis"]
        [2, 0, 1]
    """
    is_removed = False
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
            own, name = value.get("config"), value.get("class_name")
            if isinstance(own, dict) and isinstance(name, str):
                is_removed |= _use_current_axes(current_name(name), own)
    return is_removed


def _use_current_axes(class_name: str, config: dict[str, Any]) -> bool:
    constraint = config.get("W_constraint")
    if not isinstance(constraint, dict) or "axis" not in constraint:
        return False
    if class_name == "Conv1D":
        del config["W_constraint"]
        return True
    order = order_of_axes(class_name, config.get("dim_ordering") == "th")
    axis = constraint["axis"]
    axes = axis if isinstance(axis, list) else [axis]
    if order and all(type(each) is int and -len(order) <= each < len(order) for each in axes):
        constraint["axis"] = [order.index(each % len(order)) for each in axes]
    return False
