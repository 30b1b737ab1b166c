"""What a folder and an append-only file can do, wherever they are."""

from pathlib import Path
from typing import Protocol


class AppendOnlyFile(Protocol):
    """A file that one process appends to, while others may read it."""

    @property
    def size(self) -> int:
        """How many bytes were appended, the beginning included."""

    @property
    def should_rotate(self) -> bool:
        """True if the next bytes should go to a further file, since appending here has become slow.

        Never on this machine. A store that cannot append gets the whole file at each append.
        """

    def append(self, data: bytes) -> None:
        """Appends all of the bytes or none; readers see them when this returns.

        Raises:
            OSError: the file is as it was before, and the next append may succeed.
        """

    def interference(self) -> str:
        """Returns what somebody else did to the file, such as "the file was removed", or `""`.

        What is appended after that may be lost: go on in another file.
        """

    def close(self) -> None:
        """Closes the file; nothing is pending, since each append is complete when it returns."""


class Folder(Protocol):
    """A place for files; it need not exist before something is written to it.

    Names are those of files directly in the folder. What cannot be read or written raises OSError.
    """

    @property
    def location(self) -> str:
        """The path or URL as shown to people, without a password."""

    @property
    def is_local(self) -> bool:
        """True if the operating system reads it as a directory; only such a folder has a `path`."""

    @property
    def path(self) -> Path:
        """The absolute path of a local folder.

        Raises:
            ValueError: the folder is not local.
        """

    def child(self, name: str) -> "Folder":
        """Returns a folder in this one; nothing is made."""

    def exists(self) -> bool:
        """Returns True if the folder is there; in a bucket, if anything is in it."""

    def names(self) -> list[str]:
        """Returns the names of all files and folders in it, sorted; [] if it does not exist."""

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Returns a whole file, or its bytes from `start` to `stop`.

        Raises:
            FileNotFoundError: there is no such file.
        """

    def write(self, name: str, data: bytes) -> None:
        """Writes a whole file; meanwhile readers see the earlier one, or none."""

    def check(self) -> None:
        """Tries whether the folder could be written to, as far as that changes nothing.

        Raises:
            OSError: it could not, with the reason in words.
        """

    def create(self, name: str, beginning: bytes = b"") -> AppendOnlyFile:
        """Returns a new file, with its first bytes if given, and makes the folder.

        Raises:
            FileExistsError: there is such a file already.
            OSError: the beginning could not be written; no file is left.
        """
