"""The trainings that many tests share: one small network, its data, its fit."""

import keras
import numpy as np
from keras import layers

LEARNING, RESTING = 1e-2, 1e-9  # learning rates: one that trains, one that leaves all as it was


def data(count=32):
    """Images `(count, 12, 12, 3)` and three classes, at random."""
    random = np.random.default_rng(0)
    return random.random((count, 12, 12, 3), "float32"), random.integers(3, size=count)


def compiled(model, rate=LEARNING):
    """The model with SGD and a classification loss."""
    model.compile(keras.optimizers.SGD(rate), loss="sparse_categorical_crossentropy")
    return model


def network(rate=LEARNING):
    """Two convolutions `first` and `second` and a dense `head`, the same weights each time."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(32, 5, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Conv2D(16, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    return compiled(model, rate)


def fit(model, *callbacks, epochs=2, **options):
    """Trains with four batches an epoch."""
    return model.fit(
        *data(), batch_size=8, epochs=epochs, callbacks=list(callbacks), verbose=0, **options
    )


def steps(watch):
    """The steps of a FilterWatch's history."""
    return [scores.step for scores in watch.history]
