"""How a saved model rescales inputs, activates kernels and ends, as `model.graph_facts` has it."""

from collections.abc import Mapping
from dataclasses import dataclass

from keras_filterwatch.files.config.class_names import may_learn
from keras_filterwatch.files.config.flow import FileCall, FileFlow, FileTensor, innermost
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.facts.non_linearities import (
    ARITHMETIC,
    DROPOUTS,
    MAX_POOLINGS,
    MERGES,
    MERGING_OPERATIONS,
    NORMALISERS,
    is_average,
    is_passive,
    is_separate,
    non_linearity,
)
from keras_filterwatch.files.facts.numbers import number, plain_number

# layers that may stand between a kernel and its non-linearity
_BEFORE_ACTIVATION = (*NORMALISERS, *MAX_POOLINGS)
# layers that leave the range of the inputs, besides passive ones and non-linearities
_KEEPS_SIZE = (*MAX_POOLINGS, "Masking", "Resizing", "CenterCrop", *MERGES)
_PRODUCTS = ("Multiply", "Divide", "TrueDivide")  # operations
_RESCALES = ("Rescaling", "Normalization", "Embedding", *NORMALISERS)
_MOST_BETWEEN = 500  # tensors between a layer and its non-linearity; more are not searched


@dataclass(frozen=True, eq=False)
class FileEnding:
    """What stands between the last layer with weights and one of a saved model's outputs.

    Attributes:
        non_linearities: the last one first, with that of the last layer with weights; `""` for one
            that is not known, empty where the output is linear.
        dropout: rate of a Dropout layer among them; 0 for none.
        is_direct: whether it is certain that one of Keras's non-linearities makes the output.
        is_changed: whether a layer behind the non-linearities computes another tensor, at least
            while training.
        before: what goes into the last of the non-linearities; the output itself if there is none.
    """

    non_linearities: tuple[str, ...]
    dropout: float
    is_direct: bool
    is_changed: bool
    before: FileTensor


def ending(flow: FileFlow, output: FileTensor) -> FileEnding:
    """Returns what stands between the last layer with weights and an output.

    Args:
        flow: the flow of data through the model.
        output: one of `flow.outputs`.
    """
    chain: list[str] = []
    dropout = 0.0
    is_direct, is_changed = True, False
    tensor = before = output
    while (call := flow.maker(tensor)) is not None:
        layer = innermost(call.layer)
        if _is_kind(layer, DROPOUTS):
            dropout = max(
                dropout, plain_number(layer.config.get("rate", layer.config.get("p"))) or 0.0
            )
        if is_passive(layer) and len(call.inputs) == 1:
            if chain and is_average(layer):
                break  # an average is no logit of what it averages
            is_direct = is_direct and bool(chain)
            is_changed = is_changed or not (chain or _may_return_input(layer))
            tensor = call.inputs[0]
            continue
        name = _of_branches(flow, call) if merges(call) else _of_one(call)
        if name == "linear":
            break
        chain.append(name)
        if before is output and call.inputs:
            before = call.inputs[0]
        if len(chain) == 1:
            # the outputs of layers in a wrapper are joined behind their non-linearity
            is_direct = is_direct and call.layer is layer
            is_direct = is_direct and not isinstance(layer.config.get("activation"), Mapping)
        if not name or not is_separate(layer) or len(call.inputs) != 1:
            break
        tensor = call.inputs[0]
    else:
        if not chain and not flow.is_input(tensor):
            chain = [""]
    return FileEnding(tuple(chain), dropout, is_direct, is_changed, before)


def _of_one(call: FileCall) -> str:
    """Returns the non-linearity of a call; `""` for the product of several tensors."""
    is_product = call.layer.is_operation and call.layer.class_name in _PRODUCTS
    return "" if is_product and len(call.inputs) > 1 else non_linearity(call.layer)


def _of_branches(flow: FileFlow, call: FileCall) -> str:
    """Returns the non-linearity that all branches of a merge end with; `""` if they differ."""
    tensors, visited = list(call.inputs), set()
    names: set[str] = set()
    while tensors:
        tensor = tensors.pop()
        if id(tensor) in visited:
            continue
        visited.add(id(tensor))
        maker = flow.maker(tensor)
        if maker is None:
            names.add("linear" if flow.is_input(tensor) else "")
        elif merges(maker) or (is_passive(maker.layer) and len(maker.inputs) == 1):
            tensors += maker.inputs
        else:
            names.add(_of_one(maker))
    return names.pop() if len(names) == 1 else ""


def is_linear(flow: FileFlow) -> bool:
    """Returns True if no non-linearity stands between inputs and outputs, but for the outputs' own.

    False if it is not known what some layer does.
    """
    endings = [ending(flow, output) for output in flow.outputs]
    tensors = [each.before for each in endings]
    visited: set[int] = set()
    while tensors:
        tensor = tensors.pop()
        if id(tensor) in visited or flow.is_input(tensor):
            continue
        visited.add(id(tensor))
        call = flow.maker(tensor)
        if call is None or _of_one(call) != "linear" or is_composed(call.layer):
            return False
        tensors += call.inputs
    return bool(endings) and not any("" in each.non_linearities for each in endings)


def has_shortcuts(flow: FileFlow) -> bool:
    """Returns True if branches are added or concatenated, or may be by code that is not known."""
    return any(merges(call) or not call.layer.is_of_keras for call in flow.calls)


def normalises_inputs(flow: FileFlow, model: LayerConfig) -> str:
    """Returns the name of the first layer that rescales the inputs before the first kernel.

    It is the model's name where layers stand between that are not known. `""` if nothing rescales
    them, apart from Rescaling layers.
    """
    inside = {
        inner.identity
        for call in flow.calls
        if not call.layer.has_graph
        for inner in call.layer.layers
    }
    for call in flow.calls:
        layer = innermost(call.layer)
        if call.layer.identity in inside:  # it gets parts of the inputs
            continue
        if not layer.is_of_keras and not layer.is_operation:
            return ""
        if layer.is_operation:
            if layer.class_name in ARITHMETIC or not is_passive(layer):
                return layer.name
        elif layer.class_name == "Rescaling" and _has_one_factor(layer):
            continue
        elif layer.class_name in _RESCALES:
            return layer.name
        elif layer.has_graph:
            continue  # its layers have come before
        elif may_learn(layer.class_name):
            origins = [_origin(flow, tensor) for tensor in call.inputs[:1]]
            return "" if all(map(flow.is_input, origins)) else model.name
        elif not _keeps_size(layer):
            return layer.name
    return ""


def activation_behind(flow: FileFlow | None, layer: LayerConfig) -> str:
    """Returns the non-linearity behind a layer's weights: its own, or that of a layer behind it.

    `"linear"` for none, `""` if it is not known.
    """
    own = non_linearity(layer)
    if own not in ("", "linear") or flow is None:
        return "" if own == "linear" else own
    outputs = [tensor for call in flow.calls_of(layer) for tensor in call.outputs.tensors.values()]
    tensors, visited = list(outputs), set()
    place = 0
    while place < len(tensors):
        tensor = tensors[place]
        place += 1
        if id(tensor) in visited:
            continue
        visited.add(id(tensor))
        if len(visited) > _MOST_BETWEEN:
            return ""
        for reader in flow.readers(tensor):
            next_layer = innermost(reader.layer)
            is_between = is_passive(next_layer) or _is_kind(next_layer, _BEFORE_ACTIVATION)
            if is_between or merges(reader):
                tensors += reader.outputs.tensors.values()
            elif is_separate(next_layer):
                return non_linearity(next_layer)
    ends = {id(tensor) for tensor in flow.outputs}
    is_followed = any(flow.readers(tensor) or id(tensor) in ends for tensor in outputs)
    return own if is_followed else ""


def merges(call: FileCall) -> bool:
    """Returns True for the addition or concatenation of several tensors."""
    layer = innermost(call.layer)
    kinds = MERGING_OPERATIONS if layer.is_operation else MERGES
    is_merge = layer.class_name in kinds and (layer.is_operation or layer.is_of_keras)
    return is_merge and len({id(tensor) for tensor in call.inputs}) > 1


def is_composed(layer: LayerConfig) -> bool:
    """Returns True for layers that are made of other layers, but not for wrappers."""
    return bool(innermost(layer).layers)


def _is_kind(layer: LayerConfig, class_names: tuple[str, ...]) -> bool:
    return layer.is_of_keras and not layer.is_operation and layer.class_name in class_names


def _may_return_input(layer: LayerConfig) -> bool:
    """Returns True for passive layers that may return the tensor that they read, in training too.

    They do so as long as they have nothing to do.
    """
    if _is_kind(layer, DROPOUTS):
        return layer.config.get("rate", layer.config.get("p")) in (0, None)
    return layer.class_name in ("Activation", "ActivityRegularization", "Identity", "Cast")


def _has_one_factor(layer: LayerConfig) -> bool:
    """Returns True for a Rescaling layer with one scale and one offset."""
    config = layer.config
    return None not in (number(config.get("scale")), number(config.get("offset", 0.0)))


def _origin(flow: FileFlow, tensor: FileTensor) -> FileTensor:
    """Returns the tensor that this one was made from, as far back as each layer's code is known."""
    while (call := flow.maker(tensor)) is not None and call.inputs:
        if is_composed(call.layer) or not (call.layer.is_of_keras or call.layer.is_operation):
            break
        tensor = call.inputs[0]
    return tensor


def _keeps_size(layer: LayerConfig) -> bool:
    """Returns True for layers without weights that are known not to rescale what they get."""
    is_known = layer.class_name in _KEEPS_SIZE or bool(non_linearity(layer))
    return is_known or layer.class_name.startswith("Random")
