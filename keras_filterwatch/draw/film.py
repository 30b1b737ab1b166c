"""Kernels of many steps in, one picture out: how the filters of a layer came to be."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_filterwatch.draw import canvas
from keras_filterwatch.draw.filter_sheet import chosen, is_whole
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import noise
from keras_filterwatch.sources import snapshot_of

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
        TypeError, ValueError: not several sources, nothing to draw, or kernels of different shapes.
    """
    if isinstance(sources, Mapping | str) or not isinstance(sources, Iterable):
        raise TypeError(
            f"film_strip: several sources, oldest first, are needed; got one, {sources!r:.80}."
        )
    film = Film()
    for place, source in enumerate(sources):
        snapshot = snapshot_of(source, layer)
        kernel = chosen(snapshot, source, layer)
        step = snapshot.step if isinstance(source, Snapshot) else place
        film.add(step, kernel, noise.roughness(kernel.array)[0].get("noise", math.nan))
    return film.picture(unit)


class _Look(NamedTuple):
    step: int
    weights: Array  # (filters, *spatial, channels)
    noise: float


class Film:
    """The looks at one layer, of which so many are kept that its size stays bounded."""

    def __init__(self) -> None:
        self._looks: list[_Look] = []
        self._kernel: Kernel | None = None  # the first one's name and shape

    def add(self, step: int, kernel: Kernel, score: float) -> None:
        """One look, with the noise score of the layer; what is drawn of it is copied."""
        if self._kernel is None:
            nothing = np.broadcast_to(np.float32(0), kernel.array.shape)  # takes no memory
            self._kernel = Kernel(kernel.name, kernel.layer_type, nothing)
        if kernel.array.shape != self._kernel.array.shape:
            shapes = [self._kernel.array.shape, kernel.array.shape]
            raise ValueError(f"a film strip shows one layer; kernels of the shapes {shapes} came.")
        spatial, nth, _ = canvas.thinned(kernel.spatial)
        _, across, down = canvas.layout(spatial, 48, least=2)
        drawn = kernel.array[nth][..., : min(ROWS, down)]
        weights = np.moveaxis(drawn, -1, 0).astype(np.float32)  # a copy
        if self._looks and self._looks[-1].step == step:  # the same look, again
            self._looks.pop()
        self._looks.append(_Look(step, weights, score))
        stay = kept([look.step for look in self._looks], min(COLUMNS, across))
        self._looks = [self._looks[i] for i in stay]

    def picture(self, unit: str = "epoch") -> Image.Image:
        """All that is kept, side by side."""
        if self._kernel is None:
            raise ValueError("a film strip needs at least one snapshot; none came.")
        spatial, _, thinned = canvas.thinned(self._kernel.spatial)
        size, _, _ = canvas.layout(spatial, 48, least=2)
        windows = _windows([look.weights for look in self._looks], is_whole(self._kernel))
        limit = canvas.limit_of(windows)
        rows = [canvas.tiles(row, limit, size) for row in windows]
        steps = [look.step for look in self._looks]
        below = [[str(step) for step in steps], [f"{look.noise:.2f}" for look in self._looks]]
        grid = canvas.grid_of(rows, [str(f) for f in range(len(rows))], below=below)
        count = self._kernel.filters
        caption = [self._kernel.name, f"{count} filters from {unit} {steps[0]} to {steps[-1]}"]
        notes = [
            f"rows: filters, below the columns: {unit}, noise score",
            canvas.first(len(rows), count, "filters"),
            "" if is_whole(self._kernel) else "of each filter, its strongest channel",
            thinned,
        ]
        bar = canvas.scale(limit, coloured=windows.shape[-1] == 3)
        return canvas.page(grid, caption, notes, bar)


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


def _windows(looks: Sequence[Array], whole: bool) -> Array:
    """What is drawn, `(filters, looks, *spatial, channels)`, one channel or three."""
    weights = np.stack(looks, axis=1).astype(np.float64)
    if whole:
        return weights
    with np.errstate(all="ignore"):
        energy = np.square(weights[:, -1]).sum(axis=tuple(range(1, weights.ndim - 2)))
    strongest = np.nan_to_num(energy, nan=np.inf).argmax(axis=-1)
    places = strongest.reshape(-1, *[1] * (weights.ndim - 1))
    return np.take_along_axis(weights, places, axis=-1)
