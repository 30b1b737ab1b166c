"""Makes the pictures of gallery.md: every kind of picture that keras_filterwatch draws.

`python docs/gallery.py` trains five small networks, in a few minutes on one core, prints how well
each learnt and writes docs/images/gallery-*.png; with names of pictures, such as
`film_strip templates`, only these. MNIST is downloaded, unless `--mnist FOLDER` names a folder that
has its test images and labels, `t10k-*.gz`.
"""

import argparse
import gzip
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from PIL import Image
from sklearn.datasets import load_digits

import keras_filterwatch as fw

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import reading_filters  # noqa: E402


class Run(NamedTuple):
    """A trained network, inputs that it has not seen, their classes, and a file of each epoch."""

    model: keras.Model
    x: np.ndarray
    y: np.ndarray
    files: list[Path]


def trained(
    name: str, model: keras.Model, x: np.ndarray, y: np.ndarray, unseen: int, epochs: int
) -> Run:
    """Fits all but the last so many, keeps the network of each epoch, says how well it went."""
    folder = FOLDER / name
    folder.mkdir()
    model.save(folder / "000.keras")
    each_epoch = keras.callbacks.ModelCheckpoint(str(folder / "{epoch:03}.keras"))
    held = x[-unseen:], y[-unseen:]
    fitted = model.fit(
        x[:-unseen],
        y[:-unseen],
        batch_size=64,
        epochs=epochs,
        verbose=0,
        callbacks=[each_epoch],
        validation_data=held,
    )
    last = ", ".join(f"{key} {values[-1]:.3g}" for key, values in fitted.history.items())
    print(f"{name}: {last}\n{fw.score(model)}\n", flush=True)
    return Run(model, *held, sorted(folder.iterdir()))


@cache
def photographs() -> Run:
    """The network and the patches of reading_filters.py, with more of both."""
    x, y = reading_filters.patches(6_500, seed=1)
    model = reading_filters.network(filters=24, l2=1e-3)
    return trained("photographs", model, x, y, 500, epochs=40)


@cache
def embedding() -> Run:
    """16x16 patches in, the same patches out: what a patch embedding keeps of photographs."""
    x, _ = reading_filters.patches(8_500, seed=1)
    x = x[:, :16, :16]
    l2 = keras.regularizers.L2(1e-4)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input(x.shape[1:]),
            layers.Conv2D(64, 16, kernel_regularizer=l2, name="patch_embedding"),
            layers.Flatten(),
            layers.Dense(x[0].size, kernel_regularizer=l2),
            layers.Reshape(x.shape[1:]),
        ]
    )
    model.compile("adam", loss="mse")
    return trained("embedding", model, x, x, 500, epochs=20)


@cache
def mnist() -> Run:
    """784-100-10, as in examples/mnist_dense.py, on the 10,000 test images."""
    x, y = mnist_test_images(ARGUMENTS.mnist)
    x = x[..., np.newaxis] / np.float32(255)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(
                100,
                activation="relu",
                kernel_regularizer=keras.regularizers.L2(1e-3),
                name="hidden",
            ),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return trained("mnist", model, x, y, 2_000, epochs=30)


def mnist_test_images(folder: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """`(10000, 28, 28)` from 0 to 255, and their digits."""
    if folder is None:
        try:
            return keras.datasets.mnist.load_data()[1]
        except Exception as error:
            raise SystemExit(
                f"MNIST did not come: {error}. Name a folder that has t10k-images-idx3-ubyte.gz "
                "and t10k-labels-idx1-ubyte.gz (--mnist FOLDER), or pictures that need no MNIST."
            ) from error
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"t10k-{name}.gz").read_bytes()), np.uint8)
        for name in ("images-idx3-ubyte", "labels-idx1-ubyte")
    )
    return images[16:].reshape(-1, 28, 28), labels[8:]


@cache
def digits() -> Run:
    """The network of examples/digits.py."""
    x, y = load_digits(return_X_y=True)
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", name="first"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(32, 3, activation="relu", name="second"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(10, activation="softmax", name="classes"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
    return trained("digits", model, x, y, 360, epochs=20)


def watched(rate: float) -> fw.FilterWatch:
    """Trains four convolutions on the digits, with this learning rate of Adam."""
    x, y = load_digits(return_X_y=True)
    x = x.reshape(-1, 8, 8, 1).astype("float32") / 16
    keras.utils.set_random_seed(1)
    convolutions = [
        layers.Conv2D(units, 3, padding="same", activation="relu", name=name)
        for name, units in (("first", 16), ("second", 32), ("third", 32), ("fourth", 32))
    ]
    head = [
        layers.GlobalMaxPooling2D(),
        layers.Dense(10, activation="softmax", name="classes"),
    ]
    model = keras.Sequential([layers.Input((8, 8, 1)), *convolutions, *head])
    optimizer = keras.optimizers.Adam(rate)
    model.compile(optimizer, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    watch = fw.FilterWatch(FOLDER / f"watched-{rate}", probe=(x[:256], y[:256]), images=False)
    model.fit(x, y, 64, epochs=30, validation_split=0.2, verbose=0, callbacks=[watch])
    watch.summary()
    return watch


def overview() -> Image.Image:
    """A training that goes wrong."""
    return fw.draw.overview(watched(rate=0.05))


def overview_good() -> Image.Image:
    """The same with a rate at which it learns."""
    return fw.draw.overview(watched(rate=0.002))


def filters() -> Image.Image:
    """First-layer filters of three channels, as they come."""
    return fw.draw.filters(photographs().model, step=40)


def similarity() -> Image.Image:
    """The same, like beside like."""
    return fw.draw.filters(photographs().model, order="similarity", step=40)


def matrix() -> Image.Image:
    """A deeper layer, filters against channels."""
    return fw.draw.filters(photographs().model, "second", step=40)


def small() -> Image.Image:
    """3x3 filters of one channel."""
    return fw.draw.filters(digits().model, "first", step=20)


def film_strip() -> Image.Image:
    """How the first layer changed while it learnt the photographs."""
    return fw.draw.film_strip(photographs().files)


def components() -> Image.Image:
    """Of a patch embedding."""
    return fw.draw.components(embedding().model)


def components_deeper() -> Image.Image:
    """Of the windows of a deeper layer."""
    return fw.draw.components(photographs().model, "second")


def templates() -> Image.Image:
    """The hidden units of MNIST."""
    return fw.draw.templates(mnist().model, step=30)


def class_paths() -> Image.Image:
    """The classes of MNIST and the hidden units behind them."""
    return fw.draw.class_paths(mnist().model)


def evidence() -> Image.Image:
    """Which pixels speak for which class: two digits that are read rightly, two that are not."""
    model, x, y, _ = mnist()
    predicted = model.predict(x, verbose=0).argmax(axis=1)
    selected = [*np.flatnonzero(predicted == y)[:2], *np.flatnonzero(predicted != y)[:2]]
    print(f"evidence: the digits are {y[selected]}, the network says {predicted[selected]}")
    return fw.draw.evidence(model, inputs=x[selected])


def activations() -> Image.Image:
    """What the first layer returns for patches; those before the ninth are dull."""
    return fw.draw.activations(photographs().model, inputs=photographs().x[8:])


def activations_digits() -> Image.Image:
    """What the first layer returns for digits, behind its BatchNormalization and ReLU."""
    return fw.draw.activations(digits().model, "first", digits().x)


def favourites() -> Image.Image:
    """The patches that excite sixteen filters of the first layer most."""
    return fw.draw.favourites(photographs().model, inputs=photographs().x, filters=range(16))


def favourites_deeper() -> Image.Image:
    """And those of sixteen filters of the second."""
    return fw.draw.favourites(photographs().model, "second", photographs().x, range(16))


def maximize() -> Image.Image:
    """The patches that the filters of the second layer would like best, by gradient ascent."""
    x = photographs().x
    images = fw.maximize(photographs().model, "second", value_range=(x.min(), x.max()))
    return fw.draw.inputs(images, title="second", trim=True)


def maximize_classes() -> Image.Image:
    """The images that the ten classes of MNIST would like best."""
    images = fw.maximize(mnist().model, "classes")
    return fw.draw.inputs(images, title="classes")


PICTURES: dict[str, Callable[[], Image.Image]] = {
    "overview": overview,
    "overview-good": overview_good,
    "filters": filters,
    "similarity": similarity,
    "matrix": matrix,
    "small": small,
    "film_strip": film_strip,
    "components": components,
    "components-deeper": components_deeper,
    "activations": activations,
    "activations-digits": activations_digits,
    "favourites": favourites,
    "favourites-deeper": favourites_deeper,
    "maximize": maximize,
    "maximize-classes": maximize_classes,
    "templates": templates,
    "class_paths": class_paths,
    "evidence": evidence,
}


def main() -> None:
    """Draws the pictures that are named, or all."""
    for name in ARGUMENTS.names or PICTURES:
        picture = PICTURES[name]()
        colours = picture.getcolors(256)
        if colours:  # a palette loses nothing then
            picture = picture.quantize(256, dither=Image.Dither.NONE)
        path = HERE / "images" / f"gallery-{name}.png"
        picture.save(path, optimize=True)
        print(f"{name}: {picture.size}, {path.stat().st_size:,} bytes, palette {bool(colours)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Makes the pictures of gallery.md.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(PICTURES)}")
    parser.add_argument("--mnist", type=Path, metavar="FOLDER", help="that has t10k-*.gz")
    ARGUMENTS = parser.parse_args()
    unknown = set(ARGUMENTS.names) - set(PICTURES)
    if unknown:
        parser.error(f"no pictures are called {sorted(unknown)}; there are {list(PICTURES)}")
    with tempfile.TemporaryDirectory() as folder:
        FOLDER = Path(folder)
        main()
