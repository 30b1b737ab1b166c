"""Archives of NumPy."""

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.fuzz.formats.contents import arrays
from keras_filterwatch.kernels import Array


def write_npz(path: Path, members: Mapping[str, bytes] | None = None, compression: int = 0) -> None:
    """Writes a `.npz` archive; its members, as bytes, are those of `arrays` if not given."""
    if members is None:
        members = {f"{name}.npy": npy(array) for name, array in arrays().items()}
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def npy(array: Array) -> bytes:
    """Returns an array as a file `.npy`."""
    memory = io.BytesIO()
    np.lib.format.write_array(memory, array, allow_pickle=True)
    return memory.getvalue()


def npy_of_header(header: str | bytes, data: bytes = b"", version: int = 2) -> bytes:
    """Returns a file `.npy` with such a header."""
    text = header.encode("latin1") if isinstance(header, str) else header
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<I", len(text)) + text + data
