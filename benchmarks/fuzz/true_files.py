"""`python -m benchmarks.fuzz.true_files FOLDER`: small files as Keras and TensorFlow write them."""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def sequential(keras: Any) -> Any:
    """Returns a compiled Sequential model."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.SeparableConv2D(3, 3, name="separable"),
            layers.Flatten(),
            layers.Dense(2, activation="softmax", name="head"),
        ]
    )
    model.compile("adam", "categorical_crossentropy")
    return model


def functional(keras: Any) -> Any:
    """Returns a functional model with a model inside, a shared layer and a wrapper."""
    layers = keras.layers
    inner = keras.Sequential([layers.Input((4, 4, 4)), layers.Conv2D(3, 3, name="inner")])
    first, second = keras.Input((8, 8, 1)), keras.Input((8, 8, 1))
    conv = layers.Conv2D(4, 3, strides=2, padding="same", name="shared")
    both = layers.Add()([conv(first), conv(second)])
    both = layers.Conv2DTranspose(4, 2, padding="same", name="transposed")(both)
    rows = layers.TimeDistributed(layers.Dense(3, name="row"))(both)
    flat = layers.Flatten()(inner(layers.DepthwiseConv2D(1, name="depthwise")(both)))
    out = layers.Concatenate()([flat, layers.Flatten()(rows)])
    return keras.Model([first, second], layers.Dense(2, name="out")(out))


def write_all(folder: Path) -> None:
    """Writes both models in all formats that the installed packages have."""
    import keras

    folder.mkdir(parents=True, exist_ok=True)
    for make in (sequential, functional):
        model, name = make(keras), make.__name__
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
        model.save_weights(folder / f"{name}.weights.h5")
    if find_spec("tensorflow"):
        import tensorflow as tf

        tf.train.Checkpoint(model=sequential(keras)).write(str(folder / "trained"))
    if find_spec("tf_keras"):
        import tf_keras

        for make in (sequential, functional):
            model, name = make(tf_keras), f"{make.__name__}_2"
            model.save(folder / f"{name}.keras")
            model.save(folder / f"{name}.h5")
            model.save_weights(folder / f"{name}_weights.h5")
        sequential(tf_keras).save_weights(folder / "weights_2.ckpt")
        sequential(tf_keras).save(folder / "saved_model", save_format="tf")


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
