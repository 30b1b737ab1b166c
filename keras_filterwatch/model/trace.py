"""Which layer feeds which: the flow of data through a model, from one symbolic forward pass.

The pass computes shapes only and leaves the model as it was. It sees Sequential, functional,
subclassed and nested models alike.
"""

import inspect
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
from keras import layers

# what may stand between a kernel and its BatchNormalization: it keeps the filters apart
_PER_FILTER = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU),
    *(layers.Dropout, layers.GaussianDropout, layers.GaussianNoise),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
)
# what may stand between an image and the layer that flattens it, besides layers without weights
_NORMALIZERS = (layers.Normalization, layers.BatchNormalization, layers.LayerNormalization)


_ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
_BOUNDED = {  # non-linearities with a rail on both sides
    keras.activations.sigmoid: (0.0, 1.0),
    keras.activations.hard_sigmoid: (0.0, 1.0),
    keras.activations.tanh: (-1.0, 1.0),
    keras.activations.softsign: (-1.0, 1.0),
}

_PATCHING = threading.RLock()  # trainings in parallel threads take turns


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, with the tensors that went in and came out."""

    layer: keras.Layer
    inputs: list[Any]
    outputs: list[Any]


@dataclass(frozen=True, eq=False)
class Outlet:
    """Where the outputs of a layer's units can be seen: what this call of this layer returns.

    Attributes:
        layer: the layer itself, or the non-linearity that follows it.
        number: 0 for its first call in a forward pass.
        bounds: the range of the non-linearity, if it has one.
    """

    layer: keras.Layer
    number: int
    bounds: tuple[float, float] | None


class Flow:
    """The calls of one forward pass, inner ones before those around them."""

    def __init__(self, calls: list[Call], inputs: list[keras.KerasTensor]) -> None:
        self._calls = calls
        self._input_shapes = [tuple(tensor.shape[1:]) for tensor in inputs]
        self._makers: dict[int, Call] = {}
        self._readers: dict[int, list[Call]] = {}
        for call in calls:
            for tensor in call.inputs:
                self._readers.setdefault(id(tensor), []).append(call)
            given = {id(tensor) for tensor in call.inputs}
            for tensor in call.outputs:
                if id(tensor) not in given:  # what a layer only hands on, it did not make
                    self._makers.setdefault(id(tensor), call)

    @cached_property
    def order(self) -> dict[int, int]:
        """id(layer) -> its place in the order of use."""
        places: dict[int, int] = {}
        for call in self._calls:
            for layer in (call.layer, innermost(call.layer)):
                places.setdefault(id(layer), len(places))
        return places

    def batch_norms(self, layer: keras.Layer) -> list[layers.BatchNormalization]:
        """The BatchNormalizations that scale the filters of this layer."""
        tensors = [tensor for call in self._calls_of(layer) for tensor in call.outputs]
        found, seen = [], set()
        while tensors:
            tensor = tensors.pop()
            if id(tensor) in seen:
                continue
            seen.add(id(tensor))
            for call in self._readers.get(id(tensor), []):
                reader = innermost(call.layer)
                if isinstance(reader, layers.BatchNormalization):
                    found.append(reader)
                elif isinstance(reader, _PER_FILTER):
                    tensors.extend(call.outputs)
        return found

    def outlets(self, layer: keras.Layer) -> list[Outlet]:
        """Where the layer's units show what they do, for each time that it is used.

        Behind its non-linearity: its own, or else that of the next layer, through
        BatchNormalization and what keeps units apart; its own output if none follows.
        """
        calls = [call for call in self._calls_of(layer) if call.outputs]
        inner = {id(c.outputs[0]): c for c in calls}  # of a wrapper and its layer, the wrapper
        return [self._outlet(call) for call in inner.values()]

    def _outlet(self, call: Call) -> Outlet:
        path = [call]
        passing = (layers.BatchNormalization, *_PER_FILTER)
        while _activation(path[-1].layer) in (None, keras.activations.linear):
            readers = self._readers.get(id(path[-1].outputs[0]), [])
            # a layer that only hands its input on reads what it returns
            further = [
                r for r in readers if isinstance(innermost(r.layer), passing) and r not in path
            ]
            if not further:
                path = [call]
                break
            path.append(further[0])
        place = path[-1]
        number = [c for c in self._calls if c.layer is place.layer].index(place)
        bounds = _BOUNDED.get(_activation(place.layer))
        return Outlet(place.layer, number, bounds)

    def image_shape(self, layer: keras.Layer) -> tuple[int, ...] | None:
        """`(height, width, channels)` of the input image that this layer reads flattened."""
        for call in self._calls_of(layer):
            path = list(self._upstream(call.inputs[0]))
            flattening = [c for c in path if isinstance(c.layer, layers.Flatten | layers.Reshape)]
            if not flattening or any(_learns(c.layer) for c in path):
                continue
            if tuple(path[-1].inputs[0].shape[1:]) not in self._input_shapes:
                continue
            shape = _image_shape(flattening[0])
            if shape and math.prod(shape) == call.inputs[0].shape[-1]:
                return shape
        return None

    def _calls_of(self, layer: keras.Layer) -> list[Call]:
        return [c for c in self._calls if c.layer is layer or innermost(c.layer) is layer]

    def _upstream(self, tensor: Any) -> Iterator[Call]:
        """The calls that made a tensor, last one first, for as long as each had one input."""
        while (call := self._makers.get(id(tensor))) is not None and len(call.inputs) == 1:
            yield call
            tensor = call.inputs[0]


def trace(model: keras.Layer) -> Flow:
    """Follows a forward pass of a built model.

    Raises whatever the model raises when it is called with inputs that are only known by shape.
    """
    args, kwargs = symbolic_inputs(model)
    for name, parameter in inspect.signature(model.call).parameters.items():
        if name in ("training", "mask") and parameter.default is parameter.empty:
            kwargs[name] = None if name == "mask" else False
    calls: list[Call] = []

    def remember(layer: keras.Layer, inputs: Any, outputs: Any) -> None:
        calls.append(Call(layer, _tensors(inputs), _tensors(outputs)))

    with hearing(remember):
        keras.Operation.compute_output_spec(model, *args, **kwargs)
    return Flow(calls, _tensors((args, kwargs)))


@contextmanager
def hearing(listener: Callable[[keras.Layer, Any, Any], None]) -> Iterator[None]:
    """Lets `listener(layer, inputs, outputs)` know of each call of a layer in this thread."""
    thread = threading.get_ident()

    def recording(layer: keras.Layer, *args: Any, **kwargs: Any) -> Any:
        outputs: Any = original(layer, *args, **kwargs)
        if threading.get_ident() == thread:
            listener(layer, (args, kwargs), outputs)
        return outputs

    with _PATCHING:
        original = keras.Layer.__call__
        keras.Layer.__call__ = recording
        try:
            yield
        finally:
            keras.Layer.__call__ = original


def _tensors(structure: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(structure) if getattr(x, "shape", None) is not None]


def symbolic_inputs(model: keras.Layer) -> tuple[list[Any], dict[str, Any]]:
    """What a built model is called with: args and kwargs of Keras tensors.

    Raises:
        ValueError: the model does not say.
    """
    if isinstance(model, keras.Sequential):
        return [_one(model.inputs[0])], {}
    if isinstance(model, keras.Model) and hasattr(model, "inputs"):
        return [keras.tree.map_structure(_one, model.input)], {}
    config = model.get_build_config() or {}
    if "shapes_dict" in config:
        shapes = config["shapes_dict"]
        return [], {name.removesuffix("_shape"): _specs(shape) for name, shape in shapes.items()}
    if config.get("input_shape") is None:
        raise ValueError("its input shape is not known")
    return [_specs(config["input_shape"])], {}


def _specs(shape: Any) -> Any:
    """Keras tensors for a shape, or for a structure of shapes."""
    if isinstance(shape, dict):
        return {name: _specs(part) for name, part in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return _one(keras.KerasTensor(shape))
    return [_specs(part) for part in shape]


def _one(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """The same input, as a batch of one where the batch is of any size."""
    return keras.KerasTensor((tensor.shape[0] or 1, *tensor.shape[1:]), tensor.dtype)


def _activation(layer: keras.Layer) -> Any:
    """The non-linearity of a layer; None if it has none of its own."""
    inner = innermost(layer)
    if isinstance(inner, layers.Activation) or not isinstance(inner, _ACTIVATIONS):
        return getattr(inner, "activation", None)
    return inner


def innermost(layer: keras.Layer) -> keras.Layer:
    """The layer inside of all wrappers."""
    while isinstance(layer, layers.Wrapper):
        layer = layer.layer
    return layer


def _learns(layer: keras.Layer) -> bool:
    return bool(layer.weights) and not isinstance(layer, _NORMALIZERS)


def _image_shape(flattening: Call) -> tuple[int, ...] | None:
    """Axes of what was flattened, channels last; None if it was no image of known size."""
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
