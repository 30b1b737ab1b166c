"""Residual, VGG and DenseNet networks that classify images."""

from typing import Any

import keras
import numpy as np
from keras import layers, regularizers
from numpy.random import Generator

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.unseen.quality import (
    accuracy,
    data_seed,
    log_uniform,
    mean_recall,
)

# ResNet: SGD with momentum, warm-up and cosine decay, label smoothing, flips, weight decay.


def _residual(random: Generator) -> Training:
    wanted = [1, 6, 7, 8]  # automobile, frog, horse, ship
    cifar = load("cifar10", data_seed(random), train=3200, val=1200)

    def prepare(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        keep = np.isin(y, wanted)
        x = (x[keep] - [0.4914, 0.4822, 0.4465]) / [0.2470, 0.2435, 0.2616]
        labels = np.searchsorted(wanted, y[keep])
        return x.astype("float32"), keras.utils.to_categorical(labels, len(wanted))

    x_train, y_train = prepare(cifar.x_train, cifar.y_train)
    x_test, y_test = prepare(cifar.x_val, cifar.y_val)
    batch_size, epochs = 64, 10
    weight_decay = regularizers.l2(5e-4)

    def conv_bn(x: keras.KerasTensor, filters: int, size: int, strides: int = 1) -> Any:
        x = layers.Conv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            kernel_regularizer=weight_decay,
        )(x)
        return layers.BatchNormalization(momentum=0.9)(x)

    def block(x: keras.KerasTensor, filters: int, strides: int) -> Any:
        shortcut = x if strides == 1 else conv_bn(x, filters, 1, strides)
        x = layers.ReLU()(conv_bn(x, filters, 3, strides))
        x = conv_bn(x, filters, 3)
        return layers.ReLU()(layers.add([x, shortcut]))

    inputs = keras.Input((32, 32, 3))
    x = layers.RandomFlip("horizontal")(inputs)
    x = layers.ReLU()(conv_bn(x, 16, 3, strides=2))
    x = block(x, 16, 1)
    x = block(x, 32, 2)
    x = layers.GlobalAveragePooling2D()(x)
    outputs = layers.Dense(len(wanted), kernel_regularizer=weight_decay)(x)
    model = keras.Model(inputs, outputs, name="resnet6")

    steps = len(x_train) // batch_size
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        (epochs - 2) * steps,
        warmup_target=log_uniform(random, 0.05, 0.15),
        warmup_steps=2 * steps,
    )
    model.compile(
        optimizer=keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        metrics=["acc"],
    )
    return Training(
        model,
        x_train,
        y_train,
        (x_test, y_test),
        epochs,
        accuracy,
        guess=1 / len(wanted),
        good=0.78,
        held_out=(x_test, y_test),
        batch=batch_size,
    )


# A digit recogniser as in many notebooks: convolutions, dropout, RMSprop, a rate that is reduced.


def _vgg(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=1200, val=400)
    X_train, X_val = 1 - data.x_train, 1 - data.x_val  # noqa: N806
    Y_train = keras.utils.to_categorical(data.y_train, 10)  # noqa: N806
    Y_val = keras.utils.to_categorical(data.y_val, 10)  # noqa: N806

    model = keras.Sequential()
    model.add(layers.Input((28, 28, 1)))
    model.add(layers.Conv2D(8, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(8, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPool2D((2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Conv2D(16, (3, 3), padding="same", activation="relu"))
    model.add(layers.Conv2D(16, (3, 3), padding="same", activation="relu"))
    model.add(layers.MaxPool2D((2, 2), strides=(2, 2)))
    model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(int(random.choice([64, 128])), activation="relu"))
    model.add(layers.Dropout(0.5))
    model.add(layers.Dense(10, activation="softmax"))

    optimizer = keras.optimizers.RMSprop(
        learning_rate=log_uniform(random, 7e-4, 1.5e-3), rho=0.9, epsilon=1e-8
    )
    model.compile(optimizer=optimizer, loss="categorical_crossentropy", metrics=["accuracy"])
    reduce_lr = keras.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", patience=3, factor=0.5, min_lr=1e-5
    )
    return Training(
        model,
        X_train,
        Y_train,
        (X_val, Y_val),
        12,
        accuracy,
        guess=0.1,
        good=0.93,
        held_out=(X_val, Y_val),
        batch=int(random.choice([32, 48])),
        arguments={"callbacks": [reduce_lr]},
    )


# DenseNet for rare classes: class weights, no validation, a weighted metric.


def _densenet(random: Generator) -> Training:
    data = load("digits", data_seed(random), train=1300, val=400)
    rare = random.choice(10, 4, replace=False)
    keep = ~np.isin(data.y_train, rare) | (random.random(len(data.y_train)) < 0.25)
    images, labels = data.x_train[keep] * 2 - 1, data.y_train[keep]
    counts = np.bincount(labels, minlength=10)
    class_weight = {i: len(labels) / (10 * count) for i, count in enumerate(counts)}

    growth = int(random.integers(8, 13))

    def dense_block(x: keras.KerasTensor, count: int) -> keras.KerasTensor:
        for _ in range(count):
            y = layers.BatchNormalization(epsilon=1.001e-5)(x)
            y = layers.Activation("relu")(y)
            y = layers.Conv2D(growth, 3, padding="same", use_bias=False)(y)
            x = layers.Concatenate()([x, y])
        return x

    inp = keras.Input(shape=(8, 8, 1))
    x = layers.Conv2D(2 * growth, 3, padding="same", use_bias=False)(inp)
    x = dense_block(x, 2)
    x = layers.BatchNormalization(epsilon=1.001e-5)(x)
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(16, 1, use_bias=False)(x)
    x = layers.AveragePooling2D(2)(x)
    x = dense_block(x, 2)
    x = layers.Activation("relu")(layers.BatchNormalization(epsilon=1.001e-5)(x))
    x = layers.GlobalAveragePooling2D()(x)
    net = keras.Model(inp, layers.Dense(10, activation="softmax")(x))
    net.compile(
        keras.optimizers.SGD(log_uniform(random, 0.02, 0.1), momentum=0.9, nesterov=True),
        "sparse_categorical_crossentropy",
        weighted_metrics=["accuracy"],
    )
    return Training(
        net,
        images,
        labels,
        None,
        14,
        mean_recall,
        guess=0.1,
        good=0.96,
        held_out=(data.x_val * 2 - 1, data.y_val),
        batch=32,
        arguments={"class_weight": class_weight},
    )


PROGRAMS = (
    Program(
        "residual_cifar10",
        "residual",
        _residual,
        (
            "rate_too_low",
            "rate_too_high",
            "schedule_at_zero",
            "clipped_to_nothing",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "frozen_at_random",
            "wrong_sign",
        ),
    ),
    Program(
        "vgg_notebook",
        "vgg",
        _vgg,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "constant_initialisation",
            "over_regularised",
            "exploding",
            "frozen_at_random",
            "relu_output",
            "loss_does_not_fit",
            "dropout_too_strong",
            "dead_at_start",
        ),
    ),
    Program(
        "densenet_rare_classes",
        "densenet",
        _densenet,
        (
            "rate_too_low",
            "rate_too_high",
            "clipped_to_nothing",
            "adadelta_default",
            "random_labels",
            "tiny_training_set",
            "zero_initialisation",
            "nan_inputs",
            "wrong_sign",
            "loss_does_not_fit",
        ),
    ),
)
