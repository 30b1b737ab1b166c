"""A saved file as a Snapshot: the layers that are asked for, with the images that they read."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from keras_filterwatch.files.open_file import looks_like_file, open_file, warn_of_notes
from keras_filterwatch.files.stored import ModelFile, StoredKernel
from keras_filterwatch.image_windows import (
    ImageShape,
    Reader,
    Window,
    assign_images,
    with_image_axes,
)
from keras_filterwatch.kernel_names import matching_kernels
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.text import suggestion


def snapshot_of_file(
    path: str | os.PathLike[str],
    layers: Any = None,
    layout: str | Mapping[str, str] | None = None,
    window: Mapping[str, Window] | None = None,
) -> Snapshot:
    """Returns the kernels of a saved file; only those that are asked for are read.

    Args:
        path: as `open_file` takes it.
        layers: a name, a glob pattern, or several of these; None for all.
        layout, window: as `snapshot_of` takes them.

    Raises:
        OSError, ValueError: as `open_file`; or there is no such layer, or `window` does not fit.
        TypeError: `layers` are no names.

    Example:
        >>> import tempfile
        >>> path = tempfile.mkdtemp() + "/weights.npz"
        >>> np.savez(path, conv=np.ones((3, 3, 1, 8), "f4"), head=np.ones((8, 2), "f4"))
        >>> [kernel.name for kernel in snapshot_of_file(path, "head").kernels]
        ['head']
    """
    check_is_file(path)
    with open_file(path, layout=layout) as opened:
        warn_of_notes(opened, path, stacklevel=5)
        file = with_layers(with_images(opened, window), layers)
        return Snapshot(0, tuple(kernel.read() for kernel in file.kernels), file.skipped)


def check_is_file(path: str | os.PathLike[str]) -> None:
    """Raises an error if a path is the name of a layer, or an address.

    Raises:
        ValueError: it can be no file.
    """
    place = os.fspath(path)
    if "://" in place:
        raise ValueError(
            f"source: {place!r} is an address: copy the file to this machine, and pass its path."
        )
    if not looks_like_file(place):
        raise ValueError(
            f"source: {place!r} is no saved model, such as 'model.keras'. The model comes first, "
            "the layer second, such as filters(model, 'conv2d')."
        )


def with_layers(file: ModelFile, layers: Any) -> ModelFile:
    """Returns a file with the layers only that are asked for; the others are named as skipped.

    Args:
        file: the file.
        layers: as `snapshot_of_file` takes them.

    Raises:
        TypeError: `layers` are no names.
        ValueError: there is no such layer.

    Example:
        >>> with_layers(ModelFile("HDF5", ()), None).kernels
        ()
    """
    if layers is None:
        return file
    choices = [layers] if isinstance(layers, str) else layers
    if not isinstance(choices, Iterable) or not all(isinstance(each, str) for each in choices):
        raise TypeError(
            f"layer: a saved file knows its layers by their names; got {layers!r:.80}. Pass a name "
            "or a glob pattern."
        )
    names = [kernel.name for kernel in file.kernels]
    chosen: set[str] = set()
    for choice in choices:
        matching = matching_kernels(choice, (kernel.names for kernel in file.kernels))
        if not matching:
            reason = file.skipped.get(choice)
            problem = (
                f"{choice!r} has no kernel that can be read ({reason})."
                if reason
                else f"no kernel is called {choice!r}; {suggestion(choice, names)}."
            )
            raise ValueError(f"layer: {problem}")
        chosen.update(matching)
    others = {name: "not among the chosen layers" for name in names if name not in chosen}
    kernels = tuple(kernel for kernel in file.kernels if kernel.name in chosen)
    return replace(file, kernels=kernels, skipped={**file.skipped, **others})


def with_images(file: ModelFile, window: Mapping[str, Window] | None) -> ModelFile:
    """Returns a file whose dense kernels have the axes of the images that they read.

    Args:
        file: the file.
        window: as `snapshot_of` takes it.

    Raises:
        TypeError, ValueError: `window` does not fit.

    Example:
        >>> dense = Kernel("dense", "Dense", np.ones((784, 10)), kind="dense")
        >>> stored = StoredKernel("dense", "Dense", (784, 10), lambda: dense, "dense")
        >>> with_images(ModelFile("HDF5", (stored,)), {"dense": (28, 28)}).kernels[0].shape
        (28, 28, 1, 10)
    """
    if window is None:
        return file
    readers = [Reader(kernel.names, kernel.kind, kernel.shape) for kernel in file.kernels]
    images, problems = assign_images(window, readers)
    if problems:
        raise ValueError(" ".join(f"{problem}." for problem in problems))
    kernels = []
    for kernel in file.kernels:
        if kernel.name in images:
            image = images[kernel.name]
            shape = with_image_axes(np.broadcast_to(np.int8(0), kernel.shape), image).shape
            read = partial(_read_with_image, kernel, image, file.channels_first)
            kernel = replace(kernel, shape=shape, read=read)
        kernels.append(kernel)
    return replace(file, kernels=tuple(kernels))


def _read_with_image(
    stored: StoredKernel, image: ImageShape | None, channels_first: bool
) -> Kernel:
    kernel = stored.read()
    arrange = image_axes_of_torch if channels_first and image else with_image_axes
    return replace(kernel, array=arrange(kernel.array, image), image_is_guess=False)


def image_axes_of_torch(array: Array, image: ImageShape | None) -> Array:
    """Returns what `with_image_axes` does, of images flattened as `(channels, height, width)`.

    Example:
        >>> image_axes_of_torch(np.arange(12.0).reshape(12, 1), (2, 2, 3))[0, 0, :, 0].tolist()
        [0.0, 4.0, 8.0]
    """
    if image is None:
        return with_image_axes(array, None)
    height, width, channels = image
    flat = with_image_axes(array, None)
    return flat.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
