"""What Keras 2 writes into a SavedModel about its layers: `keras_metadata.pb`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras_filterwatch.files.config.class_names import KERAS_LAYERS, current_name
from keras_filterwatch.files.config.layer_config import LayerConfig, load_json
from keras_filterwatch.files.errors import UnsafeFileError
from keras_filterwatch.files.limits import DEPTH
from keras_filterwatch.files.tensorflow.protobuf import ProtobufReader, damaged, utf8
from keras_filterwatch.files.tensorflow.trackable_objects import NO_LAYERS, TrackableObjects

_MOST_VISITS = 2_000_000  # of objects, on the way from layers to the layers in them
_LAYERS = (
    *("_tf_keras_layer", "_tf_keras_model", "_tf_keras_network", "_tf_keras_sequential"),
    "_tf_keras_rnn_layer",
)


class LayerMetadata(NamedTuple):
    """A layer or a model.

    Attributes:
        name: its name.
        data: what Keras has written about it: `class_name`, `config` and others.
    """

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class SavedLayers:
    """The layers of a SavedModel, by the numbers of their objects.

    Attributes:
        layers: what Keras has written about each.
        inside: the layers in each, also those in lists and dicts.
    """

    layers: Mapping[int, LayerMetadata]
    inside: Mapping[int, list[int]]

    def config(self) -> dict[str, Any] | None:
        """Returns the config of the model as `parse_config` takes it; None if it is no model.

        That of a functional or Sequential model is its own. Models and layers of classes of the
        user's own have none that tells the layers in them: these are put into it.

        Raises:
            UnsafeFileError: it has layers within layers, too deep.
        """
        if 0 not in self.layers:
            return None
        whole = self.layers[0].data.get("model_config")
        if isinstance(whole, Mapping) and _layer_configs(whole):
            return self._with_inner_layers(whole, 0, {0}, 0)
        return self._config_of_layer(0, {0}, 0)

    def objects_of(self, model: LayerConfig) -> dict[object, int]:
        """Returns the identity of each layer of a parsed config -> the number of its object."""
        found: dict[object, int] = {model.identity: 0}
        waiting = [(model, 0)]
        while waiting:
            layer, node = waiting.pop()
            by_name: dict[str, int] = {}
            for inner in self.inside.get(node, ()):
                by_name.setdefault(self.layers[inner].name, inner)
            for inner_layer in layer.layers:
                if inner_layer.name in by_name and inner_layer.identity not in found:
                    found[inner_layer.identity] = by_name[inner_layer.name]
                    waiting.append((inner_layer, by_name[inner_layer.name]))
        return found

    def _with_inner_layers(
        self, config: Mapping[str, Any], node: int, visited: set[int], depth: int
    ) -> dict[str, Any]:
        """Returns the config of a model with the layers in layers of the user's own classes."""
        _check_depth(depth)
        inside = {self.layers[inner].name: inner for inner in reversed(self.inside.get(node, ()))}
        layers = []
        for each in _layer_configs(config):
            own = each.get("config") if isinstance(each, Mapping) else None
            name = own.get("name") if isinstance(own, Mapping) else None
            inner = inside.get(name) if isinstance(name, str) else None
            if inner is not None and inner not in visited:
                visited.add(inner)
                if _layer_configs(each):
                    each = self._with_inner_layers(each, inner, visited, depth + 1)
                elif not _is_of_keras(each) and self.inside[inner]:
                    each = {**each, **self._config_of_layer(inner, visited, depth + 1)}
            layers.append(each)
        own = config["config"]
        return {**config, "config": layers if isinstance(own, list) else {**own, "layers": layers}}

    def _config_of_layer(self, node: int, visited: set[int], depth: int) -> dict[str, Any]:
        """Returns the config of a layer; of one of the user's own class, with the layers in it."""
        _check_depth(depth)
        name, data = self.layers[node]
        basics = {"name": name, "trainable": data.get("trainable", True)}
        own = data.get("config")
        config = {**basics, **own} if isinstance(own, Mapping) else basics
        if not _is_of_keras(data) and not _layer_configs(data):
            # where layers in the config of a class of the user's own are looked for
            config = basics
            new = [inner for inner in self.inside[node] if inner not in visited]
            visited.update(new)
            for place, inner in enumerate(new):
                config[f"layer_{place}"] = self._config_of_layer(inner, visited, depth + 1)
        return {"class_name": data.get("class_name"), "config": config}


def _layer_configs(data: Mapping[str, Any]) -> list[Any]:
    """Returns the configs of the layers of a model; none for what is no model."""
    own = data.get("config")
    layers = own.get("layers") if isinstance(own, Mapping) else own
    return layers if isinstance(layers, list) else []


def _is_of_keras(data: Mapping[str, Any]) -> bool:
    class_name = data.get("class_name")
    return isinstance(class_name, str) and current_name(class_name) in KERAS_LAYERS


def _check_depth(depth: int) -> None:
    if depth > DEPTH:
        raise UnsafeFileError("the model has layers within layers, too deep to be read.")


def read_metadata(message: bytes, objects: TrackableObjects, what: str) -> SavedLayers:
    """Returns what is known about the layers of a SavedModel.

    Args:
        message: a SavedMetadata of keras/protobuf/saved_metadata.proto.
        objects: the objects of its checkpoint.
        what: the file, for messages to users.

    Raises:
        UnreadableFileError, UnsafeFileError: it is damaged, or too large.
    """
    reader = ProtobufReader(what)
    layers: dict[int, LayerMetadata] = {}
    for number, value in reader.fields(message):
        if number != 1 or isinstance(value, int):
            raise damaged(what)
        fields = dict(reader.fields(value))
        path, kind, text = (utf8(fields.get(each, b""), what) for each in (3, 4, 5))
        node = objects.find(path.split(".")[1:])
        if node is None or kind not in _LAYERS or not text:
            continue
        data = load_json(text.encode(), f"the metadata of {path[:80]!r} in {what}")
        name = data.get("name")
        if isinstance(name, str):
            layers[node] = LayerMetadata(name, data)
    return SavedLayers(layers, _layers_inside(layers, objects))


def _layers_inside(
    layers: Mapping[int, LayerMetadata], objects: TrackableObjects
) -> dict[int, list[int]]:
    """Returns the layers in each layer, in the order in which it has them."""
    inside: dict[int, list[int]] = {}
    visits = 0
    for layer in layers:
        found: dict[int, None] = {}
        visited = {layer}
        waiting = [layer]
        while waiting:
            node = waiting.pop()
            if node != layer and node in layers:
                found[node] = None
                continue
            for name, child in reversed(objects.children(node).items()):
                visits += 1
                if child not in visited and name not in NO_LAYERS:
                    waiting.append(child)
                    visited.add(child)
            if visits > _MOST_VISITS:
                raise UnsafeFileError("the model has more objects than any known one.")
        inside[layer] = [*found]
    return inside
