"""Images in, pictures out: what filters return for them, and which patches they like best."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.draw.filter_sheet import MARKS
from keras_filterwatch.kernels import Array

MAX_INPUTS = 4  # that activation maps are drawn for
MAX_FILTERS = 32  # maps beside an input, and rows of favourites
MAX_PATCHES = 16  # favourites in a row
MAX_IMAGES = 64  # of `inputs`

_SIDE = 64  # pixels, about, of an image or map
_PER_COLUMN = 8  # rows of favourites


def activations(source: Any, inputs: Any = None, layer: Any = None) -> Image.Image:
    """What the filters of a layer return for a few inputs, behind their non-linearity.

    Each input, and beside it the map of each filter: white is zero, red positive, blue negative.
    One scale serves the whole picture. A black frame marks filters that are zero for all inputs
    that are given, also for those beyond the four that are drawn.

    Args:
        source: a model, or maps of shape `(inputs, height, width, filters)`.
        inputs: what `model.predict` takes; the first 256 are used. Beside maps they may be absent.
        layer: of a model: a name, a pattern or a layer; None for the first with a window larger
            than 1. Of maps: their name in the caption.

    Raises:
        TypeError, ValueError: a model without inputs, no such layer, or outputs without image axes.
    """
    if hasattr(source, "__array__"):
        name, maps, images = str(layer or ""), np.asarray(source), inputs
    elif inputs is None:
        raise ValueError(
            "activation maps need inputs: draw.activations(model, inputs), with some images like "
            "those that the model was trained on."
        )
    else:
        from keras_filterwatch.model import feature_maps as outputs

        name, maps, images = outputs.seen(source, layer, inputs)
    if maps.ndim != 4 or not maps.size:
        raise ValueError(
            f"maps of shape (inputs, height, width, filters) are needed; got {maps.shape}."
        )
    count, there_are = len(maps), maps.shape[-1]
    is_dead = (maps == 0).all(axis=(0, 1, 2))
    shown = maps[:MAX_INPUTS, ..., :MAX_FILTERS].astype(np.float64)
    limit = canvas.limit_of(shown[shown != 0])
    grids = [_grid_of_maps(of_input, limit, is_dead) for of_input in shown]
    if images is not None:
        tall = min(grids[0].height, 2 * _SIDE + 12) - 2 * canvas.SPACE
        tiles = _tiles(np.asarray(images)[: len(grids)], tall)
        pictures = [canvas.grid_of([[tile]]) for tile in tiles]
        grids = [_placed([pair], 10) for pair in zip(pictures, grids, strict=True)]
    negative = bool((shown < 0).any())
    notes = [
        "white is zero, red positive" + (", blue negative" if negative else ""),
        canvas.first(len(shown), count, "inputs"),
        canvas.first(shown.shape[-1], there_are, "filters"),
    ]
    dead = f"{is_dead.sum()} of {there_are} dead"
    caption = [name, f"{there_are} outputs of {maps.shape[1]}x{maps.shape[2]}", dead]
    legend = [(f"{dead}: zero for {_all(count)}", MARKS["dead"])] if is_dead.any() else []
    bar = canvas.scale(limit, least=-limit if negative else 0.0)
    return canvas.page(_placed([[grid] for grid in grids], 10), caption, notes, bar, legend)


def favourites(
    model: Any,
    inputs: Any,
    layer: Any = None,
    filters: int | Iterable[int] | None = None,
    k: int = 5,
) -> Image.Image:
    """The patches of the inputs that excite each filter most, strongest first.

    A row for each filter; under each patch what the filter returns for it. A patch is all that
    the output depends on, its receptive field; where that goes beyond the image, there is
    nothing. Each input gives a filter one patch at most. A filter that is zero for all inputs is
    dead, and its row stays empty. What the patches of a row share may be what the filter looks
    for (Zeiler and Fergus, 2014), or what the inputs have most of: compare the rows.

    Args:
        model: any Keras model that takes one image.
        inputs: what `model.predict` takes; the first 256 are searched. More show more.
        layer: a name, a pattern or a layer; None for the first with a window larger than 1.
        filters: which ones; None for the first 32.
        k: patches in a row, 16 at most.

    Raises:
        TypeError, ValueError: no such layer or filter, outputs without image axes, or inputs that
            are no images.
    """
    from keras_filterwatch.model import feature_maps as outputs
    from keras_filterwatch.model.probe import take

    if k < 1:
        raise ValueError(f"k: at least 1 patch for each filter is needed; got {k}.")
    given = take(inputs)
    name, maps, images = outputs.seen(model, layer, given)
    if images is None:
        raise ValueError(
            "inputs: patches are cut out of images; one array (inputs, height, width, channels) "
            "is needed."
        )
    wanted = outputs.numbers(filters, maps.shape[-1], name)
    asked, k = k, min(k, len(images), MAX_PATCHES)
    rows = [_strongest(maps[..., f], k) for f in wanted[:MAX_FILTERS]]
    places = sorted({place for row in rows for _, place, _ in row})
    fields = dict(zip(places, outputs.fields(model, layer, given, places), strict=True))
    pixels = _pixels(images)
    patches = [[(pixels[i], *fields[place]) for i, place, _ in row] for row in rows]
    size = _largest_patch([field for row in patches for field in row])
    blank = _fitted(np.full((*size, 3), float(canvas.GAP[0])), _SIDE)  # no patch, no white one
    grids = []
    for f, row, cut in zip(wanted, rows, patches, strict=False):
        cells = [_fitted(_cut(*patch, size), _SIDE) for patch in cut]
        values = [f"{value:.2g}" for _, _, value in row] or ["dead"]
        frames = [] if row else [canvas.Frame(0, slice(0, k), MARKS["dead"])]
        cells += [blank] * (k - len(cells))
        grids.append(canvas.grid_of([cells], [str(f)], below=[values], frames=frames))
    columns = min(-(-len(grids) // _PER_COLUMN), canvas.WIDEST // (grids[0].width + 12))
    deep = -(-len(grids) // columns)
    ordered = [grids[start::deep] for start in range(deep)]
    caption = [
        name,
        f"reads {size[0]}x{size[1]} of {images.shape[1]}x{images.shape[2]} pixels",
        f"the best patches of {_all(len(images), '')}",
    ]
    dead = sum(not row for row in rows)
    legend = [(f"dead: zero for {_all(len(images))}", MARKS["dead"])] if dead else []
    notes = [
        "under each patch: the output",
        canvas.first(len(rows), len(wanted), "filters"),
        canvas.first(k, asked, "patches"),
    ]
    return canvas.page(_placed(ordered, 12, 2), caption, notes, legend=legend)


def inputs(
    images: Any, labels: Sequence[object] = (), title: str = "", *, trim: bool = False
) -> Image.Image:
    """Images in reading order, each with a label under it: such as `fw.maximize` finds.

    Three channels are colours, others the mean as grey. One scale, from the least to the largest
    value, serves all images.

    Args:
        images: `(inputs, height, width, channels)`; the first 64 are drawn.
        labels: what to write under each; their numbers if there are none.
        title: for the caption.
        trim: whether to cut off the margins that are flat in all images.
    """
    array = np.asarray(images)
    if array.ndim != 4 or not array.size:
        raise ValueError(
            f"images of shape (inputs, height, width, channels) are needed; got {array.shape}."
        )
    count, shown = len(array), array[:MAX_IMAGES]
    texts = [str(label) for label in labels] or [str(i) for i in range(count)]
    if len(texts) != count:
        raise ValueError(f"labels: one for each of {count} images is needed; got {len(texts)}.")
    shown = _trimmed(shown) if trim else shown
    size = f"{array.shape[1]}x{array.shape[2]}"
    if shown.shape[1:3] != array.shape[1:3]:
        size = f"{shown.shape[1]}x{shown.shape[2]} of {size}"
    tiles = _tiles(shown, _SIDE if len(shown) > 32 else 3 * _SIDE // 2)
    down = -(-len(tiles) // (8 if len(tiles) <= 32 else 16))
    across = -(-len(tiles) // down)
    grids = [
        canvas.grid_of([tiles[start : start + across]], below=[texts[start : start + across]])
        for start in range(0, len(tiles), across)
    ]
    notes = [canvas.first(len(shown), count, "images")]
    caption = [title, f"{count} images of {size} pixels"]
    return canvas.page(_placed([[grid] for grid in grids], 0, 2, flush=0), caption, notes)


def _grid_of_maps(maps: Array, limit: float, is_dead: Array) -> Image.Image:
    """The maps `(height, width, filters)` for one input, in reading order."""
    filters = maps.shape[-1]
    across = min(filters, 8 if filters <= 24 else 16)
    tiles = [
        _enlarged(canvas.blue_to_red(_reduced(maps[..., f], _SIDE), limit), _SIDE)
        for f in range(filters)
    ]
    rows = [tiles[start : start + across] for start in range(0, filters, across)]
    frames = [
        canvas.Frame(f // across, slice(f % across, f % across + 1), MARKS["dead"])
        for f in np.flatnonzero(is_dead[:filters]).tolist()
    ]
    return canvas.grid_of(rows, [str(start) for start in range(0, filters, across)], frames=frames)


def _strongest(maps: Array, k: int) -> list[tuple[int, tuple[int, int], float]]:
    """Input, place and value of the k largest outputs in different inputs; none that is zero."""
    flat = maps.reshape(len(maps), -1)
    flat = np.where(np.isfinite(flat), flat, -np.inf)
    places, values = flat.argmax(axis=1), flat.max(axis=1)
    best = np.argsort(-values, kind="stable")[:k]
    wide = maps.shape[2]
    return [
        (int(i), (int(places[i]) // wide, int(places[i]) % wide), float(values[i]))
        for i in best
        if values[i] not in (0, -np.inf)
    ]


def _largest_patch(patches: Sequence[tuple[Array, slice, slice]]) -> tuple[int, int]:
    sizes = [pixels[rows, columns].shape for pixels, rows, columns in patches]
    if not sizes:
        return 1, 1
    return max(size[0] for size in sizes), max(size[1] for size in sizes)


def _cut(pixels: Array, rows: slice, columns: slice, size: tuple[int, int]) -> Array:
    """A patch, with the ground's grey where it would go on outside of the image."""
    patch = pixels[rows, columns]
    padding = [
        (missing, 0) if not part.start else (0, missing)
        for part, missing in zip((rows, columns), np.subtract(size, patch.shape[:2]), strict=True)
    ]
    return np.pad(patch, [*padding, (0, 0)], constant_values=canvas.GAP[0])


def _trimmed(images: Array) -> Array:
    flat = (images == images[:, :1, :1]).all(axis=(0, 3))
    if flat.all():
        return images
    rows, columns = np.flatnonzero(~flat.all(axis=1)), np.flatnonzero(~flat.all(axis=0))
    return images[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _tiles(images: Array, side: int) -> list[canvas.Pixels]:
    return [_fitted(image, side) for image in _pixels(images)]


def _pixels(images: Array) -> Array:
    """`(inputs, height, width, 3)` from 0 to 255: one scale for all, from least to largest."""
    values = np.asarray(images, np.float64)
    if values.shape[-1] != 3:
        values = values.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    return np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1) * 255


def _fitted(pixels: Array, side: int) -> canvas.Pixels:
    """An image `(height, width, 3)` from 0 to 255 about as large as the side."""
    return _enlarged(_reduced(pixels, side).round().astype(np.uint8), side)


def _enlarged(pixels: canvas.Pixels, side: int) -> canvas.Pixels:
    return canvas.enlarged(pixels, max(1, round(side / max(pixels.shape[:2]))))


def _reduced(values: Array, side: int) -> Array:
    """Means of squares, where there are more pixels than 1.5 times the side."""
    nth = -(-2 * max(values.shape[:2]) // (3 * side))
    for axis in (0, 1):
        starts = np.arange(0, values.shape[axis], nth)
        sizes = np.diff([*starts, values.shape[axis]])
        sums = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
        values = sums / np.expand_dims(sizes, tuple({*range(values.ndim)} - {axis}))
    return values


def _placed(
    rows: Sequence[Sequence[Image.Image]], across: int, down: int = 10, flush: int = 1
) -> Image.Image:
    """Pictures in rows, with space between them; columns are flush left (0) or right (1)."""
    widths = [max(row[c].width for row in rows if c < len(row)) for c in range(max(map(len, rows)))]
    heights = [max(picture.height for picture in row) for row in rows]
    size = sum(widths) + across * (len(widths) - 1), sum(heights) + down * (len(rows) - 1)
    image = Image.new("RGB", size, canvas.PAPER)
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for picture, width in zip(row, widths, strict=False):
            image.paste(picture, (x + flush * (width - picture.width), y))
            x += width + across
        y += height + down
    return image


def _all(count: int, every: str = "all ") -> str:
    return "the input" if count == 1 else f"{every}{count} inputs"
