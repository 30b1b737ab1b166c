"""The picture `overview`: which layer is bad, since when, and what to do, of a whole training."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from keras_filterwatch.diagnosis import NO_FAULT, Diagnosis
from keras_filterwatch.draw.alarm_marks import draw_marks, marks_of
from keras_filterwatch.draw.caption import add_caption
from keras_filterwatch.draw.colours import TEXT_PLACE
from keras_filterwatch.draw.indexed import image_of
from keras_filterwatch.draw.lettering import Font, draw_text, font_of, shorten, text_width
from keras_filterwatch.draw.overview_grid import (
    colour_bar,
    draw_cells,
    draw_legend,
    draw_step_labels,
    draw_texts,
    layout_of,
    worst,
)
from keras_filterwatch.draw.overview_rows import NO_VERDICT, Row, rows_of
from keras_filterwatch.draw.small_curves import HEIGHT, curves_to_draw, draw_curve
from keras_filterwatch.draw.training_state import TrainingState, state_of
from keras_filterwatch.score_facts import ScoreFacts, score_facts
from keras_filterwatch.scores import Scores
from keras_filterwatch.text import printable, suggestion
from keras_filterwatch.thinning import select_steps

MAX_COLUMNS, MAX_ROWS = 48, 64  # steps, and layers or blocks of layers
_MOST_LINES = 3  # of the evidence, and of the advice
_TEXT_FONT, _LINE_HEIGHT = font_of(13), 17


def overview(source: Any, *, step: int | None = None, score: str | None = None) -> Image.Image:
    """Returns a whole training in one picture: a row for each layer, a column for each step.

    Cells are coloured by the noise score: dark is noise, pale is structure. Marks show where alarms
    and notes began and ended, and stand left of the layers of which an alarm holds now. Above are
    the diagnosis, and loss and accuracy on the same columns. Of long trainings, 48 steps are drawn,
    evenly in log time. Of networks of more than 64 layers, a row is a block of neighbouring layers,
    and a cell is the worst of them.

    Args:
        source: a `FilterWatch`, also while it watches a training, or a `Run`.
        step: of a `Run`, the step as of which it is drawn; None for the last one.
        score: the score that cells are coloured by; None for the noise score, or, where no layer
            has one, the share of dead units or else the rotation.

    Raises:
        TypeError: the source is something else.
        ValueError: nothing was watched yet, no layer has the score, or there is no such step.

    Example:
        >>> import keras_filterwatch as fw
        >>> run = fw.read("logs/run1")  # doctest: +SKIP
        >>> overview(run).save("overview.png")  # doctest: +SKIP
    """
    return picture_of_training(state_of(overview, source, step), score).convert("RGB")


def picture_of_training(state: TrainingState, score: str | None = None) -> Image.Image:
    """Returns what `overview` does, with a palette."""
    name = _checked_score(state.last, score)
    places = select_steps(state.steps, MAX_COLUMNS)
    steps = [state.steps[place] for place in places]
    network, rows = rows_of(state.last, state.raised, MAX_ROWS)
    numbers = state.numbers(name, places)
    facts = score_facts(name).with_range(numbers)
    curves = curves_to_draw(state.logs(places))
    layout = layout_of(network, rows, len(steps), above=HEIGHT * len(curves))
    # in steps of 100, since the width changes with the number of columns
    diagnosis = _diagnosis_lines(state.diagnosis, layout.width // 100 * 100)
    above = _LINE_HEIGHT * len(diagnosis) + 8

    pixels = np.full((above + layout.height, layout.width), TEXT_PLACE, np.uint8)
    lines = [(0, _LINE_HEIGHT * line) for line in range(len(diagnosis))]
    draw_text(pixels, lines, diagnosis, _TEXT_FONT)
    part = pixels[above:]
    draw_texts(part, layout, _words(name), network, rows)
    draw_step_labels(part, layout, state.unit, steps)
    draw_cells(part, layout, worst(rows, state.last, numbers, facts), facts)
    for i, row in enumerate((network, *rows), -1):
        marks = marks_of(row.alarms, steps)
        draw_marks(part, marks, layout.left, layout.middle(i), layout.column_width)
    draw_legend(part, layout, _words(name))

    picture = image_of(pixels)
    labels_at = layout.left - 6, layout.texts_at
    for i, curve in enumerate(curves):
        draw_curve(picture, above + HEIGHT * i, layout.centres, curve, labels_at)
    title = f"Diagnosis: {printable(state.diagnosis.cause)}"
    return add_caption(picture, [title], _notes(state, rows, facts, steps), colour_bar(facts))


def _checked_score(scores: Scores, score: str | None) -> str:
    """Returns the score that cells are coloured by. Raises ValueError if no layer has it."""
    known = dict.fromkeys(name for layer in scores.values() for name in layer.numbers)
    if score is None:
        return next(
            (name for name in ("noise", "dead_units", "rotation") if name in known), "noise"
        )
    if score not in known:
        raise ValueError(f"score: no layer has {score!r}; {suggestion(str(score), known)}.")
    return score


def _notes(
    state: TrainingState, rows: Sequence[Row], facts: ScoreFacts, steps: Sequence[int]
) -> list[str]:
    """Returns what to read, and what the picture leaves out."""
    blocks = ""
    if len(rows) < len(state.last):
        which = "worst" if facts.better else "highest"
        blocks = f"{len(rows)} rows for {len(state.last)} layers: a cell is the {which} of its row"
    is_cut = len(steps) < len(state.steps)
    if facts.name == "noise":
        colours = "dark is noise, as before training: look for rows that stay dark"
    else:
        colours = f"dark is {'worse' if facts.better else 'higher'}"
    return [
        colours,
        facts.about,
        blocks,
        # no number that changes at each step: the line is drawn once
        f"{len(steps)} {state.unit}s are drawn, even in log time" if is_cut else "",
        "a mark at the left: an alarm holds now",
        f"{NO_VERDICT}: too little is known for a verdict",
    ]


def _words(score: str) -> str:
    return "noise score" if score == "noise" else printable(score)


def _diagnosis_lines(diagnosis: Diagnosis, width: int) -> list[str]:
    """Returns the evidence of a diagnosis and the advice, in lines of this width."""
    heading = "" if diagnosis.cause == NO_FAULT else "What to do: "
    return [
        *_wrapped(" ".join(diagnosis.evidence), _TEXT_FONT, width, _MOST_LINES),
        *_wrapped(heading + diagnosis.advice, _TEXT_FONT, width, _MOST_LINES),
    ]


@lru_cache(maxsize=32)  # most steps have the same diagnosis
def _wrapped(text: str, font: Font, width: int, most: int) -> list[str]:
    """Returns a text in at most so many lines of a width; what does not fit is cut off."""
    lines, room, space = [""], width - text_width(" …", font), text_width(" ", font)
    used = 0.0
    for word in printable(text).split():
        word = shorten(word, font, int(room))
        word_width = text_width(word, font)
        if used + space + word_width <= room:
            lines[-1] = f"{lines[-1]} {word}".strip()
            used += space + word_width
        elif len(lines) == most:
            lines[-1] += " …"
            break
        else:
            lines.append(word)
            used = word_width
    return [line for line in lines if line]
