"""PNG files of pictures, read back with Pillow."""

from io import BytesIO

import numpy as np
import pytest
from pictures import noise
from PIL import Image

from keras_filterwatch.writers.png import png


def paletted(places):
    """Returns an image of places in a palette of 256 colours."""
    image = Image.fromarray(places)
    image.putpalette(np.random.default_rng(1).integers(256, size=768, dtype=np.uint8).tobytes())
    return image


def random_pixels(*shape):
    return np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(random_pixels(7, 5, 3)),
        Image.fromarray(random_pixels(7, 5, 3).repeat(4, axis=0).repeat(3, axis=1)),
        paletted(random_pixels(7, 5)),
        paletted(random_pixels(7, 5).repeat(4, axis=0).repeat(3, axis=1)),
        paletted(np.zeros((1, 1), np.uint8)),
    ],
    ids=["colours", "enlarged colours", "palette", "enlarged palette", "one pixel"],
)
def test_a_file_has_the_mode_and_the_pixels_of_the_picture(image):
    with Image.open(BytesIO(png(image))) as read:
        assert read.mode == image.mode
        np.testing.assert_array_equal(
            np.asarray(read.convert("RGB")), np.asarray(image.convert("RGB"))
        )


def test_a_transparent_palette_stays_transparent():
    image = Image.fromarray(random_pixels(4, 4, 4)).quantize(8)
    with Image.open(BytesIO(png(image))) as read:
        np.testing.assert_array_equal(
            np.asarray(read.convert("RGBA")), np.asarray(image.convert("RGBA"))
        )


def test_rows_that_repeat_take_next_to_no_bytes():
    row = (noise(1, 3000) * 50).astype(np.uint8)
    one, many = (len(png(paletted(row.repeat(rows, axis=0)))) for rows in (1, 100))
    assert many < 1.5 * one
