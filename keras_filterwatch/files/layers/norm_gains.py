"""By which factors a saved BatchNormalization scales the filters in front of it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.keras.bfloat16 import with_numbers
from keras_filterwatch.files.layers.kernel_choice import StoredVariable
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.kernels import Array

_EPSILON = 1e-3  # where the config has none


class NormGain(NamedTuple):
    """The variables of a BatchNormalization that decide about its factors.

    Attributes:
        gamma: what it multiplies with; None if it does not.
        variance: the variance of its inputs.
        epsilon: what it adds to the variance.
    """

    gamma: StoredArray | None
    variance: StoredArray
    epsilon: float

    def read(self) -> Array:
        """Returns the factor of each filter, `|gamma| / sqrt(variance + epsilon)`."""
        variance = self.variance.read().astype(np.float64)
        gamma = np.float64(1) if self.gamma is None else self.gamma.read().astype(np.float64)
        if np.shape(gamma) not in ((), variance.shape):
            raise UnreadableFileError(
                f"{self.variance.name!r} has shape {variance.shape}, the gamma of the same layer "
                f"{np.shape(gamma)}: the file does not hold one BatchNormalization here."
            )
        with np.errstate(all="ignore"):  # weights that diverged are reported elsewhere
            gain: Array = np.abs(gamma) / np.sqrt(variance + self.epsilon)
        return gain


def norm_gain(layer: LayerConfig, variables: Sequence[StoredVariable]) -> NormGain | None:
    """Returns what decides about the factors of a BatchNormalization; None if that is not known.

    Args:
        layer: the BatchNormalization.
        variables: its variables, in Keras's order.

    Example:
        >>> ones = StoredArray("ones", (2,), np.dtype("f4"), lambda: np.ones(2, "f4"))
        >>> norm = LayerConfig("norm", "BatchNormalization", config={"epsilon": 0.5625})
        >>> norm_gain(norm, [StoredVariable("", ones)] * 4).read().tolist()
        [0.8, 0.8]
    """
    scale, center = (layer.config.get(key, True) is not False for key in ("scale", "center"))
    epsilon = layer.config.get("epsilon", _EPSILON)
    named = {each.name: each.array for each in variables if each.name}
    if not named:
        names = ("gamma",) * scale + ("beta",) * center + ("moving_mean", "moving_variance")
        named = dict(zip(names, (each.array for each in variables), strict=False))
    gamma, variance = named.get("gamma"), named.get("moving_variance")
    is_number = isinstance(epsilon, int | float) and not isinstance(epsilon, bool)
    if variance is None or (scale and gamma is None) or not is_number:
        return None
    gamma = with_numbers(gamma) if scale and gamma else None
    variance = with_numbers(variance)
    arrays = [array for array in (gamma, variance) if array]
    if any(array.dtype.kind != "f" and array.dtype.name != "bfloat16" for array in arrays):
        return None
    return NormGain(gamma, variance, float(epsilon)) if len(variance.shape) == 1 else None
