"""Kernels in, a sheet out: what the filters of a layer look like at one step."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.scoring import score
from keras_filterwatch.sources import snapshot_of
from keras_filterwatch.text import suggestion

MAX_FILTERS = 256  # tiles on a sheet
MAX_ROWS = MAX_COLUMNS = 32  # filters and channels in a matrix

MARKS: dict[str, canvas.Colour] = {  # Okabe and Ito's, which every colour vision tells apart
    "dead": (0, 0, 0),
    "duplicate": (240, 228, 66),
    "blob": (230, 159, 0),
    "edge": (0, 114, 178),
    "colour": (204, 121, 167),
    "checkered": (213, 94, 0),
    "noise-like": (110, 110, 110),
}

_COLOURFUL = 0.5  # chroma above which more of a filter is colour than grey


def filters(
    source: Any,
    layer: Any = None,
    *,
    order: str | None = None,
    step: int | None = None,
    scores: Scores | None = None,
) -> Image.Image:
    """One labelled picture of a layer's filters; shows itself in a notebook.

    One channel is drawn from blue over white, which is zero, to red; three channels in colour,
    where grey is zero; more as a matrix with a row per filter and the strongest channels as
    columns. One scale serves the whole picture, so that weak filters look weak. Frames tell what a
    filter is: dead, a duplicate, or what it looks like (`metrics.appearance`). A weight that is not
    finite is magenta.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        layer: its name, or, of a model, the layer or a pattern; the first with a window larger
            than 1 is drawn if there are several, or if it is None.
        order: None as they come; `"similarity"` sets like beside like, greys before colours
            before the dead; or a score that each filter has, such as `"noise"`, smallest first.
        step: for the caption; a `Snapshot` knows its own.
        scores: those of `source`, to save computing them.

    Raises:
        ValueError: no layer of that name, none with a window to draw, or an unknown order.
    """
    snapshot = snapshot_of(source, layer)
    kernel = chosen(snapshot, source, layer)
    if scores is None:
        scores = score(Snapshot(snapshot.step, (kernel,)))
    if step is None and isinstance(source, Snapshot):
        step = snapshot.step
    measured = scores[kernel.name]
    places = _ordered(kernel, measured, order)
    head = _caption(kernel, measured, step)
    if order:
        head.append(f"by {order}")
    if is_whole(kernel):
        return _sheet(kernel, head, places, _marks(measured), numbered=bool(order))
    return _matrix(kernel, head, places, _marks(measured))


def chosen(snapshot: Snapshot, source: Any, layer: Any) -> Kernel:
    """The kernel of that name, or the first with a window larger than 1.

    Of a model, the snapshot holds what was asked for only, by whatever it was asked for.
    """
    name = layer if isinstance(source, Snapshot | Mapping) else None
    names = [kernel.name for kernel in snapshot.kernels]
    if name is not None and name not in names:
        raise ValueError(f"no kernel is called {name!r}; {suggestion(name, names)}.")
    wanted = [kernel for kernel in snapshot.kernels if name in (None, kernel.name)]
    for kernel in [each for each in wanted if each.name == layer] or wanted:
        if kernel.has_window:
            return kernel
    raise ValueError(
        f"there is nothing to draw: none of {[kernel.name for kernel in wanted]} has a window "
        "larger than 1. A Dense layer has one where it reads an image through a Flatten layer."
    )


def is_whole(kernel: Kernel) -> bool:
    """Whether a tile shows a whole filter: one channel, or three as colours."""
    return kernel.channels == 1 or (len(kernel.spatial) == 2 and kernel.channels == 3)


def _sheet(
    kernel: Kernel, head: list[str], places: Array, marks: list[str], numbered: bool
) -> Image.Image:
    """Filters as tiles in reading order; numbered each, or by the first of each row."""
    few = kernel.filters <= 64
    spatial, nth, thinned = canvas.thinned(kernel.spatial)
    size, across, down = canvas.layout(spatial, 60, least=3 if few else 2)
    across = min(8 if few else 16, across)
    places = places[: min(MAX_FILTERS, across * down)]
    weights = np.moveaxis(kernel.array[nth][..., places], -1, 0).astype(np.float64)
    limit = canvas.limit_of(weights)
    tiles = canvas.tiles(weights, limit, size)
    grid = canvas.grid_of(
        _rows(tiles, across),
        [] if numbered else [str(place) for place in places[::across]],
        captions=_rows([str(place) for place in places], across) if numbered else (),
        frames=[
            canvas.Frame(i // across, slice(i % across, i % across + 1), MARKS[marks[place]])
            for i, place in enumerate(places)
            if marks[place] in MARKS
        ],
    )
    notes = [canvas.first(len(places), kernel.filters, "filters"), thinned]
    bar = canvas.scale(limit, coloured=kernel.channels == 3)
    return canvas.page(grid, head, notes, bar, _legend(marks))


def _rows(cells: Sequence[Any], across: int) -> list[Sequence[Any]]:
    return [cells[start : start + across] for start in range(0, len(cells), across)]


def _matrix(kernel: Kernel, head: list[str], places: Array, marks: list[str]) -> Image.Image:
    """A row per filter, a column per channel, the strongest channels first."""
    spatial, nth, thinned = canvas.thinned(kernel.spatial)
    size, across, down = canvas.layout(spatial, 18, least=3)
    places = places[: min(MAX_ROWS, down)]
    rows = kernel.array[nth][..., places].astype(np.float64)
    with np.errstate(all="ignore"):
        strength = np.square(rows).sum(axis=(*range(rows.ndim - 2), -1))
    strength[~np.isfinite(strength)] = np.inf  # what diverged is to be seen
    strongest = np.argsort(-strength, kind="stable")[: min(MAX_COLUMNS, across)]
    weights = rows[..., strongest, :]
    limit = canvas.limit_of(weights)
    grid = canvas.grid_of(
        [
            canvas.tiles(np.moveaxis(weights[..., f], -1, 0)[..., np.newaxis], limit, size)
            for f in range(len(places))
        ],
        [str(place) for place in places],
        [str(channel) for channel in strongest],
        frames=[
            canvas.Frame(row, slice(0, len(strongest)), MARKS[marks[place]])
            for row, place in enumerate(places)
            if marks[place] in MARKS
        ],
    )
    notes = [
        "rows: filters, columns: channels",
        canvas.first(len(places), kernel.filters, "filters"),
        canvas.first(len(strongest), kernel.channels, "channels", "strongest"),
        thinned,
    ]
    return canvas.page(grid, head, notes, canvas.scale(limit), _legend(marks))


def _ordered(kernel: Kernel, measured: LayerScores, order: str | None) -> Array:
    """The places of the filters, in the order in which they are drawn."""
    if order is None:
        return np.arange(kernel.filters)
    if order == "similarity":
        colourful = measured.filters.get("chroma", np.zeros(kernel.filters)) > _COLOURFUL
        return _like_beside_like(kernel.array, np.where(measured.filters["dead"] > 0, 2, colourful))
    values = measured.filters.get(order)
    if values is None or values.dtype.kind != "f":
        there_are = [k for k, v in measured.filters.items() if v.dtype.kind == "f"]
        raise ValueError(
            f"order {order!r}: {kernel.name} has no such score for each filter; there are "
            f"{['similarity', *there_are]}."
        )
    return np.argsort(values, kind="stable")


def _like_beside_like(array: Array, groups: Array) -> Array:
    """Group by group, greys, colours, the dead; from the strongest on to the nearest one left."""
    flat = np.nan_to_num(array.reshape(-1, array.shape[-1]).astype(np.float64))
    norms = np.linalg.norm(flat, axis=0)
    cosines = flat.T @ flat / np.maximum(np.outer(norms, norms), np.finfo(float).tiny)
    places: list[int] = []
    for group in np.unique(groups):
        left = np.flatnonzero(groups == group).tolist()
        near = norms
        while left:
            places.append(max(left, key=near.__getitem__))
            left.remove(places[-1])
            near = cosines[places[-1]]
    return np.array(places, int)


def _marks(measured: LayerScores) -> list[str]:
    """What each filter is marked as: the worst that is true of it."""
    labels = measured.filters.get("labels", np.full(measured.shape[-1], ""))
    marks = np.where(measured.filters.get("duplicates", 0) == 1, "duplicate", labels)
    return list(np.where(measured.filters["dead"] > 0, "dead", marks))


def _legend(marks: list[str]) -> list[tuple[str, canvas.Colour]]:
    return [
        (f"{marks.count(name)} {name}", colour) for name, colour in MARKS.items() if name in marks
    ]


def _caption(kernel: Kernel, measured: LayerScores, step: int | None) -> list[str]:
    dead = int(measured.filters["dead"].sum())
    noise = f"{measured['noise']:.2f}" if "noise" in measured else "undefined"
    shape = "x".join(map(str, (*kernel.spatial, kernel.channels)))
    return [
        kernel.name,
        f"{kernel.layer_type} {shape}, {kernel.filters} filters".strip(),
        "" if step is None else f"step {step}",
        f"noise {noise}",
        f"dead {dead} of {kernel.filters} ({dead / kernel.filters:.0%})",
    ]
