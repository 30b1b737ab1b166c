"""The images that the questions' networks learn: handwritten digits and parts of photographs."""

import gzip
import os
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_sample_images


def mnist() -> tuple[np.ndarray, np.ndarray]:
    """MNIST's 10,000 test images `(10000, 28, 28)` from 0 to 1, and their digits.

    They are enough to learn the digits, and learning them takes seconds; the 60,000 training images
    are left out. Keras downloads them once, unless the environment variable MNIST_T10K names a
    folder that has the files `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`.
    """
    folder = os.environ.get("MNIST_T10K")
    if folder:
        images = _bytes(Path(folder) / "t10k-images-idx3-ubyte.gz", header=16)
        digits = _bytes(Path(folder) / "t10k-labels-idx1-ubyte.gz", header=8)
    else:
        images, digits = keras.datasets.mnist.load_data()[1]
    return images.reshape(-1, 28, 28) / np.float32(255), digits


def _bytes(path: Path, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress(path.read_bytes()), np.uint8, offset=header)


def patches(count: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Patches `(count, size, size, 3)` of two photographs, and which photograph, 0 or 1.

    They are cut at random from the photographs that scikit-learn ships, and scaled to about mean 0
    and variance 1.
    """
    random = np.random.default_rng(1)
    photographs = load_sample_images().images
    numbers = np.arange(count) % len(photographs)
    x = []
    for photograph in (photographs[i] for i in numbers):
        row, column = (random.integers(side - size) for side in photograph.shape[:2])
        x.append(photograph[row : row + size, column : column + size])
    scaled = np.array(x, "float32") / 255
    return (scaled - scaled.mean()) / scaled.std(), numbers
