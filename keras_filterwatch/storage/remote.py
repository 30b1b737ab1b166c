"""Folders and append-only files elsewhere: buckets, servers and what else fsspec reaches."""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keras_filterwatch.text import described

_LARGE = 2**22  # bytes; sent again at each append
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}


def remote_folder(url: str) -> "RemoteFolder":
    """Returns the folder at a URL; nothing is asked from there yet.

    Raises:
        ImportError: fsspec, or its package for such URLs, is not installed.
        ValueError: fsspec knows no such URLs.
    """
    location = re.sub(r"://([^/:@]*):[^/@]*@", r"://\1:***@", url)
    protocol = url.split("://", 1)[0].split("::")[-1]
    extra = _EXTRAS.get(protocol, "remote")
    try:
        import fsspec

        fsspec.get_filesystem_class(protocol)
    except ImportError as error:
        raise ImportError(
            f"{location!r} is not on this machine, and a package to reach it is missing "
            f"({described(error)}). Install it, such as by `pip install "
            f'"keras_filterwatch[{extra}]"`, or choose a local directory.'
        ) from None
    except ValueError as error:
        raise ValueError(
            f"{location!r} is not on this machine, and fsspec knows no way to reach it "
            f"({described(error)}). Choose a URL such as 's3://bucket/logs', or a local directory."
        ) from None
    return RemoteFolder(url.rstrip("/") if not url.endswith("://") else url, location)


@dataclass(frozen=True)
class RemoteFolder:
    """A folder elsewhere, as `folder_of` returns it; `Folder` describes the methods.

    Whatever fails there raises OSError. Object stores replace a file in one go, so that readers see
    the earlier or the new one; on other servers a reader may meet a file that is half written.

    Args:
        url: with the password, if there is one.
        location: as shown to people.
    """

    url: str = field(repr=False)
    location: str
    is_local: bool = False

    @property
    def path(self) -> Path:
        """Raises ValueError, since only local folders have a path."""
        raise ValueError(f"{self.location!r} is not on this machine: it has no path.")

    def child(self, name: str) -> "RemoteFolder":
        """Returns a folder in this one; nothing is made."""
        return RemoteFolder(_joined(self.url, name), _joined(self.location, name))

    def exists(self) -> bool:
        """Returns True if anything is there."""
        with self._store() as (store, place):
            return bool(store.exists(place))

    def names(self) -> list[str]:
        """Returns the names of all files and folders in it, sorted; [] if it does not exist."""
        with self._store() as (store, place):
            try:
                paths = [str(path).rstrip("/") for path in store.ls(place, detail=False)]
            except FileNotFoundError:
                return []
        # some stores list the folder itself, and a file instead of a folder
        inside = [path for path in paths if path.strip("/") != place.strip("/")]
        return sorted({path.rsplit("/", 1)[-1] for path in inside})

    def read(self, name: str, start: int = 0, stop: int | None = None) -> bytes:
        """Returns a whole file, or its bytes from `start` to `stop`."""
        with self._store() as (store, place):
            return bytes(store.cat_file(_joined(place, name), start=start or None, end=stop))

    def write(self, name: str, data: bytes) -> None:
        """Writes a whole file."""
        with self._store() as (store, place):
            try:
                store.pipe_file(_joined(place, name), data)
            except FileNotFoundError:
                if not _is_reachable(store, place):  # or the bucket would be made
                    raise
                store.makedirs(place, exist_ok=True)
                store.pipe_file(_joined(place, name), data)

    def create(self, name: str, beginning: bytes = b"") -> "RemoteFile":
        """Returns a new file, with its first bytes if given; without, the first append makes it."""
        with self._store() as (store, place):
            if store.exists(_joined(place, name)):
                raise FileExistsError(f"{_joined(self.location, name)} exists already.")
        file = RemoteFile(self, name)
        if beginning:
            file.append(beginning)
        return file

    def size(self, name: str) -> int | None:
        """Returns how many bytes a file has; None if it does not exist."""
        with self._store() as (store, place):
            try:
                return int(store.info(_joined(place, name))["size"])
            except FileNotFoundError:
                return None

    def check(self) -> None:
        """Asks once whether the place can be reached; writes nothing.

        Raises:
            OSError: it cannot be reached or listed, or there is no such bucket.
        """
        with self._store() as (store, place):
            try:
                store.ls(place, detail=False)
            except FileNotFoundError:
                if not _is_reachable(store, place):
                    raise FileNotFoundError(f"there is no {place.split('/')[0]!r}") from None

    @contextlib.contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Yields the file system and the folder's path in it; all that fails is an OSError."""
        import fsspec

        try:
            # fsspec keeps the connection, and makes another one in a forked process
            store, place = fsspec.core.url_to_fs(self.url)
            store.invalidate_cache()  # others write there too
            yield store, place
        except OSError:
            raise
        except Exception as error:
            raise OSError(f"{self.location}: {described(error)}") from error


class RemoteFile:
    """A file that this process appends to; `AppendOnlyFile` describes the methods.

    Object stores cannot append. So the bytes are kept, and each append sends the whole file again;
    `should_rotate` bounds what that costs. An append that failed costs nothing but its own bytes.
    """

    def __init__(self, folder: RemoteFolder, name: str) -> None:
        self._folder = folder
        self._name = name
        self._process = os.getpid()
        self._data = b""
        self._has_failed = self._is_closed = False

    @property
    def size(self) -> int:
        """How many bytes were appended."""
        return len(self._data)

    @property
    def should_rotate(self) -> bool:
        """True from 4 MiB on."""
        return self.size >= _LARGE

    def append(self, data: bytes) -> None:
        """Appends all of the bytes or none; readers see them when this returns."""
        if self._is_closed:  # and without the bytes so far
            raise ValueError(f"{self._name}: the file is closed.")
        longer = self._data + data
        self._has_failed = True
        self._folder.write(self._name, longer)
        self._has_failed = False
        self._data = longer

    def interference(self) -> str:
        """Returns what somebody else did to the file; `""` if the store does not answer."""
        if os.getpid() != self._process:
            return "the process was forked"
        if self._has_failed or not self._data:  # what is there is unknown; the next append mends it
            return ""
        try:
            size = self._folder.size(self._name)
        except OSError:  # the next append tells
            return ""
        if size is None:
            return "the file was removed"
        if size < self.size:
            return "the file was truncated"
        return "something else was written to the file" if size > self.size else ""

    def close(self) -> None:
        """Forgets the bytes; nothing is pending."""
        self._is_closed = True
        self._data = b""


def _is_reachable(store: Any, place: str) -> bool:
    """Returns True unless the place is in a bucket that does not exist."""
    bucket = place.split("/", 1)[0]
    return not bucket or bool(store.exists(bucket))


def _joined(place: str, name: str) -> str:
    return f"{place}{'' if place.endswith('/') else '/'}{name}"
