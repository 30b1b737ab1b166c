"""The index of a checkpoint of TensorFlow: which tensors it has, of what shape, and where."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.neighbours import read_whole
from keras_filterwatch.files.tensorflow.protobuf import ProtobufReader, damaged
from keras_filterwatch.files.tensorflow.sorted_table import read_table
from keras_filterwatch.files.tensorflow.tensor_slices import Slice, read_slice_key

_MOST_AXES = 32  # of NumPy 1
_MOST_BYTES = 2**25  # of an index; one entry takes about 100
_MOST_SHARDS = 100_000


class Entry(NamedTuple):
    """A tensor, or a part of one.

    Attributes:
        dtype: the number that TensorFlow has for it.
        shape: its shape.
        shard: the number of its data file.
        offset, size: its place there, in bytes.
        checksum: of these bytes, masked.
        slices: the parts that it is stored in; none if it is stored as a whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    slices: tuple[Slice, ...]


@dataclass(frozen=True, eq=False)
class Index:
    """What an index tells.

    Attributes:
        shards: how many data files there are.
        byte_order: of the numbers in them.
        tensors: name -> tensor, in the order of the names.
        parts: the name of a tensor and which part of it -> the part.
    """

    shards: int
    byte_order: Literal["<", ">"]
    tensors: dict[str, Entry]
    parts: dict[tuple[str, Slice], Entry]


def read_index(path: Path) -> Index:
    """Returns what an index tells.

    Raises:
        UnreadableFileError: it is damaged, or of TensorFlow's first format.
        UnsafeFileError: it is larger than that of any known model.
    """
    what = str(path)
    reader = ProtobufReader(what)
    table = read_table(read_whole(path, _MOST_BYTES), what)
    header = table.pop(b"", None)
    if header is None:
        raise damaged(what)
    shards, byte_order = _header(reader, header, what)
    index = Index(shards, byte_order, {}, {})
    for key, value in table.items():
        entry = _entry(reader, value, what)
        if entry.shard >= shards:
            raise damaged(what)
        if key.startswith(b"\0"):
            index.parts[read_slice_key(key, what)] = entry
        else:
            index.tensors[_text(key, what)] = entry
    return index


def _header(reader: ProtobufReader, message: bytes, what: str) -> tuple[int, Literal["<", ">"]]:
    """Returns the number of data files, and the order of the bytes of a number."""
    fields = dict(reader.fields(message))
    shards, is_big_endian = fields.get(1, 0), fields.get(2, 0)
    if isinstance(shards, bytes) or isinstance(is_big_endian, bytes):
        raise UnreadableFileError(
            f"{what} is a checkpoint in TensorFlow's first format, of the years before 2017. Load "
            "it where TensorFlow is installed, by tf.train.load_checkpoint, and score the dict "
            "{name: reader.get_tensor(name)}."
        )
    if not 1 <= shards <= _MOST_SHARDS or is_big_endian > 1:
        raise damaged(what)
    return shards, ">" if is_big_endian else "<"


def _entry(reader: ProtobufReader, message: bytes, what: str) -> Entry:
    numbers = dict.fromkeys((1, 3, 4, 5, 6), 0)
    shape: tuple[int, ...] = ()
    slices: list[Slice] = []
    for number, value in reader.fields(message):
        if number == 2 and isinstance(value, bytes):
            shape = _shape(reader, value, what)
        elif number == 7 and isinstance(value, bytes):
            slices.append(_slice(reader, value, what))
        elif number in numbers and isinstance(value, int):
            numbers[number] = value
        else:
            raise damaged(what)
    dtype, shard, offset, size, checksum = numbers.values()
    return Entry(dtype, shape, shard, offset, size, checksum, tuple(slices))


def _shape(reader: ProtobufReader, message: bytes, what: str) -> tuple[int, ...]:
    sizes: list[int] = []
    for number, value in reader.fields(message):
        if number != 2 or not isinstance(value, bytes) or len(sizes) == _MOST_AXES:
            raise damaged(what)
        size = dict(reader.fields(value)).get(1, 0)
        if isinstance(size, bytes) or size >= 2**63:
            raise damaged(what)
        sizes.append(size)
    return tuple(sizes)


def _slice(reader: ProtobufReader, message: bytes, what: str) -> Slice:
    extents: list[tuple[int, int]] = []
    for number, value in reader.fields(message):
        if number != 1 or not isinstance(value, bytes) or len(extents) == _MOST_AXES:
            raise damaged(what)
        fields = dict(reader.fields(value))
        start, length = fields.get(1, 0), fields.get(2, -1)
        if isinstance(start, bytes) or isinstance(length, bytes):
            raise damaged(what)
        extents.append((start, length))
    return tuple(extents)


def _text(key: bytes, what: str) -> str:
    try:
        return key.decode()
    except UnicodeDecodeError:
        raise damaged(what) from None
