"""Which layers of a saved model read its input flattened: as `model.flat_inputs` finds them."""

import math

from keras_filterwatch.files.config.class_names import may_learn
from keras_filterwatch.files.config.flow import FileCall, FileFlow, FileTensor, innermost
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.shapes import is_channels_first

_NORMALIZERS = ("Normalization", "BatchNormalization", "LayerNormalization")
# what may stand between the model's input and a layer that reads its numbers in their order
_KEEPS_NUMBERS = (
    *("Dropout", "GaussianDropout", "GaussianNoise", "Rescaling", "Flatten", "Identity"),
    *_NORMALIZERS,
)
_ARITHMETIC = (  # operations of Keras 3, and the functions of those of Keras 2
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide"),
    *("math.add", "math.subtract", "math.multiply", "math.divide", "math.truediv"),
    "__operators__.add",
)


def image_shape(flow: FileFlow, layer: LayerConfig, channels_first: bool) -> tuple[int, ...] | None:
    """Returns `(height, width, channels)` of the input image that a layer reads flattened.

    None if it reads something else, or if the file does not tell.

    Args:
        flow: the flow of data through the model.
        layer: the layer.
        channels_first: whether the images of the model have their channels first.
    """
    input_shapes = {tensor.shape[1:] for tensor in flow.inputs if tensor.shape}
    for call in flow.calls_of(layer):
        if not call.inputs:
            continue
        path = _path_without_learning(flow, call.inputs[0])
        flattening = [each for each in path if _is(each.layer, "Flatten", "Reshape")]
        first = path[-1].inputs[0].shape if path else None
        if not flattening or first is None or first[1:] not in input_shapes:
            continue
        shape, read = _shape_before(flattening[0], channels_first), call.inputs[0].shape
        if shape and read and math.prod(shape) == read[-1]:
            return shape
    return None


def numbers_read(flow: FileFlow, layer: LayerConfig) -> int | None:
    """Returns how many numbers of an input of the model a layer reads as they are.

    Dropout, and what shifts and scales the numbers, may stand between. None if the layer reads
    something else, or the input is not one number after another, `(batch, numbers)`.
    """
    for call in flow.calls_of(layer):
        tensor = call.inputs[0] if call.inputs else None
        while tensor is not None and not flow.is_input(tensor):
            tensor = _before_rescaling(flow, tensor)
        if tensor is not None and tensor.shape and len(tensor.shape) == 2:
            return tensor.shape[1]
    return None


def _path_without_learning(flow: FileFlow, tensor: FileTensor) -> list[FileCall]:
    """Returns the calls that made a tensor, last one first, as long as each had one input.

    None of them if one learns anything but how to scale its inputs.
    """
    path: list[FileCall] = []
    while (call := flow.maker(tensor)) is not None and len(call.inputs) == 1:
        if call.layer.is_operation:
            break
        if _learns(call.layer):
            return []
        path.append(call)
        tensor = call.inputs[0]
    return path


def _learns(layer: LayerConfig) -> bool:
    """Returns True for layers that have weights, or may have them."""
    if layer.has_graph or layer.layers:
        return any(map(_learns, layer.layers))
    return not layer.is_of_keras or may_learn(layer.class_name)


def _is(layer: LayerConfig, *class_names: str) -> bool:
    return layer.is_of_keras and not layer.is_operation and layer.class_name in class_names


def _shape_before(flattening: FileCall, channels_first: bool) -> tuple[int, ...] | None:
    """Returns the axes of what was flattened, channels last; None if that is no known image."""
    shape = flattening.inputs[0].shape or ()
    sizes = [size for size in shape[1:] if size is not None]
    if len(sizes) != len(shape) - 1 or len(sizes) < 2:
        return None
    if len(sizes) == 2:
        return (*sizes, 1)
    # Flatten itself moves the channels last, Reshape and Keras 1 leave them where they are
    moves = _is(flattening.layer, "Flatten") and "data_format" in flattening.layer.config
    if not moves:
        return None if channels_first else (*sizes,)
    return (*sizes[1:], sizes[0]) if is_channels_first(flattening.layer) else (*sizes,)


def _before_rescaling(flow: FileFlow, tensor: FileTensor) -> FileTensor | None:
    """Returns what a tensor was before it was shifted and scaled; None if it was not."""
    call = flow.maker(tensor)
    if call is None or len(call.inputs) != 1:
        return None
    if call.layer.is_operation:
        names = (call.layer.class_name, call.layer.config.get("function"))
        return call.inputs[0] if any(name in _ARITHMETIC for name in names) else None
    return call.inputs[0] if _is(innermost(call.layer), *_KEEPS_NUMBERS) else None
