"""State dicts of PyTorch, their pickle opcode by opcode."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.fuzz.formats.contents import CONV, HEAD, weights
from keras_filterwatch.kernels import Array


def pickled_text(text: str) -> bytes:
    """Returns the opcodes that push a text."""
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def pickled_integer(number: int) -> bytes:
    """Returns the opcodes that push an integer."""
    if -(2**31) <= number < 2**31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def pickled_integers(numbers: Sequence[int]) -> bytes:
    """Returns the opcodes that push a tuple of integers."""
    return b"(" + b"".join(map(pickled_integer, numbers)) + b"t"


def pickled_storage(key: str, count: int, class_name: str = "FloatStorage") -> bytes:
    """Returns the opcodes that push a storage of PyTorch."""
    place = pickled_text("storage") + f"ctorch\n{class_name}\n".encode() + pickled_text(key)
    return b"(" + place + pickled_text("cpu") + pickled_integer(count) + b"tQ"


def pickled_tensor(
    key: str,
    shape: Sequence[int],
    strides: Sequence[int] | None = None,
    offset: int = 0,
    count: int | None = None,
    class_name: str = "FloatStorage",
) -> bytes:
    """Returns the opcodes that push a tensor of PyTorch.

    Args:
        key: the name of its storage in the archive.
        shape, strides, offset: how the tensor lies in its storage.
        count: how many numbers the storage claims to have.
        class_name: of the storage.
    """
    if strides is None:
        strides = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
    if count is None:
        count = int(np.prod(shape))
    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n("
        + pickled_storage(key, count, class_name)
        + pickled_integer(offset)
        + pickled_integers(shape)
        + pickled_integers(strides)
        + b"\x89ccollections\nOrderedDict\n)RtR"
    )


def pickled_state_dict(items: Mapping[str, bytes]) -> bytes:
    """Returns the pickle of a state dict: name -> the opcodes that push its value."""
    body = b"".join(pickled_text(name) + value for name, value in items.items())
    return b"\x80\x02ccollections\nOrderedDict\n)R(" + body + b"u."


def torch_arrays() -> dict[str, Array]:
    """Returns the arrays of a PyTorch model."""
    own = weights()
    return {
        "conv.weight": np.ascontiguousarray(own[CONV]["kernel"].transpose(3, 2, 0, 1)),
        "conv.bias": own[CONV]["bias"],
        "head.weight": np.ascontiguousarray(own[HEAD]["kernel"].T),
        "head.bias": own[HEAD]["bias"],
    }


def write_torch(
    path: Path,
    pickled: bytes | None = None,
    storages: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> None:
    """Writes a state dict as `torch.save` does.

    Args:
        path: where.
        pickled: the bytes of `data.pkl`.
        storages: key -> bytes.
        compression: how the members are packed.
    """
    named = torch_arrays()
    if pickled is None:
        pickled = pickled_state_dict(
            {name: pickled_tensor(str(i), a.shape) for i, (name, a) in enumerate(named.items())}
        )
    if storages is None:
        storages = {str(i): array.tobytes() for i, array in enumerate(named.values())}
    members = {
        "model/data.pkl": pickled,
        "model/byteorder": b"little",
        **{f"model/data/{key}": data for key, data in storages.items()},
        "model/version": b"3\n",
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
