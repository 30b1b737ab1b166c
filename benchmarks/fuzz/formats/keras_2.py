"""Models of Keras 2 in HDF5."""

import json
from pathlib import Path
from typing import Any

import h5py

from benchmarks.fuzz.formats.contents import IMAGE, weights
from benchmarks.fuzz.formats.keras_3 import keras_config


def legacy_config(*more_layers: Any) -> dict[str, Any]:
    """Returns the config of the model as Keras 2 saves it, with more layers behind the first."""
    config = keras_config(*more_layers)
    layers = [
        {"class_name": layer["class_name"], "config": layer["config"]}
        for layer in config["config"]["layers"]
    ]
    layers[0]["config"] = {
        "batch_input_shape": [None, *IMAGE],
        "dtype": "float32",
        "sparse": False,
        "name": "input",
    }
    return {"class_name": "Sequential", "config": {"name": "sequential", "layers": layers}}


def fill_legacy(file: h5py.File, config: Any = None) -> None:
    """Fills an HDF5 file with the model as Keras 2 lays it out.

    Args:
        file: what is filled.
        config: of the model; text or bytes as they are; that of `legacy_config` if not given.
    """
    file.attrs["backend"] = "tensorflow"
    file.attrs["keras_version"] = "2.15.0"
    text = config if isinstance(config, str | bytes) else json.dumps(config or legacy_config())
    file.attrs["model_config"] = text
    group = file.create_group("model_weights")
    group.attrs["backend"] = "tensorflow"
    group.attrs["keras_version"] = "2.15.0"
    group.attrs["layer_names"] = [name.encode() for name in weights()]
    for layer, variables in weights().items():
        own = group.create_group(layer)
        own.attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in variables]
        for name, array in variables.items():
            own[f"{layer}/{name}:0"] = array


def write_legacy(path: Path, config: Any = None) -> None:
    """Writes a model as Keras 2 saves it in HDF5."""
    with h5py.File(path, "w") as file:
        fill_legacy(file, config)
