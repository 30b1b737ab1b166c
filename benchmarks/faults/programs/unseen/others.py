"""Signals, pairs of images, and a first network from a course."""

from typing import Any

import keras
import numpy as np
from keras import layers, ops
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import (
    accuracy,
    binary_accuracy,
    data_seed,
    log_uniform,
)

# Time series, as in the guide: BatchNormalization, a rate that is reduced, early stopping.


def _time_series(random: Generator) -> Training:
    data = load("signals", data_seed(random), train=1000, val=400)
    model = keras.Sequential([keras.Input(data.x_train.shape[1:])])
    filters = int(random.choice([24, 32]))
    for _ in range(3):
        model.add(layers.Conv1D(filters, kernel_size=3, padding="same"))
        model.add(layers.BatchNormalization())
        model.add(layers.ReLU())
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(data.classes, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(log_uniform(random, 1e-3, 3e-3)),
        loss="sparse_categorical_crossentropy",
        metrics=["sparse_categorical_accuracy"],
    )
    callbacks = [
        keras.callbacks.ReduceLROnPlateau(monitor="val_loss", factor=0.5, patience=6, min_lr=1e-4),
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=12),
    ]
    return Training(
        model,
        data.x_train,
        data.y_train,
        (data.x_val, data.y_val),
        25,
        accuracy,
        guess=1 / data.classes,
        good=0.78,
        held_out=(data.x_val, data.y_val),
        batch=32,
        arguments={"callbacks": callbacks},
    )


# Dilated causal convolutions, a macro F1 as the only metric, Lion, accumulated gradients.


def _tcn(random: Generator) -> Training:
    data = load("signals", data_seed(random), train=900, val=400)
    one_hot = np.eye(data.classes, dtype="float32")
    channels = 16

    inputs = keras.Input(data.x_train.shape[1:])
    x = layers.Conv1D(channels, 1)(inputs)
    for dilation in (1, 2, 4):
        y = layers.LayerNormalization()(x)
        y = layers.Conv1D(channels, 5, padding="causal", dilation_rate=dilation)(y)
        y = layers.Activation("swish")(y)
        y = layers.SpatialDropout1D(0.1)(y)
        x = layers.Add()([x, layers.Conv1D(channels, 1)(y)])
    x = layers.Concatenate()([layers.GlobalMaxPooling1D()(x), layers.GlobalAveragePooling1D()(x)])
    outputs = layers.Dense(data.classes, activation="softmax")(x)
    model = keras.Model(inputs, outputs)
    model.compile(
        keras.optimizers.Lion(log_uniform(random, 7e-4, 1.5e-3), gradient_accumulation_steps=2),
        keras.losses.CategoricalFocalCrossentropy(alpha=1.0),
        metrics=[keras.metrics.F1Score(average="macro", name="f1")],
    )
    held_out = (data.x_val, one_hot[data.y_val])
    return Training(
        model,
        data.x_train,
        one_hot[data.y_train],
        held_out,
        11,
        accuracy,
        guess=1 / data.classes,
        good=0.97,
        held_out=held_out,
        batch=16,
    )


# Siamese network with a contrastive loss: do two images show the same digit?


def _pairs(x: NDArray, y: NDArray, random: Generator) -> tuple[list[NDArray], NDArray]:
    first, second, same = [], [], []
    for i, label in enumerate(y):
        alike = i % 2 == 0
        first.append(x[i])
        second.append(x[random.choice(np.flatnonzero((y == label) == alike))])
        same.append(float(not alike))
    return [np.array(first), np.array(second)], np.array(same, "float32")[:, None]


def contrastive_loss(y_true: Any, y_pred: Any) -> Any:
    """Returns the loss of Hadsell et al. (2006); `y_true` is 1 for images that differ."""
    return ops.mean(
        (1 - y_true) * ops.square(y_pred) + y_true * ops.square(ops.maximum(1 - y_pred, 0))
    )


def _siamese(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=4000, val=600)
    kept, kept_val = data.y_train < 5, data.y_val < 5
    pairs_train, labels_train = _pairs(1 - data.x_train[kept], data.y_train[kept], random)
    pairs_val, labels_val = _pairs(1 - data.x_val[kept_val], data.y_val[kept_val], random)

    image = keras.Input((28, 28, 1))
    x = layers.BatchNormalization()(image)
    x = layers.Conv2D(4, (5, 5), activation="tanh")(x)
    x = layers.AveragePooling2D(pool_size=(2, 2))(x)
    x = layers.Conv2D(16, (5, 5), activation="tanh")(x)
    x = layers.AveragePooling2D(pool_size=(2, 2))(x)
    x = layers.Flatten()(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(10, activation="tanh")(x)
    embedding_network = keras.Model(image, x)

    input_1, input_2 = keras.Input((28, 28, 1)), keras.Input((28, 28, 1))
    tower_1, tower_2 = embedding_network(input_1), embedding_network(input_2)
    difference = layers.Subtract()([tower_1, tower_2])
    squares = ops.sum(ops.square(difference), axis=1, keepdims=True)
    distance = ops.sqrt(ops.maximum(squares, keras.config.epsilon()))
    siamese = keras.Model(inputs=[input_1, input_2], outputs=distance)
    siamese.compile(
        loss=contrastive_loss,
        optimizer=keras.optimizers.RMSprop(log_uniform(random, 1e-3, 3e-3)),
        metrics=[keras.metrics.BinaryAccuracy("pairs", threshold=0.5)],
    )
    return Training(
        siamese,
        pairs_train,
        labels_train,
        (pairs_val, labels_val),
        12,
        binary_accuracy(0.5),
        guess=0.5,
        good=0.88,
        held_out=(pairs_val, labels_val),
        batch=32,
    )


# The first network of a course: one hidden layer of sigmoids, plain gradient descent.


def _first_network(random: Generator) -> Training:
    data = load("digits", data_seed(random), train=1200, val=400)
    training_data, training_results = data.x_train, keras.utils.to_categorical(data.y_train, 10)
    test_data, test_results = data.x_val, keras.utils.to_categorical(data.y_val, 10)
    network = keras.Sequential()
    network.add(keras.Input(shape=(8, 8, 1)))
    network.add(layers.Flatten())
    network.add(layers.Dense(int(random.choice([30, 48])), activation="sigmoid"))
    network.add(layers.Dense(10, activation="sigmoid"))
    network.compile(
        optimizer=keras.optimizers.SGD(learning_rate=log_uniform(random, 1.5, 3.0)),
        loss="mean_squared_error",
        metrics=["accuracy"],
    )
    return Training(
        network,
        training_data,
        training_results,
        (test_data, test_results),
        25,
        accuracy,
        guess=0.1,
        good=0.91,
        held_out=(test_data, test_results),
        batch=10,
    )


PROGRAMS = (
    Program(
        "time_series_guide",
        "signals",
        _time_series,
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
        ),
    ),
    Program(
        "causal_convolutions",
        "signals",
        _tcn,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "random_labels",
            "tiny_training_set",
            "constant_initialisation",
            "nan_inputs",
            "wrong_sign",
            "relu_output",
            "dropout_too_strong",
        ),
    ),
    Program(
        "siamese_contrastive",
        "contrastive",
        _siamese,
        (
            "rate_too_low",
            "rate_too_high",
            "random_labels",
            "tiny_training_set",
            "nan_inputs",
            "wrong_sign",
        ),
    ),
    Program(
        "first_network",
        "dense",
        _first_network,
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
            "relu_output",
            "wrong_sign",
        ),
    ),
)
