"""SavedModels of TensorFlow: the variables of the folder; the graph is neither read nor run."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from keras_filterwatch.files.config.architecture import Architecture, architecture_of
from keras_filterwatch.files.config.layer_config import LayerConfig, parse_config
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.layers.layer_kernels import StoredVariable, kernels_of_layers
from keras_filterwatch.files.neighbours import read_whole
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.files.tensorflow.keras_metadata import SavedLayers, read_metadata
from keras_filterwatch.files.tensorflow.tensorflow_bundle import Bundle, read_bundle
from keras_filterwatch.files.tensorflow.tensorflow_checkpoint import file_of_bundle
from keras_filterwatch.files.tensorflow.tensorflow_variables import variables_of_objects
from keras_filterwatch.files.tensorflow.trackable_objects import TrackableObjects, read_objects
from keras_filterwatch.kernel_layouts import RECURRENT
from keras_filterwatch.text import printable

_METADATA = "keras_metadata.pb"
_METADATA_BYTES = 2**25  # a layer takes about 3,000


def read_saved_model(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of a SavedModel.

    Those that Keras 2 saved have the config of the model: its kernels are those of the loaded
    model. Others, also those that Keras 3 exports, have the names of variables alone.

    Args:
        path: the folder with `saved_model.pb` in it.
        stack: not used: data files are opened when a kernel is read.
        layout: the order of the axes of all arrays of a model that is not of Keras 2, as
            `snapshot_of` takes it.

    Raises:
        UnreadableFileError: it is damaged, has no variables, or holds no kernel.
        UnsafeFileError: it leads to other files, or is larger than any known model.
    """
    variables = path / "variables"
    if variables.is_symlink():
        raise UnsafeFileError(
            f"{variables} is a link: it is not followed. Put a copy in its place."
        )
    prefix = variables / "variables"
    if not Path(f"{prefix}.index").exists():
        raise UnreadableFileError(
            f"{path} is a SavedModel without variables: its weights, if it has any, are constants "
            "in its graph, which is not read. Save the model with its variables, or score the "
            "Keras model that it was made from."
        )
    bundle = read_bundle(prefix)
    metadata = path / _METADATA
    if bundle.graph and (metadata.exists() or metadata.is_symlink()):
        objects = read_objects(bundle.graph, str(prefix))
        layers = read_metadata(read_whole(metadata, _METADATA_BYTES), objects, str(metadata))
        config = layers.config()
        if config is not None:
            architecture = architecture_of(parse_config(config, str(metadata)))
            return _of_keras_2(bundle, objects, layers, architecture)
    return file_of_bundle(
        "TensorFlow SavedModel, read without TensorFlow", bundle, prefix, layout, []
    )


def _of_keras_2(
    bundle: Bundle, objects: TrackableObjects, layers: SavedLayers, architecture: Architecture
) -> ModelFile:
    contents = variables_of_objects(bundle, objects)
    nodes = layers.objects_of(architecture.model)
    variables: dict[str, list[StoredVariable]] = {}
    used: set[int] = set()
    for path, layer in _paths(architecture):
        node = nodes.get(layer.identity)
        own = {} if node is None else _own_variables(layer, node, objects, layers)
        used.update(own)
        variables[path] = [
            StoredVariable(name, bundle.arrays[objects.objects[each].key])
            for each, name in own.items()
            if objects.objects[each].key in bundle.arrays
        ]
    found = kernels_of_layers(architecture, variables)
    others = {
        each.name: "it belongs to no layer that the config of the model has"
        for each in contents.variables
        if each.node not in used
    }
    from keras_filterwatch.files.facts.model_file_facts import facts_of_config

    training = layers.layers[0].data.get("training_config")
    return ModelFile(
        "TensorFlow SavedModel of Keras 2, read without TensorFlow",
        found.kernels,
        {**others, **contents.skipped, **found.skipped},
        [*_notes(architecture), *found.notes],
        facts_of_config(
            *(architecture, found.kernels, training if isinstance(training, dict) else None),
            variables=variables,
            backend="tensorflow",
            updates=contents.updates,
        ),
        contents.logs,
        contents.updates,
    )


def _notes(architecture: Architecture) -> list[str]:
    if architecture.knows_graph:
        return []
    return [
        f"The file does not tell which layer of {printable(architecture.model.name)!r} reads what "
        f"({architecture.problem}): dead filters are judged without the BatchNormalization behind "
        "them, and no Dense layer has the axes of an image."
    ]


def _paths(architecture: Architecture) -> list[tuple[str, LayerConfig]]:
    return [("", architecture.model), *((node.path, node.layer) for node in architecture.nodes)]


def _own_variables(
    layer: LayerConfig, node: int, objects: TrackableObjects, layers: SavedLayers
) -> dict[int, str]:
    """Returns the variables of a layer, without those of layers in it, and their names in it.

    Those of the cell of a recurrent layer are its own.
    """
    variables = _variables(node, objects)
    for inner in layers.inside.get(node, ()):
        if layer.class_name in RECURRENT:
            variables |= _variables(inner, objects)
        else:
            for each in _variables(inner, objects):
                variables.pop(each, None)
    if layer.class_name.startswith("DepthwiseConv"):
        return {
            each: "kernel" if name == "depthwise_kernel" else name
            for each, name in variables.items()
        }
    return variables


def _variables(node: int, objects: TrackableObjects) -> dict[int, str]:
    """Returns the variables that a layer lists or has as attributes, and their own names.

    A list has also those of layers in it, and they are in Keras's order.
    """
    children = objects.children(node)
    listed = objects.children(children["variables"]) if "variables" in children else {}
    attributes = {child: name for name, child in children.items()}
    variables: dict[int, str] = {}
    for child in (*listed.values(), *attributes):
        found = objects.objects[child]
        if found.key and child not in objects.slots:
            variables[child] = found.full_name.rpartition("/")[2] or attributes.get(child, "")
    return variables
