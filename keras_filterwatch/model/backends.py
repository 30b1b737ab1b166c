"""Everything that differs between TensorFlow, JAX and PyTorch."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.weights import all_weights

_BATCH_SIZE = 32  # inputs of one forward pass
_BATCH_SIZE_OF_JAX_ON_CPU = 8  # XLA cannot fuse a pass whose layers' outputs are also summed
_OUTPUTS_AT_ONCE = 2**20  # outputs that are summed at once where each sum makes copies


def to_numpy(value: Any) -> Array:
    """Returns a variable or tensor as an array; it shares the backend's memory where that can be.

    It emits no warning: `keras.ops.convert_to_numpy` does, of variables, under NumPy 2.

    Example:
        >>> import keras
        >>> to_numpy(keras.Variable([1.0, 2.0])).tolist()
        [1.0, 2.0]
    """
    if hasattr(value, "assign"):  # a variable; Keras 3.5 has no common class for them
        value = ops.stop_gradient(ops.convert_to_tensor(value))
    backend = keras.backend.backend()
    if backend == "torch" and hasattr(value, "detach"):
        tensor = value.detach().cpu()
        try:
            return np.asarray(tensor)
        except TypeError:  # NumPy has no such dtype
            dtype = np.dtype(keras.backend.standardize_dtype(tensor.dtype))
            return np.asarray(tensor.float()).astype(dtype)
    if backend == "tensorflow" and not hasattr(value, "__array__"):
        return np.asarray(ops.convert_to_numpy(value))  # of sparse and ragged tensors
    return np.asarray(value)


def has_weights(model: keras.Model) -> bool:
    """Returns True if the model has its weights before the first batch of its training.

    On TensorFlow, Keras may build a model on its first batch only.
    """
    if keras.backend.backend() != "tensorflow":
        return True
    parts_built = all(layer.built for layer in model._flatten_layers(include_self=False))
    return bool(all_weights(model)) and (model.built or parts_built)


def learning_rate(model: keras.Model) -> float | None:
    """Returns the learning rate of the model's optimizer as it is now; None if it has none."""
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    return None if rate is None else float(to_numpy(rate))


def batch_size() -> int:
    """Returns how many inputs a forward pass takes at once where the backend runs it well."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return _BATCH_SIZE_OF_JAX_ON_CPU
    return _BATCH_SIZE


def compiled(model: keras.Model, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function of inputs that calls the model, compiled as the backend does it.

    Args:
        model: what `function` calls. Its weights are those of each call, not of the compilation.
        function: takes inputs and returns tensors; no gradient of them is needed.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if backend == "jax":
        return _compiled_by_jax(model, function)
    if backend == "torch":
        import torch

        return torch.no_grad()(function)
    return function


def gradient(
    model: keras.Model, function: Callable[[Any, Any], Any]
) -> Callable[[Array, Array], Any]:
    """Returns the gradient of a function of inputs and weights by its inputs, compiled.

    Args:
        model: what `function` calls.
        function: takes inputs and a second tensor and returns one number.

    Raises:
        ValueError: the backend has no gradients.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _gradient_by_tensorflow(function)
    if backend == "jax":
        import jax

        return _compiled_by_jax(model, jax.grad(function))
    if backend == "torch":
        return _gradient_by_torch(function)
    raise ValueError(
        f"gradients need TensorFlow, JAX or PyTorch; Keras runs on {backend!r}. Set KERAS_BACKEND."
    )


def _compiled_by_jax(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    def run(values: list[Any], *tensors: Any) -> Any:
        with keras.StatelessScope(zip(model.variables, values, strict=True)):
            return function(*tensors)

    compiled_run = jax.jit(run)
    return lambda *tensors: compiled_run([variable.value for variable in model.variables], *tensors)


def _gradient_by_tensorflow(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def run(inputs: Any, weights: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            value = function(inputs, weights)
        return tape.gradient(value, inputs, unconnected_gradients="zero")

    compiled_run = tf.function(run, autograph=False)

    def run_quietly(*arrays: Any) -> Any:
        tensors = [tf.constant(array) for array in arrays]
        # called directly, each new layer would make TensorFlow warn of repeated tracing
        return compiled_run.get_concrete_function(*tensors)(*tensors)

    return run_quietly


def _gradient_by_torch(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import torch

    def run(inputs: Any, weights: Any) -> Any:
        with torch.enable_grad():
            x = ops.convert_to_tensor(inputs).requires_grad_()
            return torch.autograd.grad(function(x, weights), x)[0]

    return run


def is_zero(outputs: Any) -> Any:
    """Returns 1.0 where an output is zero, else 0.0."""
    if keras.backend.backend() == "torch":
        import torch

        # by way of bool it takes five times as long
        return torch.eq(outputs, 0, out=torch.empty_like(outputs))
    return ops.cast(ops.equal(outputs, 0), "float32")


def split(outputs: Any) -> Iterable[Any]:
    """Returns outputs in parts, a few inputs each, where nothing fuses sums: new memory is slow."""
    if keras.backend.backend() != "torch":
        return [outputs]
    return outputs.split(max(1, _OUTPUTS_AT_ONCE // max(1, math.prod(outputs.shape[1:]))))
