"""The picture `class_paths`: what a network of Dense layers looks for in each class."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw.caption import add_caption, colour_scales, cut_note
from keras_filterwatch.draw.colours import colour_limit
from keras_filterwatch.draw.dense import (
    LEFT_OUT_NOTE,
    chain_caption,
    check_numbers,
    dense_chain,
    kernel_tile_format,
    matrix_product,
    path_templates,
)
from keras_filterwatch.draw.layer_argument import check_layer
from keras_filterwatch.draw.tiles import (
    Tile,
    TileFormat,
    signed_number,
    tile_grid,
    tiles_in_rows,
)
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics.dead import filter_norms


def class_paths(
    source: Any,
    layer: Any = None,
    classes: Iterable[int] | int | None = None,
    k: int = 5,
    *,
    labels: Sequence[str] | None = None,
    step: int | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns what a network of Dense layers looks for in each class, and the units behind it.

    A row for each class. First its path template: the product of all weight matrices in the
    input's shape, which is what the network computes if each of its units is linear (the
    connection weights of Olden and Jackson, 2002). Then the `k` first-layer units that weigh most
    in it, by |path weight| times the norm of their incoming weights: over each is the weight of
    its path to the class, below it its incoming weights as they are. A unit with a positive weight
    argues for the class where it fires, one with a negative weight against it.

    Biases, non-linearities and normalizations are left out. Red need not be ink of the class:
    weights also cancel what other classes share with it (Haufe et al., 2014).

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels; or a `Run`.
        layer: the Dense layer where the paths begin: its name, or, of a model, the layer or a
            pattern; if None, the first that reads an image. It and all kernels behind it must form
            a chain.
        classes: those to draw, in this order; all, or as many as fit, if None.
        k: units beside each template; 0 for the templates alone, as for a single layer.
        labels: a name for each class of the network.
        step: of a `Run`, the step to draw, or the last one. Of other sources it is for the caption;
            a `Snapshot` and a `FilterWatch` have their own.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer.

    Raises:
        TypeError: `layer` is no name, pattern or layer, `classes` are no whole numbers, or
            `window` is no dict of sizes.
        ValueError: the kernels form no chain, there is no such class, or not a label for each; a
            `Run` has no such step or did not record all kernels; or a layer cannot read an image
            of the size that `window` says.

    Example:
        >>> kernels = {"hidden": np.ones((4, 4, 1, 8)), "head": np.ones((8, 2))}
        >>> class_paths(kernels, classes=1, labels=["cat", "dog"]).width > 0
        True
    """
    check_layer(class_paths, layer)
    chain = dense_chain(source, layer, window, step)
    first = chain[0]
    names = _class_names(chain[-1].filters, labels)
    numbers = check_numbers("classes", classes, len(names))
    if k < 0:
        raise ValueError(f"k={k}: it is the number of units beside a template, 0 or more.")
    k = min(k, first.filters) if len(chain) > 1 else 0
    longest_text = f"unit {first.filters} +0.00" if k else max(names, key=len)
    tile_format = kernel_tile_format(first, 112, longest_text, columns=1 + k)
    drawn_classes = numbers[: tile_format.rows if k else tile_format.rows * tile_format.columns]
    if k:
        rows, limits = _rows_with_units(chain, drawn_classes, k, tile_format)
        grid = tile_grid(rows, [names[c] for c in drawn_classes], group_starts=[1])
    else:
        paths = path_templates([kernel.array for kernel in chain])[..., drawn_classes]
        limit = colour_limit(paths)
        tiles = [
            Tile(tile_format.pixels(paths[..., i], limit), names[c])
            for i, c in enumerate(drawn_classes)
        ]
        limits = [("path", limit, tile_format.is_coloured)]
        grid = tile_grid(tiles_in_rows(tiles, tile_format))
    notes = [
        "path: product of all weight matrices"
        + ("" if tile_format.is_coloured else ", red for the class, blue against it"),
        "unit: its weight on the path, over its incoming weights" if k else "",
        cut_note(len(drawn_classes), len(numbers), "classes"),
        *tile_format.notes,
        LEFT_OUT_NOTE,
    ]
    caption = chain_caption(source, chain, step)
    return add_caption(grid, caption, notes, colour_scales(limits)).convert("RGB")


def _rows_with_units(
    chain: Sequence[Kernel], classes: Sequence[int], k: int, tile_format: TileFormat
) -> tuple[list[list[Tile]], list[tuple[str, float, bool]]]:
    """Returns for each class its template and its k strongest units; and the scales of both."""
    first, *rest = (kernel.array.astype(np.float64) for kernel in chain)
    with np.errstate(all="ignore"):
        path_weights = matrix_product(rest)[:, classes]  # (units, classes)
        paths = first @ path_weights
        strengths = np.abs(path_weights) * filter_norms(first)[:, np.newaxis]
    strengths[~np.isfinite(strengths)] = np.inf  # units that diverged must be in the picture
    strongest = np.argsort(-strengths, axis=0, kind="stable")[:k]
    path_limit = colour_limit(paths)
    unit_limit = colour_limit(first[..., np.unique(strongest)])
    rows = []
    for i in range(len(classes)):
        row = [Tile(tile_format.pixels(paths[..., i], path_limit), "path")]
        for unit in strongest[:, i]:
            heading = f"unit {unit}  {signed_number(path_weights[unit, i], 2)}"
            row.append(Tile(tile_format.pixels(first[..., unit], unit_limit), heading))
        rows.append(row)
    is_coloured = tile_format.is_coloured
    return rows, [("path", path_limit, is_coloured), ("units", unit_limit, is_coloured)]


def _class_names(classes: int, labels: Sequence[str] | None) -> list[str]:
    """Returns a name for each class. Raises ValueError if there is not a label for each."""
    if labels is None:
        return [f"class {c}" for c in range(classes)]
    if len(labels) != classes:
        raise ValueError(f"{len(labels)} labels came for {classes} classes: give one for each.")
    return [str(label) for label in labels]
