"""Whole models as Keras 3 saves them: `.keras` archives of a config and weights."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from keras_filterwatch.files.archives import Archive, open_archive
from keras_filterwatch.files.config.architecture import Architecture, architecture_of
from keras_filterwatch.files.config.layer_config import load_json, parse_config
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.hdf5 import open_hdf5
from keras_filterwatch.files.keras.keras_weights import model_file
from keras_filterwatch.files.keras.layer_groups import LayerGroup
from keras_filterwatch.files.keras.matched_layers import matched_layers
from keras_filterwatch.files.keras.optimizer_state import optimizer_state
from keras_filterwatch.files.limits import CONFIG_BYTES
from keras_filterwatch.files.stored import ModelFile

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF"


def read_keras_archive(path: Path, stack: ExitStack) -> ModelFile:
    """Returns the kernels of a `.keras` file.

    Args:
        path: the file, of Keras 3 or of tf_keras.
        stack: what stays open as long as kernels are read.

    Raises:
        UnsafeFileError: it expands without limit, or its weights lead to other files.
        UnreadableFileError: it is damaged, or lacks its config or its weights.
    """
    archive = open_archive(path, stack)
    config = _config(archive, path)
    if _WEIGHTS not in archive:
        raise UnreadableFileError(
            f"{path} has no {_WEIGHTS}: only weights in HDF5 can be read. Save the model again "
            "with model.save('name.keras')."
        )
    what = f"{path} ({_WEIGHTS})"
    root = LayerGroup("", [(0, open_hdf5(archive.open(_WEIGHTS, stack), stack, what))])
    matched = matched_layers(architecture_of(parse_config(config, _what(path))), root)
    compile_config = config.get("compile_config")
    compile_config = compile_config if isinstance(compile_config, dict) else None
    state = optimizer_state(root, compile_config, _is_keras_3(archive, path))
    return model_file("Keras 3 archive", matched, None, compile_config, state)


def read_architecture(path: Path) -> Architecture:
    """Returns the layers of a model from a file that has its config.

    Args:
        path: a `.keras` file, a whole model in HDF5, or the text of `model.to_json()`.

    Raises:
        UnsafeFileError: the file expands without limit, or its config is too large or too deep.
        UnreadableFileError: it is damaged, or has no config of a model.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp(), "model.json")
        >>> size = path.write_text('{"class_name": "Sequential", "config": {"name": "net"}}')
        >>> read_architecture(path).model.name
        'net'
    """
    with path.open("rb") as file:
        begin = file.read(64)
    with ExitStack() as stack:
        if begin.startswith(_ZIP):
            archive = open_archive(path, stack)
            config = _config(archive, path)
        elif begin.startswith(_HDF5):
            text = open_hdf5(path, stack).attributes.get("model_config")
            if not isinstance(text, str):
                raise UnreadableFileError(
                    f"{path} holds weights without the config of their model: the file of a whole "
                    "model, or the text of model.to_json(), is needed."
                )
            config = load_json(text.encode(errors="replace"), _what(path))
        else:
            with path.open("rb") as file:
                config = load_json(file.read(CONFIG_BYTES + 1), str(path))
    return architecture_of(parse_config(config, _what(path)))


def _what(path: Path) -> str:
    return f"the config in {path}"


def _config(archive: Archive, path: Path) -> dict[str, Any]:
    if _CONFIG not in archive:
        raise UnreadableFileError(f"{path} has no {_CONFIG}: it is no model that Keras saved.")
    return load_json(archive.read(_CONFIG), _what(path))


def _is_keras_3(archive: Archive, path: Path) -> bool:
    if _METADATA not in archive:
        return False
    version = load_json(archive.read(_METADATA), f"{_METADATA} in {path}").get("keras_version")
    return isinstance(version, str) and version.startswith("3.")
