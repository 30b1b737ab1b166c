"""The pictures `activations`, `favourites` and `inputs`: what filters return for images."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note
from keras_filterwatch.draw.colours import FRAME_COLOURS, LIGHT_GREY, blue_to_red, colour_limit
from keras_filterwatch.draw.grid import Frame, cell_grid, join_pictures, split_in_rows
from keras_filterwatch.draw.images import (
    average,
    cut_patch,
    enlarge_to,
    resize,
    rgb_levels,
    trim_margins,
)
from keras_filterwatch.draw.layer_argument import check_layer
from keras_filterwatch.draw.run_argument import check_is_no_run
from keras_filterwatch.draw.windows import MAX_SIDE, SPACE
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable

MAX_INPUTS = 4  # inputs that activations are drawn for
MAX_FILTERS = 32  # activation maps beside an input, and rows of favourites
MAX_PATCHES = 16  # patches in a row of favourites
MAX_IMAGES = 64  # images of `inputs`

_SIDE = 64  # pixels, about, of an image or a map
_ROWS_PER_COLUMN = 8  # rows of favourites below each other
_MODEL_REMEDY = "Pass the model, such as one that ModelCheckpoint saved, and inputs."


def activations(source: Any, layer: Any = None, inputs: Any = None) -> Image.Image:
    """Returns what the filters of a layer return for a few inputs, behind their non-linearity.

    Each input, and beside it the map of each filter: white is zero, red positive, blue negative.
    One scale serves the whole picture. A black frame marks a filter that is zero for all inputs
    that are given, also for those beyond the four that are drawn. Maps that differ from filter to
    filter and from input to input are good.

    Args:
        source: a model, a `FilterWatch`, whose model is taken as it is now, or maps of shape
            `(inputs, height, width, filters)`.
        layer: of a model, the layer, its name or a pattern. If None, or if several layers match,
            the first with a window larger than 1 is drawn. Of maps, a name for the caption.
        inputs: what `model.predict` takes; the first 256 are used. A model needs them, maps don't.

    Raises:
        TypeError: `layer` is no name, pattern or layer.
        ValueError: a model came without inputs, or has no such layer, or its outputs have no image
            axes.

    Example:
        >>> activations(np.ones((2, 6, 6, 8))).width > 0
        True
    """
    check_layer(activations, layer)
    check_is_no_run(activations, source, _MODEL_REMEDY)
    if hasattr(source, "__array__"):
        name, maps, images = str(layer or ""), np.asarray(source), inputs
    elif inputs is None:
        raise ValueError(
            "activations: inputs are needed, such as activations(model, inputs=x[:4]): some images "
            "like those that the model was trained on."
        )
    else:
        from keras_filterwatch.model.feature_maps import maps_and_images, model_of  # needs Keras

        name, maps, images = maps_and_images(model_of(source), layer, inputs)
    if maps.ndim != 4 or not maps.size:
        raise ValueError(
            f"maps of shape (inputs, height, width, filters) are needed; got {maps.shape}."
        )
    count, filters = len(maps), maps.shape[-1]
    is_dead = (maps == 0).all(axis=(0, 1, 2))
    drawn_maps = maps[:MAX_INPUTS, ..., :MAX_FILTERS].astype(np.float64)
    limit = colour_limit(drawn_maps[drawn_maps != 0])
    grids = [_grid_of_maps(maps_of_input, limit, is_dead) for maps_of_input in drawn_maps]
    if images is not None:
        side = min(grids[0].height, 2 * _SIDE + 12) - 2 * SPACE
        cells = [resize(levels, side) for levels in rgb_levels(np.asarray(images)[: len(grids)])]
        pairs = zip(cells, grids, strict=True)
        grids = [join_pictures([(cell_grid([[cell]]), grid)], 10) for cell, grid in pairs]
    has_negative = bool((drawn_maps < 0).any())
    notes = [
        "white is zero, red positive" + (", blue negative" if has_negative else ""),
        cut_note(len(drawn_maps), count, "inputs"),
        cut_note(drawn_maps.shape[-1], filters, "filters"),
    ]
    dead = f"{is_dead.sum()} of {filters} dead"
    caption = [name, f"{filters} outputs of {maps.shape[1]}x{maps.shape[2]}", dead]
    legend_text = f"{dead}: zero for {_input_count(count, 'all ')}"
    legend = [(legend_text, FRAME_COLOURS["dead"])] if is_dead.any() else []
    scale = colour_scale(limit, least=-limit if has_negative else 0.0)
    picture = join_pictures([[grid] for grid in grids], 10)
    return add_caption(picture, caption, notes, scale, legend).convert("RGB")


def favourites(
    source: Any,
    layer: Any = None,
    inputs: Any = None,
    filters: int | Iterable[int] | None = None,
    k: int = 5,
) -> Image.Image:
    """Returns the patches of the inputs that excite each filter most, strongest first.

    A row for each filter; under each patch what the filter returns for it. A patch is all that
    the output depends on, its receptive field; where that goes beyond the image, it is grey. Each
    input gives a filter one patch at most. A filter that is zero for all inputs is dead, and its
    row stays empty. What the patches of a row share may be what the filter looks for (Zeiler and
    Fergus, 2014), or what the inputs have most of: compare the rows.

    Args:
        source: any Keras model that takes one image, or a `FilterWatch`, whose model is taken as
            it is now.
        layer: the layer, its name or a pattern. If None, or if several layers match, the first
            with a window larger than 1 is drawn.
        inputs: what `model.predict` takes; the first 256 are searched. They are needed.
        filters: one or several filters; the first 32 if None.
        k: patches in a row, 16 at most.

    Raises:
        TypeError: `layer` is no name, pattern or layer.
        ValueError: there are no inputs, no such layer or filter, outputs without image axes, or
            inputs that are no images.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)])
        >>> favourites(model, inputs=np.random.default_rng(0).random((6, 8, 8, 1))).width > 0
        True
    """
    check_layer(favourites, layer)
    check_is_no_run(favourites, source, _MODEL_REMEDY)
    if inputs is None:
        raise ValueError(
            "favourites: inputs are needed, such as favourites(model, inputs=x[:256]): images like "
            "those that the model was trained on."
        )
    if k < 1:
        raise ValueError(f"k: at least 1 patch for each filter is needed; got {k}.")
    from keras_filterwatch.model.feature_maps import (  # needs Keras
        filter_numbers,
        maps_and_images,
        model_of,
    )
    from keras_filterwatch.model.probe import take_inputs
    from keras_filterwatch.model.receptive_fields import receptive_fields

    model, inputs = model_of(source), take_inputs(inputs)
    name, maps, images = maps_and_images(model, layer, inputs)
    if images is None:
        raise ValueError(
            "inputs: patches are cut out of images; one array (inputs, height, width, channels) "
            "is needed."
        )
    numbers = filter_numbers(filters, maps.shape[-1], name)
    patches_per_row = min(k, len(images), MAX_PATCHES)
    rows = [_strongest(maps[..., f], patches_per_row) for f in numbers[:MAX_FILTERS]]
    places = sorted({place for row in rows for _, place, _ in row})
    fields = dict(zip(places, receptive_fields(model, layer, inputs, places), strict=True))
    levels = rgb_levels(images)
    size = _largest_patch(levels[0], list(fields.values()))
    empty_cell = resize(np.full((*size, 3), float(LIGHT_GREY[0])), _SIDE)
    grids = []
    for f, row in zip(numbers, rows, strict=False):
        cells = [resize(cut_patch(levels[i], *fields[place], size), _SIDE) for i, place, _ in row]
        values = [f"{value:.2g}" for _, _, value in row] or ["dead"]
        frames = [] if row else [Frame(0, slice(0, patches_per_row), FRAME_COLOURS["dead"])]
        cells += [empty_cell] * (patches_per_row - len(cells))
        grids.append(cell_grid([cells], [str(f)], labels_below=[values], frames=frames))
    columns = min(-(-len(grids) // _ROWS_PER_COLUMN), MAX_SIDE // (grids[0].width + 12))
    rows_per_column = -(-len(grids) // columns)
    picture_rows = [grids[start::rows_per_column] for start in range(rows_per_column)]
    caption = [
        name,
        f"reads {size[0]}x{size[1]} of {images.shape[1]}x{images.shape[2]} pixels",
        f"the best patches of {_input_count(len(images))}",
    ]
    legend_text = f"dead: zero for {_input_count(len(images), 'all ')}"
    legend = [] if all(rows) else [(legend_text, FRAME_COLOURS["dead"])]
    notes = [
        "under each patch: the output",
        cut_note(len(rows), len(numbers), "filters"),
        cut_note(patches_per_row, k, "patches"),
    ]
    picture = join_pictures(picture_rows, 12, 2)
    return add_caption(picture, caption, notes, legend=legend).convert("RGB")


def inputs(
    images: Any, labels: Sequence[object] = (), title: str = "", *, trim: bool = False
) -> Image.Image:
    """Returns images in reading order, with a label under each: such as `fw.maximize` returns.

    Three channels are colours; of others, the mean is drawn as grey. One scale, from the least to
    the largest value, serves all images.

    Args:
        images: `(inputs, height, width, channels)`; the first 64 are drawn.
        labels: what stands under each image; the images' numbers if there are none.
        title: for the caption.
        trim: True to cut off margins that are flat in all images.

    Raises:
        ValueError: the images have another shape, or there is not a label for each.

    Example:
        >>> inputs(np.ones((2, 8, 8, 3)), labels=["cat", "dog"]).width > 0
        True
    """
    check_is_no_run(inputs, images, "Pass images, such as x[:16] or what fw.maximize returns.")
    array = np.asarray(images)
    if array.ndim != 4 or not array.size:
        raise ValueError(
            f"images of shape (inputs, height, width, channels) are needed; got {array.shape}."
        )
    count, drawn_images = len(array), array[:MAX_IMAGES]
    texts = [printable(label) for label in labels] or [str(i) for i in range(count)]
    if len(texts) != count:
        raise ValueError(f"labels: one for each of {count} images is needed; got {len(texts)}.")
    drawn_images = trim_margins(drawn_images) if trim else drawn_images
    size = f"{array.shape[1]}x{array.shape[2]}"
    if drawn_images.shape[1:3] != array.shape[1:3]:
        size = f"{drawn_images.shape[1]}x{drawn_images.shape[2]} of {size}"
    side = _SIDE if len(drawn_images) > 32 else 3 * _SIDE // 2
    cells = [resize(levels, side) for levels in rgb_levels(drawn_images)]
    row_count = -(-len(cells) // (8 if len(cells) <= 32 else 16))
    columns = -(-len(cells) // row_count)
    grids = [
        cell_grid([row], labels_below=[row_texts])
        for row, row_texts in zip(
            split_in_rows(cells, columns), split_in_rows(texts[: len(cells)], columns), strict=True
        )
    ]
    picture = join_pictures([[grid] for grid in grids], 0, 2, align_right=False)
    caption = [title, f"{count} images of {size} pixels"]
    notes = [cut_note(len(drawn_images), count, "images")]
    return add_caption(picture, caption, notes).convert("RGB")


def _grid_of_maps(maps: Array, limit: float, is_dead: Array) -> Image.Image:
    """Returns the maps `(height, width, filters)` for one input, in reading order."""
    filters = maps.shape[-1]
    columns = min(filters, 8 if filters <= 24 else 16)
    cells = [
        enlarge_to(blue_to_red(average(maps[..., f], _SIDE), limit), _SIDE) for f in range(filters)
    ]
    frames = [
        Frame(f // columns, slice(f % columns, f % columns + 1), FRAME_COLOURS["dead"])
        for f in np.flatnonzero(is_dead[:filters]).tolist()
    ]
    labels = [str(start) for start in range(0, filters, columns)]
    return cell_grid(split_in_rows(cells, columns), labels, frames=frames)


def _strongest(maps: Array, k: int) -> list[tuple[int, tuple[int, int], float]]:
    """Returns input, place and value of the k largest outputs in different inputs; none is zero."""
    flat = maps.reshape(len(maps), -1)
    flat = np.where(np.isfinite(flat), flat, -np.inf)
    places, values = flat.argmax(axis=1), flat.max(axis=1)
    best = np.argsort(-values, kind="stable")[:k]
    width = maps.shape[2]
    return [
        (int(i), (int(places[i]) // width, int(places[i]) % width), float(values[i]))
        for i in best
        if values[i] not in (0, -np.inf)
    ]


def _largest_patch(levels: Array, fields: Sequence[tuple[slice, slice]]) -> tuple[int, int]:
    """Returns the largest height and width of receptive fields within an image."""
    sizes = [levels[rows, columns].shape for rows, columns in fields]
    if not sizes:
        return 1, 1
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def _input_count(count: int, every: str = "") -> str:
    return "the input" if count == 1 else f"{every}{count} inputs"
