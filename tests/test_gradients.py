"""The gradient of units' outputs by the inputs, where a formula gives it."""

import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model.find import selected_kernel
from keras_filterwatch.model.gradients import input_gradient

KERNEL = noise((4, 3))


def dense(*behind, **options):
    """A Dense layer whose outputs are all negative, so that a ReLU turns them off."""
    layer = layers.Dense(3, name="dense", **options)
    model = sequential(layer, *behind, shape=(4,))
    layer.set_weights([KERNEL, np.full(3, -100.0)])
    return model


def gradient_of(model, **options):
    gradient = input_gradient(model, selected_kernel(model), **options)
    return gradient(noise((2, 4)), np.array([[1, 0, 0], [0, 2, 3]]))


@pytest.mark.parametrize(
    ("options", "behind"),
    [({"activation": "relu"}, []), ({}, [layers.ReLU()]), ({}, [])],
    ids=["its own ReLU", "a ReLU behind it", "no non-linearity"],
)
def test_before_the_non_linearity_the_gradient_is_the_weighted_kernel(options, behind):
    model = dense(*behind, **options)
    weighted = [KERNEL[:, 0], 2 * KERNEL[:, 1] + 3 * KERNEL[:, 2]]
    assert gradient_of(model, before_activation=True) == pytest.approx(np.array(weighted), 1e-5)


def test_behind_a_relu_that_is_off_the_gradient_is_zero():
    assert not gradient_of(dense(activation="relu")).any()


def test_the_activation_of_the_layer_is_the_same_afterwards():
    model = dense(activation="relu")
    layer = model.get_layer("dense")
    activation = layer.activation
    gradient_of(model, before_activation=True)
    assert layer.activation is activation
