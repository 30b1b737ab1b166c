"""What TensorBoard shows of a report: curves, histograms, pictures, alarms, and their names."""

import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
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

    def write(self, report: Report) -> None:
        """Writes a report as one step.

        Raises:
            OSError: nothing could be written.
        """
        file, step = self._checked_file(), report.scores.step
        is_new = file is None
        if file is None:
            file = self._file = EventFile(self._directory)
            file.write(step, self._encoded([chart_page(report.scores)]))
        file.write(step, self._encoded(report_contents(report, with_text=is_new)))

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


def report_contents(report: Report, with_text: bool = False) -> Iterator[Content]:
    """Yields what is written of one step.

    Curves `<score>/<NN>_<layer>`, `<score>_per_filter/...` as histograms over the filters,
    `<picture>/...`, `alarms` as text and `alarm_count`. NN is the layer's place, zero-padded, so
    that TensorBoard keeps the order of the model.

    Args:
        report: of the step.
        with_text: whether to write the text about alarms also without a new alarm.
    """
    scores, alarms = report.scores, report.alarms
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
    yield Scalar("alarm_count", len(alarms), "Alarms since the start.")
    if with_text or any(alarm.step == scores.step for alarm in alarms):
        yield Text("alarms", alarms_as_markdown(alarms, report.diagnosis))


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
    return ChartPage([*charts, Chart("Alarms", "alarms since the start", "^alarm_count$")])


def alarms_as_markdown(alarms: Sequence[Alarm], diagnosis: Diagnosis) -> str:
    """Returns all alarms so far, so that the last text that TensorBoard keeps says everything."""
    if not alarms:
        return "No alarm so far."
    rows = [
        f"| {alarm.step} | {markdown(alarm.rule)} | {markdown(alarm.layer)} "
        f"| {markdown(alarm.message)} |"
        for alarm in alarms
    ]
    cause = f"**Probable cause: {markdown(diagnosis.cause)}.** {markdown(diagnosis.advice)}"
    return "\n".join(
        [cause, "", "| step | alarm | layer | what was measured |", "|---|---|---|---|", *rows]
    )
