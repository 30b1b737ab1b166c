"""What is known of one open HDF5 file: how it is called, and what of it was reached."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.hdf5_texts import is_sound_heap
from keras_filterwatch.text import described, printable


class OpenFile:
    """What all groups of one file share.

    Attributes:
        what: how messages call the file.
        size: its bytes.
        places: the address of each group and array that was reached -> its path.
        base: where the addresses begin to count.
    """

    def __init__(self, what: str, opened: BinaryIO) -> None:
        self.what = what
        self.size = opened.seek(0, os.SEEK_END)
        self.places: dict[int, str] = {}
        self.base = 0
        self._opened = opened
        self._stored: dict[int, int] = {}
        self._claimed = 0
        self._sound_heaps: set[int] = set()
        self._heap_reads = 0
        self._path_letters = 0

    def read(self, address: int, size: int) -> bytes:
        """Returns bytes at an address of HDF5."""
        self._opened.seek(self.base + address)
        return self._opened.read(size)

    def check_heaps(self, path: str, addresses: set[int]) -> None:
        """Refuses texts in damaged heaps, which the library may read without end."""
        for address in addresses - self._sound_heaps:
            if not is_sound_heap(self._read_heap, address):
                raise UnreadableFileError(
                    f"{self.what} is damaged: {printable(path)!r} cannot be read. Copy or save it "
                    "again."
                )
            self._sound_heaps.add(address)

    def _read_heap(self, address: int, size: int) -> bytes:
        """Returns bytes of a heap, as long as heaps have no more parts than files have entries."""
        self._heap_reads += 1  # many heaps may have the same parts
        if self._heap_reads > limits.ENTRIES:
            raise self.unsafe("/", f"has texts in more than {limits.ENTRIES} parts")
        return self.read(address, size)

    def reach(self, path: str, address: int) -> None:
        """Refuses what was reached by another path, and paths that are too long together."""
        if address not in self.places:
            self._path_letters += len(path)
            if self._path_letters > limits.CONFIG_BYTES:
                raise self.unsafe(f"{path:.80}", "has names that are too long together")
        other = self.places.setdefault(address, path)
        if other != path:
            raise self.unsafe(path, f"is the same object as {other!r}")

    def claim(self, path: str, address: int, stored: int) -> None:
        """Refuses an array that is stored in bytes which other arrays are stored in."""
        self._claimed += stored - self._stored.get(address, 0)
        self._stored[address] = stored
        if self._claimed > self.size:
            raise self.unsafe(path, "overlaps other arrays: together they exceed the file")

    def unsafe(self, path: str, reason: str) -> UnsafeFileError:
        """Returns the error that refuses the file for what stands at a path in it."""
        return UnsafeFileError(f"{self.what} is refused: {path!r} {reason}.")

    @contextmanager
    def reading(self, path: str) -> Iterator[None]:
        """Turns whatever HDF5 raises on damaged files into one error."""
        try:
            yield
        except UnreadableFileError:
            raise
        except Exception as error:
            raise UnreadableFileError(
                f"{self.what} is damaged: {printable(path)!r} cannot be read "
                f"({described(error)}). Copy or save it again."
            ) from error
