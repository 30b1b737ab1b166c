"""Where a training is recorded: it continues an earlier run, or gets a folder of its own."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.record import DamagedRecordError, RecordedRun, read_record
from keras_filterwatch.runs import RUN_FOLDER, child_runs, run_number
from keras_filterwatch.storage import Folder
from keras_filterwatch.training.folder_lock import FolderLock


def checksums(snapshot: Snapshot) -> dict[str, int]:
    """Returns kernel name -> CRC-32 of its weights.

    Example:
        >>> from keras_filterwatch.kernels import Kernel
        >>> checksums(Snapshot(0, (Kernel("conv", "Conv2D", np.zeros((1, 1, 1, 1), "f4")),)))
        {'conv': 558161692}
    """
    return {
        kernel.name: zlib.crc32(np.ascontiguousarray(kernel.array).view(np.uint8).data)
        for kernel in snapshot.kernels
    }


@dataclass(frozen=True, eq=False)
class RunFolder:
    """The folder of a run, which no other training writes to until it is released.

    Attributes:
        folder: where the run is recorded.
        lock: keeps other trainings away; None for a folder that is not on this machine.
        earlier: the run that this training continues, without its later steps; None if the run is
            new.
        continues_after: the last step of what the folder has that stays; -1 if none does, since
            its process was killed before it had recorded one; None for a new folder.
        message: what the user should know, in a sentence; `""` for nothing.
    """

    folder: Folder
    lock: FolderLock | None
    earlier: RecordedRun | None = None
    continues_after: int | None = None
    message: str = ""


def continued_run(
    log_folder: Folder,
    weights: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    epoch: int,
    locks: bool = True,
) -> tuple[RunFolder | None, str]:
    """Returns the run that a training continues; or None, and why it continues none.

    A training continues a run if its kernels have the names, the shapes and the weights of the
    run's last step. If the run's process was killed, those of any step will do which ended the
    epoch before `epoch`: what Keras saved last may be older than the last step.

    Args:
        log_folder: the `log_dir`.
        weights: kernel name -> checksum, as training begins.
        shapes: kernel name -> shape of the kernel.
        epoch: the epochs that Keras counts as done.
        locks: whether other trainings are kept away from the run.
    """
    reason, unused = "", None
    for folder in child_runs(log_folder):
        lock = _locked(folder) if locks else None
        if lock is None and folder.is_local and locks:
            reason = f"another FilterWatch writes to {folder.location}"
            continue
        try:
            record = _record_of(folder)
        except (DamagedRecordError, OSError) as error:
            reason = str(error).rstrip(".")
        else:
            if not record.steps:
                unused = unused or RunFolder(folder, lock, continues_after=-1)
                continue  # a later folder may have the run
            step, reason = _common_step(record, weights, shapes, epoch)
            if step is not None:
                _release(unused.lock if unused else None)
                return _continued(folder, lock, record, step), ""
        _release(lock)
    return unused and replace(unused, message=_new_run_message(unused.folder, reason)), reason


def _record_of(folder: Folder) -> RecordedRun:
    """Returns the record of a run; one without steps if its process was killed before it had one.

    Raises:
        DamagedRecordError, OSError: the folder has no record, or none that can be read.
    """
    try:
        return read_record(folder)
    except FileNotFoundError:
        if any("tfevents" in name for name in folder.names()):
            raise FileNotFoundError(f"{folder.location} holds events without a record") from None
        return RecordedRun(folder)


def _release(lock: FolderLock | None) -> None:
    if lock is not None:
        lock.release()


def new_run(log_folder: Folder, reason: str) -> RunFolder:
    """Returns the folder of a new run, behind all that the `log_dir` has.

    Args:
        log_folder: the `log_dir`.
        reason: why no run that it has is continued; `""` if it has none.
    """
    number = max((run_number(folder) for folder in child_runs(log_folder)), default=0) + 1
    while True:
        folder = log_folder.child(RUN_FOLDER if number == 1 else f"{RUN_FOLDER}-{number}")
        lock = _locked(folder)
        if lock is not None or not folder.is_local:
            break
        number += 1  # another process was faster
    return RunFolder(folder, lock, message=_new_run_message(folder, reason))


def _new_run_message(folder: Folder, reason: str) -> str:
    return f"FilterWatch: {reason}, so this is a new run in {folder.location}." if reason else ""


def _continued(
    folder: Folder, lock: FolderLock | None, record: RecordedRun, step: int
) -> RunFolder:
    later = [each for each in record.steps if each > step]
    record.without_steps_after(step)
    steps = (
        f"step {later[-1]} is"
        if len(later) == 1
        else f"steps {step + 1} to {max(later, default=0)} are"
    )
    again = f"; {steps} recorded again" if later else ""
    message = (
        f"FilterWatch continues the run in {folder.location} after {record.unit} {step}{again}."
    )
    return RunFolder(folder, lock, record, step, message)


def _locked(folder: Folder) -> FolderLock | None:
    """Returns the lock of a folder on this machine; None if somebody else holds it."""
    if not folder.is_local:
        return None
    lock = FolderLock(folder.path)
    return lock if lock.acquire() else None


def _common_step(
    record: RecordedRun,
    weights: Mapping[str, int],
    shapes: Mapping[str, tuple[int, ...]],
    epoch: int,
) -> tuple[int | None, str]:
    """Returns the step from which a training continues a run; or None, and why it does not."""
    place = record.folder.location
    last, last_step = list(record.steps.items())[-1]
    if {name: layer.shape for name, layer in last_step.scores.items()} != dict(shapes):
        return None, f"{place} holds a run with other layers"
    same = [step for step, value in record.steps.items() if value.checksums == dict(weights)]
    if last in same:
        return last, ""
    if not same:
        return None, f"{place} holds a run that ended with other weights"
    if record.has_ended:
        return None, (
            f"{place} holds a run that ended with {record.unit} {last}, and the model has the "
            f"weights of {record.unit} {same[-1]}"
        )
    fitting = [step for step in same if record.steps[step].scores.epoch == epoch]
    if fitting:
        return fitting[-1], ""
    return None, (
        f"{place} holds a run with these weights at {record.unit} {same[-1]}, and this fit begins "
        f"at epoch {epoch}"
    )
