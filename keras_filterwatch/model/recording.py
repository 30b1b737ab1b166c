"""Records the calls of one forward pass: which tensors went into and out of each layer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
from keras import layers, ops

DROPOUTS = (
    *(layers.Dropout, layers.GaussianDropout, layers.AlphaDropout),
    *(layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
)


@dataclass(frozen=True, eq=False)
class Tensor:
    """What is known about one tensor of the forward pass; each tensor has one such object.

    Attributes:
        shape: its shape; () if even the number of axes is not known.
        dtype: its dtype, as the backend has it.
        logits_of: the operation that made it, if a loss of Keras can take what went into this
            operation instead: `"softmax"`, `"sigmoid"`, or `"any"` where each loss does so.
    """

    shape: tuple[Any, ...]
    dtype: Any
    logits_of: str


@dataclass(frozen=True, eq=False)
class Call:
    """One call of a layer, with the tensors that went in and came out.

    Attributes:
        layer: the layer, or the operation of a functional model, such as an addition.
        inputs: its input tensors, in one list.
        outputs: its output tensors, in one list.
        number: 0 for the layer's first call in the forward pass.
    """

    layer: keras.Operation
    inputs: list[Tensor]
    outputs: list[Tensor]
    number: int


class _Running(NamedTuple):
    """A call that has not ended yet.

    Attributes:
        layer: the layer, or the model itself.
        inputs: its inputs.
        unread: the inputs that no layer inside it has read yet, as far as is known.
    """

    layer: keras.Layer
    inputs: list[Tensor]
    unread: list[Tensor]


class Recording:
    """The calls of one forward pass so far.

    Attributes:
        steps: the calls that ended.
        model_inputs, model_outputs: those of the model itself.
    """

    def __init__(self) -> None:
        self.steps: list[Call] = []
        self.model_inputs: list[Tensor] = []
        self.model_outputs: Any = None
        self._counts: dict[int, int] = {}
        # the tensors are kept, so that no identity recurs
        self._tensors: dict[int, tuple[Any, Tensor]] = {}
        self._running: list[_Running] = []

    def call(self, original: Callable[..., Any], layer: keras.Layer, args: Any, kwargs: Any) -> Any:
        """Calls a layer and records it.

        Args:
            original: the function that calls a layer without recording.
            layer: the layer.
            args, kwargs: what it is called with.
        """
        self.begin(layer, (args, kwargs))
        outputs = original(layer, *args, **kwargs)
        if is_random(layer) and any(outputs is each for each in args):
            # outside training it returns its inputs: a copy is a tensor of its own, as in training
            outputs = ops.copy(outputs)
        number = self._counts.get(id(layer), 0)
        self._counts[id(layer)] = number + 1
        self.steps.append(Call(layer, self._ended(layer), self._all(outputs), number))
        return outputs

    def call_operation(
        self, original: Callable[..., Any], operation: keras.Operation, args: Any, kwargs: Any
    ) -> Any:
        """Calls an operation of a functional model and records it, unless it is a layer.

        `call` records layers. The arguments are those of `call`.
        """
        outputs = original(operation, *args, **kwargs)
        if not isinstance(operation, keras.Layer):
            call = Call(operation, self._inputs((args, kwargs)), self._all(outputs), 0)
            self.steps.append(call)
        return outputs

    def begin(self, layer: keras.Layer, inputs: Any) -> None:
        """Notes that a call of a layer, or of the model itself, begins.

        Args:
            layer: the layer or the model.
            inputs: `(args, kwargs)` of the call.
        """
        known_inputs = self._inputs(inputs)
        self._running.append(_Running(layer, known_inputs, list(known_inputs)))

    def end_of_model(self, model: keras.Layer, outputs: Any) -> None:
        """Notes that the model itself returns `outputs`."""
        self.model_inputs = self._ended(model)
        self.model_outputs = keras.tree.map_structure(
            lambda part: self._known(part) if hasattr(part, "shape") else None, outputs
        )

    def _ended(self, layer: keras.Layer) -> list[Tensor]:
        """Returns the inputs of a layer's last call, and forgets calls inside it that failed."""
        while True:
            running = self._running.pop()
            if running.layer is layer:
                return running.inputs

    def _inputs(self, structure: Any) -> list[Tensor]:
        around = self._running[-1] if self._running else None
        if around and is_functional(around.layer):
            tensors = [tensor for tensor in _tensors(structure) if ops.is_tensor(tensor)]
            for _, known in filter(None, (self._tensors.get(id(tensor)) for tensor in tensors)):
                if known in around.unread:
                    around.unread.remove(known)
            for tensor in tensors:
                if id(tensor) not in self._tensors:
                    self._recognise(tensor, around.unread)
        return self._all(structure)

    def _recognise(self, tensor: Any, unread: list[Tensor]) -> None:
        """Takes an unknown tensor for the first unread input of the same shape, if there is one.

        A functional model may convert its inputs, so that its layers get other tensors.
        """
        shape = _tensor(tensor).shape
        same = next((each for each in unread if each.shape == shape), None)
        if same is not None:
            unread.remove(same)
            self._tensors[id(tensor)] = tensor, same

    def _all(self, structure: Any) -> list[Tensor]:
        return [self._known(tensor) for tensor in _tensors(structure)]

    def _known(self, tensor: Any) -> Tensor:
        if id(tensor) not in self._tensors:
            self._tensors[id(tensor)] = tensor, _tensor(tensor)
        return self._tensors[id(tensor)][1]


def _tensors(structure: Any) -> list[Any]:
    return [x for x in keras.tree.flatten(structure) if getattr(x, "shape", None) is not None]


def is_random(layer: keras.Operation) -> bool:
    """Returns True for layers that change their inputs at random, but only in training."""
    if isinstance(layer, DROPOUTS):
        return bool(layer.rate)
    return isinstance(layer, layers.GaussianNoise)


def is_functional(layer: keras.Layer | None) -> bool:
    """Returns True for functional and Sequential models: their graph is known."""
    return isinstance(layer, keras.Model) and hasattr(layer, "inputs")


def _tensor(tensor: Any) -> Tensor:
    """Returns what is known about a tensor.

    On TensorFlow, a tensor knows the operation that made it: Keras's losses look there for logits.
    """
    made_by = getattr(getattr(tensor, "op", None), "type", "").lower()
    logits_of = made_by if made_by in ("softmax", "sigmoid") else ""
    if hasattr(tensor, "_keras_logits"):
        logits_of = "any"
    try:
        shape = tuple(tensor.shape)
    except ValueError:  # TensorFlow does not know how many axes it has
        shape = ()
    return Tensor(shape, getattr(tensor, "dtype", None), logits_of)
