"""Inputs from a tf.data pipeline: an Xception and a ConvNeXt."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import (
    accuracy,
    binary_accuracy,
    data_seed,
    log_uniform,
)

# A small Xception, as in "image classification from scratch": pixels of 0..255 from a dataset.


def _xception(random: Generator) -> Training:
    data = load("photographs", data_seed(random), train=2400, val=500)

    def dataset(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        keep = y % 2 == 0  # upright or upside down
        return x[keep] * 255, (y[keep] // 2).astype("float32")

    train_x, train_y = dataset(data.x_train, data.y_train)
    val_x, val_y = dataset(data.x_val, data.y_val)
    flip = layers.RandomFlip("horizontal")
    train_ds = tf.data.Dataset.from_tensor_slices((train_x, train_y))
    train_ds = train_ds.shuffle(2000).batch(32)
    train_ds = train_ds.map(lambda img, label: (flip(img, training=True), label)).prefetch(1)
    val_ds = tf.data.Dataset.from_tensor_slices((val_x, val_y)).batch(32)

    inputs = keras.Input(shape=(24, 24, 3))
    x = layers.Rescaling(1.0 / 255)(inputs)
    x = layers.Conv2D(16, 3, strides=2, padding="same")(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    previous_block_activation = x
    for size in [24, 32]:
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.Activation("relu")(x)
        x = layers.SeparableConv2D(size, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        residual = layers.Conv2D(size, 1, strides=2, padding="same")(previous_block_activation)
        x = layers.add([x, residual])
        previous_block_activation = x
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(0.25)(x)
    outputs = layers.Dense(1, activation=None)(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adam(log_uniform(random, 1e-3, 3e-3)),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="acc", threshold=0.0)],
    )
    return Training(
        model,
        train_ds,
        None,
        val_ds,
        12,
        binary_accuracy(0.0),
        guess=0.5,
        good=0.8,
        held_out=(val_x, val_y),
        probe=(train_x[:200], train_y[:200]),
    )


# ConvNeXt: mixup in the input pipeline, layer scale, AdamW with cosine restarts.


class LayerScale(layers.Layer):
    """Multiplies each channel by a learnt factor that begins small."""

    def build(self, shape: tuple[int | None, ...]) -> None:
        """Creates the variables."""
        start = keras.initializers.Constant(1e-2)
        self.gamma = self.add_weight(shape=(shape[-1],), initializer=start, name="gamma")

    def call(self, x: Any) -> Any:
        """Returns the output of the layer."""
        return x * self.gamma


def _mixup(x: Any, y: Any) -> tuple[Any, Any]:
    share = 0.5 * tf.random.uniform([tf.shape(x)[0]]) ** 3
    wide = tf.reshape(share, (-1, 1, 1, 1))
    return x * (1 - wide) + x[::-1] * wide, y * (1 - share[:, None]) + y[::-1] * share[:, None]


def _convnext(random: Generator) -> Training:
    data = load("digits", data_seed(random), train=1200, val=400)
    y_train, y_val = (np.eye(10, dtype="float32")[y] for y in (data.y_train, data.y_val))
    x_train, x_val = data.x_train * 2 - 1, data.x_val * 2 - 1
    slices = tf.data.Dataset.from_tensor_slices((x_train, y_train))
    train = slices.shuffle(2000).repeat().batch(32).map(_mixup).prefetch(1)
    width, per_epoch = int(random.choice([16, 24])), 37

    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(width, 2, name="stem")(inputs)
    x = layers.LayerNormalization(epsilon=1e-6)(x)
    for i in range(2):
        y = layers.DepthwiseConv2D(7, padding="same", name=f"depthwise_{i}")(x)
        y = layers.LayerNormalization(epsilon=1e-6)(y)
        y = layers.Dense(4 * width, activation="gelu", name=f"expand_{i}")(y)
        y = LayerScale()(layers.Dense(width, name=f"project_{i}")(y))
        x = layers.Add()([x, y])
    x = layers.LayerNormalization(epsilon=1e-6)(layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, layers.Dense(10, name="head")(x), name="convnext_femto")
    schedule = keras.optimizers.schedules.CosineDecayRestarts(
        log_uniform(random, 3e-3, 6e-3), 3 * per_epoch, t_mul=2.0
    )
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.05),
        keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["categorical_accuracy"],
    )
    return Training(
        model,
        train,
        None,
        (x_val, y_val),
        9,
        accuracy,
        guess=0.1,
        good=0.95,
        held_out=(x_val, y_val),
        batch=32,
        probe=(x_train[:256], y_train[:256]),
        arguments={"steps_per_epoch": per_epoch},
    )


PROGRAMS = (
    Program(
        "xception_from_scratch",
        "xception",
        _xception,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "zero_initialisation",
            "over_regularised",
            "frozen_at_random",
            "wrong_sign",
            "loss_does_not_fit",
            "dropout_too_strong",
        ),
    ),
    Program(
        "convnext_mixup",
        "convnext",
        _convnext,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "zero_initialisation",
            "over_regularised",
            "frozen_at_random",
            "wrong_sign",
        ),
    ),
)
