"""Which layer of a saved model feeds which: the flow of data, as its config describes it.

It is what `model.trace` finds for the same model when it is loaded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from keras_filterwatch.files.config.call_order import call_order
from keras_filterwatch.files.config.inbound_nodes import Shape
from keras_filterwatch.files.config.inner_layers import ATTENTION
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.shapes import shape_after

_WRAPPERS = ("TimeDistributed", "SpectralNormalization", "Wrapper")
MAX_CALLS = 200_000  # in one forward pass; models within models may multiply them
# outside training, they return what they read
_RETURNS_INPUT = ("Identity", "ActivityRegularization", "Masking")


@dataclass(eq=False)
class FileTensor:
    """A tensor between layers.

    Attributes:
        shape: its shape, the batch included; None if it is not known.
    """

    shape: Shape | None = None


@dataclass(frozen=True, eq=False)
class FileCall:
    """One call of a layer, or of an operation, in a forward pass.

    Attributes:
        layer: the layer.
        inputs: what it reads.
        outputs: what it returns, as far as another layer reads it.
    """

    layer: LayerConfig
    inputs: Sequence[FileTensor]
    outputs: "Outputs"


@dataclass(eq=False)
class Outputs:
    """The outputs of a call. How many there are shows only when they are read."""

    tensors: dict[int, FileTensor] = field(default_factory=dict)

    def __getitem__(self, number: int) -> FileTensor:
        return self.tensors.setdefault(number, FileTensor())


class FileFlow:
    """The calls of one forward pass.

    Attributes:
        calls: those of inner layers before those of the layers around them.
        begun: all layers in the order in which they are called first, those around others first.
        inputs: the inputs of the model.
        outputs: the outputs of the model.

    Raises:
        ValueError: the graph of the model is not known, or wrong, or too large.
    """

    def __init__(self, model: LayerConfig) -> None:
        self.calls: list[FileCall] = []
        self.begun: dict[object, LayerConfig] = {}
        self._orders: dict[object, list[tuple[LayerConfig, int]]] = {}
        if not model.has_graph:
            raise ValueError("its config does not tell which layer reads what")
        self.inputs = [FileTensor(shape) for shape in _input_shapes(model)]
        outputs = self._model_outputs(model, self.inputs)
        self.outputs = [outputs[n] for n in range(max(1, len(model.outputs)))]

    def calls_of(self, layer: LayerConfig) -> Sequence[FileCall]:
        """Returns the calls of a layer, and of the wrappers around it."""
        return self._calls_of.get(layer.identity, ())

    def readers(self, tensor: FileTensor) -> Sequence[FileCall]:
        """Returns the calls that read a tensor."""
        return self._readers.get(id(tensor), ())

    def maker(self, tensor: FileTensor) -> FileCall | None:
        """Returns the call that made a tensor, of the innermost layer; None for an input."""
        return self._makers.get(id(tensor))

    def is_input(self, tensor: FileTensor) -> bool:
        """Returns True for the model's own inputs."""
        return id(tensor) in self._input_ids

    @cached_property
    def _input_ids(self) -> set[int]:
        return {id(tensor) for tensor in self.inputs}

    @cached_property
    def _calls_of(self) -> dict[object, list[FileCall]]:
        calls: dict[object, list[FileCall]] = {}
        for call in self.calls:
            for identity in dict.fromkeys((call.layer.identity, innermost(call.layer).identity)):
                calls.setdefault(identity, []).append(call)
        return calls

    @cached_property
    def _readers(self) -> dict[int, list[FileCall]]:
        readers: dict[int, list[FileCall]] = {}
        for call in self.calls:
            for tensor in call.inputs:
                readers.setdefault(id(tensor), []).append(call)
        return readers

    @cached_property
    def _makers(self) -> dict[int, FileCall]:
        makers: dict[int, FileCall] = {}
        for call in self.calls:
            read = {id(tensor) for tensor in call.inputs}
            for tensor in call.outputs.tensors.values():
                # what a layer returns unchanged was made by another one
                if id(tensor) not in read:
                    makers.setdefault(id(tensor), call)
        return makers

    def _call(self, layer: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        if len(self.calls) >= MAX_CALLS:
            raise ValueError(f"it calls layers more than {MAX_CALLS:,} times")
        self.begun.setdefault(layer.identity, layer)
        if layer.has_graph:
            outputs = self._model_outputs(layer, inputs)
        elif layer.is_of_keras and layer.class_name in ATTENTION:
            outputs = self._attention_outputs(layer, inputs)
        else:
            outputs = self._layer_outputs(layer, inputs)
        self.calls.append(FileCall(layer, inputs, outputs))
        return outputs

    def _layer_outputs(self, layer: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        outputs = Outputs()
        if layer.class_name == "SpectralNormalization" and layer.layers:
            return self._call(layer.layers[0], inputs)
        for inner in layer.layers:  # what they read is not known
            self._call(inner, [FileTensor()])
        if len(inputs) == 1 and layer.is_of_keras and not layer.is_operation:
            is_idle = layer.class_name == "AlphaDropout" and layer.config.get("rate") == 0
            if is_idle or layer.class_name in _RETURNS_INPUT:
                outputs.tensors[0] = inputs[0]
            else:
                outputs.tensors[0] = FileTensor(shape_after(layer, inputs[0].shape))
        return outputs

    def _attention_outputs(self, layer: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        """Returns the outputs of attention, which are those of its last projection."""
        outputs = Outputs()
        places = {"key_dense": 2, "value_dense": 1}
        for inner in layer.layers:
            place = min(places.get(inner.attribute, 0), len(inputs) - 1)
            is_last = inner.attribute == "output_dense" or place < 0
            outputs = self._call(inner, [FileTensor() if is_last else inputs[place]])
        return outputs

    def _model_outputs(self, model: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        return (
            self._functional_outputs(model, inputs)
            if model.is_functional
            else self._sequential_outputs(model, inputs)
        )

    def _sequential_outputs(self, model: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        outputs = Outputs({0: inputs[0] if inputs else FileTensor()})
        for layer in model.layers:
            if layer.class_name == "InputLayer":
                continue
            tensor = outputs[0]
            tensor.shape = tensor.shape or layer.input_shape
            outputs = self._call(layer, [tensor])
        return outputs

    def _functional_outputs(self, model: LayerConfig, inputs: Sequence[FileTensor]) -> Outputs:
        made: dict[tuple[str, int], Outputs] = {}
        read = {(source.layer, source.call): source.output for source in model.inputs}
        for source, tensor in zip(model.inputs, inputs, strict=False):
            made.setdefault((source.layer, source.call), Outputs()).tensors[source.output] = tensor
        for layer, use in self._order(model):
            if (layer.name, use) in read or layer.class_name == "InputLayer":
                continue
            sources = layer.uses[use] if use < len(layer.uses) else ()
            tensors = []
            for source in sources:
                tensor = made.setdefault((source.layer, source.call), Outputs())[source.output]
                tensor.shape = tensor.shape or source.shape
                tensors.append(tensor)
            made[layer.name, use] = self._call(layer, tensors)
        outputs = Outputs()
        for number, source in enumerate(model.outputs):
            returned = made.setdefault((source.layer, source.call), Outputs())
            outputs.tensors[number] = returned[source.output]
        return outputs

    def _order(self, model: LayerConfig) -> list[tuple[LayerConfig, int]]:
        """Returns the calls of a functional model in their order."""
        if model.identity not in self._orders:
            layers = {layer.name: layer for layer in model.layers}
            order = [(layers[call.layer], call.use) for call in call_order(model)]
            self._orders[model.identity] = order
        return self._orders[model.identity]


def innermost(layer: LayerConfig) -> LayerConfig:
    """Returns the layer inside of all wrappers."""
    while layer.is_of_keras and layer.class_name in _WRAPPERS and layer.layers:
        layer = layer.layers[0]
    return layer


def _input_shapes(model: LayerConfig) -> list[Shape | None]:
    """Returns the shapes of the inputs of a model; None where the file does not say."""
    layers: Mapping[str, LayerConfig] = {layer.name: layer for layer in model.layers}
    if model.is_functional:
        sources = [layers.get(source.layer) for source in model.inputs]
        return [source.input_shape if source else None for source in sources]
    first = next(iter(model.layers), None)
    return [model.input_shape or (first.input_shape if first else None)]
