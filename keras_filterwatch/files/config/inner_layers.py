"""The layers inside layers of Keras: what a wrapper wraps, and what attention is made of."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeGuard

_HEADS = "abc,cde->abde"  # whichever axes stand before the channels, the kernel's are these
ATTENTION = ("MultiHeadAttention", "GroupedQueryAttention")
# class -> the entries of the config that hold the layers inside
_WRAPPED = {
    "TimeDistributed": ("layer",),
    "SpectralNormalization": ("layer",),
    "Wrapper": ("layer",),
    "RNN": ("cell",),
    "StackedRNNCells": ("cells",),
}


class InnerLayer(NamedTuple):
    """A layer inside of another one.

    Attributes:
        attribute: what the layer around it calls it, as names of groups in a file have it.
        name: its name, `""` for the one in its config.
        config: its serialised config, `{"class_name": ..., "config": ...}`.
    """

    attribute: str
    name: str
    config: Mapping[str, Any]


def inner_layers(class_name: str, config: Mapping[str, Any]) -> Iterator[InnerLayer]:
    """Yields the layers inside of a layer, in the order in which Keras uses them.

    Args:
        class_name: the class of the layer.
        config: its own config. Of layers of classes that Keras does not ship, serialised layers in
            it count.
    """
    if class_name in ATTENTION:
        yield from _attention(class_name, config)
        return
    if class_name == "Bidirectional":
        yield from _both_directions(config)
        return
    for key in _WRAPPED.get(class_name, tuple(config)):
        value = config.get(key)
        is_wrapped = class_name in _WRAPPED
        if is_layer(value) and (is_wrapped or "trainable" in value["config"]):
            yield InnerLayer(key, "", value)
        elif is_wrapped and isinstance(value, list):
            yield from (InnerLayer(key, "", each) for each in value if is_layer(each))


def is_layer(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Returns True for what looks like the serialised config of a layer."""
    if not isinstance(value, Mapping) or not isinstance(value.get("class_name"), str):
        return False
    config = value.get("config")
    return isinstance(config, Mapping) and isinstance(config.get("name"), str)


def _both_directions(config: Mapping[str, Any]) -> Iterator[InnerLayer]:
    layer, backward = config.get("layer"), config.get("backward_layer")
    if not is_layer(layer):
        return
    name = layer["config"]["name"].removeprefix("forward_")
    yield InnerLayer("forward_layer", f"forward_{name}", layer)
    if is_layer(backward):
        yield InnerLayer("backward_layer", "", backward)
    else:
        yield InnerLayer("backward_layer", f"backward_{name}", layer)


def _attention(class_name: str, config: Mapping[str, Any]) -> Iterator[InnerLayer]:
    """Yields the projections of an attention layer.

    Channels are what a projection reads, filters what it returns: all heads together.
    """
    is_grouped = class_name == "GroupedQueryAttention"
    shape = config.get("output_shape")
    outputs = len(shape) if isinstance(shape, list) and shape else 1
    letters = "efghijklmnopqrst"[:outputs]
    out = "abcd,cde->abe" if is_grouped else f"abcd,cd{letters}->ab{letters}"
    projections = [
        *([("gate_dense", "gate", _HEADS)] if config.get("use_gate") is True else []),
        *(("query_dense", "query", _HEADS), ("key_dense", "key", _HEADS)),
        *(("value_dense", "value", _HEADS), ("output_dense", "attention_output", out)),
    ]
    for attribute, name, equation in projections:
        inner = {"name": name, "equation": equation, "trainable": config.get("trainable", True)}
        inner["kernel_constraint"] = config.get("kernel_constraint")
        yield InnerLayer(
            attribute,
            name,
            {"module": "keras.layers", "class_name": "EinsumDense", "config": inner},
        )
