"""The words around a picture: a caption above it; a legend, a colour scale and notes below."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from keras_filterwatch.draw.colours import (
    LIGHT_GREY,
    Colour,
    Pixels,
    blue_to_red,
    colours_around_grey,
)
from keras_filterwatch.draw.indexed import image_of, ink, white_image
from keras_filterwatch.draw.lettering import (
    Font,
    draw_text,
    font_of,
    join_in_lines,
    shorten,
    text_width,
)
from keras_filterwatch.kernels import Snapshot

_MARGIN, _SPACE_BESIDE_SCALE = 12, 12
_MIN_WIDTH = 440  # pixels, so that a caption has few lines


def add_caption(
    picture: Image.Image,
    caption: Sequence[str],
    notes: Sequence[str] = (),
    scale: Image.Image | None = None,
    legend: Sequence[tuple[str, Colour]] = (),
) -> Image.Image:
    """Returns the picture with all that stands around it, on white.

    Args:
        picture: such as a grid of cells.
        caption: parts of the caption, which stand above, in as few lines as they fit into.
        notes: parts of the notes, which stand below, beside the scale. Empty parts are left out.
        scale: what the colours mean, from `colour_scale`.
        legend: what the colours of frames mean.
    """
    width = max(picture.width, _MIN_WIDTH)
    caption_font, note_font = font_of(15), font_of(12)
    scale = scale or white_image((0, 0))
    indent = scale.width + _SPACE_BESIDE_SCALE if scale.width else 0
    caption_lines = join_in_lines(caption, caption_font, width)
    note_lines = join_in_lines(notes, note_font, width - indent)
    frames = _legend(legend, note_font, width)
    above = 21 * len(caption_lines) + 6
    below = max(16 * len(note_lines), scale.height)
    height = picture.height + above + frames.height + below + 2 * _MARGIN + 6
    image = white_image((width + 2 * _MARGIN, height), picture, scale)
    image.paste(picture, (_MARGIN, _MARGIN + above))
    y = _MARGIN + above + picture.height + 6
    image.paste(frames, (_MARGIN, y))
    y += frames.height
    image.paste(scale, (_MARGIN, y))
    caption_places = [(_MARGIN, _MARGIN + 21 * i) for i in range(len(caption_lines))]
    note_places = [(_MARGIN + indent, y + 16 * i) for i in range(len(note_lines))]
    draw_text(image, caption_places, caption_lines, caption_font)
    draw_text(image, note_places, note_lines, note_font)
    return image


def step_of(source: Any) -> int | None:
    """Returns the step of a `Snapshot`, or the last one of a `FilterWatch`; None of other sources.

    Example:
        >>> step_of(Snapshot(3, ()))
        3
    """
    last = source.snapshot if hasattr(type(source), "film_strips") else source
    return last.step if isinstance(last, Snapshot) else None


def cut_note(count: int, total: int, what: str, which: str = "first") -> str:
    """Returns a note that `count` of `total` are drawn; an empty one if they are all.

    Example:
        >>> cut_note(256, 300, "filters")
        'first 256 of 300 filters'
    """
    return f"{which} {count} of {total} {what}" if count < total else ""


def colour_scale(limit: float, coloured: bool = False, least: float | None = None) -> Image.Image:
    """Returns the colours from `least` to `limit`, with both numbers beside them.

    Args:
        limit: the number that has full colour.
        coloured: True for the colours of three channels, False for those from blue to red.
        least: the least number; -limit if None.
    """
    least = -limit if least is None else least
    ramp = np.linspace(least, limit, 101)[np.newaxis]
    grey_ramp = np.stack([ramp] * 3, axis=-1)
    colours = colours_around_grey(grey_ramp, limit) if coloured else blue_to_red(ramp, limit)
    return scale_bar(colours, least, limit)


def scale_bar(colours: Pixels, least: float, limit: float) -> Image.Image:
    """Returns a row of 101 colours as a bar, with the numbers at its ends beside it."""
    font = font_of(12)
    ends = [f"{least:.2g}", f"{limit:.2g}"]
    left, right = (int(text_width(end, font)) + 5 for end in ends)
    bar = image_of(colours.repeat(10, axis=0))
    image = white_image((left + 101 + right, 16), bar)
    image.paste(bar, (left, 2))
    ImageDraw.Draw(image).rectangle((left - 1, 1, left + 101, 12), outline=ink(image, LIGHT_GREY))
    draw_text(image, [(left - 4, 7)], ends[:1], font, "rm")
    draw_text(image, [(left + 106, 7)], ends[1:], font, "lm")
    return image


def colour_scales(limits: Sequence[tuple[str, float, bool]]) -> Image.Image:
    """Returns the scales of a picture that has several.

    Args:
        limits: for each scale what it is for, the number that has full colour, and whether three
            channels are drawn in colour.
    """
    font = font_of(12)
    scales = [colour_scale(limit, coloured) for _, limit, coloured in limits]
    indent = max(int(text_width(name, font)) for name, _, _ in limits) + 6
    width = indent + max(scale.width for scale in scales)
    image = white_image((width, 18 * len(scales)), *scales)
    for i, scale in enumerate(scales):
        image.paste(scale, (indent, 18 * i))
    places = [(0.0, 18.0 * i + 7) for i in range(len(scales))]
    draw_text(image, places, [name for name, _, _ in limits], font, "lm")
    return image


def _legend(entries: Sequence[tuple[str, Colour]], font: Font, width: int) -> Image.Image:
    """Returns frames and what they mean, in as many lines as they need."""
    names = [shorten(name, font, width - 18) for name, _ in entries]
    places, x, line = [], 0, 0
    for name in names:
        name_width = 18 + int(text_width(name, font))
        if x + name_width > width:
            x, line = 0, line + 1
        places.append((x, 18 * line))
        x += name_width + 14
    image = white_image((width, 18 * (line + 1) if places else 0))
    draw = ImageDraw.Draw(image)
    for (x, y), (_, colour) in zip(places, entries, strict=True):
        draw.rectangle((x, y + 2, x + 12, y + 13), outline=ink(image, colour), width=2)
    draw_text(image, [(x + 18, y) for x, y in places], names, font)
    return image
