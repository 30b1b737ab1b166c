"""Images as cells of a picture: their levels and size, patches of them, their margins."""

import numpy as np

from keras_filterwatch.draw import colours
from keras_filterwatch.kernels import Array


def rgb_levels(images: Array) -> Array:
    """Returns images `(inputs, height, width, 3)`, black at 0 and white at 255, on one scale.

    The scale goes from the least to the largest value of all images. Three channels are colours;
    of others, the mean is drawn as grey. NaN becomes black.

    Example:
        >>> rgb_levels(np.array([[[[2.0], [3.0]]]])).tolist()
        [[[[0.0, 0.0, 0.0], [255.0, 255.0, 255.0]]]]
    """
    values = np.asarray(images, np.float64)
    if values.shape[-1] != 3:
        values = values.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    return np.clip(np.nan_to_num((values - low) / ((high - low) or 1)), 0, 1) * 255


def resize(levels: Array, side: int) -> colours.Pixels:
    """Returns an image `(height, width, 3)` from 0 to 255 whose longer side is about `side`."""
    return enlarge_to(average(levels, side).round().astype(np.uint8), side)


def enlarge_to(pixels: colours.Pixels, side: int) -> colours.Pixels:
    """Returns pixels as squares, so large that the longer side of the image is about `side`."""
    return colours.enlarge(pixels, max(1, round(side / max(pixels.shape[:2]))))


def average(values: Array, side: int) -> Array:
    """Returns means over squares, so that the longer side has at most 1.5 times `side` numbers.

    Args:
        values: `(height, width)` or `(height, width, channels)`.
        side: pixels of the picture.

    Example:
        >>> average(np.array([[1.0, 3.0], [5.0, 7.0]]), side=1).tolist()
        [[4.0]]
    """
    every = -(-2 * max(values.shape[:2]) // (3 * side))
    for axis in (0, 1):
        starts = np.arange(0, values.shape[axis], every)
        sizes = np.diff([*starts, values.shape[axis]])
        sums = np.add.reduceat(values.astype(np.float64), starts, axis=axis)
        values = sums / np.expand_dims(sizes, tuple({*range(values.ndim)} - {axis}))
    return values


def cut_patch(levels: Array, rows: slice, columns: slice, size: tuple[int, int]) -> Array:
    """Returns a part of an image, with light grey where it would go on outside of the image.

    Args:
        levels: the image, `(height, width, 3)`.
        rows: the part's rows; where they start at 0, what is missing to `size` is above.
        columns: likewise.
        size: height and width of the patch.
    """
    part = levels[rows, columns]
    padding = [
        (0, missing) if place.start else (missing, 0)
        for place, missing in zip((rows, columns), np.subtract(size, part.shape[:2]), strict=True)
    ]
    return np.pad(part, [*padding, (0, 0)], constant_values=colours.LIGHT_GREY[0])


def trim_margins(images: Array) -> Array:
    """Returns images `(inputs, height, width, channels)` without rows and columns that are flat.

    A pixel is flat if it equals the first pixel of its image, in all images. Only margins are cut
    off. Images that are flat everywhere are returned as they are.

    Example:
        >>> image = np.zeros((1, 5, 5, 1))
        >>> image[0, 2, 1:4] = 1
        >>> trim_margins(image).shape
        (1, 1, 3, 1)
    """
    is_flat = (images == images[:, :1, :1]).all(axis=(0, 3))
    if is_flat.all():
        return images
    rows = np.flatnonzero(~is_flat.all(axis=1))
    columns = np.flatnonzero(~is_flat.all(axis=0))
    return images[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
