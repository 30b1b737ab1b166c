"""Dense kernels that read an image, and the chain of kernels from the image to the classes."""

import operator
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.draw.caption import step_of
from keras_filterwatch.draw.layer_argument import example_of, named_kernels
from keras_filterwatch.draw.run_argument import recorded_scores, source_at
from keras_filterwatch.draw.tiles import TileFormat, tile_format
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.scores import Scores
from keras_filterwatch.sources import shared_snapshot_of
from keras_filterwatch.text import listed

LEFT_OUT_NOTE = "left out: biases, non-linearities, normalizations"


def reads_image(kernel: Kernel) -> bool:
    """True if the kernel is `(height, width, channels, units)`, of a Dense layer.

    A kernel of an unknown layer, such as a plain array, may be one.

    Example:
        >>> reads_image(Kernel("a", "Dense", np.ones((4, 4, 1, 2)), kind="dense"))
        True
        >>> reads_image(Kernel("a", "Conv2D", np.ones((3, 3, 1, 2)), kind="conv"))
        False
    """
    return kernel.kind in ("dense", "unknown") and len(kernel.spatial) == 2 and kernel.has_window


def image_kernel(
    source: Any, layer: Any = None, window: Mapping[str, Window] | None = None
) -> Kernel:
    """Returns the Dense kernel `(height, width, channels, units)` that `layer` names.

    If it is None, or if several kernels match, the first is returned. The arguments are those of
    `named_kernels`.

    Example:
        >>> image_kernel({"hidden": np.ones((4, 4, 1, 8)), "head": np.ones((8, 2))}).name
        'hidden'

    Raises:
        ValueError: the source has no kernel of that name, or none that reads an image.
    """
    kernels = named_kernels(source, layer, window)
    for kernel in kernels:
        if reads_image(kernel):
            return kernel
    descriptions = [
        " ".join(filter(None, (kernel.name, kernel.layer_type, str(kernel.array.shape))))
        for kernel in kernels
    ]
    raise ValueError(
        f"there is no template to draw: among [{listed(descriptions, most=6)}] is no Dense kernel "
        "with the axes (height, width, channels, units). A Dense layer has them where it reads an "
        "input image of known size: begin the model with Input(shape) and Flatten(), or say what "
        f"image it reads, {example_of(kernels)}. draw.filters draws convolutions."
    )


def dense_chain(
    source: Any,
    layer: Any = None,
    window: Mapping[str, Window] | None = None,
    step: int | None = None,
) -> list[Kernel]:
    """Returns the Dense kernel that `layer` names, as `image_kernel` does, and all behind it.

    Args:
        source, layer, window: as `image_kernel` takes them; or the source is a `Run`.
        step: of a `Run`; None for the last one.

    Raises:
        ValueError: there is no such kernel, the kernels behind it do not fit to each other, or a
            `Run` does not have all of them.
    """
    kernel_source = source_at(source, step, layer)
    name = image_kernel(kernel_source, layer, window).name
    kernels = shared_snapshot_of(kernel_source, window=window).kernels
    _check_recorded(kernels, name, recorded_scores(source, step))
    chain = list(kernels[[kernel.name for kernel in kernels].index(name) :])
    try:
        _check_chain({repr(kernel.name): kernel.array.shape for kernel in chain})
    except ValueError as error:
        raise ValueError(
            f"no path leads from {name!r} to classes: {error} From the image to the classes there "
            "must be Dense layers only, each behind the other; of another network pass those that "
            "are, as a dict of kernels."
        ) from error
    return chain


def _check_recorded(kernels: Sequence[Kernel], first: str, scores: Scores | None) -> None:
    """Raises ValueError unless a record has all filters of all kernels from `first` on.

    Args:
        kernels: those that were recorded.
        first: the name of the first that is needed.
        scores: of the whole network at the same step; None of sources that are no record.
    """
    if scores is None:
        return
    shapes = {kernel.name: kernel.array.shape for kernel in kernels}
    names = list(scores)
    for name in names[names.index(first) :]:
        filters = shapes[name][-1] if name in shapes else 0
        if filters < scores[name].shape[-1]:
            raise ValueError(
                f"no path leads from {first!r} to classes in the record: it has {filters} of "
                f"{scores[name].shape[-1]} filters of {name!r}, since all weights of small "
                "networks only are recorded. Pass the model."
            )


def path_templates(kernels: Any, *, step: int | None = None) -> NDArray[np.float64]:
    """Returns what a chain of Dense kernels computes if each unit is linear: class templates.

    Args:
        kernels: arrays, the first `(height, width, channels, units)`, each other one
            `(inputs, units)` with as many inputs as the one before has units; the last one's units
            are the classes. Or a source that has such kernels: a model, a `Snapshot`, a dict or a
            `Run`.
        step: of a `Run`; None for the last one.

    Returns:
        The product of the kernels, `(height, width, channels, classes)`. The output for a class,
        without its biases, is the sum of the class's template times the input.

    Raises:
        ValueError: the kernels do not fit to each other, or a `Run` does not have all of them.

    Example:
        >>> path_templates([np.ones((4, 4, 1, 8)), np.ones((8, 2))]).shape
        (4, 4, 1, 2)
    """
    if not isinstance(kernels, Sequence):
        kernels = [kernel.array for kernel in dense_chain(kernels, step=step)]
    _check_chain({f"kernel {i}": np.shape(kernel) for i, kernel in enumerate(kernels)})
    first, *rest = (np.asarray(kernel).astype(np.float64) for kernel in kernels)
    with np.errstate(all="ignore"):  # weights that diverged are drawn in magenta
        return first @ matrix_product(rest) if rest else first


def matrix_product(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Returns the product of all matrices, from the last one backwards, where it costs least."""
    product = matrices[-1]
    for matrix in matrices[-2::-1]:
        product = matrix @ product
    return product


def _check_chain(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises ValueError unless kernels of these names and shapes fit to each other."""
    names = list(shapes)
    if not names or len(shapes[names[0]]) != 4:
        raise ValueError(
            f"kernels of shapes [{', '.join(map(str, shapes.values()))}] came: the first must be "
            "(height, width, channels, units)."
        )
    for before, name in pairwise(names):
        units = shapes[before][-1]
        if len(shapes[name]) != 2 or shapes[name][0] != units:
            raise ValueError(
                f"{name} has shape {shapes[name]}: behind the {units} units of {before} it must "
                f"be ({units}, units)."
            )


def check_numbers(
    argument: str, numbers: Iterable[int] | int | None, count: int, recorded: int | None = None
) -> list[int]:
    """Returns the numbers of units or classes that a caller asks for; all if `numbers` is None.

    Args:
        argument: its name, for messages.
        numbers: one or several, each from 0 to `count` - 1.
        count: how many units or classes there are.
        recorded: how many of them a `Run` has; None for all.

    Raises:
        TypeError: something else than whole numbers came.
        ValueError: no number came, or one that is out of range or not recorded.

    Example:
        >>> check_numbers("units", 2, count=3)
        [2]
    """
    if numbers is None:
        return list(range(count))
    several = numbers if isinstance(numbers, Iterable) else [numbers]
    try:
        checked = [operator.index(number) for number in several]
    except TypeError as error:
        raise TypeError(
            f"{argument}={numbers!r:.80}: whole numbers are needed, such as [0, 1]."
        ) from error
    if not checked:
        raise ValueError(f"{argument}: the list is empty; name some, or leave it out for all.")
    absent = [number for number in checked if not 0 <= number < count]
    if absent:
        raise ValueError(f"{argument} [{listed(absent)}] do not exist: there are 0 to {count - 1}.")
    recorded = count if recorded is None else recorded
    if max(checked) >= recorded:
        raise ValueError(
            f"{argument} [{listed(number for number in checked if number >= recorded)}] were not "
            f"recorded: of this layer a Run has the first {recorded} of {count}. Pass the model."
        )
    return checked


def kernel_tile_format(kernel: Kernel, target: int, text: str, columns: int = 1) -> TileFormat:
    """Returns how the templates of a kernel's units are drawn as tiles; see `tile_format`."""
    with np.errstate(all="ignore"):
        strengths = np.square(kernel.array.astype(np.float32)).sum(axis=(0, 1, 3))
    return tile_format(strengths, kernel.spatial, target, text, columns)


def chain_caption(source: Any, chain: Sequence[Kernel], step: int | None = None) -> list[str]:
    """Returns names, sizes and the step of a chain, for a caption."""
    sizes = " - ".join([image_size(chain[0]), *(str(kernel.filters) for kernel in chain)])
    step = step_of(source) if step is None else step
    names = " - ".join(kernel.name for kernel in chain)
    return [names, sizes, "" if step is None else f"step {step}"]


def image_size(kernel: Kernel) -> str:
    """Returns the size of the image that a kernel reads, such as `"28x28x1"`."""
    return "x".join(map(str, kernel.array.shape[:3]))
