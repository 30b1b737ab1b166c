"""Opens saved files of all formats, which are told apart by what is in them."""

import os
import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from keras_filterwatch.files import limits
from keras_filterwatch.files.config.architecture import Architecture
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.stored import ModelFile

_HDF5, _ZIP = b"\x89HDF\r\n\x1a\n", (b"PK\x03\x04", b"PK\x05\x06")
_PICKLE = b"\x80"
_TABLE = bytes.fromhex("57fb808b247547db")  # at the end of the index of TensorFlow's checkpoints
_SUFFIXES = (
    *(".keras", ".h5", ".hdf5", ".weights.json", ".npz", ".safetensors", ".pt", ".pth"),
    *(".index", ".ckpt", ".bin"),
)


@contextmanager
def open_file(
    path: str | os.PathLike[str],
    architecture: str | os.PathLike[str] | None = None,
    layout: str | Mapping[str, str] | None = None,
) -> Iterator[ModelFile]:
    """Opens a saved model, or weights, without running anything that is in the file.

    Args:
        path: a file that Keras, TensorFlow, PyTorch or NumPy wrote (docs/files.md lists the
            formats), or the folder of a SavedModel or of a checkpoint of TensorFlow.
        architecture: of weights alone, a file that has the config of their model: a `.keras` file,
            a whole model in HDF5, or the text of `model.to_json()`.
        layout: of a file of plain arrays, the order of their axes, as `snapshot_of` takes it.

    Raises:
        FileNotFoundError: there is no such file.
        UnsafeFileError: the file could run code, reach other files, or expand without limit.
        UnreadableFileError: it is damaged, or of a kind that is not read.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> path = Path(tempfile.mkdtemp(), "weights.npz")
        >>> np.savez(path, conv=np.ones((3, 3, 1, 8), "f4"))
        >>> with open_file(path) as file:
        ...     [(kernel.name, kernel.shape) for kernel in file.kernels]
        [('conv', (3, 3, 1, 8))]
    """
    with ExitStack() as stack:
        file = _opened(Path(path), architecture, layout, stack)
        if len(file.kernels) > limits.KERNELS:
            raise UnsafeFileError(
                f"{path} is refused: it has {len(file.kernels)} kernels, more than "
                f"{limits.KERNELS}."
            )
        yield file


def looks_like_file(path: str) -> bool:
    """Returns True for what may be meant as a saved file, whether it exists or not.

    Example:
        >>> looks_like_file("model.keras"), looks_like_file("conv2d")
        (True, False)
    """
    # Path.exists raises for names that are too long; a prefix names a checkpoint of TensorFlow
    exists = any(map(os.path.exists, (path, f"{path}.index")))
    return exists or path.lower().endswith(_SUFFIXES) or any(sep in path for sep in "/\\")


def is_model_folder(folder: Path) -> bool:
    """Returns True for the folder of a SavedModel, or of a checkpoint of TensorFlow.

    Example:
        >>> is_model_folder(Path("nowhere"))
        False
    """
    names = ("saved_model.pb", "checkpoint")
    return any((folder / name).is_file() for name in names) or len([*folder.glob("*.index")]) == 1


def warn_of_notes(file: ModelFile, path: str | os.PathLike[str], stacklevel: int) -> None:
    """Warns of what a file does not tell, unless no file of its kind tells more.

    Args:
        file: the file.
        path: where it is.
        stacklevel: the calls up to the user's own.
    """
    for note in () if file.has_weights_alone else file.notes:
        warnings.warn(f"FilterWatch: {os.fspath(path)}: {note}", stacklevel=stacklevel)


def _opened(
    path: Path,
    architecture: str | os.PathLike[str] | None,
    layout: str | Mapping[str, str] | None,
    stack: ExitStack,
) -> ModelFile:
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        if not Path(f"{path}.index").is_file():
            raise FileNotFoundError(_missing(path)) from None
        from keras_filterwatch.files.tensorflow.tensorflow_checkpoint import (
            read_tensorflow_checkpoint,
        )

        return read_tensorflow_checkpoint(path, stack, layout)
    except ValueError as error:  # such as a null character in the name
        raise FileNotFoundError(f"{os.fspath(path)!r} is no name of a file: {error}.") from None
    if stat.S_ISDIR(kind):
        return _opened_folder(path, layout, stack)
    if not stat.S_ISREG(kind):
        raise UnreadableFileError(f"{path} is no file but a device, a pipe or a socket.")
    with path.open("rb") as opened:
        begin = opened.read(64)
        opened.seek(max(0, path.stat().st_size - len(_TABLE)))
        end = opened.read()
    if begin.startswith(_HDF5):
        return _opened_hdf5(path, architecture, stack)
    if begin.startswith(_ZIP):
        return _opened_archive(path, layout, stack)
    if end == _TABLE:
        from keras_filterwatch.files.tensorflow.tensorflow_checkpoint import (
            read_tensorflow_checkpoint,
        )

        return read_tensorflow_checkpoint(path, stack, layout)
    if begin[8:9] == b"{" or path.name.endswith(".safetensors.index.json"):
        from keras_filterwatch.files.safetensors import read_safetensors

        return read_safetensors(path, stack, layout)
    if begin.lstrip().startswith(b"{"):
        from keras_filterwatch.files.keras.keras_weights import read_keras_weights

        return read_keras_weights(path, stack, _architecture(architecture))
    if _has_user_block(path):
        return _opened_hdf5(path, architecture, stack)
    if begin.startswith(_PICKLE):
        from keras_filterwatch.files.torch.torch_stream import is_torch_stream, read_torch_stream

        if is_torch_stream(begin):
            return read_torch_stream(path, stack, layout)
    from keras_filterwatch.files.refused import refusal

    raise refusal(path)


def _opened_folder(
    path: Path, layout: str | Mapping[str, str] | None, stack: ExitStack
) -> ModelFile:
    if (path / "saved_model.pb").is_file():
        from keras_filterwatch.files.tensorflow.saved_model import read_saved_model

        return read_saved_model(path, stack, layout)
    if is_model_folder(path):
        from keras_filterwatch.files.tensorflow.tensorflow_checkpoint import (
            read_tensorflow_checkpoint,
        )

        return read_tensorflow_checkpoint(path, stack, layout)
    from keras_filterwatch.files.refused import refusal

    raise refusal(path)


def _opened_hdf5(
    path: Path, architecture: str | os.PathLike[str] | None, stack: ExitStack
) -> ModelFile:
    from keras_filterwatch.files.hdf5 import open_hdf5
    from keras_filterwatch.files.keras.keras_weights import read_keras_weights
    from keras_filterwatch.files.legacy.keras_legacy import is_keras_legacy, read_keras_legacy

    root = open_hdf5(path, stack)
    if is_keras_legacy(root):
        return read_keras_legacy(root, path, stack, _architecture(architecture))
    return read_keras_weights(path, stack, _architecture(architecture))


def _opened_archive(
    path: Path, layout: str | Mapping[str, str] | None, stack: ExitStack
) -> ModelFile:
    from keras_filterwatch.files.archives import open_archive

    with ExitStack() as short:
        members = [*open_archive(path, short).sizes]
    if "config.json" in members:
        from keras_filterwatch.files.keras.keras_archive import read_keras_archive

        return read_keras_archive(path, stack)
    if any(member.split("/")[-1] == "data.pkl" for member in members):
        from keras_filterwatch.files.torch.torch_archive import read_torch_archive

        return read_torch_archive(path, stack, layout)
    if any(member.endswith(".npy") for member in members) or not members:
        from keras_filterwatch.files.npz import read_npz

        return read_npz(path, stack, layout)
    from keras_filterwatch.files.refused import refusal

    raise refusal(path)


def _architecture(path: str | os.PathLike[str] | None) -> Architecture | None:
    if path is None:
        return None
    from keras_filterwatch.files.keras.keras_archive import read_architecture

    return read_architecture(Path(path))


def _has_user_block(path: Path) -> bool:
    """Returns True for HDF5 behind other bytes, which have a length of 512 times a power of two."""
    size, place = path.stat().st_size, 512
    with path.open("rb") as file:
        while place < min(size, 2**30):
            file.seek(place)
            if file.read(len(_HDF5)) == _HDF5:
                return True
            place *= 2
    return False


def _missing(path: Path) -> str:
    return f"{os.fspath(path)!r} does not exist: the path of a saved model or of weights is needed."
