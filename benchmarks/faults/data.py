"""The data sets: small images whose classes a small network learns in a few seconds."""

import gzip
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits, load_sample_images

_MNIST = Path(__file__).parents[3] / "shared" / "data" / "mnist-t10k"
_PATCH, _SMALLER = 24, 7


class Data(NamedTuple):
    """Images `(items, height, width, channels)`, and their classes from 0 on.

    Pixels are in 0..1 and mostly light, as in a scan or a photograph: figures are dark on white.
    """

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int32]
    classes: int


def names() -> list[str]:
    """The data sets that are there: MNIST only if its files are, in `$MNIST_T10K` or beside us."""
    return ["digits", "photographs", *(["mnist"] if _mnist_folder().is_dir() else [])]


def load(name: str, seed: int) -> Data:
    """Draws the training and the validation items of a data set."""
    random = np.random.default_rng([seed, len(name)])
    if name == "digits":
        return _split(*_digits(), 1_000, 400, random)
    if name == "mnist":
        return _split(*_mnist(), 1_000, 500, random)
    return _split(*_turned_patches(1_900, random), 1_500, 400, random)


def _split(x: NDArray, y: NDArray, train: int, val: int, random: np.random.Generator) -> Data:
    order = random.permutation(len(x))
    first, second = order[:train], order[train : train + val]
    x, y = x.astype("float32"), y.astype("int32")
    return Data(x[first], y[first], x[second], y[second], int(y.max()) + 1)


@cache
def _digits() -> tuple[NDArray, NDArray]:
    """Scikit-learn's, 8x8: not enlarged, which would only repeat what is in them."""
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
    """Patches of photographs, each turned by 0 to 3 quarters (Gidaris et al. 2018)."""
    patches = []
    for i in range(count // 4):
        photograph = _photographs()[i % 2]
        y, x = (random.integers(side - _PATCH) for side in photograph.shape[:2])
        patch = photograph[y : y + _PATCH, x : x + _PATCH]
        patches += [np.rot90(patch, turn) for turn in range(4)]
    return np.array(patches), np.tile(np.arange(4), count // 4)


def _mnist_folder() -> Path:
    return Path(os.environ.get("MNIST_T10K", _MNIST))


@cache
def _mnist() -> tuple[NDArray, NDArray]:
    def content(name: str, header: int) -> NDArray[np.uint8]:
        packed = (_mnist_folder() / f"t10k-{name}-ubyte.gz").read_bytes()
        return np.frombuffer(gzip.decompress(packed), np.uint8, offset=header)

    images = content("images-idx3", 16).reshape(-1, 28, 28, 1)
    return 1 - images / np.float32(255), content("labels-idx1", 8)
