"""Model and images in, maps out: what a layer returns, and which pixels its outputs read."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model import find as extraction
from keras_filterwatch.model import probe as activations
from keras_filterwatch.model.find import Source
from keras_filterwatch.model.gradients import pullback
from keras_filterwatch.model.probe import take

_DRAWS = 4  # looks at each place: a ReLU that is off or a maximum elsewhere hides pixels


def chosen(model: keras.Model, layer: Any = None) -> Source:
    """The one kernel whose units are looked at: the first with a window, if there are several.

    Raises:
        TypeError, ValueError: no Keras model, one without weights, or no such layer.
    """
    watched = extraction.find(model, layer)
    if watched.problems:
        raise ValueError(" ".join(watched.problems))
    sources = [source for source in watched.sources if source.outlets]
    if not sources:
        raise ValueError(
            f"model {model.name!r} has no layer with a kernel whose outputs can be heard; "
            f"there are {[source.name for source in watched.sources]}."
        )
    sources = [source for source in sources if source.name == layer] or sources
    return next((source for source in sources if source.has_window), sources[0])


def maps(model: keras.Model, layer: Any, inputs: Any) -> Array:
    """What each filter of a layer returns for some inputs, behind its non-linearity.

    Args:
        model: any built Keras model.
        layer: its name, a pattern or the layer; None for the first with a window larger than 1.
            Of a layer that is used several times, its first use is shown.
        inputs: what `model.predict` takes; the first 256 are used.

    Returns:
        float32, `(inputs, height, width, filters)`.

    Raises:
        TypeError, ValueError: no such layer, no inputs, or outputs without image axes.
    """
    source = chosen(model, layer)
    parts = [units(model, source, batch) for batch in activations.batches(take(inputs))]
    found = np.concatenate(parts)
    if found.ndim != 4:
        raise ValueError(
            f"the outputs of {source.name!r} have no image axes: for each input there are "
            f"{found.shape[1:]}, not (height, width, filters). Choose a layer that returns images."
        )
    return found


def units(model: keras.Model, source: Source, inputs: Any) -> Array:
    """`(inputs, *positions, units)` of one batch."""
    found = activations.units_of(source, lambda: model(inputs, training=False))
    return np.asarray(keras.ops.convert_to_numpy(found))


def seen(model: keras.Model, layer: Any, inputs: Any) -> tuple[str, Array, Array | None]:
    """The layer's name, its maps, and the images that they were made of, channels last.

    None instead of the images if the inputs are something else.
    """
    source = chosen(model, layer)
    given = take(inputs)
    parts = keras.tree.flatten(given)
    images = parts[0] if len(parts) == 1 and parts[0].ndim == 4 else None
    if images is not None and channels_first(source):
        images = np.moveaxis(images, 1, -1)
    return source.name, maps(model, layer, given), images


def numbers(filters: int | Iterable[int] | None, there_are: int, name: str) -> list[int]:
    """The filters that are asked for; None for all.

    Raises:
        ValueError: there is no such filter.
    """
    if filters is None:
        return list(range(there_are))
    wanted = [filters] if isinstance(filters, int | np.integer) else list(filters)
    wrong = [f for f in wanted if not 0 <= f < there_are]
    if wrong or not wanted:
        raise ValueError(
            f"filters: {name!r} has filters 0 to {there_are - 1}; got {wrong or wanted}."
        )
    return [int(f) for f in wanted]


def fields(
    model: keras.Model, layer: Any, images: Array, places: Iterable[tuple[int, int]]
) -> list[tuple[slice, slice]]:
    """Receptive fields: the rows and columns of the image that an output depends on.

    They are where the gradient of the outputs in one row, or one column, is not zero: right for
    any network, since none of its layers needs to be known. Several noisy images are looked at,
    because a ReLU that is off hides what it reads. Taps of 0 read nothing.

    Args:
        model, layer: as for `maps`.
        images: a few of the model's inputs, `(inputs, height, width, channels)`.
        places: rows and columns of the layer's maps.

    Returns:
        For each place, the slices of rows and of columns, cut off where the image ends.
    """
    places = list(places)
    images = keras.tree.flatten(images)[0]
    source = chosen(model, layer)
    shape = units(model, source, images[:1]).shape[1:]
    pull = pullback(model, source, linear=True)
    image_axes = (2, 3) if channels_first(source) else (1, 2)
    found = []
    for axis in (0, 1):
        wanted = sorted({place[axis] for place in places})
        reached = [_reached(pull, images, shape, axis, line, image_axes[axis]) for line in wanted]
        found.append(dict(zip(wanted, reached, strict=True)))
    return [(found[0][row], found[1][column]) for row, column in places]


def _reached(
    pull: Any, images: Array, shape: tuple[int, ...], axis: int, line: int, image_axis: int
) -> slice:
    """What one row (axis 0) or column (axis 1) of a layer's maps reads along the same axis."""
    random = np.random.default_rng(0)
    looked_at = images[random.integers(len(images), size=_DRAWS)].astype(np.float32)
    looked_at += (images.std() or 1) * random.standard_normal(looked_at.shape, np.float32)
    weights = np.zeros((_DRAWS, *shape), np.float32)
    of_line = np.moveaxis(weights, axis + 1, 0)[line]
    of_line[...] = random.standard_normal(of_line.shape)  # that no two outputs cancel
    gradient = pull(looked_at, weights)
    others = tuple(a for a in range(gradient.ndim) if a != image_axis)
    pixels = np.flatnonzero(np.any(gradient != 0, axis=others))
    return slice(int(pixels[0]), int(pixels[-1]) + 1) if pixels.size else slice(None)


def channels_first(source: Source) -> bool:
    """Whether the model's images have their channels before height and width."""
    return getattr(source.layer, "data_format", "") == "channels_first"
