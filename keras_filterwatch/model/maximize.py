"""Model in, images out: what excites a filter most, found by gradient ascent."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.feature_maps import filter_numbers, model_of
from keras_filterwatch.model.find import selected_kernel
from keras_filterwatch.model.gradients import input_gradient
from keras_filterwatch.model.trace import symbolic_inputs
from keras_filterwatch.model.unit_outputs import predicted_outputs
from keras_filterwatch.model.watched_kernel import WatchedKernel

_STEP = 0.1  # of the way from grey to white, at the pixel with the steepest gradient
_SHIFT = 16  # the reach of the output over the largest shift
_BLUR = 8  # the reach of the output over the first standard deviation of the blur

Axes = tuple[int, int]


def maximize(
    model: Any,
    layer: Any = None,
    filters: int | Iterable[int] | None = None,
    *,
    steps: int = 128,
    value_range: tuple[float, float] = (0.0, 1.0),
    size: int = 64,
    jitter: int | None = None,
    seed: int = 0,
) -> Array:
    """Returns the input that excites each filter most: gradient ascent from grey, with small noise.

    The ascent raises the output of the filter in the centre of its feature map, before its
    non-linearity: there a filter that is off can still be woken. (The mean over the map would ask
    a linear filter for a flat input only.) Each step takes the blurred gradient of a slightly
    shifted image, from coarse to fine, so that no fine noise grows: jitter and the frequency
    penalty of Olah et al., Feature Visualization, Distill 2017. Pixels that the output does not
    depend on stay grey. An image shows what drives a filter, not what inputs it meets: compare
    with `draw.favourites`.

    Args:
        model: any built Keras model with one image as its input, or a `FilterWatch`, whose model
            is taken.
        layer: its name, a pattern or the layer; None for the first with a window larger than 1.
            Of a Dense layer, units are filters.
        filters: the number of a filter, or several; None for all.
        steps: how many steps the ascent takes.
        value_range: the least and the largest value of the inputs that the model was trained on.
        size: height and width of the image, in pixels, where the model leaves them open.
        jitter: the largest shift, in pixels; None for a 16th of what the output reads.
        seed: the seed of the noise and the shifts.

    Returns:
        float32, `(filters, height, width, channels)`, within `value_range`.

    Raises:
        TypeError: no Keras model, or arguments in another order.
        ValueError: no such layer or filter, or no image as the model's input.

    Example:
        >>> import keras
        >>> import keras_filterwatch as fw
        >>> model = keras.Sequential([keras.layers.Input((8, 8, 1)), keras.layers.Conv2D(4, 3)])
        >>> fw.maximize(model, filters=[0, 1], steps=2).shape
        (2, 8, 8, 1)
    """
    low, high = value_range
    if not low < high:
        raise ValueError(f"value_range: (least, largest) is needed; got {value_range!r}.")
    if steps < 1:
        raise ValueError(f"steps: at least 1 is needed; got {steps}.")
    if jitter is not None and jitter < 0:
        raise ValueError(f"jitter: pixels, 0 or more, are needed; got {jitter}.")
    model = model_of(model)
    kernel = selected_kernel(model, layer)
    numbers = filter_numbers(filters, kernel.shape[-1], kernel.name)
    axes = (2, 3) if kernel.channels_first else (1, 2)
    random = np.random.default_rng(seed)
    shape = len(numbers), *_image_shape(model, size)
    images = 0.01 * random.standard_normal(shape, np.float32)  # from -1 to 1
    weights = _centres(model, kernel, images, numbers)
    gradient = input_gradient(model, kernel, before_activation=True)
    is_read = np.zeros(images.shape[1:], bool)
    with np.errstate(all="ignore"):  # a model that diverged has gradients that are not finite
        for step in range(steps):
            reach = _reach(is_read, axes)
            most = reach // _SHIFT if jitter is None else jitter
            shift = random.integers(-most, most + 1, 2)
            direction = gradient(_to_value_range(np.roll(images, shift, axes), low, high), weights)
            is_read |= (direction != 0).any(axis=0)
            direction = np.roll(direction, -shift, axes)
            width = reach / _BLUR * (1 - step / steps)
            images += _STEP * _normalize(_blur(direction, axes, width))
            images /= np.maximum(1, _largest(images))
        images = _to_value_range(np.where(is_read, images, 0), low, high)
    return np.moveaxis(images, 1, -1) if kernel.channels_first else images


def _image_shape(model: keras.Model, size: int) -> tuple[int, ...]:
    """Returns the shape of the model's input, without the batch."""
    tensors = keras.tree.flatten(symbolic_inputs(model))
    shapes = [tuple(tensor.shape[1:]) for tensor in tensors]
    if len(shapes) != 1 or len(shapes[0]) != 3:
        raise ValueError(
            f"model {model.name!r} takes inputs of shapes {shapes}: one image is needed, of "
            "(height, width, channels)."
        )
    return tuple(size if axis is None else axis for axis in shapes[0])


def _centres(model: keras.Model, kernel: WatchedKernel, images: Array, numbers: list[int]) -> Array:
    """Returns, for each image, 1 at its filter in the centre of the feature map and else 0."""
    shape = predicted_outputs(model, kernel, images[:1]).shape[1:]
    weights = np.zeros((len(images), *shape), np.float32)
    for of_image, number in zip(weights, numbers, strict=True):
        of_image[(*(size // 2 for size in of_image.shape[:-1]), number)] = 1
    return weights


def _reach(is_read: Array, axes: Axes) -> int:
    """Returns the larger side of the box around the pixels that were read, in pixels."""
    sides = [np.flatnonzero(is_read.any(axis=tuple({0, 1, 2} - {axis - 1}))) for axis in axes]
    return max(int(side[-1] - side[0]) + 1 if side.size else 0 for side in sides)


def _blur(gradient: Array, axes: Axes, width: float) -> Array:
    """Returns a gradient blurred by a Gaussian of this standard deviation, in pixels."""
    rows, columns = (np.fft.fftfreq(gradient.shape[axis]) for axis in axes)
    transfer = np.exp(-2 * (np.pi * width) ** 2 * (rows[:, np.newaxis] ** 2 + columns**2))
    if axes == (1, 2):
        transfer = transfer[..., np.newaxis]
    return np.fft.ifft2(np.fft.fft2(gradient, axes=axes) * transfer, axes=axes).real


def _largest(images: Array) -> Array:
    return np.abs(images).max(axis=(1, 2, 3), keepdims=True)


def _normalize(gradient: Array) -> Array:
    """Returns a gradient whose steepest pixel is 1 in each image; zero stays zero."""
    largest = _largest(gradient)
    return gradient / np.where(largest > 0, largest, 1)


def _to_value_range(images: Array, low: float, high: float) -> Array:
    """Returns images from -1 to 1 as the model takes them."""
    return ((low + high) / 2 + (high - low) / 2 * images).astype(np.float32)
