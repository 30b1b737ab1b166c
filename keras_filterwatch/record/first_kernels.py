"""The kernels at the start of a run, from which a training that goes on measures `rotation`."""

import io
import zipfile
from dataclasses import replace
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.storage import Folder

NAME = "first_kernels.npz"


def write_first_kernels(folder: Folder, first: Snapshot) -> None:
    """Writes the kernels at the start, in the precision that they have in `first`.

    Raises:
        OSError: they could not be written.
    """
    arrays = [_plain(kernel.array) for kernel in first.kernels]
    names = np.array([kernel.name for kernel in first.kernels], dtype=np.str_)
    content: Any = {"names": names, **{f"kernel_{i}": array for i, array in enumerate(arrays)}}
    if folder.is_local:  # straight to the disk, since they may fill half of the memory
        folder.path.mkdir(parents=True, exist_ok=True)
        part = folder.path / f"{NAME}.part"
        with part.open("wb") as file:
            np.savez(file, **content)
        part.replace(folder.path / NAME)
    else:
        buffer = io.BytesIO()
        np.savez(buffer, **content)
        folder.write(NAME, buffer.getvalue())


def read_first_kernels(folder: Folder, snapshot: Snapshot) -> Snapshot:
    """Returns the kernels at the start; names and all else are those of `snapshot`.

    Raises:
        OSError: there is no such file.
        ValueError: it cannot be read, or holds other kernels.
    """
    source = folder.path / NAME if folder.is_local else io.BytesIO(folder.read(NAME))
    try:
        with np.load(source, allow_pickle=False) as content:
            names = [str(name) for name in content["names"]]
            arrays = {name: content[f"kernel_{i}"] for i, name in enumerate(names)}
        kernels = tuple(
            replace(kernel, array=_fitting(arrays[kernel.name], kernel.array))
            for kernel in snapshot.kernels
        )
    except (KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{NAME} in {folder.location} cannot be read ({error!r})") from error
    return Snapshot(snapshot.step, kernels, snapshot.skipped)


def _plain(array: Array) -> Array:
    """Returns an array in a dtype that NumPy can save: bfloat16 and the like become float32."""
    return array.astype(np.float32) if array.dtype.kind == "V" else array


def _fitting(array: Array, now: Array) -> Array:
    if array.shape != now.shape:
        raise ValueError(f"{NAME} has a kernel of shape {array.shape} where {now.shape} is needed")
    return array
