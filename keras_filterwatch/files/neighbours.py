"""Files that belong to another one, such as the data of an index: never through a link."""

import stat
from pathlib import Path

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES


def size_of(path: Path) -> int:
    """Returns the bytes of a regular file that lies beside the one that the user has chosen.

    Raises:
        UnreadableFileError: there is no such file.
        UnsafeFileError: it is a link, or no regular file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "weights.data-00000-of-00001")
        >>> path.write_bytes(b"1234")
        4
        >>> size_of(path)
        4
    """
    try:
        facts = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        raise UnreadableFileError(
            f"{path} is missing, which belongs to the file: copy both from where they were made."
        ) from None
    except ValueError as error:  # such as a null character in the name
        raise UnreadableFileError(f"{str(path)!r} is no name of a file: {error}.") from None
    if stat.S_ISLNK(facts.st_mode):
        raise UnsafeFileError(
            f"{path} is a link, which could lead to any file: it is not followed. Put a copy of "
            "the file that you mean in its place."
        )
    if not stat.S_ISREG(facts.st_mode):
        raise UnsafeFileError(f"{path} is no file but a folder, a device, a pipe or a socket.")
    return facts.st_size


def read_whole(path: Path, most: int = CONFIG_BYTES) -> bytes:
    """Returns the bytes of such a file.

    Raises:
        UnreadableFileError: there is no such file.
        UnsafeFileError: it is a link, no regular file, or has more than `most` bytes.
    """
    size = size_of(path)
    if size > most:
        raise UnsafeFileError(f"{path} has {size} bytes, more than the {most} that are read.")
    with path.open("rb") as file:
        return file.read(most)
