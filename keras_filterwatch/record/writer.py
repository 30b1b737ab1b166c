"""RecordWriter: appends each step of a training to the record of its run."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import keras_filterwatch
from keras_filterwatch.alarms import Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record.documents import (
    Arrays,
    alarm_as_document,
    facts_as_document,
    kernels_as_document,
    scores_as_document,
)
from keras_filterwatch.record.files import numbered_files
from keras_filterwatch.record.frames import VERSION, frame, start_of_file
from keras_filterwatch.scores import Scores
from keras_filterwatch.storage import AppendOnlyFile, Folder


@dataclass(frozen=True, eq=False)
class StepToRecord:
    """All that is recorded of one step.

    Attributes:
        scores: all scores, with the numbers of single filters in float32.
        judgement: what the rules say at this step.
        diagnosis: of the alarms that hold.
        facts: what is known about the model at this step.
        kernels: the kernels that can be drawn later, by name.
        batches: batches completed so far.
        checksums: kernel name -> CRC-32 of its weights, which tells whether a model that is trained
            further has the weights of this step.
    """

    scores: Scores
    judgement: Judgement
    diagnosis: Diagnosis
    facts: ModelFacts = field(default_factory=ModelFacts)
    kernels: Mapping[str, QuantisedKernel] = field(default_factory=dict)
    batches: int = 0
    checksums: Mapping[str, int] = field(default_factory=dict)


class RecordWriter:
    """Writes the record of a run, in a file of its own for each process that writes.

    Args:
        folder: where the run is recorded.
        unit: what the steps count: `"epoch"` or `"step"`.
        continues_after: the last step of what the folder has already that belongs to this run;
            None for a new run.

    Example:
        >>> from keras_filterwatch.diagnosis import diagnose
        >>> from keras_filterwatch.record import read_record
        >>> from keras_filterwatch.storage import folder_of
        >>> import tempfile
        >>> folder = folder_of(tempfile.mkdtemp())
        >>> writer = RecordWriter(folder, "epoch")
        >>> writer.write(StepToRecord(Scores(0, 0, {}), Judgement(), diagnose([], [])))
        >>> writer.close()
        >>> list(read_record(folder).steps)
        [0]
    """

    def __init__(self, folder: Folder, unit: str, continues_after: int | None = None) -> None:
        self.folder = folder
        self._unit = unit
        self._last_step = continues_after
        self._number = self._newest()
        self._file: AppendOnlyFile | None = None
        self._facts: ModelFacts | None = None

    def write(self, step: StepToRecord) -> None:
        """Appends one step; a step that was written before is replaced in what is read.

        Raises:
            OSError: the step could not be written; what was written before stays readable.
        """
        file = self._open_file()
        parts = [] if step.facts == self._facts else [_facts_frame(step.facts)]
        if step.kernels:
            parts.append(_kernels_frame(step.scores.step, step.kernels))
        # last, so that a step that can be read has all its parts
        parts.append(_step_frame(step))
        file.append(b"".join(parts))
        self._facts, self._last_step = step.facts, step.scores.step

    def open(self) -> None:
        """Begins the file, so that the folder is known to have a record before its first step.

        Raises:
            OSError: it cannot be made; the first step tries again.
        """
        self._open_file()

    @property
    def is_newest(self) -> bool:
        """True if nobody else has written to the record since this writer did."""
        return self._newest() <= self._number

    def _newest(self) -> int:
        return max((number for number, _ in numbered_files(self.folder)), default=0)

    def close(self) -> None:
        """Marks the end of a fit and closes the file; a further step opens another one."""
        if self._file is not None:
            try:
                if not self._file.interference():
                    self._file.append(frame("DONE", {"time": time.time()}))
            finally:
                self._file.close()
                self._file = None

    def _open_file(self) -> AppendOnlyFile:
        """Returns the file to write to: another one if somebody changed it, or it is full."""
        file = self._file
        if file is not None and not file.interference() and not file.should_rotate:
            return file
        if file is not None:
            file.close()
        self._file = self._facts = None
        self._number = self._newest() + 1
        name = f"record-{self._number:04}.fwr"
        opened = {
            "version": VERSION,
            "package": keras_filterwatch.__version__,
            "unit": self._unit,
            "continues_after": self._last_step,
            "time": time.time(),
        }
        self._file = self.folder.create(name, start_of_file() + frame("OPEN", opened))
        return self._file


def _facts_frame(facts: ModelFacts) -> bytes:
    return frame("FACT", facts_as_document(facts))


def _kernels_frame(step: int, kernels: Mapping[str, QuantisedKernel]) -> bytes:
    arrays: Arrays = []
    documents = kernels_as_document(kernels.values(), arrays)
    return frame("KERN", {"step": int(step), "kernels": documents}, arrays)


def _step_frame(step: StepToRecord) -> bytes:
    arrays: Arrays = []
    document = {
        "scores": scores_as_document(step.scores, arrays),
        "began": [alarm_as_document(alarm) for alarm in step.judgement.new],
        "ended": [alarm_as_document(alarm) for alarm in step.judgement.ended],
        "diagnosis": {
            "cause": step.diagnosis.cause,
            "evidence": list(step.diagnosis.evidence),
            "advice": step.diagnosis.advice,
        },
        "batches": step.batches,
        "checksums": dict(step.checksums),
        "time": time.time(),
    }
    return frame("STEP", document, arrays)
