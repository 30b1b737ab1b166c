"""Which way to change the inputs so that units do more: one gradient, on each backend."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.find import Source
from keras_filterwatch.model.probe import units_of

Pullback = Callable[[Array, Array], Array]


def pullback(model: keras.Model, source: Source, linear: bool = False) -> Pullback:
    """`(inputs, weights) -> the gradient of sum(weights * units) by the inputs`.

    The weights have the shape of the units, `(inputs, *positions, units)`; linear: of what goes
    into their non-linearity. The model runs as in inference and stays as it is.
    """

    def total(inputs: Any, weights: Any) -> Any:
        units = units_of(source, lambda: model(inputs, training=False), linear)
        return ops.sum(units * ops.convert_to_tensor(weights))

    run = _RUNS[keras.backend.backend()](model, total)

    def pull(inputs: Array, weights: Array) -> Array:
        gradient = run(np.asarray(inputs, np.float32), np.asarray(weights, np.float32))
        return np.asarray(ops.convert_to_numpy(gradient))

    return pull


def _tensorflow(model: keras.Model, total: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def run(inputs: Any, weights: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            value = total(inputs, weights)
        return tape.gradient(value, inputs, unconnected_gradients="zero")

    jitted = tf.function(run, autograph=False)

    def without_warning(*given: Any) -> Any:  # that each layer is traced anew
        tensors = [tf.constant(array) for array in given]
        return jitted.get_concrete_function(*tensors)(*tensors)

    return without_warning


def _jax(model: keras.Model, total: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import jax

    def run(values: Any, inputs: Any, weights: Any) -> Any:
        with keras.StatelessScope(zip(model.variables, values, strict=True)):
            return jax.grad(total)(inputs, weights)

    jitted = jax.jit(run)
    return lambda *given: jitted([variable.value for variable in model.variables], *given)


def _torch(model: keras.Model, total: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import torch

    def run(inputs: Any, weights: Any) -> Any:
        with torch.enable_grad():
            x = ops.convert_to_tensor(inputs).requires_grad_()
            return torch.autograd.grad(total(x, weights), x)[0]

    return run


_RUNS = {"tensorflow": _tensorflow, "jax": _jax, "torch": _torch}
