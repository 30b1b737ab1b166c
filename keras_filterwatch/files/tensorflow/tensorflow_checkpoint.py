"""Checkpoints of TensorFlow as model files: of TensorFlow 2, with objects, and of TensorFlow 1."""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.layers.named_kernels import kernels_of_variables
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.files.tensorflow.tensorflow_bundle import Bundle, read_bundle
from keras_filterwatch.files.tensorflow.tensorflow_folder import find_checkpoint
from keras_filterwatch.files.tensorflow.tensorflow_variables import (
    variables_of_names,
    variables_of_objects,
)
from keras_filterwatch.files.tensorflow.trackable_objects import read_objects
from keras_filterwatch.sources.arrays import kernels_of_arrays

_FORMAT = "TensorFlow checkpoint, read without TensorFlow"


def read_tensorflow_checkpoint(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of a checkpoint, by the names that TensorFlow gave the variables.

    Args:
        path: the `.index` file, its prefix, or a folder with the file `checkpoint` in it.
        stack: not used: data files are opened when a kernel is read.
        layout: the order of the axes of all arrays, as `snapshot_of` takes it; None for that of
            TensorFlow.

    Raises:
        UnreadableFileError: it is damaged, holds no kernel, or is something else.
        UnsafeFileError: it leads to other files, or is larger than any known model.
    """
    found = find_checkpoint(path)
    bundle = read_bundle(found.prefix, found.is_chosen)
    notes = []
    if found.others:
        notes.append(
            f"The folder tells of {found.others + 1} checkpoints, of which the latest, "
            f"{found.prefix.name!r}, was read: `keras-filterwatch series` judges all of them."
        )
    return file_of_bundle(_FORMAT, bundle, found.prefix, layout, notes)


def file_of_bundle(
    format_name: str,
    bundle: Bundle,
    prefix: Path,
    layout: str | Mapping[str, str] | None,
    notes: list[str],
) -> ModelFile:
    """Returns the kernels of a checkpoint that does not have the config of its model.

    Args:
        format_name: what kind of file it is.
        bundle: the checkpoint.
        prefix: its path, for messages to users.
        layout: as `read_tensorflow_checkpoint` takes it.
        notes: what else is to be said.

    Raises:
        UnreadableFileError: it holds no kernel.
        UnsafeFileError: its objects are more than those of any known model.
    """
    if bundle.graph:
        contents = variables_of_objects(bundle, read_objects(bundle.graph, str(prefix)))
    else:
        contents = variables_of_names(bundle)
    try:
        if layout is None:
            kernels, skipped = kernels_of_variables(contents.variables)
        else:
            arrays = {each.name: each.array for each in contents.variables}
            kernels, skipped = kernels_of_arrays(arrays, layout)
    except ValueError as error:
        raise UnreadableFileError(f"{prefix} cannot be read: {error}") from error
    if not kernels:
        skipped |= contents.skipped
        reasons = [f"{name!r}: {reason}" for name, reason in [*skipped.items()][:8]]
        raise UnreadableFileError(
            f"{prefix} holds no kernel that can be scored; {'; '.join(reasons) or 'it is empty'}."
        )
    for name in contents.skipped:  # a layer with one that cannot be read is no layer without
        skipped.pop(name.rpartition("/")[0], None)
    unknown = any(not kernel.layer_type for kernel in kernels)
    notes += _notes(has_names_alone=not bundle.graph, has_unknown_classes=unknown)
    return ModelFile(
        format_name,
        tuple(kernels),
        {**skipped, **contents.skipped, **_left_out(contents.left_out)},
        notes,
        logs=contents.logs,
        updates=contents.updates,
        has_weights_alone=True,
    )


def _notes(has_names_alone: bool, has_unknown_classes: bool) -> list[str]:
    """Returns what the checkpoint does not tell, in sentences."""
    notes = [
        "A checkpoint does not tell which layer follows which: dead filters are judged without the "
        "BatchNormalization behind a layer, and Dense layers have no image axes."
    ]
    if has_unknown_classes:
        notes.append(
            "It does not tell the classes of layers either: kernels of layers with names of the "
            "user's own are taken as those of ordinary convolutions and Dense layers, unless their "
            "shapes say otherwise."
        )
    if has_names_alone:
        notes.append("The kernels come in the order of their names, not in that of their use.")
    return notes


def _left_out(count: int) -> dict[str, str]:
    if not count:
        return {}
    return {"optimizer": f"{count} variables of optimizers, averages or metrics, no kernels"}
