"""Run: what the record of a training says, read back with `fw.read`."""

import math
import os
import re
from collections.abc import Iterable
from functools import cached_property

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis, diagnose
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.record import DamagedRecordError, RecordedRun, read_record
from keras_filterwatch.record.reader import numbered_files
from keras_filterwatch.scores import Scores
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.text import listed, printable, suggestion

RUN_FOLDER = "filterwatch"
_RUN_FOLDERS = re.compile(RUN_FOLDER + r"(?:-\d+)?")


def read(path: str | os.PathLike[str]) -> "Run":
    """Returns what the record of a training says; the training may still go on.

    Args:
        path: the `log_dir` of a FilterWatch, or the folder in it where one run is recorded, such as
            `"logs/run1/filterwatch-2"`. Of several runs in one `log_dir`, the one that was begun
            last is read. Addresses such as `"s3://bucket/logs"` need fsspec.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no record at that place.
        ValueError: no part of the record can be read.

    Example:
        >>> read("logs/nothing")
        Traceback (most recent call last):
        ...
        FileNotFoundError: 'logs/nothing' does not exist: pass the log_dir of a FilterWatch.
    """
    place = folder_of(path)
    if place.is_local and place.path.is_file():
        raise NotADirectoryError(
            f"{os.fspath(path)!r} is a file: pass the folder, the log_dir of a FilterWatch."
        )
    folders = run_folders(place)
    if not folders:
        raise FileNotFoundError(_nothing_to_read(path))
    runs: list[RecordedRun] = []
    errors: list[DamagedRecordError] = []
    for folder in folders:
        try:
            runs.append(read_record(folder))
        except DamagedRecordError as error:
            errors.append(error)
    if not runs:
        raise errors[0]
    newest = max(runs, key=lambda run: run.opened)
    newest.problems += map(str, errors)
    return Run(newest)


def run_folders(folder: Folder) -> list[Folder]:
    """Returns the folders with a record: this one, or those of the runs in a `log_dir`."""
    return [each for each in (folder, *child_runs(folder)) if numbered_files(each)]


def child_runs(folder: Folder) -> list[Folder]:
    """Returns the folders of the runs in a `log_dir`, in the order of their numbers."""
    names = [name for name in folder.names() if _RUN_FOLDERS.fullmatch(name)]
    return sorted((folder.child(name) for name in names), key=run_number)


def run_number(folder: Folder) -> int:
    """Returns the number of a run by the name of its folder.

    Example:
        >>> run_number(folder_of("logs/filterwatch")), run_number(folder_of("logs/filterwatch-3"))
        (1, 3)
    """
    match = re.search(RUN_FOLDER + r"-?(\d*)$", folder.location.rstrip("/\\"))
    return int(match[1] or 1) if match else 1


def _nothing_to_read(path: str | os.PathLike[str]) -> str:
    folder = folder_of(path)
    if not folder.exists():
        return f"{os.fspath(path)!r} does not exist: pass the log_dir of a FilterWatch."
    places = [folder, *child_runs(folder)]
    if any("tfevents" in name for place in places for name in place.names()):
        return (
            f"{os.fspath(path)!r} has no record: a FilterWatch of version 0.1.0 or another program "
            "wrote to it. TensorBoard shows what is there."
        )
    return (
        f"{os.fspath(path)!r} has no record of a training: pass the log_dir of a FilterWatch. "
        f"There are [{listed(folder.names())}]."
    )


class Run:
    """A training as it was recorded, up to its last finished step; `fw.read` makes it.

    What takes a `FilterWatch` also takes a `Run`, except what needs the running model:
    `fw.draw.film_strip(run)`, `fw.draw.filters(run, "conv2d", step=3)`.

    Attributes:
        location: the folder where it is recorded.
        unit: what the steps count: `"epoch"`, or `"step"` where they count batches.
        has_ended: True if its last fit came to its end; False while it goes on, or if it was
            killed.
        problems: which parts of the record could not be read, in sentences.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch.alarms import Judgement
        >>> from keras_filterwatch.record import RecordWriter, StepToRecord
        >>> folder = folder_of(tempfile.mkdtemp())
        >>> step = StepToRecord(Scores(0, 0, {}), Judgement(), diagnose([], []))
        >>> RecordWriter(folder, "epoch").write(step)
        >>> run = read(folder.location)
        >>> run.steps, run.has_ended
        ([0], False)
    """

    def __init__(self, record: RecordedRun) -> None:
        self._record = record
        self.location = record.folder.location
        self.unit = record.unit
        self.has_ended = record.has_ended
        self.problems = list(record.problems)

    def __repr__(self) -> str:
        return "\n".join(
            summary(self.history, self.alarms, self.notes, self.diagnosis)
            + [f"problem: {problem}" for problem in self.problems]
        )

    @property
    def steps(self) -> list[int]:
        """The steps, in ascending order."""
        return list(self._record.steps)

    @cached_property
    def history(self) -> History:
        """The `Scores` of each step, oldest first, and the facts of the model."""
        return History((step.scores for step in self._record.steps.values()), self.model)

    def facts_at(self, step: int) -> ModelFacts:
        """Returns what was known about the model at a step.

        Raises:
            ValueError: the run has no such step.
        """
        return self._record.steps[self._checked(step)].facts

    @property
    def recorded_scores(self) -> Scores:
        """The scores of the last step, which `fw.score(run)` returns."""
        return self._record.steps[self._last_step].scores

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
        steps = list(self._record.steps.values())
        return steps[-1].diagnosis if steps else diagnose([], [])

    @property
    def model(self) -> ModelFacts:
        """What is certain about the model, as it was known at the last step."""
        steps = list(self._record.steps.values())
        return steps[-1].facts if steps else ModelFacts()

    @property
    def drawn_layers(self) -> list[str]:
        """The names of the layers whose kernels are recorded."""
        return [kernel.name for kernel in self.snapshot.kernels] if self.steps else []

    def kernels(self, layer: str, step: int | None = None) -> Kernel:
        """Returns a kernel as it was recorded: 255 levels for each filter, in float32.

        Of a kernel of more than 131,072 weights the first filters are recorded, 12 or more.

        Args:
            layer: the kernel's name, one of `drawn_layers`.
            step: one of `steps`; None for the last one.

        Raises:
            ValueError: the run has no such step, or the kernel was not recorded.
        """
        snapshot = self.snapshot_at(self._last_step if step is None else step)
        kernels = {kernel.name: kernel for kernel in snapshot.kernels}
        if layer not in kernels:
            raise ValueError(
                f"the weights of {layer!r} were not recorded; {suggestion(layer, kernels)}. "
                "FilterWatch(..., layers=[...]) records each layer with a window that it names."
            )
        return kernels[layer]

    @cached_property
    def snapshot(self) -> Snapshot:
        """The kernels that were recorded at the last step."""
        return self.snapshot_at(self._last_step)

    def snapshot_at(self, step: int) -> Snapshot:
        """Returns the kernels that were recorded at a step.

        Raises:
            ValueError: the run has no such step.
        """
        kernels = self._record.kernels(self._checked(step)).values()
        return Snapshot(step, tuple(kernel.kernel() for kernel in kernels))

    @cached_property
    def film_strips(self) -> dict[str, FilmStrip]:
        """The history of each layer that is drawn, by its name."""
        strips: dict[str, FilmStrip] = {}
        for step in self.steps:
            scores = self._record.steps[step].scores
            for name, kernel in self._record.kernels(step).items():
                if kernel.has_window:
                    strip = strips.setdefault(name, FilmStrip(self.unit))
                    strip.add(step, kernel, scores[name].get("noise", math.nan))
        return strips

    def summary(self) -> None:
        """Prints what the last scores mean, the scores, alarms, notes that hold and diagnosis."""
        print(self)

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


def summary(
    history: History, alarms: Iterable[Alarm], notes: Iterable[Alarm], diagnosis: Diagnosis
) -> list[str]:
    """Returns what the last scores mean, the scores, alarms, notes that hold and diagnosis."""
    if not history:
        return ["Nothing was watched yet."]
    lines = [str(history[-1])]
    lines += [f"alarm at {_step_and_message(alarm)}" for alarm in alarms]
    lines += [f"note at {_step_and_message(note)}" for note in notes if note.ended is None]
    return [*lines, f"diagnosis: {printable(diagnosis)}"]


def _step_and_message(alarm: Alarm) -> str:
    """Returns when an alarm began and ended, and its message, safe to print."""
    end = "" if alarm.ended is None else f" (ended at step {alarm.ended})"
    return f"step {alarm.step}{end}: {printable(alarm.message)}"
