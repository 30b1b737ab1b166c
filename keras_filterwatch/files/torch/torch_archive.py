"""Files of `torch.save` since PyTorch 1.6, as kernels; code that they name is never run."""

import io
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from keras_filterwatch.files.archives import Archive, open_archive
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.stored import ModelFile
from keras_filterwatch.files.torch.pickled_values import read_pickle
from keras_filterwatch.files.torch.torch_state_dict import Storages, file_of_state_dict

_PICKLE = "data.pkl"


def read_torch_archive(
    path: Path, stack: ExitStack, layout: str | Mapping[str, str] | None = None
) -> ModelFile:
    """Returns the kernels of a state dict, or of the one in a checkpoint, as a zip archive.

    Args:
        path: the file.
        stack: keeps it open.
        layout: as `snapshot_of` takes it.

    Raises:
        UnsafeFileError: loading it would run code, as of whole modules, or it is beyond the limits.
        UnreadableFileError: it is damaged, or has no state dict.

    Example:
        >>> import tempfile, zipfile
        >>> path = Path(tempfile.mkdtemp(), "weights.pt")
        >>> with zipfile.ZipFile(path, "w") as archive:
        ...     archive.writestr("weights/data.pkl", b"\\x80\\x02cbuiltins\\neval\\n.")
        >>> try:
        ...     with ExitStack() as stack:
        ...         read_torch_archive(path, stack)
        ... except UnsafeFileError as error:
        ...     print("builtins.eval" in str(error))
        True
    """
    archive = open_archive(path, stack)
    folder = _folder(archive)
    pickle = read_pickle(io.BytesIO(archive.read(folder + _PICKLE)), str(path))
    data = f"{folder}data/"
    lengths = {
        name.removeprefix(data): size
        for name, size in archive.sizes.items()
        if name.startswith(data)
    }

    def open_storage(key: str, stack: ExitStack) -> tuple[BinaryIO, int]:
        return archive.open(data + key, stack), 0

    storages = Storages(lengths, open_storage, "<" if _is_little_endian(archive, folder) else ">")
    return file_of_state_dict(path, pickle.value, storages, layout)


def _folder(archive: Archive) -> str:
    """Returns the folder in which everything lies, with the slash at its end.

    Raises:
        UnsafeFileError: it is a program.
        UnreadableFileError: it is no archive of `torch.save`.
    """
    folders = [name.removesuffix(_PICKLE) for name in archive.sizes if name.endswith("/" + _PICKLE)]
    if len(folders) != 1:
        raise UnreadableFileError(
            f"{archive.what} is damaged: there must be one {_PICKLE} in a folder of an archive of "
            "PyTorch. Copy or save it again."
        )
    (folder,) = folders
    has_code = any(name.startswith(f"{folder}code/") for name in archive.sizes)
    if has_code or f"{folder}constants.pkl" in archive:
        raise UnsafeFileError(
            f"{archive.what} is refused: it is a program of TorchScript, and loading it would run "
            "code. Save the weights alone, where you trust the file: "
            "torch.save(torch.jit.load(path).state_dict(), other_path)."
        )
    return folder


def _is_little_endian(archive: Archive, folder: str) -> bool:
    """Returns True if the lowest byte of each number comes first.

    Raises:
        UnreadableFileError: the order is unknown.
    """
    name = f"{folder}byteorder"
    order = archive.read(name, 16) if name in archive else b"little"  # not told before PyTorch 2.1
    if order not in (b"little", b"big"):
        raise UnreadableFileError(f"{archive.what} is damaged: its order of bytes is unknown.")
    return order == b"little"
