"""What TensorBoard shows of a report: curves, histograms, pictures, alarms, and their names."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_filterwatch import sentences
from keras_filterwatch.alarms import Alarm
from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.report import Report
from keras_filterwatch.scores import Scores
from keras_filterwatch.text import described, markdown, printable
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import (
    Chart,
    ChartPage,
    Content,
    Histogram,
    Picture,
    Scalar,
    Text,
    Value,
)

_CHARTS = {  # the Custom Scalars page: category -> score -> title of its chart
    "Filters": {
        "noise": "noise score",
        "dead": "dead share",
        "update": "update ratio",
        "rotation": "rotation from the start",
    },
    "Units": {
        "apoz": "zeros in the outputs",
        "dead_units": "dead units",
        "saturated_units": "saturated units",
    },
}
_PER_FILTER = {  # scores that are also shown filter by filter
    "noise": "Noise score of each filter: 1 is noise.",
    "norm": "Norm of each filter, as a BatchNormalization behind it leaves it.",
}
_MOST_ROWS = 50  # of a table of alarms: TensorBoard keeps many versions of it


class TensorBoard:
    """Writes reports to an event file, in a form that TensorBoard shows without TensorFlow.

    Args:
        directory: where the event file goes; it is made with the first report.
        warn: takes what went wrong, what that costs and the reason; a warning if not given.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        warn: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._directory = Path(directory)
        self._warn = warn or _warning
        self._file: EventFile | None = None
        self._text = ""  # about alarms, as it was written last

    def write(self, report: Report) -> None:
        """Writes a report as one step.

        Raises:
            OSError: nothing could be written.
        """
        file, step = self._checked_file(), report.scores.step
        if file is None:
            file = self._file = EventFile(self._directory)
            file.write(step, self._encoded([chart_page(report.scores)]))
            self._text = ""
        file.write(step, self._encoded(report_contents(report, self._text)))
        self._text = alarms_as_markdown(report)

    def close(self) -> None:
        """Closes the event file; a further report opens another one."""
        file, self._file = self._file, None
        if file:
            file.close()

    def _checked_file(self) -> EventFile | None:
        """Returns the open event file, unless somebody else changed it."""
        interference = self._file.interference() if self._file else ""
        if interference:
            self._warn(
                interference,
                "A new event file is opened; steps written before may be missing in TensorBoard",
                str(self._directory),
            )
            self.close()
        return self._file

    def _encoded(self, contents: Iterable[Content]) -> Iterator[Value]:
        """Yields what can be encoded; one content that cannot does not cost the others."""
        for content in contents:
            try:
                yield content.encoded()
            except Exception as error:
                self._warn(
                    "a value could not be encoded for TensorBoard",
                    "This value is missing",
                    f"{content.tag}: {described(error)}",
                )


def _warning(what: str, consequence: str, reason: str) -> None:
    warnings.warn(f"FilterWatch: {what} ({reason}). {consequence}.", stacklevel=3)


def report_contents(report: Report, last_text: str = "") -> Iterator[Content]:
    """Yields what is written of one step.

    Curves `<score>/<NN>_<layer>`, `<score>_per_filter/...` as histograms over the filters,
    `<picture>/...`, `alarm_count`, and the text `alarms` where it has changed. NN is the layer's
    place, zero-padded, so that TensorBoard keeps the order of the model.

    Args:
        report: of the step.
        last_text: the text about alarms that was written last.
    """
    scores = report.scores
    digits = max(2, len(str(len(scores) - 1)))
    tags = {layer: f"{i:0{digits}}_{printable(layer)}" for i, layer in enumerate(scores)}
    for layer, numbers in scores.items():
        for score, number in numbers.items():
            tag = f"{printable(score)}/{tags[layer]}"
            yield Scalar(tag, number, DESCRIPTIONS.get(score, ""))
        for score, description in _PER_FILTER.items():
            each = numbers.filters.get(score, np.empty(0))
            finite = each[np.isfinite(each)]
            if finite.size:
                yield Histogram(f"{score}_per_filter/{tags[layer]}", finite, description)
    for (name, layer), image in report.pictures.items():
        yield Picture(f"{name}/{tags.get(layer, printable(layer))}", image)
    yield Scalar(
        "alarm_count",
        sum(alarm.ended is None for alarm in report.alarms),
        "Errors and warnings that hold at this step. The text `alarms` lists all so far.",
    )
    text = alarms_as_markdown(report)
    if text != last_text:
        yield Text("alarms", text)


def chart_page(scores: Scores) -> ChartPage:
    """Returns the Custom Scalars page: a chart for each score, with all layers."""
    score_names = set().union(*scores.values(), ["update"])  # which the second step brings
    charts = [
        Chart(category, title, f"^{re.escape(score)}/")
        for category, titles in _CHARTS.items()
        for score, title in titles.items()
        if score in score_names
    ]
    user_scores = [printable(score) for score in sorted(score_names - set(DESCRIPTIONS))]
    charts += [
        Chart("Metrics of your own", score, f"^{re.escape(score)}/") for score in user_scores
    ]
    return ChartPage([*charts, Chart("Alarms", "alarms that hold", "^alarm_count$")])


def alarms_as_markdown(report: Report) -> str:
    """Returns a sentence about each layer that matters, and all alarms and notes so far.

    The last text that TensorBoard keeps so has all of them.
    """
    overview = [f"- {markdown(line)}" for line in sentences.overview(report.scores)]
    if any(alarm.ended is None for alarm in report.alarms):
        cause, advice = markdown(report.diagnosis.cause), markdown(report.diagnosis.advice)
        lines = [f"**Probable cause: {cause}.** {advice}"]
    else:
        lines = ["No alarm holds now." if report.alarms else "No alarm so far."]
    lines += _table(report.alarms)
    if report.notes:
        lines += ["", "Notes: odd, but harmless so far.", *_table(report.notes)]
    return "\n".join([*overview, *[""] * bool(overview), *lines])


def _table(alarms: Sequence[Alarm]) -> list[str]:
    """Returns the lines of a table of alarms: all that hold, and the last ones that ended."""
    ended = [alarm for alarm in alarms if alarm.ended is not None]
    left_out = {id(alarm) for alarm in ended[:-_MOST_ROWS]}
    rows = [
        f"| {alarm.step} | {'' if alarm.ended is None else alarm.ended} | {alarm.level} "
        f"| {markdown(alarm.rule)} | {markdown(alarm.layer or 'whole network')} "
        f"| {markdown(alarm.message)} |"
        for alarm in alarms
        if id(alarm) not in left_out
    ]
    if not rows:
        return []
    more = ["", f"{len(left_out)} that ended before are left out."] if left_out else []
    head = ["", "| begin | end | level | rule | layer | what was measured |"]
    return [*head, "|---|---|---|---|---|---|", *rows, *more]
