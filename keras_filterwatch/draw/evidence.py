"""The picture `evidence`: which pixels of some inputs speak for a unit or a class."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from keras_filterwatch.draw.caption import add_caption, colour_scales, cut_note
from keras_filterwatch.draw.colours import Pixels, colour_limit, enlarge, photograph
from keras_filterwatch.draw.dense import (
    LEFT_OUT_NOTE,
    chain_caption,
    check_numbers,
    dense_chain,
    image_kernel,
    kernel_tile_format,
    path_templates,
)
from keras_filterwatch.draw.layer_argument import check_layer
from keras_filterwatch.draw.run_argument import recorded_scores, source_at
from keras_filterwatch.draw.tiles import Tile, TileFormat, signed_number, tile_grid
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel

MAX_INPUTS = 16  # rows
DEFAULT_CLASSES = 10  # classes that are drawn where neither units nor classes are given


def evidence(
    source: Any,
    layer: Any = None,
    inputs: ArrayLike | None = None,
    *,
    units: Iterable[int] | int | None = None,
    classes: Iterable[int] | int | None = None,
    step: int | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns which pixels of some inputs speak for a unit or a class, red, or against it, blue.

    A row for each input: the input itself, then a map for each unit, its incoming weights times
    the input, and for each class, its path template (see `class_paths`) times the input; of
    several channels the sum. White pixels have no say. Under each map is its sum. For a unit, that
    is its output before bias and non-linearity, exactly; for a class behind hidden layers, it is
    what the network would say if each unit were linear, so compare it with what it does say.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels; or a `Run`.
        layer: the Dense layer that reads the inputs: its name, or, of a model, the layer or a
            pattern; if None, the first that reads an image.
        inputs: images `(n, height, width)` or `(n, height, width, channels)`, channels last, or
            flattened `(n, numbers)`, as the Dense layer reads them: scaled, where a layer before it
            scales them. They are needed.
        units: units of this layer to draw, in this order; none if None.
        classes: those to draw, in this order. Where neither units nor classes are given, the
            first ten classes are drawn.
        step: of a `Run`, the step to draw, or the last one. Of other sources it is for the caption;
            a `Snapshot` and a `FilterWatch` have their own.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer.

    Raises:
        TypeError: `layer` is no name, pattern or layer; units or classes are no whole numbers;
            `window` is no dict of sizes.
        ValueError: there are no inputs, or not in the layer's shape; no such layer, unit or class;
            too many maps for a picture; a `Run` has no such step or did not record what is needed;
            a layer cannot read an image of the size that `window`
            says; or, where classes are drawn, the kernels form no chain.

    Example:
        >>> kernels = {"hidden": np.ones((4, 4, 1, 8)), "head": np.ones((8, 2))}
        >>> evidence(kernels, inputs=np.ones((1, 4, 4)), units=3).width > 0
        True
    """
    check_layer(evidence, layer)
    if inputs is None:
        raise ValueError(
            "evidence: inputs are needed, such as evidence(model, inputs=x[:4]): images in the "
            "shape that the Dense layer reads."
        )
    kernel = image_kernel(source_at(source, step, layer), layer, window)
    scores = recorded_scores(source, step)
    unit_count = scores[kernel.name].shape[-1] if scores else kernel.filters
    images = _check_images(inputs, kernel)
    unit_numbers: list[int] = []
    if units is not None:
        unit_numbers = check_numbers("units", units, unit_count, recorded=kernel.filters)
    chain, class_numbers = [kernel], []
    by_default = units is None and classes is None
    if by_default or classes is not None:
        chain = dense_chain(source, layer, window, step)
        class_numbers = check_numbers("classes", classes, chain[-1].filters)
        class_numbers = class_numbers[:DEFAULT_CLASSES] if by_default else class_numbers
    columns = 1 + len(unit_numbers) + len(class_numbers)
    tile_format = kernel_tile_format(kernel, 112, f"unit {kernel.filters}", columns)
    drawn_images = images[: min(MAX_INPUTS, tile_format.rows)].astype(np.float64)

    photographs, grey_range = _photographs(drawn_images, tile_format)
    rows = [[Tile(pixels, f"input {i}")] for i, pixels in enumerate(photographs)]
    limits = []
    if unit_numbers:
        limits.append(
            _add_maps(rows, drawn_images, kernel.array, "unit", unit_numbers, tile_format)
        )
    if class_numbers:
        paths = path_templates([kernel.array for kernel in chain])
        limits.append(_add_maps(rows, drawn_images, paths, "class", class_numbers, tile_format))
    over_channels = " (sums over channels)" if kernel.channels > 1 else ""
    notes = [
        f"red for, blue against{over_channels}",
        f"inputs: {grey_range}",
        cut_note(len(drawn_images), len(images), "inputs"),
        cut_note(len(class_numbers), chain[-1].filters, "classes") if by_default else "",
        *tile_format.notes,
        LEFT_OUT_NOTE,
    ]
    group_starts = [1, 1 + len(unit_numbers)] if unit_numbers and class_numbers else [1]
    grid = tile_grid(rows, group_starts=group_starts)
    caption = chain_caption(source, chain, step)
    return add_caption(grid, caption, notes, colour_scales(limits)).convert("RGB")


def _add_maps(
    rows: Sequence[list[Tile]],
    images: Array,
    weights: Array,
    what: str,
    numbers: Sequence[int],
    tile_format: TileFormat,
) -> tuple[str, float, bool]:
    """Adds to each row a map for some of the weights `(height, width, channels, units)`.

    Returns what `colour_scales` takes for these maps.
    """
    with np.errstate(all="ignore"):
        maps = np.einsum("nhwc,hwcu->nuhw", images, weights[..., numbers].astype(np.float64))
        sums = maps.sum(axis=(2, 3))
    limit = colour_limit(maps)
    for row, maps_of_input, sums_of_input in zip(rows, maps, sums, strict=True):
        for number, one_map, total in zip(numbers, maps_of_input, sums_of_input, strict=True):
            pixels = tile_format.pixels(one_map, limit)
            row.append(Tile(pixels, f"{what} {number}", f"sum {signed_number(total, 3)}"))
    return what, limit, False


def _check_images(inputs: ArrayLike, kernel: Kernel) -> Array:
    """Returns the inputs as `(n, height, width, channels)`. Raises ValueError if they don't fit."""
    images = np.asarray(inputs)
    shape = kernel.array.shape[:3]
    if images.ndim == 3 and shape[2] == 1:
        images = images[..., np.newaxis]
    elif images.ndim == 2 and images.shape[1] == math.prod(shape):
        images = images.reshape(-1, *shape)
    if images.shape[1:] != shape or not len(images):
        needed = f"(n, {', '.join(map(str, shape))}) or (n, {math.prod(shape)})"
        is_single = np.shape(inputs) in (shape, shape[:2], (math.prod(shape),))
        hint = "; of one image pass image[None]" if is_single else ""
        raise ValueError(
            f"inputs of shape {np.shape(inputs)} came; {kernel.name!r} reads {needed}, with n at "
            f"least 1{hint}."
        )
    if images.dtype.kind not in "fiubV":
        raise ValueError(f"inputs of dtype {images.dtype} came: real numbers are needed.")
    return images


def _photographs(images: Array, tile_format: TileFormat) -> tuple[list[Pixels], str]:
    """Returns inputs from black to white, or in colour, on one scale; and what the scale is."""
    has_own_colours = images.shape[-1] in (1, 3)
    values = images if has_own_colours else images.mean(axis=-1, keepdims=True)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    pixels = [photograph(tile_format.thin(each), low, high) for each in values]
    mean = "" if has_own_colours else "mean of the channels, "
    grey_range = f"{mean}black is {low:.3g}, white {high:.3g}"
    return [enlarge(each, tile_format.pixel_size) for each in pixels], grey_range
