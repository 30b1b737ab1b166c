"""Zip archives, guarded: members are read by name, and expand within limits.

Nothing is unpacked into folders. What could climb out of one, or expand without limit, is refused.
"""

import errno
import io
import shutil
import stat
import tempfile
import zipfile
import zlib
from contextlib import ExitStack
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.text import described, printable

_PART = 2**20  # bytes that are copied at once
_LOCAL_HEADER = 30  # bytes before the member's name, where its data begin
_SMALL = 2**20  # bytes: what is smaller does no harm, however far it expands


class Archive:
    """An open zip archive.

    Attributes:
        what: how messages call it.
        sizes: the name of each member -> its bytes, unpacked.
    """

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        self.what = str(path)
        self._path = path
        self._archive = archive
        self._members = {member.filename: member for member in archive.infolist()}
        self.sizes = {name: member.file_size for name, member in self._members.items()}

    def __contains__(self, name: object) -> bool:
        return name in self._members

    def read(self, name: str, most: int = limits.CONFIG_BYTES) -> bytes:
        """Returns a member.

        Args:
            name: one of `sizes`.
            most: how many bytes it may have.

        Raises:
            UnsafeFileError: it has more.
            UnreadableFileError: there is no such member, or it is damaged.
        """
        if self._member(name).file_size > most:
            raise UnsafeFileError(
                f"{self.what} is refused: its member {printable(name)!r} has "
                f"{self.sizes[name]} bytes, more than {most}."
            )
        try:
            with self._archive.open(name) as member:
                return member.read(most)
        except Exception as error:
            raise self._damaged(name, error) from error

    def begin(self, name: str, count: int) -> bytes:
        """Returns the first bytes of a member; all of them if it has no more than `count`.

        Raises:
            UnreadableFileError: there is no such member, or it is damaged.
        """
        self._member(name)
        try:
            with self._archive.open(name) as member:
                return member.read(count)
        except Exception as error:
            raise self._damaged(name, error) from error

    def open(self, name: str, stack: ExitStack) -> BinaryIO:
        """Returns a member as a file that can be sought in, open as long as the stack is.

        A member that is not compressed is read where it lies; another one from a temporary file.

        Raises:
            UnreadableFileError: there is no such member, it is damaged, or there is no room for it.
            OSError: the disk is full.
        """
        member = self._member(name)
        try:
            if member.compress_type == zipfile.ZIP_STORED:
                # a file of its own, since several members may be read at once
                file = stack.enter_context(self._path.open("rb"))
                section = _Section(file, self._begin(member, file), member.file_size)
                _check_crc(section, member.CRC)
                return io.BufferedReader(section)
            self._check_room(member)
            unpacked = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (closed by the stack)
            with self._archive.open(name) as packed:
                while part := packed.read(_PART):
                    unpacked.write(part)
            unpacked.seek(0)
            return unpacked
        except UnreadableFileError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                raise  # the disk is full; the file is not damaged
            raise self._damaged(name, error) from error

    def _check_room(self, member: zipfile.ZipInfo) -> None:
        """Raises UnreadableFileError if a member would fill more than half of the free space."""
        folder = tempfile.gettempdir()
        if member.file_size > shutil.disk_usage(folder).free / 2:
            raise UnreadableFileError(
                f"{self.what} cannot be read: its member {printable(member.filename)!r} is packed, "
                f"and {folder} has no room to unpack its {member.file_size} bytes. Free some, or "
                "set TMPDIR to another folder."
            )

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self._members:
            raise UnreadableFileError(f"{self.what} has no member {printable(name)!r}.")
        return self._members[name]

    def _begin(self, member: zipfile.ZipInfo, file: BinaryIO) -> int:
        """Returns where the data of a member begin."""
        with self._archive.open(member.filename):  # checks the local header
            pass
        file.seek(member.header_offset)
        header = file.read(_LOCAL_HEADER)
        name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
        return member.header_offset + _LOCAL_HEADER + name + extra

    def _damaged(self, name: str, error: Exception) -> UnreadableFileError:
        return UnreadableFileError(
            f"{self.what} is damaged: its member {printable(name)!r} cannot be read "
            f"({described(error)}). Copy or save it again."
        )


def open_archive(path: Path, stack: ExitStack) -> Archive:
    """Returns a zip archive, which stays open as long as the stack does.

    Raises:
        UnsafeFileError: a member has a name that climbs out of a folder, is encrypted or a link,
            or expands too far; or members overlap.
        UnreadableFileError: it is no zip archive, or a damaged one.

    Example:
        >>> path = Path(tempfile.mkdtemp(), "arrays.zip")
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("config.json", "{}")
        >>> with ExitStack() as stack:
        ...     open_archive(path, stack).read("config.json")
        b'{}'
    """
    try:
        archive = stack.enter_context(zipfile.ZipFile(path))
    except OSError:
        raise
    except Exception as error:
        raise UnreadableFileError(
            f"{path} is damaged: it cannot be read as a zip archive ({described(error)}). Copy or "
            "save it again."
        ) from error
    members = archive.infolist()
    if len(members) > limits.MEMBERS:
        raise UnsafeFileError(f"{path} is refused: it has {len(members)} members.")
    names: set[str] = set()
    for member in members:
        reason = _danger(member) or ("comes twice" if member.filename in names else "")
        if reason:
            raise UnsafeFileError(
                f"{path} is refused: its member {printable(member.filename)!r} {reason}."
            )
        names.add(member.filename)
    if sum(member.compress_size for member in members) > path.stat().st_size:
        raise UnsafeFileError(f"{path} is refused: its members claim more bytes than it has.")
    return Archive(path, archive)


def _danger(member: zipfile.ZipInfo) -> str:
    """Returns why a member is refused; `""` if it is not."""
    if climbs(member.orig_filename):
        return "has a name that leads out of its folder"
    if member.flag_bits & 0x1:
        return "is encrypted"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "is a link"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is packed by method {member.compress_type}; only deflated ones are read"
    is_stored = member.compress_type == zipfile.ZIP_STORED
    if is_stored and member.file_size != member.compress_size:
        return "has two sizes"
    if member.file_size > max(_SMALL, limits.EXPANSION * member.compress_size):
        return f"is stored in {member.compress_size} bytes and would expand to {member.file_size}"
    return ""


def climbs(name: str) -> bool:
    r"""Returns True for the name of a file that would lie outside the folder it is put into.

    Example:
        >>> [climbs(name) for name in ("a/b", "../a", "/a", "C:\\a", "a\\..\\..\\b")]
        [False, True, True, True, True]
    """
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    is_absolute = name.startswith(("/", "\\")) or bool(PureWindowsPath(name).drive)
    return ".." in parts or is_absolute or "\0" in name


class _Section(io.RawIOBase):
    """A part of an open file, as a file of its own."""

    def __init__(self, file: io.BufferedReader, begin: int, size: int) -> None:
        self._file, self._begin, self._size, self._position = file, begin, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, begin + offset)
        return self._position

    def readinto(self, buffer: "memoryview | bytearray") -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        count = max(0, min(len(view), self._size - self._position))
        self._file.seek(self._begin + self._position)
        read = self._file.readinto(view[:count])
        self._position += read
        return read


def _check_crc(section: _Section, expected: int) -> None:
    """Raises ValueError if the bytes of a section have another CRC-32."""
    crc = 0
    while part := section.read(_PART):
        crc = zlib.crc32(part, crc)
    section.seek(0)
    if crc != expected:
        raise ValueError("its bytes are not those that were saved: the checksum differs")
