"""What users pass, a model, a saved file, arrays or a snapshot, as a Snapshot."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Kernel, Snapshot


def snapshot_of(source: Any, layers: Any = None) -> Snapshot:
    """Returns the kernels of a source.

    Args:
        source: a Keras model, the path of one saved as `.keras` or `.h5`, a `Snapshot`, or a dict
            `{name: array}` of kernels with axes `(*spatial, channels, filters)`.
        layers: of a model, the layers to take; None for all. Other sources ignore it.

    Raises:
        TypeError: the source is none of these.
        ValueError: the path is that of no saved model, the model has no weights yet, or an array
            is no kernel.

    Example:
        >>> snapshot_of({"conv": np.ones((3, 3, 1, 4))}).kernels[0].name
        'conv'
    """
    if isinstance(source, Snapshot):
        return source
    if isinstance(source, Mapping):
        kernels = [Kernel(str(name), "", np.asarray(array)) for name, array in source.items()]
        return Snapshot(0, tuple(kernels))
    if isinstance(source, str | os.PathLike) and not _may_be_saved_model(os.fspath(source)):
        raise ValueError(
            f"source: {os.fspath(source)!r} is no saved model (.keras or .h5). The model comes "
            "first, the layer second, such as filters(model, 'conv2d')."
        )
    from keras_filterwatch.model import find  # needs Keras, so only those who pass a model wait

    if isinstance(source, str | os.PathLike):
        source = find.load(source)
    if not find.is_model(source):
        raise TypeError(
            "a Keras model, the path of a saved one, a Snapshot or a dict {name: array} is needed; "
            f"got {type(source).__name__}."
        )
    return find.snapshot(source, layers=layers)


def _may_be_saved_model(path: str) -> bool:
    """Returns True for what `keras.saving.load_model` may load: also folders and addresses."""
    is_folder = os.path.isdir(path)  # noqa: PTH112 (Path.is_dir raises for names that are too long)
    return is_folder or path.endswith((".keras", ".h5", ".hdf5")) or "://" in path
