"""Small curves of losses and metrics, on the columns of a picture."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from keras_filterwatch.draw.colours import DARK_GREY, FRAME_COLOURS, LIGHT_GREY, Colour
from keras_filterwatch.draw.indexed import ink
from keras_filterwatch.draw.lettering import (
    draw_number,
    draw_one_text,
    font_of,
    shorten,
    text_width,
)

HEIGHT = 52  # pixels of a curve
_HIGH_AT, _LOW_AT = 6, HEIGHT - 10  # the ends of the scale in it
_WIDE_RANGE = 100  # a loss that falls by more is drawn in log scale
_TRAINING: Colour = DARK_GREY
_VALIDATION: Colour = FRAME_COLOURS["edge"]  # blue

Values = Sequence[float | None]


class Curve(NamedTuple):
    """The values of a loss or metric, one for each column, None where it was not logged."""

    name: str
    training: Values
    validation: Values


def curves_to_draw(logs: Mapping[str, Values]) -> list[Curve]:
    """Returns the loss and the first accuracy that were logged.

    Example:
        >>> logs = {"accuracy": [0.5], "loss": [2.0], "val_loss": [2.5], "learning_rate": [0.1]}
        >>> [(curve.name, curve.training, curve.validation) for curve in curves_to_draw(logs)]
        [('loss', [2.0], [2.5]), ('accuracy', [0.5], [])]
    """
    logged = {name: values for name, values in logs.items() if any(v is not None for v in values)}
    names = dict.fromkeys(name.removeprefix("val_") for name in logged)
    losses = [name for name in names if name == "loss"]
    accuracies = [name for name in names if "acc" in name.lower()]
    return [
        Curve(name, logged.get(name, []), logged.get(f"val_{name}", []))
        for name in (*losses, *accuracies[:1])
    ]


def draw_curve(
    picture: Image.Image,
    top: int,
    centres: Sequence[int],
    curve: Curve,
    labels_at: tuple[int, int],
) -> None:
    """Draws a metric of the training data, dark, and of the validation data, blue and dashed.

    Both have one scale: from 0 to 1 if it is an accuracy, a logarithmic one if the values differ by
    more than a factor of 100. Values that are not finite are crosses at the top.

    Args:
        picture: with a palette, or in RGB.
        top: where the area of `HEIGHT` pixels begins.
        centres: where the columns are.
        curve: what is drawn.
        labels_at: where the labels of the scale end, and where those of the last values begin.
    """
    scale = _scale(curve)
    font, draw = font_of(11), ImageDraw.Draw(picture)
    high, low, middle = top + _HIGH_AT, top + _LOW_AT, top + (_HIGH_AT + _LOW_AT) // 2
    for y in (high, low):
        ends = (centres[0] - 4, y, centres[-1] + 4, y)
        draw.line(ends, fill=ink(picture, LIGHT_GREY))
    name = shorten(curve.name, font, 60) + (" (log)" if scale.is_logarithmic else "")
    draw_one_text(picture, labels_at[0], middle, name, font, "rm")
    for y, end in ((high, scale.high), (low, scale.low)):
        draw_number(picture, labels_at[0], y, f"{end:.3g}", font, "rm")
    for y, what, values, dashed in (
        (middle + 8, "validation", curve.validation, True),
        (middle - 8, "training", curve.training, False),
    ):
        _draw_line(picture, centres, values, scale, top, dashed)
        last = [value for value in values if value is not None][-1:]
        if last:
            x = labels_at[1]
            _draw_line(picture, [x, x + 16], [scale.low] * 2, scale, y - _LOW_AT, dashed)
            draw_one_text(picture, x + 24, y, what, font, "lm")
            x += 29 + int(text_width(what, font))
            draw_number(picture, x, y, f"{last[0]:.3g}", font)


def _scale(curve: Curve) -> "_Scale":
    values = [value for value in (*curve.training, *curve.validation) if value is not None]
    finite = [value for value in values if math.isfinite(value)]
    low, high = min(finite, default=0.0), max(finite, default=1.0)
    if "acc" in curve.name.lower() and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return _Scale(low, high)


class _Scale(NamedTuple):
    """Where numbers stand in the area of a curve.

    Attributes:
        low, high: the numbers at its ends.
    """

    low: float
    high: float

    @property
    def is_logarithmic(self) -> bool:
        return self.low > 0 and self.high > _WIDE_RANGE * self.low

    def y(self, number: float) -> int:
        """Returns the place of a number; the highest place for one that is not finite."""
        if not math.isfinite(number):
            return _HIGH_AT
        low, high = self.low, self.high
        if self.is_logarithmic:
            low, high, number = math.log(low), math.log(high), math.log(number)
        # halves first: the difference of the largest numbers would overflow
        share = (number / 2 - low / 2) / ((high / 2 - low / 2) or 1)
        return round(_LOW_AT - share * (_LOW_AT - _HIGH_AT))


def _draw_line(
    picture: Image.Image,
    centres: Sequence[int],
    values: Values,
    scale: _Scale,
    top: int,
    dashed: bool,
) -> None:
    """Draws a line through the finite values, with a dot at its end, and crosses for the others."""
    logged = [(x - centres[0], v) for x, v in zip(centres, values, strict=False) if v is not None]
    points = [(x, scale.y(value)) for x, value in logged if math.isfinite(value)]
    mask = Image.new("L", (centres[-1] - centres[0] + 5, HEIGHT))
    draw = ImageDraw.Draw(mask)
    draw.line(points, fill=255, width=2)
    if dashed:
        pixels = np.array(mask)
        pixels[:, np.arange(pixels.shape[1]) % 6 > 2] = 0
        mask = Image.fromarray(pixels)
        draw = ImageDraw.Draw(mask)
    for x, y in points[-1:]:
        draw.rectangle((x - 1, y - 1, x + 2, y + 2), fill=255)
    for x, value in logged:
        if not math.isfinite(value):
            y = _HIGH_AT + (8 if dashed else 0)
            draw.line((x - 3, y - 3, x + 3, y + 3), fill=255, width=2)
            draw.line((x - 3, y + 3, x + 3, y - 3), fill=255, width=2)
    colour = ink(picture, _VALIDATION if dashed else _TRAINING)
    picture.paste(colour, (centres[0], top), mask)
