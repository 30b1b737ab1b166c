"""What users pass (a model, a saved file, arrays, a callback or a snapshot) as a Snapshot."""

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from keras_filterwatch.image_windows import Window, with_windows
from keras_filterwatch.keras_backend import explains_missing_backend
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.sources.arrays import has_channels_first, snapshot_of_arrays
from keras_filterwatch.sources.frameworks import check_is_keras_3, is_keras_layer, is_torch_module
from keras_filterwatch.sources.saved_files import image_axes_of_torch, snapshot_of_file
from keras_filterwatch.sources.torch_modules import snapshot_of_module


def snapshot_of(
    source: Any,
    layers: Any = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    window: Mapping[str, Window] | None = None,
) -> Snapshot:
    """Returns the kernels of a source; those of a model as they are now, whatever comes later.

    Args:
        source: a Keras model, the path of a saved one or of weights (docs/files.md lists the
            formats; nothing in the file is run), a `Snapshot`, a `FilterWatch` (its last step), a
            `torch.nn.Module`, or a dict of arrays by their names: kernels, the state dict of
            PyTorch, or the nested parameters of Flax.
        layers: of a Keras model or a file, the layers to take; None for all. Other sources ignore
            it.
        layout: of a dict, or a file of plain arrays, the order of the arrays' axes, such as
            `"OIHW"`, or a dict of the names of arrays, or patterns of them, with the layout of
            each. `O` is the axis of the filters, `I` that of the channels that each reads. `"OIHW"`
            also says that dense arrays are `"OI"`. None for the order of the framework: `"OIHW"`
            for tensors of PyTorch, Keras's own `"HWIO"` for all others.
        window: a dict of the names of Dense layers, or patterns of them, with the
            `(height, width, channels)` of the image that each reads flattened; as
            `(channels, height, width)` in PyTorch.

    Raises:
        TypeError: the source is none of these.
        ValueError: the file is refused or cannot be read, the model has no weights yet, no array
            is a kernel, or the axes of one are in another order than `layout` says.
        OSError: the file is not there.

    Example:
        >>> import numpy as np
        >>> arrays = {"conv.weight": np.ones((16, 3, 5, 5)), "conv.bias": np.ones(16)}
        >>> snapshot = snapshot_of(arrays, layout="OIHW")
        >>> [(kernel.name, kernel.array.shape) for kernel in snapshot.kernels]
        [('conv.weight', (5, 5, 3, 16))]
    """
    snapshot = shared_snapshot_of(source, layers, layout=layout, window=window)
    # on some backends, training would change what is shared
    is_model = is_keras_layer(source) or is_torch_module(source)
    return snapshot.copied() if is_model else snapshot


def shared_snapshot_of(
    source: Any,
    layers: Any = None,
    *,
    layout: str | Mapping[str, str] | None = None,
    window: Mapping[str, Window] | None = None,
) -> Snapshot:
    """Returns what `snapshot_of` does, without a copy of a model's weights: to be used at once."""
    if isinstance(source, Mapping):
        snapshot = snapshot_of_arrays(source, layout)
        return _with_windows(snapshot, window, has_channels_first(source, layout))
    if isinstance(source, str | os.PathLike):
        return snapshot_of_file(source, layers, layout, window)
    if layout is not None:
        raise ValueError(
            "layout: only a dict of arrays, or a file of them, takes one; how the axes of "
            f"{type(source).__name__} are ordered is known."
        )
    check_is_keras_3(source)
    if is_torch_module(source):
        return _with_windows(snapshot_of_module(source), window, channels_first=True)
    if is_keras_layer(source):
        with explains_missing_backend():
            from keras_filterwatch.model import (
                find,
            )  # so only those who pass a model wait for Keras
        return find.snapshot(source, layers=layers, window=window)
    of_watch = None if isinstance(source, Snapshot) else getattr(source, "snapshot", None)
    snapshot = source if of_watch is None else of_watch
    if not isinstance(snapshot, Snapshot):
        raise TypeError(
            "a Keras model, the path of a saved one, a Snapshot, a FilterWatch, a torch.nn.Module "
            f"or a dict {{name: array}} is needed; got {type(source).__name__}."
        )
    return _with_windows(snapshot, window)


def _with_windows(
    snapshot: Snapshot, window: Mapping[str, Window] | None, channels_first: bool = False
) -> Snapshot:
    """Returns a snapshot in which dense kernels have the axes of the images that they read.

    Args:
        snapshot: the kernels.
        window: as `snapshot_of` takes it.
        channels_first: whether the images were flattened as `(channels, height, width)`.
    """
    if window is None:
        return snapshot
    with_images = with_windows(snapshot, window)
    if not channels_first:
        return with_images
    kernels = []
    for flat, kernel in zip(snapshot.kernels, with_images.kernels, strict=True):
        if kernel.array.ndim == 4 and flat.array.ndim == 2:
            height, width, channels, _ = kernel.array.shape
            array = image_axes_of_torch(flat.array, (height, width, channels))
            kernel = replace(kernel, array=array)
        kernels.append(kernel)
    return replace(with_images, kernels=tuple(kernels))
