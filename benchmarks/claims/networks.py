"""Builds the network of a training; networks that differ in their seed only share their graphs."""

from collections.abc import Hashable
from typing import Any

import keras
from keras import layers

from benchmarks.claims.plan import Training

_FILTERS, _MORE_FILTERS, _HIDDEN, _HIDDEN_DENSE = 16, 32, 64, 100
_SMALL_IMAGE = 8  # pixels; larger images are read with a stride of two

_compiled: dict[Hashable, keras.Model] = {}  # tracing one takes as long as some epochs


def network(training: Training, shape: tuple[int, ...], classes: int) -> keras.Model:
    """Returns the compiled network of a training with fresh weights.

    Convolutions are called `first` and `second`, Dense layers `hidden` and `classes`; behind each
    but the last stands its non-linearity, `first_active` and so on. The next call may return the
    same model with other weights.

    Args:
        training: what is trained.
        shape: of an image, `(height, width, channels)`.
        classes: how many there are.

    Example:
        >>> model = network(Training("windows", "digits", 3, 0, (64, 32)), (8, 8, 1), 10)
        >>> tuple(model.get_layer("first").kernel.shape)
        (3, 3, 1, 16)
    """
    kinds = ("window", "optimizer", "batchnorm", "activation", "l2", "dropout", "decay")
    key = (shape, classes, *(getattr(training, kind) for kind in kinds))
    if key not in _compiled:
        _compiled[key] = _network(training, shape, classes)
    model = _compiled[key]
    keras.utils.set_random_seed(training.number)
    for variable, fresh in zip(
        model.variables, keras.models.clone_model(model).variables, strict=True
    ):
        variable.assign(fresh)
    for variable in model.optimizer.variables:
        variable.assign(keras.ops.zeros(variable.shape, variable.dtype))
    model.optimizer.learning_rate = training.rate
    return model


def _network(training: Training, shape: tuple[int, ...], classes: int) -> keras.Model:
    head = [
        layers.Flatten(name="features"),
        *_block(training, layers.Dense, "hidden", _HIDDEN if training.window else _HIDDEN_DENSE),
        *_dropout(training),
        layers.Dense(classes, activation="softmax", name="classes"),
    ]
    model = keras.Sequential([layers.Input(shape), *_convolutions(training, shape), *head])
    model.compile(
        _optimizer(training),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        # XLA takes longer to compile than it saves in so short a training; JAX needs it
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )
    return model


def _convolutions(training: Training, shape: tuple[int, ...]) -> list[keras.Layer]:
    if not training.window:
        return []
    strides = 1 if shape[0] <= _SMALL_IMAGE else 2
    window = {"padding": "same"}
    return [
        *_block(
            *(training, layers.Conv2D, "first", _FILTERS, training.window),
            strides=strides,
            **window,
        ),
        *_dropout(training),
        layers.MaxPooling2D(),
        *_block(training, layers.Conv2D, "second", _MORE_FILTERS, 3, **window),
        layers.MaxPooling2D(),
    ]


def _block(training: Training, kind: Any, name: str, *sizes: int, **more: Any) -> list[Any]:
    """Returns a layer, BatchNormalization behind a convolution if asked for, and an activation."""
    penalty = keras.regularizers.L2(training.l2) if training.l2 else None
    block = [kind(*sizes, kernel_regularizer=penalty, name=name, **more)]
    if training.batchnorm and kind is layers.Conv2D:
        block.append(layers.BatchNormalization())
    return [*block, layers.Activation(training.activation, name=f"{name}_active")]


def _dropout(training: Training) -> list[keras.Layer]:
    return [layers.Dropout(training.dropout)] if training.dropout else []


def _optimizer(training: Training) -> keras.optimizers.Optimizer:
    if training.optimizer == "sgd":
        return keras.optimizers.SGD(training.rate, momentum=0.9)
    if training.decay:
        return keras.optimizers.AdamW(training.rate, weight_decay=training.decay)
    return keras.optimizers.Adam(training.rate)
