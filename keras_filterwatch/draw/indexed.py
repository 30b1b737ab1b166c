"""Images of pixels: in the palette that pictures share, or in red, green and blue."""

from functools import cache

from PIL import Image

from keras_filterwatch.draw.colours import PALETTE, WHITE, Colour, Pixels, palette_place

_PALETTE_BYTES = PALETTE.tobytes()
_place_of = cache(palette_place)


def image_of(pixels: Pixels) -> Image.Image:
    """Returns an image of places in the palette, mode `"P"`, or of colours, mode `"RGB"`.

    Example:
        >>> import numpy as np
        >>> image_of(np.zeros((2, 3), np.uint8)).mode, image_of(np.zeros((2, 3, 3), np.uint8)).mode
        ('P', 'RGB')
    """
    image = Image.fromarray(pixels)
    if pixels.ndim == 2:
        image.putpalette(_PALETTE_BYTES)
    return image


def white_image(size: tuple[int, int], *parts: Image.Image) -> Image.Image:
    """Returns a white image of this width and height that other images can be pasted into.

    It has the palette if all these parts have it.

    Example:
        >>> white_image((8, 8), Image.new("RGB", (2, 2))).mode, white_image((8, 8)).mode
        ('RGB', 'P')
    """
    if any(part.mode != "P" for part in parts):
        return Image.new("RGB", size, WHITE)
    image = Image.new("P", size, _place_of(WHITE))
    image.putpalette(_PALETTE_BYTES)
    return image


def ink(image: Image.Image, colour: Colour) -> int | Colour:
    """Returns what draws lines of a colour into an image: in a palette, the colour's place."""
    return _place_of(colour) if image.mode == "P" else colour
