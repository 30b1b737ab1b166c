"""Model and images in, receptive fields out: which pixels a layer's outputs depend on."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.find import selected_kernel
from keras_filterwatch.model.gradients import InputGradient, input_gradient
from keras_filterwatch.model.unit_outputs import predicted_outputs

_NOISY_IMAGES = 4  # for each place: a ReLU that is off or a maximum elsewhere hides pixels


def receptive_fields(
    model: keras.Model, layer: Any, images: Any, places: Iterable[tuple[int, int]]
) -> list[tuple[slice, slice]]:
    """Returns the rows and columns of the image that outputs of a layer depend on.

    They are where the gradient of the outputs in one row, or one column, is not zero: right for
    any network, since none of its layers needs to be known. Several noisy images are used,
    because a ReLU that is off hides what it reads. Weights of 0 read nothing.

    Args:
        model: any built Keras model that takes one image.
        layer: its name, a pattern or the layer; None for the first with a window larger than 1.
        images: a few of the model's inputs, `(inputs, height, width, channels)`.
        places: rows and columns of the layer's feature maps.

    Returns:
        For each place, the slices of rows and of columns, cut off where the image ends.

    Raises:
        TypeError, ValueError: no such layer.
    """
    places = list(places)
    images = keras.tree.flatten(images)[0]
    kernel = selected_kernel(model, layer)
    shape = predicted_outputs(model, kernel, images[:1]).shape[1:]
    gradient = input_gradient(model, kernel, before_activation=True)
    image_axes = (2, 3) if kernel.channels_first else (1, 2)
    rows, columns = (
        {
            line: _field(gradient, images, shape, axis, line, image_axes[axis])
            for line in sorted({place[axis] for place in places})
        }
        for axis in (0, 1)
    )
    return [(rows[row], columns[column]) for row, column in places]


def _field(
    gradient: InputGradient,
    images: Array,
    shape: tuple[int, ...],
    axis: int,
    line: int,
    image_axis: int,
) -> slice:
    """Returns what one row (axis 0) or column (axis 1) of the maps reads along the same axis."""
    random = np.random.default_rng(0)
    noisy = images[random.integers(len(images), size=_NOISY_IMAGES)].astype(np.float32)
    with np.errstate(all="ignore"):  # images that are not finite
        noisy += (images.std() or 1) * random.standard_normal(noisy.shape, np.float32)
    weights = np.zeros((_NOISY_IMAGES, *shape), np.float32)
    of_line = np.moveaxis(weights, axis + 1, 0)[line]
    of_line[...] = random.standard_normal(of_line.shape)  # so that no two outputs cancel
    by_pixel = gradient(noisy, weights)
    other_axes = tuple(a for a in range(by_pixel.ndim) if a != image_axis)
    pixels = np.flatnonzero(np.any(by_pixel != 0, axis=other_axes))
    return slice(int(pixels[0]), int(pixels[-1]) + 1) if pixels.size else slice(None)
