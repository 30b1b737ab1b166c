"""Keras's constraints of weights, in NumPy: which weights of a kernel they keep from growing."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.kernels import Array

Constraint = Callable[[Array], Array]

_EPSILON = 1e-7  # that Keras adds to norms
_GROWTH = 1.01  # the factor by which weights are enlarged, to see which of them are limited
_LEAST_CHANGE = 1e-3  # of a weight that is limited, as a share of it


class ParsedConstraint(NamedTuple):
    """A constraint as a config has it.

    Attributes:
        apply: takes the weights in the axes of the file; returns them as the constraint leaves
            them. None without a constraint, and for one that is not known.
        unknown: the name of a constraint that Keras does not ship; `""` for the others.
    """

    apply: Constraint | None = None
    unknown: str = ""


def parse_constraint(config: Any) -> ParsedConstraint:
    """Returns the constraint of a weight, from the config of its layer.

    Args:
        config: such as `{"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}}`; a name;
            or None without a constraint.

    Example:
        >>> non_neg = parse_constraint("non_neg")
        >>> non_neg.apply(np.array([-1.0, 2.0])).tolist()
        [0.0, 2.0]
        >>> parse_constraint({"class_name": "Mine", "config": {}}).unknown
        'Mine'
    """
    if config is None:
        return ParsedConstraint()
    own: Any = {}
    name: Any = config
    if isinstance(config, Mapping):
        name = config.get("class_name", config.get("name"))
        own = config.get("config", config)
    known = isinstance(name, str) and name.replace("_", "").lower()
    constraint: Constraint | None = None
    if known == "nonneg":
        constraint = _non_negative
    elif isinstance(own, Mapping) and _is_of_keras(config):
        constraint = _limited_norm(known, own)
    if constraint is None:
        return ParsedConstraint(unknown=str(name)[:80])
    return ParsedConstraint(constraint)


def constrained_share(array: Array, constraint: Constraint, arrange: Constraint) -> Array:
    """Returns, per filter, the share of weights that their constraint keeps from growing, 0 to 1.

    Args:
        array: the weights in the axes of the file.
        constraint: limits them.
        arrange: brings them into `(*spatial, channels, filters)`.

    Raises:
        ValueError: the constraint names axes that the weights do not have.

    Example:
        >>> weights = np.array([[0.0, 3.0], [1.0, 4.0]])
        >>> max_norm = parse_constraint({"class_name": "MaxNorm", "config": {"max_value": 5}})
        >>> constrained_share(weights, max_norm.apply, lambda array: array).tolist()
        [0.0, 1.0]
    """
    enlarged = array * array.dtype.type(_GROWTH)
    removed_growth = arrange(np.abs(constraint(enlarged) - enlarged))
    is_constrained = removed_growth > _LEAST_CHANGE * np.abs(arrange(enlarged))
    share: Array = is_constrained.mean(axis=tuple(range(is_constrained.ndim - 1)))
    return share


def _is_of_keras(config: Any) -> bool:
    """Returns False for a class of the user's own that is called like one of Keras's."""
    if not isinstance(config, Mapping):
        return True
    module = config.get("module", "keras.constraints")
    return isinstance(module, str) and "keras" in module and not config.get("registered_name")


def _non_negative(weights: Array) -> Array:
    positive: Array = np.maximum(weights, weights.dtype.type(0))
    return positive


def _limited_norm(name: Any, config: Mapping[str, Any]) -> Constraint | None:
    """Returns a constraint of the filters' norms; None if it is not known."""
    axis = config.get("axis", 0)
    axes = tuple(axis) if isinstance(axis, list) else (axis,)
    if not all(type(each) is int for each in axes) or len(set(axes)) < len(axes):
        return None
    if name == "unitnorm":
        return lambda weights: weights / (_EPSILON + _norms(weights, axes)).astype(weights.dtype)
    low, rate = 0.0, 1.0
    if name == "maxnorm":
        high = config.get("max_value", config.get("m", 2))
    elif name == "minmaxnorm":
        low, high = config.get("min_value", 0.0), config.get("max_value", 1.0)
        rate = config.get("rate", 1.0)
    else:
        return None
    if not all(type(each) in (int, float) for each in (low, high, rate)):
        return None

    def limit(weights: Array) -> Array:
        norms = _norms(weights, axes)
        desired = rate * np.clip(norms, low, high) + (1 - rate) * norms
        limited: Array = weights * (desired / (_EPSILON + norms)).astype(weights.dtype)
        return limited

    return limit


def _norms(weights: Array, axes: tuple[int, ...]) -> Array:
    if any(not -weights.ndim <= axis < weights.ndim for axis in axes):
        raise ValueError(f"its constraint names axes {axes} of {weights.ndim}")
    norms: Array = np.sqrt(np.square(weights).sum(axis=axes, keepdims=True))
    return norms
