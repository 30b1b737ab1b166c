"""Random dots become edges and colour blobs: a small network learns which way up photographs are.

Patches of the two photographs that scikit-learn ships are turned by 0, 90, 180 or 270 degrees, and
the network says by how much (rotation prediction, Gidaris et al. 2018). About a minute on two
cores. Writes before-after.png, filters.gif and logs/natural_filters.
"""

import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.datasets import load_sample_images

import keras_filterwatch as fw

PATCHES, SIZE, EPOCHS = 6_000, 32, 30


def turned_patches(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches `(count, 32, 32, 3)` around zero, and their quarter turns 0 to 3."""
    random = np.random.default_rng(seed)
    photographs = load_sample_images().images
    patches, turns = [], random.integers(4, size=count)
    for i, turn in enumerate(turns):
        photograph = photographs[i % len(photographs)]
        y, x = (random.integers(side - SIZE) for side in photograph.shape[:2])
        patches.append(np.rot90(photograph[y : y + SIZE, x : x + SIZE], turn))
    scaled = np.array(patches, "float32") / 255
    return scaled - scaled.mean(axis=(0, 1, 2)), turns


def side_by_side(*pictures: Image.Image) -> Image.Image:
    """Pictures in a row."""
    size = sum(picture.width for picture in pictures), max(picture.height for picture in pictures)
    row = Image.new("RGB", size, "white")
    for i, picture in enumerate(pictures):
        row.paste(picture, (sum(earlier.width for earlier in pictures[:i]), 0))
    return row


def main() -> None:
    keras.utils.set_random_seed(1)
    x, y = turned_patches(PATCHES, seed=1)
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Conv2D(
                32, 7, strides=2, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)
            ),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(2e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )

    before, picture_before = fw.score(model), fw.draw.filters(model, step=0)
    watch = fw.FilterWatch("logs/natural_filters")
    model.fit(x, y, epochs=EPOCHS, validation_split=0.1, callbacks=[watch], verbose=2)

    print("\nBefore:", before, "\nAfter:", sep="\n")
    watch.summary()
    side_by_side(picture_before, fw.draw.filters(model, step=EPOCHS)).save("before-after.png")
    movie = fw.draw.movie(watch, "filters.gif", duration=0.3)
    print("\nThe filters before and after: before-after.png")
    print(f"How they formed: {movie}")
    print("All pictures and scores, epoch by epoch:")
    print("tensorboard --logdir logs/natural_filters --samples_per_plugin images=1000")


if __name__ == "__main__":
    main()
