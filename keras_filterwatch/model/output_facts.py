"""Reads the outputs of a model, each with its last non-linearity and its loss."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np

from keras_filterwatch.losses import CompiledLoss, trains_as
from keras_filterwatch.model.compiled_losses import by_output, describe_loss
from keras_filterwatch.model.graph_facts import ending
from keras_filterwatch.model.recording import Tensor
from keras_filterwatch.model.trace import Flow
from keras_filterwatch.model_facts import OutputFacts


def output_facts(model: keras.Model, flow: Flow | None, targets: Any) -> tuple[OutputFacts, ...]:
    """Returns what is known about each output of a model and its loss.

    Args:
        model: a built Keras model.
        flow: the flow of data through it; None if that is not known.
        targets: the probe's targets, which show what the name `"crossentropy"` means; None if there
            are none.

    Example:
        >>> from keras_filterwatch.model.trace import flow_of
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
        >>> model.compile(loss="categorical_crossentropy")
        >>> output_facts(model, flow_of(model), None)[0].activation
        'softmax'
    """
    outputs = _named_outputs(model, flow)
    names = [output.name for output in outputs]
    losses = by_output(getattr(model, "loss", None), names)
    if isinstance(targets, Mapping):
        shapes = [np.shape(targets.get(name, ())) for name in names]
    else:
        shapes = [np.shape(part) for part in keras.tree.flatten(targets)]
    if len(shapes) != len(outputs):
        shapes = [()] * len(outputs)  # it is not known which belongs to which
    facts = map(partial(_output, flow), outputs, losses, shapes)
    compile_loss = getattr(model, "_compile_loss", None)
    has_factor = bool(getattr(compile_loss, "_user_loss_weights", None))
    return tuple(replace(each, is_mean=each.is_mean and not has_factor) for each in facts)


class _Output(NamedTuple):
    """An output of a model.

    Attributes:
        name: as Keras has it; `""` for none.
        tensor: what is known about it.
    """

    name: str
    tensor: Tensor


def _output(
    flow: Flow | None, output: _Output, compiled_loss: Any, target_shape: tuple[int, ...]
) -> OutputFacts:
    """Returns what is known about one output; `compiled_loss` as `compile` got it, or None."""
    shape = output.tensor.shape
    units = shape[-1] if len(shape) > 1 else None
    is_sparse = None
    if target_shape:
        is_sparse = len(target_shape) < len(shape) or target_shape[-1] < shape[-1]
    loss = CompiledLoss()
    if compiled_loss is not None:
        loss = describe_loss(compiled_loss, units, is_sparse)
    end = ending(flow, output.tensor) if flow else None
    chain = end.non_linearities if end else ("",)
    # Keras removes the last axis of an output if the targets lack it
    is_squeezed = shape[-1:] == (1,) and 1 < len(target_shape) < len(shape)
    is_cast = _dtype(output.tensor) != keras.config.floatx()
    # the loss then gets another tensor than the model returns, and Keras finds no logits behind it
    is_replaced = is_squeezed or is_cast or not loss.keeps_outputs or (end and end.is_changed)
    logits_of = "" if is_replaced else output.tensor.logits_of
    trained = trains_as(keras.backend.backend(), loss.name, chain, loss.from_logits, logits_of)
    return OutputFacts(
        output.name,
        units=units,
        activation=chain[0] if chain else "linear",
        loss=loss.name,
        from_logits=loss.from_logits,
        trains_as=trained if loss.is_of_keras else "",
        dropout=end.dropout if end else 0.0,
        axes=len(shape) or None,
        is_mean=loss.is_mean,
    )


def _named_outputs(model: keras.Model, flow: Flow | None) -> list[_Output]:
    """Returns the outputs of a model; none if they are not known."""
    if flow:
        structure = flow.outputs
    elif isinstance(model, keras.Model) and hasattr(model, "outputs"):
        structure = keras.tree.map_structure(
            lambda x: Tensor(tuple(x.shape), x.dtype, ""), model.output
        )
    else:
        return []
    tensors = keras.tree.flatten(structure)
    names = output_names(model)
    if isinstance(structure, Mapping) and len(structure) == len(tensors):
        names = keras.tree.flatten({key: str(key) for key in structure})
    elif len(names) != len(tensors):
        names = [""] * len(tensors)
    return [
        _Output(name, tensor)
        for name, tensor in zip(names, tensors, strict=True)
        if tensor is not None
    ]


def output_names(model: keras.Model) -> list[str]:
    """Returns the names of a model's outputs; an empty list where they have none."""
    if isinstance(model, keras.Sequential):
        return [model.layers[-1].name] if model.layers else []
    return list(getattr(model, "output_names", ()))


def _dtype(tensor: Tensor) -> str:
    return str(keras.backend.standardize_dtype(tensor.dtype))
