"""Which layers of a saved model were trained: their biases have left the values they began with."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_filterwatch.files.config.architecture import Architecture, LayerNode
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.facts.initialiser_config import constant_of
from keras_filterwatch.files.keras.bfloat16 import with_numbers
from keras_filterwatch.files.layers.kernel_choice import StoredVariable, layouts_of
from keras_filterwatch.files.layers.variable_names import variable_names
from keras_filterwatch.files.stored import StoredArray, StoredKernel

ATTENTION = ("MultiHeadAttention", "GroupedQueryAttention")
_STATISTICS = ("gamma", "beta", "moving_mean", "moving_variance")
_LARGEST = 2**20  # numbers of a bias


def layers_trained(
    architecture: Architecture,
    kernels: Sequence[StoredKernel],
    variables: Mapping[str, Sequence[StoredVariable]],
) -> dict[str, bool]:
    """Returns `ModelFacts.was_trained`: reads the biases and BatchNormalizations of a file.

    Args:
        architecture: the layers of the file.
        kernels: its kernels.
        variables: as `kernels_of_layers` takes them.

    Returns:
        Kernel name -> True if its bias, or the BatchNormalization behind it, has left its initial
        values, False if not; kernels without any that began with a constant are absent.

    Raises:
        UnsafeFileError: a bias is stored in a way that is refused.
    """
    changes: dict[str, bool | None] = {}  # a layer that several kernels share is read once
    results = {}
    for kernel, node in owners_of(architecture, kernels):
        norms = architecture.batch_norms(node) if has_outputs(kernel) else []
        for layer in (node, *norms):
            if layer.path not in changes:
                changes[layer.path] = _has_changed(layer, variables.get(layer.path, ()))
            change = changes[layer.path]
            if change is not None:
                results[kernel.name] = change
            if change:
                break
    return results


def owners_of(
    architecture: Architecture, kernels: Sequence[StoredKernel]
) -> Iterator[tuple[StoredKernel, LayerNode]]:
    """Yields each kernel with the layer that owns it."""
    nodes = {node.path: node for node in architecture.nodes}
    for kernel in kernels:
        node = nodes.get(kernel.name) or nodes.get(kernel.name.rpartition("/")[0])
        if node is not None:
            yield kernel, node


def has_outputs(kernel: StoredKernel) -> bool:
    """Returns True if the outputs of a kernel's layer are those of its filters."""
    return not kernel.name.endswith("/depthwise_kernel")


def initial_config(node: LayerNode) -> Mapping[str, Any]:
    """Returns the config that has the initialisers of a layer, and says whether it has a bias.

    For a projection of an attention layer it is that of the attention layer.
    """
    is_inside = bool(node.parents) and node.parents[-1].class_name in ATTENTION
    return node.parents[-1].config if is_inside else node.layer.config


@np.errstate(all="ignore")
def _has_changed(node: LayerNode, variables: Sequence[StoredVariable]) -> bool | None:
    """Returns whether a bias or statistic of a layer that began with a constant has changed.

    None if there is none; the first one that has changed is the last that is read.
    """
    result = None
    for name, array in _biases(node, variables):
        constant = constant_of(initial_config(node).get(f"{name}_initializer"), name)
        if constant is None or np.shape(constant) not in ((), array.shape):
            continue
        try:
            values = with_numbers(array).read()
        except UnsafeFileError:
            raise
        except UnreadableFileError:  # a damaged bias is no reason not to score the kernels
            continue
        if values.dtype.kind == "f" or values.dtype.name == "bfloat16":
            result = not np.all(values == np.asarray(constant, values.dtype))
        if result:
            break
    return result


def _biases(
    node: LayerNode, variables: Sequence[StoredVariable]
) -> Iterator[tuple[str, StoredArray]]:
    """Yields the biases and statistics among the variables of one of Keras's layers, by name."""
    layer = node.layer
    if not layer.is_of_keras:
        return
    names: tuple[str, ...] = ("bias",)
    if layer.class_name == "BatchNormalization":
        names, in_order = _STATISTICS, variable_names(layer, len(variables))
    else:  # the bias stands behind the kernels
        in_order = [*[""] * len(layouts_of(layer)), "bias" if _has_bias(node) else ""]
    for place, variable in enumerate(variables):
        name = variable.name or (in_order[place] if place < len(in_order) else "")
        if name in names and math.prod(variable.array.shape) <= _LARGEST:
            yield name, variable.array


def _has_bias(node: LayerNode) -> bool:
    """Returns True for a layer of kernels that has a bias."""
    config = initial_config(node)
    if node.layer.class_name == "EinsumDense" and config is node.layer.config:
        return isinstance(config.get("bias_axes"), str)
    return bool(layouts_of(node.layer)) and config.get("use_bias", True) is not False
