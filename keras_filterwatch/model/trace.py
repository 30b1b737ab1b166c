"""Which layer feeds which: the flow of data through a model, from one symbolic forward pass.

The pass computes shapes only and leaves the model as it was. It serves Sequential, functional,
subclassed and nested models alike.
"""

import inspect
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from keras_filterwatch.model.recording import Call, Recording, Tensor, is_functional

_ACTIVATIONS = (layers.Activation, layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU)
# what may stand between a kernel and its BatchNormalization, because it keeps the filters apart
_PER_FILTER = (
    *_ACTIVATIONS,
    *(layers.Dropout, layers.GaussianDropout, layers.GaussianNoise),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
)
# what may stand between a kernel and its non-linearity
_BEFORE_ACTIVATION = (layers.BatchNormalization, *_PER_FILTER)
_BOUNDS = (  # the ranges of the non-linearities that have a smallest and a largest value
    (keras.activations.sigmoid, (0.0, 1.0)),
    (keras.activations.hard_sigmoid, (0.0, 1.0)),
    (keras.activations.tanh, (-1.0, 1.0)),
    (keras.activations.softsign, (-1.0, 1.0)),
)

_PATCHING = threading.RLock()  # trainings in parallel threads take turns
# model -> what `trace` returned last
_flows: "weakref.WeakKeyDictionary[keras.Layer, Flow]" = weakref.WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class OutputSite:
    """The call of a layer that returns the outputs of a kernel's units.

    Attributes:
        layer: the layer that owns the kernel, or the non-linearity that follows it.
        number: 0 for its first call in a forward pass.
        bounds: the range of the non-linearity, if it has one.
    """

    layer: keras.Layer
    number: int
    bounds: tuple[float, float] | None


class Flow:
    """The calls of one forward pass, those of inner layers before those of the layers around them.

    Attributes:
        steps: all calls of layers, and of the operations of functional models.
        inputs: the model's inputs, in one list.
        outputs: the model's outputs, in the structure that it returns.
        order: the identity of each layer -> its place in the order of use.
    """

    def __init__(self, steps: list[Call], inputs: list[Tensor], outputs: Any) -> None:
        self.steps = steps
        self.inputs = inputs
        self.outputs = outputs
        self.order: dict[int, int] = {}
        self._calls: dict[int, list[Call]] = {}
        self._makers: dict[int, Call] = {}
        self._readers: dict[int, list[Call]] = {}
        self._operations: dict[int, Call] = {}
        self._operations_on: dict[int, list[Call]] = {}
        for call in steps:
            if not isinstance(call.layer, keras.Layer):
                self._operations.update((id(tensor), call) for tensor in call.outputs)
                for tensor in call.inputs:
                    self._operations_on.setdefault(id(tensor), []).append(call)
                continue
            # a wrapper's call is also one of the layer inside
            for identity in dict.fromkeys((id(call.layer), id(innermost(call.layer)))):
                self.order.setdefault(identity, len(self.order))
                self._calls.setdefault(identity, []).append(call)
            for tensor in call.inputs:
                self._readers.setdefault(id(tensor), []).append(call)
            inputs_of_call = {id(tensor) for tensor in call.inputs}
            for tensor in call.outputs:
                # an input that a layer returns unchanged was made by another one
                if id(tensor) not in inputs_of_call:
                    self._makers.setdefault(id(tensor), call)

    def maker(self, tensor: Tensor) -> Call | None:
        """Returns the call of a layer or operation that made a tensor; None if none is known."""
        return self._makers.get(id(tensor)) or self._operations.get(id(tensor))

    def readers(self, tensor: Tensor) -> list[Call]:
        """Returns the calls of layers and operations that read a tensor."""
        return [*self._readers.get(id(tensor), ()), *self._operations_on.get(id(tensor), ())]

    def is_input(self, tensor: Tensor) -> bool:
        """Returns True for the model's own inputs."""
        return any(tensor is each for each in self.inputs)

    def calls(self, layer: keras.Layer) -> list[Call]:
        """Returns the calls of a layer, and of the wrappers around it."""
        return self._calls.get(id(layer), [])

    def batch_norms(self, layer: keras.Layer) -> list[layers.BatchNormalization]:
        """Returns the BatchNormalizations that scale the filters of this layer."""
        tensors = [tensor for call in self._calls.get(id(layer), ()) for tensor in call.outputs]
        norms, visited = [], set()
        while tensors:
            tensor = tensors.pop()
            if id(tensor) in visited:
                continue
            visited.add(id(tensor))
            for call in self._readers.get(id(tensor), ()):
                reader = innermost(call.layer)
                if isinstance(reader, layers.BatchNormalization):
                    norms.append(reader)
                elif isinstance(reader, _PER_FILTER):
                    tensors.extend(call.outputs)
        return norms

    def output_sites(self, layer: keras.Layer) -> list[OutputSite]:
        """Returns where the outputs of the layer's units can be recorded, one site for each use.

        They are taken behind the non-linearity: the layer's own, or else that of the next layer,
        through BatchNormalization and what keeps filters apart; if none follows, the layer's own
        outputs.
        """
        calls = [call for call in self._calls.get(id(layer), ()) if call.outputs]
        # a wrapper and the layer inside return the same tensor; the wrapper is called last
        uses = {id(call.outputs[0]): call for call in calls}
        return [self._output_site(call) for call in uses.values()]

    def _output_site(self, call: Call) -> OutputSite:
        site, visited = call, {id(call)}
        while _activation(site.layer) in (None, keras.activations.linear):
            # a layer that returns its input unchanged reads its own output
            next_calls = (
                reader
                for reader in self._readers.get(id(site.outputs[0]), ())
                if isinstance(innermost(reader.layer), _BEFORE_ACTIVATION)
                and id(reader) not in visited
            )
            next_call = next(next_calls, None)
            if next_call is None:
                site = call
                break
            site = next_call
            visited.add(id(site))
        activation = _activation(site.layer)  # which need not be hashable
        bounds = next((range_ for known, range_ in _BOUNDS if known is activation), None)
        return OutputSite(site.layer, site.number, bounds)


def trace(model: keras.Layer) -> Flow:
    """Returns the flow of data through a built model: records a forward pass.

    Raises:
        Exception: whatever the model raises when it is called with inputs that are only known by
            shape.
    """
    args, kwargs = symbolic_inputs(model)
    for name, parameter in inspect.signature(model.call).parameters.items():
        if name in ("training", "mask") and parameter.default is parameter.empty:
            kwargs[name] = None if name == "mask" else False
    recording = Recording()
    with (
        _calling_through(keras.Layer, recording.call),
        _calling_through(keras.Operation, recording.call_operation),
        _own_calls_recorded(model, recording),
    ):
        keras.Operation.compute_output_spec(model, *args, **kwargs)
    flow = Flow(recording.steps, recording.model_inputs, recording.model_outputs)
    _flows[model] = flow
    return flow


def flow_of(model: keras.Layer) -> Flow:
    """Returns what `trace` found last for a model, once; after that it traces the model again.

    A model may change, so that what was found must not be kept for long.

    Raises:
        Exception: as `trace`.
    """
    return _flows.pop(model, None) or trace(model)


@contextmanager
def recording_calls(record: Callable[[keras.Layer, Any, Any], None]) -> Iterator[None]:
    """Calls `record(layer, inputs, outputs)` after each call of a layer in this thread.

    `inputs` is `(args, kwargs)`.
    """

    def call(original: Callable[..., Any], layer: keras.Layer, args: Any, kwargs: Any) -> Any:
        outputs = original(layer, *args, **kwargs)
        record(layer, (args, kwargs), outputs)
        return outputs

    with _calling_through(keras.Layer, call):
        yield


@contextmanager
def _calling_through(kind: Any, function: Callable[..., Any]) -> Iterator[None]:
    """Lets `function(original, layer, args, kwargs)` call all objects of a class in this thread."""
    thread = threading.get_ident()

    def call(layer: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return original(layer, *args, **kwargs)
        return function(original, layer, args, kwargs)

    with _PATCHING:
        original = kind.__call__
        kind.__call__ = call
        try:
            yield
        finally:
            kind.__call__ = original


@contextmanager
def _own_calls_recorded(model: keras.Layer, recording: Recording) -> Iterator[None]:
    """Records what the model itself is called with and returns, in this thread."""
    thread = threading.get_ident()
    original, own = model.call, vars(model).get("call")

    def recorded_call(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != thread:
            return original(*args, **kwargs)
        recording.begin(model, (args, kwargs))
        outputs = original(*args, **kwargs)
        recording.end_of_model(model, outputs)
        return outputs

    vars(model)["call"] = recorded_call  # past what Keras tracks
    try:
        yield
    finally:
        del vars(model)["call"]
        if own is not None:
            vars(model)["call"] = own


def symbolic_inputs(model: keras.Layer) -> tuple[list[Any], dict[str, Any]]:
    """Returns what a built model is called with, as args and kwargs of Keras tensors.

    Raises:
        ValueError: the model does not say.
    """
    if isinstance(model, keras.Sequential):
        return [_batch_of_one(model.inputs[0])], {}
    if is_functional(model):
        return [keras.tree.map_structure(_batch_of_one, model.input)], {}
    config = model.get_build_config() or {}
    if "shapes_dict" in config:
        shapes = config["shapes_dict"]
        return [], {name.removesuffix("_shape"): _specs(shape) for name, shape in shapes.items()}
    if config.get("input_shape") is None:
        raise ValueError("its input shape is not known")
    return [_specs(config["input_shape"])], {}


def innermost(layer: keras.Layer) -> keras.Layer:
    """Returns the layer inside of all wrappers."""
    while isinstance(layer, layers.Wrapper):
        layer = layer.layer
    return layer


def _specs(shape: Any) -> Any:
    """Returns Keras tensors for a shape, or for a structure of shapes."""
    if isinstance(shape, dict):
        return {name: _specs(part) for name, part in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return _batch_of_one(keras.KerasTensor(shape))
    return [_specs(part) for part in shape]


def _batch_of_one(tensor: keras.KerasTensor) -> keras.KerasTensor:
    """Returns the same input, as a batch of one where the batch is of any size."""
    return keras.KerasTensor((tensor.shape[0] or 1, *tensor.shape[1:]), tensor.dtype)


def _activation(layer: keras.Layer) -> Any:
    """Returns the non-linearity of a layer; None if it has none of its own."""
    inner = innermost(layer)
    if isinstance(inner, layers.Activation) or not isinstance(inner, _ACTIVATIONS):
        return getattr(inner, "activation", None)
    return inner
