"""Reads the records of runs: `fw.read` as a whole, `open_run` bit by bit."""

import math
import os

from keras_filterwatch.record import DamagedRecordError, RecordReader
from keras_filterwatch.run import Run
from keras_filterwatch.run_folders import (
    RUN_FOLDER,
    child_runs,
    recorded_folders,
    run_folders,
    run_number,
)
from keras_filterwatch.storage import Folder
from keras_filterwatch.summary import summary

__all__ = [
    "RUN_FOLDER",
    "Run",
    "child_runs",
    "open_run",
    "read",
    "run_folders",
    "run_number",
    "summary",
]


def read(path: str | os.PathLike[str]) -> Run:
    """Returns what the record of a training says; the training may still go on.

    Numbers of single filters and weights are read when they are asked for, so the record has to
    stay where it is.

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
    newest: RecordReader | None = None
    errors: list[DamagedRecordError] = []
    for time, folder in recorded_folders(path):
        if newest is not None and time > -math.inf:
            continue  # an earlier run
        reader = RecordReader(folder)
        try:
            reader.read_whole()
        except DamagedRecordError as error:
            errors.append(error)
        else:
            newest = newest or reader
    if newest is None:
        raise errors[-1]
    return Run(newest.run, newest, map(str, errors))


def open_run(path: str | os.PathLike[str] | Folder) -> Run:
    """Returns a run without reading its steps, which `Run.update` does, a part at each call.

    Args:
        path: as `read` takes it, or a folder.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no record at that place.

    Example:
        >>> run = open_run("tests/records/version-1")
        >>> run.steps, run.share_read
        ([], 0.0)
        >>> run.update(seconds=0.5), run.steps
        (True, [0, 1, 2])
    """
    (_, folder), *_ = recorded_folders(path)
    reader = RecordReader(folder)
    return Run(reader.run, reader)
