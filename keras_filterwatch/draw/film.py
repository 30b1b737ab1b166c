"""Snapshots of many steps in, one picture out: how the filters of a layer came to be."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.draw.sheet import chosen, is_whole
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import noise
from keras_filterwatch.scoring import snapshot_of

COLUMNS, ROWS = 16, 32


def film_strip(sources: Iterable[Any], layer: Any = None, *, unit: str = "epoch") -> Image.Image:
    """The history of a layer's filters: rows are filters, columns are steps.

    Of long histories, 16 columns are shown, evenly in log time, since filters form early. Below
    each stand its step and the noise score of the layer then: 1 is noise, lower is smoother. Three
    channels are drawn in colour; of more, each filter shows the one that is strongest at the end.
    One scale serves all columns, so that filters that grow or fade are seen to.

    Args:
        sources: oldest first, each what `score` takes: a `Snapshot`, a dict of kernels, a model or
            a path, such as of the checkpoints of a training. What is no `Snapshot` gets its place
            as its step.
        layer: as for `filters`; None for the first with a window larger than 1.
        unit: what a step is, for the caption.

    Raises:
        ValueError: nothing to draw, or kernels of different shapes.
    """
    frames = [_frame(source, place, layer) for place, source in enumerate(sources)]
    if not frames:
        raise ValueError("a film strip needs at least one snapshot; none came.")
    shapes = {kernel.array.shape for _, kernel in frames}
    if len(shapes) > 1:
        raise ValueError(f"a film strip shows one layer; kernels of the shapes {shapes} came.")
    last = frames[-1][1]
    spatial, nth, thinned = canvas.thinned(last.spatial)
    size, across, down = canvas.layout(spatial, 48, least=2)
    frames = [frames[i] for i in kept([step for step, _ in frames], min(COLUMNS, across))]
    shown = min(last.filters, ROWS, down)
    windows = [_windows(kernel.array[nth], last, shown) for _, kernel in frames]
    limit = canvas.limit_of(np.stack(windows))
    rows = [[canvas.tile(each[f], limit, size) for each in windows] for f in range(shown)]
    scores = [noise.measure(kernel.array)[0].get("noise", math.nan) for _, kernel in frames]
    below = [[str(step) for step, _ in frames], [f"{score:.2f}" for score in scores]]
    grid = canvas.grid_of(rows, [str(f) for f in range(shown)], below=below)
    caption = [last.name, f"{last.filters} filters from {unit} {frames[0][0]} to {frames[-1][0]}"]
    notes = [
        f"rows: filters, below the columns: {unit}, noise score",
        canvas.first(shown, last.filters, "filters"),
        "" if is_whole(last) else "of each filter, its strongest channel",
        thinned,
    ]
    return canvas.page(
        grid, caption, notes, canvas.scale(limit, coloured=windows[0].shape[-1] == 3)
    )


def kept(steps: Sequence[int], most: int) -> list[int]:
    """Places of the steps, ascending, that stay if at most so many may: even in log time.

    The first and the last stay. Of the others go those whose neighbours are nearest to each other;
    who drops the same ones again and again, as steps come, keeps about the same as who waits.
    """
    places = list(range(len(steps)))
    when = [math.log1p(step - steps[0]) for step in steps]
    while len(places) > max(2, most):
        around = [when[b] - when[a] for a, b in zip(places, places[2:], strict=False)]
        del places[1 + int(np.argmin(around))]
    return places


def frame_of(snapshot: Snapshot, layer: str) -> Snapshot:
    """What a film strip needs of a layer, in memory of its own: the filters that it shows."""
    (kernel,) = (kernel for kernel in snapshot.kernels if kernel.name == layer)
    return Snapshot(snapshot.step, (kernel,)).copied()


def _frame(source: Any, place: int, layer: str | None) -> tuple[int, Kernel]:
    snapshot = snapshot_of(source, layer)
    step = snapshot.step if isinstance(source, Snapshot) else place
    return step, chosen(snapshot, source, layer)


def _windows(array: Array, last: Kernel, shown: int) -> Array:
    """The first filters as `(filters, *spatial, channels)`, one channel or three."""
    filters = np.moveaxis(array[..., :shown], -1, 0).astype(np.float64)
    if is_whole(last):
        return filters
    with np.errstate(all="ignore"):
        energy = np.square(last.array[..., :shown].astype(np.float64))
        energy = energy.sum(axis=tuple(range(len(last.spatial))))
    strongest = np.nan_to_num(energy, nan=np.inf).argmax(axis=0)
    return filters[np.arange(shown), ..., strongest][..., np.newaxis]
