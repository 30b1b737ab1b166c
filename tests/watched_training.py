"""A small training that is recorded, for the tests of the page."""

import keras
import numpy as np
from keras import layers

import keras_filterwatch as fw

_NEVER = keras.initializers.Constant(-1000.0)  # a bias below which no unit fires


def train(folder, seed=0, epochs=6):
    """Trains a network whose layer `dead` cannot fire, so that there are notes."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((16, 16, 3))
    first = layers.Conv2D(16, 5, activation="relu", name="first")(inputs)
    second = layers.Conv2D(12, 3, activation="relu", name="second")(first)
    dead = layers.Conv2D(8, 3, activation="relu", bias_initializer=_NEVER, name="dead")(first)
    both = [layers.Flatten()(branch) for branch in (second, dead)]
    head = layers.Dense(3, activation="softmax", name="head")(layers.Concatenate()(both))
    model = keras.Model(inputs, head)
    model.compile(
        keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    random = np.random.default_rng(0)
    x, y = random.random((64, 16, 16, 3), "float32"), random.integers(3, size=64)
    images = ["filters", "film_strip", "favourites"]
    watch = fw.FilterWatch(folder, probe=x, images=images)
    model.fit(x, y, batch_size=16, epochs=epochs, callbacks=[watch], verbose=0)
