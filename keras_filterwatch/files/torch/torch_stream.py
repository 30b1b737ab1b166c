"""Files of `torch.save` before PyTorch 1.6, as kernels; code that they name is never run.

Such a file is five pickles (a number, the version of the format, the machine, the value, the keys
of the storages), and for each storage the count of its numbers in 8 bytes, and the numbers.
"""

import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NoReturn

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.files.torch.pickled_tensors import PickledStorage
from keras_filterwatch.files.torch.pickled_values import read_pickle
from keras_filterwatch.files.torch.torch_state_dict import Storages, file_of_state_dict

_NUMBER, _VERSION = 0x1950A86A20F9469CFC6C, 1001  # by which PyTorch knows its files
_PICKLED_NUMBER = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # how the first pickle ends
_LONGEST_FIRST = 32  # bytes of that pickle
_COUNT = 8  # bytes of the count of a storage's numbers


def is_torch_stream(begin: bytes) -> bool:
    """Returns True for the begin of a file that `torch.save` wrote before PyTorch 1.6.

    Example:
        >>> begin = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e8002")
        >>> is_torch_stream(begin), is_torch_stream(b"PK\\x03\\x04")
        (True, False)
    """
    return begin.startswith(b"\x80") and _PICKLED_NUMBER in begin[:_LONGEST_FIRST]


def read_torch_stream(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of a state dict, or of the one in a checkpoint, as PyTorch 1.5 saves it.

    Args:
        path: the file.
        stack: unused: the file is open only while an array is read.
        layout: as `snapshot_of` takes it.

    Raises:
        UnsafeFileError: loading it would run code, as of whole modules, or it is beyond the limits.
        UnreadableFileError: it is damaged, or has no state dict.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "model.pth")
        >>> _ = path.write_bytes(b"\\x80\\x02K\\x01.")
        >>> try:
        ...     read_torch_stream(path, ExitStack())
        ... except UnreadableFileError as error:
        ...     print(str(error).removeprefix(str(path)))
         is damaged: it is not of the version that PyTorch wrote. Copy or save it again.
    """
    with path.open("rb") as file:
        begin = io.BytesIO(file.read(limits.CONFIG_BYTES))
    for expected in (_NUMBER, _VERSION):
        if read_pickle(begin, str(path)).value != expected:
            _raise_damaged(path, "it is not of the version that PyTorch wrote")
    machine = read_pickle(begin, str(path)).value
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        _raise_damaged(path, "its order of bytes is unknown")
    pickle = read_pickle(begin, str(path))
    keys = read_pickle(begin, str(path)).value
    if not isinstance(keys, list):
        _raise_damaged(path, "the keys of its numbers are missing")
    places = _places(path, begin.tell(), keys, pickle.storages)

    def open_storage(key: str, stack: ExitStack) -> tuple[BinaryIO, int]:
        return stack.enter_context(path.open("rb")), places[key]

    lengths = {key: each.count * each.itemsize for key, each in pickle.storages.items()}
    storages = Storages({key: lengths[key] for key in places}, open_storage)
    return file_of_state_dict(path, pickle.value, storages, layout)


def _places(
    path: Path, place: int, keys: list[object], storages: Mapping[str, PickledStorage]
) -> dict[str, int]:
    """Returns the key of each storage -> where its numbers begin.

    Args:
        path: the file.
        place: where the first storage begins.
        keys: of the storages, in their order.
        storages: key -> storage, as the pickle describes it.

    Raises:
        UnreadableFileError: the file and the pickle differ.
    """
    size = path.stat().st_size
    places: dict[str, int] = {}
    with path.open("rb") as file:
        for key in keys:
            storage = storages.get(key) if isinstance(key, str) else None
            if storage is None or storage.key in places:
                _raise_damaged(path, "the keys of its numbers are not those of its tensors")
            file.seek(place)
            count = int.from_bytes(file.read(_COUNT), "little")
            place += _COUNT
            places[storage.key] = place
            place += storage.count * storage.itemsize
            if count != storage.count or place > size:
                _raise_damaged(path, "its numbers are not as many as its tensors need")
    return places


def _raise_damaged(path: Path, reason: str) -> NoReturn:
    raise UnreadableFileError(f"{path} is damaged: {reason}. Copy or save it again.")
