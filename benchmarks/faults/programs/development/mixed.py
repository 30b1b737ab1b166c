"""A training with all that keeps it from overfitting: mixup, label smoothing, EMA."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import accuracy, rate, seed


def mixup_cifar(random: Generator) -> Training:
    """Returns GroupNormalization on CIFAR-10, mixup, averaged weights, warm-up and cosine."""
    x, y, x_val, y_val, classes = load("cifar10", seed(random), train=1_800, val=400)
    y, y_val = (keras.utils.to_categorical(labels, classes) for labels in (y, y_val))
    epochs, batch = 10, 32
    model = keras.Sequential([layers.Input((32, 32, 3)), layers.Rescaling(4.0, offset=-2.0)])
    for filters in (16, 32, 48):
        model.add(layers.Conv2D(filters, 3, strides=2, padding="same"))
        model.add(layers.GroupNormalization(groups=4))
        model.add(layers.Activation("swish"))
    model.add(layers.GlobalAveragePooling2D())
    model.add(layers.Dense(classes))
    steps = epochs * (len(x) // batch)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=rate(random, 5e-3), warmup_steps=steps // 8
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(
            schedule, weight_decay=0.01, use_ema=True, ema_momentum=0.98
        ),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics=[keras.metrics.CategoricalAccuracy(name="acc")],
    )
    validation = tf.data.Dataset.from_tensor_slices((x_val, y_val)).batch(250)
    return Training(
        model,
        _mixed_batches(x, y, batch),
        None,
        validation,
        epochs,
        accuracy,
        0.1,
        0.43,
        (x_val, y_val),
        batch=batch,
        probe=(x[:256], y[:256]),
    )


def _mixed_batches(x: NDArray, y: NDArray, batch: int) -> tf.data.Dataset:
    """Returns batches in which each item is mixed with another one (Zhang et al. 2018)."""

    def mix(x: tf.Tensor, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        share = tf.random.uniform((tf.shape(x)[0], 1), 0.7, 1.0)
        other_x, other_y = tf.reverse(x, [0]), tf.reverse(y, [0])
        share_x = share[:, :, None, None]
        return share_x * x + (1 - share_x) * other_x, share * y + (1 - share) * other_y

    items = tf.data.Dataset.from_tensor_slices((x, np.float32(y)))
    return items.shuffle(len(x)).batch(batch, drop_remainder=True).map(mix).prefetch(1)


PROGRAMS = (
    Program(
        "mixup_cifar10_ema",
        "group_norm",
        mixup_cifar,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "random_labels",
            "zero_initialisation",
            "over_regularised",
            "wrong_sign",
            "frozen_at_random",
            "nan_inputs",
        ),
    ),
)
