"""MLflow: writes reports to a run of MLflow."""

import re
import time
from collections.abc import Collection
from typing import Any

from keras_filterwatch.report import Report
from keras_filterwatch.writers.alarm_text import alarms_as_markdown
from keras_filterwatch.writers.entries import PREFIX, Entries, tracker_package

_LONGEST_NAME = 150  # MLflow adds up to 100 characters to the file name of a picture
# what MLflow takes in no name: other characters, and what a path could leave out
_NOT_IN_NAMES = re.compile(r"[^\w\-. /]|\.(?=[./]|$)|(?<=/)/|^/|/$", re.ASCII)


class MLflow:
    """Writes numbers, pictures and alarms to a run of MLflow.

    All names begin with `filterwatch/`. MLflow has no alerts: the artifact `filterwatch/alarms.md`
    lists all alarms and notes so far, and two tags of the run can be searched for:
    `filterwatch.alarms`, the rules whose alarms hold, and `filterwatch.diagnosis`, the probable
    cause. The run stays open.

    Args:
        run: a run of MLflow or its id; the active one if not given.
        scalars: the scores to log: None for the most important ones, `"all"`, a name, or several.

    Raises:
        ImportError: the package `mlflow` is not installed.
        RuntimeError: no run is active.
        TypeError, ValueError: an argument cannot be used.

    Example::

        with mlflow.start_run():
            watch = fw.FilterWatch("logs/run1", writers=[fw.writers.MLflow()])
            model.fit(x, y, callbacks=[watch])
    """

    def __init__(self, run: Any = None, scalars: str | Collection[str] | None = None) -> None:
        self._entries = Entries(scalars)
        self._mlflow = tracker_package("mlflow", "MLflow")
        # the active run is known in this thread only, and reports come from another one
        run = self._mlflow.active_run() if run is None else run
        if run is None:
            raise RuntimeError(
                "fw.writers.MLflow: no run of MLflow is active in this thread. Make the writer "
                "within `with mlflow.start_run():`, or pass a run: MLflow(run=run)."
            )
        info = getattr(run, "info", None)
        self._run_id = run if isinstance(run, str) else getattr(info, "run_id", None)
        if not isinstance(self._run_id, str):
            raise TypeError(f"run: a run of MLflow or its id is needed; got {type(run).__name__}.")
        self._client = self._mlflow.MlflowClient()  # of the server that is set now
        self._text = ""
        self._tags: dict[str, str] = {}

    def write(self, report: Report) -> None:
        """Logs a report at its step."""
        entry, now = self._entries.entry(report), time.time_ns() // 1_000_000
        metrics = [
            self._mlflow.entities.Metric(_name(tag), number, now, entry.step)
            for tag, number in entry.numbers.items()
        ]
        self._client.log_batch(self._run_id, metrics)
        for tag, image in entry.pictures.items():
            self._client.log_image(self._run_id, image, key=_name(tag), step=entry.step)
        self._write_alarms(report)

    def _write_alarms(self, report: Report) -> None:
        """Sets the tags and replaces the text, where they have changed."""
        holding = {alarm.rule for alarm in report.alarms if alarm.ended is None}
        tags = {
            "filterwatch.alarms": ", ".join(sorted(holding)) or "none",
            "filterwatch.diagnosis": report.diagnosis.cause,
        }
        for key, value in tags.items():
            if self._tags.get(key) != value:
                self._client.set_tag(self._run_id, key, value)
        self._tags = tags
        text = alarms_as_markdown(report)
        if text != self._text:
            self._client.log_text(self._run_id, text, f"{PREFIX}alarms.md")
            self._text = text

    def close(self) -> None:
        """Does nothing: the run is the user's."""


def _name(tag: str) -> str:
    """Returns a tag as MLflow takes it."""
    return _NOT_IN_NAMES.sub("_", tag)[:_LONGEST_NAME].rstrip("/.")
