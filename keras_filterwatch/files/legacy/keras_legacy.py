"""HDF5 files of Keras 1 and 2, of tf_keras, and those that Keras 3 still writes as `.h5`."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from keras_filterwatch.files.config.architecture import Architecture, architecture_of
from keras_filterwatch.files.config.layer_config import load_json, parse_config
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.facts.model_file_facts import facts_of_config
from keras_filterwatch.files.hdf5 import Group
from keras_filterwatch.files.layers.layer_kernels import (
    LayerKernels,
    StoredVariable,
    Variables,
    kernels_of_layers,
)
from keras_filterwatch.files.legacy.keras_1 import UnknownAxesError, current_array
from keras_filterwatch.files.legacy.keras_1_constraints import use_current_axes
from keras_filterwatch.files.legacy.legacy_groups import (
    TOP_LEVEL,
    SavedLayer,
    has_layer_names,
    saved_layers,
    text_attribute,
    top_level_weights,
)
from keras_filterwatch.files.legacy.legacy_layers import layers_of_groups, owned_weights
from keras_filterwatch.files.legacy.legacy_origin import Origin, origin_of
from keras_filterwatch.files.legacy.legacy_training import training_of
from keras_filterwatch.files.legacy.legacy_weights import (
    LOCALLY_CONNECTED,
    kernels_of_names,
    kernels_of_unknown_layers,
)
from keras_filterwatch.files.stored import ModelFile, StoredArray
from keras_filterwatch.model_facts import ModelFacts

_THEANO = (
    "Keras 1 wrote the file on Theano, as the names of its weights show. Theano turns the filters "
    "of a convolution by 180 degrees before it applies them: pictures show them as they are "
    "stored, the other way round. That changes no score."
)
_WITHOUT_CONSTRAINTS = (
    "The constraints of one-dimensional convolutions of Keras 1 are not read: which of their "
    "weights these hold back is not known."
)
_WITHOUT_CONFIG = (
    "The file has weights without the model that they belong to: which layers have a "
    "BatchNormalization behind them is not known, which counts for dead filters; nor are the kinds "
    "of layers with names of your own, and which layers are frozen. With a file that has the "
    "model's config (`architecture`), all of this is known."
)
_WITHOUT_LAYERS = (
    "The config of the model does not tell which layers the weights belong to ({}): which layers "
    "have a BatchNormalization behind them is not known, which counts for dead filters; nor are "
    "the kinds of layers with names of your own, and which layers are frozen."
)


def is_keras_legacy(root: Group) -> bool:
    """Returns True for the root of a file that Keras 1 or 2 wrote, or Keras 3 as `.h5`."""
    return "model_config" in root.attributes or has_layer_names(root) or "model_weights" in root


def read_keras_legacy(
    root: Group, path: Path, stack: ExitStack, architecture: Architecture | None = None
) -> ModelFile:
    """Returns the kernels of a whole model, or of its weights alone.

    Args:
        root: the root of the file, which stays open as long as the stack does.
        path: the file, for messages.
        stack: closes the file.
        architecture: of weights alone, the model that they belong to; None if it is not known.

    Raises:
        UnsafeFileError: the file is refused.
        UnreadableFileError: it is damaged, or does not fit the architecture.

    Example:
        >>> import tempfile, h5py
        >>> import numpy as np
        >>> from keras_filterwatch.files.hdf5 import open_hdf5
        >>> path = Path(tempfile.mkdtemp(), "weights.h5")
        >>> with h5py.File(path, "w") as file:
        ...     file.attrs["layer_names"], file.attrs["keras_version"] = ["conv2d"], "2.15.0"
        ...     file["conv2d/conv2d/kernel:0"] = np.ones((3, 3, 1, 8), "f4")
        ...     file["conv2d"].attrs["weight_names"] = ["conv2d/kernel:0"]
        >>> with ExitStack() as stack:
        ...     model = read_keras_legacy(open_hdf5(path, stack), path, stack)
        ...     model.format, [(kernel.name, kernel.shape) for kernel in model.kernels]
        ('Keras 2 HDF5 weights', [('conv2d', (3, 3, 1, 8))])
    """
    try:
        return _read(root, path, architecture)
    except UnreadableFileError as error:
        if str(path) in str(error):
            raise
        raise type(error)(f"{path} cannot be read: {error}") from error


def _read(root: Group, path: Path, architecture: Architecture | None) -> ModelFile:
    group = root if has_layer_names(root) else root.group("model_weights")
    if group is None or not has_layer_names(group):
        raise UnreadableFileError(
            "it has the config of a model, but not its weights. Save the whole model."
        )
    origin = origin_of(group)
    layers = saved_layers(group)
    notes: list[str] = []
    text = text_attribute(root, "model_config")
    if text:
        config = load_json(text.encode("utf-8", "surrogatepass"), "attribute 'model_config'")
        if origin.is_keras_1 and use_current_axes(config):
            notes.append(_WITHOUT_CONSTRAINTS)
        architecture = architecture_of(parse_config(config))
    found: tuple[LayerKernels, Variables] | str = _WITHOUT_CONFIG
    if architecture:
        found = _kernels(architecture, layers, origin)
    if isinstance(found, str):
        if architecture and not text:
            raise UnreadableFileError(
                f"it does not fit the model that it should belong to: {found}."
            )
        notes.append(_WITHOUT_LAYERS.format(found) if text else found)
        found, architecture = (kernels_of_names(layers, origin), {}), None
    (kernels, skipped, own_notes), variables = found
    own = ", ".join(weight.name for weight in top_level_weights(group))
    if own:
        skipped = {**skipped, TOP_LEVEL: f"what the model holds itself: {own}"}
    if _is_of_keras_1_on_theano(layers, origin) and any(each.has_window for each in kernels):
        notes.append(_THEANO)
    training = training_of(root)
    return ModelFile(
        f"Keras {origin.keras} HDF5 {'model' if text else 'weights'}",
        tuple(kernels),
        skipped,
        (*own_notes, *notes),
        facts=facts_of_config(
            *(architecture, kernels, training.compile_config),
            variables=variables,
            backend=origin.backend,
            updates=training.updates,
        )
        if architecture
        else ModelFacts(),
        logs=training.logs,
        updates=training.updates,
        has_weights_alone=not text and architecture is None,
    )


def _kernels(
    architecture: Architecture, groups: Sequence[SavedLayer], origin: Origin
) -> tuple[LayerKernels, Variables] | str:
    """Returns the kernels of a model with a config, and the variables of each layer by its path.

    If the layers are not those of the file: why.
    """
    layers = layers_of_groups(architecture.model, groups, origin.keras)
    if isinstance(layers, str):
        return layers
    paths = {node.layer.identity: node.path for node in architecture.nodes}
    variables: dict[str, list[StoredVariable]] = {}
    parts: dict[str, dict[str, StoredArray]] = {}
    skipped: dict[str, str] = {}
    for group in groups:
        if not group.weights:
            continue
        weights = owned_weights(layers[group.name], group, origin.keras)
        if isinstance(weights, str):
            skipped[paths.get(layers[group.name].identity, group.name)] = weights
            continue
        in_group: dict[str, list[StoredVariable]] = {}
        for layer, part, variable, array in weights:
            path = paths.get(layer.identity, "")
            if not path:
                skipped[group.name] = "the model of the config does not use it"
                continue
            if layer.class_name.startswith("LocallyConnected"):
                skipped[path] = LOCALLY_CONNECTED
            if part:
                parts.setdefault(f"{path}/{part}", {}).setdefault(variable, array)
                continue
            try:
                current = current_array(layer, variable, array, origin.is_keras_1, origin.backend)
            except UnknownAxesError as error:
                skipped[path] = str(error)
                continue
            in_group.setdefault(path, []).append(StoredVariable(variable, current))
        for path, of_layer in in_group.items():  # what two groups share is in both
            variables.setdefault(path, of_layer)
    of_layers = kernels_of_layers(architecture, variables)
    of_parts, reasons = kernels_of_unknown_layers(parts, origin)
    kernels = [*of_layers.kernels, *of_parts]
    places = {node.path: place for place, node in enumerate(architecture.nodes)}
    kernels.sort(key=lambda kernel: _place(kernel.name, places))
    skipped = {**of_layers.skipped, **skipped, **reasons}
    return LayerKernels(tuple(kernels), skipped, of_layers.notes), variables


def _place(name: str, places: Mapping[str, int]) -> int:
    """Returns the place of the layer of a kernel: of the longest path that begins its name."""
    while name not in places and name:
        name = name.rpartition("/")[0]
    return places.get(name, len(places))


def _is_of_keras_1_on_theano(groups: Sequence[SavedLayer], origin: Origin) -> bool:
    """Returns True for names that Keras 1 gave on Theano: on TensorFlow they end with `:0`."""
    names = [weight.name for group in groups for weight in group.weights]
    return origin.is_keras_1 and not any(":" in name or name.startswith("param_") for name in names)
