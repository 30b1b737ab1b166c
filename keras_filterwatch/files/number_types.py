"""How the numbers of an array are stored, by the names that PyTorch gives their types."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.kernels import Array

_PLAIN = {
    "float64": "<f8",
    "float32": "<f4",
    "float16": "<f2",
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "i1",
    "uint64": "<u8",
    "uint32": "<u4",
    "uint16": "<u2",
    "uint8": "u1",
    "bool": "?",
    "complex64": "<c8",
    "complex128": "<c16",
}
_FLOAT8 = ("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")


class NumberType(NamedTuple):
    """A type of numbers.

    Attributes:
        stored: the dtype of the bytes in the file, in little-endian order.
        dtype: of the numbers as they are read.
        decode: takes an array of `stored`, in either byte order; returns one of `dtype`.
    """

    stored: np.dtype[Any]
    dtype: np.dtype[Any]
    decode: Callable[[Array], Array]


def number_type(name: str) -> NumberType | None:
    """Returns how numbers of this type are read; None if they cannot be.

    Types that NumPy lacks become float32, which holds each of their values.

    Example:
        >>> bfloat16 = number_type("bfloat16")
        >>> bfloat16.decode(np.array([0x3F80, 0xC000], bfloat16.stored)).tolist()
        [1.0, -2.0]
    """
    if name in _PLAIN:
        stored = np.dtype(_PLAIN[name])
        return NumberType(stored, stored.newbyteorder("="), _in_native_order)
    if name == "bfloat16":
        return NumberType(np.dtype("<u2"), np.dtype("f4"), _of_bfloat16)
    if name in _FLOAT8:
        return _float8(name)
    return None


def _in_native_order(array: Array) -> Array:
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _of_bfloat16(array: Array) -> Array:
    """Returns float32: bfloat16 has the upper half of its bits."""
    bits = array.astype(np.uint32)
    bits <<= 16
    return bits.view(np.float32)


def _float8(name: str) -> NumberType | None:
    """Returns a type with 8 bits; None where ml_dtypes, which Keras installs, does not have it."""
    try:
        import ml_dtypes

        dtype = np.dtype(getattr(ml_dtypes, name))
    except (ImportError, AttributeError):
        return None
    return NumberType(
        np.dtype("u1"), np.dtype("f4"), lambda array: array.view(dtype).astype(np.float32)
    )
