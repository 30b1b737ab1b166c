"""What a report says without JavaScript: the diagnosis, alarms, the overview and the table."""

import base64
import html
import re
from collections.abc import Iterable

from keras_filterwatch import score_table
from keras_filterwatch.alarms import Alarm
from keras_filterwatch.runs import Run
from keras_filterwatch.text import printable

# The page brings its colours; these are the rules of the static part only.
STYLES = """.static { padding: 16px; max-width: 1200px; margin: auto; }
.static h2 { margin: 20px 0 4px; font-size: 15px; }
.static figure { margin: 20px 0 0; }
.static img { max-width: 100%; height: auto; background: #ffffff; }
.static .wide { overflow-x: auto; }
.static table { border-collapse: collapse; font-size: 12.5px; }
.static th, .static td { text-align: left; font-variant-numeric: tabular-nums; }
.static th, .static td { padding: 2px 10px 2px 0; border-bottom: 1px solid var(--line); }
.static th + th + th, .static td + td + td { text-align: right; }
.static th:last-child, .static td:last-child { text-align: left; }
@media print { .static { padding: 0; max-width: none; } .static .wide { overflow: visible; } }
"""


def static_part(run: Run, name: str, overview: bytes = b"") -> str:
    """Returns the last step of a run as HTML, with all text escaped.

    Args:
        run: at least one step of it.
        name: how the run is called.
        overview: the picture `fw.draw.overview(run)` as a PNG; empty for none.
    """
    step = run.steps[-1]
    scores = run.scores_at(step)
    over = "it has ended" if run.has_ended else "it goes on, or was stopped"
    layers = f"{len(scores)} layer{'s' * (len(scores) != 1)}"
    parts = [
        f"<h1>{_text(name)}</h1>",
        _paragraph(f"A training watched by FilterWatch: {layers}, {run.unit} {step}; {over}."),
        *map(_paragraph, run.problems),
        f"<h2>Diagnosis: {_text(run.diagnosis.cause)}</h2>",
        _list(map(_text, run.diagnosis.evidence)),
        _paragraph(run.diagnosis.advice),
        _alarms("Alarms", run.alarms, run.unit),
        _alarms("Notes", run.notes, run.unit),
        _overview(run, overview),
        "<h2>Layers</h2>",
        f'<div class="wide">{_without_styles(score_table.as_html(scores))}</div>',
    ]
    return f'<main class="static">{"".join(parts)}</main>'


def _without_styles(text: str) -> str:
    """Returns HTML without what each cell of a notebook's table says of its own look."""
    return re.sub(r' style="[^"]*"', "", text)  # in texts, the mark " is escaped


def _text(text: object) -> str:
    return html.escape(printable(text))


def _paragraph(text: str) -> str:
    return f"<p>{_text(text)}</p>" if text else ""


def _list(items: Iterable[str]) -> str:
    """Returns a list of items that are HTML already; `""` if there are none."""
    lines = "".join(f"<li>{item}</li>" for item in items)
    return f"<ul>{lines}</ul>" if lines else ""


def _alarms(title: str, alarms: list[Alarm], unit: str) -> str:
    if not alarms:
        return ""
    items = (
        f'<span class="{alarm.level}">{_text(_when(alarm, unit))}</span> {_text(alarm.message)}'
        for alarm in sorted(alarms, key=lambda alarm: (alarm.ended is not None, alarm.step))
    )
    return f"<h2>{title}</h2>{_list(items)}"


def _when(alarm: Alarm, unit: str) -> str:
    level = "" if alarm.level == "note" else f"{alarm.level.capitalize()} "
    end = "" if alarm.ended is None else f", ended at {alarm.ended}"
    return f"{level}raised at {unit} {alarm.step}{end}:".capitalize()


def _overview(run: Run, png: bytes) -> str:
    if not png:
        return ""
    alt = (
        f"Heat map of the noise score: a row for each of {len(run.layers)} layers or their "
        f"blocks, columns for {run.unit} {run.steps[0]} to {run.steps[-1]}. "
        "The table has the last scores."
    )
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<figure><img alt="{_text(alt)}" src="{source}"></figure>'
