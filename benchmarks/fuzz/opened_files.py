"""Which files of a folder are opened, by any process and in any way, as Linux tells it."""

import ctypes
import os
import struct
import sys
from pathlib import Path

_OPENED = 0x20
_CHANGED = 0x02 | 0x04 | 0x40 | 0x80 | 0x100 | 0x200  # written, renamed, made, removed
_EVENT = struct.Struct("iIII")


class OpenedFiles:
    """Watches which files in a folder are opened. Only Linux tells; elsewhere it reports none.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> watch = OpenedFiles(folder)
        >>> size = (folder / "new").write_text("text")
        >>> watch.names()  # doctest: +SKIP
        ['new']
        >>> watch.close()
    """

    def __init__(self, folder: Path) -> None:
        self._events = -1
        if sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            self._events = libc.inotify_init1(os.O_NONBLOCK)
            if libc.inotify_add_watch(self._events, os.fsencode(folder), _OPENED | _CHANGED) < 0:
                raise OSError(ctypes.get_errno(), f"{folder} cannot be watched")

    def names(self) -> list[str]:
        """Returns the names of what was opened or changed since the last call."""
        names = set()
        while self._events >= 0:
            try:
                data = os.read(self._events, 2**16)
            except BlockingIOError:
                break
            place = 0
            while place < len(data):
                *_, length = _EVENT.unpack_from(data, place)
                place += _EVENT.size
                name = data[place : place + length].rstrip(b"\0")
                names.add(os.fsdecode(name) or "the folder itself")
                place += length
        return sorted(names)

    def close(self) -> None:
        """Ends the watching."""
        if self._events >= 0:
            os.close(self._events)
            self._events = -1
