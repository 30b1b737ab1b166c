"""Where alarms and notes began, held and ended, as marks in a row of cells."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from keras_filterwatch.alarms import LEVELS, Alarm
from keras_filterwatch.draw.colours import TEXT_PLACE, Pixels
from keras_filterwatch.kernels import Array

_WHITE, _BLACK, _CLEAR = TEXT_PLACE, TEXT_PLACE + 7, 255  # no colour of the palette has place 255
MARK_SIZE = 9  # pixels of a mark


class Marks(NamedTuple):
    """The alarms of one level in one row, for each column.

    Attributes:
        begins: True where one begins.
        holds: True where one holds.
        ends: True where one does not hold any more.
    """

    begins: Array
    holds: Array
    ends: Array


def marks_of(alarms: Iterable[Alarm], steps: Sequence[int]) -> dict[str, Marks]:
    """Returns the marks of each level that some alarm has, notes first.

    A step without a column is marked at the next one.

    Args:
        alarms: those of one row.
        steps: the steps of the columns, in ascending order.

    Example:
        >>> alarm = Alarm("too_large", "head", 3, 11.5, 10.0, (), "It is 11.5.", ended=7)
        >>> marks = marks_of([alarm], steps=[0, 1, 4, 6, 9])["warning"]
        >>> marks.begins.nonzero()[0], marks.holds.nonzero()[0], marks.ends.nonzero()[0]
        (array([2]), array([2, 3]), array([4]))
    """
    by_level: dict[str, Marks] = {}
    last = len(steps) - 1
    for alarm in alarms:
        if alarm.level not in by_level:
            by_level[alarm.level] = Marks(*np.zeros((3, len(steps)), bool))
        marks = by_level[alarm.level]
        begin = min(int(np.searchsorted(steps, alarm.step)), last)
        end = last + 1
        if alarm.ended is not None:
            end = min(int(np.searchsorted(steps, alarm.ended)), last)
            marks.ends[end] = True
        marks.begins[begin] = True
        marks.holds[begin:end] = True
    return {level: by_level[level] for level in reversed(LEVELS) if level in by_level}


def draw_marks(pixels: Pixels, marks: dict[str, Marks], left: int, middle: int, width: int) -> None:
    """Draws the marks of a row into a picture: black with a white edge, legible on any colour.

    Args:
        pixels: the picture, places in the palette.
        marks: from `marks_of`.
        left: where the first column begins.
        middle: the middle of the row.
        width: of a column.
    """
    for level, (begins, holds, ends) in marks.items():
        changes = np.flatnonzero(np.diff(holds, prepend=False, append=False))
        for first, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
            start = left + first * width + width // 2
            _line(pixels, start, left + end * width, middle, dotted=level == "note")
        for column in map(int, np.flatnonzero(ends)):
            # one that ends in the column where it began ends at its right edge
            x = left + column * width + (width - 3 if begins[column] else 0)
            pixels[middle - 4 : middle + 5, x - 1 : x + 3] = _WHITE
            pixels[middle - 4 : middle + 5, x : x + 2] = _BLACK
    for level, (begins, _, _) in marks.items():
        for column in map(int, np.flatnonzero(begins)):
            draw_mark(pixels, level, left + column * width + width // 2, middle)


def draw_mark(pixels: Pixels, level: str, x: int, y: int) -> None:
    """Draws the mark of a level around a place: a cross, a triangle or a ring."""
    mark = _mark(level)
    half = len(mark) // 2
    part = pixels[y - half : y + half + 1, x - half : x + half + 1]
    np.copyto(part, mark, where=mark != _CLEAR)


def _line(pixels: Pixels, start: int, end: int, y: int, dotted: bool) -> None:
    pixels[y - 1 : y + 2, start:end] = _WHITE
    pixels[y, start : end : 3 if dotted else 1] = _BLACK


@cache
def _mark(level: str) -> Pixels:
    """Returns places in the palette: black, with a white edge of one pixel."""
    half = MARK_SIZE // 2 + 1
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    inside = {
        "error": (np.abs(np.abs(x) - np.abs(y)) <= 1) & (np.maximum(abs(x), abs(y)) <= 4),
        "warning": (np.abs(x) <= (y + 4) / 2) & (y <= 3) & (y >= -4),
        "note": (x**2 + y**2 <= 13) & (x**2 + y**2 >= 5),
    }[level]
    around = np.zeros_like(inside)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            around |= np.roll(inside, (down, right), axis=(0, 1))
    if level == "note":
        around |= x**2 + y**2 < 5
    return np.where(inside, _BLACK, np.where(around, _WHITE, _CLEAR)).astype(np.uint8)
