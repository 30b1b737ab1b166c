"""The picture `film_strip`: how the filters of a layer changed from step to step."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale, cut_note
from keras_filterwatch.draw.colours import colour_limit
from keras_filterwatch.draw.grid import cell_grid
from keras_filterwatch.draw.layer_argument import check_layer, named_kernels, window_kernel
from keras_filterwatch.draw.run_argument import is_run, source_at
from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import noise
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.text import listed
from keras_filterwatch.thinning import select_steps

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
        sources: a `FilterWatch`, a `Run`, or several sources, oldest first, each what `score`
            takes: a `Snapshot`, a dict of kernels, a model or a path, such as the files that
            `ModelCheckpoint` saved. A `Snapshot` has its own step; the step of any other source is
            its place, from 0.
        layer: the kernel's name, or, of models, the layer or a pattern. If None, or if several
            kernels match, the first with a window larger than 1 is drawn. A `FilterWatch`, and
            the `Run` that it recorded, have the history of the layers that it draws: the first and
            three deeper ones, or all that its argument `layers` names.
        unit: what a step is, for the caption; None for what the `FilterWatch` counts, or else
            `"epoch"`.
        window: the images that Dense layers read flattened, by the layers' names, such as
            `{"dense": (28, 28, 1)}`. It is not needed behind a Flatten layer. A `FilterWatch` and a
            `Run` have their own.

    Raises:
        TypeError: only one source came, `layer` is no name, pattern or layer, or `window` is no
            dict of sizes.
        ValueError: no source came, one has nothing to draw, the kernels differ in shape, the
            `FilterWatch` or `Run` has no history of the layer, or `window` does not fit.

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
                "window: a FilterWatch and a Run have their own; say it before training, in "
                "FilterWatch(..., window=...)."
            )
        return _kept_strip(sources, layer)
    if isinstance(sources, Mapping | str) or not isinstance(sources, Iterable):
        raise TypeError(
            f"{function.__name__}: a FilterWatch, a Run or several sources, oldest first, are "
            f"needed, such as a list of paths; got one {type(sources).__name__}."
        )
    strip = FilmStrip(max_columns=max_columns)
    for place, source in enumerate(sources):
        kernel = window_kernel(source, layer, window)
        step = source.step if isinstance(source, Snapshot) else place
        strip.add(step, kernel, noise.noise_score(kernel.array))
    return strip


def _kept_strip(callback: Any, layer: Any) -> "FilmStrip":
    """Returns the first history of a callback or run that is one of the layers asked for."""
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
    source = source_at(callback, None, layer) if is_run(callback) else callback.model
    names = [kernel.name for kernel in named_kernels(source, layer)]
    for name in names:
        if name in strips:
            return strips[name]
    raise ValueError(
        f"this {type(callback).__name__} kept no history of [{listed(names)}], but of "
        f"[{listed(strips)}]. "
        "FilterWatch(..., layers=[...]) keeps that of each layer with a window that `layers` names."
    )


class Column(NamedTuple):
    """One step of a film strip: its number, the filters that are kept and the noise score."""

    step: int
    kernel: QuantisedKernel
    noise: float


class FilmStrip:
    """The history of one layer's filters, thinned so that its memory stays bounded.

    Its filters are those that a `QuantisedKernel` keeps, at most 32 of which are drawn. A strip of
    the same quantised kernels, such as those of a record, draws the same picture.

    Args:
        unit: what a step is, for the caption.
        max_columns: how many steps are kept; None for 16, or as many as fit into a picture.

    Attributes:
        columns: the steps that are kept, in ascending order.
        kernel: the name, the layer and the shape, without weights; None before the first step.
    """

    def __init__(self, unit: str = "epoch", max_columns: int | None = None) -> None:
        self.unit = unit
        self.columns: list[Column] = []
        self.kernel: Kernel | None = None
        self._max_columns = max_columns

    def add(self, step: int, kernel: Kernel | QuantisedKernel, noise_score: float) -> None:
        """Adds one step. Of a `Kernel`, copies the weights that are kept.

        A step that came before is replaced. Steps of two trainings at once may come in any order.

        Raises:
            ValueError: the kernel has another shape than the first.
        """
        quantised = kernel if isinstance(kernel, QuantisedKernel) else QuantisedKernel.of(kernel)
        if self.kernel is None:
            no_weights = np.broadcast_to(np.float32(0), quantised.shape)  # takes no memory
            self.kernel = Kernel(
                quantised.name, quantised.layer_type, no_weights, kind=quantised.kind
            )
        if quantised.shape != self.kernel.array.shape:
            raise ValueError(
                "a film strip shows one layer; kernels of the shapes "
                f"{self.kernel.array.shape} and {quantised.shape} came."
            )
        max_columns = self._max_columns or min(MAX_COLUMNS, _format(self.kernel).columns)
        earlier = [column for column in self.columns if column.step != step]
        columns = sorted(
            [*earlier, Column(step, quantised, noise_score)], key=lambda each: each.step
        )
        places = select_steps([column.step for column in columns], max_columns)
        self.columns = [columns[place] for place in places]  # other threads may be reading it

    def shown_weights(self) -> Array:
        """Returns what is drawn, `(filters, steps, *spatial, channels)`, one channel or three.

        Raises:
            ValueError: no step was added yet.
        """
        if self.kernel is None:
            raise ValueError("a film strip needs at least one snapshot; none came.")
        cell_format = _format(self.kernel)
        kernels = [
            _first_filters(column.kernel, min(MAX_ROWS, cell_format.rows), cell_format.taps)
            for column in self.columns
        ]
        if not windows.fits_one_cell(self.kernel):
            last = kernels[-1].kernel().array.astype(np.float64)
            energies = np.square(last).sum(axis=tuple(range(last.ndim - 2)))
            strongest = np.nan_to_num(energies, nan=np.inf).argmax(axis=0)
            kernels = [_channel_of_each_filter(kernel, strongest) for kernel in kernels]
        weights = [np.moveaxis(kernel.kernel().array, -1, 0) for kernel in kernels]
        return np.stack(weights, axis=1).astype(np.float64)

    def draw(self, unit: str | None = None) -> Image.Image:
        """Returns the picture; `unit` for the caption, if it is not the strip's own.

        Raises:
            ValueError: no step was added yet.
        """
        return self.picture(unit).convert("RGB")

    def picture(self, unit: str | None = None) -> Image.Image:
        """Returns what `draw` does, with a palette unless three channels are drawn in colour."""
        weights, kernel, unit = self.shown_weights(), self.kernel, unit or self.unit
        assert kernel is not None
        limit = colour_limit(weights)
        filters, steps, *window = weights.shape
        cells = windows.cells(weights.reshape(-1, *window), limit, _format(kernel).tap_size)
        first, last = self.columns[0].step, self.columns[-1].step
        grid = cell_grid(
            cells.reshape(filters, steps, *cells.shape[1:]),
            row_labels=[str(f) for f in range(filters)],
            labels_below=[
                [str(column.step) for column in self.columns],
                [f"{column.noise:.2f}" for column in self.columns],
            ],
        )
        caption = [kernel.name, f"{kernel.filters} filters from {unit} {first} to {last}"]
        notes = ["rows: filters", f"below: {unit}, noise score", *self.notes(filters)]
        scale = colour_scale(limit, coloured=weights.shape[-1] == 3)
        return add_caption(grid, caption, notes, scale)

    def notes(self, filters: int) -> list[str]:
        """Returns what a picture of so many of the filters leaves out; none before any step."""
        if self.kernel is None:
            return []
        return [
            cut_note(filters, self.kernel.filters, "filters"),
            "" if windows.fits_one_cell(self.kernel) else "of each filter, its strongest channel",
            _format(self.kernel).note,
        ]


def _format(kernel: Kernel) -> windows.WindowFormat:
    return windows.window_format(kernel.spatial, 48, min_tap_size=2)


def _first_filters(
    kernel: QuantisedKernel, filters: int, taps: tuple[slice, ...]
) -> QuantisedKernel:
    """Returns the first filters of a kernel, with some of their taps."""
    levels = kernel.levels[taps][..., :filters]
    return replace(kernel, levels=levels, scales=kernel.scales[:filters])


def _channel_of_each_filter(kernel: QuantisedKernel, channels: Array) -> QuantisedKernel:
    """Returns one channel of each filter, `(*spatial, 1, filters)`."""
    levels = kernel.levels[..., channels, np.arange(len(channels))]
    return replace(kernel, levels=levels[..., np.newaxis, :])
