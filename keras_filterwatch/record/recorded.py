"""RecordedRun: what the files of a record say together."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.kernels import Array
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record.documents import (
    kernels_of,
    layer_of,
    scores_of,
    without_filters,
)
from keras_filterwatch.record.frames import (
    DamagedRecordError,
    Frame,
    contents,
    document_alone,
    has_right_checksum,
)
from keras_filterwatch.record.step_numbers import Layout, Summary
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import Folder


@dataclass(frozen=True)
class Place:
    """Where in the record a part is."""

    file: str
    frame: Frame

    def read(self, folder: Folder) -> bytes:
        """Returns the bytes of the part.

        Raises:
            DamagedRecordError, OSError: it is no longer there, or was changed.
        """
        data = folder.read(self.file, self.frame.start, self.frame.stop)
        if len(data) < self.frame.stop - self.frame.start or not has_right_checksum(data):
            raise DamagedRecordError(
                f"the checksum of a part is wrong: {self.file} was changed since it was read"
            )
        return data


@dataclass(frozen=True, eq=False)
class Checksums:
    """The checksums of the kernels at a step; steps of a run share the names.

    Attributes:
        names: of the kernels.
        values: `(kernels,)`, int64.
    """

    names: tuple[str, ...]
    values: Array


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One step of a run.

    Attributes:
        summary: its logs and the numbers of its layers.
        diagnosis, facts, batches: as `StepToRecord` has them.
        time: when it was recorded, in seconds since 1970.
        place: where its scores are.
        kernels: where its kernels are; None if none were recorded.
    """

    summary: Summary
    diagnosis: Diagnosis
    facts: ModelFacts
    batches: int
    time: float
    place: Place
    kernels: Place | None
    _checksums: Checksums
    _run: "RecordedRun"

    @property
    def checksums(self) -> Mapping[str, int]:
        """The checksum of each kernel, as `StepToRecord` has them."""
        return dict(zip(self._checksums.names, self._checksums.values.tolist(), strict=True))

    @property
    def scores(self) -> Scores:
        """All scores, read anew each time.

        Raises:
            DamagedRecordError, OSError: they are no longer there, or were changed.
        """
        data = self.place.read(self._run.folder)
        try:
            document, arrays = contents(data)
            with well_formed():
                return scores_of(document["scores"], arrays)
        except DamagedRecordError as error:
            step = self.summary.step
            self._run.filter_problems[step] = (
                f"{self.place.file} has numbers of single filters at step {step} that cannot be "
                f"read, and they are left out: {error}."
            )
        with well_formed():
            return scores_of(without_filters(document_alone(data)["scores"]), [])

    def layer(self, name: str) -> LayerScores | None:
        """Returns the scores of one layer, which takes a third of the time of `scores`.

        Raises:
            DamagedRecordError, OSError: they are no longer there, or were changed.
        """
        document, arrays = contents(self.place.read(self._run.folder))
        with well_formed():
            layers = document["scores"]["layers"]
            found = [layer_of(layer, arrays) for layer in layers if layer["name"] == name]
        return found[0] if found else None


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
        file_problems: which parts of the files could not be read, in sentences.
        filter_problems: the steps whose numbers of single filters could not be read, in sentences.
        is_damaged: True if one of these parts was written whole, and changed since.
        opened: when the last of its files was begun, in seconds since 1970.
    """

    folder: Folder
    unit: str = "epoch"
    steps: dict[int, RecordedStep] = field(default_factory=dict)
    began: list[tuple[int, Alarm]] = field(default_factory=list)
    has_ended: bool = False
    file_problems: list[str] = field(default_factory=list)
    filter_problems: dict[int, str] = field(default_factory=dict)
    is_damaged: bool = False
    opened: float = -math.inf

    @property
    def problems(self) -> list[str]:
        """Which parts could not be read, in sentences."""
        return [*self.file_problems, *self.filter_problems.values()]

    @property
    def raised(self) -> list[Alarm]:
        """All alarms and notes, oldest first."""
        return [alarm for _, alarm in self.began]

    def numbers(self, score: str, steps: Sequence[int]) -> NDArray[np.float64]:
        """Returns a score at some steps, `(layers, steps)`, of the layers of the last step."""
        if not self.steps:
            return np.empty((0, 0))
        names = next(reversed(self.steps.values())).summary.numbers.layout.names
        values = np.empty((len(names), len(steps)))
        for column, step in enumerate(steps):
            values[:, column] = self.steps[step].summary.numbers.of(score, names)
        return values

    def logs(self) -> dict[str, list[float]]:
        """Returns the name of each log -> its value at each step, NaN where it was not logged."""
        logs = [each.summary.logs for each in self.steps.values()]
        names = dict.fromkeys(name for each in logs for name in each)
        return {name: [each.get(name, math.nan) for each in logs] for name in names}

    def score_names(self) -> list[str]:
        """Returns the name of each score that some layer has at some step."""
        layouts = {id(layout): layout for layout in self._layouts()}
        return [*dict.fromkeys(name for layout in layouts.values() for name in layout.scores)]

    def _layouts(self) -> Iterator[Layout]:
        return (each.summary.numbers.layout for each in self.steps.values())

    def diagnoses(self) -> list[tuple[int, Diagnosis]]:
        """Returns each diagnosis that differs from the one before, with its first step."""
        changes: list[tuple[int, Diagnosis]] = []
        for step, value in self.steps.items():
            if not changes or changes[-1][1] != value.diagnosis:
                changes.append((step, value.diagnosis))
        return changes

    def kernels(self, step: int) -> dict[str, QuantisedKernel]:
        """Returns the kernels that were recorded at a step, by name; none if there are none.

        Raises:
            DamagedRecordError, OSError: they cannot be read.
        """
        place = self.steps[step].kernels
        if place is None:
            return {}
        document, arrays = contents(place.read(self.folder))
        with well_formed():
            kernels = kernels_of(document["kernels"], arrays)
        layout = self.steps[step].summary.numbers.layout
        shapes = dict(zip(layout.names, layout.shapes, strict=True))
        for name, kernel in kernels.items():
            if shapes.get(name) != kernel.shape:
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


@contextmanager
def well_formed() -> Iterator[None]:
    """Turns what a document of another form causes into DamagedRecordError."""
    try:
        yield
    except DamagedRecordError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DamagedRecordError(
            f"a part has not the form that FilterWatch writes ({type(error).__name__})"
        ) from error
