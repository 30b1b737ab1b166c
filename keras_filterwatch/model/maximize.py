"""Model in, images out: what excites a filter most, found by gradient ascent."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model import feature_maps as outputs
from keras_filterwatch.model import trace as tracing
from keras_filterwatch.model.find import Source
from keras_filterwatch.model.gradients import pullback

_STEP = 0.1  # of the way from grey to white, at the pixel with the steepest gradient


def maximize(
    model: keras.Model,
    layer: Any = None,
    filters: int | Iterable[int] | None = None,
    *,
    steps: int = 128,
    value_range: tuple[float, float] = (0.0, 1.0),
    size: int = 64,
    jitter: int | None = None,
    seed: int = 0,
) -> Array:
    """The input that each filter likes best: gradient ascent from grey, with small noise.

    What grows is the output of the filter in the centre of its map, before its non-linearity:
    there a filter that is off can still be woken. (The mean over the map would ask a linear
    filter for a flat input only.) Each step follows the blurred gradient of a slightly shifted
    image, from coarse to fine, so that no fine noise grows: jitter and the frequency penalty of
    Olah et al., Feature Visualization, Distill 2017. Pixels that the output does not depend on
    stay grey. An image shows what drives a filter, not what inputs it meets: look at
    `draw.favourites` too.

    Args:
        model: any built Keras model with one image as its input.
        layer: its name, a pattern or the layer; None for the first with a window larger than 1.
            Of a Dense layer, units are filters.
        filters: which ones; None for all.
        steps: of the ascent.
        value_range: the least and the largest value of the inputs that the model was trained on.
        size: height and width of the image, in pixels, where the model leaves them open.
        jitter: the largest shift, in pixels; a 16th of what the output reads if None.
        seed: of the noise and the shifts.

    Returns:
        float32, `(filters, height, width, channels)`, within `value_range`.

    Raises:
        TypeError, ValueError: no such layer or filter, or no image as the model's input.
    """
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range: (least, largest) is needed; got {value_range!r}.")
    if steps < 1:
        raise ValueError(f"steps: at least 1 is needed; got {steps}.")
    if jitter is not None and jitter < 0:
        raise ValueError(f"jitter: pixels, 0 or more, are needed; got {jitter}.")
    source = outputs.chosen(model, layer)
    wanted = outputs.numbers(filters, source.shape[-1], source.name)
    shape = _image_shape(model, size)
    axes = (2, 3) if outputs.channels_first(source) else (1, 2)
    random = np.random.default_rng(seed)
    images = 0.01 * random.standard_normal((len(wanted), *shape), np.float32)  # from -1 to 1
    weights = _centres(model, source, images, wanted)
    pull = pullback(model, source, linear=True)
    read = np.zeros(images.shape[1:], bool)
    for step in range(steps):
        reach = _reach(read, axes)
        most = reach // 16 if jitter is None else jitter
        shift = random.integers(-most, most + 1, 2)
        moved = np.roll(images, shift, axes)
        gradient = pull(_in_range(moved, low, high), weights)
        read |= (gradient != 0).any(axis=0)
        gradient = np.roll(gradient, -shift, axes)
        images += _STEP * _to_one(_blurred(gradient, axes, reach / 8 * (1 - step / steps)))
        images /= np.maximum(1, _largest(images))
    images = _in_range(np.where(read, images, 0), low, high)
    return np.moveaxis(images, 1, -1) if axes == (2, 3) else images


def _image_shape(model: keras.Model, size: int) -> tuple[int, ...]:
    """Of the model's input, without the batch."""
    given = keras.tree.flatten(tracing.symbolic_inputs(model))
    shapes = [tuple(tensor.shape[1:]) for tensor in given]
    if len(shapes) != 1 or len(shapes[0]) != 3:
        raise ValueError(
            f"model {model.name!r} takes inputs of shapes {shapes}: one image is needed, of "
            "(height, width, channels)."
        )
    return tuple(size if axis is None else axis for axis in shapes[0])


def _centres(model: keras.Model, source: Source, images: Array, wanted: list[int]) -> Array:
    """1 for each image at its filter, in the centre of its map; else 0."""
    shape = outputs.units(model, source, images[:1]).shape[1:]
    weights = np.zeros((len(images), *shape), np.float32)
    for of_image, f in zip(weights, wanted, strict=True):
        of_image[(*(size // 2 for size in of_image.shape[:-1]), f)] = 1
    return weights


def _reach(read: Array, axes: tuple[int, int]) -> int:
    """The larger side of the box around the pixels that were read."""
    sides = [np.flatnonzero(read.any(axis=tuple({0, 1, 2} - {axis - 1}))) for axis in axes]
    return max(int(side[-1] - side[0]) + 1 if side.size else 0 for side in sides)


def _blurred(gradient: Array, axes: tuple[int, int], width: float) -> Array:
    """By a Gaussian of this standard deviation, in pixels."""
    rows, columns = (np.fft.fftfreq(gradient.shape[axis]) for axis in axes)
    kept = np.exp(-2 * (np.pi * width) ** 2 * (rows[:, np.newaxis] ** 2 + columns**2))
    if axes == (1, 2):
        kept = kept[..., np.newaxis]
    return np.fft.ifft2(np.fft.fft2(gradient, axes=axes) * kept, axes=axes).real


def _largest(images: Array) -> Array:
    return np.abs(images).max(axis=(1, 2, 3), keepdims=True)


def _to_one(gradient: Array) -> Array:
    """Scaled so that the steepest pixel of each image is 1; zero stays zero."""
    largest = _largest(gradient)
    return gradient / np.where(largest > 0, largest, 1)


def _in_range(images: Array, low: float, high: float) -> Array:
    """From -1 to 1 to what the model takes."""
    return ((low + high) / 2 + (high - low) / 2 * images).astype(np.float32)
