"""MNIST, 784-100-10: the hidden units' weights are pictures of strokes, 28x28 each.

A Flatten layer in front of the Dense layer tells FilterWatch the shape of the images. Weight decay
is what makes the templates smooth. A minute on two cores. Downloads MNIST; writes logs/mnist_dense
and templates.png.
"""

import keras
from keras import layers

import keras_filterwatch as fw


def main() -> None:
    keras.utils.set_random_seed(1)
    (x, y), test = keras.datasets.mnist.load_data()
    model = keras.Sequential(
        [
            layers.Input((28, 28)),
            layers.Rescaling(1 / 255),
            layers.Flatten(),
            layers.Dense(100, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/mnist_dense")
    model.fit(x, y, epochs=10, validation_data=test, callbacks=[watch], verbose=2)
    watch.summary()
    fw.draw.filters(model, step=10).save("templates.png")


if __name__ == "__main__":
    main()
