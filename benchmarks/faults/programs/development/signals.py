"""Classifiers of signals in one dimension: of several classes, and of one sigmoid unit."""

import keras
import numpy as np
from keras import layers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import (
    accuracy,
    binary_accuracy,
    rate,
    seed,
)


def dilated(random: Generator) -> Training:
    """Returns dilated causal convolutions of signals, with the metric "f1" and AdamW."""
    x, y, x_val, y_val, classes = load("signals", seed(random), train=1_000, val=400)
    y, y_val = (keras.utils.to_categorical(labels, classes) for labels in (y, y_val))
    model = keras.Sequential([layers.Input(x.shape[1:])])
    for dilation in (1, 2, 4):
        model.add(layers.Conv1D(24, 5, padding="causal", dilation_rate=dilation, activation="relu"))
    model.add(layers.GlobalAveragePooling1D())
    model.add(layers.Dense(32, activation="relu"))
    model.add(layers.Dense(classes, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.AdamW(rate(random, 2e-3), weight_decay=1e-3),
        loss="categorical_crossentropy",
        metrics=[keras.metrics.F1Score(average="macro", name="f1")],
    )
    return Training(model, x, y, (x_val, y_val), 15, accuracy, 0.2, 0.98, (x_val, y_val), batch=32)


def rare_event(random: Generator) -> Training:
    """Returns one sigmoid unit that tells one kind of signal from all others."""
    x, y, x_val, y_val, _ = load("signals", seed(random), train=1_500, val=500)
    y, y_val = (np.float32(labels == 4) for labels in (y, y_val))
    inputs = layers.Input(x.shape[1:])
    hidden = layers.Conv1D(16, 9, strides=2, padding="same", activation="relu")(inputs)
    hidden = layers.SeparableConv1D(32, 5, strides=2, padding="same", activation="relu")(hidden)
    hidden = layers.Flatten()(layers.MaxPooling1D()(hidden))
    hidden = layers.Dense(24, activation="relu")(hidden)
    model = keras.Model(inputs, layers.Dense(1, activation="sigmoid", name="alarm")(hidden))
    model.compile(
        optimizer=keras.optimizers.Adam(rate(random, 1e-3)),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    return Training(
        model,
        x,
        y,
        (x_val, y_val),
        12,
        binary_accuracy,
        0.5,
        0.97,
        (x_val, y_val),
        batch=32,
        arguments={"class_weight": {0: 1.0, 1: 4.0}},
    )


PROGRAMS = (
    Program(
        "signals_dilated_f1",
        "signals",
        dilated,
        (
            "rate_too_low",
            "rate_too_high",
            "raw_inputs",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "relu_output",
            "loss_does_not_fit",
            "dead_at_start",
        ),
    ),
    Program(
        "signals_rare_event",
        "binary",
        rare_event,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "over_regularised",
            "wrong_sign",
            "loss_does_not_fit",
            "dead_at_start",
        ),
    ),
)
