"""Checkpoints of TensorFlow."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.fuzz.formats.contents import arrays
from keras_filterwatch.writers.crc import crc32c


def varint(number: int) -> bytes:
    """Returns a number as protobuf and LevelDB store it."""
    data = bytearray()
    while number > 127:
        data.append(number & 127 | 128)
        number >>= 7
    return bytes([*data, number])


def _masked(data: bytes) -> bytes:
    checksum = crc32c(data)
    return struct.pack("<I", ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def bundle_entry(
    shape: Sequence[int], offset: int, size: int, checksum: bytes, shard: int = 0, dtype: int = 1
) -> bytes:
    """Returns the entry of a variable in the index of a TensorFlow checkpoint."""
    dims = b"".join(
        b"\x12" + varint(len(dim)) + dim for dim in (b"\x08" + varint(each) for each in shape)
    )
    return (
        (b"\x08" + varint(dtype) + b"\x12" + varint(len(dims)) + dims)
        + (b"\x18" + varint(shard) + b"\x20" + varint(offset) + b"\x28" + varint(size))
        + (b"\x35" + checksum)
    )


def index_block(entries: Mapping[bytes, bytes]) -> bytes:
    """Returns a block of an index: key -> value, without the five bytes behind it."""
    data, restarts = b"", b""
    for key, value in entries.items():
        restarts += struct.pack("<I", len(data))
        data += b"\0" + varint(len(key)) + varint(len(value)) + key + value
    return data + restarts + struct.pack("<I", len(entries))


def index_file(
    entries: Mapping[bytes, bytes],
    handle: tuple[int, int] | None = None,
    compression: int = 0,
) -> bytes:
    """Returns the index of a TensorFlow checkpoint.

    Args:
        entries: name -> entry, in order.
        handle: where the block of the entries is said to lie, and how many bytes it has.
        compression: the number of a method by which that block is said to be packed.
    """
    parts: list[bytes] = []

    def add(block: bytes, kind: int = 0) -> bytes:
        begin = sum(map(len, parts))
        tail = bytes([kind])
        parts.append(block + tail + _masked(block + tail))
        return varint(begin) + varint(len(block))

    place = add(index_block(entries), compression)
    if handle is not None:
        place = varint(handle[0]) + varint(handle[1])
    empty = add(index_block({}))
    index = add(index_block({max(entries) + b"\xff": place}))
    footer = (empty + index).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return b"".join(parts) + footer


BUNDLE_HEADER = b"\x08\x01\x1a\x02\x08\x01"  # one shard, little-endian, version 1


def bundle() -> tuple[dict[bytes, bytes], bytes]:
    """Returns the entries of the index of a TensorFlow checkpoint, and its data."""
    entries, data = {b"": BUNDLE_HEADER}, b""
    for name, array in sorted(arrays().items()):
        stored = array.tobytes()
        key = f"{name}/.ATTRIBUTES/VARIABLE_VALUE".encode()
        entries[key] = bundle_entry(array.shape, len(data), len(stored), _masked(stored))
        data += stored
    return entries, data


def write_bundle(
    path: Path, index: bytes | None = None, data: bytes | None = None, shards: int = 1
) -> None:
    """Writes a TensorFlow checkpoint; `path` is that of its index."""
    entries, own_data = bundle()
    path.write_bytes(index_file(entries) if index is None else index)
    stem = path.name.removesuffix(".index")
    data_path = path.with_name(f"{stem}.data-00000-of-{shards:05}")
    data_path.write_bytes(own_data if data is None else data)
