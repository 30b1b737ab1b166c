"""Kernels in, a sheet out: what the filters of a layer look like at one step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.kernels import Kernel, Snapshot, nearest
from keras_filterwatch.scoring import LayerScores, Scores, score, snapshot_of

MAX_FILTERS = 256  # tiles on a sheet
MAX_ROWS = MAX_COLUMNS = 32  # filters and channels in a matrix

DEAD: canvas.Colour = (0, 0, 0)


def filters(
    source: Any, layer: Any = None, *, step: int | None = None, scores: Scores | None = None
) -> Image.Image:
    """One labelled picture of a layer's filters; shows itself in a notebook.

    One channel is drawn from blue over white, which is zero, to red; three channels in colour,
    where grey is zero; more as a matrix with a row per filter and the strongest channels as
    columns. One scale serves the whole picture, so that weak filters look weak. A dead filter has
    a black frame, a weight that is not finite is magenta.

    Args:
        source: what `score` takes: a model, a path, a `Snapshot` or a dict of kernels.
        layer: its name, or, of a model, the layer or a pattern; the first with a window larger
            than 1 is drawn if there are several, or if it is None.
        step: for the caption; a `Snapshot` knows its own.
        scores: those of `source`, to save computing them.

    Raises:
        ValueError: no layer of that name, or none with a window to draw.
    """
    snapshot = snapshot_of(source, layer)
    kernel = _chosen(snapshot, layer if isinstance(source, Snapshot | Mapping) else None)
    if scores is None:
        scores = score(Snapshot(snapshot.step, (kernel,)))
    if step is None and isinstance(source, Snapshot):
        step = snapshot.step
    measured = scores[kernel.name]
    coloured = len(kernel.spatial) == 2 and kernel.channels == 3
    if coloured or kernel.channels == 1:
        return _sheet(kernel, measured, step, coloured)
    return _matrix(kernel, measured, step)


def _chosen(snapshot: Snapshot, name: str | None) -> Kernel:
    names = [kernel.name for kernel in snapshot.kernels]
    if name is not None and name not in names:
        raise ValueError(f"no kernel is called {name!r}; {nearest(name, names)}.")
    wanted = [kernel for kernel in snapshot.kernels if name in (None, kernel.name)]
    for kernel in wanted:
        if kernel.has_window:
            return kernel
    raise ValueError(
        f"there is nothing to draw: none of {[kernel.name for kernel in wanted]} has a window "
        "larger than 1. A Dense layer has one where it reads an image through a Flatten layer."
    )


def _sheet(kernel: Kernel, measured: LayerScores, step: int | None, coloured: bool) -> Image.Image:
    """Filters as tiles in reading order."""
    few = kernel.filters <= 64
    spatial, nth, thinned = canvas.thinned(kernel.spatial)
    size, across, down = canvas.layout(spatial, 60, least=3 if few else 2)
    across = min(8 if few else 16, across)
    shown = min(kernel.filters, MAX_FILTERS, across * down)
    weights = kernel.array[nth][..., :shown].astype(np.float64)
    limit = canvas.limit_of(weights)
    if coloured:
        tiles = [
            canvas.enlarged(canvas.in_colour(weights[..., f], limit), size) for f in range(shown)
        ]
    else:
        tiles = [canvas.window_tile(weights[..., 0, f], limit, size) for f in range(shown)]
    rows = [tiles[start : start + across] for start in range(0, shown, across)]
    frames = [
        canvas.Frame(f // across, slice(f % across, f % across + 1), DEAD)
        for f in _dead(measured, shown)
    ]
    labels = [str(start) for start in range(0, shown, across)]
    grid = canvas.grid_of(rows, labels, frames=frames)
    notes = [_first(shown, kernel.filters, "filters"), thinned]
    return canvas.page(grid, _caption(kernel, measured, step), notes, canvas.scale(limit, coloured))


def _matrix(kernel: Kernel, measured: LayerScores, step: int | None) -> Image.Image:
    """A row per filter, a column per channel, the strongest channels first."""
    spatial, nth, thinned = canvas.thinned(kernel.spatial)
    size, across, down = canvas.layout(spatial, 18, least=3)
    shown = min(kernel.filters, MAX_ROWS, down)
    rows = kernel.array[nth][..., :shown].astype(np.float64)
    with np.errstate(all="ignore"):
        strength = np.square(rows).sum(axis=(*range(rows.ndim - 2), -1))
    strength[~np.isfinite(strength)] = np.inf  # what diverged is to be seen
    strongest = np.argsort(-strength, kind="stable")[: min(MAX_COLUMNS, across)]
    weights = rows[..., strongest, :]
    limit = canvas.limit_of(weights)
    cells = [
        [canvas.window_tile(weights[..., c, f], limit, size) for c in range(len(strongest))]
        for f in range(shown)
    ]
    frames = [canvas.Frame(f, slice(0, len(strongest)), DEAD) for f in _dead(measured, shown)]
    labels, above = [str(f) for f in range(shown)], [str(c) for c in strongest]
    grid = canvas.grid_of(cells, labels, above, frames=frames)
    notes = [
        "rows: filters, columns: channels",
        _first(shown, kernel.filters, "filters"),
        _first(len(strongest), kernel.channels, "channels", "strongest"),
        thinned,
    ]
    return canvas.page(grid, _caption(kernel, measured, step), notes, canvas.scale(limit))


def _dead(measured: LayerScores, shown: int) -> list[int]:
    return [int(f) for f in np.flatnonzero(measured.filters["dead"][:shown])]


def _first(shown: int, there_are: int, what: str, which: str = "first") -> str:
    return f"{which} {shown} of {there_are} {what}" if shown < there_are else ""


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
