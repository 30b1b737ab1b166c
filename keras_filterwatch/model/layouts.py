"""Which kernels each kind of layer holds, and how they get the axes that all kernels have.

Those axes are `(*spatial, channels, filters)`, Keras's own order.

To add a kind of layer, add a row to `LAYOUTS`, and its test to tests/test_layouts.py.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import keras
from keras import layers

from keras_filterwatch.kernels import Array

# their kernels hold gates, not filters
RECURRENT = (
    *(layers.LSTM, layers.GRU, layers.SimpleRNN),
    *(layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell),
    *(layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D),
)


def keep_axes(layer: keras.Layer, array: Array) -> Array:
    """Returns the array as it is: it has `(*spatial, channels, filters)` already."""
    return array


def merge_multipliers(layer: keras.Layer, array: Array) -> Array:
    """Rearranges `(*spatial, channels, multiplier)`: each output reads one channel."""
    return array.reshape(*array.shape[:-2], 1, -1)


def swap_channels_and_filters(layer: keras.Layer, array: Array) -> Array:
    """Rearranges `(*spatial, filters, channels)`."""
    return array.swapaxes(-1, -2)


def merge_einsum_axes(layer: keras.Layer, array: Array) -> Array:
    """Rearranges as the equation says: axes that the output lacks are channels, others filters.

    In `"abc,cde->abde"`, `c` is the channels' axis, `d` and `e` are those of the filters.
    """
    inputs, output = layer.equation.replace(" ", "").split("->")
    names = inputs.split(",")[1]
    channels = [axis for axis, name in enumerate(names) if name not in output]
    filters = [axis for axis, name in enumerate(names) if name in output]
    sizes = [math.prod(array.shape[axis] for axis in part) for part in (channels, filters)]
    return array.transpose(channels + filters).reshape(sizes)


class Layout(NamedTuple):
    """One kernel of a kind of layer.

    Attributes:
        classes: the layer classes; their subclasses are of the same kind.
        attribute: the layer's attribute that holds the kernel's variable.
        kind: how the layer uses the kernel, as in `Kernel.kind`.
        arrange: takes the layer and the variable's array; returns the array with the axes
            `(*spatial, channels, filters)`.
        has_outputs: whether the layer's outputs are those of the kernel's filters.
    """

    classes: tuple[type, ...]
    attribute: str
    kind: str
    arrange: Callable[[keras.Layer, Array], Array]
    has_outputs: bool = True


_CONV = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)

LAYOUTS = (
    Layout(_SEPARABLE, "depthwise_kernel", "depthwise", merge_multipliers, has_outputs=False),
    Layout(_SEPARABLE, "pointwise_kernel", "conv", keep_axes),
    Layout(_DEPTHWISE, "kernel", "depthwise", merge_multipliers),
    Layout(_TRANSPOSED, "kernel", "transposed", swap_channels_and_filters),
    Layout(_CONV, "kernel", "conv", keep_axes),
    Layout((layers.EinsumDense,), "kernel", "dense", merge_einsum_axes),
    Layout((layers.Dense,), "kernel", "dense", keep_axes),
    Layout((keras.Layer,), "kernel", "custom", keep_axes),  # the last row: all other layers
)


def layouts_of(layer: keras.Layer) -> tuple[Layout, ...]:
    """Returns the rows of `LAYOUTS` for a layer: those of the first classes that it belongs to."""
    classes = next(row.classes for row in LAYOUTS if isinstance(layer, row.classes))
    return tuple(row for row in LAYOUTS if row.classes == classes)


def kernels_of(
    layer: keras.Layer, weights: list[keras.Variable]
) -> list[tuple[str, keras.Variable, Layout]]:
    """Returns `(suffix, variable, layout)` for each kernel of a layer.

    The kernel's name is the layer's name plus the suffix.

    Args:
        layer: a built layer.
        weights: its own weights. Those that are called "kernel" are kernels too, whichever
            attribute holds them.
    """
    layouts = layouts_of(layer)
    if len(layouts) > 1:
        return [
            (f"/{layout.attribute}", getattr(layer, layout.attribute), layout) for layout in layouts
        ]
    (layout,) = layouts
    attribute = getattr(layer, layout.attribute, None)
    kernels = [weight for weight in weights if weight is attribute or weight.name == "kernel"]
    suffixes = [f"/{kernel.name}_{i}" if i else "" for i, kernel in enumerate(kernels)]
    return [(suffix, kernel, layout) for suffix, kernel in zip(suffixes, kernels, strict=True)]
