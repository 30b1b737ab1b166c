"""The config of a saved model as layers: names, classes, and what each layer reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from keras_filterwatch.files.config.class_names import KERAS_LAYERS, current_name
from keras_filterwatch.files.config.inbound_nodes import (
    Shape,
    Source,
    parse_calls,
    parse_shape,
    parse_tensors,
)
from keras_filterwatch.files.config.inner_layers import inner_layers
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES, DEPTH, VALUES

_LEVELS = 4  # of JSON for each level of models
_OF_SEQUENTIAL = {"name", "trainable", "dtype", "layers", "build_input_shape"}
_OPERATIONS = ("TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer")  # layers in Keras 2
_MODELS = ("Functional", "Merge")  # Merge of Keras 1 may hold the branches that it joins
_PACKAGES = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras")


_Layers: TypeAlias = "tuple[LayerConfig, ...]"


@dataclass(frozen=True, eq=False)
class LayerConfig:
    """A layer, or a model within a model, as the config of a file describes it.

    Attributes:
        name: the layer's name.
        class_name: its class without its package, such as `"Conv2D"`; those of Keras 1 by the names
            of today. `""` if the file does not say.
        is_of_keras: whether Keras itself ships the class.
        config: its own config.
        input_shape: of its first input, the batch included (None where any size fits); None if the
            file does not say.
        uses: what it reads in each of its uses in its model.
        layers: the layers of a model, or the layers in a layer, in the order of the config.
        inputs, outputs: the tensors that a functional model reads and returns.
        attribute: what a layer around it calls it, such as `"layer"`; `""` in a model.
        is_operation: whether it is an operation, such as the addition of `x + 1`, and no layer.
        saved_class: the name of the class as the file has it, without its package.
        identity: the same object wherever the config has the same layer.

    Example:
        >>> LayerConfig("conv", "Conv2D", uses=((Source("input"),),)).calls
        (('input',),)
    """

    name: str
    class_name: str
    is_of_keras: bool = True
    config: Mapping[str, Any] = field(default_factory=dict)
    input_shape: Shape | None = None
    uses: tuple[tuple[Source, ...], ...] = ()
    layers: _Layers = ()
    inputs: tuple[Source, ...] = ()
    outputs: tuple[Source, ...] = ()
    attribute: str = ""
    is_operation: bool = False
    saved_class: str = ""
    identity: object = field(default_factory=object, repr=False)

    @cached_property
    def calls(self) -> tuple[tuple[str, ...], ...]:
        """For each use in its model, the names of the layers whose outputs it reads."""
        return tuple(tuple(source.layer for source in use) for use in self.uses)

    @property
    def trainable(self) -> bool:
        """Whether training may change the layer, as far as its own config says."""
        return self.config.get("trainable", True) is not False

    @property
    def has_graph(self) -> bool:
        """Whether it is a model of which the file tells which layer reads what."""
        return self.is_functional or self.is_sequential

    @property
    def is_functional(self) -> bool:
        """Whether it is a functional model, or one of a subclass with the same config."""
        return bool(self.outputs)

    @property
    def is_sequential(self) -> bool:
        """Whether it is a Sequential model, or one of a subclass with the same config."""
        if self.class_name == "Sequential":
            return True
        keys = set(self.config)
        return {"layers", "build_input_shape"} <= keys <= _OF_SEQUENTIAL


def load_json(text: bytes, what: str) -> dict[str, Any]:
    """Returns a JSON object.

    Args:
        text: the JSON, in UTF-8.
        what: what it is, for messages, such as `"config.json"`.

    Raises:
        UnsafeFileError: it is too large or too deep.
        UnreadableFileError: it is no JSON, or no object.

    Example:
        >>> load_json(b'{"class_name": "Sequential"}', "config.json")
        {'class_name': 'Sequential'}
    """
    if len(text) > CONFIG_BYTES:
        raise UnsafeFileError(
            f"{what} has {len(text):,} bytes; configs of models have less than {CONFIG_BYTES:,}."
        )
    if sum(map(text.count, (b",", b"[", b"{"))) > VALUES:
        raise UnsafeFileError(f"{what} has more than {VALUES:,} values.")
    try:
        value = json.loads(text.decode())
    except RecursionError:
        raise UnsafeFileError(_too_deep(what)) from None
    except ValueError as error:
        raise UnreadableFileError(f"{what} is no JSON: {error!s:.200}.") from None
    if not isinstance(value, dict):
        raise UnreadableFileError(f"{what} holds {type(value).__name__}, not an object of JSON.")
    level: list[Any] = [value]
    for _ in range(_LEVELS * DEPTH):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return value
    raise UnsafeFileError(_too_deep(what))


def _parts(value: Any) -> Iterable[Any]:
    parts = value.values() if isinstance(value, dict) else value
    return (part for part in parts if isinstance(part, dict | list))


def _too_deep(what: str) -> str:
    return f"{what} has more levels than models of {DEPTH} levels have: it is not read."


def parse_config(config: Mapping[str, Any], what: str = "the config") -> LayerConfig:
    """Returns a whole model from its config as Keras 1, 2 or 3 writes it.

    Args:
        config: `{"class_name": ..., "config": ...}`.
        what: what it is, for messages.

    Raises:
        UnsafeFileError: models within models, too deep.
        UnreadableFileError: the config of no model.

    Example:
        >>> dense = {"class_name": "Dense", "config": {"name": "head", "units": 10}}
        >>> model = {"class_name": "Sequential", "config": {"name": "net", "layers": [dense]}}
        >>> [layer.name for layer in parse_config(model).layers]
        ['head']
    """
    if not isinstance(config.get("class_name"), str) or "config" not in config:
        raise UnreadableFileError(
            f"{what} is not that of a Keras model: 'class_name' and 'config' are needed."
        )
    try:
        return _Parser(what).layer(config, 0)
    except RecursionError:
        raise UnsafeFileError(_too_deep(what)) from None


class _Parser:
    """Parses the config of one model.

    Attributes:
        what: what it is, for messages.
        shared: number -> the layer that the config calls so, as it may name it again.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.shared: dict[int, LayerConfig] = {}

    def layer(
        self, data: Mapping[str, Any], depth: int, attribute: str = "", name: str = ""
    ) -> LayerConfig:
        """Returns a layer.

        Args:
            data: its serialised config.
            depth: how many models and wrappers are around it.
            attribute: what the layer around it calls it.
            name: its name if that is not the one in its config.
        """
        if depth > DEPTH:
            raise UnsafeFileError(_too_deep(self.what))
        own = data.get("config")
        if isinstance(own, list):  # Sequential of Keras 1 and 2.0
            own = {"layers": own}
        own = own if isinstance(own, Mapping) else {}
        saved_class = _text(data.get("class_name")).rpartition(">")[2]
        class_name = current_name(saved_class)
        number = data.get("shared_object_id")
        known = self.shared.get(number) if type(number) is int else None
        uses = parse_calls(data.get("inbound_nodes"))
        layer = LayerConfig(
            name or _text(own.get("name")) or _text(data.get("name")) or saved_class.lower(),
            class_name,
            is_of_keras=_is_of_keras(data, class_name),
            config=own,
            input_shape=_input_shape(data, own, uses),
            uses=uses,
            layers=known.layers if known else self._layers(class_name, own, depth),
            inputs=parse_tensors(own.get("input_layers")),
            outputs=known.outputs if known else parse_tensors(own.get("output_layers")),
            attribute=attribute,
            is_operation=".ops." in _text(data.get("module")) or class_name in _OPERATIONS,
            saved_class=saved_class,
            identity=known.identity if known else object(),
        )
        if layer.is_functional and known is None:
            layer = _with_numbered_calls(layer)
        if type(number) is int:
            self.shared.setdefault(number, layer)
        return layer

    def _layers(self, class_name: str, own: Mapping[str, Any], depth: int) -> _Layers:
        layers = own.get("layers")
        outputs = parse_tensors(own.get("output_layers"))
        model = LayerConfig("", class_name, config=own, outputs=outputs)
        if isinstance(layers, list) and (model.has_graph or class_name in _MODELS):
            if not all(isinstance(each, Mapping) for each in layers):
                raise UnreadableFileError(f"{self.what} has layers that are no objects of JSON.")
            return tuple(self.layer(each, depth + 1) for each in layers)
        return tuple(
            self.layer(inner.config, depth + 1, inner.attribute, inner.name)
            for inner in inner_layers(class_name, own)
        )


def _with_numbered_calls(model: LayerConfig) -> LayerConfig:
    """Returns a functional model in which `Source.call` is a place in the `uses` of a layer.

    Keras counts from 1 the calls of models within models: Keras 2 always, Keras 3 in the outputs.
    """
    nodes = model.config.get("layers")
    is_old = any(
        isinstance(node, list)
        for data in (nodes if isinstance(nodes, list) else ())
        for node in _list(data.get("inbound_nodes"))
    )
    layers = {layer.name: layer for layer in model.layers}

    def numbered(source: Source, is_output: bool = False) -> Source:
        layer = layers.get(source.layer)
        if layer is None:
            return source
        from_1 = layer.has_graph if is_old else is_output and layer.is_functional
        call = min(source.call - from_1, len(layer.uses) - 1)
        return source._replace(call=max(0, call))

    return replace(
        model,
        layers=tuple(
            replace(layer, uses=tuple(tuple(map(numbered, use)) for use in layer.uses))
            for layer in model.layers
        ),
        outputs=tuple(numbered(source, is_output=True) for source in model.outputs),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _is_of_keras(data: Mapping[str, Any], class_name: str) -> bool:
    """Returns True if the config says so, or names no module and the class is one of Keras's."""
    if ">" in _text(data.get("class_name")) or ">" in _text(data.get("registered_name")):
        return False
    module = data.get("module")
    if isinstance(module, str):
        return any(module == each or module.startswith(f"{each}.") for each in _PACKAGES)
    if "module" in data and module is None and data.get("registered_name"):
        return False
    return class_name in KERAS_LAYERS


def _input_shape(
    data: Mapping[str, Any], own: Mapping[str, Any], uses: tuple[tuple[Source, ...], ...]
) -> Shape | None:
    build = data.get("build_config")
    build = build if isinstance(build, Mapping) else {}
    in_order = (
        *(uses[0][0].shape if uses and uses[0] else None, parse_shape(build.get("input_shape"))),
        *(parse_shape(build.get("shapes_dict")), parse_shape(own.get("batch_shape"))),
        *(parse_shape(own.get("batch_input_shape")), parse_shape(own.get("build_input_shape"))),
    )
    return next((shape for shape in in_order if shape), None)
