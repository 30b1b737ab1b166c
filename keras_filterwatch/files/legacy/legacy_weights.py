"""Kernels of HDF5 files of Keras 1 and 2 that have no config: what their names and shapes tell."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_filterwatch.files.config.class_names import snake_case
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.keras.bfloat16 import with_numbers
from keras_filterwatch.files.layers.kernel_axes import class_of_name
from keras_filterwatch.files.layers.layer_kernels import LayerKernels
from keras_filterwatch.files.layers.named_kernels import NamedVariable, kernels_of_variables
from keras_filterwatch.files.legacy.keras_1 import UnknownAxesError, current_array
from keras_filterwatch.files.legacy.legacy_groups import SavedLayer, SavedWeight
from keras_filterwatch.files.legacy.legacy_names import WeightName
from keras_filterwatch.files.legacy.legacy_origin import Origin
from keras_filterwatch.files.stored import StoredArray, StoredKernel
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.unique_names import unique_name

# how Keras 1 begins the names of layers -> the class of today
_OF_KERAS_1 = {
    "convolution1d": "Conv1D",
    "convolution2d": "Conv2D",
    "convolution3d": "Conv3D",
    "atrousconvolution1d": "Conv1D",
    "atrousconvolution2d": "Conv2D",
    "deconvolution2d": "Conv2DTranspose",
    "separableconvolution2d": "SeparableConv2D",
}
LOCALLY_CONNECTED = "its filters differ from place to place: no kernel is shared by all places"
_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def kernels_of_names(layers: Sequence[SavedLayer], origin: Origin) -> LayerKernels:
    """Returns the kernels of weights alone, in the order of the file.

    Args:
        layers: the groups of the file.
        origin: what wrote the file.

    Example:
        >>> import numpy as np
        >>> kernel = StoredArray("k", (8, 10), np.dtype("f4"), lambda: np.ones((8, 10), "f4"))
        >>> layer = SavedLayer("dense_1", (SavedWeight("dense_1/kernel:0", kernel),))
        >>> [kernel.name for kernel in kernels_of_names([layer], Origin(2, "tensorflow")).kernels]
        ['dense_1']
    """
    variables: dict[str, dict[str, StoredArray]] = {}
    names: dict[str, int] = {}
    for layer in layers:
        for path, arrays in split_by_scope(layer.name, layer.weights, origin.keras).items():
            variables[unique_name(path, names)] = arrays
    kernels, skipped = kernels_of_unknown_layers(variables, origin)
    return LayerKernels(tuple(kernels), skipped, [])


def split_by_scope(
    name: str, weights: Sequence[SavedWeight], keras: int
) -> dict[str, dict[str, StoredArray]]:
    """Returns the variables of each layer whose weights a group holds.

    Args:
        name: the name of the group's layer, with the path to it.
        weights: the weights of the group.
        keras: the version of Keras that wrote the file, such as 2.

    Returns:
        The path of a layer -> the name of a variable -> its array.
    """
    layers: dict[str, dict[str, StoredArray]] = {}
    for place, weight in enumerate(weights):
        scope, variable = WeightName.parse(weight.name, keras == 1)
        path = "/".join(scope)
        _, is_within, inner = f"/{path}/".partition(f"/{name}/")
        if is_within:  # the names of models around it may stand before its own
            inner = inner.removesuffix("/")
        elif not f"/{name}".endswith(f"/{path}"):
            inner = path
        path = f"{name}/{inner}" if inner else name
        variables = layers.setdefault(path, {})
        if not variable or variable in variables:
            variable = _numbered_variable(place, weights) or weight.name
        variables[variable] = weight.array
    return layers


def kernels_of_unknown_layers(
    layers: Mapping[str, Mapping[str, StoredArray]], origin: Origin
) -> tuple[list[StoredKernel], dict[str, str]]:
    """Returns the kernels of layers of unknown classes, and why the other layers have none.

    Args:
        layers: the name of a layer, with the path to it -> the name of a variable -> its array.
        origin: what wrote the file.
    """
    of_layers: list[NamedVariable] = []
    names: dict[str, int] = dict.fromkeys(layers, 0)
    paths: dict[str, str] = {}  # of a layer, as its class would have it name itself -> in the file
    skipped: dict[str, str] = {}
    for path, variables in layers.items():
        class_name = _class_of(path, origin)
        skipped[path] = _why_no_kernel(variables, class_name)
        if skipped[path]:
            continue
        try:
            arrays = _with_current_axes(path, class_name, variables, origin)
        except UnknownAxesError as error:
            skipped[path] = str(error)
            continue
        name = path
        if origin.is_keras_1 and class_name:
            name = unique_name(snake_case(class_name), names)
        paths[name] = path
        of_layers += [
            NamedVariable(f"{name}/{key}", with_numbers(array), name)
            for key, array in arrays.items()
        ]
    kernels, reasons = kernels_of_variables(of_layers)
    for variable in of_layers:
        if variable.role in _KERNELS and variable.name in reasons:
            skipped[paths[variable.layer]] = reasons[variable.name]
    return [_with_path(kernel, paths) for kernel in kernels], {
        path: reason for path, reason in skipped.items() if reason
    }


def _why_no_kernel(variables: Mapping[str, StoredArray], class_name: str) -> str:
    """Returns why a layer has no kernel; `""` if it may have one."""
    if any(name == "recurrent_kernel" or name.startswith("U_") for name in variables):
        return "recurrent: its kernel holds gates, not filters"
    if "W_carry" in variables:
        return "of a Highway layer, whose weights are no filters"
    if not any(name in _KERNELS for name in variables):
        return f"it has no kernel, only {', '.join(variables)}"
    bias, kernel = variables.get("bias"), variables.get("kernel")
    is_of_heads = bias and kernel and bias.shape == kernel.shape[1:]  # in attention
    if class_name.startswith("LocallyConnected") or (
        bias and len(bias.shape) > 1 and not is_of_heads
    ):
        return LOCALLY_CONNECTED
    return ""


def _class_of(path: str, origin: Origin) -> str:
    """Returns the class of a layer with a name that Keras itself gave it; `""` for others."""
    last = path.rpartition("/")[2]
    if origin.is_keras_1:
        return _OF_KERAS_1.get(last.rpartition("_")[0], "")
    return class_of_name(last)


def _with_current_axes(
    path: str, class_name: str, variables: Mapping[str, StoredArray], origin: Origin
) -> dict[str, StoredArray]:
    """Returns a layer's variables in the order of axes that Keras has today.

    Raises:
        UnknownAxesError: the order of the axes in the file cannot be told.
    """
    axes = max(len(array.shape) for array in variables.values())
    config = _config_of_keras_1(class_name, variables) if origin.is_keras_1 and axes > 2 else {}
    if not class_name:
        by_axes = {3: "Conv1D", 4: "Conv2D", 5: "Conv3D"}.get(axes, "")
        class_name = by_axes if "kernel" in variables else "SeparableConv2D"
    layer = LayerConfig(path, class_name, config=config)
    return {
        name: current_array(layer, name, array, origin.is_keras_1, origin.backend)
        for name, array in variables.items()
    }


def _config_of_keras_1(class_name: str, variables: Mapping[str, StoredArray]) -> dict[str, Any]:
    """Returns what the config of a convolution must have said: the axis of the filters shows it."""
    bias = variables.get("bias")
    kernel = variables.get("pointwise_kernel", variables.get("kernel"))
    shape = kernel.shape if kernel else ()
    if len(shape) not in (4, 5):
        raise UnknownAxesError(f"its weights have {len(shape)} axes, as no convolution of Keras 1")
    places = [place for place in (0, -1) if bias and bias.shape == (shape[place],)]
    if len(places) != 1:
        what = f"bias has shape {bias.shape}" if bias else "layer has no bias"
        raise UnknownAxesError(
            f"its kernel has shape {shape} and its {what}: that does not tell whether its filters "
            "are on the first axis (Theano's order) or on the last one"
        )
    is_first = places[0] == 0
    config: dict[str, Any] = {"dim_ordering": "th" if is_first else "tf"}
    if class_name == "Conv1D":
        config |= {"nb_filter": shape[places[0]], "filter_length": shape[2 if is_first else 0]}
    return config


def _numbered_variable(place: int, weights: Sequence[SavedWeight]) -> str:
    """Returns which variable of a layer a weight of Keras 0 is: these have numbers as names."""
    shapes = [weight.array.shape for weight in weights]
    are_kernel_and_bias = len(shapes) == 2 and len(shapes[0]) > 1 and len(shapes[1]) == 1
    is_numbered = weights[place].name == f"param_{place}"
    return ("kernel", "bias")[place] if are_kernel_and_bias and is_numbered else ""


def _with_path(kernel: StoredKernel, paths: Mapping[str, str]) -> StoredKernel:
    """Returns a kernel under the name that its layer has in the file."""
    layer, suffix = kernel.name, ""
    if layer not in paths:
        layer, _, suffix = layer.rpartition("/")
        suffix = f"/{suffix}"
    path = paths[layer]
    if path == layer:
        return kernel
    name = path + suffix

    def read() -> Kernel:
        return replace(kernel.read(), name=name)

    last = path.rpartition("/")[2]
    return replace(kernel, name=name, layer_name=last, read=read, names_in_file=())
