"""Which kernels each kind of Keras layer holds, and how they get the axes that all kernels have.

Those axes are `(*spatial, channels, filters)`, Keras's own order. Layer classes are named here, not
imported: models and saved files share the table.

To add a kind of layer, add a row to `LAYOUTS`, and its test to tests/test_layouts.py.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from keras_filterwatch.kernels import Array

# their kernels hold gates, not filters
RECURRENT = (
    *("LSTM", "GRU", "SimpleRNN", "LSTMCell", "GRUCell", "SimpleRNNCell"),
    *("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"),
)


def keep_axes(array: Array, equation: str = "") -> Array:
    """Returns the array as it is: it has `(*spatial, channels, filters)` already."""
    return array


def merge_multipliers(array: Array, equation: str = "") -> Array:
    """Rearranges `(*spatial, channels, multiplier)`: each output reads one channel."""
    return array.reshape(*array.shape[:-2], 1, -1)


def swap_channels_and_filters(array: Array, equation: str = "") -> Array:
    """Rearranges `(*spatial, filters, channels)`."""
    return array.swapaxes(-1, -2)


def merge_einsum_axes(array: Array, equation: str) -> Array:
    """Rearranges as the equation says: axes that the output lacks are channels, others filters.

    In `"abc,cde->abde"`, `c` is the channels' axis, `d` and `e` are those of the filters.
    """
    inputs, output = equation.replace(" ", "").split("->")
    names = inputs.split(",")[1]
    channels = [axis for axis, name in enumerate(names) if name not in output]
    filters = [axis for axis, name in enumerate(names) if name in output]
    sizes = [math.prod(array.shape[axis] for axis in part) for part in (channels, filters)]
    return array.transpose(channels + filters).reshape(sizes)


class Layout(NamedTuple):
    """One kernel of a kind of layer.

    Attributes:
        classes: the names of Keras's layer classes; their subclasses are of the same kind.
        attribute: the layer's attribute that holds the kernel's variable.
        place: the place of that variable among the layer's own, in the order in which Keras saves
            them.
        kind: how the layer uses the kernel, as in `Kernel.kind`.
        arrange: takes the variable's array and the `equation` of an EinsumDense, `""` for others;
            returns the array with the axes `(*spatial, channels, filters)`.
        has_outputs: whether the layer's outputs are those of the kernel's filters.
    """

    classes: tuple[str, ...]
    attribute: str
    place: int
    kind: str
    arrange: Callable[[Array, str], Array]
    has_outputs: bool = True


_CONV = ("Conv1D", "Conv2D", "Conv3D")
_TRANSPOSED = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose")
_DEPTHWISE = ("DepthwiseConv1D", "DepthwiseConv2D")
_SEPARABLE = ("SeparableConv1D", "SeparableConv2D")

LAYOUTS = (
    Layout(_SEPARABLE, "depthwise_kernel", 0, "depthwise", merge_multipliers, has_outputs=False),
    Layout(_SEPARABLE, "pointwise_kernel", 1, "conv", keep_axes),
    Layout(_DEPTHWISE, "kernel", 0, "depthwise", merge_multipliers),
    Layout(_TRANSPOSED, "kernel", 0, "transposed", swap_channels_and_filters),
    Layout(_CONV, "kernel", 0, "conv", keep_axes),
    Layout(("EinsumDense",), "kernel", 0, "dense", merge_einsum_axes),
    Layout(("Dense",), "kernel", 0, "dense", keep_axes),
    Layout(("Layer",), "kernel", 0, "custom", keep_axes),  # the last row: all other layers
)
