"""HDF5 files, guarded: only groups and arrays that lie in the file itself are reached.

HDF5 can lead a reader to other files (external links, external storage, virtual data sets), in
circles, and to data that expand without limit. Whatever does so is refused.
"""

import math
import zlib
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.hdf5_attributes import Attributes
from keras_filterwatch.files.hdf5_file import OpenFile
from keras_filterwatch.files.hdf5_texts import has_packed_heap
from keras_filterwatch.files.lzf import lzf_length
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable

_FILTERS = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
}
_LINKS = {h5py.h5l.TYPE_SOFT: "soft link", h5py.h5l.TYPE_EXTERNAL: "link to another file"}
_GROWTH = 1.1  # by how much a filter may enlarge what it cannot compress
_MOST_CHUNKS = 50_000  # the library takes 4 kB for each of them, also for those not stored
_GZIP, _LZF = h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_LZF
_MOST_OF_GZIP = 1032  # bytes that it makes of one
_LARGE = 2**26  # bytes that a chunk may take without harm
_SMALL = 2**20  # bytes: what is smaller does no harm, however far it expands


class Group:
    """A group of an HDF5 file.

    Attributes:
        path: its path in the file; `""` for the root.
        attributes: its attributes.
        address: where the file holds it; groups that were written later have higher addresses.
    """

    def __init__(self, file: OpenFile, path: str, group: h5py.Group) -> None:
        self._file = file
        self._group = group
        self.path = path
        self.attributes = Attributes(file, path, group)
        with file.reading(path):
            # h5o.get_info would walk the whole group, which a damaged file makes endless
            self.address = int(h5py.h5g.get_objinfo(group.id).objno[0])
            if has_packed_heap(file.read, self.address):
                raise file.unsafe(path, "has links or attributes that are packed by filters")

    def names(self) -> list[str]:
        """Returns the names of what the group holds, in alphabetical order.

        Raises:
            UnreadableFileError: they cannot be read, or are too many.
        """
        with self._file.reading(self.path):
            names: list[bytes] = []

            def add(name: bytes) -> bool | None:
                names.append(name)
                return True if len(names) > limits.ENTRIES else None  # True ends it

            self._group.id.links.iterate(add)
            if len(names) > limits.ENTRIES:
                raise self._file.unsafe(self.path, f"holds more than {limits.ENTRIES} objects")
            return sorted(name.decode("utf-8", "surrogateescape") for name in set(names))
        return []

    def group(self, path: str) -> "Group | None":
        """Returns the group at a path below this one; None if there is no such group.

        Raises:
            UnsafeFileError: the path leads through a link, or in a circle.
            UnreadableFileError: it cannot be read.
        """
        found = self._object(path)
        return found if isinstance(found, Group) else None

    def array(self, path: str) -> StoredArray | None:
        """Returns the array at a path below this group; None if there is no such array.

        Raises:
            UnsafeFileError: the path leads through a link, or the array lies in another file, or
                would expand too far.
            UnreadableFileError: it cannot be read.
        """
        found = self._object(path)
        return None if isinstance(found, Group) else found

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and self._object(path) is not None

    def _object(self, path: str) -> "Group | StoredArray | None":
        group, parts = self, [part for part in path.split("/") if part not in ("", ".")]
        if len(parts) + self.path.count("/") > limits.DEPTH:
            raise self._file.unsafe(path, f"lies more than {limits.DEPTH} groups deep")
        for i, part in enumerate(parts):
            child = group._child(part)
            if i == len(parts) - 1 or child is None:
                return child
            if not isinstance(child, Group):
                return None
            group = child
        return group

    def _child(self, name: str) -> "Group | StoredArray | None":
        file, path = self._file, f"{self.path}/{name}".lstrip("/")
        with file.reading(path):
            encoded = name.encode("utf-8", "surrogateescape")
            if encoded not in self._group.id:
                return None
            kind = self._group.id.links.get_info(encoded).type
            if kind != h5py.h5l.TYPE_HARD:
                raise file.unsafe(path, f"is a {_LINKS.get(kind, 'link of an unknown kind')}")
            found = h5py.h5o.open(self._group.id, encoded)
            file.reach(path, int(h5py.h5g.get_objinfo(found).objno[0]))
            if isinstance(found, h5py.h5g.GroupID):
                return Group(file, path, h5py.Group(found))
            if isinstance(found, h5py.h5d.DatasetID):
                return _stored_array(file, path, found)
            return None
        return None


def open_hdf5(file: Path | BinaryIO, stack: ExitStack, what: str = "") -> Group:
    """Returns the root of an HDF5 file, which stays open as long as the stack does.

    Args:
        file: a path, or an open file that can be sought in.
        stack: closes the file.
        what: how messages call the file; its path if not given.

    Raises:
        UnreadableFileError: it is no HDF5 file, or a damaged one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "weights.h5")
        >>> with h5py.File(path, "w") as file:
        ...     file["conv/kernel"] = np.zeros((3, 3, 1, 8), "f4")
        >>> with ExitStack() as stack:
        ...     root = open_hdf5(path, stack)
        ...     root.names(), root.group("conv").array("kernel").shape
        (['conv'], (3, 3, 1, 8))
    """
    opened = stack.enter_context(file.open("rb")) if isinstance(file, Path) else file
    open_file = OpenFile(what or str(file), opened)
    with open_file.reading("/"):
        root = stack.enter_context(h5py.File(file, "r"))
        if root.id.get_create_plist().get_sizes() != (8, 8):  # `hdf5_texts` counts on it
            raise UnreadableFileError(f"{open_file.what} has addresses of a size that is not read.")
        open_file.base = int(root.userblock_size)
        group = Group(open_file, "", root)
        open_file.places[group.address] = ""
        return group
    raise AssertionError  # the block above returns or raises


def _stored_array(file: OpenFile, path: str, identifier: h5py.h5d.DatasetID) -> StoredArray:
    """Returns an array whose data lie in the file and expand within limits."""
    properties = identifier.get_create_plist()
    layout = properties.get_layout()
    if properties.get_external_count():
        raise file.unsafe(path, "has its data in another file")
    if layout == h5py.h5d.VIRTUAL:
        raise file.unsafe(path, "is a virtual data set, which may lie in other files")
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    others = [str(number) for number in filters if number not in _FILTERS]
    # behind gzip, shuffle would hide how far it expands; what it expands to would, if it were lzf
    is_hidden = _GZIP in filters and (
        h5py.h5z.FILTER_LZF in filters or h5py.h5z.FILTER_SHUFFLE in filters[filters.index(_GZIP) :]
    )
    if others or is_hidden or len(set(filters)) < len(filters):
        known = ", ".join(_FILTERS.values())
        raise file.unsafe(
            path,
            f"is packed by the filters {filters}; each of {known} once is read, and only "
            "gzip behind shuffle and without lzf",
        )
    dataset = h5py.Dataset(identifier)
    shape = tuple(map(int, dataset.shape or ()))
    expanded, stored = math.prod(shape) * dataset.dtype.itemsize, dataset.id.get_storage_size()
    if layout == h5py.h5d.CHUNKED:
        chunk = math.prod(map(int, dataset.chunks)) * dataset.dtype.itemsize
        expanded = max(expanded, chunk if chunk > _SMALL else 0)
    if stored > file.size:
        raise file.unsafe(path, f"claims {stored} bytes of a file of {file.size}")
    file.claim(path, int(h5py.h5g.get_objinfo(dataset.id).objno[0]), stored)
    if expanded > limits.EXPANSION * stored:
        raise file.unsafe(
            path, f"is stored in {stored} bytes and would expand to {expanded} ({shape})"
        )
    if layout == h5py.h5d.CHUNKED:
        sizes = zip(shape, map(int, dataset.chunks), strict=True)
        count = math.prod(-(-size // part) for size, part in sizes)
        if count > _MOST_CHUNKS:
            raise file.unsafe(path, f"is cut into {count} chunks, more than {_MOST_CHUNKS}")

    def read() -> Array:
        with file.reading(path):
            if dataset.dtype.kind not in "fiubV" or dataset.dtype.fields:
                raise UnreadableFileError(
                    f"{file.what}: {printable(path)!r} holds {dataset.dtype}, not numbers."
                )
            if layout == h5py.h5d.CHUNKED:
                _check_chunks(file, path, dataset)
            array = np.asarray(dataset[()])
            return array.astype(array.dtype.newbyteorder("="), copy=False)
        raise AssertionError  # the block above returns or raises

    place = dataset.id.get_offset()
    return StoredArray(path, shape, dataset.dtype.newbyteorder("="), read, place)


def _check_chunks(file: OpenFile, path: str, dataset: h5py.Dataset) -> None:
    """Refuses an array with a chunk that expands to more bytes than a chunk of it has."""
    size = math.prod(map(int, dataset.chunks)) * dataset.dtype.itemsize
    most = int(_GROWTH * size) + 4096
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    for chunk in _chunks(dataset):
        if chunk.size > most:
            raise file.unsafe(path, f"has a chunk of {size} bytes that is stored in {chunk.size}")
        may_expand = _LZF in filters or (
            _GZIP in filters and chunk.size * _MOST_OF_GZIP > max(most, _LARGE)
        )
        if may_expand and _expanded_size(dataset, chunk, filters, most) > most:
            raise file.unsafe(path, f"has a chunk of {size} bytes that expands to more")


def _chunks(dataset: h5py.Dataset) -> list[Any]:
    """Returns where each stored chunk of an array begins, and in how many bytes it is stored."""
    chunks: list[Any] = []
    if hasattr(dataset.id, "chunk_iter"):
        dataset.id.chunk_iter(chunks.append)
        return chunks
    # h5py on HDF5 below 1.12.3
    return [dataset.id.get_chunk_info(i) for i in range(dataset.id.get_num_chunks())]


def _expanded_size(dataset: h5py.Dataset, chunk: Any, filters: list[int], most: int) -> int:
    """Returns how many bytes a chunk expands to, up to one more than `most`."""
    skipped_filters, data = dataset.id.read_direct_chunk(tuple(chunk.chunk_offset))
    if _LZF in filters:
        return 0 if skipped_filters else lzf_length(data)
    with suppress(zlib.error):  # the library says so too when it reads the chunk
        return len(zlib.decompressobj().decompress(data, most + 1))
    return 0
