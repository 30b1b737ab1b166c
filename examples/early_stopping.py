"""Two ways to stop: when the filters have formed, and when they don't.

The stock EarlyStopping follows `filter_noise` like any other number in the logs. `stop_on` ends a
training whose rate is far too low to form anything. Half a minute on one core.
"""

import keras
from keras import layers
from sklearn.datasets import load_digits

import keras_filterwatch as fw


def small_network(rate: float) -> keras.Model:
    """A network for 8x8 digits, compiled with this learning rate."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(32, 5, padding="same", activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16

    print("Until the filters stop getting smoother:")
    formed = keras.callbacks.EarlyStopping("filter_noise", mode="min", min_delta=0.01, patience=3)
    watch = fw.FilterWatch("logs/formed")  # before the callbacks that use its numbers
    small_network(rate=3e-3).fit(x, y, epochs=60, callbacks=[watch, formed], verbose=2)
    watch.summary()

    print("\nUntil it is clear that nothing forms:")
    watch = fw.FilterWatch("logs/not_formed", stop_on=["stalled"])
    small_network(rate=1e-6).fit(x, y, epochs=60, callbacks=[watch], verbose=2)
    watch.summary()


if __name__ == "__main__":
    main()
