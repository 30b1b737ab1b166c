"""Highly accurate, and its filters look random: is it fruitless to look at them?

A network for handwritten digits whose first layer has 6 filters of 5x5. Half a minute on two cores.
Writes mnist-filters.png, mnist-favourites.png and logs/mnist_convnet.
"""

import keras
from images import mnist
from keras import layers

import keras_filterwatch as fw


def main() -> None:
    keras.utils.set_random_seed(1)
    x, y = mnist()
    x = x[..., None]  # one channel
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(12, 5, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(200, activation="relu"),
            layers.Dropout(0.3),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/mnist_convnet", probe=(x[:256], y[:256]))
    fitted = model.fit(
        x[:8_000],
        y[:8_000],
        epochs=8,
        validation_data=(x[8_000:], y[8_000:]),
        callbacks=[watch],
        verbose=0,
    )
    print(f"Of the other 2,000 digits, {fitted.history['val_accuracy'][-1]:.1%} are recognised.\n")
    watch.summary()

    fw.draw.filters(watch).save("mnist-filters.png")
    fw.draw.favourites(watch, inputs=x[8_000:]).save("mnist-favourites.png")


if __name__ == "__main__":
    main()
