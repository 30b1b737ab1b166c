"""What TensorBoard shows of a report: curves, histograms, pictures, alarms, and their names."""

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator

import numpy as np

from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.report import Report
from keras_filterwatch.scores import Scores
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.text import described
from keras_filterwatch.writers.alarm_text import alarms_as_markdown
from keras_filterwatch.writers.chart_page import (
    MOST_LAYERS,
    chart_page,
    curves_by_score,
    curves_over_layers,
)
from keras_filterwatch.writers.curves import curves, layer_tags, picture_tags
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import (
    ChartPage,
    Content,
    Histogram,
    Picture,
    Scalar,
    Text,
    Value,
)

_PER_FILTER = {  # scores that are also shown filter by filter
    "noise": "Noise score of each filter: 1 is noise.",
    "norm": "Norm of each filter, as a BatchNormalization behind it leaves it.",
}
_OF_THE_NETWORK = {
    "filter_noise": "Mean noise score of the layers that have one: 1 is noise.",
    "dead_filters": "Share of dead filters among all that are watched.",
    "alarm_count": "Errors and warnings that hold at this step. The text `alarms` lists all so "
    "far.",
}


class TensorBoard:
    """Writes reports to event files, in a form that TensorBoard shows without TensorFlow.

    A second report of the same step adds only what has changed: the text, and the count of alarms.

    Args:
        folder: where the event files go; it is made with the first report.
        warn: takes what went wrong, what that costs and the reason; a warning if not given.
        scalars: the scores whose curves are written, as `curves.curves` takes them: None for those
            that people read, `"all"`, or names.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch import Diagnosis
        >>> writer = TensorBoard(folder_of(tempfile.mkdtemp()))
        >>> writer.write(Report(Scores(0, 0, {}), {}, (), Diagnosis("no fault found", (), "")))
        >>> writer.close()
    """

    def __init__(
        self,
        folder: Folder | str | os.PathLike[str],
        warn: Callable[[str, str, str], None] | None = None,
        scalars: str | Collection[str] | None = None,
    ) -> None:
        self._folder = folder_of(folder)
        self._warn = warn or _warning
        self._scalars = scalars
        self._file: EventFile | None = None
        self._dropped_from: int | None = None  # still to be written
        self._step: int | None = None  # that was written last
        self._last: dict[str, Content] = {}  # what the open file says now, of what is compared
        self._described: set[str] = set()  # tags whose description the open file has
        self._curves: dict[str, dict[str, float]] = {}  # score -> tag -> last number

    def continue_after(self, step: int | None) -> None:
        """Goes on with the run that is in the folder. Call it before the first report.

        As soon as the next report is written, TensorBoard shows none of the steps after `step` that
        earlier processes wrote.

        Args:
            step: the last step that stays; None for a new run, which needs no call.
        """
        self._dropped_from = None if step is None else step + 1

    def write(self, report: Report) -> None:
        """Writes a report as one step.

        Raises:
            OSError: nothing could be written.
        """
        file, step = self._checked_file(), report.scores.step
        if file is None:
            file = self._file = EventFile(self._folder)
            self._last, self._described = {}, set()
        if self._dropped_from is not None:
            file.drop_steps_from(self._dropped_from)
            self._dropped_from = None
        contents = [each for each in self._contents(report) if self._is_new(each, step)]
        file.write(step, self._encoded(contents))
        self._step = step
        self._described |= {each.tag for each in contents}
        compared = (Scalar, Text, ChartPage)
        self._last |= {each.tag: each for each in contents if isinstance(each, compared)}

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
                self._folder.location,
            )
            self.close()
        return self._file

    def _contents(self, report: Report) -> Iterator[Content]:
        """Yields all that belongs to a step, and the Custom Scalars page as it should be now."""
        points = curves(report, self._scalars)
        for score, numbers in curves_by_score(points, report.scores).items():
            self._curves.setdefault(score, {}).update(numbers)
        yield chart_page(self._curves, _is_large(report.scores))
        yield from report_contents(report, self._scalars)

    def _is_new(self, content: Content, step: int) -> bool:
        """Returns False for what the step has already, and for a page that is the same."""
        if step != self._step and not isinstance(content, ChartPage):
            return True
        if isinstance(content, Histogram | Picture):
            return False
        return self._last.get(content.tag) != content

    def _encoded(self, contents: Iterable[Content]) -> Iterator[Value]:
        """Yields what can be encoded; one content that cannot does not cost the others."""
        for content in contents:
            try:
                value = content.encoded()
                if content.tag in self._described:  # readers keep the first one: 20 kB for ResNet50
                    value.metadata.summary_description = ""
                yield value
            except Exception as error:
                self._warn(
                    "a value could not be encoded for TensorBoard",
                    "This value is missing",
                    f"{content.tag}: {described(error)}",
                )


def _warning(what: str, consequence: str, reason: str) -> None:
    warnings.warn(f"FilterWatch: {what} ({reason}). {consequence}.", stacklevel=3)


def report_contents(
    report: Report, scalars: str | Collection[str] | None = None
) -> Iterator[Content]:
    """Yields what is written of one step.

    Curves as `curves.curves` returns them, `<picture>/...`, and the text `alarms`. In networks of
    up to twelve layers, or with `scalars="all"`, `<score>_per_filter/...` as histograms over the
    filters; in larger ones `<score>_over_layers/...`.

    Args:
        report: of the step.
        scalars: the scores whose curves are written, as `curves.curves` takes them.
    """
    scores = report.scores
    points = curves(report, scalars)
    for tag, number in points.items():
        yield Scalar(tag, number, _description(tag))
    if _is_large(scores):
        for tag, number in curves_over_layers(curves_by_score(points, scores)).items():
            yield Scalar(tag, number, "How the score is spread over the layers of the network.")
    # of a large network they are many, and nobody finds anything
    per_filter = _PER_FILTER if scalars == "all" or not _is_large(scores) else {}
    for layer, ending in layer_tags(scores).items():
        for score, description in per_filter.items():
            each = scores[layer].filters.get(score, np.empty(0))
            finite = each[np.isfinite(each)]
            if finite.size:
                yield Histogram(f"{score}_per_filter/{ending}", finite, description)
    for tag, image in picture_tags(report).items():
        yield Picture(tag, image)
    yield Text("alarms", alarms_as_markdown(report))


def _description(tag: str) -> str:
    """Returns what a curve shows, in one line; `""` for a metric of the user's own."""
    return _OF_THE_NETWORK.get(tag) or DESCRIPTIONS.get(tag.split("/", 1)[0], "")


def _is_large(scores: Scores) -> bool:
    return len(scores) > MOST_LAYERS
