"""Text in pictures: the same in a palette and in colours, and cut off at the edges."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from keras_filterwatch.draw.colours import DARK_GREY, PALETTE, WHITE, palette_place
from keras_filterwatch.draw.indexed import white_image
from keras_filterwatch.draw.lettering import draw_text, font_of

SIZE = (90, 30)  # width and height


def white_pixels(*colours):
    return np.full((*SIZE[::-1], *colours), 255 if colours else palette_place(WHITE), np.uint8)


def on_image(places, texts, *parts, **options):
    image = white_image(SIZE, *parts)
    draw_text(image, places, texts, font_of(12), **options)
    return np.asarray(image.convert("RGB"))


def by_pillow(place, text, anchor="la"):
    """Returns what Pillow itself draws, in eight greys."""
    mask = Image.new("L", SIZE)
    ImageDraw.Draw(mask).text(place, text, 255, font_of(12), anchor)
    image = Image.new("RGB", SIZE, WHITE)
    image.paste(DARK_GREY, (0, 0), mask.point([level // 32 * 255 // 7 for level in range(256)]))
    return np.asarray(image)


@pytest.mark.parametrize("anchor", ["la", "ma", "rm", "mb"])
@pytest.mark.parametrize("place", [(40, 15), (40.5, 15), (41.25, 15.5)])
def test_a_text_is_where_pillow_draws_it(place, anchor):
    expected = by_pillow(place, "conv2d", anchor)
    np.testing.assert_array_equal(on_image([place], ["conv2d"], anchor=anchor), expected)


def test_a_text_is_the_same_in_a_palette_in_colours_and_in_arrays_of_both():
    place, text = (10.5, 5), "12: 0.93"
    expected = by_pillow(place, text)
    in_colours = on_image([place], [text], Image.new("RGB", (1, 1)))
    arrays = white_pixels(), white_pixels(3)
    for pixels in arrays:
        draw_text(pixels, [place], [text], font_of(12))
    for picture in (in_colours, PALETTE[arrays[0]], arrays[1]):
        np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("place", [(80, 25), (0, 0), (3, 2), (200, 5)])
def test_what_does_not_fit_into_the_picture_is_cut_off(place):
    pixels = white_pixels()
    draw_text(pixels, [place], ["a long text"], font_of(12), anchor="mm")
    np.testing.assert_array_equal(PALETTE[pixels], by_pillow(place, "a long text", "mm"))


def test_a_text_of_spaces_draws_nothing():
    assert (on_image([(3, 3)], [" "]) == 255).all()
