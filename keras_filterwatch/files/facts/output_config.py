"""What the config of a saved model tells about its outputs, each with its loss."""

import re
from collections.abc import Mapping
from typing import Any

from keras_filterwatch.files.config.architecture import Architecture
from keras_filterwatch.files.config.flow import FileCall, FileFlow, FileTensor, innermost
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.shapes import is_channels_first
from keras_filterwatch.files.facts.graph_facts import FileEnding, ending
from keras_filterwatch.files.facts.loss_config import describe_saved_loss, losses_by_output
from keras_filterwatch.files.facts.non_linearities import MAX_POOLINGS, is_average, non_linearity
from keras_filterwatch.losses import CompiledLoss, trains_as
from keras_filterwatch.model_facts import DEPENDS_ON_BACKEND, OutputFacts

_BACKENDS = ("tensorflow", "jax", "torch")
_LOGITS = ("softmax", "sigmoid")  # non-linearities in front of which TensorFlow looks for logits
_FULL_PRECISION = ("float32", None)
# layers that leave the number of axes and the size of the last one, beside averages
_SAME_SHAPE = (
    *("Activation", "Dropout", "Softmax", "ReLU", "LeakyReLU", "PReLU", "ELU", "Rescaling"),
    *("BatchNormalization", "LayerNormalization", "Normalization", "Identity", "GaussianNoise"),
)
_SAME_CHANNELS = tuple(
    f"{kind}{axes}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for axes in (1, 2, 3)
)
_RANK = re.compile("([123])D(Transpose)?$")
_MOST_LAYERS = 1000  # through which the shape of an output is followed


def outputs_of_config(
    architecture: Architecture, compile_config: Mapping[str, Any] | None, backend: str = ""
) -> tuple[OutputFacts, ...]:
    """Returns what is known about each output of a saved model; none if its graph is not known.

    Args:
        architecture: its layers.
        compile_config: that of the file; None for a model that was not compiled.
        backend: on which it was trained; `""` if the file does not say.
    """
    flow, compiled = architecture.flow, compile_config or {}
    if flow is None:
        return ()
    names = _output_names(architecture.model, len(flow.outputs))
    losses = losses_by_output(compiled.get("loss"), names)
    has_factor = bool(compiled.get("loss_weights"))
    facts = []
    for name, tensor, loss in zip(names, flow.outputs, losses, strict=True):
        axes = _axes(flow, tensor)
        units = _units(flow, tensor) if axes and axes > 1 else None
        described = describe_saved_loss(loss, units)
        end = ending(flow, tensor)
        chain = end.non_linearities
        facts.append(
            OutputFacts(
                name,
                units=units,
                activation=chain[0] if chain else "linear",
                loss=described.name,
                from_logits=described.from_logits,
                trains_as=_trains_as(flow, tensor, end, described, backend),
                dropout=end.dropout,
                axes=axes,
                is_mean=described.is_mean and not has_factor,
            )
        )
    return tuple(facts)


def _output_names(model: LayerConfig, count: int) -> list[str]:
    """Returns the names of a model's outputs as Keras has them; `""` where that is not certain."""
    if not model.is_functional:
        return [model.layers[-1].name] if model.layers else [""] * count
    structure = model.config.get("output_layers")
    if isinstance(structure, Mapping):
        names = sorted(map(str, structure))  # the order of `model.outputs`
    else:
        names = [source.layer for source in model.outputs]
    return names if len(names) == count else [""] * count


def _trains_as(
    flow: FileFlow, output: FileTensor, end: FileEnding, loss: CompiledLoss, backend: str
) -> str:
    """Returns what a loss in effect trains with, as `OutputFacts.trains_as`."""
    if not loss.is_of_keras:
        return ""
    chain = end.non_linearities
    is_replaced = _is_cast(flow, output) or not loss.keeps_outputs or end.is_changed
    if is_replaced or not chain or chain[0] not in _LOGITS:
        logits = [""]
    else:
        logits = ["any"] if end.is_direct else ["any", ""]
    results = {
        trains_as(each, loss.name, chain, loss.from_logits, logits_of)
        for each in ([backend] if backend in _BACKENDS else _BACKENDS)
        for logits_of in logits
    }
    return results.pop() if len(results) == 1 else DEPENDS_ON_BACKEND


def _is_cast(flow: FileFlow, output: FileTensor) -> bool:
    """Returns True if an output is not in float32, so that Keras casts it for the loss."""
    call = flow.maker(output)
    policy = innermost(call.layer).config.get("dtype") if call else None
    if isinstance(policy, Mapping):
        config = policy.get("config")
        policy = config.get("name") if isinstance(config, Mapping) else ""
    return policy not in _FULL_PRECISION


def _axes(flow: FileFlow, tensor: FileTensor) -> int | None:
    """Returns how many axes a tensor has, the batch included; None if that is not known."""
    for _ in range(_MOST_LAYERS):
        if tensor.shape:
            return len(tensor.shape)
        call = flow.maker(tensor)
        if call is None or not _is_known(call):
            return None
        if call.layer.is_operation:
            tensor = call.inputs[0]
            continue
        layer = call.layer
        kind = layer.class_name
        if kind == "Flatten" or (kind.startswith("Global") and not layer.config.get("keepdims")):
            return 2
        if rank := _RANK.search(kind):
            return int(rank[1]) + 2
        if kind not in ("Dense", "TimeDistributed", *_SAME_SHAPE):
            return None
        if layer.input_shape:
            return len(layer.input_shape)
        tensor = call.inputs[0]
    return None


def _units(flow: FileFlow, tensor: FileTensor) -> int | None:
    """Returns the size of the last axis of a tensor; None if that is not known."""
    for _ in range(_MOST_LAYERS):
        if tensor.shape:
            return tensor.shape[-1]
        call = flow.maker(tensor)
        if call is None or not _is_known(call):
            return None
        layer = innermost(call.layer)
        if layer.is_operation:
            tensor = call.inputs[0]
            continue
        if is_channels_first(layer):
            return None
        keys = ("units", "filters", "output_dim", "nb_filter")
        sizes = [layer.config[key] for key in keys if type(layer.config.get(key)) is int]
        if layer.class_name.startswith(("Dense", "Conv", "SeparableConv")) and sizes:
            return int(sizes[0])
        kinds = (*_SAME_SHAPE, *_SAME_CHANNELS, *MAX_POOLINGS)
        if not (layer.class_name in kinds or is_average(layer) or _is_global(layer)):
            return None
        tensor = call.inputs[0]
    return None


def _is_known(call: FileCall) -> bool:
    """Returns True for one of Keras's layers, or a non-linearity, with one input."""
    if len(call.inputs) != 1:
        return False
    if call.layer.is_operation:
        return non_linearity(call.layer) not in ("", "linear", "glu")
    return call.layer.is_of_keras


def _is_global(layer: LayerConfig) -> bool:
    return layer.class_name.startswith("GlobalMaxPooling")
