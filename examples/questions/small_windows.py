"""Trained, performs well, and its filters look random: why?

Six convolutions of 3x3, 20 filters and then 40, on 31x31 grey images. The network says which of two
photographs an image is a part of. Half a minute on two cores. Writes windows-film_strip.png,
windows-favourites.png and logs/small_windows.
"""

import keras
from images import patches
from keras import layers

import keras_filterwatch as fw


def main() -> None:
    keras.utils.set_random_seed(1)
    colours, y = patches(2_500, size=31)
    x = colours.mean(axis=-1, keepdims=True)
    model = keras.Sequential(
        [
            layers.Input((31, 31, 1)),
            *(layers.Conv2D(20, 3, activation="relu") for _ in range(3)),
            layers.MaxPooling2D(),
            *(layers.Conv2D(40, 3, activation="relu") for _ in range(3)),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(96, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(32, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", loss="binary_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch("logs/small_windows", probe=(x[:256], y[:256]))
    fitted = model.fit(x, y, epochs=5, validation_split=0.2, callbacks=[watch], verbose=0)
    accuracy = fitted.history["val_accuracy"][-1]
    print(f"Of 500 images that it was not trained on, {accuracy:.1%} are classified correctly.\n")
    watch.summary()

    fw.draw.film_strip(watch).save("windows-film_strip.png")
    fw.draw.favourites(watch, "conv2d_5", x[2_000:], range(12)).save("windows-favourites.png")


if __name__ == "__main__":
    main()
