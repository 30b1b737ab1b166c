"""Where files of a run are: in a directory on this machine, or elsewhere, through fsspec."""

import os
import re
import reprlib
from pathlib import Path

from keras_filterwatch.storage.interface import AppendOnlyFile, Folder
from keras_filterwatch.storage.local import LocalFolder

__all__ = ["AppendOnlyFile", "Folder", "folder_of"]

_URL = re.compile(r"[A-Za-z][\w+.:-]+://")
_LOCAL_URL = re.compile(r"(file|local)://")


def folder_of(path: "str | os.PathLike[str] | Folder") -> Folder:
    """Returns the folder at a path on this machine or at a URL; nothing is made or asked yet.

    Args:
        path: a path, `~` included; a URL such as `"s3://bucket/logs"`; or a folder, which is
            returned as it is.

    Raises:
        TypeError: it is none of these.
        ValueError: a URL that no package can open.
        ImportError: a URL whose package is not installed.

    Example:
        >>> import tempfile
        >>> logs = folder_of(tempfile.mkdtemp()).child("run1")
        >>> logs.write("note.txt", b"first run")
        >>> logs.names(), logs.read("note.txt")
        (['note.txt'], b'first run')
    """
    if not isinstance(path, str | os.PathLike):
        if hasattr(path, "location") and hasattr(path, "create"):
            return path
        raise TypeError(f"a path or a URL is needed; got {reprlib.repr(path)}.")
    place = os.fspath(path)
    if not isinstance(place, str):
        raise TypeError(f"a path or a URL as text is needed; got {reprlib.repr(place)}.")
    if _LOCAL_URL.match(place):
        place = place.split("://", 1)[1]
    elif _URL.match(place):
        # only here: the module needs fsspec
        from keras_filterwatch.storage.remote import remote_folder

        return remote_folder(place)
    if re.match(r"[A-Za-z][\w+.-]+:[/\\][^/\\]", place) and not isinstance(path, str):
        raise ValueError(
            f"{place!r} is a URL that has lost a slash, since it was made a Path. Write it as a "
            "string, such as 's3://bucket/logs'."
        )
    local = Path(place).expanduser()
    return LocalFolder(local.absolute(), str(local))
