"""Convolutional classifiers without normalisation: plain ones, and one like VGG."""

import keras
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import accuracy, rate, seed


def digits(random: Generator) -> Training:
    """Returns the network of the first tutorial: two convolutions, a dense layer, Adam."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_200, val=400)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(int(random.choice([16, 24])), 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate(random, 1e-3)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return Training(model, x, y, (x_val, y_val), 20, accuracy, 0.1, 0.97, (x_val, y_val), batch=32)


def augmented_photographs(random: Generator) -> Training:
    """Returns wide windows and strides, with augmentation layers and SGD with momentum."""
    x, y, x_val, y_val, classes = load("photographs", seed(random), train=1_500, val=400)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomContrast(0.2),
            layers.Rescaling(2.0, offset=-1.0),
            layers.Conv2D(16, 7, strides=2, padding="same", activation="relu"),
            layers.Conv2D(24, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(classes),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(rate(random, 0.02), momentum=0.9, clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="top1")],
    )
    return Training(model, x, y, (x_val, y_val), 15, accuracy, 0.25, 0.75, (x_val, y_val), batch=32)


def vgg_mnist(random: Generator) -> Training:
    """Returns VGG in small, in mixed precision: three epochs only, of many steps each."""
    x, y, x_val, y_val, classes = load("mnist", seed(random), train=4_000, val=500)
    inputs = layers.Input((28, 28, 1))
    hidden = inputs
    for filters in (8, 16, 32):
        hidden = _vgg_conv(filters)(hidden)
        hidden = _vgg_conv(filters)(hidden)
        hidden = layers.MaxPooling2D(dtype="mixed_bfloat16")(hidden)
    hidden = layers.Flatten()(hidden)
    hidden = layers.Dense(64, activation="relu", kernel_initializer="he_normal")(hidden)
    hidden = layers.Dropout(0.5)(hidden)
    outputs = layers.Dense(classes, activation="softmax", dtype="float32")(hidden)
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.RMSprop(rate(random, 1e-3)),
        loss="sparse_categorical_crossentropy",
        metrics=["acc"],
    )
    return Training(model, x, y, (x_val, y_val), 3, accuracy, 0.1, 0.93, (x_val, y_val), batch=16)


def _vgg_conv(filters: int) -> keras.Layer:
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
        kernel_regularizer=keras.regularizers.L2(1e-4),
        dtype="mixed_bfloat16",
    )


PROGRAMS = (
    Program(
        "plain_digits",
        "plain",
        digits,
        (
            "rate_too_low",
            "rate_too_high",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "relu_output",
            "loss_does_not_fit",
            "dead_at_start",
            "adadelta_default",
        ),
    ),
    Program(
        "plain_photographs_augmented",
        "plain",
        augmented_photographs,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "clipped_to_nothing",
            "raw_inputs",
            "random_labels",
            "constant_initialisation",
            "over_regularised",
            "exploding",
            "wrong_sign",
            "frozen_at_random",
            "dead_at_start",
        ),
    ),
    Program(
        "vgg_mnist_three_epochs",
        "vgg",
        vgg_mnist,
        (
            "rate_too_low",
            "rate_too_high",
            "random_labels",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "relu_output",
            "loss_does_not_fit",
            "dropout_too_strong",
            "dead_at_start",
            "adadelta_default",
        ),
    ),
)
