"""CurrentRun: the run that a FilterWatch records, which may continue one of an earlier process."""

import contextlib
from typing import Any

from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.record import DamagedRecordError, RecordWriter, read_record
from keras_filterwatch.record.first_kernels import read_first_kernels
from keras_filterwatch.runs import Run, child_runs
from keras_filterwatch.storage import Folder
from keras_filterwatch.text import described
from keras_filterwatch.training.clock import Clock
from keras_filterwatch.training.folder_lock import is_locked_elsewhere
from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.observer import Observer
from keras_filterwatch.training.recorder import Recorder
from keras_filterwatch.training.run_folder import RunFolder, checksums, continued_run, new_run
from keras_filterwatch.writers.tensorboard import TensorBoard


class CurrentRun:
    """Finds the folder of a run, connects what writes to it, and keeps other trainings away.

    Args:
        log_folder: the `log_dir`.
        scalars: the curves that TensorBoard gets, as `FilterWatch` takes them.
        clock, notices, recorder, observer: those of the FilterWatch.
        writes: False in a process that trains along with the one that writes: it reads an earlier
            run, if it can see it.
    """

    def __init__(
        self,
        log_folder: Folder,
        scalars: Any,
        clock: Clock,
        notices: Notices,
        recorder: Recorder,
        observer: Observer,
        writes: bool = True,
    ) -> None:
        self._writes = writes
        self._log_folder = log_folder
        self._scalars = scalars
        self._clock = clock
        self._notices = notices
        self._recorder = recorder
        self._observer = observer
        self._folder: RunFolder | None = None
        self._record: RecordWriter | None = None

    def begin_fit(self, model: Any, epoch: int, may_continue: bool = True) -> None:
        """Connects the run's folder before the first step of a fit.

        Args:
            model: the model that trains.
            epoch: the epochs that Keras counts as done.
            may_continue: False if the model was trained on a batch already.
        """
        if self._observer.last is not None:  # a further fit of this FilterWatch
            if self._writes and not self._is_ours():
                place = self._folder.folder.location if self._folder else "the folder of the run"
                self._connect(new_run(self._log_folder, f"another training has {place} now"))
                self._observer.record_first()
            return
        snapshot = self._observer.kernels_now(model)
        if snapshot is None:
            return
        shapes = {kernel.name: kernel.array.shape for kernel in snapshot.kernels}
        weights = checksums(snapshot) if may_continue else {}
        earlier, reason = continued_run(
            self._log_folder, weights, shapes, epoch, locks=self._writes
        )
        if self._writes:
            self._connect(earlier or new_run(self._log_folder, reason))
        if earlier and earlier.earlier:
            self._resume(earlier, model, snapshot)

    def _is_ours(self) -> bool:
        """Returns True if the folder is still kept for this run and nobody wrote to its record."""
        if self._folder is None or self._record is None:
            return False
        lock = self._folder.lock
        return (lock is None or lock.acquire()) and self._record.is_newest

    def end_fit(self) -> None:
        """Lets other trainings continue the run, once its last step is recorded."""
        self._recorder.wait()
        if self._folder and self._folder.lock:
            self._folder.lock.release()

    def recorded(self, is_copy: bool = False) -> Run:
        """Waits for the last step and returns the run as it is recorded now.

        Args:
            is_copy: whether this belongs to a copy, for the message.

        Raises:
            ValueError: nothing was recorded yet, or it cannot be read.
        """
        self._recorder.wait()
        if self._folder is None:
            place = self._log_folder.location
            raise ValueError(
                "this FilterWatch is a copy, which has recorded nothing: "
                f"fw.read({place!r}) has the run of the FilterWatch that watched the training."
                if is_copy
                else "this FilterWatch has recorded nothing yet: pass it to model.fit(..., "
                f"callbacks=[watch]) first. An earlier run is read by fw.read({place!r})."
            )
        try:
            return Run(read_record(self._folder.folder))
        except (OSError, DamagedRecordError) as error:
            raise ValueError(
                f"the record of this training cannot be read ({described(error)}): "
                "watch.problems may say why."
            ) from error

    def _connect(self, run: RunFolder) -> None:
        """Lets further steps be written to the folder of a run."""
        if run.message:
            self._notices.say(run.message)
        last = run.continues_after
        tensorboard = TensorBoard(run.folder, self._notices.warn_once, self._scalars)
        tensorboard.continue_after(last)
        self._folder, self._record = run, RecordWriter(run.folder, self._clock.unit, last)
        self._recorder.write_to(tensorboard, self._record)
        with contextlib.suppress(OSError):  # the first step tries again, and says why it fails
            self._record.open()

    def _resume(self, run: RunFolder, model: Any, snapshot: Snapshot) -> None:
        """Takes the counts, the scores and the kernels at the start from an earlier run."""
        assert run.earlier is not None
        step, last = list(run.earlier.steps.items())[-1]
        self._clock.resume(step, last.scores.epoch, last.batches)
        self._recorder.resume(run.earlier)
        first = None
        with self._notices.guard(
            "the kernels at the start of the run could not be read",
            "`rotation` is measured from where this training continues the run",
        ):
            first = read_first_kernels(run.folder, snapshot)
        self._observer.resume(model, snapshot, first, self._recorder.results.history)


def check_not_in_use(log_folder: Folder) -> None:
    """Raises ValueError if another process on this machine records a training in a `log_dir`."""
    for folder in child_runs(log_folder) if log_folder.is_local else []:
        if is_locked_elsewhere(folder.path):
            raise ValueError(
                f"log_dir {log_folder.location!r}: another process writes to {folder.location} "
                "now. Give each training a log_dir of its own, such as "
                f"'{log_folder.location}-2', or wait until the other one has ended."
            )
