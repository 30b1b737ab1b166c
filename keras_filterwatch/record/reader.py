"""Reads the record of a run: its steps, alarms and facts at once, its kernels when asked for."""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record.conversion import converted, made_of
from keras_filterwatch.record.documents import (
    Arrays,
    Document,
    alarm_of,
    facts_of,
    kernels_of,
    scores_of,
)
from keras_filterwatch.record.frames import (
    DamagedRecordError,
    Frame,
    check_start,
    contents,
    frames,
    is_torn,
    start_of_file,
)
from keras_filterwatch.scores import Scores
from keras_filterwatch.storage import Folder

_FILE_NAME = re.compile(r"record-(\d{4,9})\.fwr")


@dataclass(frozen=True)
class KernelsPlace:
    """Where in the record the kernels of a step are."""

    file: str
    frame: Frame


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One step of a run.

    Attributes:
        scores, diagnosis, facts, batches, checksums: as `StepToRecord` has them.
        time: when it was recorded, in seconds since 1970.
        kernels: where its kernels are; None if none were recorded.
    """

    scores: Scores
    diagnosis: Diagnosis
    facts: ModelFacts
    batches: int
    checksums: Mapping[str, int]
    time: float
    kernels: KernelsPlace | None


@dataclass
class RecordedRun:
    """What the files of a record say together.

    Attributes:
        folder: where they are.
        unit: what the steps count: `"epoch"` or `"step"`.
        steps: each step, in ascending order.
        began: all alarms and notes, oldest first, each with the step at which it began.
        has_ended: True if the last fit came to its end; False while it goes on, or if its process
            was killed.
        problems: which parts could not be read, in sentences.
        is_damaged: True if one of these parts was written whole, and changed since.
        opened: when the last of its files was begun, in seconds since 1970.
    """

    folder: Folder
    unit: str = "epoch"
    steps: dict[int, RecordedStep] = field(default_factory=dict)
    began: list[tuple[int, Alarm]] = field(default_factory=list)
    has_ended: bool = False
    problems: list[str] = field(default_factory=list)
    is_damaged: bool = False
    opened: float = -math.inf

    @property
    def raised(self) -> list[Alarm]:
        """All alarms and notes, oldest first."""
        return [alarm for _, alarm in self.began]

    def kernels(self, step: int) -> dict[str, QuantisedKernel]:
        """Returns the kernels that were recorded at a step, by name; none if there are none.

        Raises:
            DamagedRecordError, OSError: they cannot be read.
        """
        place = self.steps[step].kernels
        if place is None:
            return {}
        document, arrays = contents(
            self.folder.read(place.file, place.frame.start, place.frame.stop)
        )
        with _well_formed():
            kernels = kernels_of(document["kernels"], arrays)
        scores = self.steps[step].scores
        for name, kernel in kernels.items():
            if name not in scores or scores[name].shape != kernel.shape:
                raise DamagedRecordError(
                    f"step {step} has a kernel {name!r:.40} that its scores do not have"
                )
        return kernels

    def without_steps_after(self, step: int) -> None:
        """Drops later steps, with what began after `step`; what ended after it holds again."""
        self.steps = {each: value for each, value in self.steps.items() if each <= step}
        self.began = [
            (began, replace(alarm, ended=None) if (alarm.ended or began) > step else alarm)
            for began, alarm in self.began
            if began <= step
        ]


def numbered_files(folder: Folder) -> list[tuple[int, str]]:
    """Returns number and name of each file of a record, in ascending order."""
    matches = [match for match in map(_FILE_NAME.fullmatch, folder.names()) if match]
    return sorted((int(match[1]), match[0]) for match in matches)


def read_record(folder: Folder) -> RecordedRun:
    """Returns what can be read of the record in a folder.

    A part that is torn or damaged is left out, and `problems` names it. A record that is being
    written can be read: the step that is being appended is not yet there.

    Raises:
        FileNotFoundError: the folder has no record.
        DamagedRecordError: no step can be read.
    """
    files = numbered_files(folder)
    if not files:
        raise FileNotFoundError(f"{folder.location} has no record of FilterWatch.")
    run = RecordedRun(folder)
    for _, name in files:
        try:
            _read_file(run, name)
        except (DamagedRecordError, OSError) as error:
            run.problems.append(f"{name} cannot be read: {error}.")
            run.is_damaged = True
    run.steps = dict(sorted(run.steps.items()))  # two fits at once may write in any order
    if not run.steps and run.is_damaged:
        raise DamagedRecordError(
            f"the record in {folder.location} cannot be read: {run.problems[0]}"
        )
    return run


@dataclass
class _BeforeStep:
    """The parts of a file that belong to the step which comes next.

    Attributes:
        facts: what is known about the model, in force until other facts come.
        kernels: where the kernels of the step are.
        is_open: True once the file's first part was read.
    """

    facts: ModelFacts = field(default_factory=ModelFacts)
    kernels: KernelsPlace | None = None
    is_open: bool = False


def _read_file(run: RecordedRun, name: str) -> None:
    data, start = run.folder.read(name), start_of_file()
    if len(data) < len(start) and start.startswith(data):
        return  # its process was killed as it made the file
    check_start(data)
    before, stop, kind = _BeforeStep(), len(start), ""
    for part in frames(data):
        try:
            _read_part(run, name, part, data, before)
        except DamagedRecordError as error:
            run.problems.append(f"{name} is read up to byte {stop} only, since {error}.")
            run.is_damaged = True
            return
        stop, kind = part.stop, part.kind
    # facts and kernels stand before the step that they belong to
    if is_torn(data, stop) if stop < len(data) else kind in ("FACT", "KERN"):
        run.problems.append(
            f"{name} ends within a step, which is left out: its process was killed, or is writing "
            "it now."
        )
    elif stop < len(data):
        run.is_damaged = True
        run.problems.append(
            f"{name} is damaged from byte {stop} on: what follows there is left out."
        )


def _read_part(run: RecordedRun, name: str, part: Frame, data: bytes, before: _BeforeStep) -> None:
    """Adds one part of a file to a run; parts of other kinds are left out."""
    if part.kind == "KERN":  # read when it is asked for
        before.kernels = KernelsPlace(name, part)
    if part.kind not in ("OPEN", "FACT", "STEP", "DONE"):
        return
    document, arrays = contents(data[part.start : part.stop])
    with _well_formed():
        if part.kind == "OPEN":
            _open(run, document)
            before.is_open = True
        elif not before.is_open:
            raise DamagedRecordError("its first part is missing")
        elif part.kind == "FACT":
            before.facts = facts_of(document)
        elif part.kind == "STEP":
            _add_step(run, document, arrays, before.facts, before.kernels)
            before.kernels = None
    run.has_ended = part.kind == "DONE"


def _open(run: RecordedRun, document: Document) -> None:
    after = converted(document["continues_after"], int | None)
    run.opened = converted(document["time"], float)
    run.unit = "step" if document["unit"] == "step" else "epoch"
    if after is not None:
        run.without_steps_after(after)
    else:  # another run in the same folder: the last one counts
        run.steps, run.began = {}, []


def _add_step(
    run: RecordedRun,
    document: Document,
    arrays: Arrays,
    facts: ModelFacts,
    kernels: KernelsPlace | None,
) -> None:
    scores = scores_of(document["scores"], arrays)
    before = run.steps.get(scores.step)
    if kernels is None and before is not None:
        kernels = before.kernels  # only epoch and logs of the step came later
    ended = {_identity(alarm): alarm for alarm in map(alarm_of, document["ended"])}
    began = [(scores.step, alarm) for alarm in map(alarm_of, document["began"])]
    step = RecordedStep(
        scores=scores,
        diagnosis=made_of(Diagnosis, document["diagnosis"]),
        facts=facts,
        batches=converted(document["batches"], int),
        checksums=converted(document["checksums"], Mapping[str, int]),
        time=converted(document["time"], float),
        kernels=kernels,
    )
    if ended:
        run.began = [
            (start, ended[_identity(alarm)])
            if alarm.ended is None and _identity(alarm) in ended
            else (start, alarm)
            for start, alarm in run.began
        ]
    run.began += began
    run.steps[scores.step] = step


def _identity(alarm: Alarm) -> tuple[str, str, int]:
    return alarm.rule, alarm.layer, alarm.step


@contextmanager
def _well_formed() -> Iterator[None]:
    """Turns what a document of another form causes into DamagedRecordError."""
    try:
        yield
    except DamagedRecordError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DamagedRecordError(
            f"a part has not the form that FilterWatch writes ({type(error).__name__})"
        ) from error
