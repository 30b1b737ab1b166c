"""The picture `film_strip`: how the filters of a layer changed from step to step."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note
from keras_filterwatch.draw.colours import colour_limit
from keras_filterwatch.draw.grid import cell_grid
from keras_filterwatch.draw.layer_argument import check_layer, named_kernels, window_kernel
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import noise
from keras_filterwatch.text import listed

MAX_COLUMNS, MAX_ROWS = 16, 32  # steps and filters


def film_strip(
    sources: Any,
    layer: Any = None,
    *,
    unit: str | None = None,
    window: Mapping[str, Window] | None = None,
) -> Image.Image:
    """Returns the history of a layer's filters: rows are filters, columns are steps.

    Of long histories, 16 columns are drawn, evenly in log time, since filters form early. Below
    each column are its step and the noise score that the layer had then: 1 is noise, lower is
    smoother. Three channels are drawn in colour; of more, each filter shows the one that is
    strongest at the end. One scale serves all columns, so that growing and fading filters can be
    told apart.

    Args:
        sources: a `FilterWatch`, or several sources, oldest first, each what `score` takes: a
            `Snapshot`, a dict of kernels, a model or a path, such as the files that
            `ModelCheckpoint` saved. A `Snapshot` has its own step; the step of any other source is
            its place, from 0.
        layer: the kernel's name, or, of models, the layer or a pattern. If None, or if several
            kernels match, the first with a window larger than 1 is drawn. A `FilterWatch` has the
            history of the layers that it draws: the first and three deeper ones, or all that its
            argument `layers` names.
        unit: what a step is, for the caption; None for what the `FilterWatch` counts, or else
            `"epoch"`.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer. A `FilterWatch` has
            its own.

    Raises:
        TypeError: only one source came, `layer` is no name, pattern or layer, or `window` is no
            dict of sizes.
        ValueError: no source came, one has nothing to draw, the kernels differ in shape, the
            `FilterWatch` has no history of the layer, or `window` does not fit.

    Example:
        >>> epochs = [{"conv": np.full((3, 3, 1, 8), float(epoch))} for epoch in range(3)]
        >>> film_strip(epochs).width > 0
        True
    """
    return strip_of(film_strip, sources, layer, window).draw(unit)


def strip_of(
    function: Callable[..., Any],
    sources: Any,
    layer: Any,
    window: Mapping[str, Window] | None,
    max_columns: int | None = None,
) -> "FilmStrip":
    """Returns the history that a callback kept, or that of several sources.

    Args:
        function: the public function that was called, for the messages.
        sources: as `film_strip` takes them.
        layer, window: as `film_strip` takes them.
        max_columns: as `FilmStrip` takes it, where there are several sources.

    Raises:
        TypeError, ValueError: as `film_strip`.
    """
    check_layer(function, layer)
    if hasattr(type(sources), "film_strips"):
        if window is not None:
            raise ValueError(
                "window: a FilterWatch has its own; say it before training, in "
                "FilterWatch(..., window=...)."
            )
        return _kept_strip(sources, layer)
    if isinstance(sources, Mapping | str) or not isinstance(sources, Iterable):
        raise TypeError(
            f"{function.__name__}: a FilterWatch or several sources, oldest first, are needed, "
            f"such as a list of paths; got one {type(sources).__name__}."
        )
    strip = FilmStrip(max_columns=max_columns)
    for place, source in enumerate(sources):
        kernel = window_kernel(source, layer, window)
        step = source.step if isinstance(source, Snapshot) else place
        strip.add(step, kernel, noise.noise_score(kernel.array))
    return strip


def _kept_strip(callback: Any, layer: Any) -> "FilmStrip":
    """Returns the first history of a callback that is one of the layers that are asked for."""
    strips: dict[str, FilmStrip] = callback.film_strips
    if not strips:
        raise ValueError(
            "there is nothing to draw: no layer that this FilterWatch watches has a window larger "
            "than 1. A Dense layer has one where it reads an image through a Flatten layer, or "
            "where FilterWatch(..., window=...) says so."
        )
    if layer is None:
        return next(iter(strips.values()))
    if isinstance(layer, str) and layer in strips:
        return strips[layer]
    names = [kernel.name for kernel in named_kernels(callback.model, layer)]
    for name in names:
        if name in strips:
            return strips[name]
    raise ValueError(
        f"this FilterWatch kept no history of [{listed(names)}], but of [{listed(strips)}]. "
        "FilterWatch(..., layers=[...]) keeps that of each layer with a window that `layers` names."
    )


class Column(NamedTuple):
    """One step of a film strip."""

    step: int
    weights: Array  # (filters, *spatial, channels)
    noise: float


class FilmStrip:
    """The history of one layer's filters, thinned so that its memory stays bounded.

    Args:
        unit: what a step is, for the caption.
        max_weights: how many weights are kept at most, but at least one filter; None for those of
            32 filters.
        max_columns: how many steps are kept; None for 16, or as many as fit into a picture.

    Attributes:
        columns: the steps that are kept, in ascending order.
        kernel: the name, the layer and the shape, without weights; None before the first step.
    """

    def __init__(
        self, unit: str = "epoch", max_weights: int | None = None, max_columns: int | None = None
    ) -> None:
        self.unit = unit
        self.columns: list[Column] = []
        self.kernel: Kernel | None = None
        self._max_weights = max_weights
        self._max_columns = max_columns

    def add(self, step: int, kernel: Kernel, noise_score: float) -> None:
        """Adds one step. Copies the weights that it draws.

        A step that came before is replaced. Steps of two trainings at once may come in any order.

        Raises:
            ValueError: the kernel has another shape than the first.
        """
        if self.kernel is None:
            no_weights = np.broadcast_to(np.float32(0), kernel.array.shape)  # takes no memory
            self.kernel = Kernel(kernel.name, kernel.layer_type, no_weights, kind=kernel.kind)
        if kernel.array.shape != self.kernel.array.shape:
            raise ValueError(
                "a film strip shows one layer; kernels of the shapes "
                f"{self.kernel.array.shape} and {kernel.array.shape} came."
            )
        cell_format = windows.window_format(kernel.spatial, 48, min_tap_size=2)
        max_columns = self._max_columns or min(MAX_COLUMNS, cell_format.columns)
        windows_drawn = kernel.array[cell_format.taps]
        rows = min(MAX_ROWS, cell_format.rows)
        if self._max_weights is not None:
            per_filter = max_columns * windows_drawn[..., 0].size
            rows = max(1, min(rows, self._max_weights // per_filter))
        weights = np.moveaxis(windows_drawn[..., :rows], -1, 0).astype(np.float32)  # a copy
        earlier = [column for column in self.columns if column.step != step]
        columns = sorted([*earlier, Column(step, weights, noise_score)], key=lambda each: each.step)
        places = select_steps([column.step for column in columns], max_columns)
        self.columns = [columns[place] for place in places]  # other threads may be reading it

    def shown_weights(self) -> Array:
        """Returns what is drawn, `(filters, steps, *spatial, channels)`, one channel or three.

        Raises:
            ValueError: no step was added yet.
        """
        if self.kernel is None:
            raise ValueError("a film strip needs at least one snapshot; none came.")
        weights = [column.weights for column in self.columns]
        if not windows.fits_one_cell(self.kernel):
            with np.errstate(all="ignore"):
                squares = np.square(weights[-1].astype(np.float64))
                energies = squares.sum(axis=tuple(range(1, squares.ndim - 1)))
            strongest = np.nan_to_num(energies, nan=np.inf).argmax(axis=-1)
            places = strongest.reshape(-1, *[1] * (squares.ndim - 1))
            weights = [np.take_along_axis(column, places, axis=-1) for column in weights]
        return np.stack(weights, axis=1).astype(np.float64)

    def draw(self, unit: str | None = None) -> Image.Image:
        """Returns the picture; `unit` for the caption, if it is not the strip's own.

        Raises:
            ValueError: no step was added yet.
        """
        weights, kernel, unit = self.shown_weights(), self.kernel, unit or self.unit
        assert kernel is not None
        cell_format = windows.window_format(kernel.spatial, 48, min_tap_size=2)
        limit = colour_limit(weights)
        rows = [windows.cells(row, limit, cell_format.tap_size) for row in weights]
        steps = [column.step for column in self.columns]
        grid = cell_grid(
            rows,
            row_labels=[str(f) for f in range(len(rows))],
            labels_below=[
                [str(step) for step in steps],
                [f"{column.noise:.2f}" for column in self.columns],
            ],
        )
        caption = [kernel.name, f"{kernel.filters} filters from {unit} {steps[0]} to {steps[-1]}"]
        notes = ["rows: filters", f"below: {unit}, noise score", *self.notes(len(rows))]
        scale = colour_scale(limit, coloured=weights.shape[-1] == 3)
        return add_caption(grid, caption, notes, scale)

    def notes(self, filters: int) -> list[str]:
        """Returns what a picture of so many of the filters leaves out; none before any step."""
        if self.kernel is None:
            return []
        return [
            cut_note(filters, self.kernel.filters, "filters"),
            "" if windows.fits_one_cell(self.kernel) else "of each filter, its strongest channel",
            windows.window_format(self.kernel.spatial, 48, min_tap_size=2).note,
        ]


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
