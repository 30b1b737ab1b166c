"""Kernels of Keras 1, and those of Theano, brought into the order that Keras has today.

The rules are those by which Keras 2 loads such files (`preprocess_weights_for_loading`).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.shapes import is_channels_first
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernels import Array

_CONV = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")
_AXES = {"Conv1D": 4, "Conv2D": 4, "SeparableConv2D": 4, "Conv2DTranspose": 4, "Conv3D": 5}
_ORDERS = {  # class, whether its channels are first -> the places of the axes in the file
    ("Conv2D", True): (2, 3, 1, 0),
    ("SeparableConv2D", True): (2, 3, 1, 0),
    ("Conv3D", True): (2, 3, 4, 1, 0),
    ("Conv2DTranspose", True): (2, 3, 0, 1),
    ("Conv2DTranspose", False): (0, 1, 3, 2),
}


class UnknownAxesError(ValueError):
    """A kernel whose axes cannot be told; the message says why."""


def current_array(
    layer: LayerConfig, variable: str, array: StoredArray, is_keras_1: bool, backend: str
) -> StoredArray:
    """Returns a variable in the order of axes that Keras gives it today.

    Args:
        layer: the layer that owns the variable, with the name that its class has today.
        variable: the name of the variable, as Keras has it today.
        array: the variable as the file has it.
        is_keras_1: whether Keras 1 wrote the file.
        backend: which backend wrote the file; `""` if it does not say.

    Raises:
        UnknownAxesError: the kernel does not fit the layer's config.

    Example:
        >>> layer = LayerConfig("conv", "Conv2D", config={"dim_ordering": "th"})
        >>> old = StoredArray("conv_W", (8, 3, 5, 4), np.dtype("f4"), lambda: np.ones((8, 3, 5, 4)))
        >>> current_array(layer, "kernel", old, is_keras_1=True, backend="").shape
        (5, 4, 3, 8)
    """
    if variable not in _KERNELS:
        return array
    if is_keras_1:
        array = _from_keras_1(layer, array)
    if backend == "theano" and layer.class_name in _CONV and len(array.shape) > 2:
        # Theano convolves, the other backends correlate: the same filter is turned by 180 degrees
        array = converted(array, lambda kernel: np.flip(kernel, tuple(range(kernel.ndim - 2))))
    return array


def converted(array: StoredArray, function: Callable[[Array], Array]) -> StoredArray:
    """Returns an array with another order of its numbers.

    Args:
        array: the array as the file has it.
        function: returns a view of it.

    Example:
        >>> array = StoredArray("kernel", (2, 3), np.dtype("f4"), lambda: np.ones((2, 3), "f4"))
        >>> converted(array, np.transpose).shape
        (3, 2)
    """
    shape = function(np.broadcast_to(np.int8(0), array.shape)).shape
    return replace(array, shape=shape, read=lambda: np.ascontiguousarray(function(array.read())))


def _from_keras_1(layer: LayerConfig, array: StoredArray) -> StoredArray:
    name, axes = layer.class_name, len(array.shape)
    if name == "Conv1D" and axes == 4:
        return converted(array, lambda kernel: _conv1d(layer, kernel))
    if axes != _AXES.get(name, axes):
        raise UnknownAxesError(f"its kernel has shape {array.shape}, which is none of a {name}")
    order = order_of_axes(name, is_channels_first(layer) is True)
    return converted(array, lambda kernel: kernel.transpose(order)) if order else array


def order_of_axes(class_name: str, channels_first: bool) -> tuple[int, ...] | None:
    """Returns the axes of a kernel of Keras 1 in the order of today; None if that is the same.

    Example:
        >>> order_of_axes("Conv2D", channels_first=True)
        (2, 3, 1, 0)
    """
    return _ORDERS.get((class_name, channels_first))


def _conv1d(layer: LayerConfig, kernel: Array) -> Array:
    """Removes the axis of size 1; before Keras 1.2 it was the last of four in Theano's order."""
    sizes = layer.config.get("kernel_size")  # of a config of today
    size = sizes[0] if isinstance(sizes, list) and len(sizes) == 1 else sizes
    length = layer.config.get("filter_length", size)
    filters = layer.config.get("nb_filter", layer.config.get("filters"))
    if kernel.shape[:2] == (length, 1) and kernel.shape[3] == filters:
        return kernel[:, 0]
    if kernel.shape[0] == filters and kernel.shape[2:] == (length, 1):
        return kernel.transpose(2, 3, 1, 0)[:, 0]
    raise UnknownAxesError(
        f"its kernel has shape {kernel.shape}, which does not fit filters of length {length!r:.20}"
    )
