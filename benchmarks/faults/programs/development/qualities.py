"""How well a model does, from its predictions alone: 0 or chance is untrained, 1 is perfect."""

from typing import Any

import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def predictions(model: keras.Model, x: Any) -> Any:
    """Returns the model's outputs in inference mode, as float arrays."""
    return model.predict(x, batch_size=500, verbose=0)


def accuracy(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the share of items whose class, a number or one-hot, has the highest output."""
    classes = y if np.ndim(y) == 1 else np.argmax(y, -1)
    return float(np.mean(np.argmax(predictions(model, x), -1) == classes))


def balanced_accuracy(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the mean of the classes' recalls: each class counts as much as the others."""
    predicted = np.argmax(predictions(model, x), -1)
    return float(np.mean([np.mean(predicted[y == k] == k) for k in np.unique(y)]))


def binary_accuracy(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the mean of the recalls of both classes of each sigmoid unit, cut at 0.5."""
    said, true = (np.reshape(a, (len(x), -1)) for a in (predictions(model, x) > 0.5, y))
    recalls = [np.mean(said[true == k] == k) for k in (0, 1)]
    return float(np.mean(recalls))


def r_squared(predicted: NDArray, true: NDArray) -> float:
    """Returns 1 minus the squared error relative to that of predicting each value's mean."""
    true = np.reshape(true, (len(true), -1))
    error = np.mean((np.reshape(predicted, true.shape) - true) ** 2)
    return float(1 - error / np.mean((true - true.mean(0)) ** 2))


def explained(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the coefficient of determination of a model's predictions."""
    return r_squared(predictions(model, x), y)


def rate(random: Generator, usual: float) -> float:
    """Returns a learning rate within a factor of 1.5 of the usual one."""
    return float(usual * 1.5 ** random.uniform(-1, 1))


def seed(random: Generator) -> int:
    """Returns a seed for the data."""
    return int(random.integers(1_000))
