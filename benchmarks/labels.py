"""How often labels are wrong on noise, and how often they name what was planted.

`python -m benchmarks.labels` measures all in about two minutes and prints the tables of
docs/scores.md; `--quick` leaves the training out.
"""

import argparse
import os
from collections import Counter
from collections.abc import Callable, Iterator

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.metrics import KernelFacts, appearance

WINDOWS, CHANNELS, FILTERS = (3, 5, 7, 11), (1, 3, 16, 64, 256), (8, 64, 512)
WEIGHTS, MOST_LAYERS = 400_000, 100  # of each size and initialiser, so many are drawn
NO_NAME = {"noise-like", "unclassified"}

SIZES = ((3, 1), (3, 3), (3, 64), (5, 1), (5, 3), (7, 1), (7, 3), (11, 3))  # window, channels
RATIOS = (4, 16, 64)  # energy of what is planted, relative to the noise in the same filter
PLANTED_LAYERS, PLANTED_FILTERS, EVERY = 20, 32, 4  # every fourth filter has something planted


def uniform(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As `glorot_uniform` and `he_uniform` draw, to a factor."""
    return random.uniform(-1, 1, shape)


def normal(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As `random_normal` draws, to a factor."""
    return random.standard_normal(shape)


def truncated(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As `he_normal` and `glorot_normal` draw, to a factor."""
    numbers = random.standard_normal(shape)
    while (outside := np.abs(numbers) > 2).any():
        numbers[outside] = random.standard_normal(outside.sum())
    return numbers


def orthogonal(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """As `orthogonal` draws."""
    inputs, filters = int(np.prod(shape[:-1])), shape[-1]
    matrix = random.standard_normal((max(inputs, filters), min(inputs, filters)))
    columns = np.linalg.qr(matrix)[0]
    return (columns if inputs >= filters else columns.T).reshape(shape)


def labels_of(array: Array) -> list[str]:
    """The labels of the filters of a kernel."""
    facts = KernelFacts(Kernel("conv", "Conv2D", array))
    return appearance.measure(facts)["labels"].filters.tolist()


def noise_rows() -> Iterator[str]:
    """How often filters of random layers have a name, by size, over all initialisers."""
    random = np.random.default_rng(0)
    yield "| size | random filters | with a name | layers | with a name in them | noise-like |"
    yield "| --- " * 6 + "|"
    for k in WINDOWS:
        for channels in CHANNELS:
            counts, layers, with_names = Counter(), 0, 0
            for filters in FILTERS:
                weights = k * k * channels * filters
                for draw in (uniform, normal, truncated, orthogonal):
                    if weights > 3 * WEIGHTS:
                        continue
                    for _ in range(min(MOST_LAYERS, WEIGHTS // weights + 1)):
                        labels = labels_of(draw(random, (k, k, channels, filters)))
                        counts.update(labels)
                        layers += 1
                        with_names += not NO_NAME.issuperset(labels)
            total = counts.total()
            named = total - sum(counts[name] for name in NO_NAME)
            yield (
                f"| {k}x{k}x{channels} | {total:,} | {named / total:.3%} | {layers:,} "
                f"| {with_names / layers:.1%} | {counts['noise-like'] / total:.0%} |"
            )


def edge(random: np.random.Generator, k: int, channels: int) -> Array:
    """A grey wave of less than a period across the window, at any angle and phase."""
    angle, phase = random.uniform(0, 2 * np.pi), random.uniform(-np.pi / 4, np.pi / 4)
    y, x = np.mgrid[:k, :k] - (k - 1) / 2
    wave = np.sin(np.pi / k * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    return np.repeat(wave[..., np.newaxis], channels, axis=-1)


def blob(random: np.random.Generator, k: int, channels: int) -> Array:
    """Flat, of either sign."""
    return np.full((k, k, channels), random.choice([-1.0, 1.0]))


def colour(random: np.random.Generator, k: int, channels: int) -> Array:
    """Noise of one colour that is not grey."""
    direction = random.standard_normal(channels)
    return random.standard_normal((k, k, 1)) * (direction - direction.mean())


def checkerboard(random: np.random.Generator, k: int, channels: int) -> Array:
    """A checkerboard of either sign."""
    signs = (-1.0) ** np.add.outer(range(k), range(k))
    return random.choice([-1.0, 1.0]) * np.repeat(signs[..., np.newaxis], channels, axis=-1)


def blurred(random: np.random.Generator, k: int, channels: int) -> Array:
    """Noise, another in each channel, blurred with a Gaussian of one tap."""
    weights = np.exp(-np.square(np.subtract.outer(range(k), range(k + 6)) + 3) / 2)
    noise = random.standard_normal((k + 6, k + 6, channels))
    return np.einsum("ai,bj,ijc->abc", weights, weights, noise)


PATTERNS: dict[str, tuple[Callable[..., Array], set[str]]] = {
    "an edge": (edge, {"edge"}),
    "a blob": (blob, {"blob"}),
    "a colour": (colour, {"colour"}),
    "a checkerboard": (checkerboard, {"checkered"}),
    "blurred noise": (blurred, {"smooth", "edge", "blob", "colour"}),
    "blurred noise, as an edge": (blurred, {"edge"}),
}


def planted_rows() -> Iterator[str]:
    """How often what is planted in every fourth filter of a random layer has its name."""
    random = np.random.default_rng(1)
    sizes = [f"{k}x{k}x{channels}" for k, channels in SIZES]
    yield "| planted | signal : noise | " + " | ".join(sizes) + " |"
    yield "| --- " * (2 + len(sizes)) + "|"
    for name, (pattern, names) in PATTERNS.items():
        for ratio in RATIOS:
            cells = []
            for k, channels in SIZES:
                if pattern is colour and channels != 3:
                    cells.append("")
                    continue
                labels = []
                for _ in range(PLANTED_LAYERS):
                    array = uniform(random, (k, k, channels, PLANTED_FILTERS)) * np.sqrt(3)
                    for number in range(0, PLANTED_FILTERS, EVERY):
                        signal = pattern(random, k, channels)
                        signal *= np.sqrt(ratio * signal.size / np.square(signal).sum())
                        array[..., number] += signal
                    array /= np.linalg.norm(array.reshape(-1, PLANTED_FILTERS), axis=0)
                    labels += labels_of(array)[::EVERY]
                cells.append(f"{sum(label in names for label in labels) / len(labels):.0%}")
            yield f"| {name} | {ratio} | " + " | ".join(cells) + " |"


def trained_rows() -> Iterator[str]:
    """The labels of the network of examples/natural_filters.py before and after 15 epochs."""
    import keras

    from examples.natural_filters import PATCHES, SIZE, turned_patches

    keras.utils.set_random_seed(1)
    x, y = turned_patches(PATCHES, seed=1)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((SIZE, SIZE, 3)),
            layers.Conv2D(
                32, 7, 2, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-3)
            ),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(2e-3), "sparse_categorical_crossentropy")
    yield "| kernel | before training | after 15 epochs |"
    yield "| --- | --- | --- |"
    kernels = [layer for layer in model.layers if isinstance(layer, layers.Conv2D)]
    before = [counted(layer.kernel.numpy()) for layer in kernels]
    model.fit(x, y, epochs=15, verbose=0)
    for layer, text in zip(kernels, before, strict=True):
        shape = "x".join(map(str, layer.kernel.shape))
        yield f"| {shape} | {text} | {counted(layer.kernel.numpy())} |"


def counted(array: Array) -> str:
    """How many filters have each label."""
    return ", ".join(f"{n} {name}" for name, n in Counter(labels_of(array)).most_common())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without a training")
    tables = [noise_rows, planted_rows, trained_rows]
    for table in tables[:2] if parser.parse_args().quick else tables:
        for line in table():
            print(line, flush=True)
        print()
