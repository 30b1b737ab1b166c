"""Weights that Keras saves as bfloat16, which NumPy and HDF5 lack."""

import numpy as np

from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernels import Array

try:
    from ml_dtypes import bfloat16
except ImportError:  # it comes with Keras, which need not be installed here
    bfloat16 = None

_STORED = np.dtype("V2")  # Keras saves the bytes without their type


def with_numbers(array: StoredArray) -> StoredArray:
    """Returns an array of numbers, where a file has bytes that stand for bfloat16.

    Without the package ml_dtypes they become float32, which holds each value of theirs.

    Example:
        >>> raw = np.frombuffer(bytes([0, 63]), "V2")
        >>> array = with_numbers(StoredArray("kernel", (1,), raw.dtype, lambda: raw))
        >>> array.read().tolist()
        [0.5]
    """
    if array.dtype != _STORED:
        return array
    if bfloat16 is None:
        return StoredArray(array.name, array.shape, np.dtype("f4"), lambda: _widened(array.read()))
    dtype = np.dtype(bfloat16)
    return StoredArray(array.name, array.shape, dtype, lambda: array.read().view(dtype))


def _widened(array: Array) -> Array:
    return (array.view("<u2").astype(np.uint32) << 16).view(np.float32)
