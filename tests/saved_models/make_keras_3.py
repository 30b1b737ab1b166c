"""Writes the `.keras` file of a small model with an old version of Keras: run it in that version.

python make_keras_3.py FOLDER
"""

import gzip
import sys
from pathlib import Path

import keras
import numpy as np

layers = keras.layers


def counted(shape):
    size = int(np.prod(shape))
    return (np.arange(size).reshape(shape) / size).astype("float32")


def model():
    inner = keras.Sequential(
        [
            layers.Input((8, 8, 4)),
            layers.Conv2D(3, 3, name="inside"),
            layers.BatchNormalization(name="inner_norm"),
        ],
        name="inner",
    )
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(5, 3, padding="same", use_bias=False, name="first")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Conv2D(4, 3, padding="same", name="second")(x)
    x = layers.Reshape((36, 3), name="reshape")(inner(x))
    x = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.TimeDistributed(layers.Dense(7, name="each"), name="times")(x)
    x = layers.Bidirectional(layers.LSTM(2), name="both")(x)
    return keras.Model(image, layers.Dense(2, name="head")(x), name="net")


made = model()
made.set_weights([counted(weight.shape) for weight in made.get_weights()])
version = keras.__version__.replace(".", "_")
path = Path(sys.argv[1], f"keras_{version}.keras")
if version.startswith("2_"):
    made.save(path, save_format="keras_v3")
else:
    made.save(path)
path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
path.unlink()
