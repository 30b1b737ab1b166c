"""Arrays in a file that has no layers: which are kernels, and how their numbers are read."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.stored import ModelFile, StoredArray
from keras_filterwatch.kernels import Array
from keras_filterwatch.sources.arrays import has_channels_first, kernels_of_arrays
from keras_filterwatch.text import printable

MOST_ARRAYS = 200_000  # each takes about 1 kB while the file is open
_LISTED_REASONS = 8


def file_of_arrays(
    format_name: str,
    path: Path,
    arrays: Mapping[str, StoredArray],
    unread: Mapping[str, str],
    layout: str | Mapping[str, str] | None,
    of_torch: bool = False,
) -> ModelFile:
    """Returns the file with the kernels among its arrays, by the rules for dicts of arrays.

    Args:
        format_name: what kind of file it is.
        path: the file.
        arrays: name -> array.
        unread: name -> why what has this name is no array that can be read.
        layout: as `snapshot_of` takes it.
        of_torch: whether PyTorch orders the axes.

    Raises:
        UnreadableFileError: no array is a kernel, or the order of the axes is in doubt.
        TypeError: `layout` is of no use.

    Example:
        >>> array = StoredArray("fc", (2, 3), np.dtype("f4"), lambda: np.ones((2, 3), "f4"))
        >>> file = file_of_arrays("NumPy archive", Path("a.npz"), {"fc": array}, {}, None)
        >>> [kernel.shape for kernel in file.kernels]
        [(2, 3)]
    """
    _check(path, arrays, unread)
    try:
        kernels, skipped = kernels_of_arrays(arrays, layout, of_torch)
    except ValueError as error:
        raise UnreadableFileError(f"{path} cannot be read: {error}") from error
    if not kernels:
        reasons = [f"{printable(name)!r} ({reason})" for name, reason in unread.items()]
        more = ", ..." if len(reasons) > _LISTED_REASONS else ""
        listing = f": {', '.join(reasons[:_LISTED_REASONS])}{more}" if reasons else ""
        raise UnreadableFileError(f"{path} has no array that can be read{listing}.")
    has_torch_axes = of_torch and any(not name.endswith("kernel") for name in arrays)
    return ModelFile(
        format_name,
        tuple(kernels),
        {**skipped, **unread},
        channels_first=has_torch_axes or has_channels_first({}, layout),
    )


def _check(path: Path, arrays: Mapping[str, StoredArray], unread: Mapping[str, str]) -> None:
    """Raises UnreadableFileError if a name is no text, or a shape is none of NumPy."""
    try:
        "".join([*arrays, *unread]).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFileError(
            f"{path} is damaged: the name of an array is no text. Copy or save it again."
        ) from error
    for array in arrays.values():
        # an array without numbers may have other axes of any size
        if math.prod(max(1, size) for size in array.shape) * array.dtype.itemsize >= 2**63:
            raise UnreadableFileError(
                f"{printable(array.name)} is damaged: its shape would be {array.shape}. Copy or "
                "save it again."
            )


def read_numbers(file: BinaryIO, begin: int, count: int, dtype: np.dtype[Any], what: str) -> Array:
    """Returns numbers of a file as a vector.

    Args:
        file: the file.
        begin: where the first number lies, in bytes.
        count: how many numbers there are; the caller knows that the file is as long.
        dtype: their dtype.
        what: how messages call the array.

    Raises:
        UnreadableFileError: the file ends before.

    Example:
        >>> import io
        >>> read_numbers(io.BytesIO(bytes([9, 1, 0, 2, 0])), 1, 2, np.dtype("<u2"), "a").tolist()
        [1, 2]
    """
    numbers = np.empty(count, dtype)
    rest = numbers.view(np.uint8).data
    file.seek(begin)
    while rest:
        length = file.readinto(rest)  # type: ignore[attr-defined]
        if not length:
            raise UnreadableFileError(f"{printable(what)} is damaged: the file ends within it.")
        rest = rest[length:]
    return numbers
