"""Which of the variables of a saved layer are kernels, and which axes these have."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.keras.bfloat16 import with_numbers
from keras_filterwatch.files.layers.variable_names import variable_names
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernel_layouts import LAYOUTS, RECURRENT, Layout, keep_axes
from keras_filterwatch.kernels import Array

_MANY_ARRAYS = 12  # names or shapes in a reason
_ALL_OTHERS = ("Layer",)  # the classes of the last row of `LAYOUTS`
_EQUATION = re.compile(r"[A-Za-z.]*,([A-Za-z]+)->([A-Za-z.]*)")
_TRANSPOSED = re.compile("transpose|deconv", re.IGNORECASE)


class StoredVariable(NamedTuple):
    """A variable of a layer.

    Attributes:
        name: its name in its layer, such as `"kernel"`; `""` where the file has only an order.
        array: the variable.
    """

    name: str
    array: StoredArray


class ChosenKernel(NamedTuple):
    """A variable that is a kernel.

    Attributes:
        suffix: what stands behind the layer's name in the name of the kernel.
        array: the variable, in the axes of the file.
        kind: as `Kernel` has it.
        arrange: brings the array into `(*spatial, channels, filters)`.
        shape: of the kernel in these axes.
        has_outputs: whether the layer's outputs are those of the kernel's filters.
        constraint: the config of its constraint.
    """

    suffix: str
    array: StoredArray
    kind: str
    arrange: Callable[[Array], Array]
    shape: tuple[int, ...]
    has_outputs: bool = True
    constraint: Any = None


def kernels_in(
    layer: LayerConfig, variables: Sequence[StoredVariable]
) -> tuple[str, list[ChosenKernel]]:
    """Returns why a layer has no kernel that can be scored, or `""` and its kernels.

    Args:
        layer: the layer.
        variables: all its own variables, in Keras's order.
    """
    if layer.is_of_keras and layer.class_name in RECURRENT:
        return "recurrent: its kernel holds gates, not filters", []
    rows = layouts_of(layer)
    if rows and not variables:
        return "the file has no weights of it", []
    mode = _quantisation(layer.config)
    if rows and mode:
        return f"its kernel is quantised by {mode}, and holds no real numbers", []
    try:
        if rows:
            return "", [_of_row(row, layer, variables, len(rows)) for row in rows]
        if layer.is_of_keras:
            return _without_kernel(layer, variables), []
        return "", [_of_unknown_class(layer, variables)]
    except _NoKernelError as reason:
        return str(reason), []


def layouts_of(layer: LayerConfig) -> list[Layout]:
    """Returns the rows of `LAYOUTS` for the class of a layer; none if Keras does not ship it."""
    if not layer.is_of_keras:
        return []
    return [row for row in LAYOUTS if layer.class_name in row.classes != _ALL_OTHERS]


class _NoKernelError(Exception):
    """Why a variable is no kernel that can be scored."""


def _of_row(
    row: Layout, layer: LayerConfig, variables: Sequence[StoredVariable], count: int
) -> ChosenKernel:
    named = [each for each in variables if each.name == row.attribute]
    in_order = [each for each in variables[row.place : row.place + 1] if not each.name]
    if not named and not in_order:
        raise _NoKernelError(f"the file has no {row.attribute} of it")
    equation = layer.config.get("equation", "") if row.classes == ("EinsumDense",) else ""
    array = (named or in_order)[0].array
    axes = _axes(layer, equation)
    if len(array.shape) != axes:
        raise _NoKernelError(
            f"its {row.attribute} has shape {array.shape}: {layer.class_name} needs {axes} axes"
        )
    kernel = _checked(array, row.kind, partial(_arranged, row, equation))
    if not equation and row.has_outputs:
        _check_outputs(kernel, layer, variables[count : count + 1])
    name = row.attribute.removesuffix("kernel").removesuffix("_") or "kernel"
    name = "depthwise" if row.kind == "depthwise" else name
    old = layer.config.get("W_constraint")  # of Keras 1
    return kernel._replace(
        suffix=f"/{row.attribute}" if count > 1 else "",
        has_outputs=row.has_outputs,
        constraint=layer.config.get(f"{name}_constraint", old),
    )


def _arranged(row: Layout, equation: str, array: Array) -> Array:
    return row.arrange(array, equation)


def _axes(layer: LayerConfig, equation: Any) -> int:
    """Returns how many axes the kernel of a layer has in the file."""
    if layer.class_name == "EinsumDense":
        match = _EQUATION.fullmatch(equation.replace(" ", "")) if type(equation) is str else None
        if match is None:
            raise _NoKernelError("the file does not tell which axes of its kernel are filters")
        return len(match[1])
    rank = re.search("[123](?=D)", layer.class_name)
    return int(rank[0]) + 2 if rank else 2


def _checked(array: StoredArray, kind: str, arrange: Callable[[Array], Array]) -> ChosenKernel:
    """Returns a kernel whose numbers and axes can be scored."""
    array = with_numbers(array)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise _NoKernelError(f"its kernel is of dtype {array.dtype}, not of real numbers")
    if not 2 <= len(array.shape) <= 5:
        raise _NoKernelError(f"its kernel has shape {array.shape}; 2 to 5 axes can be read")
    if 0 in array.shape:
        raise _NoKernelError(f"its kernel has shape {array.shape}: it holds no weights")
    shape = arrange(np.broadcast_to(np.int8(0), array.shape)).shape
    return ChosenKernel("", array, kind, arrange, shape)


def _check_outputs(
    kernel: ChosenKernel, layer: LayerConfig, following: Sequence[StoredVariable]
) -> None:
    """Raises _NoKernelError if the file has another number of filters than the config."""
    counts = [layer.config.get(key) for key in ("units", "filters", "nb_filter", "output_dim")]
    counts = [count for count in counts if type(count) is int]
    if kernel.kind == "depthwise":
        counts = []
    if following and layer.config.get("use_bias", layer.config.get("bias", True)) is not False:
        bias = following[0].array.shape
        counts += [math.prod(bias)] if len(bias) == 1 else []
    if any(count != kernel.shape[-1] for count in counts):
        raise _NoKernelError(
            f"its kernel has shape {kernel.array.shape}, which does not fit a {layer.class_name} "
            f"of {' or '.join(map(str, counts))} outputs"
        )


def _of_unknown_class(layer: LayerConfig, variables: Sequence[StoredVariable]) -> ChosenKernel:
    """Returns the kernel of a layer that is not Keras's, if nothing else can be meant."""
    named = [each.array for each in variables if each.name == "kernel"]
    if len(named) == 1:
        return _checked(named[0], "unknown", keep_axes)
    if len(variables) == 2 and not _may_be_transposed(layer):
        array, bias = (each.array for each in variables)
        if len(array.shape) >= 2 and bias.shape == array.shape[-1:]:
            return _checked(array, "unknown", keep_axes)
    names = [each.name or "x".join(map(str, each.array.shape)) or "1" for each in variables]
    what = "a layer of an unknown class"
    if layer.saved_class:
        what = f"{layer.saved_class} is a class that Keras does not ship"
    raise _NoKernelError(f"{what}: which of its arrays is a kernel is not known ({_few(names)})")


def _may_be_transposed(layer: LayerConfig) -> bool:
    """Returns True for what may be a transposed convolution, whose filters are not the last axis.

    With as many filters as channels, the shapes do not show it. Other convolutions have groups.
    """
    is_called_so = any(_TRANSPOSED.search(name) for name in (layer.saved_class, layer.name))
    return is_called_so or ("kernel_size" in layer.config and "groups" not in layer.config)


def _without_kernel(layer: LayerConfig, variables: Sequence[StoredVariable]) -> str:
    names = [variable.name for variable in variables]
    if not all(names):
        names = variable_names(layer, len(variables))
    return f"{layer.class_name} has no kernel, only {_few(names)}"


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:_MANY_ARRAYS]) + (", ..." if len(names) > _MANY_ARRAYS else "")


def _quantisation(config: Mapping[str, Any]) -> str:
    """Returns how a layer is quantised whose first variable is not its kernel; `""` for others."""
    policy = config.get("dtype")
    own = policy.get("config") if isinstance(policy, Mapping) else None
    mode = own.get("mode") if isinstance(own, Mapping) else None
    if not isinstance(mode, str):
        return ""
    return next((each for each in ("gptq", "awq") if mode.startswith(each)), "")
