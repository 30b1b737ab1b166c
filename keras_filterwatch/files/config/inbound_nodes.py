"""What a layer of a functional model reads, as the configs of Keras 1, 2 and 3 have it."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Shape = tuple[int | None, ...]


class Source(NamedTuple):
    """A tensor that a layer reads.

    Attributes:
        layer: the name of the layer that makes it.
        call: in which of its calls, from 0.
        output: which of the outputs of that call, from 0.
        shape: its shape, the batch included; None if the file does not say.
    """

    layer: str
    call: int = 0
    output: int = 0
    shape: Shape | None = None


def parse_calls(nodes: Any) -> tuple[tuple[Source, ...], ...]:
    """Returns what a layer reads in each of its calls, from its `inbound_nodes`.

    Example:
        >>> parse_calls([[["conv", 0, 0, {}]]])
        ((Source(layer='conv', call=0, output=0, shape=None),),)
    """
    if not isinstance(nodes, list):
        return ()
    return tuple(tuple(_sources(node)) for node in nodes)


def parse_tensors(structure: Any) -> tuple[Source, ...]:
    """Returns the tensors of `input_layers` or `output_layers`, in one list."""
    if isinstance(structure, Mapping):
        return tuple(s for key in sorted(structure, key=str) for s in parse_tensors(structure[key]))
    if not isinstance(structure, list):
        return ()
    if source := _source(structure):
        return (source,)
    return tuple(s for part in structure for s in parse_tensors(part))


def parse_shape(value: Any) -> Shape | None:
    """Returns a shape, or the first one of a structure of shapes; None for anything else.

    Example:
        >>> parse_shape([None, 28, 28, 1]), parse_shape([[None, 8], [None, 4]]), parse_shape("x")
        ((None, 28, 28, 1), (None, 8), None)
    """
    if isinstance(value, Mapping):
        value = value.get("items", list(value.values()))  # a tuple, as Keras 2 writes it
    if not isinstance(value, list):
        return None
    if value and all(isinstance(part, list | Mapping) for part in value):
        return parse_shape(value[0])
    if all(size is None or (type(size) is int and size >= 0) for size in value):
        return tuple(value)
    return None


def _sources(node: Any) -> Iterator[Source]:
    if isinstance(node, Mapping):  # Keras 3: {"args": [...], "kwargs": {...}}
        yield from _keras_tensors(node.get("args"))
        yield from _keras_tensors(node.get("kwargs"))
        return
    # Keras 1 and 2: [tensor, ...], or one tensor where an operation reads it
    for part in [node] if _source(node) else node if isinstance(node, list) else ():
        source = _source(part)
        if source is not None:
            yield source
            for more in part[3:]:  # tensors among the keyword arguments
                for key in sorted(more, key=str) if isinstance(more, Mapping) else ():
                    yield from _sources([more[key]])
        elif isinstance(part, Mapping):
            yield from (each for value in part.values() for each in _sources([value]))
        elif isinstance(part, list):
            yield from _sources(part)


def _source(value: Any) -> Source | None:
    """Returns the tensor of `[layer, call, output]`, also with keyword arguments behind it."""
    if not isinstance(value, list) or len(value) not in (3, 4):
        return None
    name, call, output = value[:3]
    if not isinstance(name, str) or type(call) is not int or type(output) is not int:
        return None
    return Source(name, call, output) if call >= 0 and output >= 0 else None


def _keras_tensors(value: Any) -> Iterator[Source]:
    if isinstance(value, list):
        for part in value:
            yield from _keras_tensors(part)
    elif isinstance(value, Mapping):
        config = value.get("config")
        if value.get("class_name") == "__keras_tensor__" and isinstance(config, Mapping):
            source = _source(config.get("keras_history"))
            if source:
                yield source._replace(shape=parse_shape(config.get("shape")))
            return
        for key in sorted(value, key=str):
            yield from _keras_tensors(value[key])
