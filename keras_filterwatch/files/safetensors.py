"""Files in the format safetensors, alone or in shards, as kernels.

A file is the length of its header in 8 bytes, the header as JSON (name -> dtype, shape, begin and
end of its bytes), and the bytes of all tensors without gaps.
https://huggingface.co/docs/safetensors
"""

import json
import math
import os
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.number_types import NumberType, number_type
from keras_filterwatch.files.plain_arrays import MOST_ARRAYS, file_of_arrays, read_numbers
from keras_filterwatch.files.stored import ModelFile, StoredArray
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import described, printable

_LENGTH = 8  # bytes of the header's length
_INDEX = ".safetensors.index.json"  # the end of the name of what tells in which shard a tensor is
_MOST_AXES = 64
_METADATA = "__metadata__"
_DTYPES = dict(
    (
        *(("F64", "float64"), ("F32", "float32"), ("F16", "float16"), ("BF16", "bfloat16")),
        *(("I64", "int64"), ("I32", "int32"), ("I16", "int16"), ("I8", "int8"), ("BOOL", "bool")),
        *(("U64", "uint64"), ("U32", "uint32"), ("U16", "uint16"), ("U8", "uint8")),
        *(("F8_E4M3", "float8_e4m3fn"), ("F8_E5M2", "float8_e5m2"), ("C64", "complex64")),
        *(("F8_E4M3FNUZ", "float8_e4m3fnuz"), ("F8_E5M2FNUZ", "float8_e5m2fnuz")),
    )
)
_ORDER_OF_MLX = "OHWI"


class _Shard(NamedTuple):
    """A file.

    Attributes:
        path: the file.
        framework: what wrote it, such as `"pt"` for PyTorch; `""` if the file does not say.
        arrays: name -> array.
        unread: name -> why the tensor cannot be read.
    """

    path: Path
    framework: str
    arrays: dict[str, StoredArray]
    unread: dict[str, str]


def read_safetensors(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of a file, or of all shards that a `.safetensors.index.json` lists.

    Axes are in the order of PyTorch if the file says that PyTorch wrote it, or has names that end
    with `.weight`; else in that of Keras.

    Args:
        path: the file.
        stack: unused: a file is open only while an array is read.
        layout: as `snapshot_of` takes it.

    Raises:
        UnsafeFileError: it is beyond the limits, or a shard lies in another folder.
        UnreadableFileError: it is damaged.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "model.safetensors")
        >>> header = b'{"fc.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
        >>> _ = path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
        >>> [kernel.shape for kernel in read_safetensors(path, ExitStack()).kernels]
        [(3, 2)]
    """
    shard = _of_shards(path) if path.name.endswith(_INDEX) else _shard(path)
    names = [*shard.arrays, *shard.unread]
    of_torch = shard.framework == "pt"
    if not shard.framework:
        of_torch = any(name.endswith(".weight") for name in names)
    if shard.framework == "mlx" and layout is None:
        layout = _ORDER_OF_MLX
    return file_of_arrays("safetensors", path, shard.arrays, shard.unread, layout, of_torch)


def _of_shards(path: Path) -> _Shard:
    """Returns the tensors of all shards of an index.

    Raises:
        UnsafeFileError: a shard lies in another folder.
        UnreadableFileError: the index or a shard is damaged, or lacks a tensor.
    """
    if path.stat().st_size > limits.CONFIG_BYTES:
        raise _too_large(path, path.stat().st_size)
    places = _json(path.read_bytes(), path).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(name, str) for name in places.values()):
        raise _damaged(path, "it does not tell in which file each tensor is")
    shards = {name: _shard(_beside(path, name)) for name in dict.fromkeys(places.values())}
    arrays: dict[str, StoredArray] = {}
    unread: dict[str, str] = {}
    for name, file in places.items():
        shard = shards[file]
        if name in shard.arrays:
            arrays[name] = shard.arrays[name]
        elif name in shard.unread:
            unread[name] = shard.unread[name]
        else:
            raise _damaged(path, f"{printable(name)!r} is not in {shard.path.name}")
    for shard in shards.values():
        others = {*shard.arrays, *shard.unread} - places.keys()
        unread |= dict.fromkeys(sorted(others), f"{path.name} does not list it")
    frameworks = [shard.framework for shard in shards.values() if shard.framework]
    return _Shard(path, frameworks[0] if frameworks else "", arrays, unread)


def _beside(index: Path, name: str) -> Path:
    """Returns the path of a shard.

    Raises:
        UnsafeFileError: it lies in another folder than the index.
        UnreadableFileError: there is no such file.
    """
    if name in ("", ".", "..") or any(character in name for character in "/\\:\0"):
        raise UnsafeFileError(
            f"{index} is refused: its shard {printable(name)!r} is no file in the same folder."
        )
    path = index.parent / name
    # the cache of Hugging Face has links to files that lie in one folder
    folders = {os.path.realpath(index.parent), os.path.dirname(os.path.realpath(index))}  # noqa: PTH120
    if os.path.dirname(os.path.realpath(path)) not in folders:  # noqa: PTH120
        raise UnsafeFileError(
            f"{index} is refused: its shard {printable(name)!r} is a link to another folder."
        )
    if not path.is_file():
        raise UnreadableFileError(
            f"{index} cannot be read: its shard {printable(name)!r} is missing. Copy all shards "
            "into one folder."
        )
    return path


def _shard(path: Path) -> _Shard:
    """Returns the tensors of a file.

    Raises:
        UnsafeFileError: it is beyond the limits.
        UnreadableFileError: it is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if length > size - _LENGTH:
            raise _damaged(path, "it is shorter than its header")
        if length > limits.CONFIG_BYTES:
            raise _too_large(path, length)
        header = _json(file.read(length), path)
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict):
        raise _damaged(path, "its metadata are no dict")
    framework = metadata.get("format", "")
    begin = _LENGTH + length
    arrays: dict[str, StoredArray] = {}
    unread: dict[str, str] = {}
    ranges: list[tuple[int, int]] = []
    for name, entry in header.items():
        what = f"{path}: {name}"
        dtype, shape, first, end = _checked(entry, what)
        ranges.append((first, end))
        numbers = number_type(_DTYPES.get(dtype, ""))
        if numbers is None:
            unread[name] = f"its numbers are of dtype {printable(dtype)}, which cannot be read"
            continue
        if math.prod(shape) * numbers.stored.itemsize != end - first:
            raise _damaged(what, f"it has {end - first} bytes, which do not fit its shape")
        read = partial(_read, path, begin + first, shape, numbers, what)
        arrays[name] = StoredArray(what, shape, numbers.dtype, read)
    place = 0
    for first, end in sorted(ranges):
        if first != place:
            raise _damaged(path, "its tensors overlap or have gaps between them")
        place = end
    if place != size - begin:
        raise _damaged(path, "its length is not that of its tensors")
    return _Shard(path, framework if isinstance(framework, str) else "", arrays, unread)


def _checked(entry: Any, what: str) -> tuple[str, tuple[int, ...], int, int]:
    """Returns dtype, shape, begin and end of a tensor.

    Raises:
        UnreadableFileError: the header does not have these.
    """
    values = entry if isinstance(entry, dict) else {}
    dtype, shape = values.get("dtype"), _sizes(values.get("shape"))
    place = _sizes(values.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or place is None:
        raise _damaged(what, "its dtype, shape or place is missing")
    if len(place) != 2 or place[0] > place[1]:
        raise _damaged(what, "its bytes end before they begin")
    return dtype, shape, *place


def _sizes(values: Any) -> tuple[int, ...] | None:
    """Returns a list of sizes as a tuple; None of what is none."""
    is_list = isinstance(values, list) and len(values) <= _MOST_AXES
    if is_list and all(type(value) is int and 0 <= value < 2**63 for value in values):
        return tuple(values)
    return None


def _json(text: bytes, path: Path) -> dict[str, Any]:
    """Returns a dict from JSON in which no key comes twice.

    Raises:
        UnsafeFileError: it has too many parts.
        UnreadableFileError: it is none.
    """
    most = {b"{": MOST_ARRAYS, b"[": 2 * MOST_ARRAYS, b",": 12 * MOST_ARRAYS}
    if any(text.count(mark) > count for mark, count in most.items()):
        raise UnsafeFileError(f"{path} is refused: its header has too many entries.")
    try:
        value = json.loads(text.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"its header is not the JSON of one: {described(error)}") from error
    if not isinstance(value, dict):
        raise _damaged(path, "its header is no dict")
    return value


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        raise ValueError("a name comes twice")
    return result


def _read(path: Path, begin: int, shape: tuple[int, ...], numbers: NumberType, what: str) -> Array:
    """Returns a tensor.

    Raises:
        UnreadableFileError: the file ends within it.
    """
    with path.open("rb") as file:
        stored = read_numbers(file, begin, math.prod(shape), numbers.stored, what)
    return numbers.decode(stored).reshape(shape)


def _damaged(what: str | Path, reason: str) -> UnreadableFileError:
    return UnreadableFileError(f"{printable(what)} is damaged: {reason}. Copy or save it again.")


def _too_large(path: Path, size: int) -> UnsafeFileError:
    return UnsafeFileError(
        f"{path} is refused: its header would have {size} bytes, more than {limits.CONFIG_BYTES}."
    )
