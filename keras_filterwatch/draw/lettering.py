"""Text in pictures: fonts, names cut to a width, and how text is drawn."""

import math
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from keras_filterwatch.draw.colours import PALETTE, TEXT_PLACE, Pixels
from keras_filterwatch.draw.indexed import image_of
from keras_filterwatch.text import printable

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MAX_CHARACTERS = 1000  # more do not fit into any picture


@cache
def font_of(size: int) -> Font:
    """Returns the font that Pillow ships, in this size."""
    return ImageFont.load_default(size)


@lru_cache(maxsize=2048)  # the names of layers are the same at each step
def shorten(text: str, font: Font, width: int) -> str:
    """Returns a text that fits into `width` pixels: a long one keeps its start and its end.

    Layer names may contain anything. Line breaks become spaces, control characters their escape
    sequences.

    Example:
        >>> shorten("block/conv", font_of(12), 1000)
        'block/conv'
    """
    text = printable(text)
    if len(text) > _MAX_CHARACTERS:
        text = f"{text[: _MAX_CHARACTERS // 2]}…{text[-_MAX_CHARACTERS // 2 :]}"
    while text_width(text, font) > width:
        middle = len(text) // 2
        text = f"{text[: middle - 1]}…{text[middle + 2 :]}"
    return text


def join_in_lines(parts: Sequence[str], font: Font, width: int) -> list[str]:
    """Returns the parts that are not empty, joined to lines that fit into `width` pixels."""
    lines = [""]
    for part in filter(None, parts):
        part = shorten(part, font, width)
        longer_line = f"{lines[-1]}   {part}" if lines[-1] else part
        if text_width(longer_line, font) <= width:
            lines[-1] = longer_line
        else:
            lines.append(part)
    return [line for line in lines if line]


@lru_cache(maxsize=2048)  # most texts are the same at each step
def text_width(text: str, font: Font) -> float:
    """Returns how many pixels a text is wide.

    Example:
        >>> text_width("", font_of(12))
        0.0
    """
    return font.getlength(text)


def draw_text(
    picture: Image.Image | Pixels,
    places: Sequence[tuple[float, float]],
    texts: Sequence[str],
    font: Font,
    anchor: str = "la",
) -> None:
    """Draws texts at places `(x, y)` of a picture, on white; the anchor is one of Pillow's.

    The text has eight greys only, so that a picture has at most 256 colours and its file stays
    small.
    """
    for (x, y), text in zip(places, texts, strict=True):
        draw_one_text(picture, x, y, text, font, anchor)


def draw_one_text(
    picture: Image.Image | Pixels, x: float, y: float, text: str, font: Font, anchor: str
) -> None:
    """Draws a text at a place of the picture, as `draw_text` does."""
    letters = _letters(text, font, anchor, x % 1, y % 1)
    if letters is None:
        return
    left, top = int(x) + letters.left, int(y) + letters.top
    if isinstance(picture, Image.Image):
        colours = letters.in_palette if picture.mode == "P" else letters.in_rgb
        picture.paste(colours, (left, top), letters.is_inked)
        return
    below, right = max(0, -top), max(0, -left)  # what is above or left of the picture is cut off
    part = picture[top + below :, left + right :]
    places = letters.places[below:, right:][: part.shape[0], : part.shape[1]]
    part = part[: places.shape[0], : places.shape[1]]
    is_inked = places > TEXT_PLACE
    if picture.ndim == 3:
        np.copyto(part, PALETTE[places], where=is_inked[..., np.newaxis])
    else:
        np.copyto(part, places, where=is_inked)


def draw_number(
    picture: Image.Image | Pixels, x: int, y: int, text: str, font: Font, anchor: str = "lm"
) -> None:
    """Draws a short text character by character, which are drawn once for all texts.

    A number that is another one at each step is drawn in a tenth of the time that `draw_one_text`
    takes for it. Its characters are placed at whole pixels.

    Args:
        picture, y, font: as `draw_one_text` takes them.
        x: where the text begins, has its middle or ends, as the anchor says.
        text: such as a number.
        anchor: `"l"`, `"m"` or `"r"`, and the vertical part of Pillow's anchors.
    """
    widths = [round(text_width(character, font)) for character in text]
    x -= {"l": 0, "m": sum(widths) // 2, "r": sum(widths)}[anchor[0]]
    for character, width in zip(text, widths, strict=True):
        draw_one_text(picture, x, y, character, font, f"l{anchor[1]}")
        x += width


class _Letters(NamedTuple):
    """A text as it is drawn once, to be pasted into many pictures.

    Attributes:
        left, top: where its pixels begin, from the place of the text.
        places: its pixels as places in the palette.
        in_palette, in_rgb: the same as images.
        is_inked: 255 where there is something to draw, else 0.
    """

    left: int
    top: int
    places: Pixels
    in_palette: Image.Image
    in_rgb: Image.Image
    is_inked: Image.Image


@lru_cache(maxsize=512)
def _letters(text: str, font: Font, anchor: str, x: float, y: float) -> _Letters | None:
    """Returns a text whose place is this part of a pixel to the right and below; None if empty."""
    left, top, right, bottom = font.getbbox(text, anchor=anchor)
    left, top = min(0, math.floor(left) - 1), min(0, math.floor(top) - 1)
    mask = Image.new("L", (math.ceil(right) - left + 2, math.ceil(bottom) - top + 2))
    ImageDraw.Draw(mask).text((x - left, y - top), text, 255, font, anchor)
    box = mask.getbbox()
    if box is None:
        return None
    places = np.asarray(mask.crop(box)) // 32 + np.uint8(TEXT_PLACE)
    return _Letters(
        *(left + box[0], top + box[1], places, image_of(places), image_of(PALETTE[places])),
        is_inked=Image.fromarray(np.where(places > TEXT_PLACE, 255, 0).astype(np.uint8)),
    )
