"""In which order the axes of a kernel are, by the name of its layer, its own and its shape."""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from keras_filterwatch.files.config.class_names import KERAS_LAYERS, snake_case
from keras_filterwatch.kernel_layouts import (
    LAYOUTS,
    Layout,
    keep_axes,
    merge_multipliers,
    swap_channels_and_filters,
)
from keras_filterwatch.kernels import Array
from keras_filterwatch.sources.array_layouts import KERAS, layout_of_rank, other_layout

_CLASSES = {snake_case(name): name for name in KERAS_LAYERS}
_MAY_BE_TRANSPOSED = re.compile("transpose|deconv", re.IGNORECASE)


_ONE_FILTER = (
    "its axes cannot be told: it may be of a depthwise convolution, or of one with a single filter"
)
_TRANSPOSED_OR_DEPTHWISE = (
    "its axes cannot be told: it may be of a transposed convolution or of a depthwise one"
)
_OTHER_ORDER = "its axes look like {0}, not like those of Keras: pass layout={0!r} if they are so"


class Arrangement(NamedTuple):
    """How a kernel gets the axes `(*spatial, channels, filters)`.

    Attributes:
        arrange: takes the array as it is stored, and returns it with these axes.
        kind, layer_type: as `Kernel` has them.
        reason: why the array is skipped; `""` if it is not.
    """

    arrange: Callable[[Array], Array] = keep_axes
    kind: str = "unknown"
    layer_type: str = ""
    reason: str = ""

    def shape(self, stored: tuple[int, ...]) -> tuple[int, ...]:
        """Returns the shape of the kernel."""
        return self.arrange(np.broadcast_to(np.int8(0), stored)).shape


def class_of_name(layer_name: str) -> str:
    """Returns the class of a layer with a name that Keras itself gave it; `""` for others.

    Example:
        >>> class_of_name("conv2d_transpose_3"), class_of_name("block1_conv1")
        ('Conv2DTranspose', '')
    """
    return _CLASSES.get(re.sub(r"_\d+$", "", layer_name), "")


def arrangement(
    layer_name: str,
    role: str,
    shape: tuple[int, ...],
    *,
    bias: int | None = None,
    is_in_attention: bool = False,
    is_ordinary: bool | None = None,
) -> Arrangement:
    """Returns how a kernel gets the axes `(*spatial, channels, filters)`.

    Args:
        layer_name: the name of its layer, with the path to it.
        role: what it is in its layer, such as `"kernel"` or `"depthwise_kernel"`.
        shape: its shape as it is stored, 2 to 5 axes.
        bias: the length of the bias of its layer; None if there is none.
        is_in_attention: whether layers beside its own are called query and value.
        is_ordinary: whether it is that of a Dense layer or of an ordinary convolution; None if the
            file does not tell.

    Example:
        >>> arrangement("conv2d_transpose", "kernel", (3, 3, 8, 4), bias=8).shape((3, 3, 8, 4))
        (3, 3, 4, 8)
        >>> arrangement("up", "kernel", (3, 3, 8, 4), bias=8).kind
        'transposed'
        >>> arrangement("conv_dw", "kernel", (3, 3, 8, 1)).reason[:23]
        'its axes cannot be told'
    """
    last = layer_name.rpartition("/")[2]
    if role.startswith("depthwise_"):
        return _of_class(last, role, shape, bias) or Arrangement(merge_multipliers, "depthwise")
    if role.startswith("pointwise_"):
        return _of_class(last, role, shape, bias) or Arrangement(keep_axes, "conv")
    if is_in_attention and last in ("query", "key", "value", "attention_output"):
        return _of_attention(last, shape)
    if class_of_name(last) == "EinsumDense":
        return Arrangement(reason="of an EinsumDense, whose equation the file does not have")
    return _of_class(last, role, shape, bias) or _of_shape(last, shape, bias, is_ordinary)


def _of_class(name: str, role: str, shape: tuple[int, ...], bias: int | None) -> Arrangement | None:
    """Returns the arrangement of a class that Keras named the layer after, if all fits it."""
    class_name = class_of_name(name)
    for row in LAYOUTS:
        if class_name not in row.classes or not _has_role(row, role):
            continue
        axes = re.search(r"\dD", class_name)
        found = Arrangement(partial(_arranged, row), row.kind, class_name)
        fits = len(shape) == (int(axes[0][0]) + 2 if axes else 2)
        if fits and (bias is None or not row.has_outputs or found.shape(shape)[-1] == bias):
            return found
    return None


def _arranged(row: Layout, array: Array) -> Array:
    return row.arrange(array, "")


def _has_role(row: Layout, role: str) -> bool:
    is_depthwise = row.kind == "depthwise" and role.startswith("depthwise_")  # as in Keras 2
    return is_depthwise or role == row.attribute


def _of_attention(name: str, shape: tuple[int, ...]) -> Arrangement:
    """Returns the arrangement of a projection of several heads: these are no window."""
    if len(shape) == 2:
        return Arrangement()
    if len(shape) > 3:
        return Arrangement(reason=f"of an attention layer with {len(shape)} axes: not read")
    if name == "attention_output":
        return Arrangement(_merge_first_axes, "dense", "EinsumDense")
    return Arrangement(_merge_last_axes, "dense", "EinsumDense")


def _merge_first_axes(array: Array) -> Array:
    return array.reshape(-1, array.shape[-1])


def _merge_last_axes(array: Array) -> Array:
    return array.reshape(len(array), -1)


def _of_shape(
    name: str, shape: tuple[int, ...], bias: int | None, is_ordinary: bool | None
) -> Arrangement:
    """Returns the arrangement of a layer with a name of the user's own."""
    if is_ordinary:
        return Arrangement()
    channels, filters = shape[-2:]  # of an ordinary layer
    lengths = {"conv": filters, "transposed": channels, "depthwise": channels * filters}
    if len(shape) == 2 or is_ordinary is False:
        lengths.pop("conv" if len(shape) > 2 else "depthwise")
    fitting = [kind for kind, length in lengths.items() if bias in (None, length)]
    if not fitting:
        return Arrangement(reason=f"a bias of {bias} entries fits no order of its axes {shape}")
    if "conv" in fitting:
        return Arrangement(reason=_doubt(name, shape, bias))
    if len(shape) == 2:
        return Arrangement(reason=_OTHER_ORDER.format("OI"))
    if filters == 1 and "transposed" in fitting:
        return Arrangement(merge_multipliers)  # those of a transposed one are the same
    if len(fitting) > 1:
        return Arrangement(reason=_TRANSPOSED_OR_DEPTHWISE)
    is_depthwise = fitting == ["depthwise"]
    return Arrangement(merge_multipliers if is_depthwise else swap_channels_and_filters, *fitting)


def _doubt(name: str, shape: tuple[int, ...], bias: int | None) -> str:
    """Returns why a kernel may not be an ordinary one; `""` if nothing says so."""
    channels, filters = shape[-2:]
    if len(shape) > 2 and _MAY_BE_TRANSPOSED.search(name) and bias in (None, channels):
        return "its axes cannot be told: by its name, its layer may be a transposed convolution"
    if len(shape) > 2 and bias is None and channels > 1 == filters:
        return _ONE_FILTER
    other = other_layout(shape, KERAS, bias)
    return _OTHER_ORDER.format(layout_of_rank(other, len(shape))) if other else ""
