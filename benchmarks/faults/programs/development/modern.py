"""Classifiers with normalisation: residual, MobileNet and a vision transformer, all in small."""

import math

import keras
import numpy as np
from keras import KerasTensor, layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import (
    accuracy,
    balanced_accuracy,
    rate,
    seed,
)


def residual_cifar(random: Generator) -> Training:
    """Returns a residual network with BatchNormalization, SGD and a cosine schedule."""
    x, y, x_val, y_val, classes = load("cifar10", seed(random), train=2_000, val=500)
    mean, deviation = x.mean((0, 1, 2)), x.std((0, 1, 2))
    x, x_val = (x - mean) / deviation, (x_val - mean) / deviation
    epochs, batch = 10, 32
    inputs = layers.Input((32, 32, 3))
    hidden = _conv_norm(layers.RandomFlip("horizontal")(inputs), 12, stride=2)
    for filters, stride in ((16, 2), (32, 2)):
        hidden = _residual_block(hidden, filters, stride)
    hidden = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(hidden))
    outputs = layers.Dense(classes, activation="softmax")(hidden)
    model = keras.Model(inputs, outputs)
    schedule = keras.optimizers.schedules.CosineDecay(rate(random, 0.05), epochs * len(x) // batch)
    model.compile(
        optimizer=keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True, weight_decay=1e-4),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Training(
        model, x, y, (x_val, y_val), epochs, accuracy, 0.1, 0.43, (x_val, y_val), batch=batch
    )


def _conv_norm(x: KerasTensor, filters: int, window: int = 3, stride: int = 1) -> KerasTensor:
    x = layers.Conv2D(
        filters,
        window,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
    )(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))


def _residual_block(x: KerasTensor, filters: int, stride: int) -> KerasTensor:
    shortcut = x
    if stride > 1 or x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, strides=stride, use_bias=False)(x)
        shortcut = layers.BatchNormalization(momentum=0.9)(shortcut)
    x = _conv_norm(x, filters, stride=stride)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    return layers.ReLU()(layers.Add()([x, shortcut]))


def mobilenet_imbalanced(random: Generator) -> Training:
    """Returns depthwise-separable convolutions on few of some classes, with class weights."""
    x, y, x_val, y_val, classes = load("photographs", seed(random), train=2_400, val=400)
    rare = (y % 2 == 1) & (random.random(len(y)) < 0.7)
    x, y = x[~rare], y[~rare]
    counts = np.bincount(y)
    inputs = layers.Input((24, 24, 3))
    hidden = _separable(_conv_norm(inputs, 16, stride=2), 24)
    hidden = _separable(_separable(hidden, 32, stride=2), 48)
    hidden = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(hidden))
    model = keras.Model(inputs, layers.Dense(classes, activation="softmax")(hidden))
    model.compile(
        optimizer=keras.optimizers.Nadam(rate(random, 2e-3)),
        loss="sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    weights = {k: len(y) / (classes * n) for k, n in enumerate(counts)}
    return Training(
        model,
        x,
        y,
        (x_val, y_val),
        12,
        balanced_accuracy,
        0.25,
        0.8,
        (x_val, y_val),
        batch=32,
        arguments={"class_weight": weights},
    )


def _separable(x: KerasTensor, filters: int, stride: int = 1) -> KerasTensor:
    x = layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False)(x)
    x = layers.ReLU(max_value=6)(layers.BatchNormalization(momentum=0.9)(x))
    x = layers.Conv2D(filters, 1, use_bias=False)(x)
    return layers.ReLU(max_value=6)(layers.BatchNormalization(momentum=0.9)(x))


class ClassToken(layers.Layer):
    """Puts one learnt token before the patches, and adds a learnt position to each."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Creates the token and the positions."""
        _, patches, width = shape
        self.token = self.add_weight(shape=(1, 1, width), initializer="zeros", name="token")
        self.positions = self.add_weight(
            shape=(1, patches + 1, width),
            initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="positions",
        )

    def call(self, x: KerasTensor) -> KerasTensor:
        """Returns one token more than there are patches."""
        token = keras.ops.tile(self.token, (keras.ops.shape(x)[0], 1, 1))
        return keras.ops.concatenate([token, x], axis=1) + self.positions


def vit_digits(random: Generator) -> Training:
    """Returns a small vision transformer with AdamW; the rate rises and falls by epochs."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_300, val=400)
    epochs, width = 16, 24
    inputs = layers.Input((8, 8, 1))
    hidden = layers.Conv2D(width, 2, strides=2, name="patches")(inputs)
    hidden = ClassToken()(layers.Reshape((16, width))(hidden))
    for _ in range(2):
        normal = layers.LayerNormalization()(hidden)
        hidden += layers.MultiHeadAttention(3, width // 3, use_bias=False)(normal, normal)
        normal = layers.LayerNormalization()(hidden)
        hidden += layers.Dense(width)(layers.Dense(2 * width, activation="gelu")(normal))
    hidden = layers.Dropout(0.1)(layers.LayerNormalization()(hidden)[:, 0])
    model = keras.Model(inputs, layers.Dense(classes)(hidden))
    highest = rate(random, 4e-3)

    def warm_up_then_cosine(epoch: int) -> float:
        if epoch < 3:
            return highest * (epoch + 1) / 4
        return highest * 0.5 * (1 + math.cos(math.pi * (epoch - 3) / (epochs - 3)))

    model.compile(
        optimizer=keras.optimizers.AdamW(highest, weight_decay=0.01),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return Training(
        model,
        x,
        y,
        (x_val, y_val),
        epochs,
        accuracy,
        0.1,
        0.95,
        (x_val, y_val),
        batch=64,
        arguments={"callbacks": [keras.callbacks.LearningRateScheduler(warm_up_then_cosine)]},
    )


PROGRAMS = (
    Program(
        "residual_cifar10_cosine",
        "residual",
        residual_cifar,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "clipped_to_nothing",
            "random_labels",
            "tiny_training_set",
            "over_regularised",
            "nan_inputs",
            "frozen_at_random",
            "wrong_sign",
            "relu_output",
            "loss_does_not_fit",
        ),
    ),
    Program(
        "mobilenet_photographs_class_weights",
        "mobilenet",
        mobilenet_imbalanced,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "frozen_at_random",
            "wrong_sign",
            "loss_does_not_fit",
            "dropout_too_strong",
        ),
    ),
    Program(
        "vit_digits_warm_up",
        "vit",
        vit_digits,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "raw_inputs",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "dropout_too_strong",
        ),
    ),
)
