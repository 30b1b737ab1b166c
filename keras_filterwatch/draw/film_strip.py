"""The picture `film_strip`: how the filters of a layer changed from step to step."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note
from keras_filterwatch.draw.colours import colour_limit
from keras_filterwatch.draw.grid import cell_grid
from keras_filterwatch.draw.layer_argument import check_layer, window_kernel
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import noise

MAX_COLUMNS, MAX_ROWS = 16, 32  # steps and filters


def film_strip(sources: Iterable[Any], layer: Any = None, *, unit: str = "epoch") -> Image.Image:
    """Returns the history of a layer's filters: rows are filters, columns are steps.

    Of long histories, 16 columns are drawn, evenly in log time, since filters form early. Below
    each column are its step and the noise score that the layer had then: 1 is noise, lower is
    smoother. Three channels are drawn in colour; of more, each filter shows the one that is
    strongest at the end. One scale serves all columns, so that growing and fading filters can be
    told apart.

    Args:
        sources: oldest first, each what `score` takes: a `Snapshot`, a dict of kernels, a model or
            a path, such as the files that `ModelCheckpoint` saved. A `Snapshot` has its own step;
            the step of any other source is its place, from 0.
        layer: the kernel's name, or, of models, the layer or a pattern. If None, or if several
            kernels match, the first with a window larger than 1 is drawn.
        unit: what a step is, for the caption.

    Raises:
        TypeError: only one source came, or `layer` is no name, pattern or layer.
        ValueError: no source came, one has nothing to draw, or the kernels differ in shape.

    Example:
        >>> epochs = [{"conv": np.full((3, 3, 1, 8), float(epoch))} for epoch in range(3)]
        >>> film_strip(epochs).width > 0
        True
    """
    check_layer(film_strip, layer)
    if isinstance(sources, Mapping | str) or not isinstance(sources, Iterable):
        raise TypeError(
            "film_strip: several sources, oldest first, are needed, such as a list of paths; got "
            f"one {type(sources).__name__}."
        )
    strip = FilmStrip()
    for place, source in enumerate(sources):
        kernel = window_kernel(source, layer)
        step = source.step if isinstance(source, Snapshot) else place
        strip.add(step, kernel, noise.noise_score(kernel.array))
    return strip.draw(unit)


class _Column(NamedTuple):
    step: int
    weights: Array  # (filters, *spatial, channels)
    noise: float


class FilmStrip:
    """The history of one layer's filters, thinned so that its memory stays bounded."""

    def __init__(self) -> None:
        self._columns: list[_Column] = []
        self._kernel: Kernel | None = None  # the name, the layer and the shape, without weights

    def add(self, step: int, kernel: Kernel, noise_score: float) -> None:
        """Adds one step; a step that came before is replaced. Copies the weights that it draws.

        Raises:
            ValueError: the kernel has another shape than the first.
        """
        if self._kernel is None:
            no_weights = np.broadcast_to(np.float32(0), kernel.array.shape)  # takes no memory
            self._kernel = Kernel(kernel.name, kernel.layer_type, no_weights, kind=kernel.kind)
        if kernel.array.shape != self._kernel.array.shape:
            raise ValueError(
                "a film strip shows one layer; kernels of the shapes "
                f"{self._kernel.array.shape} and {kernel.array.shape} came."
            )
        cell_format = windows.window_format(kernel.spatial, 48, min_tap_size=2)
        weights = kernel.array[cell_format.taps][..., : min(MAX_ROWS, cell_format.rows)]
        weights = np.moveaxis(weights, -1, 0).astype(np.float32)  # a copy
        if self._columns and self._columns[-1].step == step:
            self._columns.pop()
        self._columns.append(_Column(step, weights, noise_score))
        steps = [column.step for column in self._columns]
        places = select_steps(steps, min(MAX_COLUMNS, cell_format.columns))
        self._columns = [self._columns[place] for place in places]

    def draw(self, unit: str = "epoch") -> Image.Image:
        """Returns the picture.

        Raises:
            ValueError: no step was added yet.
        """
        if self._kernel is None:
            raise ValueError("a film strip needs at least one snapshot; none came.")
        cell_format = windows.window_format(self._kernel.spatial, 48, min_tap_size=2)
        fits_one_cell = windows.fits_one_cell(self._kernel)
        weights = _one_or_three_channels(
            [column.weights for column in self._columns], fits_one_cell
        )
        limit = colour_limit(weights)
        rows = [windows.cells(row, limit, cell_format.tap_size) for row in weights]
        steps = [column.step for column in self._columns]
        grid = cell_grid(
            rows,
            row_labels=[str(f) for f in range(len(rows))],
            labels_below=[
                [str(step) for step in steps],
                [f"{column.noise:.2f}" for column in self._columns],
            ],
        )
        count = self._kernel.filters
        caption = [self._kernel.name, f"{count} filters from {unit} {steps[0]} to {steps[-1]}"]
        notes = [
            f"rows: filters, below the columns: {unit}, noise score",
            cut_note(len(rows), count, "filters"),
            "" if fits_one_cell else "of each filter, its strongest channel",
            cell_format.note,
        ]
        scale = colour_scale(limit, coloured=weights.shape[-1] == 3)
        return add_caption(grid, caption, notes, scale)


def select_steps(steps: Sequence[int], most: int) -> list[int]:
    """Returns the places of at most `most` of the steps, which ascend, even in log time.

    The first and the last stay. Of the others, the ones whose neighbours are nearest to each other
    are dropped. Dropping one at a time, as steps come, leaves about the same steps as dropping all
    at the end.

    Example:
        >>> select_steps([0, 1, 2, 3, 4, 5, 6, 7], most=4)
        [0, 1, 3, 7]
    """
    places = list(range(len(steps)))
    times = [math.log1p(step - steps[0]) for step in steps]
    while len(places) > max(2, most):
        gaps = [times[b] - times[a] for a, b in zip(places, places[2:], strict=False)]
        del places[1 + int(np.argmin(gaps))]
    return places


def _one_or_three_channels(columns: Sequence[Array], fits_one_cell: bool) -> Array:
    """Returns what is drawn, `(filters, steps, *spatial, channels)`, with one channel or three."""
    weights = np.stack(columns, axis=1).astype(np.float64)
    if fits_one_cell:
        return weights
    with np.errstate(all="ignore"):
        energies = np.square(weights[:, -1]).sum(axis=tuple(range(1, weights.ndim - 2)))
    strongest = np.nan_to_num(energies, nan=np.inf).argmax(axis=-1)
    return np.take_along_axis(weights, strongest.reshape(-1, *[1] * (weights.ndim - 1)), axis=-1)
