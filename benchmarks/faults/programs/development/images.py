"""Networks whose output is an image: U-Net for segmentation, and an autoencoder."""

import keras
import numpy as np
from keras import KerasTensor, layers
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults.data import load
from benchmarks.faults.program import Program, Training
from benchmarks.faults.programs.development.qualities import explained, predictions, rate, seed


def dice(true: KerasTensor, predicted: KerasTensor) -> KerasTensor:
    """Returns how far mask and prediction overlap, from 0 to 1."""
    true = keras.ops.cast(true, predicted.dtype)
    overlap = 2 * keras.ops.sum(true * predicted)
    return overlap / (keras.ops.sum(true) + keras.ops.sum(predicted) + 1e-6)


def overlap_of_masks(model: keras.Model, x: NDArray, y: NDArray) -> float:
    """Returns the intersection over union of the masks, cut at 0.5."""
    said, true = predictions(model, x) > 0.5, y > 0.5
    return float((said & true).sum() / max(1, (said | true).sum()))


def unet(random: Generator) -> Training:
    """Returns a U-Net that finds pen strokes in photographs of grained paper."""
    x, _, x_val, _, _ = load("mnist", seed(random), train=500, val=150)
    (x, y), (x_val, y_val) = _on_paper(x, random), _on_paper(x_val, random)
    inputs = layers.Input((28, 28, 1))
    first = _double_conv(inputs, 8)
    second = _double_conv(layers.MaxPooling2D()(first), 16)
    lowest = _double_conv(layers.MaxPooling2D()(second), 32)
    up = layers.Conv2DTranspose(16, 2, strides=2)(lowest)
    up = _double_conv(layers.Concatenate()([up, second]), 16)
    up = layers.Conv2DTranspose(8, 2, strides=2)(up)
    up = _double_conv(layers.Concatenate()([up, first]), 8)
    model = keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(up))
    model.compile(
        optimizer=keras.optimizers.Adam(rate(random, 2e-3)),
        loss="binary_crossentropy",
        metrics=[dice],
    )
    return Training(
        model, x, y, (x_val, y_val), 8, overlap_of_masks, 0.1, 0.72, (x_val, y_val), batch=16
    )


def _on_paper(figures: NDArray, random: Generator) -> tuple[NDArray, NDArray]:
    """Returns images with shadows, grain and figures of any contrast, and the figures' masks."""
    count = len(figures)
    ink = 1 - figures
    ramp = np.linspace(-1, 1, 28)[None, :, None, None] * random.uniform(-0.3, 0.3, (count, 1, 1, 1))
    contrast = random.uniform(0.15, 0.5, (count, 1, 1, 1))
    image = 0.5 + ramp + contrast * ink + random.normal(0, 0.1, figures.shape)
    return image.astype("float32"), (ink > 0.5).astype("float32")


def _double_conv(x: KerasTensor, filters: int) -> KerasTensor:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return x


def autoencoder(random: Generator) -> Training:
    """Returns a convolutional autoencoder of photographs: a loss, and no metric."""
    x, _, x_val, _, _ = load("photographs", seed(random), train=1_200, val=300)
    encoder = keras.Sequential(
        [
            layers.Input((24, 24, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2D(24, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dense(48),
        ],
        name="encoder",
    )
    decoder = keras.Sequential(
        [
            layers.Input((48,)),
            layers.Dense(6 * 6 * 24, activation="relu"),
            layers.Reshape((6, 6, 24)),
            layers.Conv2DTranspose(16, 4, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(3, 4, strides=2, padding="same", activation="sigmoid"),
        ],
        name="decoder",
    )
    inputs = layers.Input((24, 24, 3))
    model = keras.Model(inputs, decoder(encoder(inputs)))
    model.compile(optimizer=keras.optimizers.Adam(rate(random, 2e-3)), loss="mse")
    return Training(model, x, x, (x_val, x_val), 15, explained, 0.0, 0.9, (x_val, x_val), batch=32)


PROGRAMS = (
    Program(
        "unet_strokes_dice",
        "segmentation",
        unet,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "raw_inputs",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "dead_at_start",
        ),
    ),
    Program(
        "autoencoder_photographs",
        "autoencoder",
        autoencoder,
        (
            "rate_too_low",
            "rate_too_high",
            "adadelta_default",
            "zero_initialisation",
            "over_regularised",
            "nan_inputs",
            "wrong_sign",
            "dead_at_start",
        ),
    ),
)
