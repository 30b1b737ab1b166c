"""What a folder is that no reader can read, by the names of what is in it."""

import os
from itertools import islice
from pathlib import Path

_MANY = 10_000  # entries of a folder that are looked at
_ORBAX = (
    *("_CHECKPOINT_METADATA", "_METADATA", "_sharding", "manifest.ocdbt", "ocdbt.process_0"),
    *("array_metadatas", "_strings.json"),
)
_WEIGHTS = (".keras", ".h5", ".hdf5", ".weights.json", ".npz", ".safetensors", ".pt", ".pth")
_OF_ORBAX = (
    "a checkpoint of Orbax, in which JAX stores arrays in pieces: it is not read. Restore it where "
    "Orbax is installed, orbax.checkpoint.PyTreeCheckpointer().restore(path), and pass the dict to "
    "fw.score; or load it into the Keras model, and save that as .keras."
)


def kind_of_folder(path: Path) -> str:
    """Returns what a folder is, and what to do.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> for epoch in (1, 2):
        ...     (folder / f"epoch{epoch}.weights.h5").touch()
        >>> kind_of_folder(folder).partition(":")[0]
        'a folder with 2 saved files'
    """
    names = _names(path)
    if not names:
        return "an empty folder: pass the path of a saved model or of weights."
    if "saved_model.pb" in names:
        return "the folder of a SavedModel, which is damaged."
    if "saved_model.pbtxt" in names:
        return (
            "a SavedModel that was written as text, which is not read: save the model again in "
            "another format."
        )
    if _is_orbax(path, names):
        return _OF_ORBAX
    steps = [name for name in names if name.isdecimal() and _holds_orbax(path / name)]
    if steps:
        return f"a folder with {len(steps)} checkpoints of Orbax. Each of them is {_OF_ORBAX}"
    if any(name in names for name in (".zgroup", ".zarray", "zarr.json")):
        return (
            "a store of Zarr, which is not read: open it with zarr, and score the dict of its "
            "arrays, fw.score({name: array})."
        )
    if "model.json" in names and any(name.endswith(".bin") for name in names):
        return "a model of TensorFlow.js, which is not read: score the model that it was made from."
    indexes = [name for name in names if name.endswith(".index")]
    files = [name for name in names if name.lower().endswith(_WEIGHTS)] + indexes
    if len(files) == 1:
        return f"a folder: pass the path of the file in it, {path / files[0]}."
    if files:
        return (
            f"a folder with {len(files)} saved files: pass the path of one of them, or judge all "
            f"as one training with `keras-filterwatch series {path}`."
        )
    if "checkpoint" in names:
        return (
            "a folder with a file `checkpoint` that TensorFlow has not written; Flax and Orbax "
            f"write such files. If this is one of Orbax, it is {_OF_ORBAX}"
        )
    return (
        "a folder without a saved model that is known: pass the path of the file that holds the "
        "weights."
    )


def _names(path: Path) -> set[str]:
    with os.scandir(path) as entries:
        return {entry.name for entry in islice(entries, _MANY)}


def _is_orbax(path: Path, names: set[str]) -> bool:
    if names.intersection(_ORBAX) or any(name.startswith("ocdbt.process_") for name in names):
        return True
    return any(_holds_orbax(path / name) for name in ("default", "pytree", "state", "params"))


def _holds_orbax(path: Path) -> bool:
    try:
        is_folder = path.is_dir() and not path.is_symlink()
        return is_folder and bool(_names(path).intersection(_ORBAX))
    except OSError:
        return False
