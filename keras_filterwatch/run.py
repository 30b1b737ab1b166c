"""Run: a training as it was recorded, up to its last step."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis, diagnose
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordedRun, RecordedStep, RecordReader
from keras_filterwatch.record.recorded import Place
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.summary import summary
from keras_filterwatch.text import suggestion

_KEPT_SCORES, _KEPT_KERNELS = 4, 20  # steps, of those that were asked for last

K = TypeVar("K")
T = TypeVar("T")


class Run:
    """A training as it was recorded, up to its last finished step; `fw.read` makes it.

    What takes a `FilterWatch` also takes a `Run`, except what needs the running model:
    `fw.draw.film_strip(run)`, `fw.draw.filters(run, "conv2d", step=3)`.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch.alarms import Judgement
        >>> from keras_filterwatch.record import RecordWriter, StepToRecord, read_record
        >>> from keras_filterwatch.storage import folder_of
        >>> folder = folder_of(tempfile.mkdtemp())
        >>> step = StepToRecord(Scores(0, 0, {}), Judgement(), diagnose([], []))
        >>> RecordWriter(folder, "epoch").write(step)
        >>> run = Run(read_record(folder))
        >>> run.steps, run.has_ended
        ([0], False)
    """

    def __init__(
        self,
        record: RecordedRun,
        reader: RecordReader | None = None,
        problems: Iterable[str] = (),
    ) -> None:
        self._first_record = record
        self._reader = reader
        self._problems_elsewhere = list(problems)
        self._results: dict[str, tuple[str, Any]] = {}  # with the versions that they are of
        self._all_scores: dict[RecordedStep, Scores] = {}
        self._scores: dict[RecordedStep, Scores] = {}  # of steps that were asked for last
        self._kernels: dict[Place | None, dict[str, QuantisedKernel]] = {}

    def __repr__(self) -> str:
        last = [self.recorded_scores] if self.steps else []
        return "\n".join(
            summary(History(last, self.model), self.alarms, self.notes, self.diagnosis)
            + [f"problem: {problem}" for problem in self.problems]
        )

    # How far it was read

    @property
    def location(self) -> str:
        """The folder where it is recorded."""
        return self._record.folder.location

    @property
    def unit(self) -> str:
        """What the steps count: `"epoch"`, or `"step"` where they count batches."""
        return self._record.unit

    @property
    def has_ended(self) -> bool:
        """True if its last fit came to its end; False while it goes on, or if it was killed."""
        return self._record.has_ended

    @property
    def problems(self) -> list[str]:
        """Which parts of the record could not be read, in sentences."""
        return [*self._record.problems, *self._problems_elsewhere]

    @property
    def share_read(self) -> float:
        """Which share of the record was read so far, 0 to 1."""
        return 1.0 if self._reader is None else self._reader.share_read

    @property
    def version(self) -> str:
        """A text that changes whenever `update` found something new."""
        return "" if self._reader is None else self._reader.version

    def update(self, seconds: float | None = None) -> bool:
        """Reads what was added to the record since; returns True if there is something new.

        A record whose files were replaced, shortened or removed is read anew. Nothing else may use
        the run meanwhile: a server with several threads needs a lock around each use of a run.

        Args:
            seconds: how long to read, at least one step; `share_read` is below 1 until the end is
                reached. None for up to the end.

        Raises:
            OSError: the files of the record cannot be listed.
        """
        return self._reader is not None and self._reader.read_more(seconds)

    # What it says

    @property
    def steps(self) -> list[int]:
        """The steps, in ascending order."""
        return list(self._record.steps)

    @property
    def history(self) -> History:
        """The `Scores` of each step, oldest first, and the facts of the model.

        All numbers of single filters are read, which takes seconds and gigabytes for hundreds of
        layers over a thousand steps; `numbers` and `scores_at` do not need them all.
        """
        return self._of_this_version("history", self._whole_history)

    def scores_at(self, step: int) -> Scores:
        """Returns all scores of one step.

        Raises:
            ValueError: the run has no such step, or it cannot be read any more.
            OSError: the record is not there any more.
        """
        recorded = self._step(step)
        if recorded in self._all_scores:
            return self._all_scores[recorded]
        return _kept(self._scores, recorded, lambda: recorded.scores, _KEPT_SCORES)

    def numbers(self, score: str, steps: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Returns a score of each layer at each step, `(layers, steps)`; NaN where undefined.

        Rows are in the order of `layers`. Nothing is read anew.

        Args:
            score: its name, such as `"noise"`.
            steps: some of `steps`; None for all.

        Raises:
            ValueError: the run has no such step.

        Example:
            >>> from keras_filterwatch.runs import read
            >>> read("tests/records/version-1").numbers("norm", [0, 2]).tolist()
            [[1.5, 1.5], [0.5, 0.5]]
        """
        chosen = self.steps if steps is None else [self._checked(step) for step in steps]
        return self._record.numbers(score, chosen)

    @property
    def layers(self) -> dict[str, LayerScores]:
        """The scores of each layer at the last step, in the network's order."""
        return dict(self.recorded_scores) if self.steps else {}

    @property
    def logs(self) -> dict[str, list[float]]:
        """What Keras logged: name -> its value at each of `steps`, NaN where it was not logged."""
        return self._of_this_version("logs", self._record.logs)

    def logs_at(self, step: int) -> Mapping[str, float]:
        """Returns what Keras logged at one step; what was not logged is absent.

        Raises:
            ValueError: the run has no such step.
        """
        return self._step(step).summary.logs

    @property
    def score_names(self) -> list[str]:
        """The name of each score that some layer has at some step."""
        return self._of_this_version("score_names", self._record.score_names)

    def layer_at(self, step: int, layer: str) -> LayerScores | None:
        """Returns the scores of one layer at a step; None if the step has no such layer.

        Raises:
            ValueError: the run has no such step, or it cannot be read any more.
            OSError: the record is not there any more.
        """
        return self._step(step).layer(layer)

    def facts_at(self, step: int) -> ModelFacts:
        """Returns what was known about the model at a step.

        Raises:
            ValueError: the run has no such step.
        """
        return self._step(step).facts

    @property
    def recorded_scores(self) -> Scores:
        """The scores of the last step, which `fw.score(run)` returns."""
        return self.scores_at(self._last_step)

    @property
    def alarms(self) -> list[Alarm]:
        """The errors and warnings, also those that ended, oldest first."""
        return [alarm for alarm in self._record.raised if alarm.level != "note"]

    @property
    def notes(self) -> list[Alarm]:
        """The notes, also those that ended, oldest first."""
        return [alarm for alarm in self._record.raised if alarm.level == "note"]

    @property
    def diagnosis(self) -> Diagnosis:
        """What is probably wrong, by the alarms that held at the last step."""
        return self._step(self.steps[-1]).diagnosis if self.steps else diagnose([], [])

    @property
    def diagnoses(self) -> list[tuple[int, Diagnosis]]:
        """Each diagnosis that differs from the one before, with the step from which it held."""
        return self._of_this_version("diagnoses", self._record.diagnoses)

    @property
    def model(self) -> ModelFacts:
        """What is certain about the model, as it was known at the last step."""
        return self._step(self.steps[-1]).facts if self.steps else ModelFacts()

    def summary(self) -> None:
        """Prints what the last scores mean, the scores, alarms, notes that hold and diagnosis."""
        print(self)

    def report(self, path: str | os.PathLike[str], max_bytes: int | None = None) -> Path:
        """Writes one HTML file with the page that shows the run, and returns its path.

        The file fetches nothing, so that it can be mailed. Without JavaScript it shows the
        diagnosis, alarms, the overview and the table of the last scores.

        Args:
            path: such as `"report.html"`; a file that is there is replaced.
            max_bytes: how large the file may be; None for 1 MB, or 3 MB for a network of more than
                1.5 million weights. Steps are left out, even in log time, until it fits, and the
                file says so.

        Raises:
            ValueError: the run has no step yet, or so few bytes cannot hold it.
            OSError: the file cannot be written, its folder is not there, or `path` is a folder.

        Example:
            >>> read("logs/run1").report("report.html")  # doctest: +SKIP
            PosixPath('report.html')
        """
        from keras_filterwatch.view.report import write_report  # which needs this file

        return write_report(self, path, max_bytes)

    def _repr_html_(self) -> str:
        from keras_filterwatch.view.notebook import run_as_html  # which needs this file

        return run_as_html(self)

    # Weights

    @property
    def drawn_layers(self) -> list[str]:
        """The names of the layers whose kernels are recorded."""
        return [*self.quantised_kernels(self._last_step)] if self.steps else []

    @property
    def weight_steps(self) -> list[int]:
        """The steps whose kernels are recorded."""
        return [step for step, each in self._record.steps.items() if each.kernels is not None]

    def quantised_kernels(self, step: int) -> dict[str, QuantisedKernel]:
        """Returns the kernels that were recorded at a step, by name; none if there are none.

        Raises:
            ValueError: the run has no such step, or they cannot be read.
            OSError: the record is not there any more.
        """
        place = self._step(step).kernels
        read_kernels = partial(self._record.kernels, step)
        return _kept(self._kernels, place, read_kernels, _KEPT_KERNELS)

    def kernels(self, layer: str, step: int | None = None) -> Kernel:
        """Returns a kernel as it was recorded: 255 levels for each filter, in float32.

        Of a kernel of more than 131,072 weights the first filters are recorded, 12 or more.

        Args:
            layer: the kernel's name, one of `drawn_layers`.
            step: one of `steps`; None for the last one.

        Raises:
            ValueError: the run has no such step, or the kernel was not recorded.
        """
        kernels = self.quantised_kernels(self._last_step if step is None else step)
        if layer not in kernels:
            raise ValueError(
                f"the weights of {layer!r} were not recorded; {suggestion(layer, kernels)}. "
                "FilterWatch(..., layers=[...]) records each layer with a window that it names."
            )
        return kernels[layer].kernel()

    @property
    def snapshot(self) -> Snapshot:
        """The kernels that were recorded at the last step."""
        return self.snapshot_at(self._last_step)

    def snapshot_at(self, step: int) -> Snapshot:
        """Returns the kernels that were recorded at a step.

        Raises:
            ValueError: the run has no such step.
        """
        kernels = self.quantised_kernels(step).values()
        return Snapshot(step, tuple(kernel.kernel() for kernel in kernels))

    @property
    def film_strips(self) -> dict[str, FilmStrip]:
        """The history of each layer that is drawn, by its name."""
        return self._of_this_version("film_strips", self._all_film_strips)

    # How it is read

    @property
    def _record(self) -> RecordedRun:
        return self._first_record if self._reader is None else self._reader.run

    @property
    def _last_step(self) -> int:
        if not self.steps:
            raise ValueError(f"the record in {self.location} has no step yet.")
        return self.steps[-1]

    def _checked(self, step: int) -> int:
        if step not in self._record.steps:
            steps = self.steps
            have = f"{len(steps)} from {steps[0]} to {steps[-1]}" if steps else "none yet"
            raise ValueError(f"the run has no step {step!r}; its steps: {have}.")
        return step

    def _step(self, step: int) -> RecordedStep:
        return self._record.steps[self._checked(step)]

    def _of_this_version(self, name: str, function: Callable[[], T]) -> T:
        """Returns what a function returned, until `update` finds something new."""
        version, value = self._results.get(name, (None, None))
        if version != self.version:
            value = function()
            self._results[name] = self.version, value
        return cast(T, value)

    def _whole_history(self) -> History:
        before = self._all_scores  # not read again
        self._all_scores = {
            step: before.get(step) or step.scores for step in self._record.steps.values()
        }
        return History(self._all_scores.values(), self.model)

    def _all_film_strips(self) -> dict[str, FilmStrip]:
        strips: dict[str, FilmStrip] = {}
        for step, recorded in self._record.steps.items():
            for name, kernel in self._record.kernels(step).items():
                if kernel.has_window:
                    strip = strips.setdefault(name, FilmStrip(self.unit))
                    (noise,) = recorded.summary.numbers.of("noise", (name,))
                    strip.add(step, kernel, float(noise))
        return strips


def _kept(kept: dict[K, T], key: K, function: Callable[[], T], most: int) -> T:
    """Returns what a function returned for a key, of which the last few are kept."""
    value = kept.pop(key) if key in kept else function()
    kept[key] = value
    while len(kept) > most:
        del kept[next(iter(kept))]
    return value
