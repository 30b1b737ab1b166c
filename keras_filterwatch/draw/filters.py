"""The picture `filters`: what the filters of a layer look like at one step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note, step_of
from keras_filterwatch.draw.colours import FRAME_COLOURS, Colour, colour_limit
from keras_filterwatch.draw.grid import Frame, cell_grid, split_in_rows
from keras_filterwatch.draw.layer_argument import check_layer, window_kernel
from keras_filterwatch.draw.run_argument import recorded_scores, source_at
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.scoring import score
from keras_filterwatch.sentences.phrases import PLURALS

MAX_FILTERS = 256  # cells of a picture in which each shows a whole filter
MAX_ROWS = MAX_COLUMNS = 32  # filters and channels in a matrix

_MIN_CHROMA = 0.5  # above it, more of a filter is colour than grey


def filters(
    source: Any,
    layer: Any = None,
    *,
    order: str | None = None,
    step: int | None = None,
    scores: Scores | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns one labelled picture of a layer's filters, which shows itself in a notebook.

    One channel is drawn from blue over white, which is zero, to red; three channels in colour,
    where grey is zero; more as a matrix with a row for each filter and the strongest channels as
    columns. One scale serves the whole picture, so that weak filters look weak. A frame says what
    a filter is: dead, a duplicate, or what its weights look like (`metrics.labels`); without a
    frame it is none of these beyond chance. A weight that is not finite is magenta. Smooth filters
    that differ from each other are good; filters that look like sand have learnt nothing yet.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels; or a `Run`,
            whose recorded scores are shown.
        layer: the kernel's name, or, of a model, the layer or a pattern. If None, or if several
            kernels match, the first with a window larger than 1 is drawn.
        order: None for the network's own order; `"similarity"` for similar filters beside each
            other, greys before colours before dead ones; or a score that each filter has, such as
            `"noise"`, smallest first.
        step: of a `Run`, the step to draw, or the last one. Of other sources it is for the caption;
            a `Snapshot` and a `FilterWatch` have their own.
        scores: the scores of `source`, where they are known already.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`.

    Raises:
        TypeError: `layer` is no name, pattern or layer, or `window` is no dict of sizes.
        ValueError: no kernel has that name, none has a window to draw, the order is unknown, a
            `Run` has no such step, or a layer cannot read an image of the size that `window` says.

    Example:
        >>> picture = filters({"conv": np.ones((3, 3, 1, 8))})
        >>> picture.width > 0
        True
    """
    check_layer(filters, layer)
    kernel_source = source_at(source, step, layer)
    kernel = window_kernel(kernel_source, layer, window)
    if scores is None:
        scores = recorded_scores(source, step) or score(Snapshot(0, (kernel,)))
    step = step_of(kernel_source) if step is None else step
    return picture_of_filters(kernel, scores[kernel.name], step, order).convert("RGB")


def picture_of_filters(
    kernel: Kernel, layer_scores: LayerScores, step: int | None, order: str | None = None
) -> Image.Image:
    """Returns what `filters` does, with a palette unless three channels are drawn in colour.

    Args:
        kernel: it may have the first filters only of the kernel that was scored.
        layer_scores: of the whole kernel.
        step, order: as `filters` takes them.
    """
    filter_order = _filter_order(kernel, layer_scores, order)
    caption = _caption(kernel, layer_scores, step)
    if order:
        caption.append(f"by {order}")
    if windows.fits_one_cell(kernel):
        return _whole_filters(kernel, caption, filter_order, layer_scores, numbered=bool(order))
    return _matrix(kernel, caption, filter_order, layer_scores)


def _whole_filters(
    kernel: Kernel,
    caption: list[str],
    filter_order: Array,
    layer_scores: LayerScores,
    numbered: bool,
) -> Image.Image:
    """Returns a cell for each filter, in reading order.

    If `numbered`, each cell has its filter's number, otherwise the first of each row.
    """
    descriptions, total = layer_scores.descriptions, layer_scores.shape[-1]
    are_few = total <= 64
    cell_format = windows.window_format(kernel.spatial, 60, min_tap_size=3 if are_few else 2)
    columns = min(8 if are_few else 16, cell_format.columns)
    numbers = filter_order[: min(MAX_FILTERS, columns * cell_format.rows)]
    weights = np.moveaxis(kernel.array[cell_format.taps][..., numbers], -1, 0).astype(np.float64)
    limit = colour_limit(weights)
    cells = list(windows.cells(weights, limit, cell_format.tap_size))
    labels = [str(number) for number in numbers]
    grid = cell_grid(
        split_in_rows(cells, columns),
        row_labels=[] if numbered else labels[::columns],
        cell_labels=split_in_rows(labels, columns) if numbered else (),
        frames=[
            Frame(i // columns, slice(i % columns, i % columns + 1), FRAME_COLOURS[description])
            for i, description in enumerate(descriptions[number] for number in numbers)
            if description in FRAME_COLOURS
        ],
    )
    notes = [cut_note(len(numbers), total, "filters"), cell_format.note]
    scale = colour_scale(limit, coloured=kernel.channels == 3)
    return add_caption(grid, caption, notes, scale, _legend(descriptions))


def _matrix(
    kernel: Kernel, caption: list[str], filter_order: Array, layer_scores: LayerScores
) -> Image.Image:
    """Returns a row for each filter and a column for each channel, strongest channels first."""
    descriptions, total = layer_scores.descriptions, layer_scores.shape[-1]
    cell_format = windows.window_format(kernel.spatial, 18, min_tap_size=3)
    numbers = filter_order[: min(MAX_ROWS, cell_format.rows)]
    weights = kernel.array[cell_format.taps][..., numbers].astype(np.float64)
    with np.errstate(all="ignore"):
        strengths = np.square(weights).sum(axis=(*range(weights.ndim - 2), -1))
    strengths[~np.isfinite(strengths)] = np.inf  # channels that diverged must be in the picture
    channels = np.argsort(-strengths, kind="stable")[: min(MAX_COLUMNS, cell_format.columns)]
    weights = weights[..., channels, :]
    limit = colour_limit(weights)
    flat = np.moveaxis(weights, (-1, -2), (0, 1)).reshape(-1, *weights.shape[:-2], 1)
    cells = windows.cells(flat, limit, cell_format.tap_size)
    grid = cell_grid(
        cells.reshape(len(numbers), len(channels), *cells.shape[1:]),
        row_labels=[str(number) for number in numbers],
        column_labels=[str(channel) for channel in channels],
        frames=[
            Frame(row, slice(0, len(channels)), FRAME_COLOURS[description])
            for row, description in enumerate(descriptions[number] for number in numbers)
            if description in FRAME_COLOURS
        ],
    )
    notes = [
        "rows: filters, columns: channels",
        cut_note(len(numbers), total, "filters"),
        cut_note(len(channels), kernel.channels, "channels", "strongest"),
        cell_format.note,
    ]
    return add_caption(grid, caption, notes, colour_scale(limit), _legend(descriptions))


def _filter_order(kernel: Kernel, layer_scores: LayerScores, order: str | None) -> Array:
    """Returns the numbers of the kernel's filters in the order in which they are drawn."""
    if order is None:
        return np.arange(kernel.filters)
    of_filters = {name: each[: kernel.filters] for name, each in layer_scores.filters.items()}
    if order == "similarity":
        is_colourful = of_filters.get("chroma", np.zeros(kernel.filters)) > _MIN_CHROMA
        return _by_similarity(kernel.array, np.where(of_filters["dead"] > 0, 2, is_colourful))
    values = of_filters.get(order)
    if values is None or values.dtype.kind != "f":
        orders = [name for name, values in of_filters.items() if values.dtype.kind == "f"]
        raise ValueError(
            f"order {order!r}: {kernel.name!r} has no such score for each filter; there are "
            f"{['similarity', *orders]}."
        )
    return np.argsort(values, kind="stable")


def _by_similarity(array: Array, groups: Array) -> Array:
    """Returns the filters group by group, each followed by the most similar one that is left.

    `groups` has a number for each filter. A group begins with its strongest filter.
    """
    flat = np.nan_to_num(array.reshape(-1, array.shape[-1]).astype(np.float64))
    norms = np.linalg.norm(flat, axis=0)
    cosines = flat.T @ flat / np.maximum(np.outer(norms, norms), np.finfo(float).tiny)
    numbers: list[int] = []
    for group in np.unique(groups):
        rest = np.flatnonzero(groups == group).tolist()
        preference = norms
        while rest:
            numbers.append(max(rest, key=preference.__getitem__))
            rest.remove(numbers[-1])
            preference = cosines[numbers[-1]]
    return np.array(numbers, int)


def _legend(descriptions: Sequence[str]) -> list[tuple[str, Colour]]:
    """Returns such as "3 edges" and "1 smooth", with their colours; nothing if none has a frame."""
    counts = {name: descriptions.count(name) for name in FRAME_COLOURS}
    return [
        (f"{count} {PLURALS.get(name, name) if count > 1 else name}", FRAME_COLOURS[name])
        for name, count in counts.items()
        if count
    ]


def _caption(kernel: Kernel, layer_scores: LayerScores, step: int | None) -> list[str]:
    dead, total = int(layer_scores.filters["dead"].sum()), layer_scores.shape[-1]
    noise = f"{layer_scores['noise']:.2f}" if "noise" in layer_scores else "undefined"
    shape = "x".join(map(str, (*kernel.spatial, kernel.channels)))
    return [
        kernel.name,
        f"{kernel.layer_type} {shape}, {total} filters".strip(),
        "" if step is None else f"step {step}",
        f"noise {noise}",
        f"dead {dead} of {total} ({dead / total:.0%})",
    ]
