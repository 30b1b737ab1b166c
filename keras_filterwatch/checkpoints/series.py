"""Series: the checkpoint files of one run, each recorded once and in order."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keras_filterwatch.checkpoints.listing import CheckpointFile
from keras_filterwatch.checkpoints.reading import (
    Checkpoint,
    NoSuchLayerError,
    OtherKernelsError,
    Shapes,
    read_checkpoint,
)
from keras_filterwatch.checkpoints.recording import RunRecording
from keras_filterwatch.checkpoints.run_place import recorded_run_of
from keras_filterwatch.draw.catalogue import DEFAULT_PICTURES
from keras_filterwatch.record import RecordedRun
from keras_filterwatch.storage import Folder
from keras_filterwatch.text import error_message
from keras_filterwatch.training.run_folder import RunFolder, checksums, new_run

RECORDED, KNOWN, LEFT_OUT, UNREADABLE = "recorded", "recorded before", "left out", "unreadable"


@dataclass(frozen=True)
class Outcome:
    """What became of a checkpoint file.

    Attributes:
        file: its name.
        step: that it is of; None if its name tells none.
        state: `"recorded"`, `"recorded before"`, `"left out"` or `"unreadable"`.
        reason: why it is not recorded now, in words; `""` if it is.
    """

    file: str
    step: int | None
    state: str
    reason: str = ""


class Series:
    """The checkpoint files of one run.

    The first file that can be read decides which kernels the run has. Files with others are left
    out: their scores belong to another network.

    Args:
        log_folder: the `log_dir` in which the run is recorded.
        architecture: a file with the config of the model, for weights alone.
        layers: names or patterns of the kernels to record; None for all.
        layout: of files of plain arrays, the order of their axes, as `open_file` takes it.
        pictures: names of the pictures to draw.
        epochs: what the training's argument `epochs` is; None if unknown.
        tell: prints a sentence that the user should know.

    Attributes:
        outcomes: what became of each file, by its name.
        recording: the run; None before a file could be read.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from keras_filterwatch.storage import folder_of
        >>> folder = Path(tempfile.mkdtemp())
        >>> files = {}
        >>> for step in range(3):
        ...     path = folder / f"{step}.npz"
        ...     np.savez(path, conv=np.full((3, 3, 1, 8), step + 1, "f4"))
        ...     files[step] = CheckpointFile(path, path.name)
        >>> series = Series(folder_of(folder / "logs"), pictures=())
        >>> series.record(files)
        >>> [outcome.state for outcome in series.outcomes.values()]
        ['recorded', 'recorded', 'recorded']
        >>> [scores["conv"].get("update") for scores in series.recording.results.history]
        [None, 1.0, 0.5]
        >>> series.close()
    """

    def __init__(
        self,
        log_folder: Folder,
        architecture: str | os.PathLike[str] | None = None,
        layers: Sequence[str] | None = None,
        layout: str | None = None,
        pictures: Sequence[str] = DEFAULT_PICTURES,
        epochs: int | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.recording: RunRecording | None = None
        self._log_folder = log_folder
        self._architecture = architecture
        self._layers = layers
        self._layout = layout
        self._pictures = pictures
        self._epochs = epochs
        self._tell = tell
        self._notes: set[str] = set()  # of files, that were told
        self._reason = ""  # why no recorded run is continued
        self._steps_before: frozenset[int] = frozenset()  # recorded by an earlier process

    @property
    def last_step(self) -> int | None:
        """The last step that is recorded; None before there is one."""
        return self.recording.last_step if self.recording else None

    def record(
        self,
        files: Mapping[int, CheckpointFile],
        logs: Mapping[int, Mapping[str, float]] | None = None,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """Records files in the order of their steps. What is recorded already is left as it is.

        Args:
            files: step -> file.
            logs: step -> what the training logged.
            advance: called after each file.

        Raises:
            NoSuchLayerError: no kernel of the first file is called as one of `layers` says.
            FolderInUseError: another process writes to the `log_dir`.
            OSError: the `log_dir` cannot be used.
        """
        if self.recording is None:
            self._continue(files)
        for step in sorted(files):
            outcome = self._record_file(step, files[step], (logs or {}).get(step, {}))
            if outcome is not None:
                self.outcomes[files[step].name] = outcome
            advance()

    def close(self) -> None:
        """Waits until all is recorded, and marks the end of the run."""
        if self.recording is not None:
            self.recording.close()

    def _record_file(
        self, step: int, file: CheckpointFile, logs: Mapping[str, float]
    ) -> Outcome | None:
        """Records a file, and returns what became of it; None if that is known already."""
        last = self.last_step
        if last is not None and step <= last:
            return self._known(step, file)
        shapes = self.recording.shapes if self.recording else None
        try:
            checkpoint = self._read(file, step, shapes)
        except OtherKernelsError as error:
            return Outcome(file.name, step, LEFT_OUT, f"it holds another network: {error}")
        except NoSuchLayerError:
            raise
        except MemoryError:
            return Outcome(file.name, step, UNREADABLE, "it takes more memory than there is")
        except (OSError, ValueError) as error:
            return Outcome(file.name, step, UNREADABLE, error_message(error))
        if self.recording is None:
            if not checkpoint.snapshot.kernels:
                return Outcome(file.name, step, LEFT_OUT, "it has no kernel that can be scored")
            self._begin_anew(checkpoint)
        assert self.recording is not None
        for note in checkpoint.notes:
            if note not in self._notes:
                self._notes.add(note)
                self._tell(f"{file.name}: {note}")
        self.recording.add(checkpoint, logs)
        return Outcome(file.name, step, RECORDED)

    def _known(self, step: int, file: CheckpointFile) -> Outcome | None:
        """Returns what becomes of a file whose step is not behind the last one."""
        if file.name in self.outcomes:
            return None
        if step in self._steps_before:
            return Outcome(file.name, step, KNOWN, "its step was recorded before")
        reason = f"step {self.last_step} was recorded before it, and a record goes forward only"
        return Outcome(file.name, step, LEFT_OUT, reason)

    def _continue(self, files: Mapping[int, CheckpointFile]) -> None:
        """Goes on with the recorded run whose last step has the weights of its file, if any."""
        ends: dict[str, Checkpoint] = {}  # location of a run -> the file of its last step

        def disagreement(record: RecordedRun) -> str:
            place, steps = record.folder.location, sorted(record.steps)
            if record.unit != "epoch":
                return f"{place} holds a run whose steps count batches"
            # the last step, and the first one, since two runs may end with the same weights
            for step in (steps[0], steps[-1]):
                if step not in files:
                    if step == steps[-1]:
                        return f"{place} holds a run whose last step, {step}, has no file here"
                    continue
                shapes = {name: each.shape for name, each in record.steps[step].scores.items()}
                try:
                    end = ends[place] = self._read(files[step], step, shapes)
                except (OSError, ValueError):  # other kernels, or it cannot be read
                    return f"{place} holds a run whose step {step} is not that of the file here"
                if checksums(end.snapshot) != record.steps[step].checksums:
                    return f"{place} holds a run with other weights at step {step}"
            return ""

        run, self._reason = recorded_run_of(self._log_folder, disagreement)
        if run is not None and run.earlier is not None:
            self._steps_before = frozenset(run.earlier.steps)
            self._begin(run, ends[run.folder.location])
            self._tell(f"continues the run in {run.folder.location} after step {self.last_step}.")

    def _begin(self, run: RunFolder, start: Checkpoint) -> None:
        self.recording = RunRecording(
            run, start, self._pictures, self._layers is not None, self._epochs, self._tell
        )

    def _begin_anew(self, start: Checkpoint) -> None:
        """Begins a new run, in a folder of its own."""
        run = new_run(self._log_folder, self._reason)
        if self._reason:
            self._tell(f"{self._reason}, so that this is a new run in {run.folder.location}.")
        self._begin(run, start)

    def _read(self, file: CheckpointFile, step: int, shapes: Shapes | None) -> Checkpoint:
        return read_checkpoint(
            file.path, step, shapes, self._architecture, self._layers, self._layout
        )
