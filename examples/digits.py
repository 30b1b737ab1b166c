"""Scikit-learn's 8x8 digits: too few weights to judge a 3x3 layer, and the verdict says so.

A minute on one core. Writes logs/digits.
"""

import keras
from keras import layers
from sklearn.datasets import load_digits

import keras_filterwatch as fw


def main() -> None:
    keras.utils.set_random_seed(1)
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/digits")
    model.fit(x, y, epochs=20, validation_split=0.2, callbacks=[watch], verbose=2)
    watch.summary()


if __name__ == "__main__":
    main()
