"""Converts what JSON holds to the types of a dataclass's fields, and refuses what does not fit."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

_LARGEST = 2**53  # of whole numbers; JSON readers of other languages have no more digits


def made_of(kind: type[T], document: Any) -> T:
    """Returns a dataclass made of those values that it has: other versions have others.

    Raises:
        TypeError, ValueError: a value has another type than the field, or one is missing.

    Example:
        >>> from keras_filterwatch.model_facts import OutputFacts
        >>> made_of(OutputFacts, {"name": "out", "units": 3, "unknown": 1}).units
        3
    """
    if not isinstance(document, dict):
        raise TypeError(f"{kind.__name__} is needed, {type(document).__name__} came")
    types_of_fields = _types_of_fields(typing.cast(Any, kind))
    return kind(
        **{
            name: converted(value, types_of_fields[name])
            for name, value in document.items()
            if name in types_of_fields
        }
    )


def converted(value: Any, kind: Any) -> Any:
    """Returns a value as the type that a field has.

    Raises:
        TypeError, ValueError: it cannot be converted.

    Example:
        >>> converted([1, 2], tuple[int, ...]), converted(None, int | None), converted(1, float)
        ((1, 2), None, 1.0)
    """
    origin, arguments = _origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):  # `... | None`
        return None if value is None else converted(value, arguments[0])
    if origin is tuple and isinstance(value, list):
        return tuple(converted(each, arguments[0]) for each in value)
    if origin is Mapping and isinstance(value, dict):
        of_values = arguments[1]
        if of_values in (float, str) and set(map(type, value.values())) <= {of_values}:
            return value
        return {name: converted(each, of_values) for name, each in value.items()}
    if origin is np.ndarray and isinstance(value, np.ndarray):
        return value
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return made_of(kind, value)
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and type(value) is int and abs(value) > _LARGEST:
        raise ValueError("a whole number has more than 16 digits")
    if type(value) is kind:
        return value
    raise TypeError(f"{kind} is needed, {type(value).__name__} came")


def _origin(kind: Any) -> Any:
    """Returns the class behind a type, also where NDArray is a `type` alias (NumPy 2.5)."""
    origin = typing.get_origin(kind)
    return typing.get_origin(origin.__value__) if hasattr(origin, "__value__") else origin


@cache
def _types_of_fields(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in dataclasses.fields(kind)}
