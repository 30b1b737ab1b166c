"""Which layer owns which weights: each layer of a model once, without recursion."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import keras

from keras_filterwatch.model.layer_names import layer_names
from keras_filterwatch.unique_names import unique_name


class Owner(NamedTuple):
    """A layer with the weights that none of its sublayers owns.

    Attributes:
        name: the path to the layer in its model, unique: `"block/conv_1"`. Its parts are those
            of `layer_names`.
        keras_name: the same path, of the names that Keras shows.
        layer_name: the last part of `name`, which need not be unique.
        layer: the layer.
        weights: its own weights; none if it is not built.
    """

    name: str
    keras_name: str
    layer_name: str
    layer: keras.Layer
    weights: list[keras.Variable]


def direct_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the weights that a layer holds itself; `layer.weights` has its sublayers' too."""
    weights = [*layer._trainable_variables, *layer._non_trainable_variables]
    return list({id(weight): weight for weight in weights}.values())


def all_weights(layer: keras.Layer) -> list[keras.Variable]:
    """Returns the weights of a layer and of all that it contains."""
    # layer.weights is the same by recursion, once for each level
    weights = [weight for part in layer._flatten_layers() for weight in direct_weights(part)]
    return list({id(weight): weight for weight in weights}.values())


def owners(model: keras.Layer, undivided: tuple[type, ...] = ()) -> Iterator[Owner]:
    """Yields each layer that owns weights, or is not built, before its sublayers.

    Args:
        model: a Keras model or layer.
        undivided: layer classes that own the weights of their sublayers too.
    """
    layers = list(_walk(model, undivided))
    weights = {
        id(layer): all_weights(layer) if isinstance(layer, undivided) else direct_weights(layer)
        for _, layer in layers
    }
    names_of_layers = layer_names(layer for _, layer in layers)
    holders: dict[int, set[int]] = {}
    for _, layer in layers:
        for weight in weights[id(layer)]:
            holders.setdefault(id(weight), set()).add(id(layer))
    names: dict[str, int] = {}
    keras_names: dict[str, int] = {}
    for path, layer in layers:
        own = weights[id(layer)]
        if any(len(holders[id(weight)]) > 1 for weight in own):
            # what a sublayer holds too, such as a tied kernel, is the sublayer's
            parts = [] if isinstance(layer, undivided) else _parts(layer, recursive=True)
            inside = {id(part) for part in parts}
            own = [weight for weight in own if not holders[id(weight)] & inside]
        if own or (path and not layer.built):
            parts_of_path = path or [layer]
            yield Owner(
                unique_name("/".join(names_of_layers[id(part)] for part in parts_of_path), names),
                unique_name("/".join(part.name for part in parts_of_path), keras_names),
                names_of_layers[id(layer)],
                *(layer, own),
            )


def _walk(
    model: keras.Layer, undivided: tuple[type, ...]
) -> Iterator[tuple[list[keras.Layer], keras.Layer]]:
    """Yields each layer once, before its sublayers, with the layers on the first path to it.

    The path of the model itself is empty; all others end with the layer.
    """
    visited: set[int] = set()
    waiting: list[tuple[list[keras.Layer], keras.Layer]] = [([], model)]
    while waiting:
        path, layer = waiting.pop()
        if id(layer) in visited:
            continue
        visited.add(id(layer))
        yield path, layer
        if not isinstance(layer, undivided):
            parts = [([*path, part], part) for part in _parts(layer)]
            waiting.extend(reversed(parts))


def _parts(layer: keras.Layer, recursive: bool = False) -> Iterable[keras.Layer]:
    parts: list[keras.Layer] = layer._flatten_layers(include_self=False, recursive=recursive)
    return parts
