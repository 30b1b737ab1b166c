"""Numbers as targets: a table, an angle, two outputs."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import (
    data_seed,
    explained,
    log_uniform,
    outputs,
)

# House prices: a table and an embedded category, few updates an epoch, early stopping.


def _table(random: Generator, count: int) -> tuple[NDArray, NDArray, NDArray]:
    numbers = random.normal(size=(count, 8)).astype("float32")
    district = random.integers(12, size=count)
    level = np.sin(1.7 * np.arange(12))
    price = 2.5 + 0.6 * numbers[:, 0] + 0.4 * numbers[:, 1] * (numbers[:, 2] > 0)
    price += 0.3 * np.abs(numbers[:, 3]) + 0.5 * level[district]
    price += 0.3 * random.normal(size=count)
    return numbers, district.astype("int32")[:, None], price.astype("float32")


def _house_prices(random: Generator) -> Training:
    numbers, district, price = _table(np.random.default_rng(data_seed(random)), 1300)
    train, val = slice(0, 900), slice(900, None)

    num_in = keras.Input((8,), name="num")
    cat_in = keras.Input((1,), dtype="int32", name="district")
    embedded = layers.Flatten()(layers.Embedding(12, 4)(cat_in))
    h = layers.Concatenate()([num_in, embedded])
    for units in (64, 64, 48, 32, 32, 16):
        h = layers.Dense(units, activation="relu")(h)
    out = layers.Dense(1)(h)
    model = keras.Model(inputs=[num_in, cat_in], outputs=out)
    model.compile(
        optimizer=keras.optimizers.Adam(log_uniform(random, 2e-3, 5e-3)),
        loss="mse",
        metrics=["mae", keras.metrics.RootMeanSquaredError(name="rmse")],
    )
    stop = keras.callbacks.EarlyStopping(patience=25, restore_best_weights=True)
    held_out = ([numbers[val], district[val]], price[val])
    return Training(
        model,
        [numbers[train], district[train]],
        price[train],
        held_out,
        60,
        explained,
        guess=0.0,
        good=0.77,
        held_out=held_out,
        batch=180,
        arguments={"callbacks": [stop]},
    )


# Which way a hand points: a tanh network with average pooling, momentum, a negative loss.


def _hands(random: Generator, count: int) -> tuple[NDArray, NDArray]:
    angle = random.uniform(0, 2 * np.pi, count)
    direction = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    rows, columns = np.mgrid[-1:1:20j, -1:1:20j]
    centre = random.uniform(-0.15, 0.15, (count, 2, 1, 1))
    x, y = columns - centre[:, 0], rows - centre[:, 1]
    c, s = direction[:, 0, None, None], direction[:, 1, None, None]
    along, across = x * c + y * s, y * c - x * s
    hand = (np.abs(across) < 0.25 * (0.8 - along)) & (along > -0.6) & (along < 0.8)
    brightness = random.uniform(0.5, 1, (count, 1, 1))
    image = hand * brightness + 0.15 * random.normal(size=hand.shape)
    return image[..., None].astype("float32"), direction.astype("float32")


def degrees_off(y_true: Any, y_pred: Any) -> Any:
    """Returns the angle between true and predicted direction, as Keras takes a metric."""
    cosine = ops.sum(ops.normalize(y_true) * ops.normalize(y_pred), axis=-1)
    return ops.arccos(ops.clip(cosine, -0.9999, 0.9999)) * (180 / np.pi)


def _mean_cosine(model: keras.Model, x: Any, y: Any) -> float:
    predicted = outputs(model, x)
    length = np.linalg.norm(predicted, axis=-1, keepdims=True)
    value = np.mean(np.sum(predicted * y, -1, keepdims=True) / np.maximum(length, 1e-9))
    return float(value) if np.isfinite(value) else -1.0


def _pointing(random: Generator) -> Training:
    images, directions = _hands(np.random.default_rng(data_seed(random)), 1300)
    training, validation = slice(0, 1000), slice(1000, None)
    net = keras.Sequential(
        [
            keras.Input((20, 20, 1)),
            layers.Conv2D(6, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(48, activation="tanh"),
            layers.Dense(24, activation="tanh"),
            layers.Dense(2),
        ]
    )
    rate = log_uniform(random, 0.02, 0.06)
    net.compile(
        loss=keras.losses.CosineSimilarity(),
        optimizer=keras.optimizers.SGD(rate, momentum=0.9),
        metrics=[degrees_off],
    )
    held_out = (images[validation], directions[validation])
    return Training(
        net,
        images[training],
        directions[training],
        held_out,
        15,
        _mean_cosine,
        guess=0.0,
        good=0.98,
        held_out=held_out,
        batch=25,
    )


# One network, two answers, three long epochs.


def _two_answers(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=5000, val=600)

    def targets(x: NDArray, y: NDArray) -> dict[str, NDArray]:
        ink = (1 - x).mean(axis=(1, 2, 3))
        return {"digit": y, "ink": ((ink - 0.13) / 0.045).astype("float32")[:, None]}

    inputs = keras.Input((28, 28, 1), name="scan")
    x = layers.Conv2D(12, 5, strides=2, activation="elu", name="conv_a")(inputs)
    x = layers.Conv2D(24, 3, strides=2, activation="elu", name="conv_b")(x)
    x = layers.Flatten()(x)
    shared = layers.Dense(48, activation="elu", name="shared")(x)
    digit = layers.Dense(10, activation="softmax", name="digit")(shared)
    ink = layers.Dense(1, name="ink")(shared)
    model = keras.Model(inputs, {"digit": digit, "ink": ink})
    model.compile(
        optimizer=keras.optimizers.Nadam(log_uniform(random, 5e-4, 2e-3)),
        loss={"digit": "sparse_categorical_crossentropy", "ink": "huber"},
        loss_weights={"digit": 1.0, "ink": 0.5},
        metrics={"digit": ["accuracy"]},
    )
    held_out = (data.x_val, targets(data.x_val, data.y_val))
    return Training(
        model,
        data.x_train,
        targets(data.x_train, data.y_train),
        held_out,
        3,
        _digits_right,
        guess=0.1,
        good=0.93,
        held_out=held_out,
        batch=int(random.choice([8, 16])),
    )


def _digits_right(model: keras.Model, x: Any, y: Any) -> float:
    return float(np.mean(outputs(model, x)["digit"].argmax(-1) == np.ravel(y["digit"])))


PROGRAMS = (
    Program(
        "house_prices",
        "regression",
        _house_prices,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "raw_inputs",
            "vanishing_gradient",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "exploding",
            "nan_inputs",
        ),
    ),
    Program(
        "pointing_hand",
        "direction_regression",
        _pointing,
        (
            "rate_too_low",
            "rate_too_high",
            "clipped_to_nothing",
            "adadelta_default",
            "saturated_by_weights",
            "raw_inputs_bounded",
            "random_labels",
            "tiny_training_set",
            "over_regularised",
            "wrong_sign",
            "relu_output",
        ),
    ),
    Program(
        "two_outputs",
        "several_outputs",
        _two_answers,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "adadelta_default",
            "zero_initialisation",
            "over_regularised",
            "frozen_at_random",
            "nan_inputs",
        ),
    ),
)
