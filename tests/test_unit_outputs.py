"""Outputs of units, as they are recorded while a model is called."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.find import selected_kernel
from keras_filterwatch.model.unit_outputs import predicted_outputs, unit_outputs


@pytest.mark.parametrize(
    ("options", "behind"),
    [({"activation": "tanh"}, []), ({}, [layers.Activation("tanh")])],
    ids=["its own", "the next layer's"],
)
def test_outputs_are_taken_behind_or_before_the_non_linearity(options, behind):
    model = sequential(layers.Dense(3, **options), *behind, shape=(4,))
    x = noise((5, 4))
    watched = selected_kernel(model)
    kernel, bias = (to_numpy(weight) for weight in model.weights)
    linear = x @ kernel + bias
    before = unit_outputs(watched, lambda: model(x), before_activation=True)
    assert to_numpy(before) == pytest.approx(linear, abs=1e-5)
    assert predicted_outputs(model, watched, x) == pytest.approx(np.tanh(linear), abs=1e-5)


def test_outputs_without_an_axis_of_units_are_refused():
    model = sequential(layers.EinsumDense("abc,cde->abde", (None, 3, 2), name="e"), shape=(5, 4))
    watched = selected_kernel(model)
    with pytest.raises(ValueError, match=r"'e' returns .* no last axis with its 6 units"):
        predicted_outputs(model, watched, noise((2, 5, 4)))


def test_of_a_layer_that_is_used_twice_the_first_use_counts():
    shared = layers.Dense(4, name="shared", use_bias=False)
    inputs = layers.Input((4,))
    model = keras.Model(inputs, shared(shared(inputs)))
    x = noise((3, 4))
    outputs = predicted_outputs(model, selected_kernel(model), x)
    assert outputs == pytest.approx(x @ to_numpy(shared.kernel), abs=1e-5)
