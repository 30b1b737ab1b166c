"""Which folders of a `log_dir` hold the records of runs."""

import os
import re

from keras_filterwatch.checkpoints.listing import ENDINGS
from keras_filterwatch.record.files import numbered_files, opened
from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.text import listed

RUN_FOLDER = "filterwatch"
_RUN_FOLDERS = re.compile(RUN_FOLDER + r"(?:-\d+)?")


def recorded_folders(path: str | os.PathLike[str] | Folder) -> list[tuple[float, Folder]]:
    """Returns the folders of the runs at a path, and when each was begun or continued last.

    The latest comes first. The time is in seconds since 1970; -inf if it cannot be read.

    Args:
        path: the `log_dir` of a FilterWatch, or the folder in it where one run is recorded.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no record at that place.
    """
    place = folder_of(path)
    if place.is_local and place.path.is_file():
        raise NotADirectoryError(
            f"{_shown(path)!r} is a file: pass the folder, the log_dir of a FilterWatch."
        )
    folders = run_folders(place)
    if not folders:
        raise FileNotFoundError(_nothing_to_read(path))
    times = [(opened(folder), folder) for folder in folders]
    return sorted(times, key=lambda each: each[0], reverse=True)


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


def _nothing_to_read(path: str | os.PathLike[str] | Folder) -> str:
    folder = folder_of(path)
    if not folder.exists():
        return f"{_shown(path)!r} does not exist: pass the log_dir of a FilterWatch."
    places = [folder, *child_runs(folder)]
    if any("tfevents" in name for place in places for name in place.names()):
        return (
            f"{_shown(path)!r} has no record: a FilterWatch of version 0.1.0 or another program "
            "wrote to it. TensorBoard shows what is there."
        )
    names = folder.names()
    if not names:
        return (
            f"{_shown(path)!r} is empty and has no record of a training: pass the log_dir of a "
            "FilterWatch."
        )
    checkpoints = [name for name in names if name.lower().endswith(ENDINGS)]
    if checkpoints:
        return (
            f"{_shown(path)!r} has no record of a training, but checkpoints such as "
            f"{checkpoints[0]!r}: `keras-filterwatch series` scores and records them."
        )
    return (
        f"{_shown(path)!r} has no record of a training: pass the log_dir of a FilterWatch. "
        f"What is there: {listed(names)}."
    )


def _shown(path: str | os.PathLike[str] | Folder) -> str:
    """Returns a path as the user wrote it."""
    return os.fspath(path) if isinstance(path, str | os.PathLike) else path.location
