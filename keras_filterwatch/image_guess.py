"""Guesses whether a layer reads flattened images: by how many numbers it reads, and by inputs."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from keras_filterwatch.image_windows import ImageShape
from keras_filterwatch.kernels import Array

# Sizes of the images of well-known data sets that hardly any table has: (Fashion-)MNIST, the same
# in colour, CIFAR and SVHN, small photographs, STL-10, ImageNet.
_USUAL_IMAGES = {
    784: (28, 28, 1),
    2352: (28, 28, 3),
    3072: (32, 32, 3),
    12288: (64, 64, 3),
    27648: (96, 96, 3),
    150528: (224, 224, 3),
}
_SMALLEST_SIDE = 8  # pixels of an image that is recognised by its inputs
_FEWEST_INPUTS, _MOST_INPUTS = 16, 64  # from which correlations are computed
_FEWEST_VARYING = 0.25  # share of the numbers that must differ between inputs
_MARGIN = 0.2  # by which the correlation of neighbours must exceed that of any two numbers


class GuessedImage(NamedTuple):
    """An image that a layer may read flattened.

    Attributes:
        shape: `(height, width, channels)`.
        is_confirmed: whether neighbouring pixels are alike in the inputs; False if there are none.
    """

    shape: ImageShape
    is_confirmed: bool


def guess_image(count: int, inputs: Array | None = None) -> GuessedImage | None:
    """Returns the image that a layer may read flattened; None if nothing speaks for one.

    Without inputs, only sizes of well-known data sets count. With 16 inputs or more, the pixels
    must also agree with their neighbours, and then any square image of 8x8 pixels or more counts,
    with one channel or three.

    Args:
        count: how many numbers the layer reads.
        inputs: some of the model's inputs, `(inputs, count)`.

    Example:
        >>> guess_image(784)
        GuessedImage(shape=(28, 28, 1), is_confirmed=False)
        >>> guess_image(100)
        >>> coarse = np.random.default_rng(0).standard_normal((40, 5, 5))
        >>> guess_image(100, np.kron(coarse, np.ones((2, 2))).reshape(40, 100))
        GuessedImage(shape=(10, 10, 1), is_confirmed=True)
    """
    usual = _USUAL_IMAGES.get(count)
    standardised = None if inputs is None else _standardised(inputs, count)
    if standardised is None:
        return GuessedImage(usual, False) if usual else None
    for shape in _candidates(count):
        if _neighbours_agree(standardised, shape):
            return GuessedImage(shape, True)
    return None


def _candidates(count: int) -> Iterator[ImageShape]:
    for channels in (1, 3):
        side = math.isqrt(count // channels)
        if side >= _SMALLEST_SIDE and side * side * channels == count:
            yield side, side, channels


def _standardised(inputs: Array, count: int) -> Array | None:
    """Returns the inputs with mean 0 and variance 1 of each number, constant ones as 0.

    None if there are too few, if they are not finite or hardly differ from each other.
    """
    if inputs.shape[1:] != (count,) or len(inputs) < _FEWEST_INPUTS:
        return None
    inputs = inputs[:_MOST_INPUTS].astype(np.float32)
    with np.errstate(all="ignore"):
        centred = inputs - inputs.mean(axis=0)
        deviations = centred.std(axis=0)
        varies = deviations > 1e-6 * np.abs(inputs).max()
        standardised = np.where(varies, centred / deviations, np.float32(0))
    if not np.isfinite(standardised).all() or varies.mean() < _FEWEST_VARYING:
        return None
    return standardised


def _neighbours_agree(standardised: Array, shape: ImageShape) -> bool:
    """Returns True if neighbours correlate as in an image of this shape and in no other order.

    Neighbours along both axes must correlate by 0.2 more than any two numbers do, which is what
    they would do in a random order. Those below each other must also correlate more than numbers
    that are less than a row apart, unlike in a time series or in an image of another width.
    """
    height, width, channels = shape
    row = width * channels
    images = standardised.reshape(len(standardised), height, width, channels)
    beside = _correlation(images[:, :, 1:], images[:, :, :-1])
    below = _correlation(images[:, 1:], images[:, :-1])
    within_row = max(
        _correlation(standardised[:, lag:], standardised[:, :-lag])
        for lag in {row // 4, row // 3, row // 2, 2 * row // 3, 3 * row // 4}
    )
    return min(beside, below) > _mean_correlation(standardised) + _MARGIN and below > within_row


def _correlation(a: Array, b: Array) -> float:
    """Returns the mean correlation of pairs of numbers, over the inputs; of those that vary."""
    vary = (a != 0).any(axis=0) & (b != 0).any(axis=0)
    return float((a * b).mean(axis=0).sum() / max(1, vary.sum()))


def _mean_correlation(standardised: Array) -> float:
    """Returns the mean correlation of any two different numbers that vary."""
    count = int((standardised != 0).any(axis=0).sum())
    of_all_pairs = np.square(standardised.sum(axis=1)).mean() - count
    return float(of_all_pairs / max(1, count * (count - 1)))
