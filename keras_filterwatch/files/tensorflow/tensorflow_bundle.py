"""Checkpoints of TensorFlow, read without it: `<prefix>.index` and `<prefix>.data-00000-of-00001`.

The checksums of the index are compared, those of the numbers in the data files are not: that would
take longer than to score them.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.neighbours import size_of
from keras_filterwatch.files.number_types import NumberType, number_type
from keras_filterwatch.files.plain_arrays import read_numbers
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.files.tensorflow.protobuf import damaged, read_varint
from keras_filterwatch.files.tensorflow.tensor_slices import Slice, join_axis
from keras_filterwatch.files.tensorflow.tensorflow_index import Entry, read_index
from keras_filterwatch.kernels import Array
from keras_filterwatch.writers.crc import crc32c, masked

GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
_GRAPH_BYTES = 2**24  # those of models with 1,000 layers take 1 MB
_TEXT = 7
_TYPES = dict(
    enumerate(  # TensorFlow's DataType; quantised numbers are stored as integers
        (
            *("float32", "float64", "int32", "uint8", "int16", "int8", "", "complex64", "int64"),
            *("bool", "int8", "uint8", "int32", "bfloat16", "int16", "uint16", "uint16"),
            *("complex128", "float16", "", "", "uint32", "uint64", "float8_e5m2", "float8_e4m3fn"),
        ),
        start=1,
    )
)


@dataclass(frozen=True, eq=False)
class Bundle:
    """A checkpoint.

    Attributes:
        arrays: name -> the array, in the order of the names.
        unreadable: name -> why the tensor cannot be read.
        graph: the message that tells which object holds which variable; empty in checkpoints that
            have names alone.
    """

    arrays: Mapping[str, StoredArray]
    unreadable: Mapping[str, str] = field(default_factory=dict)
    graph: bytes = b""


class _Place(NamedTuple):
    """Where the numbers of a tensor, or of a part of one, are."""

    path: Path
    offset: int
    size: int
    shape: tuple[int, ...]


def read_bundle(prefix: Path, index_may_be_link: bool = False) -> Bundle:
    """Returns a checkpoint, of which the numbers are read when they are asked for.

    Args:
        prefix: the path of the `.index` file without this ending.
        index_may_be_link: whether the user has chosen the `.index` file itself.

    Raises:
        UnreadableFileError: the index is damaged, or a data file is missing or too short.
        UnsafeFileError: one of the files is a link, or tensors share bytes of it.
    """
    what = f"{prefix}.index"
    index = read_index(Path(what).resolve() if index_may_be_link else Path(what))
    whole = [entry for entry in index.tensors.values() if not entry.slices]
    files = _data_files(prefix, index.shards, [*whole, *index.parts.values()], what)
    arrays: dict[str, StoredArray] = {}
    unreadable: dict[str, str] = {}
    graph = b""
    for name, entry in index.tensors.items():
        if name == GRAPH_KEY:
            graph = _graph(entry, files, what)
            continue
        axis, entries = _joined(name, entry, index.parts)
        reason = _why_unreadable(entry, entries)
        numbers = _number_type(entry)
        if reason or numbers is None:
            unreadable[name] = reason
            continue
        places = [_place(part, files) for part in entries]
        read = partial(_read, name, places, axis, numbers, index.byte_order)
        arrays[name] = StoredArray(name, entry.shape, numbers.dtype, read)
    return Bundle(arrays, unreadable, graph)


def _data_files(prefix: Path, shards: int, stored: Iterable[Entry], what: str) -> dict[int, Path]:
    """Returns the data files that tensors are in, by their numbers.

    Raises:
        UnreadableFileError: one is missing, or too short.
        UnsafeFileError: one is a link, or tensors share bytes.
    """
    paths: dict[int, Path] = {}
    sizes: dict[int, int] = {}
    ends: dict[int, int] = {}
    for entry in sorted(stored, key=lambda entry: (entry.shard, entry.offset, entry.size)):
        shard = entry.shard
        if shard not in paths:
            path = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")
            paths[shard], sizes[shard] = path, size_of(path)
        if entry.size and entry.offset < ends.get(shard, 0):
            raise UnsafeFileError(
                f"{what} is refused: two of its tensors share bytes, which those that TensorFlow "
                "writes never do."
            )
        ends[shard] = max(ends.get(shard, 0), entry.offset + entry.size)
        if ends[shard] > sizes[shard]:
            raise UnreadableFileError(
                f"{paths[shard]} has {sizes[shard]} bytes, and its index needs {ends[shard]}: it "
                "was cut off, or belongs to another index. Copy both again."
            )
    return paths


def _place(entry: Entry, files: Mapping[int, Path]) -> _Place:
    return _Place(files[entry.shard], entry.offset, entry.size, entry.shape)


def _joined(
    name: str, entry: Entry, parts: Mapping[tuple[str, Slice], Entry]
) -> tuple[int, list[Entry]]:
    """Returns the axis along which the parts of a tensor are joined, and the parts in order.

    Returns no parts if some are missing, or if they do not make up the whole.
    """
    if not entry.slices:
        return 0, [entry]
    way = join_axis(entry.shape, entry.slices)
    if way is None:
        return 0, []
    axis, order = way
    shape = [*entry.shape]
    ordered: list[Entry] = []
    for place in order:
        part = parts.get((name, entry.slices[place]))
        length = entry.slices[place][axis][1]
        shape[axis] = entry.shape[axis] if length == -1 else length
        if part is None or part.dtype != entry.dtype or part.shape != tuple(shape):
            return 0, []
        ordered.append(part)
    return axis, ordered


def _number_type(entry: Entry) -> NumberType | None:
    return number_type(_TYPES.get(entry.dtype, ""))


def _why_unreadable(entry: Entry, stored: Sequence[Entry]) -> str:
    """Returns why a tensor cannot be read; `""` if it can.

    Args:
        entry: the tensor.
        stored: the parts that it is stored in, or itself.
    """
    if entry.dtype == _TEXT:
        return "text, not numbers"
    numbers = _number_type(entry)
    if numbers is None:
        name = _TYPES.get(entry.dtype) or f"number {entry.dtype} in TensorFlow's list of types"
        return f"its numbers are of a type that cannot be read here: {name}"
    if not stored:
        return "it is stored in parts that cannot be joined along one axis"
    if any(part.size != math.prod(part.shape) * numbers.stored.itemsize for part in stored):
        return "its shape needs another number of bytes than are stored: the index is damaged"
    return ""


def _read(
    name: str,
    places: Sequence[_Place],
    axis: int,
    numbers: NumberType,
    byte_order: Literal["<", ">"],
) -> Array:
    """Returns a tensor.

    Raises:
        UnreadableFileError: the data file has changed since the index was read.
    """
    stored = numbers.stored.newbyteorder(byte_order)
    parts = [numbers.decode(_numbers(place, stored, name)) for place in places]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis)


def _numbers(place: _Place, dtype: np.dtype[Any], name: str) -> Array:
    size_of(place.path)  # it may have become a link since the index was read
    count = math.prod(place.shape)
    with place.path.open("rb") as file:
        numbers = read_numbers(file, place.offset, count, dtype, f"{name} in {place.path}")
    return numbers.reshape(place.shape)


def _graph(entry: Entry, files: Mapping[int, Path], what: str) -> bytes:
    """Returns the text that a tensor holds: its length, the checksum of that, and its bytes."""
    if entry.dtype != _TEXT or entry.shape or entry.slices:
        raise damaged(what)
    if entry.size > _GRAPH_BYTES:
        raise UnsafeFileError(
            f"{what} is refused: the graph of its objects has {entry.size} bytes, more than the "
            f"{_GRAPH_BYTES} that are read."
        )
    place = _place(entry, files)._replace(shape=(entry.size,))
    data = _numbers(place, np.dtype("u1"), GRAPH_KEY).tobytes()
    size, begin = read_varint(data, 0, str(place.path))
    text = data[begin + 4 :]
    length = size.to_bytes(8, "little")[: 4 if size < 2**32 else 8]
    if size != len(text) or masked(crc32c(length + data[begin:])) != entry.checksum:
        raise damaged(str(place.path))
    return text
