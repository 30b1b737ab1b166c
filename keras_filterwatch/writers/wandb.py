"""WandB: writes reports to a run of Weights & Biases."""

from collections.abc import Collection
from typing import Any

from keras_filterwatch.report import Report
from keras_filterwatch.writers.entries import PREFIX, Entries, tracker_package

_LEVELS = {"error": "ERROR", "warning": "WARN", "info": "INFO"}


class WandB:
    """Writes numbers, pictures and alerts to a run of Weights & Biases.

    All names begin with `filterwatch/`, and their charts have `filterwatch/step` as their x axis.
    The run's summary gets `filterwatch/diagnosis`, the probable cause of the alarms that hold. The
    run stays open.

    W&B drops what is logged with a `step=` below that of the run's last row, and each report is a
    row. Log numbers of your own without `step=`, as W&B's callbacks for Keras do.

    Args:
        run: a `wandb.Run`; the one that `wandb.init` has started if not given.
        scalars: the scores to log: None for the most important ones, `"all"`, a name, or several.

    Raises:
        ImportError: the package `wandb` is not installed.
        RuntimeError: no run has been started.
        TypeError, ValueError: an argument cannot be used.

    Example::

        wandb.init(project="digits")
        watch = fw.FilterWatch("logs/run1", writers=[fw.writers.WandB()])
        model.fit(x, y, callbacks=[watch])
    """

    def __init__(self, run: Any = None, scalars: str | Collection[str] | None = None) -> None:
        self._entries = Entries(scalars)
        self._wandb = tracker_package("wandb", "WandB")
        self._run = self._wandb.run if run is None else run
        if self._run is None:
            raise RuntimeError(
                "fw.writers.WandB: no run of W&B has been started in this process. Call "
                'wandb.init(project="...") before, or pass a run: WandB(run=run).'
            )
        if not callable(getattr(self._run, "define_metric", None)):
            raise TypeError(f"run: a wandb.Run is needed; got {type(run).__name__}.")
        self._run.define_metric(f"{PREFIX}step", hidden=True)
        self._run.define_metric(f"{PREFIX}*", step_metric=f"{PREFIX}step")

    def write(self, report: Report) -> None:
        """Logs a report as one row of the run's history."""
        entry = self._entries.entry(report)
        pictures = {name: self._wandb.Image(image) for name, image in entry.pictures.items()}
        row = {**entry.numbers, **pictures}
        if row:
            self._run.log({f"{PREFIX}step": entry.step, **row})
        self._run.summary[f"{PREFIX}diagnosis"] = report.diagnosis.cause
        for alert in entry.alerts:
            self._run.alert(alert.title, f"Step {entry.step}. {alert.text}", _LEVELS[alert.level])

    def close(self) -> None:
        """Does nothing: the run is the user's."""
