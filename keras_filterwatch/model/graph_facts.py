"""Reads from a model's flow of data how it rescales inputs, activates kernels and ends."""

from collections.abc import Mapping
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from keras_filterwatch.model.flat_inputs import ARITHMETIC
from keras_filterwatch.model.non_linearities import (
    MERGES,
    MERGING_OPERATIONS,
    is_average,
    is_passive,
    is_separate,
    non_linearity,
)
from keras_filterwatch.model.recording import DROPOUTS, Call, Tensor, is_random
from keras_filterwatch.model.trace import Flow, innermost
from keras_filterwatch.model.weights import direct_weights

NORMALISERS = tuple(
    getattr(layers, name)
    for name in (
        *("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization"),
        "RMSNormalization",  # since Keras 3.9
    )
    if hasattr(layers, name)
)
# layers that may stand between a kernel and its non-linearity
_BEFORE_ACTIVATION = (
    *NORMALISERS,
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
)
# layers that leave the range of the inputs, besides passive ones and non-linearities
_KEEPS_SIZE = (
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D, layers.Masking),
    *(layers.Resizing, layers.CenterCrop, *MERGES),
)
_RESCALES = (layers.Rescaling, layers.Normalization, layers.Embedding, *NORMALISERS)


@dataclass(frozen=True)
class Ending:
    """What stands between the last layer with weights and one of the model's outputs.

    Attributes:
        non_linearities: the last one first, with that of the last layer with weights; `""` for one
            that is not known, empty where the output is linear.
        dropout: rate of a Dropout layer among them; 0 for none.
        is_changed: whether a layer behind the non-linearities drops or adds noise in training.
        before: what goes into the last of the non-linearities; the output itself if there is none.
    """

    non_linearities: tuple[str, ...]
    dropout: float
    is_changed: bool
    before: Tensor


def ending(flow: Flow, output: Tensor) -> Ending:
    """Returns what stands between the last layer with weights and an output.

    Args:
        flow: the flow of data through the model.
        output: one of `flow.outputs`.
    """
    chain: list[str] = []
    dropout = 0.0
    is_changed = False
    tensor = before = output
    while (call := flow.maker(tensor)) is not None:
        layer = innermost(call.layer)
        sources = _sources(flow, call)
        if isinstance(layer, DROPOUTS):
            dropout = max(dropout, float(layer.rate))
        is_changed = is_changed or (not chain and is_random(layer))
        if is_passive(layer) and (len(sources) == 1 or isinstance(layer, keras.Layer)):
            if chain and is_average(layer):
                break  # an average is no logit of what it averages
            tensor = sources[0]
            continue
        name = _of_branches(flow, call, sources) if _merges(flow, call) else non_linearity(layer)
        if name == "linear":
            break
        chain.append(name)
        if before is output and sources:
            before = sources[0]
        if not name or not is_separate(layer) or len(sources) != 1:
            break
        tensor = sources[0]
    else:
        if not chain and not flow.is_input(tensor):
            chain = [""]  # code of the model's own made the tensor
    return Ending(tuple(chain), dropout, is_changed, before)


def _of_branches(flow: Flow, call: Call, sources: list[Tensor]) -> str:
    """Returns the non-linearity that all branches of a merge end with; `""` if they differ."""
    names = {next(iter(ending(flow, source).non_linearities), "linear") for source in sources}
    return names.pop() if len(names) == 1 else ""


def is_linear(flow: Flow) -> bool:
    """Returns True if no non-linearity stands between inputs and outputs, but for the outputs' own.

    False if it is not known what some layer does.
    """
    outputs = [tensor for tensor in keras.tree.flatten(flow.outputs) if tensor is not None]
    endings = [ending(flow, output) for output in outputs]
    tensors = [each.before for each in endings]
    visited: set[int] = set()
    while tensors:
        tensor = tensors.pop()
        if id(tensor) in visited or flow.is_input(tensor):
            continue
        visited.add(id(tensor))
        call = flow.maker(tensor)
        if call is None or non_linearity(call.layer) != "linear" or _is_composed(call.layer):
            return False
        tensors += _sources(flow, call)
    return bool(endings) and not any("" in each.non_linearities for each in endings)


def has_shortcuts(flow: Flow) -> bool:
    """Returns True if branches are added or concatenated."""
    return any(_merges(flow, call) for call in flow.steps)


def normalises_inputs(flow: Flow, model: keras.Layer, names: Mapping[int, str]) -> str:
    """Returns the name of the first layer that may rescale the inputs before the first kernel.

    A layer counts if it may do so because its code is not known. It is the model's name where
    the model's own code acts on the inputs. `""` if nothing rescales them, apart from Rescaling
    layers, which `fixed_rescaling` returns.

    Args:
        flow: the flow of data through the model.
        model: the model.
        names: identity -> name of the model's layers, as `layer_names` returns them.
    """
    wrapped = {
        id(innermost(call.layer)) for call in flow.steps if isinstance(call.layer, layers.Wrapper)
    }
    for call in flow.steps:
        layer = innermost(call.layer)
        # layers in a wrapper and the cells of recurrent layers get parts of their inputs
        if id(call.layer) in wrapped or _is_cell(layer):
            continue
        if not isinstance(layer, keras.Layer):
            if type(layer).__name__ in ARITHMETIC or not is_passive(layer):
                return layer.name
        elif _fixed_factors(layer) is not None:
            continue
        elif isinstance(layer, _RESCALES):
            return names.get(id(layer), layer.name)
        elif any(direct_weights(part) for part in layer._flatten_layers()):
            origins = [_origin(flow, tensor) for tensor in call.inputs[:1]]
            return "" if all(map(flow.is_input, origins)) else model.name
        elif not (_is_composed(layer) or _keeps_size(layer)):
            return names.get(id(layer), layer.name)
    return ""


def fixed_rescaling(flow: Flow) -> tuple[float, float]:
    """Returns the scale and offset of all Rescaling layers before the first layer with weights.

    Those with several scales or offsets are left out. `(1, 0)` if there are none.
    """
    scale, offset = 1.0, 0.0
    for call in flow.steps:
        layer = innermost(call.layer)
        if isinstance(layer, keras.Layer) and not _is_composed(layer) and direct_weights(layer):
            break
        factors = _fixed_factors(layer)
        if factors is not None:
            scale, offset = scale * factors[0], offset * factors[0] + factors[1]
    return scale, offset


def _fixed_factors(layer: keras.Operation) -> tuple[float, float] | None:
    """Returns a Rescaling layer's scale and offset; None for other layers or several scales."""
    if not isinstance(layer, layers.Rescaling):
        return None
    scale, offset = np.asarray(layer.scale), np.asarray(layer.offset)
    return (float(scale), float(offset)) if scale.size == offset.size == 1 else None


def activation_behind(flow: Flow | None, layer: keras.Layer) -> str:
    """Returns the non-linearity behind a layer's weights: its own, or that of a layer behind it.

    `"linear"` for none, `""` if it is not known.
    """
    own = non_linearity(layer)
    if own not in ("", "linear") or flow is None:
        return "" if own == "linear" else own
    outputs = [tensor for call in flow.calls(layer) for tensor in call.outputs]
    tensors, visited = list(outputs), set()
    while tensors:
        tensor = tensors.pop(0)
        if id(tensor) in visited:
            continue
        visited.add(id(tensor))
        for reader in flow.readers(tensor):
            next_layer = innermost(reader.layer)
            is_between = is_passive(next_layer) or isinstance(next_layer, _BEFORE_ACTIVATION)
            if is_between or _merges(flow, reader):
                tensors += reader.outputs
            elif is_separate(next_layer):
                return non_linearity(next_layer)
    ends = {id(tensor) for tensor in keras.tree.flatten(flow.outputs)}
    is_followed = any(flow.readers(tensor) or id(tensor) in ends for tensor in outputs)
    return own if is_followed else ""


def _sources(flow: Flow, call: Call) -> list[Tensor]:
    """Returns the inputs of a call that are computed by layers; constants are left out."""
    if isinstance(call.layer, keras.Layer):
        return call.inputs
    return [x for x in call.inputs if flow.maker(x) is not None or flow.is_input(x)]


def _merges(flow: Flow, call: Call) -> bool:
    """Returns True for the addition or concatenation of several tensors."""
    layer = innermost(call.layer)
    is_merge = isinstance(layer, MERGES) or type(layer).__name__ in MERGING_OPERATIONS
    return is_merge and len({id(tensor) for tensor in _sources(flow, call)}) > 1


def _origin(flow: Flow, tensor: Tensor) -> Tensor:
    """Returns the tensor that this one was made from, as far back as each layer's code is known."""
    while (call := flow.maker(tensor)) is not None and not _is_composed(call.layer):
        tensor = call.inputs[0]
    return tensor


def _is_cell(layer: keras.Operation) -> bool:
    """Returns True for the cell that a recurrent layer calls at each position."""
    return hasattr(layer, "state_size") and not isinstance(layer, layers.RNN)


def _is_composed(layer: keras.Operation) -> bool:
    """Returns True for layers that are made of other layers, but not for wrappers."""
    layer = innermost(layer)
    if not isinstance(layer, keras.Layer):
        return False
    parts: list[keras.Layer] = layer._flatten_layers(include_self=False, recursive=False)
    return bool(list(parts))


def _keeps_size(layer: keras.Layer) -> bool:
    """Returns True for layers without weights that are known not to rescale what they get."""
    is_known = isinstance(layer, _KEEPS_SIZE) or bool(non_linearity(layer))
    return is_known or type(layer).__name__.startswith("Random")
