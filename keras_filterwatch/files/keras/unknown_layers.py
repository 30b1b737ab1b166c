"""Layers that only the weights of a file tell of: those in subclassed models and custom layers."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from keras_filterwatch.files.config.architecture import LayerNode
from keras_filterwatch.files.config.class_names import KERAS_LAYERS
from keras_filterwatch.files.config.inner_layers import ATTENTION, InnerLayer, inner_layers
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.keras.layer_groups import LayerGroup
from keras_filterwatch.files.layers.kernel_choice import StoredVariable
from keras_filterwatch.kernel_layouts import RECURRENT
from keras_filterwatch.layer_numbers import snake_case
from keras_filterwatch.unique_names import unique_name

_CLASSES = {snake_case(name): name for name in KERAS_LAYERS}
# what a model saves besides its layers
_TRAINING = frozenset(
    (
        *("optimizer", "metrics", "loss_tracker", "compiled_metrics", "compiled_loss", "loss"),
        *("_metrics", "_loss_tracker", "_compile_metrics", "_compile_loss"),
    )
)
_NO_LAYERS = ("seed_generator",)
_PROJECTION_AXES = 3  # of kernels in attention: (channels, heads, size) or (heads, size, channels)


class UnknownLayer(NamedTuple):
    """A layer that no config describes.

    Attributes:
        node: its place. Its class is that of Keras by which it is called, if it is.
        variables: its own variables.
    """

    node: LayerNode
    variables: list[StoredVariable]


class _Waiting(NamedTuple):
    group: LayerGroup
    path: str
    parents: tuple[LayerConfig, ...]
    is_in_list: bool
    layer: LayerConfig | None


def unknown_layers(
    node: LayerNode, group: LayerGroup, names: dict[str, int], known: set[str]
) -> Iterator[UnknownLayer]:
    """Yields the layers in the group of a layer that the config does not describe, in saved order.

    Args:
        node: the layer around them; its path is `""` for the model itself.
        group: its group.
        names: the names that are taken.
        known: the paths of the groups of layers that the config describes.
    """
    parents = (*node.parents, node.layer) if node.path else ()
    children = [each for each in group.children if node.path or each.key not in _TRAINING]
    waiting = [_Waiting(each, node.path, parents, False, None) for each in reversed(children)]
    while waiting:
        group, around, parents, is_in_list, layer = waiting.pop()
        if group.path in known or group.key in _NO_LAYERS:
            continue
        if group.is_list:
            inside = [_Waiting(each, around, parents, True, None) for each in group.children]
            waiting.extend(reversed(inside))
            continue
        layer = layer or _layer(group, is_in_list)
        path = unique_name("/".join(filter(None, (around, layer.name))), names)
        is_undivided = layer.class_name in RECURRENT
        variables = group.all_variables() if is_undivided else group.variables
        yield UnknownLayer(LayerNode(path, layer, parents), variables)
        if not is_undivided:
            inside = [
                _Waiting(each, path, (*parents, layer), False, _projection(layer, each))
                for each in sorted(group.children, key=lambda each: _place_of_use(layer, each))
            ]
            waiting.extend(reversed(inside))


def _layer(group: LayerGroup, is_in_list: bool) -> LayerConfig:
    # in a list, the key of a group is made from the class
    class_name = _class_called(group.key if is_in_list else group.name)
    is_of_keras = bool(class_name)
    name = group.name or group.key
    return LayerConfig(name, class_name, is_of_keras=is_of_keras, saved_class=class_name)


def _class_called(name: str) -> str:
    """Returns the class of Keras whose layers it calls so, such as `conv2d_3`; `""` if none."""
    return _CLASSES.get(name) or _CLASSES.get(re.sub(r"_\d+$", "", name), "")


def _place_of_use(layer: LayerConfig, group: LayerGroup) -> int:
    """Returns when a layer uses the layer of a group in it: 0 for the first one, or if unknown."""
    used = ["forward_layer", "backward_layer"] if layer.class_name == "Bidirectional" else []
    used += [inner.attribute for inner in _projections(layer)]
    key = group.key.removeprefix("_")
    return used.index(key) if key in used else 0


def _projections(attention: LayerConfig) -> list[InnerLayer]:
    if attention.class_name not in ATTENTION:
        return []
    return list(inner_layers(attention.class_name, {"use_gate": True}))


def _projection(attention: LayerConfig, group: LayerGroup) -> LayerConfig | None:
    """Returns a layer of Keras's attention, whose kernel has the axes that it usually has."""
    for inner in _projections(attention):
        shapes = [variable.array.shape for variable in group.variables[:1]]
        is_usual = [len(shape) for shape in shapes] == [_PROJECTION_AXES]
        if inner.attribute == group.key.removeprefix("_") and is_usual:
            return LayerConfig(inner.name, "EinsumDense", config=inner.config["config"])
    return None
