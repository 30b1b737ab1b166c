"""The cells of the picture `overview`, with what stands around them: where, and how it is drawn."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_filterwatch.draw.alarm_marks import MARK_SIZE, Marks, draw_mark, draw_marks
from keras_filterwatch.draw.caption import scale_bar
from keras_filterwatch.draw.colours import (
    LIGHT_GREY,
    TEXT_PLACE,
    Pixels,
    palette_place,
    score_colours,
)
from keras_filterwatch.draw.lettering import (
    Font,
    draw_number,
    draw_one_text,
    font_of,
    shorten,
    text_width,
)
from keras_filterwatch.draw.overview_rows import NETWORK, Row, alarm_texts
from keras_filterwatch.kernels import Array
from keras_filterwatch.score_facts import ScoreFacts
from keras_filterwatch.scores import Scores

_CELLS_WIDTH, _CELLS_HEIGHT = 624, 600  # pixels for all columns and all rows
_SPACE = 10  # between the parts of a row
_LONGEST_NAME, _LONGEST_TEXT = 230, 320  # pixels
_NETWORK_SPACE = 4  # between the row of the network and those of the layers
_LEAST_WIDTH = 620
_WHITE, _GREY = TEXT_PLACE, palette_place(LIGHT_GREY)
HEADING = "alarms and notes, and since when"


class Layout(NamedTuple):
    """Where the parts of the picture are, in pixels.

    Attributes:
        font: of the rows.
        names_at, verdicts_at, filters_at, left, texts_at: where the parts of a row begin; cells
            begin at `left`.
        columns, column_width: of the cells.
        top, row_height: where the rows of layers begin, and how high they are.
        rows: rows of layers or blocks.
        width, height: of all this.
    """

    font: Font
    names_at: int
    verdicts_at: int
    filters_at: int
    left: int
    texts_at: int
    columns: int
    column_width: int
    top: int
    row_height: int
    rows: int
    width: int
    height: int

    def middle(self, row: int) -> int:
        """Returns the middle of a row; the row of the network, -1, stands above the others."""
        above = _NETWORK_SPACE if row < 0 else 0
        return self.top + row * self.row_height + self.row_height // 2 - above

    @property
    def centres(self) -> list[int]:
        """The middles of the columns."""
        first = self.left + self.column_width // 2
        return [first + column * self.column_width for column in range(self.columns)]


def layout_of(network: Row, rows: Sequence[Row], columns: int, above: int) -> Layout:
    """Returns where things are.

    Args:
        network, rows: what is drawn.
        columns: how many steps.
        above: pixels above the headings.
    """
    row_height = min(20, max(11, _CELLS_HEIGHT // max(1, len(rows))))
    column_width = min(32, _CELLS_WIDTH // columns)
    font = font_of(11 if row_height < 16 else 12)

    def width(texts: Iterable[str], most: int) -> int:
        return min(most, max((int(text_width(text, font)) + 1 for text in texts), default=0))

    names = width(
        [NETWORK, *(shorten(row.name, font, _LONGEST_NAME) for row in rows)], _LONGEST_NAME
    )
    verdicts = width(["verdict", *(row.verdict for row in rows)], 90)
    filters = width(["filters", *(row.filters for row in rows)], 150)
    texts = width((", ".join(_texts(row)) for row in (network, *rows)), _LONGEST_TEXT)
    names_at = MARK_SIZE + 6
    verdicts_at = names_at + names + _SPACE
    filters_at = verdicts_at + verdicts + _SPACE
    left = filters_at + filters + _SPACE
    texts_at = left + columns * column_width + _SPACE
    top = above + 20 + row_height + _NETWORK_SPACE
    heading = width([HEADING], _LONGEST_TEXT)
    return Layout(
        font=font,
        names_at=names_at,
        verdicts_at=verdicts_at,
        filters_at=filters_at,
        left=left,
        texts_at=texts_at,
        columns=columns,
        column_width=column_width,
        top=top,
        row_height=row_height,
        rows=len(rows),
        width=max(texts_at + max(texts + MARK_SIZE + 6, heading), _LEAST_WIDTH),
        height=top + row_height * len(rows) + 18 + 22,
    )


def draw_texts(
    pixels: Pixels, layout: Layout, score: str, network: Row, rows: Sequence[Row]
) -> None:
    """Draws what stands left and right of the cells, and the headings."""
    font, top = layout.font, layout.middle(-1) - layout.row_height // 2 - 10
    headings = {
        layout.names_at: "layer",
        layout.verdicts_at: "verdict",
        layout.filters_at: "filters",
        layout.left: shorten(score, font, layout.columns * layout.column_width),
        layout.texts_at: HEADING,
    }
    for x, heading in headings.items():
        draw_one_text(pixels, x, top, heading, font, "lm")
    for i, row in enumerate((network, *rows), -1):
        y = layout.middle(i)
        name = shorten(row.name, font, layout.verdicts_at - _SPACE - layout.names_at)
        filters = shorten(row.filters, font, layout.left - layout.filters_at)
        draw_one_text(pixels, layout.names_at, y, name, font, "lm")
        draw_one_text(pixels, layout.verdicts_at, y, row.verdict, font, "lm")
        draw_one_text(pixels, layout.filters_at, y, filters, font, "lm")
        if row.worst_that_holds:
            draw_mark(pixels, row.worst_that_holds, MARK_SIZE // 2 + 1, y)
        if row.alarms:
            draw_mark(pixels, alarm_texts(row)[0][0], layout.texts_at + MARK_SIZE // 2, y)
            x = layout.texts_at + MARK_SIZE + 6
            draw_one_text(pixels, x, y, _fitting(_texts(row), font, layout.width - x), font, "lm")


def _texts(row: Row) -> list[str]:
    return [text for _, text in alarm_texts(row)]


def _fitting(texts: Sequence[str], font: Font, width: int) -> str:
    """Returns as many of the texts as fit, the first one at least, and how many more there are."""
    for count in range(len(texts), 0, -1):
        more = f", {len(texts) - count} more" if count < len(texts) else ""
        text = ", ".join(texts[:count]) + more
        if text_width(text, font) <= width:
            return text
    return shorten(texts[0], font, width)


def draw_step_labels(pixels: Pixels, layout: Layout, unit: str, steps: Sequence[int]) -> None:
    """Draws the steps below the columns: the last one, and of the others those that fit."""
    font, y = layout.font, layout.top + layout.rows * layout.row_height + 9
    draw_one_text(pixels, layout.left - 6, y, unit, font, "rm")
    end = layout.width
    for x, step in [*zip(layout.centres, steps, strict=True)][::-1]:
        half = int(text_width(str(step), font)) // 2 + 1
        if x + half + 5 <= end:
            draw_number(pixels, x, y, str(step), font, "mm")
            end = x - half


def worst(rows: Sequence[Row], scores: Scores, numbers: Array, facts: ScoreFacts) -> Array:
    """Returns for each row the worst value of its layers at each step, `(rows, steps)`."""
    if len(rows) == len(scores):
        return numbers
    starts = np.cumsum([0, *(len(row.layers) for row in rows[:-1])])
    worst = np.fmin if facts.better == "high" else np.fmax  # which ignore NaN
    values: Array = worst.reduceat(numbers, starts, axis=0)
    return values


def draw_cells(pixels: Pixels, layout: Layout, values: Array, facts: ScoreFacts) -> None:
    """Draws the cells, with a white line between rows; undefined ones are hatched."""
    height, width = layout.row_height, layout.column_width
    undefined = np.isnan(values)
    lines = np.repeat(_colours(values, facts), width, axis=1)
    shape = (layout.rows, height, lines.shape[1])
    area = pixels[layout.top : layout.top + height * layout.rows, layout.left :][:, : shape[2]]
    cells = np.empty(shape, np.uint8)
    cells[:] = lines[:, np.newaxis]
    for row in np.flatnonzero(undefined.any(axis=1)):
        np.copyto(cells[row], _hatching(*shape[1:]), where=undefined[row].repeat(width))
    cells[:, -1] = _WHITE
    area[:] = cells.reshape(area.shape)


@lru_cache(maxsize=32)
def _hatching(height: int, width: int) -> Pixels:
    """Returns slanted lines: what cells without a number look like."""
    y, x = np.ogrid[:height, :width]
    return np.where((x + y) % 5 == 0, _GREY, _WHITE).astype(np.uint8)


def _colours(values: Array, facts: ScoreFacts) -> Pixels:
    low, high = facts.low or 0.0, facts.high or 0.0
    shares = (values - low) / ((high - low) or 1)
    return score_colours(1 - shares if facts.better == "high" else shares, bool(facts.better))


def draw_legend(pixels: Pixels, layout: Layout, score: str) -> None:
    """Draws what marks and hatching mean, in a line."""
    font, y, x = font_of(12), layout.height - 9, 0
    for level, text in (("error", "error"), ("warning", "warning"), ("note", "note")):
        draw_mark(pixels, level, x + 5, y)
        draw_one_text(pixels, x + 14, y, text, font, "lm")
        x += 14 + int(text_width(text, font)) + 12
    one_alarm = Marks(*(np.array(column) for column in ([1, 0, 0], [1, 1, 0], [0, 0, 1])))
    draw_marks(pixels, {"warning": one_alarm}, x, y, 12)
    text = "from its beginning to its end"
    draw_one_text(pixels, x + 34, y, text, font, "lm")
    x += 34 + int(text_width(text, font)) + 18
    pixels[y - 5 : y + 5, x : x + 24] = _hatching(10, 24)
    draw_one_text(pixels, x + 30, y, f"no {score}", font, "lm")


def colour_bar(facts: ScoreFacts) -> Image.Image:
    """Returns the colours of the score's range, with its ends."""
    low, high = facts.low or 0.0, facts.high or 0.0
    return scale_bar(_colours(np.linspace(low, high, 101)[np.newaxis], facts), low, high)
