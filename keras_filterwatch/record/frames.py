"""Frames: how a record's file is divided, so that what stands before a damaged part can be read.

A file begins with 8 bytes, `FWRECORD`, and the version of the format, a 32-bit number. Frames
follow, each with its kind, its length and a checksum (docs/record.md).
"""

import json
import marshal
import math
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array

VERSION = 1
_MAGIC = b"FWRECORD"
_START = struct.Struct("<8sI")
_HEAD = struct.Struct("<4sIII")  # kind, length as it is stored, length unpacked, checksum
_JSON_LENGTH = struct.Struct("<I")
# of one frame unpacked, and of its document; those of a large network have a few MB
_MOST_BYTES, _MOST_TEXT = 2**27, 2**23
_DTYPES = ("|b1", "|i1", "|u1", "<i4", "<i8", "<f2", "<f4", "<f8")
_FAULTS = (  # what reading bytes of another form raises
    *(AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError),
    *(zlib.error, struct.error),
)


@dataclass(frozen=True)
class Frame:
    """One part of a record's file.

    Attributes:
        kind: four ASCII letters, such as `"STEP"`.
        start, stop: where its bytes lie in the file, head included.
    """

    kind: str
    start: int
    stop: int


class DamagedRecordError(ValueError):
    """A part of a record's file is not what FilterWatch writes."""


def start_of_file() -> bytes:
    """Returns the bytes with which each file of a record begins."""
    return _START.pack(_MAGIC, VERSION)


def check_start(data: bytes) -> None:
    """Raises DamagedRecordError if a file of a record cannot begin with these bytes.

    Example:
        >>> check_start(start_of_file())
        >>> check_start(b"PK")
        Traceback (most recent call last):
        ...
        keras_filterwatch.record.frames.DamagedRecordError: it is no record of FilterWatch
    """
    if len(data) < _START.size or not data.startswith(_MAGIC):
        raise DamagedRecordError("it is no record of FilterWatch")
    _, version = _START.unpack_from(data)
    if version < 1:
        raise DamagedRecordError(f"it has version {version} of the format, which does not exist")
    if version > VERSION:
        raise DamagedRecordError(
            f"it has version {version} of the format, and this FilterWatch reads up to {VERSION}: "
            "install a newer one"
        )


def frame(kind: str, document: Mapping[str, Any], arrays: Sequence[Array] = ()) -> bytes:
    """Returns one frame: a document, which JSON can hold, and arrays of numbers.

    Raises:
        ValueError: they are more than can be read back.

    Example:
        >>> data = start_of_file() + frame("STEP", {"step": 3}, [np.arange(2.0)])
        >>> [found.kind for found in frames(data)]
        ['STEP']
    """
    arrays = [np.ascontiguousarray(array) for array in arrays]
    shapes = [[array.dtype.str, list(array.shape)] for array in arrays]
    text = json.dumps({**document, "arrays": shapes}, separators=(",", ":")).encode()
    body = b"".join((_JSON_LENGTH.pack(len(text)), text, *map(_bytes_by_place, arrays)))
    if len(text) > _MOST_TEXT or len(body) > _MOST_BYTES:
        raise ValueError(
            f"{len(body)} bytes, {len(text)} of them text, are too many for a part of a record: at "
            f"most {_MOST_BYTES} and {_MOST_TEXT} can be read"
        )
    stored = zlib.compress(body, 6)
    head = _HEAD.pack(kind.encode(), len(stored), len(body), 0)
    checksum = zlib.crc32(stored, zlib.crc32(head))
    return _HEAD.pack(kind.encode(), len(stored), len(body), checksum) + stored


def frames(data: bytes, start: int = _START.size) -> Iterator[Frame]:
    """Yields the frames of a file, up to its end or to the first that is torn or damaged.

    Args:
        data: the file, or a part of it.
        start: where in `data` the first frame begins.
    """
    while start + _HEAD.size <= len(data):
        kind, stored, length, _ = _HEAD.unpack_from(data, start)
        stop = start + _HEAD.size + stored
        if stop > len(data) or length > _MOST_BYTES or not kind.isalpha():
            return
        if not has_right_checksum(memoryview(data)[start:stop]):
            return
        yield Frame(kind.decode("ascii"), start, stop)
        start = stop


def length_of_frame(data: bytes) -> int:
    """Returns how many bytes the frame at the beginning of `data` has; 0 if its head is not whole.

    Example:
        >>> whole = frame("STEP", {"step": 3})
        >>> length_of_frame(whole[:20]) == len(whole), length_of_frame(whole[:10])
        (True, 0)
    """
    if len(data) < _HEAD.size:
        return 0
    _, stored, _, _ = _HEAD.unpack_from(data)
    return _HEAD.size + int(stored)


def is_torn(data: bytes, start: int) -> bool:
    """Returns True if the frame that begins at `start` ends behind the end of the file.

    Example:
        >>> data = start_of_file() + frame("STEP", {"step": 3})
        >>> is_torn(data[:-1], 12), is_torn(data, 12)
        (True, False)
    """
    if start + _HEAD.size > len(data):
        return True
    kind, stored, length, _ = _HEAD.unpack_from(data, start)
    fits = start + _HEAD.size + stored <= len(data)
    return not fits and length <= _MOST_BYTES and kind.isalpha()


def contents(data: bytes | memoryview) -> tuple[dict[str, Any], list[Array]]:
    """Returns the document and the arrays of the bytes of one frame, head included.

    Raises:
        DamagedRecordError: the bytes are not what `frame` returns.

    Example:
        >>> document, arrays = contents(frame("STEP", {"step": 3}, [np.arange(2.0)]))
        >>> document["step"], arrays[0].tolist()
        (3, [0.0, 1.0])
    """
    with _readable():
        if not has_right_checksum(data):
            raise DamagedRecordError("the checksum of a part is wrong")
        length = _unpacked_length(data)
        # no more than the head says, whatever the packed bytes would unpack to
        body = zlib.decompressobj().decompress(data[_HEAD.size :], length)
        (text_length,) = _JSON_LENGTH.unpack_from(body)
        place = _JSON_LENGTH.size + _checked_length(text_length)
        document = json.loads(body[_JSON_LENGTH.size : place])
        arrays = []
        for dtype, shape in document.pop("arrays"):
            array = _array(body, place, dtype, shape)
            arrays.append(array)
            place += array.nbytes
    return document, arrays


def document_alone(data: bytes | memoryview) -> dict[str, Any]:
    """Returns the document of a frame whose checksum is right; its arrays are not unpacked.

    The document's `"arrays"` lists their types and shapes, which fit into the frame.

    Raises:
        DamagedRecordError: the bytes are not what `frame` returns.

    Example:
        >>> document_alone(frame("STEP", {"step": 3}, [np.arange(2.0)]))
        {'step': 3, 'arrays': [['<f8', [2]]]}
    """
    with _readable():
        length = _unpacked_length(data)
        unpacker = zlib.decompressobj()
        beginning = unpacker.decompress(data[_HEAD.size :], _JSON_LENGTH.size)
        (text_length,) = _JSON_LENGTH.unpack(beginning)
        text = unpacker.decompress(unpacker.unconsumed_tail, _checked_length(text_length))
        document: dict[str, Any] = json.loads(text)
        room = length - _JSON_LENGTH.size - text_length
        if _total_bytes(marshal.dumps(document["arrays"], 2)) > room:
            raise DamagedRecordError("arrays are longer than their part of the record")
    return document


def has_right_checksum(data: bytes | memoryview) -> bool:
    """Returns True if the checksum of one frame, head included, is that of its other bytes."""
    kind, stored, length, checksum = _HEAD.unpack_from(data)
    head = zlib.crc32(_HEAD.pack(kind, stored, length, 0))
    return zlib.crc32(data[_HEAD.size :], head) == int(checksum)


@contextmanager
def _readable() -> Iterator[None]:
    """Turns what reading bytes of another form raises into DamagedRecordError."""
    try:
        yield
    except DamagedRecordError:
        raise
    except _FAULTS as error:
        raise DamagedRecordError(
            f"a part cannot be read ({type(error).__name__}: {error})"
        ) from error


def _unpacked_length(data: bytes | memoryview) -> int:
    """Returns the length of a frame's body; 1 for 0, which zlib would take for any length."""
    _, _, length, _ = _HEAD.unpack_from(data)
    if length > _MOST_BYTES:
        raise DamagedRecordError("a part is too long")
    return max(1, int(length))


def _checked_length(text_length: int) -> int:
    if text_length > _MOST_TEXT:
        raise DamagedRecordError("the text of a part is too long")
    return max(1, text_length)


@lru_cache(maxsize=4)
def _total_bytes(forms: bytes) -> int:
    """Returns how many bytes arrays have, which are the same at most steps, by `marshal`."""
    return sum(_bytes_of(dtype, shape) for dtype, shape in marshal.loads(forms))


def _bytes_of(dtype: Any, shape: Any) -> int:
    """Returns how many bytes an array of this type and shape has."""
    if dtype not in _DTYPES or not all(type(size) is int and size >= 0 for size in shape):
        raise DamagedRecordError(f"an array has dtype {dtype!r:.40} and shape {shape!r:.40}")
    return int(math.prod(shape)) * int(dtype[2])


def _array(body: bytes, place: int, dtype: Any, shape: Any) -> Array:
    length, size = _bytes_of(dtype, shape), int(dtype[2])
    if length > len(body) - place:
        raise DamagedRecordError("an array is longer than its part of the record")
    by_place = np.frombuffer(body, np.uint8, length, place).reshape(size, length // size)
    array: Array = np.ascontiguousarray(by_place.T).reshape(-1).view(dtype)
    return array.reshape(shape)


def _bytes_by_place(array: Array) -> bytes:
    """Returns the first byte of each number, then the second of each, ...: this packs better."""
    size = array.dtype.itemsize
    return array.reshape(-1).view(np.uint8).reshape(array.size, size).T.tobytes()
