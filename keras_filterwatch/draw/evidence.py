"""Inputs and a Dense network in, evidence out: which pixels speak for a unit or a class."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from keras_filterwatch.draw import canvas, tiles
from keras_filterwatch.draw.dense import (
    LEFT_OUT,
    chain_caption,
    chain_of,
    fit_of,
    image_kernel,
    path_templates,
)
from keras_filterwatch.kernels import Array, Kernel

MAX_INPUTS = 16  # rows
FEW_CLASSES = 10  # where none are asked for


def evidence(
    source: Any,
    inputs: ArrayLike,
    *,
    units: Iterable[int] | int | None = None,
    classes: Iterable[int] | int | None = None,
    layer: Any = None,
) -> Image.Image:
    """For some inputs, which pixels speak for a unit or a class, red, and which against it, blue.

    A row for each input: the input itself, then a map for each unit, its incoming weights times
    the input, and for each class, its path template (see `class_paths`) times the input; of
    several channels the sum. White pixels have no say. Under each map is its sum. Of a unit that
    is its output before bias and non-linearity, exactly; of a class behind hidden layers it is
    what the network would say if each unit were linear, so compare it with what it does say.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        inputs: images `(n, height, width)` or `(n, height, width, channels)`, channels last, as
            the Dense layer reads them: scaled, where a layer before it scales them.
        units: of the first Dense layer, those to draw; none if not given.
        classes: those to draw; where neither units nor classes are given, the first ten.
        layer: the Dense layer that reads the inputs, if there are several.

    Raises:
        ValueError: the inputs do not have the layer's shape; no such layer, unit or class; too
            many maps for a picture; or, where classes are drawn, the kernels form no chain.
    """
    kernel = image_kernel(source, layer)
    images = _checked(inputs, kernel)
    of_units = [] if units is None else tiles.chosen("units", units, kernel.filters)
    chain, of_classes = [kernel], []
    by_default = units is None and classes is None
    if by_default or classes is not None:
        chain = chain_of(source, layer)
        of_classes = tiles.chosen("classes", classes, chain[-1].filters)
        of_classes = of_classes[:FEW_CLASSES] if by_default else of_classes
    columns = 1 + len(of_units) + len(of_classes)
    fit = fit_of(kernel, 112, f"unit {kernel.filters}", columns)
    shown = images[: min(MAX_INPUTS, fit.down)].astype(np.float64)

    pixels, range_ = _as_pictures(shown, fit)
    rows = [[tiles.Tile(each, f"input {i}")] for i, each in enumerate(pixels)]
    limits = []
    if of_units:
        limits.append(_add_maps(rows, shown, kernel.array, "unit", of_units, fit))
    if of_classes:
        paths = path_templates([each.array for each in chain])
        limits.append(_add_maps(rows, shown, paths, "class", of_classes, fit))
    several = " (sums over channels)" if kernel.channels > 1 else ""
    notes = [
        f"red for, blue against{several}",
        f"inputs: {range_}",
        canvas.first(len(shown), len(images), "inputs"),
        canvas.first(len(of_classes), chain[-1].filters, "classes") if by_default else "",
        *fit.notes,
        LEFT_OUT,
    ]
    apart = [1, 1 + len(of_units)] if of_units and of_classes else [1]
    grid = tiles.grid_of(rows, apart=apart)
    return canvas.page(grid, chain_caption(source, chain), notes, tiles.scales(limits))


def _add_maps(
    rows: Sequence[list[tiles.Tile]],
    images: Array,
    weights: Array,
    what: str,
    numbers: Sequence[int],
    fit: tiles.Fit,
) -> tuple[str, float, bool]:
    """A map at the end of each row for some of the weights `(height, width, channels, units)`."""
    with np.errstate(all="ignore"):
        maps = np.einsum("nhwc,hwcu->nuhw", images, weights[..., numbers].astype(np.float64))
        sums = maps.sum(axis=(2, 3))
    limit = canvas.limit_of(maps)
    for row, of_input, totals in zip(rows, maps, sums, strict=True):
        for number, each, total in zip(numbers, of_input, totals, strict=True):
            words = f"{what} {number}", f"sum {tiles.signed(total, 3)}"
            row.append(tiles.Tile(fit.tile(each, limit), *words))
    return what, limit, False


def _checked(inputs: ArrayLike, kernel: Kernel) -> Array:
    """The inputs as `(n, height, width, channels)`."""
    images = np.asarray(inputs)
    shape = kernel.array.shape[:3]
    if images.ndim == 3 and shape[2] == 1:
        images = images[..., np.newaxis]
    if images.shape[1:] != shape or not len(images):
        needed = "(n, " + ", ".join(map(str, shape)) + ")"
        alone = "; of one image pass image[None]" if np.shape(inputs) in (shape, shape[:2]) else ""
        raise ValueError(
            f"inputs of shape {np.shape(inputs)} came; {kernel.name!r} reads {needed}, with n at "
            f"least 1{alone}."
        )
    if images.dtype.kind not in "fiubV":
        raise ValueError(f"inputs of dtype {images.dtype} came: real numbers are needed.")
    return images


def _as_pictures(images: Array, fit: tiles.Fit) -> tuple[list[canvas.Pixels], str]:
    """Inputs from black to white, or in colour, on one scale; and what that is."""
    plain = images.shape[-1] in (1, 3)
    values = images if plain else images.mean(axis=-1, keepdims=True)
    whole = values[np.isfinite(values)]
    low, high = (float(whole.min()), float(whole.max())) if whole.size else (0.0, 0.0)
    drawn = [canvas.as_photograph(fit.thinned(each), low, high) for each in values]
    mean = "" if plain else "mean of the channels, "
    words = f"{mean}black is {low:.3g}, white {high:.3g}"
    return [canvas.enlarged(each, fit.size) for each in drawn], words
