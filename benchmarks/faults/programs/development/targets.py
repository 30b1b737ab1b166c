"""Other targets than one class: numbers, a class and a number, several labels at once."""

import keras
import numpy as np
from keras import layers
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import (
    binary_accuracy,
    explained,
    predictions,
    rate,
    seed,
)


def position(random: Generator) -> Training:
    """Returns a regression: where on a larger sheet does the figure stand? From -1 to 1."""
    x, _, x_val, _, _ = load("digits", seed(random), train=1_200, val=400)
    (x, y), (x_val, y_val) = _placed(x, random), _placed(x_val, random)
    model = keras.Sequential(
        [
            layers.Input((24, 24, 1)),
            layers.Conv2D(12, 5, strides=2, padding="same", activation="relu"),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(32, activation="relu"),
            layers.Dense(2),
        ]
    )
    model.compile(
        optimizer=keras.optimizers.RMSprop(rate(random, 1e-3), momentum=0.5),
        loss="mean_squared_error",
        metrics=["mae"],
    )
    return Training(model, x, y, (x_val, y_val), 15, explained, 0.0, 0.92, (x_val, y_val), batch=32)


def _placed(figures: NDArray, random: Generator) -> tuple[NDArray, NDArray]:
    """Returns sheets of 24x24 with each figure somewhere, and its position with some error."""
    sheets = random.normal(0.9, 0.1, (len(figures), 24, 24, 1))
    corners = random.integers(0, 17, (len(figures), 2))
    for sheet, figure, (top, left) in zip(sheets, figures, corners, strict=True):
        sheet[top : top + 8, left : left + 8] -= 1 - figure
    positions = corners / 8 - 1 + random.normal(0, 0.1, corners.shape)
    return sheets.astype("float32"), positions.astype("float32")


def class_and_ink(random: Generator) -> Training:
    """Returns two outputs, the digit and the amount of ink; only the digit has a metric."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_200, val=400)
    ink, ink_val = (_ink(images) for images in (x, x_val))
    inputs = layers.Input((8, 8, 1), name="scan")
    hidden = layers.Conv2D(24, 3, activation="leaky_relu")(inputs)
    hidden = layers.Conv2D(32, 3, activation="leaky_relu")(hidden)
    hidden = layers.Dense(64, activation="leaky_relu")(layers.Flatten()(hidden))
    outputs = {
        "digit": layers.Dense(classes, activation="softmax", name="digit")(hidden),
        "ink": layers.Dense(1, name="ink")(hidden),
    }
    model = keras.Model(inputs, outputs)
    model.compile(
        optimizer=keras.optimizers.Adamax(rate(random, 2e-3)),
        loss={"digit": "sparse_categorical_crossentropy", "ink": "mse"},
        loss_weights={"digit": 1.0, "ink": 0.5},
        metrics={"digit": ["accuracy"]},
    )
    targets = {"digit": y, "ink": ink}
    held_out = (x_val, {"digit": y_val, "ink": ink_val})
    return Training(
        model,
        x,
        targets,
        held_out,
        15,
        digit_accuracy,
        0.1,
        0.95,
        held_out,
        batch=32,
        probe=(x[:256], {name: values[:256] for name, values in targets.items()}),
    )


def _ink(images: NDArray) -> NDArray:
    amounts = (1 - images).mean((1, 2, 3))
    return (amounts[:, None] - 0.3) / 0.05


def digit_accuracy(model: keras.Model, x: NDArray, y: dict[str, NDArray]) -> float:
    """Returns the share of digits that are read correctly."""
    return float(np.mean(np.argmax(predictions(model, x)["digit"], -1) == y["digit"]))


def several_labels(random: Generator) -> Training:
    """Returns ten sigmoid units, one for each digit on a page; no metrics, no validation."""
    x, y, x_val, y_val, classes = load("digits", seed(random), train=1_397, val=400)
    (x, y), (x_val, y_val) = (
        _pages(images, labels, len(images), random) for images, labels in ((x, y), (x_val, y_val))
    )
    model = keras.Sequential(
        [
            layers.Input((8, 16, 1)),
            layers.Conv2D(24, 3, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(classes, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=keras.optimizers.Adam(rate(random, 2e-3)), loss="binary_crossentropy")
    return Training(model, x, y, None, 12, binary_accuracy, 0.5, 0.9, (x_val, y_val), batch=32)


def _pages(
    images: NDArray, labels: NDArray, count: int, random: Generator
) -> tuple[NDArray, NDArray]:
    """Returns pages of two places, each with a digit or empty, and which digits are there."""
    pages = np.ones((count, 8, 16, 1), "float32")
    present = np.zeros((count, 10), "float32")
    for page, digits in zip(pages, present, strict=True):
        for left in (0, 8):
            if random.random() < 0.8:
                i = random.integers(len(images))
                page[:, left : left + 8] = images[i]
                digits[labels[i]] = 1
    return pages, present


PROGRAMS = (
    Program(
        "position_regression_mae",
        "regression",
        position,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "raw_inputs",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "relu_output",
            "dead_at_start",
        ),
    ),
    Program(
        "two_outputs_digits",
        "two_outputs",
        class_and_ink,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "frozen_at_random",
        ),
    ),
    Program(
        "several_labels_no_metrics",
        "multi_label",
        several_labels,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "zero_initialisation",
            "over_regularised",
            "wrong_sign",
            "dead_at_start",
            "dropout_too_strong",
        ),
    ),
)
