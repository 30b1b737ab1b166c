"""The argument `window`: the images that dense kernels read flattened; and guesses of their size.

A dense kernel that reads a flattened image gets the axes of the image, so that it can be drawn and
its noise can be scored.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any, NamedTuple, TypeAlias

from keras_filterwatch.kernel_names import KernelNames, matching_kernels
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.text import printable, suggestion

Window: TypeAlias = tuple[int, ...] | None  # (height, width) or (height, width, channels)
ImageShape: TypeAlias = tuple[int, int, int]  # (height, width, channels)

_OWN_WINDOW = ("conv", "depthwise", "transposed")  # kinds of kernels that read no flattened image


class Reader(NamedTuple):
    """A kernel that `window` may name.

    Attributes:
        names: the kernel's names.
        kind: as in `Kernel.kind`.
        shape: `(*spatial, channels, filters)`.
    """

    names: KernelNames
    kind: str
    shape: tuple[int, ...]

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.names.name

    @property
    def inputs(self) -> int:
        """How many numbers a filter reads."""
        return math.prod(self.shape[:-1])


class AssignedImages(NamedTuple):
    """What `window` says about the kernels of a network.

    Attributes:
        images: kernel name -> the image that it reads; None where it reads none. Kernels that
            `window` does not name are absent.
        problems: a sentence without a full stop for each part of `window` that cannot be used.
    """

    images: dict[str, ImageShape | None]
    problems: tuple[str, ...]


def parse_windows(window: Mapping[str, Window]) -> dict[str, Window]:
    """Returns `window` with sizes as tuples of ints.

    Args:
        window: the name of a kernel or layer, or a glob pattern, -> `(height, width)` or
            `(height, width, channels)`; None for a kernel that reads no image.

    Raises:
        TypeError: no mapping of names to sizes.
        ValueError: a size that no image has.

    Example:
        >>> parse_windows({"dense": [28, 28]})
        {'dense': (28, 28)}
        >>> parse_windows((28, 28))
        Traceback (most recent call last):
        ...
        TypeError: window: a dict of layers' names and (height, width, channels) is needed, such \
as {'dense': (28, 28, 1)}; got (28, 28).
    """
    if not isinstance(window, Mapping) or not all(isinstance(name, str) for name in window):
        raise TypeError(
            "window: a dict of layers' names and (height, width, channels) is needed, such as "
            f"{{'dense': (28, 28, 1)}}; got {window!r:.80}."
        )
    return {name: _parse_size(name, size) for name, size in window.items()}


def _parse_size(name: str, size: Any) -> Window:
    if size is None:
        return None
    numbers = list(size) if isinstance(size, Iterable) and not isinstance(size, str) else []
    are_whole = all(isinstance(n, Integral) and not isinstance(n, bool) for n in numbers)
    if len(numbers) not in (2, 3) or not are_whole:
        raise TypeError(
            f"window: {printable(name)!r} needs (height, width) or (height, width, channels) in "
            f"whole numbers, or None for no image; got {size!r:.80}."
        )
    if min(numbers) < 1:
        raise ValueError(f"window: {printable(name)!r}: no image has the size {size!r:.80}.")
    return tuple(int(n) for n in numbers)


def with_windows(snapshot: Snapshot, window: Mapping[str, Window]) -> Snapshot:
    """Returns a snapshot in which dense kernels have the axes of the images that they read.

    Args:
        snapshot: the kernels.
        window: as `parse_windows` takes it. A name comes before a pattern. Of a pattern, or of the
            name of a block, the kernels count that read as many numbers as the image has.

    Raises:
        TypeError, ValueError: as `parse_windows`; or no kernel has a name, or the kernel cannot
            read such an image.

    Example:
        >>> import numpy as np
        >>> snapshot = Snapshot(0, (Kernel("dense", "Dense", np.ones((784, 10)), kind="dense"),))
        >>> with_windows(snapshot, {"dense": (28, 28)}).kernels[0].array.shape
        (28, 28, 1, 10)
    """
    readers = [
        Reader(KernelNames(kernel.name), kernel.kind, kernel.array.shape)
        for kernel in snapshot.kernels
    ]
    images, problems = assign_images(window, readers)
    if problems:
        raise ValueError(" ".join(f"{problem}." for problem in problems))
    kernels = tuple(
        _with_image(kernel, images[kernel.name]) if kernel.name in images else kernel
        for kernel in snapshot.kernels
    )
    return replace(snapshot, kernels=kernels)


def _with_image(kernel: Kernel, image: ImageShape | None) -> Kernel:
    return replace(kernel, array=with_image_axes(kernel.array, image))


def with_image_axes(array: Array, image: tuple[int, ...] | None) -> Array:
    """Returns a dense kernel's array as `(height, width, channels, units)`, or `(inputs, units)`.

    Args:
        array: `(inputs, units)`, or with the axes of an image already.
        image: `(height, width, channels)`; None for no image.

    Example:
        >>> import numpy as np
        >>> with_image_axes(np.ones((12, 5)), (2, 2, 3)).shape
        (2, 2, 3, 5)
        >>> with_image_axes(np.ones((2, 2, 3, 5)), None).shape
        (12, 5)
    """
    return array.reshape(*(image or (-1,)), array.shape[-1])


def assign_images(window: Mapping[str, Window], readers: Iterable[Reader]) -> AssignedImages:
    """Returns which kernel reads which image, as `window` says, and what is wrong with it.

    Raises:
        TypeError, ValueError: as `parse_windows`.

    Example:
        >>> dense = Reader(KernelNames("dense"), "dense", (784, 100))
        >>> assign_images({"dense": (28, 28)}, [dense]).images
        {'dense': (28, 28, 1)}
        >>> assign_images({"dense": (32, 32, 3)}, [dense]).problems[0]
        "window: 'dense' reads 784 numbers, and an image of 32x32x3 has 3072: give (height, width, \
channels) with as many"
    """
    by_name = {each.name: each for each in readers}
    names = [each.names for each in by_name.values()]
    images: dict[str, ImageShape | None] = {}
    named: dict[str, ImageShape | None] = {}
    problems = []
    for choice, size in parse_windows(window).items():
        matching = [by_name[name] for name in matching_kernels(choice, names)]
        fitting = {each.name: _image_of(each, size) for each in matching if _fits(each, size)}
        if not fitting:
            problems.append(f"window: {_problem(choice, size, matching, list(by_name))}")
        is_pattern = any(mark in choice for mark in "*?[")
        (images if is_pattern else named).update(fitting)
    return AssignedImages(images | named, tuple(problems))


def _fits(reader: Reader, size: Window) -> bool:
    if reader.kind in _OWN_WINDOW:
        return False
    return size is None or _image_of(reader, size) is not None


def _image_of(reader: Reader, size: Window) -> ImageShape | None:
    """Returns the image of this size that a kernel reads; None if it reads more or less."""
    if size is None:
        return None
    height, width = size[:2]
    channels = size[2] if len(size) == 3 else max(1, reader.inputs // (height * width))
    return (height, width, channels) if height * width * channels == reader.inputs else None


def _problem(choice: str, size: Window, matching: list[Reader], names: list[str]) -> str:
    """Returns why `window` cannot be used for one name or pattern."""
    name = printable(choice)
    if not matching:
        return f"no kernel is called {name!r}; {suggestion(name, names)}"
    able = [each for each in matching if each.kind not in _OWN_WINDOW]
    if not able or size is None:
        own = "x".join(map(str, matching[0].shape[:-2]))
        return (
            f"{matching[0].name!r} has a window of its own, {own}: only a layer that reads a "
            "flattened image takes one"
        )
    reads = ", ".join(f"{each.name!r} reads {each.inputs} numbers" for each in able[:3])
    return (
        f"{reads}, and an image of {size_text(size)} has {math.prod(size)}: give (height, width, "
        "channels) with as many"
    )


def size_text(image: tuple[int, ...]) -> str:
    """Returns a size for a message.

    Example:
        >>> size_text((28, 28, 1))
        '28x28x1'
    """
    return "x".join(map(str, image))
