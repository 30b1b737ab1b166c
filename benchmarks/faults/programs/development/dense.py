"""Dense networks on flattened images: tiny epochs, and many bounded layers."""

import keras
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import accuracy, rate, seed


def tiny_epochs(random: Generator) -> Training:
    """Returns three dense layers, trained with SGD for 40 epochs of five updates each."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_200, val=400)
    x, x_val = x.reshape(-1, 64), x_val.reshape(-1, 64)
    model = keras.Sequential(
        [
            layers.Input((64,)),
            layers.Dense(64, activation="elu", kernel_initializer="he_uniform"),
            layers.Dense(48, activation="elu", kernel_initializer="he_uniform"),
            layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.SGD(rate(random, 0.1)),
        loss=keras.losses.SparseCategoricalCrossentropy(),
        metrics=["sparse_categorical_accuracy"],
    )
    return Training(
        model,
        x,
        y,
        (x_val, y_val),
        40,
        accuracy,
        0.1,
        0.92,
        (x_val, y_val),
        batch=64,
        arguments={"steps_per_epoch": 5},
    )


def deep_tanh(random: Generator) -> Training:
    """Returns seven layers of tanh units, a depth at which sigmoid units don't train."""
    x, y, x_val, y_val, classes = load("mnist", seed(random), train=2_000, val=400)
    y, y_val = (keras.utils.to_categorical(classes_, classes) for classes_ in (y, y_val))
    model = keras.Sequential([layers.Input((28, 28, 1)), layers.Flatten()])
    model.add(layers.Rescaling(-2.0, offset=1.0))
    for _ in range(7):
        model.add(layers.Dense(48, activation="tanh"))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.SGD(rate(random, 0.01), momentum=0.9),
        loss="categorical_crossentropy",
        metrics=["categorical_accuracy"],
    )
    return Training(model, x, y, (x_val, y_val), 15, accuracy, 0.1, 0.85, (x_val, y_val), batch=32)


PROGRAMS = (
    Program(
        "mlp_digits_tiny_epochs",
        "mlp",
        tiny_epochs,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "clipped_to_nothing",
            "adadelta_default",
            "raw_inputs",
            "zero_initialisation",
            "over_regularised",
            "exploding",
            "nan_inputs",
            "wrong_sign",
        ),
    ),
    Program(
        "deep_tanh_mnist",
        "deep_mlp",
        deep_tanh,
        (
            "vanishing_gradient",
            "saturated_by_weights",
            "raw_inputs_bounded",
            "rate_too_low",
            "rate_too_high",
            "tiny_training_set",
            "zero_initialisation",
            "constant_initialisation",
            "over_regularised",
            "wrong_sign",
            "frozen_at_random",
        ),
    ),
)
