"""EventFile: a TensorBoard event file that survives failed writes and interference."""

import itertools
import os
import re
import socket
import time
from collections.abc import Iterable

from tensorboard.compat.proto import event_pb2, summary_pb2

from keras_filterwatch.storage import Folder, folder_of
from keras_filterwatch.writers.crc import record

_FILE_NUMBERS = itertools.count()
_NAME = re.compile(r"events\.out\.tfevents\.(\d{10})\.")


class EventFile:
    """An event file in a folder, which TensorBoard shows as one run.

    Each step is one write: a process that is killed loses at most the step it was writing. A
    write that fails, on a full disk say, raises OSError and leaves no half record; the next one may
    succeed. In a store that cannot append, such as a bucket, it goes on in a further file when one
    has become large; TensorBoard reads them in the order of their names.

    Args:
        folder: where the file goes; it is made if it does not exist.

    Example:
        >>> import tempfile
        >>> from keras_filterwatch.writers.summaries import Scalar
        >>> folder = folder_of(tempfile.mkdtemp())
        >>> events = EventFile(folder)
        >>> events.write(0, [Scalar("noise/00_conv", 0.9).encoded()])
        >>> events.close()
        >>> len(folder.names())
        1
    """

    def __init__(self, folder: Folder | str | os.PathLike[str]) -> None:
        self._folder = folder_of(folder)
        self._open()

    def interference(self) -> str:
        """Returns what somebody else did to the file since the last write; `""` for nothing.

        What is written to a file after that is lost: reopen it first.
        """
        return self._file.interference().replace("the file", "the event file")

    def reopen(self) -> None:
        """Goes on in a new file.

        Raises:
            OSError: it cannot be made; the present one stays open.
        """
        earlier = self._file
        self._open()
        earlier.close()

    def write(self, step: int, values: Iterable[summary_pb2.Summary.Value]) -> None:
        """Writes values, such as `summaries.encoded` makes, as one step."""
        if self._file.should_rotate:
            self.reopen()
        now = time.time()
        records = _records(
            event_pb2.Event(wall_time=now, step=step, summary=summary_pb2.Summary(value=[value]))
            for value in values
        )
        self._file.append(records)

    def drop_steps_from(self, step: int) -> None:
        """Makes TensorBoard drop what earlier files of the folder have at this step and later ones.

        Its slow reader does so at once, the fast one for each tag when a further value comes.
        """
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        event = event_pb2.Event(wall_time=time.time(), step=step, session_log=start)
        # twice, since the slow reader takes the first one of a run for the beginning of the run
        self._file.append(_records([event, event]))

    def close(self) -> None:
        """Closes the file; nothing is pending, since each step was written when it came."""
        self._file.close()

    def _open(self) -> None:
        now = time.time()
        # after all that are there, also if the clock was set back: readers go by the names
        earlier = [int(name[1]) + 1 for name in map(_NAME.match, self._folder.names()) if name]
        second = max([int(now), *earlier])
        suffix = f"{socket.gethostname()}.{os.getpid()}.{next(_FILE_NUMBERS)}"
        name = f"events.out.tfevents.{second:010d}.{suffix}"
        # with its first record, since readers can hang on a file without it
        first = _records([event_pb2.Event(wall_time=now, file_version="brain.Event:2")])
        self._file = self._folder.create(name, first)


def _records(events: Iterable[event_pb2.Event]) -> bytes:
    return b"".join(record(event.SerializeToString()) for event in events)
