"""Kernels as they are read: what the layer computes with, its gain, its constraint, its dtype."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import kernel_of, noise, sequential

import keras_filterwatch as fw
from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.find import find, snapshot


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "mixed_float16", "mixed_bfloat16"])
def test_low_precision_is_scored_like_full_precision(dtype):
    layer = layers.Conv2D(16, 3, dtype=dtype, name="conv")
    model = sequential(layer, shape=(8, 8, 8))
    array = to_numpy(layer.kernel).astype("float32")
    scores = fw.score(model)["conv"]
    assert scores["noise"] == pytest.approx(fw.score({"c": array})["c"]["noise"], abs=1e-6)


@pytest.mark.parametrize("layer", [layers.Dense(6), layers.Conv1D(6, 3)], ids=["Dense", "Conv1D"])
def test_lora_is_part_of_the_kernel(layer):
    model = sequential(layer, shape=(9, 4))
    layer.enable_lora(2)
    for weight in layer.trainable_weights:
        weight.assign(noise(weight.shape))
    assert kernel_of(model).array == pytest.approx(to_numpy(layer.kernel))
    assert kernel_of(model).trainable


def test_a_frozen_layer_has_a_kernel_that_is_not_trainable():
    model = sequential(
        layers.Conv2D(4, 3, trainable=False, name="frozen"), layers.Conv2D(4, 3), shape=(9, 9, 3)
    )
    assert [kernel.trainable for kernel in snapshot(model).kernels] == [False, True]


def test_a_kernel_has_the_share_of_weights_that_its_constraint_keeps_from_growing():
    layer = layers.Dense(2, kernel_constraint=keras.constraints.MaxNorm(1.0))
    model = sequential(layer, shape=(4,))
    weights = np.stack([np.full(4, 0.5), np.full(4, 0.1)], axis=-1)  # norms 1 and 0.2
    layer.set_weights([weights, np.zeros(2)])
    assert kernel_of(model).constrained_share.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        (
            layers.SeparableConv2D(
                2,
                1,
                depthwise_constraint=keras.constraints.MaxNorm(1.0),
                pointwise_constraint=keras.constraints.MaxNorm(1.0),
                name="layer",
            ),
            ["/depthwise_kernel", "/pointwise_kernel"],
        ),
        (
            layers.DepthwiseConv2D(
                1, depthwise_constraint=keras.constraints.MaxNorm(1.0), name="layer"
            ),
            [""],
        ),
    ],
    ids=["separable", "depthwise"],
)
def test_kernels_of_depthwise_layers_have_their_constraint_too(layer, names):
    model = sequential(layer, shape=(4, 4, 3))
    kernels = find(model).read(0).kernels
    assert [kernel.name.removeprefix(layer.name) for kernel in kernels] == names
    assert all(kernel.constrained_share is not None for kernel in kernels)


def test_a_kernel_without_a_constraint_has_no_constrained_share():
    assert kernel_of(sequential(layers.Dense(2), shape=(4,))).constrained_share is None


def test_the_gain_is_the_factor_of_the_batch_normalization():
    norm = layers.BatchNormalization(epsilon=0.1)
    model = sequential(layers.Conv2D(6, 3), norm, shape=(9, 9, 3))
    random = np.random.default_rng(0)
    for weight in norm.weights:
        weight.assign(random.uniform(0.5, 2, weight.shape))
    gamma, _, _, variance = (to_numpy(weight) for weight in norm.weights)
    assert kernel_of(model).gain == pytest.approx(np.abs(gamma) / np.sqrt(variance + 0.1))


def test_batch_normalization_without_scale_divides_only():
    norm = layers.BatchNormalization(scale=False, center=False, epsilon=0.1)
    model = sequential(layers.Dense(6), norm, shape=(3,))
    norm.moving_variance.assign(np.full(6, 0.9))
    assert kernel_of(model).gain == pytest.approx(np.ones(6))


def test_of_several_batch_normalizations_the_largest_gain_counts():
    inputs = layers.Input((9, 9, 3))
    features = layers.Conv2D(4, 3, name="conv")(inputs)
    norms = [layers.BatchNormalization(epsilon=0), layers.BatchNormalization(epsilon=0)]
    model = keras.Model(inputs, layers.Add()([norm(features) for norm in norms]))
    for norm, gamma in zip(norms, ([0, 1, 2, 0], [3, 0, 1, 0]), strict=True):
        norm.gamma.assign(gamma)
    assert kernel_of(model, "conv").gain == pytest.approx([3, 1, 2, 0])


def test_a_watched_kernel_has_the_shape_of_its_array_and_knows_windows():
    model = sequential(
        layers.DepthwiseConv2D(3, name="deep"), layers.Conv2D(5, 1, name="flat"), shape=(9, 9, 3)
    )
    facts = {kernel.name: (kernel.shape, kernel.has_window) for kernel in find(model).kernels}
    assert facts == {"deep": ((3, 3, 1, 3), True), "flat": ((1, 1, 3, 5), False)}


def test_two_searches_of_one_model_have_the_same_variables():
    one, two = (sequential(layers.Dense(2, name="d"), shape=(4,)) for _ in range(2))
    assert find(one).variables == find(one).variables
    assert find(one).variables != find(two).variables
