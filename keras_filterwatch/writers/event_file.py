"""EventFile: a TensorBoard event file that survives failed writes and interference."""

import io
import itertools
import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

_FILE_NUMBERS = itertools.count()


class EventFile:
    """One event file in `directory`, which TensorBoard shows as one run.

    Each step is one write: a process that is killed loses at most the step it was writing. A
    write that fails, on a full disk say, raises OSError and leaves no half record; the next one may
    succeed.

    Args:
        directory: where the file goes; it is made if it does not exist.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._open()

    def interference(self) -> str:
        """Returns what somebody else did to the file since the last write; `""` for nothing.

        What is written to a file after that is lost: reopen it first.
        """
        if os.getpid() != self._process:
            return "the process was forked"
        try:
            now = self._path.stat()
        except OSError:
            return "the event file was removed"
        mine = os.fstat(self._file.fileno())
        if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino):
            return "the event file was replaced"
        if now.st_size < self._size:
            return "the event file was truncated"
        return "something else was written to the event file" if now.st_size > self._size else ""

    def reopen(self) -> None:
        """Goes on in a new file."""
        self.close()
        self._open()

    def write(self, step: int, values: Iterable[summary_pb2.Summary.Value]) -> None:
        """Writes values, such as `summaries.encoded` makes, as one step."""
        now = time.time()
        self._append(
            event_pb2.Event(wall_time=now, step=step, summary=summary_pb2.Summary(value=[value]))
            for value in values
        )

    def close(self) -> None:
        """Closes the file; nothing is pending, since each step was written when it came."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # of a training that failed nobody calls close
            self._file.close()

    def _open(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        now = time.time()
        self._process = os.getpid()
        suffix = f"{socket.gethostname()}.{self._process}.{next(_FILE_NUMBERS)}"
        self._path = self._directory / f"events.out.tfevents.{int(now):010d}.{suffix}"
        self._file = self._path.open("xb", buffering=0)
        self._size = 0
        try:
            self._append([event_pb2.Event(wall_time=now, file_version="brain.Event:2")])
        except OSError:
            self.close()
            self._path.unlink()  # readers can hang on a file without its first record
            raise

    def _append(self, events: Iterable[event_pb2.Event]) -> None:
        buffer = io.BytesIO()
        records = RecordWriter(buffer)
        for event in events:
            records.write(event.SerializeToString())
        rest = buffer.getvalue()
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            self._file.truncate(self._size)
            self._file.seek(self._size)
            raise
        self._size += size
