"""Small networks, whose epochs are short enough that a callback is felt, and how long these take.

A convnet for MNIST and a variational autoencoder after the examples on keras.io, on noise of the
shape of MNIST's images: what training and watching cost does not depend on the pixels.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers

IMAGES, BATCH = 5000, 128


class Cost(NamedTuple):
    """What an epoch takes: seconds by the clock, and seconds of processors in all threads."""

    clock: float
    processors: float


def convnet() -> keras.Model:
    """Two convolutions and a Dense layer, 35,000 weights."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


class Sampling(layers.Layer):
    """Draws a code from its mean and the logarithm of its variance, whose divergence is a loss."""

    def call(self, inputs: Any) -> Any:
        """Returns the code."""
        mean, log_variance = inputs
        divergence = -0.5 * (
            1 + log_variance - keras.ops.square(mean) - keras.ops.exp(log_variance)
        )
        self.add_loss(keras.ops.mean(divergence))
        noise = keras.random.normal(keras.ops.shape(mean))
        return mean + keras.ops.exp(log_variance / 2) * noise


def autoencoder() -> keras.Model:
    """Five convolutions and four Dense layers, 170,000 weights."""
    keras.utils.set_random_seed(0)
    options: dict[str, Any] = {"strides": 2, "padding": "same", "activation": "relu"}
    image = layers.Input((28, 28, 1))
    hidden = layers.Conv2D(64, 3, **options)(layers.Conv2D(32, 3, **options)(image))
    hidden = layers.Dense(16, activation="relu")(layers.Flatten()(hidden))
    code = Sampling()([layers.Dense(2)(hidden), layers.Dense(2)(hidden)])
    hidden = layers.Reshape((7, 7, 64))(layers.Dense(7 * 7 * 64, activation="relu")(code))
    for filters in (64, 32):
        hidden = layers.Conv2DTranspose(filters, 3, **options)(hidden)
    output = layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid")(hidden)
    model = keras.Model(image, output)
    model.compile("adam", "binary_crossentropy")
    return model


NETWORKS: dict[str, Callable[[], keras.Model]] = {"MNIST convnet": convnet, "VAE": autoencoder}


def cost_of_an_epoch(model: keras.Model, *callbacks: Any, epochs: int = 6) -> Cost:
    """Returns the least of the epochs but the first, from the begin of one to that of the next.

    What a callback does at the end of an epoch belongs to that epoch, and what it does beside
    training takes its time from the next one. The least, since a busy machine only adds: epochs
    without callbacks took 0.7 to 1.2 s in one run.
    """
    begins: list[tuple[float, float]] = []
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: begins.append((time.perf_counter(), time.process_time()))
    )
    x = np.random.default_rng(0).random((IMAGES, *model.input_shape[1:]), np.float32)
    y = np.random.default_rng(1).integers(10, size=IMAGES)
    target = x if model.output_shape == model.input_shape else y
    options = {"batch_size": BATCH, "epochs": epochs + 2, "verbose": 0}
    model.fit(x, target, callbacks=[clock, *callbacks], **options)
    return Cost(*np.diff(begins[1:], axis=0).min(axis=0).tolist())
