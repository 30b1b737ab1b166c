"""The attributes of a group of an HDF5 file, guarded: texts, numbers, and lists of these."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.hdf5_file import OpenFile
from keras_filterwatch.files.hdf5_texts import texts_of_attribute
from keras_filterwatch.text import printable


class Attributes(Mapping[str, Any]):
    """The attributes of a group: texts, numbers, and lists of these; each is read when asked for.

    Reading one raises UnreadableFileError if it is damaged or something else.
    """

    def __init__(self, file: OpenFile, path: str, group: h5py.Group) -> None:
        self._file, self._path, self._group = file, path, group

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        path = f"{self._path}@{name}"
        with self._file.reading(path):
            attribute = self._group.attrs.get_id(name)
            if 0 in (attribute.shape or ()):  # HDF5 cannot say that it takes no bytes
                return []
            count = math.prod(attribute.shape or ())
            if count > limits.ENTRIES:
                raise self._file.unsafe(path, f"has {count} entries")
            size = attribute.get_storage_size()
            if size > limits.CONFIG_BYTES:
                raise self._file.unsafe(path, f"takes {size} bytes")
            if attribute.dtype.kind not in "biufSO":  # tables and arrays of texts expand unseen
                raise UnreadableFileError(
                    f"{self._file.what} cannot be read: {printable(path)!r} holds "
                    f"{attribute.dtype!s:.80}, neither text nor numbers."
                )
            if attribute.dtype.kind == "O":
                self._check_texts(path, name, attribute, count)
            return _plain(self._group.attrs[name])
        raise AssertionError  # the block above returns or raises

    def _check_texts(self, path: str, name: str, attribute: Any, count: int) -> None:
        """Refuses texts that cannot be read, or are too long: many may be one and the same."""
        what = f"{self._file.what} cannot be read: {printable(path)!r}"
        if h5py.check_string_dtype(attribute.dtype) is None:
            raise UnreadableFileError(f"{what} holds neither text nor numbers.")
        address = int(h5py.h5o.get_info(self._group.id).addr)
        texts = texts_of_attribute(self._file.read, address, name, count)
        if texts is None:
            raise UnreadableFileError(f"{what} is stored in a way that is not read.")
        size = sum(text.length for text in texts)
        if size > limits.CONFIG_BYTES:
            raise self._file.unsafe(path, f"expands to {size} bytes")
        self._file.check_heaps(path, {text.heap for text in texts})

    def __contains__(self, name: object) -> bool:
        with self._file.reading(f"{self._path}@{name}"):
            return isinstance(name, str) and name in self._group.attrs
        return False

    def __iter__(self) -> Iterator[str]:
        with self._file.reading(self._path):
            return iter(list(self._group.attrs))
        return iter(())

    def __len__(self) -> int:
        return len(self._group.attrs)


def _plain(value: Any) -> Any:
    """Returns the value of an attribute as text, number, or a list of these."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    if array.dtype.kind in "biuf":
        return array.tolist()
    if array.dtype.kind in "SO":
        values = array.ravel().tolist()
        if all(isinstance(each, str | bytes) for each in values):
            texts = [_plain(each) for each in values]
            return texts if array.ndim else texts[0]
    if not array.size:
        return []
    raise UnreadableFileError(f"an attribute holds {array.dtype}, neither text nor numbers.")
