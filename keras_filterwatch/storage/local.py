"""Folders and append-only files on this machine."""

import contextlib
import itertools
import os
from dataclasses import dataclass
from pathlib import Path

_NUMBERS = itertools.count()  # of temporary files


@dataclass(frozen=True)
class LocalFolder:
    """A directory, as `folder_of` returns it; `Folder` describes the methods.

    Args:
        path: absolute, so that it stays the same place if the process changes its directory.
        location: as shown to people.
    """

    path: Path
    location: str
    is_local: bool = True

    def child(self, name: str) -> "LocalFolder":
        """Returns a folder in this one; nothing is made."""
        return LocalFolder(self.path / name, str(Path(self.location) / name))

    def exists(self) -> bool:
        """Returns True if the folder is there."""
        return self.path.is_dir()

    def names(self) -> list[str]:
        """Returns the names of all files and folders in it, sorted; [] if it does not exist."""
        try:
            return sorted(path.name for path in self.path.iterdir())
        except FileNotFoundError:
            return []

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Returns a whole file, or its bytes from `start` to `stop`."""
        with (self.path / name).open("rb") as file:
            file.seek(start)
            return file.read(-1 if stop is None else max(0, stop - start))

    def write(self, name: str, data: bytes) -> None:
        """Writes a whole file; meanwhile readers see the earlier one, or none."""
        self.path.mkdir(parents=True, exist_ok=True)
        temporary = self.path / f".{name}.{os.getpid()}.{next(_NUMBERS)}"
        try:
            with temporary.open("xb") as file:
                file.write(data)
            temporary.replace(self.path / name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise

    def check(self) -> None:
        """Raises OSError if the folder could not be written to; makes nothing."""
        existing = next(path for path in (self.path, *self.path.parents) if path.exists())
        if not existing.is_dir():
            raise NotADirectoryError(f"{existing} is a file, a directory is needed")
        if not os.access(existing, os.W_OK):
            raise PermissionError(f"there is no permission to write in {existing}")

    def create(self, name: str, beginning: bytes = b"") -> "LocalFile":
        """Returns a new file, with its first bytes if given, and makes the folder."""
        self.path.mkdir(parents=True, exist_ok=True)
        file = LocalFile(self.path / name)
        try:
            file.append(beginning)
        except BaseException:
            file.close()
            (self.path / name).unlink(missing_ok=True)
            raise
        return file


class LocalFile:
    """A file that this process appends to; `AppendOnlyFile` describes the methods.

    Each append is one write without a buffer, so that a process that is killed loses nothing that
    was appended before.
    """

    should_rotate = False

    def __init__(self, path: Path) -> None:
        self.size = 0
        self._path = path
        self._process = os.getpid()
        self._is_torn = False
        self._file = path.open("xb", buffering=0)

    def append(self, data: bytes) -> None:
        """Appends all of the bytes or none; readers see them when this returns."""
        if self._is_torn:
            self._restore()
        rest = memoryview(data)
        self._is_torn = True
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except BaseException:
            with contextlib.suppress(OSError):  # tried again before the next append
                self._restore()
            raise
        self._is_torn = False
        self.size += len(data)

    def interference(self) -> str:
        """Returns what somebody else did to the file, such as "the file was removed", or `""`."""
        if os.getpid() != self._process:
            return "the process was forked"
        try:
            now = self._path.stat()
        except OSError:
            return "the file was removed"
        mine = os.fstat(self._file.fileno())
        if (now.st_dev, now.st_ino) != (mine.st_dev, mine.st_ino):
            return "the file was replaced"
        if now.st_size < self.size:
            return "the file was truncated"
        if now.st_size > self.size and not self._is_torn:
            return "something else was written to the file"
        return ""

    def close(self) -> None:
        """Closes the file; nothing is pending."""
        self._file.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # of a training that failed nobody calls close
            self._file.close()

    def _restore(self) -> None:
        """Removes what an append that failed has left."""
        self._file.truncate(self.size)
        self._file.seek(self.size)
        self._is_torn = False
