"""Trackio: writes reports to a run of Trackio."""

from collections.abc import Collection
from typing import Any

from keras_filterwatch.report import Report
from keras_filterwatch.writers.entries import Entries, tracker_package

_LEVELS = {"error": "ERROR", "warning": "WARN", "info": "INFO"}


class Trackio:
    """Writes numbers, pictures and alerts to a run of Trackio.

    All names begin with `filterwatch/`. The run stays open.

    Args:
        run: what `trackio.init` returned; the run that it started last if not given.
        scalars: the scores to log: None for the most important ones, `"all"`, a name, or several.

    Raises:
        ImportError: the package `trackio` is not installed.
        RuntimeError: no run has been started.
        TypeError, ValueError: an argument cannot be used.

    Example::

        trackio.init(project="digits")
        watch = fw.FilterWatch("logs/run1", writers=[fw.writers.Trackio()])
        model.fit(x, y, callbacks=[watch])
        trackio.finish()
    """

    def __init__(self, run: Any = None, scalars: str | Collection[str] | None = None) -> None:
        self._entries = Entries(scalars)
        self._trackio = tracker_package("trackio", "Trackio")
        # the current run is known in this thread only, and reports come from another one
        self._run = self._trackio.context_vars.current_run.get() if run is None else run
        if self._run is None:
            raise RuntimeError(
                "fw.writers.Trackio: no run of Trackio has been started in this thread. Call "
                'trackio.init(project="...") before, or pass a run: Trackio(run=run).'
            )
        if not callable(getattr(self._run, "alert", None)):
            raise TypeError(f"run: what trackio.init returns is needed; got {type(run).__name__}.")

    def write(self, report: Report) -> None:
        """Logs a report at its step."""
        entry = self._entries.entry(report)
        pictures = {name: self._trackio.Image(image) for name, image in entry.pictures.items()}
        values = {**entry.numbers, **pictures}
        if values:
            self._run.log(values, step=entry.step)
        for alert in entry.alerts:
            level = self._trackio.AlertLevel[_LEVELS[alert.level]]
            self._run.alert(alert.title, alert.text, level, step=entry.step)

    def close(self) -> None:
        """Does nothing: the run is the user's."""
