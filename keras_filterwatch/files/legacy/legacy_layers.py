"""Which layer of a model owns which weights of a group in an HDF5 file of Keras 1 or 2.

The group of a model within the model, or of a wrapper, holds the weights of all layers in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.legacy.legacy_groups import SavedLayer, SavedWeight
from keras_filterwatch.files.legacy.legacy_names import WeightName
from keras_filterwatch.files.legacy.legacy_order import saved_order
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernel_layouts import RECURRENT

_OF_WRAPPERS = ("vector_u", "sn_u", "u")  # what SpectralNormalization holds itself
_MOST_LAYERS_OF_A_NAME = 1000  # within one group; more could take long to tell apart
# classes of Keras 1 whose weights are no filters, or none that all of them share
_WITHOUT_FILTERS = ("Highway", "MaxoutDense")


class OwnedWeight(NamedTuple):
    """A weight of a file, and what it is in the model.

    Attributes:
        layer: the layer that owns it.
        part: the path within the layer to the one that owns it, where the config does not list
            that one; `""` otherwise.
        variable: its name in its layer, as Keras has it today.
        array: its values.
    """

    layer: LayerConfig
    part: str
    variable: str
    array: StoredArray


def layers_of_groups(
    model: LayerConfig, groups: Sequence[SavedLayer], keras: int
) -> Mapping[str, LayerConfig] | str:
    """Returns the name of each group with weights -> the layer of a model that it belongs to.

    Layers are found by their names, or else by their order, as Keras itself loads weights. Returns
    what is wrong if that is impossible.

    Args:
        model: the model.
        groups: the groups of the file.
        keras: the version of Keras that wrote the file, such as 2.
    """
    if not model.layers:
        return "the config has no layers"
    by_name = _by_name(model)
    filled = [group for group in groups if group.weights]
    if all(group.name in by_name for group in filled):
        return {group.name: by_name[group.name] for group in filled}
    orders = [(layer, saved_order(layer, keras)) for layer in model.layers]
    layers = [layer for layer, order in orders if order]
    unknown = [layer.name for layer, order in orders if order is None]
    if unknown or len(layers) != len(filled):
        names = [group.name for group in filled if group.name not in by_name]
        return (
            f"the config has no layer {names[0]!r}, and its layers with weights "
            f"({len(layers)}) cannot be matched by their order to those of the file "
            f"({len(filled)})"
        )
    return {group.name: layer for group, layer in zip(filled, layers, strict=True)}


def owned_weights(layer: LayerConfig, group: SavedLayer, keras: int) -> list[OwnedWeight] | str:
    """Returns what each weight in the group of a layer is; why that is not certain, if it is not.

    Example:
        >>> owned_weights(LayerConfig("dense", "Dense"), SavedLayer("dense", ()), keras=2)
        []
    """
    if not layer.layers or layer.class_name in RECURRENT:
        return [_owned_weight(layer, weight, keras) for weight in group.weights]
    return (
        _by_order(layer, group.weights, keras)
        or _by_scope(layer, group.weights, keras)
        or "the names of its weights do not tell which of the layers in it they belong to"
    )


def _owned_weight(layer: LayerConfig, weight: SavedWeight, keras: int) -> OwnedWeight:
    scope, variable = WeightName.parse(weight.name, keras == 1)
    part = ""
    if keras == 1 and (not layer.is_of_keras or layer.class_name in _WITHOUT_FILTERS):
        variable = weight.name.removeprefix(f"{layer.name}_")  # what it means is not known
    elif not layer.is_of_keras and layer.name in scope:
        part = "/".join(scope[scope.index(layer.name) + 1 :])
    elif layer.class_name.startswith("DepthwiseConv") and variable == "depthwise_kernel":
        variable = "kernel"  # as Keras 3 calls it
    return OwnedWeight(layer, part, variable, weight.array)


def _by_order(
    layer: LayerConfig, weights: Sequence[SavedWeight], keras: int
) -> list[OwnedWeight] | None:
    """Returns the owners by the order in which Keras saves them, if names do not contradict."""
    order = saved_order(layer, keras)
    if order is None or len(order) != len(weights):
        return None
    result = []
    for expected, weight in zip(order, weights, strict=True):
        named = _owned_weight(expected.layer, weight, keras)
        if named.variable not in ("", expected.variable):
            return None
        result.append(named._replace(variable=expected.variable, part=""))
    return result


def _by_scope(
    layer: LayerConfig, weights: Sequence[SavedWeight], keras: int
) -> list[OwnedWeight] | None:
    """Returns the owners by the names of the weights, if each means one layer."""
    paths: dict[str, list[tuple[tuple[str, ...], LayerConfig]]] = {}
    for path, inner in _paths(layer):
        paths.setdefault(path[-1], []).append((path, inner))
    owners: dict[tuple[str, ...], LayerConfig | None] = {}
    result = []
    for weight in weights:
        scope, variable = WeightName.parse(weight.name, keras == 1)
        if scope not in owners:
            owners[scope] = _owner(scope, paths)
        owner = owners[scope]
        if owner is None:
            return None
        while owner.class_name in ("TimeDistributed", "SpectralNormalization"):
            if variable in _OF_WRAPPERS or not owner.layers:
                break
            owner = owner.layers[0]
        result.append(_owned_weight(owner, weight, keras))
    variables = {(each.layer.identity, each.part, each.variable) for each in result}
    return result if len(variables) == len(result) else None


def _owner(
    scope: tuple[str, ...], paths: Mapping[str, Sequence[tuple[tuple[str, ...], LayerConfig]]]
) -> LayerConfig | None:
    """Returns the layer whose path ends as a scope does; None if several do, or none.

    Args:
        scope: the names of the layers around a variable.
        paths: the last name of a path -> the paths that end with it, with their layers.
    """
    candidates = paths.get(scope[-1], ()) if scope else ()
    if len(candidates) > _MOST_LAYERS_OF_A_NAME:
        return None
    best = max((_common_end(scope, path) for path, _ in candidates), default=0)
    matches = [layer for path, layer in candidates if _common_end(scope, path) == best]
    if len(matches) == 1:
        return matches[0]
    if not matches and len(scope) > 1:  # in a layer that the config does not look into
        outer = _owner(scope[:-1], paths)
        is_closed = outer and (outer.class_name in RECURRENT or not outer.is_of_keras)
        return outer if is_closed and not (outer and outer.layers) else None
    return None


def _common_end(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count


def _paths(layer: LayerConfig) -> Iterator[tuple[tuple[str, ...], LayerConfig]]:
    """Yields each layer in a layer, and the layer itself, with the names on the way to it."""
    waiting: list[tuple[tuple[str, ...], LayerConfig]] = [((layer.name,), layer)]
    visited: set[object] = set()
    while waiting:
        path, each = waiting.pop()
        if each.identity in visited:
            continue
        visited.add(each.identity)
        yield path, each
        if each.class_name not in RECURRENT:
            waiting.extend(((*path, inner.name), inner) for inner in each.layers)


def _by_name(model: LayerConfig) -> dict[str, LayerConfig]:
    """Returns name -> layer: those of the model, and of models within it if a name is unique.

    Keras 1 saves the layers of branches that it merges as if they were those of the model.
    """
    inner: dict[str, list[LayerConfig]] = {}
    for path, layer in _paths(model):
        if len(path) > 1:
            inner.setdefault(layer.name, []).append(layer)
    unique = {name: layers[0] for name, layers in inner.items() if len(layers) == 1}
    return unique | {layer.name: layer for layer in model.layers}
