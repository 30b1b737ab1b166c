"""Adds the parts of a record's file to a RecordedRun, one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.record.conversion import converted, made_of
from keras_filterwatch.record.documents import Document, alarm_of, facts_of
from keras_filterwatch.record.frames import DamagedRecordError, document_alone
from keras_filterwatch.record.recorded import (
    Checksums,
    Place,
    RecordedRun,
    RecordedStep,
    well_formed,
)
from keras_filterwatch.record.step_numbers import Summaries


@dataclass
class BeforeStep:
    """The parts of a file that belong to the step which comes next.

    Attributes:
        facts: what is known about the model, in force until other facts come.
        kernels: where the kernels of the step are.
        is_open: True once the file's first part was read.
    """

    facts: ModelFacts = field(default_factory=ModelFacts)
    kernels: Place | None = None
    is_open: bool = False


class PartReader:
    """Adds parts to a run; what does not change from step to step is kept once.

    Args:
        run: what the parts are added to.
    """

    def __init__(self, run: RecordedRun) -> None:
        self._run = run
        self._summaries = Summaries()
        self._diagnosis: tuple[Document, Diagnosis] | None = None
        self._names: tuple[str, ...] = ()

    def add(self, place: Place, data: bytes | memoryview, before: BeforeStep) -> None:
        """Adds one part of a file to the run; parts of other kinds are left out.

        Args:
            place: where the part is.
            data: its bytes, whose checksum is right.
            before: the parts before it in its file.

        Raises:
            DamagedRecordError: it has another form than what FilterWatch writes.
        """
        kind = place.frame.kind
        if kind == "KERN":  # read when it is asked for
            before.kernels = place
        if kind not in ("OPEN", "FACT", "STEP", "DONE"):
            return
        document = document_alone(data)
        with well_formed():
            if kind == "OPEN":
                self._open(document)
                before.is_open = True
            elif not before.is_open:
                raise DamagedRecordError("its first part is missing")
            elif kind == "FACT":
                before.facts = facts_of(document)
            elif kind == "STEP":
                self._add_step(document, place, before)
                before.kernels = None
        self._run.has_ended = kind == "DONE"

    def _open(self, document: Document) -> None:
        run, after = self._run, converted(document["continues_after"], int | None)
        run.opened = opening_time(document)
        run.unit = "step" if document["unit"] == "step" else "epoch"
        if after is not None:
            run.without_steps_after(after)
        else:  # another run in the same folder: the last one counts
            run.steps, run.began = {}, []

    def _add_step(self, document: Document, place: Place, before: BeforeStep) -> None:
        run = self._run
        summary = self._summaries.of(document["scores"], document["arrays"])
        kernels, earlier = before.kernels, run.steps.get(summary.step)
        if kernels is None and earlier is not None:
            kernels = earlier.kernels  # only epoch and logs of the step came later
        ended = {_identity(alarm): alarm for alarm in map(alarm_of, document["ended"])}
        began = [(summary.step, alarm) for alarm in map(alarm_of, document["began"])]
        step = RecordedStep(
            summary,
            self._diagnosis_of(document["diagnosis"]),
            before.facts,
            converted(document["batches"], int),
            converted(document["time"], float),
            place,
            kernels,
            self._checksums_of(document["checksums"]),
            run,
        )
        if ended:
            run.began = [
                (start, ended[_identity(alarm)])
                if alarm.ended is None and _identity(alarm) in ended
                else (start, alarm)
                for start, alarm in run.began
            ]
        run.began += began
        run.steps[summary.step] = step

    def _diagnosis_of(self, document: Document) -> Diagnosis:
        if self._diagnosis is None or self._diagnosis[0] != document:
            self._diagnosis = document, made_of(Diagnosis, document)
        return self._diagnosis[1]

    def _checksums_of(self, document: Document) -> Checksums:
        checksums = converted(document, Mapping[str, int])
        names = tuple(checksums)
        if names != self._names:
            self._names = names
        return Checksums(self._names, np.array([*checksums.values()], dtype=np.int64))


def opening_time(document: Document) -> float:
    """Returns when a file was begun, in seconds since 1970, by its first part.

    Raises:
        LookupError, TypeError, ValueError: the document has another form.
    """
    time: float = converted(document["time"], float)
    return time


def _identity(alarm: Alarm) -> tuple[str, str, int]:
    return alarm.rule, alarm.layer, alarm.step
