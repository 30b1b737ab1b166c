"""Smooth or noisy, dead filters, sparser activations: what is what?

The same network is trained twice, at a good learning rate and at one that is far too high. It says
which of two photographs an image is a part of, and whether the image is turned by 90 degrees. Half
a minute on two cores. Writes rates-*.png and logs/.
"""

import keras
import numpy as np
from images import patches
from keras import layers

import keras_filterwatch as fw


def network(rate: float) -> keras.Model:
    """A small network with windows of 7x7, compiled with this learning rate."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    penalty = keras.regularizers.L2(2e-3)
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Conv2D(16, 7, strides=2, activation="relu", kernel_regularizer=penalty),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main() -> None:
    x, photograph = patches(4_000, size=32)
    is_turned = np.arange(len(x)) // 2 % 2
    x = np.where(is_turned[:, None, None, None], np.rot90(x, axes=(1, 2)), x)
    y = 2 * is_turned + photograph

    for name, rate in (("good", 2e-3), ("high", 0.1)):
        print(f"\n=== Learning rate {rate}\n")
        model = network(rate)
        fw.draw.activations(model, "conv2d", x[:2]).save("rates-before.png")  # both times the same
        watch = fw.FilterWatch(f"logs/rate_{name}", probe=(x[:256], y[:256]), stop_on="dead")
        fitted = model.fit(x, y, epochs=20, validation_split=0.2, callbacks=[watch], verbose=0)
        accuracy = fitted.history["val_accuracy"][-1]
        print(f"\nOf other images, {accuracy:.0%} are classified correctly; guessing gives 25%.\n")
        watch.summary()
        for layer in ("conv2d", "conv2d_1"):
            zeros = ", ".join(f"{scores[layer]['apoz']:.0%}" for scores in watch.history[::4])
            print(f"Zeros among the outputs of {layer}, every four epochs: {zeros}")
        fw.draw.filters(watch).save(f"rates-{name}-filters.png")
        fw.draw.activations(watch, "conv2d", x[:2]).save(f"rates-{name}-after.png")


if __name__ == "__main__":
    main()
