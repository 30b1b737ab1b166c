"""Everything that differs between TensorFlow, JAX and PyTorch."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.sharded_arrays import in_this_process, whole_array
from keras_filterwatch.model.weights import all_weights

_BATCH_SIZE = 32  # inputs of one forward pass
_BATCH_SIZE_OF_JAX_ON_CPU = 8  # XLA cannot fuse a pass whose layers' outputs are also summed
_OUTPUTS_AT_ONCE = 2**20  # outputs that are summed at once where each sum makes copies


def to_numpy(value: Any) -> Array:
    """Returns a variable or tensor as an array; it shares the backend's memory where that can be.

    What is spread over several devices is put together in this process, as `whole_array` does it.
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
    return whole_array(value) if backend == "jax" else np.asarray(value)


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


def updates(model: keras.Model) -> int | None:
    """Returns how many updates the model's optimizer has made; None if it has none.

    Gradients that are accumulated over several batches are one update; batches that a
    LossScaleOptimizer skips are none. It stays 0 where the model's own `train_step` uses other
    optimizers than that given to `compile`.

    Example:
        >>> import keras
        >>> model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> updates(model)
        0
    """
    optimizer = getattr(model, "optimizer", None)
    # in Keras 3.5 a LossScaleOptimizer does not count itself
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    count = getattr(optimizer, "iterations", None)
    return None if count is None else int(to_numpy(count))


def loss_scale(model: keras.Model) -> float:
    """Returns the factor by which training multiplies the loss, so that no gradient underflows."""
    optimizer = getattr(model, "optimizer", None)
    return 1.0 if optimizer is None else float(to_numpy(optimizer.scale_loss(np.float32(1))))


def batch_size() -> int:
    """Returns how many inputs a forward pass takes at once where the backend runs it well."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return _BATCH_SIZE_OF_JAX_ON_CPU
    return _BATCH_SIZE


@contextmanager
def stateless(values: Iterable[tuple[keras.Variable, Any]] = ()) -> Iterator[None]:
    """Runs a block that calls a model and leaves its variables and random states as they were.

    Args:
        values: variables with the values that they have within the block.

    Example:
        >>> import keras
        >>> variable = keras.Variable(1.0)
        >>> with stateless():
        ...     _ = variable.assign(2.0)
        >>> float(to_numpy(variable))
        1.0
    """
    kept_random_state: Any = nullcontext()
    if keras.backend.backend() == "torch":
        import torch

        # Keras's own random numbers come from its variables, those of torch.randn do not
        kept_random_state = torch.random.fork_rng(range(torch.cuda.device_count()))
    with kept_random_state, keras.StatelessScope(list(values), collect_losses=True):
        yield


def compiled(model: keras.Model, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a function of inputs that calls the model, compiled as the backend does it.

    Calls change no variable of the model and no random state that its training uses.

    Args:
        model: what `function` calls. Its weights are those of each call, not of the compilation.
        function: takes inputs and returns tensors; no gradient of them is needed.
    """
    backend = keras.backend.backend()
    if backend == "jax":
        return _compiled_by_jax(model, function)

    def run(*tensors: Any) -> Any:
        with stateless():
            return function(*tensors)

    if backend == "tensorflow":
        return _compiled_by_tensorflow(run)
    if backend == "torch":
        import torch

        return torch.no_grad()(run)
    return run


def compiled_with_gradients(
    model: keras.Model,
    variables: Sequence[keras.Variable],
    function: Callable[..., tuple[Any, Any]],
) -> Callable[..., tuple[Any, list[Any]]]:
    """Returns a function that also returns gradients by variables, compiled as the backend does it.

    Calls change no variable of the model and no random state that its training uses.

    Args:
        model: what `function` calls. Its weights are those of each call, not of the compilation.
        variables: of the model, trainable or not.
        function: takes tensors and returns a tensor with one number and anything else.

    Returns:
        A function of structures of arrays. It returns what else `function` returned and the
        gradients of the number by each variable: 0 by those that it does not depend on.

    Raises:
        ValueError: the backend has no gradients.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _compiled_with_gradients_by_tensorflow(variables, function)
    if backend == "jax":
        return _compiled_with_gradients_by_jax(model, variables, function)
    if backend == "torch":
        return _with_gradients_by_torch(variables, function)
    raise _no_gradients()


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
    raise _no_gradients()


def _no_gradients() -> ValueError:
    backend = keras.backend.backend()
    return ValueError(
        f"gradients need TensorFlow, JAX or PyTorch; Keras runs on {backend!r}. Set KERAS_BACKEND."
    )


def _compiled_by_tensorflow(function: Callable[..., Any]) -> Callable[..., Any]:
    import tensorflow as tf

    compiled_run = tf.function(function, autograph=False)

    def run_quietly(*arrays: Any) -> Any:
        tensors = keras.tree.map_structure(tf.convert_to_tensor, arrays)
        # called directly, each new layer or model would make TensorFlow warn of repeated tracing
        return compiled_run.get_concrete_function(*tensors)(*tensors)

    return run_quietly


def _compiled_by_jax(model: keras.Model, function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    def run(values: list[Any], *tensors: Any) -> Any:
        with stateless(zip(model.variables, values, strict=True)):
            return function(*tensors)

    compiled_run = jax.jit(run)
    return lambda *tensors: compiled_run(_values(model.variables), *tensors)


def _values(variables: Iterable[keras.Variable]) -> list[Any]:
    """Returns the values of variables where this process can compute with them alone."""
    return [in_this_process(variable.value) for variable in variables]


def _compiled_with_gradients_by_jax(
    model: keras.Model,
    variables: Sequence[keras.Variable],
    function: Callable[..., tuple[Any, Any]],
) -> Callable[..., tuple[Any, list[Any]]]:
    import jax

    chosen = {id(variable) for variable in variables}

    def run(values: list[Any], fixed: list[Any], *tensors: Any) -> Any:
        def number(values: list[Any]) -> tuple[Any, Any]:
            others = [variable for variable in model.variables if id(variable) not in chosen]
            with stateless(zip([*variables, *others], [*values, *fixed], strict=True)):
                return function(*tensors)

        gradients, rest = jax.grad(number, has_aux=True)(values)
        return rest, gradients

    compiled_run = jax.jit(run)

    def run_now(*tensors: Any) -> tuple[Any, list[Any]]:
        fixed = _values(variable for variable in model.variables if id(variable) not in chosen)
        result: tuple[Any, list[Any]] = compiled_run(_values(variables), fixed, *tensors)
        return result

    return run_now


def _compiled_with_gradients_by_tensorflow(
    variables: Sequence[keras.Variable], function: Callable[..., tuple[Any, Any]]
) -> Callable[..., tuple[Any, list[Any]]]:
    import tensorflow as tf

    def run(*tensors: Any) -> tuple[Any, list[Any]]:
        values = [tf.convert_to_tensor(variable.value) for variable in variables]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(values)
            with stateless(zip(variables, values, strict=True)):
                number, rest = function(*tensors)
        gradients = tape.gradient(number, values, unconnected_gradients="zero")
        return rest, [tf.convert_to_tensor(gradient) for gradient in gradients]

    return _compiled_by_tensorflow(run)


def _with_gradients_by_torch(
    variables: Sequence[keras.Variable], function: Callable[..., tuple[Any, Any]]
) -> Callable[..., tuple[Any, list[Any]]]:
    import torch

    def run(*arrays: Any) -> tuple[Any, list[Any]]:
        tensors = keras.tree.map_structure(ops.convert_to_tensor, arrays)
        values = [variable.value.detach().requires_grad_() for variable in variables]
        with torch.enable_grad(), stateless(zip(variables, values, strict=True)):
            number, rest = function(*tensors)
            gradients = torch.autograd.grad(number, values, materialize_grads=True)
        return rest, list(gradients)

    return run


def _gradient_by_tensorflow(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import tensorflow as tf

    def run(inputs: Any, weights: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(inputs)
            with stateless():
                value = function(inputs, weights)
        return tape.gradient(value, inputs, unconnected_gradients="zero")

    return _compiled_by_tensorflow(run)


def _gradient_by_torch(function: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    import torch

    def run(inputs: Any, weights: Any) -> Any:
        with torch.enable_grad(), stateless():
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
