"""The data sets: small images and signals whose classes a small network learns in seconds."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_images

_SHARED = Path(__file__).parents[3] / "shared" / "data"
_MNIST, _CIFAR10 = _SHARED / "mnist-t10k", _SHARED / "cifar10-6000.npz"
_PATCH, _SMALLER = 24, 7
_TIMES, _NOISE = 64, 0.5  # of the signals: how many values, and the deviation of their noise


class Data(NamedTuple):
    """Images `(items, height, width, channels)` or signals, and their classes from 0 on.

    Pixels are in 0..1 and mostly light, as in a scan or a photograph: figures are dark on white.
    Signals `(items, times, 2)` have mean 0 and are in about -2..2.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int32]
    classes: int


def names() -> list[str]:
    """Returns the names of the data sets that can be loaded.

    MNIST and CIFAR-10 can be only if their files are found: in `$MNIST_T10K` and `$CIFAR10`, or in
    the folder `shared` beside the repository.
    """
    there = {"mnist": _mnist_folder().is_dir(), "cifar10": _cifar10_file().is_file()}
    return ["digits", "photographs", "signals", *(name for name in there if there[name])]


def load(name: str, seed: int, train: int = 1_000, val: int = 400) -> Data:
    """Draws the training and the validation items of a data set.

    Args:
        name: one of `names()`.
        seed: decides which items are drawn.
        train: items to train on; digits have 1,797 in all, CIFAR-10 6,000, MNIST 10,000.
        val: items to validate on.
    """
    random = np.random.default_rng([seed, len(name)])
    if name in _MADE:
        items = _MADE[name](train + val, random)
        return _split(*items, train, val, random)
    return _split(*_STORED[name](), train, val, random)


def _split(x: NDArray, y: NDArray, train: int, val: int, random: np.random.Generator) -> Data:
    if train + val > len(x):
        raise ValueError(f"{train} + {val} items were asked for, but there are only {len(x)}")
    order = random.permutation(len(x))
    first, second = order[:train], order[train : train + val]
    x, y = x.astype("float32"), y.astype("int32")
    return Data(x[first], y[first], x[second], y[second], int(y.max()) + 1)


@cache
def _digits() -> tuple[NDArray, NDArray]:
    """Returns scikit-learn's digits, 8x8, dark on white, and their classes."""
    x, y = load_digits(return_X_y=True)
    return 1 - x.reshape(-1, 8, 8, 1) / 16, y


@cache
def _photographs() -> list[NDArray]:
    """Scikit-learn's two, at a seventh of their size: a patch then shows which way is up."""
    small = []
    for photograph in load_sample_images().images:
        height, width = (side // _SMALLER for side in photograph.shape[:2])
        blocks = photograph[: height * _SMALLER, : width * _SMALLER].reshape(
            height, _SMALLER, width, _SMALLER, 3
        )
        small.append(blocks.mean(axis=(1, 3)) / 255)
    return small


def _turned_patches(count: int, random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Returns patches of photographs, each turned by 0 to 3 quarters (Gidaris et al. 2018)."""
    patches = []
    for i in range(-(-count // 4)):
        photograph = _photographs()[i % 2]
        y, x = (random.integers(side - _PATCH) for side in photograph.shape[:2])
        patch = photograph[y : y + _PATCH, x : x + _PATCH]
        patches += [np.rot90(patch, turn) for turn in range(4)]
    return np.array(patches), np.tile(np.arange(4), len(patches) // 4)


def _signals(count: int, random: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Returns noisy waves of two sensors: three bands of frequencies, and chirps up and down.

    The second sensor gets the same wave as the first, later and weaker.
    """
    y = np.arange(count) % 5
    begin = np.array([2.0, 5.0, 9.0, 2.0, 9.0])[y] + random.uniform(-1, 1, count)
    end = np.where(y == 3, 9.0, np.where(y == 4, 2.0, begin))  # waves in the whole signal
    time = np.linspace(0, 1, _TIMES)
    waves = begin[:, None] * time + (end - begin)[:, None] * time**2 / 2
    phase, delay = random.uniform(0, 1, (2, count, 1))
    strength = random.uniform(0.7, 1.3, (count, 1))
    first = strength * np.sin(2 * np.pi * (waves + phase))
    second = 0.6 * strength * np.sin(2 * np.pi * (waves + phase - delay / 4))
    x = np.stack([first, second], axis=-1)
    return x + random.normal(0, _NOISE, x.shape), y


def _cifar10_file() -> Path:
    return Path(os.environ.get("CIFAR10", _CIFAR10))


@cache
def _cifar10() -> tuple[NDArray, NDArray]:
    with np.load(_cifar10_file()) as stored:
        return stored["x"] / np.float32(255), stored["y"]


def _mnist_folder() -> Path:
    return Path(os.environ.get("MNIST_T10K", _MNIST))


@cache
def _mnist() -> tuple[NDArray, NDArray]:
    def content(name: str, header: int) -> NDArray[np.uint8]:
        packed = (_mnist_folder() / f"t10k-{name}-ubyte.gz").read_bytes()
        return np.frombuffer(gzip.decompress(packed), np.uint8, offset=header)

    images = content("images-idx3", 16).reshape(-1, 28, 28, 1)
    return 1 - images / np.float32(255), content("labels-idx1", 8)


_MADE = {"photographs": _turned_patches, "signals": _signals}
_STORED = {"digits": _digits, "mnist": _mnist, "cifar10": _cifar10}
