"""Makes the pictures of reading-filters.md: small networks that learn well, badly or not at all.

`python docs/reading_filters.py` trains all, in a few minutes on one core, prints the scores, alarms
and diagnoses that the page quotes and writes docs/images/reading-*.png; with names of cases, such
as `rate-too-low frozen`, only these. The data are the patches of examples/natural_filters.py. The
networks say which of the two photographs a patch is from, and whether its coarse edges are mostly
upright: for the first they need colours, for the second edges.
"""

import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers
from PIL import Image

import keras_filterwatch as fw

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "examples"))
from natural_filters import SIZE, side_by_side, turned_patches  # noqa: E402

PATCHES, PROBE, EPOCHS, RATE, L2 = 2_000, 256, 20, 3e-3, 2e-3
SHOWN = ("noise", "dc", "anisotropy", "slices", "norm", "dead", "dead_units", "update", "rotation")


def patches(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches `(count, 32, 32, 3)` of about unit size, and their classes 0 to 3."""
    x, _ = turned_patches(count, seed)
    coarse = x.mean(axis=-1).reshape(count, 8, SIZE // 8, 8, SIZE // 8).mean(axis=(2, 4))
    across, down = (np.square(np.diff(coarse, axis=axis)).sum(axis=(1, 2)) for axis in (2, 1))
    photograph = np.arange(count) % 2
    return x / x.std(), 2 * photograph + (across > down)


def network(
    window: int = 7,
    filters: int = 16,
    l2: float = L2,
    rate: float = RATE,
    middle: Callable[[], list[keras.Layer]] | None = None,
    **first: Any,
) -> keras.Model:
    """Two convolutions, the first of `filters` windows, compiled; `first` goes to its first layer.

    `middle` makes what stands in for the second convolution, once the seed is set.
    `l2` weighs on both.
    """
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    if middle:
        between = middle()
    else:
        between = [
            layers.Conv2D(32, 3, activation="relu", kernel_regularizer=_l2(l2), name="second")
        ]
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Conv2D(
                filters,
                window,
                strides=2,
                activation="relu",
                kernel_regularizer=_l2(l2),
                name="first",
                **first,
            ),
            layers.MaxPooling2D(),
            *between,
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax", name="head"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    return model


def _l2(weight: float) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L2(weight) if weight else None


def watched(
    model: keras.Model, layer: str = "first", epochs: int = EPOCHS, x: Any = None, y: Any = None
) -> tuple[Image.Image, Image.Image]:
    """Trains, prints what FilterWatch measured and concluded, draws the layer before and after."""
    x, y = (X, Y) if x is None else (x, y)
    before = fw.draw.filters(model, layer, step=0)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as logs, contextlib.redirect_stdout(io.StringIO()):
        watch = fw.FilterWatch(logs, probe=VAL_X[:PROBE], images=False)
        fitted = model.fit(
            x,
            y,
            epochs=epochs,
            validation_data=(VAL_X, VAL_Y),
            validation_batch_size=PROBE,
            callbacks=[watch],
            verbose=0,
        )
    seconds = time.perf_counter() - start
    for scores in (watch.history[0], watch.history[-1]):
        for name, measured in scores.items():
            if name == layer or scores is watch.history[-1]:
                numbers = [f"{key} {measured[key]:.3g}" for key in SHOWN if key in measured]
                print(f"step {scores.step:2} {name}: {', '.join(numbers)}: {measured.verdict}")
    last = {key: values[-1] for key, values in fitted.history.items()}
    keys = ("loss", "accuracy", "val_loss", "val_accuracy")
    print(", ".join(f"{key} {last[key]:.3g}" for key in keys))
    for alarm in watch.alarms:
        print(f"alarm ({alarm.rule}) at step {alarm.step}: {alarm.message}")
    print(f"diagnosis: {watch.diagnosis}")
    print(f"{seconds:.0f} s", flush=True)
    return before, fw.draw.filters(model, layer, step=epochs)


def converged() -> Image.Image:
    """Fresh initialisation, and what good training makes of it."""
    return side_by_side(*watched(network()))


def rate_too_low() -> Image.Image:
    """A learning rate a thousand times too small."""
    return side_by_side(*watched(network(rate=RATE / 1_000)))


def rate_too_high() -> Image.Image:
    """A learning rate a hundred times too large."""
    return side_by_side(*watched(network(rate=RATE * 100, l2=0)))


def over_regularised() -> Image.Image:
    """L2 a thousand times too strong."""
    return side_by_side(*watched(network(l2=L2 * 1_000)))


def random_labels() -> Image.Image:
    """A few patches with labels drawn by lot, which can only be learnt by heart."""
    few = 128
    labels = np.random.default_rng(0).integers(4, size=few)
    return side_by_side(*watched(network(l2=0, rate=4e-3), epochs=80, x=X[:few], y=labels))


def constant() -> Image.Image:
    """Both convolutions start as 0.02; one that starts at random would break the symmetry."""
    same = keras.initializers.Constant(0.02)
    second = layers.Conv2D(
        32,
        3,
        activation="relu",
        kernel_initializer=same,
        kernel_regularizer=_l2(L2),
        name="second",
    )
    return side_by_side(*watched(network(middle=lambda: [second], kernel_initializer=same)))


def constant_first() -> Image.Image:
    """Only the first convolution starts as 0.02."""
    return side_by_side(*watched(network(kernel_initializer=keras.initializers.Constant(0.02))))


def frozen() -> Image.Image:
    """The first layer never leaves its initialisation, and the network learns all the same."""
    return side_by_side(*watched(network(trainable=False)))


def frozen_few() -> Image.Image:
    """The same with four 3x3 filters and normal weights: too few slices to say so."""
    model = network(window=3, filters=4, trainable=False, kernel_initializer="he_normal")
    return side_by_side(*watched(model))


def small_windows() -> Image.Image:
    """3x3 filters: nine taps show little."""
    return side_by_side(*watched(network(window=3)))


def deeper() -> Image.Image:
    """A depthwise layer behind the first, without L2 and at a third of the rate."""

    def middle() -> list[keras.Layer]:
        pointwise = layers.Conv2D(32, 1, activation="relu", name="pointwise")
        return [layers.DepthwiseConv2D(3, name="depthwise"), pointwise]

    return side_by_side(*watched(network(l2=0, rate=1e-3, middle=middle), "depthwise"))


CASES: dict[str, Callable[[], Image.Image]] = {
    "converged": converged,
    "rate-too-low": rate_too_low,
    "rate-too-high": rate_too_high,
    "over-regularised": over_regularised,
    "random-labels": random_labels,
    "constant": constant,
    "constant-first": constant_first,
    "frozen": frozen,
    "frozen-few": frozen_few,
    "small-windows": small_windows,
    "deeper": deeper,
}


def main() -> None:
    """Runs the cases that are named, or all."""
    for name in sys.argv[1:] or CASES:
        case = CASES[name]
        print(f"\n{name}: {case.__doc__}")
        picture = case()
        if picture.getcolors(256):  # a palette loses nothing then
            picture = picture.quantize(256, dither=Image.Dither.NONE)
        picture.save(HERE / "images" / f"reading-{name}.png", optimize=True)


if __name__ == "__main__":
    X, Y = patches(PATCHES, seed=1)
    VAL_X, VAL_Y = patches(PATCHES // 4, seed=2)
    main()
