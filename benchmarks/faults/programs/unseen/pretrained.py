"""Networks with a part that was trained before: a MobileNet that is tuned, a U-Net."""

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
    data_seed,
    log_uniform,
    outputs,
)

# Fine-tuning, as in the transfer guide: base and head are trained; the upper base is tuned on.


def _mobilenet(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=3000, val=800)

    def task(x: np.ndarray, y: np.ndarray, low: int) -> tuple[np.ndarray, np.ndarray]:
        keep = (y >= low) & (y < low + 5)
        return x[keep] * 2 - 1, y[keep] - low

    base = _mobile_base()
    pretraining = keras.Sequential([base, layers.Dense(5, activation="softmax")])
    pretraining.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    pretraining.fit(*task(data.x_train, data.y_train, 0), batch_size=25, epochs=4, verbose=0)

    x_train, y_train = task(data.x_train, data.y_train, 5)
    x_train, y_train = x_train[:700], y_train[:700]
    validation = task(data.x_val, data.y_val, 5)
    base.trainable = False
    inputs = keras.Input((28, 28, 1))
    features = base(inputs, training=False)
    outputs = layers.Dense(5)(layers.Dropout(0.2)(features))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-2), loss, metrics=["accuracy"])
    initial_epochs = 6
    model.fit(x_train, y_train, epochs=initial_epochs, verbose=0)

    base.trainable = True
    for layer in base.layers[:4]:
        layer.trainable = False
    rate = log_uniform(random, 1e-4, 3e-4)
    model.compile(keras.optimizers.RMSprop(rate), loss, metrics=["accuracy"])
    return Training(
        model,
        x_train,
        y_train,
        validation,
        10,
        accuracy,
        guess=0.2,
        good=0.75,
        held_out=validation,
        arguments={"initial_epoch": initial_epochs},
    )


def _mobile_base() -> keras.Model:
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(12, 3, strides=2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    for filters, strides in ((16, 2), (32, 1), (32, 2)):
        x = layers.DepthwiseConv2D(3, strides=strides, padding="same", use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        x = layers.ReLU(6.0)(layers.BatchNormalization(momentum=0.9)(x))
    return keras.Model(inputs, layers.GlobalAveragePooling2D()(x), name="mobilenet_small")


# Segmentation: a U-Net whose encoder was trained to tell digits apart, and is frozen.


def dice(y_true: Any, y_pred: Any) -> Any:
    """Returns the overlap of true and predicted masks, as Keras takes a metric."""
    both = ops.sum(y_true * y_pred, axis=(1, 2, 3))
    return (2 * both + 1) / (ops.sum(y_true + y_pred, axis=(1, 2, 3)) + 1)


def dice_bce(y_true: Any, y_pred: Any) -> Any:
    """Returns binary cross-entropy plus what is missing of the overlap, as a loss."""
    cross_entropy = ops.mean(ops.binary_crossentropy(y_true, y_pred), axis=(1, 2, 3))
    return cross_entropy + 1 - dice(y_true, y_pred)


def _overlap(model: keras.Model, x: Any, y: Any) -> float:
    predicted = np.asarray(outputs(model, x)) > 0.5
    return float(2 * np.sum(predicted & (y > 0.5)) / (predicted.sum() + np.sum(y > 0.5)))


def _cluttered(digits: NDArray, random: Generator) -> tuple[NDArray, NDArray]:
    """Returns digits on stripes, and where the digits are."""
    rows, columns = np.mgrid[:28, :28]
    turn = random.uniform(0, np.pi, (len(digits), 1, 1))
    phase = random.uniform(0.4, 0.8, (len(digits), 1, 1)) * (
        np.cos(turn) * rows + np.sin(turn) * columns
    )
    stripes = 0.6 * (np.sin(phase) > 0.3)
    image = np.maximum(digits, stripes[..., None]) + 0.05 * random.normal(size=digits.shape)
    return image.astype("float32"), (digits > 0.4).astype("float32")


def _unet(random: Generator) -> Training:
    data = load("mnist", data_seed(random), train=1000, val=250)
    x_train, m_train = _cluttered(1 - data.x_train, random)
    x_val, m_val = _cluttered(1 - data.x_val, random)

    inp = keras.Input((28, 28, 1))
    c1 = layers.Conv2D(8, 3, padding="same", activation="relu", name="enc1")(inp)
    c2 = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", name="enc2")(c1)
    c3 = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", name="enc3")(c2)
    encoder = keras.Model(inp, c3)
    classifier = keras.Sequential([encoder, layers.Flatten(), layers.Dense(10)])
    classifier.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    classifier.fit(x_train, data.y_train, epochs=2, verbose=0)
    encoder.trainable = False

    up = layers.Conv2DTranspose(16, 2, strides=2, name="up2")(c3)
    x = layers.concatenate([up, c2])
    x = layers.Conv2D(16, 3, padding="same", activation="relu", name="dec2")(x)
    x = layers.UpSampling2D()(x)
    x = layers.concatenate([x, c1])
    x = layers.Conv2D(8, 3, padding="same", activation="relu", name="dec1")(x)
    mask = layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x)
    unet = keras.Model(inp, mask)
    optimizer = keras.optimizers.Adam(log_uniform(random, 1e-3, 4e-3))
    unet.compile(optimizer, loss=dice_bce, metrics=[dice])
    return Training(
        unet,
        x_train,
        m_train,
        (x_val, m_val),
        10,
        _overlap,
        guess=0.3,
        good=0.87,
        held_out=(x_val, m_val),
        batch=40,
    )


PROGRAMS = (
    Program(
        "mobilenet_fine_tuned",
        "mobilenet",
        _mobilenet,
        ("rate_too_high", "random_labels", "tiny_training_set", "nan_inputs", "wrong_sign"),
    ),
    Program(
        "unet_frozen_encoder",
        "unet",
        _unet,
        ("rate_too_low", "rate_too_high", "adadelta_default", "nan_inputs", "wrong_sign"),
    ),
)
