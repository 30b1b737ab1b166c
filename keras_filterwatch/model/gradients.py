"""Which way to change the inputs so that units return more."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.model import backends
from keras_filterwatch.model.unit_outputs import call_model, unit_outputs
from keras_filterwatch.model.watched_kernel import WatchedKernel

InputGradient = Callable[[Array, Array], Array]


def input_gradient(
    model: keras.Model, kernel: WatchedKernel, before_activation: bool = False
) -> InputGradient:
    """Returns a function `(inputs, weights) -> the gradient of sum(weights * units) by the inputs`.

    The weights have the shape of the units' outputs, `(inputs, *positions, units)`. The model
    runs as in inference and stays as it is.

    Args:
        model: any built Keras model with one input.
        kernel: the kernel whose units count.
        before_activation: whether the units' outputs are taken before their non-linearity.

    Raises:
        ValueError: Keras runs on a backend without gradients.
    """

    def weighted_sum(inputs: Any, weights: Any) -> Any:
        units = unit_outputs(kernel, lambda: call_model(model, inputs), before_activation)
        return ops.sum(units * ops.convert_to_tensor(weights))

    run = backends.gradient(model, weighted_sum)

    def gradient(inputs: Array, weights: Array) -> Array:
        tensor = run(np.asarray(inputs, np.float32), np.asarray(weights, np.float32))
        return backends.to_numpy(tensor)

    return gradient
