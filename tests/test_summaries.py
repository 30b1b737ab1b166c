"""How numbers and pictures are encoded, decoded again with TensorBoard's and Pillow's readers."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from tensorboard.util import tensor_util

import keras_filterwatch as fw
from keras_filterwatch.writers.summaries import Histogram, Picture, Scalar, Text


def test_a_written_picture_has_every_pixel_of_the_drawn_one():
    drawn = fw.draw.filters({"c": np.random.default_rng(0).standard_normal((3, 3, 8, 16))})
    width, height, png = Picture("filters/00_c", drawn).encoded().tensor.string_val
    written = Image.open(BytesIO(png))
    assert (int(width), int(height)) == drawn.size
    assert written.mode == "P"  # a palette: a third of the bytes
    np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(drawn))


def test_a_histogram_counts_each_value_once():
    numbers = np.repeat(np.arange(20), 3) + 0.5  # 20 buckets from .5 to 19.5, the last one closed
    buckets = tensor_util.make_ndarray(Histogram("a", numbers).encoded().tensor)
    np.testing.assert_allclose(buckets[:, 0], 0.5 + 0.95 * np.arange(20))
    np.testing.assert_allclose(buckets[:, 1], 0.5 + 0.95 * np.arange(1, 21))
    np.testing.assert_array_equal(buckets[:, 2], np.full(20, 3))


@pytest.mark.parametrize("numbers", [[2.0, 2.0, 2.0], [2.0, 2.0, np.nextafter(2, 3)]])
def test_a_histogram_of_values_as_good_as_equal_has_one_bucket(numbers):
    buckets = tensor_util.make_ndarray(Histogram("a", np.array(numbers)).encoded().tensor)
    np.testing.assert_array_equal(buckets, [[min(numbers), max(numbers), 3]])


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_pictures_of_each_usual_mode_keep_their_pixels(mode):
    image = Image.new(mode, (3, 2))  # transparent, where a mode knows that
    width, height, png = Picture("a", image).encoded().tensor.string_val
    written = Image.open(BytesIO(png))
    assert (int(width), int(height)) == written.size == (3, 2)
    np.testing.assert_array_equal(written.convert("RGBA"), image.convert("RGBA"))


def test_a_picture_of_many_colours_keeps_them():
    pixels = np.random.default_rng(0).integers(256, size=(40, 40, 3), dtype=np.uint8)
    png = Picture("a", Image.fromarray(pixels)).encoded().tensor.string_val[2]
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png))), pixels)


@pytest.mark.parametrize("number", [0.25, np.float32(0.25), float("nan"), float("inf")])
def test_any_float_is_a_scalar(number):
    read = tensor_util.make_ndarray(Scalar("a", number).encoded().tensor)
    np.testing.assert_array_equal(read, np.float32(number))


def test_text_is_read_back():
    assert Text("a", "**b** \u00e9").encoded().tensor.string_val[0].decode() == "**b** \u00e9"


def test_what_is_not_utf8_is_refused():
    with pytest.raises(ValueError, match=r"surrogates|UTF-8"):
        Text("a", "\ud800").encoded()
