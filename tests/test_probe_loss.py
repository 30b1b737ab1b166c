"""The probe's loss and its gradients, against formulas and what Keras itself evaluates."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers, ops
from small_models import noise, randomize_batch_norms, sequential

import keras_filterwatch as fw
from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.find import find
from keras_filterwatch.model.probe import Probe, take_probe

COUNT = 70  # not a whole number of batches


def probe(model, x, y):
    data = take_probe((x, y))
    return Probe(model, find(model), data.inputs, data.targets)


def results(model, x, y):
    """The results of a probe in which nothing failed."""
    found = probe(model, x, y).run()
    assert found.gradient_error is None
    return found


def regression(**options):
    """A Dense layer `dense` with a mean squared error, its inputs and targets."""
    keras.utils.set_random_seed(0)
    model = sequential(layers.Dense(3, name="dense", **options), shape=(4,))
    model.compile("sgd", "mse")
    return model, noise((COUNT, 4)), noise((COUNT, 3), seed=1)


def regression_gradient(model, x, y):
    """By the formula: 2/n * x'(xW + b - y), n the number of residuals."""
    kernel, bias = map(to_numpy, model.layers[0].weights[:2])
    residuals = x.astype(float) @ kernel + bias - y
    return 2 * x.T @ residuals / residuals.size


def network(*behind):
    """A convolution, BatchNormalization and Dropout, for images of three classes."""
    keras.utils.set_random_seed(0)
    parts = [layers.Conv2D(8, 5, activation="relu", name="conv"), layers.BatchNormalization()]
    parts += [layers.Dropout(0.5), layers.Flatten(), *behind]
    parts += [layers.Dense(3, activation="softmax", name="head")]
    model = randomize_batch_norms(sequential(*parts, shape=(12, 12, 3)))
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, noise((COUNT, 12, 12, 3)), np.arange(COUNT) % 3


def test_the_gradient_of_a_mean_squared_error_is_that_of_the_formula():
    model, x, y = regression()
    found = results(model, x, y)
    assert found.gradients["dense"] == pytest.approx(regression_gradient(model, x, y), abs=1e-6)


def test_the_gradient_of_a_cross_entropy_is_that_of_the_formula():
    keras.utils.set_random_seed(0)
    model = sequential(layers.Dense(3, activation="softmax", name="head"), shape=(4,))
    model.compile("sgd", "sparse_categorical_crossentropy")
    x, y = noise((COUNT, 4)), np.arange(COUNT) % 3
    expected = x.T @ (model.predict(x, verbose=0) - np.eye(3)[y]) / COUNT
    assert results(model, x, y).gradients["head"] == pytest.approx(expected, abs=1e-6)


def test_the_gradient_of_an_inner_layer_predicts_what_keras_evaluates():
    model, x, y = network()
    gradient = results(model, x, y).gradients["conv"]
    kernel = model.get_layer("conv").kernel
    weights, direction = np.array(to_numpy(kernel)), gradient / np.linalg.norm(gradient)
    losses = []
    for step in (-0.01, 0.01):
        kernel.assign(weights + step * direction)
        losses.append(model.evaluate(x, y, verbose=0)[0])
    slope = (losses[1] - losses[0]) / 0.02
    assert slope == pytest.approx(np.linalg.norm(gradient), rel=1e-2)


def test_gradients_have_the_shape_of_their_kernels():
    model, x, y = network(layers.Reshape((8, 64)), layers.SeparableConv1D(6, 3), layers.Flatten())
    found = results(model, x, y).gradients
    watched = find(model).kernels
    assert {kernel.name: kernel.shape for kernel in watched} == {
        k: g.shape for k, g in found.items()
    }


def test_the_loss_is_what_keras_evaluates():
    model, x, y = network()
    assert results(model, x, y).loss == pytest.approx(model.evaluate(x, y, verbose=0)[0], rel=1e-5)


def test_penalties_of_weights_are_left_out():
    model, x, y = regression(kernel_regularizer=keras.regularizers.L2(10.0))
    found = results(model, x, y)
    assert found.gradients["dense"] == pytest.approx(regression_gradient(model, x, y), abs=1e-6)
    assert found.loss == pytest.approx(np.square(model.predict(x, verbose=0) - y).mean(), rel=1e-5)
    assert model.get_layer("dense").kernel.regularizer is not None


class Adding(layers.Layer):
    """Adds a loss: the mean of the squares of its inputs."""

    def call(self, x):
        self.add_loss(ops.mean(ops.square(x)))
        return x


def test_losses_that_layers_add_are_included():
    model = sequential(layers.Dense(3, name="dense"), Adding(), shape=(4,))
    model.compile("sgd")  # they are its only loss
    x = noise((COUNT, 4))
    expected = regression_gradient(model, x, np.zeros((COUNT, 3)))
    assert results(model, x, x).gradients["dense"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("structure", [dict, list])
def test_the_losses_of_several_outputs_are_weighted_as_in_training(structure):
    keras.utils.set_random_seed(0)
    x = layers.Input((4,))
    outputs = {name: layers.Dense(3, name=name)(x) for name in ("a", "b")}
    y, loss, weights = {"a": noise((COUNT, 3)), "b": -noise((COUNT, 3))}, ["mse"] * 2, [1.0, 10.0]
    if structure is list:
        outputs, y = list(outputs.values()), list(y.values())
    else:
        loss, weights = (dict(zip("ab", values, strict=True)) for values in (loss, weights))
    model = keras.Model(x, outputs)
    model.compile("sgd", loss, loss_weights=weights)
    x = noise((COUNT, 4), seed=1)
    found = results(model, x, y)
    evaluated = model.evaluate(x, y, return_dict=True, verbose=0)["loss"]
    assert found.loss == pytest.approx(evaluated, rel=1e-5)
    for factor, name, part in zip([1, 10], "ab", keras.tree.flatten(y), strict=True):
        one = keras.Sequential([layers.Input((4,)), model.get_layer(name)])
        expected = factor * regression_gradient(one, x, part)
        assert found.gradients[name] == pytest.approx(expected, abs=1e-5)


def test_a_frozen_kernel_has_the_gradient_that_it_would_learn_from():
    model, x, y = regression(trainable=False)
    found = results(model, x, y)
    assert found.gradients["dense"] == pytest.approx(regression_gradient(model, x, y), abs=1e-6)


def test_a_kernel_that_the_loss_does_not_depend_on_has_gradients_of_zero():
    x = layers.Input((4,))
    model = keras.Model(x, [layers.Dense(3, name="a")(x), layers.Dense(3, name="b")(x)])
    model.compile("sgd", ["mse", None])
    x, y = noise((COUNT, 4)), noise((COUNT, 3))
    found = results(model, x, [y, y]).gradients
    assert found["a"].any()
    assert not found["b"].any()


def test_gradients_too_small_for_float16_are_those_of_float32():
    # by each output they are about 1e-8; the smallest number of float16 is 6e-8
    found = []
    for policy in ("float32", "mixed_float16"):
        keras.utils.set_random_seed(0)
        model = sequential(layers.Dense(3, name="dense", dtype=policy), shape=(4,))
        optimizer = keras.optimizers.SGD()
        if policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(
            optimizer, lambda y, outputs: 1e-6 * keras.losses.mean_squared_error(y, outputs)
        )
        found.append(results(model, noise((COUNT, 4)), noise((COUNT, 3), 1)).gradients["dense"])
    expected, scaled = found
    assert scaled == pytest.approx(expected, abs=0.01 * float(np.abs(expected).max()))


class OwnLoss(keras.Model):
    """A model with a `compute_loss` of its own, without the newer argument `training`."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3, name="dense")
        self.tracker = keras.metrics.Mean(name="loss")

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x, y, y_pred, sample_weight=None):
        loss = ops.mean(ops.square(y_pred - y))
        self.tracker.update_state(loss)
        return loss


def test_a_loss_of_the_models_own_is_taken_and_its_metrics_stay_as_they_are():
    model, x, y = OwnLoss(), noise((COUNT, 4)), noise((COUNT, 3), 1)
    model(x)
    model.compile("sgd")
    found = results(model, x, y)
    assert found.gradients["dense"] == pytest.approx(regression_gradient(model, x, y), abs=1e-6)
    assert float(model.tracker.result()) == 0


def test_of_a_model_that_is_compiled_anew_the_new_loss_is_taken():
    model, x, y = regression()
    of_model = probe(model, x, y)
    squared = of_model.run().loss
    model.compile("sgd", lambda y, outputs: 3 * keras.losses.mean_squared_error(y, outputs))
    assert of_model.run().loss == pytest.approx(3 * squared)


# What goes wrong costs the gradients only.


def without_a_loss(model):
    model.compile("sgd")


def with_a_loss_that_does_not_fit(model):
    model.compile("sgd", lambda y, outputs: ops.matmul(y, outputs))


@pytest.mark.parametrize(
    ("compile_model", "message"),
    [
        (lambda model: None, "the model is not compiled"),
        (without_a_loss, "the model was compiled without a loss"),
        (with_a_loss_that_does_not_fit, ""),
    ],
    ids=["not compiled", "no loss", "a loss that fails"],
)
def test_a_loss_that_cannot_be_computed_leaves_the_outputs(compile_model, message):
    model = sequential(layers.Dense(3, name="dense"), shape=(4,))
    compile_model(model)
    of_model = probe(model, noise((COUNT, 4)), noise((COUNT, 3)))
    found = of_model.run()
    assert message in str(found.gradient_error)
    assert (found.gradients, found.loss) == ({}, None)
    assert found.outputs["dense"].count == COUNT
    assert of_model.run().gradient_error is found.gradient_error  # it was not tried again


def test_a_loss_that_cannot_be_computed_is_tried_again_once_compiled_anew():
    model, x, y = sequential(layers.Dense(3), shape=(4,)), noise((COUNT, 4)), noise((COUNT, 3))
    without_a_loss(model)
    of_model = probe(model, x, y)
    assert of_model.run().loss is None
    model.compile("sgd", "mse")
    assert of_model.run().loss is not None


def test_inputs_that_do_not_fit_raise_the_models_error():
    model, _, y = regression()
    with pytest.raises(ValueError, match="incompatible"):
        probe(model, noise((COUNT, 5)), y).run()


# Nothing of the training changes.


class Noisy(layers.Layer):
    """Adds random numbers, in inference too, and counts its calls in a weight."""

    def __init__(self):
        super().__init__()
        self.seed = keras.random.SeedGenerator(0)

    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.calls.assign(self.calls + 1)
        return x + keras.random.normal(ops.shape(x), seed=self.seed)


def test_a_probe_with_targets_leaves_the_model_and_its_metrics_alone():
    model, x, y = network(Noisy())
    model.fit(x, y, verbose=0)
    variables = [*model.variables, *model.metrics_variables, *model.optimizer.variables]
    before = [np.array(to_numpy(variable)) for variable in variables]
    results(model, x, y)
    for old, variable in zip(before, variables, strict=True):
        np.testing.assert_array_equal(old, to_numpy(variable))


def two_outputs():
    """A model with the outputs `a` and `b`, its inputs and targets."""
    keras.utils.set_random_seed(0)
    inputs = layers.Input((4,))
    outputs = [layers.Dense(3, name="a")(inputs), layers.Dense(2, name="b")(inputs)]
    model = keras.Model(inputs, outputs)
    model.compile("sgd", ["mse", "mae"])
    return model, noise((COUNT, 4)), [noise((COUNT, 3)), noise((COUNT, 2))]


def test_before_the_first_batch_a_probe_leaves_the_losses_for_keras_to_build():
    model, x, y = two_outputs()
    before = [metric.name for metric in model.metrics]
    results(model, x, y)
    assert [metric.name for metric in model.metrics] == before
    model.evaluate(x, y, verbose=0)
    assert len(model.metrics) > len(before)  # Keras adds one for each output


@pytest.mark.parametrize("with_targets", [False, True])
def test_training_with_a_probe_is_the_same_to_the_last_bit(tmp_path, with_targets):
    trained = []
    for watched in (False, True):
        model, x, y = network(Noisy())
        data = (x, y) if with_targets else x
        watch = fw.FilterWatch(tmp_path, images=False, probe=data)
        callbacks = [watch] if watched else []
        history = model.fit(x, y, epochs=2, callbacks=callbacks, verbose=0).history
        trained.append(([history["loss"], history["accuracy"]], model.get_weights()))
    assert trained[0][0] == trained[1][0]
    for one, other in zip(trained[0][1], trained[1][1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_training_with_a_probe_is_the_same_for_several_outputs(tmp_path):
    histories = []
    for watched in (False, True):
        model, x, y = two_outputs()
        watch = fw.FilterWatch(tmp_path, images=False, probe=(x, y))
        callbacks = [watch] if watched else []
        histories.append(model.fit(x, y, epochs=2, callbacks=callbacks, verbose=0).history)
    for name, values in histories[0].items():
        assert histories[1][name] == values


def test_a_fit_with_targets_has_gradients_and_a_loss_at_each_step(tmp_path):
    model, x, y = network()
    watch = fw.FilterWatch(tmp_path, probe=(x, y))
    model.fit(x, y, epochs=2, callbacks=[watch], verbose=0)
    evaluated = model.evaluate(x, y, verbose=0)[0]
    assert [scores.step for scores in watch.history] == [0, 1, 2]
    assert all("gradient" in scores["conv"] for scores in watch.history)
    assert watch.history[-1].logs["probe_loss"] == pytest.approx(evaluated, rel=1e-4)


def test_probing_with_targets_emits_no_warning():
    model, x, y = network()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results(model, x, y)
