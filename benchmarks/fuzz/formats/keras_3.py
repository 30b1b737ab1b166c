"""Archives and weights of Keras 3."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py

from benchmarks.fuzz.formats.contents import CONV, HEAD, IMAGE, NORM, weights


def layer_config(class_name: str, name: str, module: str = "keras.layers", **config: Any) -> Any:
    """Returns the config of a layer as Keras 3 saves it."""
    return {
        "module": module,
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "registered_name": None,
    }


def keras_config(*more_layers: Any) -> dict[str, Any]:
    """Returns the config of the model as Keras 3 saves it, with more layers behind the first."""
    layers = [
        {
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {"batch_shape": [None, *IMAGE], "dtype": "float32", "name": "input"},
            "registered_name": None,
        },
        *more_layers,
        layer_config(
            "Conv2D",
            CONV,
            filters=4,
            kernel_size=[3, 3],
            strides=[1, 1],
            padding="valid",
            data_format="channels_last",
            dilation_rate=[1, 1],
            groups=1,
            activation="relu",
            use_bias=True,
            kernel_initializer={
                "module": "keras.initializers",
                "class_name": "GlorotUniform",
                "config": {"seed": None},
                "registered_name": None,
            },
            kernel_constraint=None,
        ),
        layer_config("BatchNormalization", NORM, axis=-1, epsilon=0.001, center=True, scale=True),
        layer_config("Flatten", "flat", data_format="channels_last"),
        layer_config("Dense", HEAD, units=2, activation="softmax", use_bias=True),
    ]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": "sequential",
            "trainable": True,
            "dtype": "float32",
            "layers": layers,
            "build_input_shape": [None, *IMAGE],
        },
        "registered_name": None,
        "build_config": {"input_shape": [None, *IMAGE]},
        "compile_config": {"optimizer": "sgd", "loss": "categorical_crossentropy"},
    }


def fill_keras_weights(file: h5py.File) -> None:
    """Fills an HDF5 file with the weights as Keras 3 lays them out."""
    groups = {CONV: "conv2d", NORM: "batch_normalization", HEAD: "dense"}
    for layer, variables in weights().items():
        group = file.create_group(f"layers/{groups[layer]}/vars")
        group.attrs["name"] = layer
        for number, array in enumerate(variables.values()):
            group[str(number)] = array
    file.create_group("vars").attrs["name"] = "sequential"


def keras_weights() -> bytes:
    """Returns a file `.weights.h5` of Keras 3."""
    memory = io.BytesIO()
    with h5py.File(memory, "w") as file:
        fill_keras_weights(file)
    return memory.getvalue()


def write_keras_archive(
    path: Path,
    config: Any = None,
    stored_weights: bytes | None = None,
    more_members: Mapping[str, bytes] | None = None,
    compression: int = zipfile.ZIP_STORED,
) -> None:
    """Writes a `.keras` archive.

    Args:
        path: where.
        config: of the model; text or bytes as they are; that of `keras_config` if not given.
        stored_weights: the bytes of `model.weights.h5`; those of `keras_weights` if not given.
        more_members: name -> bytes.
        compression: how the members are packed.
    """
    text = config if isinstance(config, str | bytes) else json.dumps(config or keras_config())
    members = {
        "metadata.json": json.dumps({"keras_version": "3.15.0", "date_saved": "2026-01-01"}),
        "config.json": text,
        "model.weights.h5": keras_weights() if stored_weights is None else stored_weights,
        **(more_members or {}),
    }
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
