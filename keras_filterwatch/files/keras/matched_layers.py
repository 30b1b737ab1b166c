"""Which group of a file holds the weights of which layer of its config."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from keras_filterwatch.files.config.architecture import Architecture, LayerNode
from keras_filterwatch.files.config.class_names import may_have_weights
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.layer_counters import names_without_counter
from keras_filterwatch.files.keras.layer_groups import LayerGroup
from keras_filterwatch.files.keras.unknown_layers import unknown_layers
from keras_filterwatch.files.layers.kernel_choice import StoredVariable
from keras_filterwatch.kernel_layouts import RECURRENT
from keras_filterwatch.layer_numbers import snake_case
from keras_filterwatch.unique_names import unique_name

_LAYERS = "layers"  # the list of the layers of a model
_OLD_LAYERS = "_layer_checkpoint_dependencies"  # the same in Keras 2.12
# the name of a class in configs -> in the names of groups, where these differ
_OTHER_NAMES = {"GroupQueryAttention": "GroupedQueryAttention"}


class MatchedLayers(NamedTuple):
    """The layers of a model with their variables.

    Attributes:
        architecture: the layers, with those that only the weights tell of.
        variables: the path of a layer -> its own variables; `""` -> those of the model itself.
        inside: the names of layers whose inner layers only the weights tell of.
        others: the path of a layer -> why its weights are not read.
    """

    architecture: Architecture
    variables: dict[str, list[StoredVariable]]
    inside: list[str]
    others: dict[str, str]


def matched_layers(
    architecture: Architecture, root: LayerGroup, is_own: bool = True
) -> MatchedLayers:
    """Returns which variables belong to which layer.

    Args:
        architecture: the layers as the config has them.
        root: the group of the model.
        is_own: whether config and weights come from one file: then names of layers must agree.
    """
    groups = _groups(architecture.model, root)
    known = {group.path for group in groups.values()}
    names = {node.path: 1 for node in architecture.nodes}
    nodes: list[LayerNode] = []
    variables: dict[str, list[StoredVariable]] = {}
    inside: list[str] = []
    others: dict[str, str] = {}
    for node in (LayerNode("", architecture.model), *architecture.nodes):
        group, layer = groups.get(node.layer.identity), node.layer
        if node.path and (group or all(each.is_of_keras for each in node.parents)):
            nodes.append(node)
        if group is None or (layer.is_of_keras and not may_have_weights(layer.class_name)):
            continue
        if is_own and node.path and group.name not in ("", layer.name):
            others[node.path] = f"the file has the weights of {group.name!r:.80} in its place"
            continue
        is_undivided = layer.is_of_keras and layer.class_name in RECURRENT
        variables[node.path] = group.all_variables() if is_undivided else group.variables
        if not node.path or layer.has_graph or not layer.is_of_keras:
            unknown = list(unknown_layers(node, group, names, known))
            nodes += [each.node for each in unknown]
            variables.update((each.node.path, each.variables) for each in unknown)
            inside += [node.path or layer.name] * any(each.variables for each in unknown)
    if not architecture.nodes:
        nodes, variables = _without_counter(nodes, variables, root.name)
    with_unknown = Architecture(
        *(architecture.model, tuple(nodes), architecture.knows_graph),
        *(architecture.flow, architecture.problem),
    )
    return MatchedLayers(with_unknown, variables, inside, others)


def _without_counter(
    nodes: list[LayerNode], variables: dict[str, list[StoredVariable]], model: str
) -> tuple[list[LayerNode], dict[str, list[StoredVariable]]]:
    """Returns layers that only their weights tell of, and their variables, under shown names.

    `model` is what the file calls the model; `""` if it does not say.
    """
    names: dict[str, int] = {}
    is_later = re.fullmatch(r"(functional|sequential)_\d+", model) is not None
    shown = names_without_counter((node.layer for node in nodes), is_later)
    renamed, by_path = [], {"": variables.get("", [])}
    for node in nodes:
        own_names = [shown[each.identity] for each in (*node.parents, node.layer)]
        path = unique_name("/".join(own_names), names)
        renamed.append(replace(node, path=path, own_name=own_names[-1]))
        by_path[path] = variables.get(node.path, [])
    return renamed, by_path


def _groups(model: LayerConfig, root: LayerGroup) -> dict[object, LayerGroup]:
    """Returns the identity of each layer -> its group, the first one that Keras saves it to."""
    groups: dict[object, LayerGroup] = {}
    waiting = [(model, root)]
    while waiting:
        layer, group = waiting.pop()
        if layer.identity in groups:
            continue
        groups[layer.identity] = group
        if layer.class_name not in RECURRENT:
            inner = _inner_groups(layer, group)
            waiting.extend(reversed(inner))
    return groups


def _inner_groups(layer: LayerConfig, group: LayerGroup) -> list[tuple[LayerConfig, LayerGroup]]:
    """Returns the layers in a layer with their groups, as far as there are any."""
    found: list[tuple[LayerConfig, LayerGroup | None]] = []
    if layer.has_graph:
        by_key: dict[str, list[LayerConfig]] = {}
        for inner in layer.layers:
            if not inner.is_operation:
                key = snake_case(_OTHER_NAMES.get(inner.saved_class, inner.saved_class))
                by_key.setdefault(key, []).append(inner)
        layers, old = group.child(_LAYERS), group.child(_OLD_LAYERS)
        for key, members in by_key.items():
            if layers:
                groups = [layers.child(f"{key}_{i}" if i else key) for i in range(len(members))]
            else:
                groups = list(_numbered(key, old) if old else ())
            found += zip(members, groups, strict=False) if len(groups) == len(members) else ()
    else:
        for inner in layer.layers:
            child = group.child(inner.attribute) or group.child(f"_{inner.attribute}")
            is_named = layer.is_of_keras or (child and child.name == inner.name)
            found.append((inner, child if is_named else None))
    places = {inner.identity: place for place, inner in enumerate(layer.layers)}
    found.sort(key=lambda each: places[each[0].identity])
    return [(inner, child) for inner, child in found if child]


def _numbered(key: str, layers: LayerGroup) -> Iterator[LayerGroup]:
    """Yields the groups of one class in the order of their numbers, which Keras 2.12 leaves out."""
    pattern = re.compile(rf"{re.escape(key)}(?:_(\d{{1,6}}))?")
    matches = (pattern.fullmatch(child.key) for child in layers.children)
    for match in sorted(filter(None, matches), key=lambda match: int(match[1] or 0)):
        child = layers.child(match[0])
        if child:
            yield child
