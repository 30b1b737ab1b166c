"""The picture `templates`: the incoming weights of Dense units, in the shape of the input."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note, step_of
from keras_filterwatch.draw.colours import FRAME_COLOURS, LIGHT_GREY, colour_limit
from keras_filterwatch.draw.dense import (
    check_numbers,
    image_kernel,
    image_size,
    kernel_tile_format,
)
from keras_filterwatch.draw.layer_argument import check_layer
from keras_filterwatch.draw.run_argument import recorded_scores, source_at
from keras_filterwatch.draw.tiles import Tile, tile_grid, tiles_in_rows
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.metrics.dead import dead_filters, filter_norms

MAX_UNITS = 256  # tiles of a picture


def templates(
    source: Any,
    layer: Any = None,
    *,
    units: Iterable[int] | int | None = None,
    step: int | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns what each unit of a Dense layer looks for: its incoming weights as an image.

    Weights are drawn from blue over white, which is zero, to red; those of a colour image in
    colour, where grey is zero; of more channels, the strongest stand side by side. One scale serves
    the whole picture. Each unit has its number; a dead one has a black outline, and a weight that
    is not finite is magenta. Strokes and blobs are good; a tile that looks like sand has learnt
    nothing, or is noise that weight decay would remove.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels; or a `Run`.
        layer: the kernel's name, or, of a model, the layer or a pattern. If None, or if several
            kernels match, the first Dense layer that reads an image is drawn.
        units: those to draw, in this order; all, or as many as fit, if None.
        step: of a `Run`, the step to draw, or the last one. Of other sources it is for the caption;
            a `Snapshot` and a `FilterWatch` have their own.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer.

    Raises:
        TypeError: `layer` is no name, pattern or layer, `units` are no whole numbers, or `window`
            is no dict of sizes.
        ValueError: no kernel has that name, none reads an image, there is no such unit, a `Run` has
            no such step or did not record the unit, or a layer cannot read an image of the size
            that `window` says.

    Example:
        >>> picture = templates({"hidden": np.ones((4, 4, 1, 8))}, units=[0, 3])
        >>> picture.width > 0
        True
    """
    check_layer(templates, layer)
    kernel_source = source_at(source, step, layer)
    kernel = image_kernel(kernel_source, layer, window)
    scores = recorded_scores(source, step)
    dead = scores[kernel.name].filters["dead"] > 0 if scores else _dead_units(kernel)
    numbers = None
    if units is not None:
        numbers = check_numbers("units", units, len(dead), recorded=kernel.filters)
    step = step_of(kernel_source) if step is None else step
    return picture_of_templates(kernel, step, dead, numbers).convert("RGB")


def picture_of_templates(
    kernel: Kernel,
    step: int | None = None,
    dead: Array | None = None,
    units: Sequence[int] | None = None,
) -> Image.Image:
    """Returns what `templates` does, with a palette unless three channels are drawn in colour.

    Args:
        kernel: it may have the first units only of a layer.
        step: for the caption.
        dead: which units of the whole layer are dead; None to find out.
        units: those to draw, of the kernel's; all if None.
    """
    dead = _dead_units(kernel) if dead is None else dead
    numbers = range(kernel.filters) if units is None else units
    target = 112 if len(numbers) <= 32 else 84 if len(numbers) <= 144 else 56
    tile_format = kernel_tile_format(kernel, target, str(len(dead)))
    drawn_units = numbers[: min(MAX_UNITS, tile_format.columns * tile_format.rows)]
    weights = kernel.array[..., drawn_units].astype(np.float64)
    limit = colour_limit(weights)
    tiles = [
        Tile(
            tile_format.pixels(weights[..., i], limit),
            str(unit),
            outline=FRAME_COLOURS["dead"] if dead[unit] else LIGHT_GREY,
        )
        for i, unit in enumerate(drawn_units)
    ]
    caption = [
        kernel.name,
        f"{image_size(kernel)}, {len(dead)} units",
        "" if step is None else f"step {step}",
        f"dead {dead.sum()} of {len(dead)} ({dead.mean():.0%})",
    ]
    notes = [
        "incoming weights of each unit",
        "" if tile_format.is_coloured else "red excites the unit, blue inhibits it",
        cut_note(len(drawn_units), len(dead) if units is None else len(units), "units"),
        *tile_format.notes,
    ]
    grid = tile_grid(tiles_in_rows(tiles, tile_format))
    scale = colour_scale(limit, tile_format.is_coloured)
    legend = [("dead unit", FRAME_COLOURS["dead"])] if dead[list(drawn_units)].any() else []
    return add_caption(grid, caption, notes, scale, legend)


def _dead_units(kernel: Kernel) -> Array:
    return dead_filters(filter_norms(kernel.array, kernel.gain))
