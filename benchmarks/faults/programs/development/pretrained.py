"""Trainings that start from weights already trained: transfer, and fine-tuning."""

import keras
import numpy as np
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import accuracy, rate, seed


def transfer(random: Generator) -> Training:
    """Returns a new head for the digits 5 to 9, on a frozen base that learnt 0 to 4."""
    x, y, x_val, y_val, _ = load("mnist", seed(random), train=3_500, val=800)
    base = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(12, 5, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.Conv2D(24, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ],
        name="base",
    )
    _pretrain(base, x[y < 5], y[y < 5])
    base.trainable = False
    x, y, x_val, y_val = x[y >= 5], y[y >= 5] - 5, x_val[y_val >= 5], y_val[y_val >= 5] - 5
    inputs = layers.Input((28, 28, 1))
    hidden = layers.Flatten()(base(inputs, training=False))
    hidden = layers.Dense(32, activation="relu")(hidden)
    hidden = layers.Dropout(0.2)(hidden)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax")(hidden))
    model.compile(
        optimizer=keras.optimizers.Adam(rate(random, 5e-4)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Training(model, x, y, (x_val, y_val), 15, accuracy, 0.2, 0.95, (x_val, y_val), batch=32)


def _pretrain(base: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """Trains the base under a head that is thrown away."""
    head = [layers.Flatten(), layers.Dense(5, activation="softmax")]
    model = keras.Sequential([base, *head])
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=64, epochs=3, verbose=0)


def fine_tuning(random: Generator) -> Training:
    """Returns a network trained before on clean scans, at a tiny rate on smeared ones."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_300, val=450)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(24, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(48, activation="relu"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=32, epochs=5, verbose=0)
    x, x_val = (_smeared(images, random) for images in (x, x_val))
    model.compile(
        optimizer=keras.optimizers.Adam(rate(random, 5e-5)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Training(
        model,
        x,
        y,
        (x_val, y_val),
        15,
        accuracy,
        0.1,
        0.94,
        (x_val, y_val),
        batch=32,
        arguments={"initial_epoch": 5},
    )


def _smeared(images: np.ndarray, random: Generator) -> np.ndarray:
    """Returns the scans with ink drawn to the right, and grain."""
    smeared = (images + np.roll(images, 1, axis=2)) / 2
    return np.float32(smeared + random.normal(0, 0.1, images.shape))


PROGRAMS = (
    Program(
        "transfer_mnist_frozen_base",
        "transfer",
        transfer,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "nan_inputs",
            "wrong_sign",
            "dropout_too_strong",
            "loss_does_not_fit",
        ),
    ),
    Program(
        "fine_tuning_digits",
        "fine_tuning",
        fine_tuning,
        (
            "raw_inputs",
            "over_regularised",
            "exploding",
            "nan_inputs",
            "wrong_sign",
        ),
    ),
)
