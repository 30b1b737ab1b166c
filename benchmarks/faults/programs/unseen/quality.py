"""How well a model does, apart from anything that Keras logs."""

from typing import Any

import keras
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray


def accuracy(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the share of items whose largest output is that of their class."""
    x, y = as_arrays(x, y)
    return float(np.mean(outputs(model, x).argmax(-1) == classes(y)))


def mean_recall(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the accuracy on each class, averaged over the classes that occur."""
    right = outputs(model, x).argmax(-1) == classes(y)
    return float(np.mean([right[classes(y) == label].mean() for label in np.unique(classes(y))]))


def binary_accuracy(threshold: float) -> Any:
    """Returns a function that counts the items on the right side of `threshold`."""

    def share(model: keras.Model, x: Any, y: Any) -> float:
        x, y = as_arrays(x, y)
        return float(np.mean((outputs(model, x).ravel() > threshold) == (np.ravel(y) > 0.5)))

    return share


def explained(model: keras.Model, x: Any, y: Any) -> float:
    """Returns the share of the targets' variance that is predicted (R squared), at least -1."""
    return r_squared(outputs(model, x), x if y is None else y)


def r_squared(predicted: NDArray, true: NDArray) -> float:
    """Returns R squared, at least -1; -1 for predictions that are not finite."""
    true = np.asarray(true, float)
    residual = ((np.reshape(predicted, true.shape) - true) ** 2).mean()
    value = 1 - residual / ((true - true.mean(0)) ** 2).mean()
    return float(max(value, -1.0)) if np.isfinite(value) else -1.0


def outputs(model: keras.Model, x: Any) -> Any:
    """Returns what the model predicts, in float64 where it is one array."""
    predicted = model.predict(x, batch_size=250, verbose=0)
    return np.asarray(predicted, float) if hasattr(predicted, "shape") else predicted


def classes(y: NDArray) -> NDArray:
    """Returns class numbers, also from one-hot rows."""
    return y.argmax(-1) if y.ndim > 1 and y.shape[-1] > 1 else np.ravel(y)


def as_arrays(x: Any, y: Any) -> tuple[Any, Any]:
    """Returns inputs and targets as arrays, at most 60 batches where `x` is a dataset."""
    if y is not None:
        return x, y
    batches = [batch[:2] for batch in x.take(60).as_numpy_iterator()]
    return tuple(np.concatenate(part) for part in zip(*batches, strict=True))


def log_uniform(random: Generator, low: float, high: float) -> float:
    """Returns a number between the two, any order of magnitude as likely as the others."""
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def data_seed(random: Generator) -> int:
    """Returns the seed of the data that are drawn."""
    return int(random.integers(1_000_000))
