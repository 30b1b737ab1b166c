"""Archives of NumPy, `.npz`, as kernels: headers are read by hand, and objects are not read."""

import math
import re
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_filterwatch.files.archives import Archive, open_archive
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.plain_arrays import file_of_arrays, read_numbers
from keras_filterwatch.files.stored import ModelFile, StoredArray
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable

_MAGIC = b"\x93NUMPY"
_LONGEST_HEADER = 10_000  # bytes, as NumPy has it
_MOST_AXES = 32  # of arrays of NumPy 1; those of NumPy 2 have 64
_VERSIONS = {1: 2, 2: 4, 3: 4}  # of the format -> bytes of the header's length
_LONGEST_BEGIN = len(_MAGIC) + 2 + 4 + _LONGEST_HEADER


class _Header(NamedTuple):
    """What stands before the numbers of an array.

    Attributes:
        dtype: of the numbers; None if they cannot be read.
        reason: why not.
        in_columns: whether the first axis is that of neighbouring numbers.
        shape: the array's shape.
        begin: where the numbers begin, in bytes.
    """

    dtype: np.dtype[Any] | None
    reason: str
    in_columns: bool
    shape: tuple[int, ...]
    begin: int


def read_npz(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of an archive that `numpy.savez` wrote.

    Args:
        path: the file.
        stack: keeps it open.
        layout: as `snapshot_of` takes it.

    Raises:
        UnsafeFileError: it expands without limit, or holds nothing but pickled objects.
        UnreadableFileError: it is damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "weights.npz")
        >>> np.savez_compressed(path, conv=np.ones((3, 3, 1, 8), "f4"), bias=np.ones(8, "f4"))
        >>> with ExitStack() as stack:
        ...     file = read_npz(path, stack)
        >>> [kernel.name for kernel in file.kernels], file.skipped
        (['conv'], {'bias': 'a vector, not a kernel'})
    """
    archive = open_archive(path, stack)
    arrays: dict[str, StoredArray] = {}
    unread: dict[str, str] = {}
    for member, size in archive.sizes.items():
        what = f"{path}: {member}"
        if not member.endswith(".npy"):
            unread[member] = "it is no array of NumPy (.npy)"
            continue
        name = member.removesuffix(".npy")
        header = _header(archive.begin(member, _LONGEST_BEGIN), what)
        if header.dtype is None:
            unread[name] = header.reason
            continue
        if header.begin + math.prod(header.shape) * header.dtype.itemsize > size:
            raise UnreadableFileError(
                f"{printable(what)} is damaged: it has {size} bytes, too few for its shape."
            )
        read = partial(_read, archive, member, header, header.dtype)
        dtype = header.dtype.newbyteorder("=")
        arrays[name] = StoredArray(what, header.shape, dtype, read)
    if not arrays and any("pickle" in reason for reason in unread.values()):
        raise UnsafeFileError(
            f"{path} is refused: it holds pickled objects, and reading these would run code. Save "
            "arrays: numpy.savez(path, **{name: array}). Weights that Keras saved as .npz cannot "
            "be read by Keras either: save them as .weights.h5."
        )
    return file_of_arrays("NumPy archive", path, arrays, unread, layout)


def _header(begin: bytes, what: str) -> _Header:
    """Returns what the begin of a member says.

    Raises:
        UnreadableFileError: it is no header of NumPy.
    """
    place = len(_MAGIC) + 2
    version = begin[len(_MAGIC)] if begin.startswith(_MAGIC) and len(begin) > place else 0
    if version not in _VERSIONS:
        raise _damaged(what, "it does not begin as arrays of NumPy do")
    end = place + _VERSIONS[version]
    length = int.from_bytes(begin[place:end], "little")
    text = begin[end : end + length].decode("latin-1")
    if len(text) < length:
        raise _damaged(what, "its header is too long or not whole")
    # by hand: the text is Python, which NumPy compiles
    match = re.fullmatch(r"\{(.*)\}\s*", text, re.DOTALL)
    entries = match[1] if match else ""
    if re.search(r"""['"]descr['"]\s*:\s*\[""", entries):
        return _Header(None, "it is a table of several fields", False, (), 0)
    descr = re.findall(r"""['"]descr['"]\s*:\s*['"]([^'"]{1,20})['"]""", entries)
    order = re.findall(r"""['"]fortran_order['"]\s*:\s*(True|False)\b""", entries)
    shape = re.findall(r"""['"]shape['"]\s*:\s*\(([\d\s,L]*)\)""", entries)
    if not len(descr) == len(order) == len(shape) == 1:
        raise _damaged(what, "its header is not one of NumPy")
    sizes = re.findall(r"\d+", shape[0])  # those of Python 2 end with L
    if len(sizes) > _MOST_AXES or any(len(size) > 19 for size in sizes):
        raise _damaged(what, "its shape is not one")
    dtype, reason = _dtype(descr[0])
    return _Header(dtype, reason, order[0] == "True", tuple(map(int, sizes)), end + length)


def _dtype(text: str) -> tuple[np.dtype[Any] | None, str]:
    """Returns a dtype as a header describes it, or None and why its numbers cannot be read."""
    kind = text.lstrip("<>=|")[:1]
    if kind == "O":
        return None, "it holds pickled objects, and reading these would run code"
    if kind == "V":
        return None, "NumPy kept no type of its numbers, as of bfloat16: save them as float32"
    if re.fullmatch("[<>=|]?([fiu][1248]|c8|c16|b1)", text):
        try:
            return np.dtype(text), ""
        except TypeError:  # such as f1
            pass
    return None, f"its numbers are of dtype {printable(text)}, which no weights have"


def _read(archive: Archive, member: str, header: _Header, dtype: np.dtype[Any]) -> Array:
    """Returns the array of a member.

    Raises:
        UnreadableFileError: it is damaged.
    """
    with ExitStack() as stack:
        file = archive.open(member, stack)
        count = math.prod(header.shape)
        numbers = read_numbers(file, header.begin, count, dtype, f"{archive.what}: {member}")
    numbers = numbers.astype(dtype.newbyteorder("="), copy=False)
    if header.in_columns:
        return numbers.reshape(header.shape[::-1]).T
    return numbers.reshape(header.shape)


def _damaged(what: str, reason: str) -> UnreadableFileError:
    return UnreadableFileError(f"{printable(what)} is damaged: {reason}. Copy or save it again.")
