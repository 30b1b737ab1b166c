"""Which layer owns which weights."""

import keras
import pytest
from keras import layers
from small_models import levels, short_stack, two_blocks

from keras_filterwatch.model.weights import all_weights, direct_weights, owners


def owned(model, **options):
    return {owner.name: [w.name for w in owner.weights] for owner in owners(model, **options)}


def test_each_layer_owns_the_weights_that_no_sublayer_owns():
    model = two_blocks()
    assert owned(model)["block/norm_1"] == ["gamma", "beta", "moving_mean", "moving_variance"]
    together = [weight for owner in owners(model) for weight in owner.weights]
    assert {id(weight) for weight in together} == {id(weight) for weight in model.weights}
    assert len(together) == len(model.weights)


def test_a_weight_that_a_layer_and_its_sublayer_hold_is_the_sublayers():
    class Tied(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(4, use_bias=False, name="dense")
            self.dense.build((None, 4))
            self.tied = self.dense.kernel
            self.scale = self.add_weight(shape=(1,), name="scale")

    assert owned(Tied()) == {"tied": ["scale"], "dense": ["kernel"]}


def test_an_undivided_layer_owns_the_weights_of_its_sublayers():
    layer = layers.LSTM(2, name="lstm")
    layer.build((None, 3, 2))
    assert owned(layer, undivided=(layers.LSTM,)) == {
        "lstm": ["kernel", "recurrent_kernel", "bias"]
    }


def test_a_name_that_is_taken_gets_the_first_free_number():
    class Names(keras.Model):
        def __init__(self):
            super().__init__()
            names = ("a", "a_1", "a", "a_1", "a")
            self.parts = [layers.Dense(2, use_bias=False, name=name) for name in names]
            for part in self.parts:
                part.build((None, 2))

    assert list(owned(Names())) == ["a", "a_1", "a_2", "a_1_1", "a_3"]


def test_all_weights_are_those_that_keras_lists():
    model = two_blocks()
    assert {id(w) for w in all_weights(model)} == {id(w) for w in model.weights}
    assert direct_weights(model) == []


def test_weights_of_levels_within_levels_are_found_without_recursion():
    model = levels(200)
    with short_stack():
        with pytest.raises(RecursionError):
            _ = model.weights  # Keras's own way
        assert len(all_weights(model)) == 400  # a kernel and a bias each
        assert len(owned(model)) == 200
