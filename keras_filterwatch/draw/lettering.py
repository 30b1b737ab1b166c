"""Text in pictures: fonts, names cut to a width, and how text is drawn."""

from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from keras_filterwatch.draw.colours import DARK_GREY
from keras_filterwatch.text import printable

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_MAX_CHARACTERS = 1000  # more do not fit into any picture


@cache
def font_of(size: int) -> Font:
    """Returns the font that Pillow ships, in this size."""
    return ImageFont.load_default(size)


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
    while font.getlength(text) > width:
        middle = len(text) // 2
        text = f"{text[: middle - 1]}…{text[middle + 2 :]}"
    return text


def join_in_lines(parts: Sequence[str], font: Font, width: int) -> list[str]:
    """Returns the parts that are not empty, joined to lines that fit into `width` pixels."""
    lines = [""]
    for part in filter(None, parts):
        part = shorten(part, font, width)
        longer_line = f"{lines[-1]}   {part}" if lines[-1] else part
        if font.getlength(longer_line) <= width:
            lines[-1] = longer_line
        else:
            lines.append(part)
    return [line for line in lines if line]


def draw_text(
    image: Image.Image,
    places: Sequence[tuple[float, float]],
    texts: Sequence[str],
    font: Font,
    anchor: str = "la",
) -> None:
    """Draws texts at places `(x, y)` of the image; the anchor is one of Pillow's.

    The text has eight greys only, so that a picture has at most 256 colours and its file stays
    small.
    """
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    for place, text in zip(places, texts, strict=True):
        draw.text(place, text, 255, font, anchor)
    box = mask.getbbox()  # pasting all of a large picture takes long
    if box:
        image.paste(DARK_GREY, box, mask.crop(box).point(lambda level: level // 32 * 255 // 7))
