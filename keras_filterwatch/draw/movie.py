"""The picture `movie`: the filters of a layer as they form, in an animated GIF or WebP file."""

import os
import reprlib
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from keras_filterwatch.draw import windows
from keras_filterwatch.draw.caption import add_caption, colour_scale
from keras_filterwatch.draw.colours import DARK_GREY, LIGHT_GREY, colour_limit
from keras_filterwatch.draw.film_strip import FilmStrip, strip_of
from keras_filterwatch.draw.grid import cell_grid, join_pictures, split_in_rows
from keras_filterwatch.draw.indexed import ink, white_image
from keras_filterwatch.draw.lettering import draw_text, font_of
from keras_filterwatch.draw.palette import in_one_palette
from keras_filterwatch.image_windows import Window

MAX_FRAMES = 100  # of several sources

_SUFFIXES = (".gif", ".webp")
_PAUSE = 2.0  # seconds that the last frame stays longer than the others
_SHORTEST, _LONGEST = 0.02, 60.0  # seconds; viewers slow down frames that are shorter


def movie(
    sources: Any,
    path: str | os.PathLike[str],
    layer: Any = None,
    *,
    unit: str | None = None,
    duration: float = 0.4,
    window: Mapping[str, Window] | None = None,
) -> Path:
    """Writes a GIF or WebP file in which the filters of a layer form, and returns its path.

    A frame is a step, with the layer's noise score: 1 is noise, lower is smoother. One colour scale
    serves all frames, so that growing and fading filters can be told apart: one channel is drawn
    from blue over white, which is zero, to red; three in colour, where grey is zero; of more, each
    filter shows the one that is strongest at the end. The movie starts again after a pause. In a
    notebook, `IPython.display.Image(filename=path)` shows it.

    A WebP file has all colours exactly. A GIF has 256: where filters are drawn in colour, similar
    colours become one.

    Args:
        sources: what `film_strip` takes: a `FilterWatch`, a `Run`, or several sources, oldest
            first. The first two have up to 16 steps, evenly in log time; of several sources, up to
            100 steps are shown; of each up to 32 filters.
        path: the file to write, `.gif` or `.webp`. One that is there is replaced.
        layer: as `film_strip` takes it.
        unit: what a step is; None for what the `FilterWatch` counts, or else `"epoch"`.
        duration: seconds that a frame stays; the last one stays 2 s longer.
        window: as `film_strip` takes it.

    Raises:
        TypeError: only one source came, or `layer` is no name, pattern or layer.
        ValueError: the path ends otherwise or its folder is not there, fewer than two steps came,
            the duration is not between 0.02 and 60 s, or `film_strip` could not draw the sources.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "filters.gif"
        >>> epochs = [{"conv": np.full((3, 3, 1, 8), float(epoch))} for epoch in range(3)]
        >>> with Image.open(movie(epochs, path)) as film:
        ...     film.n_frames
        3
    """
    path = _check_path(path)
    if isinstance(duration, bool) or not isinstance(duration, Real):
        raise ValueError(f"duration: seconds for a frame are needed; got {reprlib.repr(duration)}.")
    if not _SHORTEST <= duration <= _LONGEST:
        raise ValueError(
            f"duration: {duration} s for a frame; {_SHORTEST} to {_LONGEST:.0f} s can be shown."
        )
    frames = _frames(strip_of(movie, sources, layer, window, MAX_FRAMES), unit)
    durations = [round(1000 * duration)] * len(frames)
    durations[-1] += round(1000 * _PAUSE)
    options: dict[str, Any] = {"lossless": True}
    if path.suffix.lower() == ".gif":
        frames, options = in_one_palette(frames), {}
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=durations, loop=0, **options
    )
    return path


def _check_path(path: str | os.PathLike[str]) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(
            f"movie: the second argument is the path of the file to write; got "
            f"{type(path).__name__}."
        )
    path = Path(path).expanduser()
    if path.suffix.lower() not in _SUFFIXES:
        raise ValueError(
            f"path: {os.fspath(path)!r} ends in {path.suffix!r}; a movie is written as .gif or "
            ".webp."
        )
    if not path.parent.is_dir():
        raise ValueError(f"path: there is no folder {os.fspath(path.parent)!r}: make it first.")
    return path


def _frames(strip: FilmStrip, unit: str | None) -> list[Image.Image]:
    """Returns a picture of each step, all of one size."""
    weights, kernel = strip.shown_weights(), strip.kernel
    assert kernel is not None
    if len(strip.columns) < 2:
        raise ValueError(
            f"a movie needs at least two steps; of {kernel.name!r} there is one. Watch an epoch, "
            "or pass several sources."
        )
    cell_format = windows.window_format(kernel.spatial, 60, min_tap_size=2)
    columns = min(8, cell_format.columns)
    weights = weights[: columns * cell_format.rows]
    limit = colour_limit(weights)
    shape = "x".join(map(str, (*kernel.spatial, kernel.channels)))
    size = f"{kernel.layer_type} {shape}, {kernel.filters} filters".strip()
    scale = colour_scale(limit, coloured=weights.shape[-1] == 3)
    last = strip.columns[-1].step
    first = strip.columns[0].step
    frames = []
    for i, column in enumerate(strip.columns):
        cells = list(windows.cells(weights[:, i], limit, cell_format.tap_size))
        labels = [str(number) for number in range(0, len(cells), columns)]
        grid = cell_grid(split_in_rows(cells, columns), row_labels=labels)
        noise = "undefined" if np.isnan(column.noise) else f"{column.noise:.2f}"
        heading = _heading(
            f"{unit or strip.unit} {column.step}",
            f"noise {noise}",
            (column.step - first) / (last - first),
            width=max(grid.width, 320),
        )
        picture = join_pictures([[heading], [grid]], 0, space_down=4, align_right=False)
        notes = strip.notes(len(cells))
        frames.append(add_caption(picture, [kernel.name, size], notes, scale).convert("RGB"))
    return frames


def _heading(left: str, right: str, progress: float, width: int) -> Image.Image:
    """Returns a line with the step, the noise score, and between them how far training is."""
    font, middle = font_of(15), 11
    image = white_image((width, 2 * middle))
    start, end = 120, width - 110
    draw = ImageDraw.Draw(image)
    draw.line((start, middle, end, middle), ink(image, LIGHT_GREY), 2)
    place = start + progress * (end - start)
    draw.ellipse((place - 4, middle - 4, place + 4, middle + 4), ink(image, DARK_GREY))
    draw_text(image, [(0, middle)], [left], font, "lm")
    draw_text(image, [(width, middle)], [right], font, "rm")
    return image
