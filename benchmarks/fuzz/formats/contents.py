"""The weights that the small model files hold."""

import numpy as np

from keras_filterwatch.kernels import Array

CONV, HEAD, NORM = "conv", "head", "norm"
IMAGE = (8, 8, 3)


def weights() -> dict[str, dict[str, Array]]:
    """Returns layer name -> variable name -> array, of the model that the files hold."""
    random = np.random.default_rng(0)

    def some(*shape: int) -> Array:
        return random.standard_normal(shape).astype("f4")

    return {
        CONV: {"kernel": some(3, 3, 3, 4), "bias": some(4)},
        NORM: {
            "gamma": some(4),
            "beta": some(4),
            "moving_mean": some(4),
            "moving_variance": 1 + some(4) ** 2,
        },
        HEAD: {"kernel": some(144, 2), "bias": some(2)},
    }


def arrays() -> dict[str, Array]:
    """Returns the same arrays by names such as `"conv/kernel"`."""
    return {
        f"{layer}/{name}": array
        for layer, variables in weights().items()
        for name, array in variables.items()
    }
