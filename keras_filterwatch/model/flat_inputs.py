"""Which layers read an input of the model flattened, as an image or as one number after another."""

import math

import keras
from keras import layers

from keras_filterwatch.model.recording import Call, Tensor
from keras_filterwatch.model.trace import Flow, innermost
from keras_filterwatch.model.weights import direct_weights

# what may stand between an image and the layer that flattens it, besides layers without weights
_NORMALIZERS = (layers.Normalization, layers.BatchNormalization, layers.LayerNormalization)
# what may stand between the model's input and a layer that reads its numbers in their order
_KEEPS_NUMBERS = (
    *(layers.Dropout, layers.GaussianDropout, layers.GaussianNoise, layers.Rescaling),
    *(layers.Flatten, layers.Identity, *_NORMALIZERS),
)
_FLATTENS = (layers.Flatten, layers.Reshape)
ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")  # operations


def image_shape(flow: Flow, layer: keras.Layer) -> tuple[int, ...] | None:
    """Returns `(height, width, channels)` of the input image that a layer reads flattened.

    None if it reads something else.
    """
    input_shapes = {tuple(tensor.shape[1:]) for tensor in flow.inputs}
    for call in flow.calls(layer):
        path = _path_without_learning(flow, call.inputs[0])
        flattening = [each for each in path if isinstance(each.layer, _FLATTENS)]
        if not flattening or tuple(path[-1].inputs[0].shape[1:]) not in input_shapes:
            continue
        shape = _shape_before(flattening[0])
        if shape and math.prod(shape) == call.inputs[0].shape[-1]:
            return shape
    return None


def _path_without_learning(flow: Flow, tensor: Tensor) -> list[Call]:
    """Returns the calls that made a tensor, last one first, as long as each had one input.

    None of them if one learns anything but how to scale its inputs.
    """
    path: list[Call] = []
    while (call := flow.maker(tensor)) is not None and len(call.inputs) == 1:
        if not isinstance(call.layer, keras.Layer):
            break
        if _learns(call.layer):
            return []
        path.append(call)
        tensor = call.inputs[0]
    return path


def _learns(layer: keras.Layer) -> bool:
    if isinstance(layer, _NORMALIZERS):
        return False
    return any(direct_weights(part) for part in layer._flatten_layers())


def _shape_before(flattening: Call) -> tuple[int, ...] | None:
    """Returns the axes of what was flattened, channels last; None if that is no known image."""
    shape = tuple(flattening.inputs[0].shape[1:])
    if len(shape) < 2 or None in shape:
        return None
    if len(shape) == 2:
        return (*shape, 1)
    # Flatten itself moves the channels last, Reshape leaves them where they are
    first = keras.config.image_data_format() == "channels_first"
    if isinstance(flattening.layer, layers.Flatten):
        first = flattening.layer.data_format == "channels_first"
    elif first:
        return None
    return (*shape[1:], shape[0]) if first else shape


def input_read(flow: Flow, layer: keras.Layer) -> int | None:
    """Returns which of the model's inputs a layer reads as it is: its place in `flow.inputs`.

    Dropout, and what shifts and scales the numbers, may stand between. None if the layer reads
    something else, or the input is not one number after another, `(batch, numbers)`.
    """
    for call in flow.calls(layer):
        tensor: Tensor | None = call.inputs[0]
        while tensor is not None and not flow.is_input(tensor):
            tensor = _before_rescaling(flow, tensor)
        if tensor is not None and len(tensor.shape) == 2:
            return next(i for i, each in enumerate(flow.inputs) if each is tensor)
    return None


def _before_rescaling(flow: Flow, tensor: Tensor) -> Tensor | None:
    """Returns what a tensor was before it was shifted and scaled; None if it was not."""
    call = flow.maker(tensor)
    if call is None:
        return None
    if isinstance(call.layer, keras.Layer):
        is_known = isinstance(innermost(call.layer), _KEEPS_NUMBERS)
        return call.inputs[0] if is_known and len(call.inputs) == 1 else None
    sources = [each for each in call.inputs if flow.maker(each) or flow.is_input(each)]
    is_known = type(call.layer).__name__ in ARITHMETIC
    return sources[0] if is_known and len(sources) == 1 else None
