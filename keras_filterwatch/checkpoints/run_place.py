"""Which recorded run goes on with some checkpoints: the one that ended with the same weights."""

from collections.abc import Callable

from keras_filterwatch.record import DamagedRecordError, RecordedRun, read_record
from keras_filterwatch.runs import child_runs
from keras_filterwatch.storage import Folder
from keras_filterwatch.training.folder_lock import FolderLock
from keras_filterwatch.training.run_folder import RunFolder


class FolderInUseError(ValueError):
    """A `log_dir` to which another process writes."""


def recorded_run_of(
    log_folder: Folder, disagreement: Callable[[RecordedRun], str]
) -> tuple[RunFolder | None, str]:
    """Returns the run that checkpoints go on with, or None, and why they go on with none.

    Others cannot write to the run until its lock is released.

    Args:
        log_folder: the `log_dir`.
        disagreement: returns why a recorded run is not that of the checkpoints; `""` if it is.

    Raises:
        FolderInUseError: another process writes to one of the runs.
        OSError: the folder cannot be read.

    Example:
        >>> from keras_filterwatch.storage import folder_of
        >>> recorded_run_of(folder_of("tests/records"), lambda record: "it is another run")
        (None, '')
    """
    reason = ""
    for folder in child_runs(log_folder):
        lock = FolderLock(folder.path) if folder.is_local else None
        if lock is not None and not lock.acquire():
            raise FolderInUseError(
                f"another process writes to {folder.location} now. Wait until it has ended, or "
                "choose another --log-dir."
            )
        try:
            record = read_record(folder)
        except FileNotFoundError:
            why = ""  # nothing was recorded before its process ended
        except (DamagedRecordError, OSError) as error:
            why = str(error).rstrip(".")
        else:
            why = disagreement(record) if record.steps else ""
            if record.steps and not why:
                return _continued(folder, lock, record), ""
        reason = why or reason
        if lock is not None:
            lock.release()
    return None, reason


def _continued(folder: Folder, lock: FolderLock | None, record: RecordedRun) -> RunFolder:
    return RunFolder(folder, lock, record, continues_after=max(record.steps))
