"""What differs by backend, on the backend at hand, with warnings as errors."""

import keras
import numpy as np
import pytest
from keras import layers, ops
from small_models import levels, noise, sequential, short_stack

from keras_filterwatch.model import backends

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int32"])
def test_a_variable_becomes_an_array_of_its_dtype(dtype):
    variable = keras.Variable(np.arange(6).reshape(2, 3), dtype=dtype, trainable=dtype != "int32")
    array = backends.to_numpy(variable)
    assert str(array.dtype) == dtype
    assert array.astype("float32").tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_tensor_becomes_an_array_of_its_dtype(dtype):
    array = backends.to_numpy(ops.cast(ops.convert_to_tensor(noise((2, 3))), dtype))
    assert (array.shape, str(array.dtype)) == ((2, 3), dtype)


def test_an_array_stays_as_it_is():
    array = noise((2, 3))
    assert backends.to_numpy(array) is array


def test_a_list_becomes_an_array():
    assert backends.to_numpy([[1, 2], [3, 4]]).shape == (2, 2)


if keras.backend.backend() == "tensorflow":  # only there do variables have no array of their own

    def test_a_kernel_is_read_without_a_copy():
        layer = layers.Dense(3)
        layer.build((None, 4))
        assert np.shares_memory(backends.to_numpy(layer.kernel), backends.to_numpy(layer.kernel))

    def test_sparse_and_ragged_tensors_become_arrays():
        import tensorflow as tf

        sparse = tf.sparse.from_dense([[0.0, 2.0]])
        assert backends.to_numpy(sparse).tolist() == [[0, 2]]
        assert backends.to_numpy(tf.ragged.constant([[1], [2, 3]])).tolist() == [[1, 0], [2, 3]]

    def test_a_model_that_keras_builds_on_its_first_batch_has_no_weights_before():
        model = keras.Sequential([layers.Dense(2)])
        assert not backends.has_weights(model)
        model(noise((1, 4)))
        assert backends.has_weights(model)


def test_a_built_model_has_weights():
    assert backends.has_weights(sequential(layers.Dense(2), shape=(4,)))


def test_deep_levels_within_levels_have_weights():
    model = levels(200)
    with short_stack():
        assert backends.has_weights(model)


# The learning rate.


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.5, 0.5),
        (keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9), 0.5),
        (lambda: 0.3, 0.3),
    ],
    ids=["number", "schedule", "function"],
)
def test_the_learning_rate_of_a_compiled_model_is_a_number(rate, expected):
    model = sequential(layers.Dense(2), shape=(4,))
    model.compile(keras.optimizers.SGD(rate), loss="mse")
    assert backends.learning_rate(model) == expected
    assert type(backends.learning_rate(model)) is float


def test_a_learning_rate_that_is_set_later_is_the_one_that_is_read():
    model = sequential(layers.Dense(2), shape=(4,))
    model.compile(keras.optimizers.SGD(0.5), loss="mse")
    model.optimizer.learning_rate = 0.25
    assert backends.learning_rate(model) == 0.25


def test_a_schedule_has_the_learning_rate_of_its_step():
    decay = keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5)
    model = sequential(layers.Dense(2), shape=(4,))
    model.compile(keras.optimizers.SGD(decay), loss="mse")
    model.optimizer.iterations.assign(2)
    assert backends.learning_rate(model) == 0.125


def test_a_model_that_is_not_compiled_has_no_learning_rate():
    assert backends.learning_rate(sequential(layers.Dense(2), shape=(4,))) is None


# Compiled functions.


def test_a_compiled_function_uses_the_weights_of_each_call():
    model = sequential(layers.Dense(2, use_bias=False), shape=(4,))
    run = backends.compiled(model, lambda x: {"sum": ops.sum(model(x, training=False))})
    x = np.ones((3, 4), "float32")
    for value in (1.0, 2.0):
        model.set_weights([np.full((4, 2), value)])
        assert float(backends.to_numpy(run(x)["sum"])) == 3 * 4 * 2 * value


def test_the_gradient_of_a_dense_layer_is_its_kernel():
    model = sequential(layers.Dense(2, use_bias=False), shape=(4,))
    gradient = backends.gradient(model, lambda x, w: ops.sum(model(x) * ops.convert_to_tensor(w)))
    for seed in (0, 1):
        kernel = noise((4, 2), seed)
        model.set_weights([kernel])
        by_inputs = gradient(noise((1, 4)), np.array([[1, 10]], "float32"))
        assert backends.to_numpy(by_inputs)[0] == pytest.approx(kernel @ [1, 10], rel=1e-5)


def test_the_gradient_of_what_does_not_depend_on_the_inputs_is_zero():
    model = sequential(layers.Dense(2), shape=(4,))
    gradient = backends.gradient(model, lambda x, w: ops.sum(0 * x) + ops.sum(w))
    assert not backends.to_numpy(gradient(noise((1, 4)), noise((1, 2)))).any()


def test_a_backend_without_gradients_is_named(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(ValueError, match="need TensorFlow, JAX or PyTorch; Keras runs on 'numpy'"):
        backends.gradient(None, None)


# Sums over outputs.


def test_zeros_are_one_and_all_else_is_zero():
    outputs = ops.convert_to_tensor(np.array([[0.0, -1.0], [2.0, -0.0]], "float32"))
    assert backends.to_numpy(backends.is_zero(outputs)).tolist() == [[1, 0], [0, 1]]


def test_split_outputs_are_all_of_them():
    outputs = noise((5, 700, 700))
    parts = [backends.to_numpy(part) for part in backends.split(ops.convert_to_tensor(outputs))]
    np.testing.assert_array_equal(np.concatenate(parts), outputs)


def test_a_batch_has_some_inputs():
    assert backends.batch_size() in (8, 32)
