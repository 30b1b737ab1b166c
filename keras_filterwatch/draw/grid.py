"""Cells in rows and columns on a grey ground, with labels and frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from keras_filterwatch.draw.colours import LIGHT_GREY, WHITE, Colour, Pixels, palette_place
from keras_filterwatch.draw.indexed import image_of, white_image
from keras_filterwatch.draw.lettering import draw_text, font_of, text_width
from keras_filterwatch.draw.windows import SPACE

Item = TypeVar("Item")


@dataclass(frozen=True)
class Frame:
    """A coloured line around some neighbouring cells of a row."""

    row: int
    columns: slice
    colour: Colour


def split_in_rows(items: Sequence[Item], columns: int) -> list[Sequence[Item]]:
    """Returns the items in rows of so many columns; the last row may be shorter.

    Example:
        >>> split_in_rows([1, 2, 3], columns=2)
        [[1, 2], [3]]
    """
    return [items[start : start + columns] for start in range(0, len(items), columns)]


def cell_grid(
    rows: Sequence[Sequence[Pixels]] | Pixels,
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    labels_below: Sequence[Sequence[str]] = (),
    cell_labels: Sequence[Sequence[str]] = (),
    frames: Sequence[Frame] = (),
) -> Image.Image:
    """Returns cells of one size on a grey ground.

    Args:
        rows: the cells, all places in the palette, `(height, width)` each, or all colours,
            `(height, width, 3)`; later rows may be shorter.
        row_labels: a label left of each row.
        column_labels: a label above each column.
        labels_below: lines of labels below the last row, one label for each column.
        cell_labels: a label under each cell, in rows as the cells.
        frames: lines in the gaps between the cells.
    """
    height, width, *colours = np.shape(rows[0][0])
    font = font_of(11)
    indent = max((int(text_width(label, font)) for label in row_labels), default=-6) + 6
    top = 16 if column_labels else 0
    down, across = height + SPACE + (SPACE + 13 if cell_labels else 0), width + SPACE
    ground = (across * len(rows[0]) + SPACE, down * len(rows) + SPACE)
    size = (top + ground[1] + 14 * len(labels_below), indent + ground[0])
    white, grey = (WHITE, LIGHT_GREY) if colours else map(palette_place, (WHITE, LIGHT_GREY))
    pixels = np.full((*size, *colours), white, np.uint8)
    for r, cells in enumerate(rows):
        y, end = top + r * down, indent + across * len(cells)
        pixels[y : y + height + 2 * SPACE, indent : end + SPACE] = grey
        row = pixels[y + SPACE : y + SPACE + height, indent + SPACE : end + SPACE]
        places = row.reshape(height, len(cells), across, *colours)  # a view: it splits an axis
        places[:, :, :width] = np.asarray(cells).swapaxes(0, 1)
    middles = [top + SPACE + r * down + height / 2 for r in range(len(row_labels))]
    centres = [indent + SPACE + c * across + width / 2 for c in range(len(rows[0]))]
    draw_text(pixels, [(indent - 4, y) for y in middles], row_labels, font, "rm")
    above = [(x, top - 3) for x in centres[: len(column_labels)]]
    draw_text(pixels, above, column_labels, font, "mb")
    lines = [(top + ground[1] + 2 + 14 * line, labels) for line, labels in enumerate(labels_below)]
    under = top + height + 2 * SPACE + 1
    lines += [(under + r * down, labels) for r, labels in enumerate(cell_labels)]
    for y, labels in lines:
        draw_text(pixels, [(x, y) for x in centres[: len(labels)]], labels, font, "ma")
    for frame in frames:
        y, start = top + frame.row * down, indent + frame.columns.start * across
        end = indent + SPACE + frame.columns.stop * across
        around = pixels[y + 3 : y + height + 2 * SPACE - 3, start + 3 : end - 3]
        colour = frame.colour if colours else palette_place(frame.colour)
        around[:2] = around[-2:] = around[:, :2] = around[:, -2:] = colour
    return image_of(pixels)


def join_pictures(
    rows: Sequence[Sequence[Image.Image]],
    space_across: int,
    space_down: int = 10,
    align_right: bool = True,
) -> Image.Image:
    """Returns pictures of any sizes in rows and columns on white, with space between them."""
    columns = range(max(map(len, rows)))
    widths = [max(row[c].width for row in rows if c < len(row)) for c in columns]
    heights = [max(picture.height for picture in row) for row in rows]
    width = sum(widths) + space_across * (len(widths) - 1)
    size = (width, sum(heights) + space_down * (len(rows) - 1))
    image = white_image(size, *(picture for row in rows for picture in row))
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for picture, column_width in zip(row, widths, strict=False):
            indent = column_width - picture.width if align_right else 0
            image.paste(picture, (x + indent, y))
            x += column_width + space_across
        y += height + space_down
    return image
