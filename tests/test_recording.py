"""Which tensors went into and out of each call, as a forward pass is recorded."""

import keras
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model.trace import flow_of, trace


def calls_of(flow, name):
    return [call for call in flow.steps if call.layer.name == name]


def test_the_models_own_inputs_and_outputs_are_known():
    inputs = {name: layers.Input((4,), name=name) for name in "ab"}
    outputs = {"sum": layers.Add(name="add")(list(inputs.values()))}
    flow = trace(keras.Model(inputs, outputs))
    (add,) = calls_of(flow, "add")
    assert set(add.inputs) == set(flow.inputs)
    assert len(flow.inputs) == 2
    assert add.outputs == [flow.outputs["sum"]]


def test_inputs_of_a_nested_model_are_those_of_its_first_layer():
    inner = sequential(layers.Dense(4, name="inside"), layers.Dense(4), shape=(4,))
    flow = trace(sequential(layers.Dense(4, name="before"), inner, shape=(4,)))
    (before,), (inside,) = calls_of(flow, "before"), calls_of(flow, "inside")
    assert inside.inputs == before.outputs


def test_an_output_of_the_same_shape_is_not_taken_for_an_input():
    flow = trace(sequential(layers.Dense(4, name="first"), layers.Dense(4), shape=(4,)))
    (first,) = calls_of(flow, "first")
    assert first.inputs != first.outputs


@pytest.mark.parametrize(
    ("layer", "differs"),
    [
        (layers.Dropout(0.5, name="x"), True),
        (layers.GaussianNoise(0.5, name="x"), True),
        (layers.Dropout(0.0, name="x"), False),
        (layers.Identity(name="x"), False),
    ],
    ids=["dropout", "noise", "dropout of nothing", "identity"],
)
def test_layers_that_change_their_inputs_in_training_return_other_tensors(layer, differs):
    (call,) = calls_of(trace(sequential(layers.Dense(4), layer, shape=(4,))), "x")
    assert (call.inputs != call.outputs) is differs


def test_operations_of_functional_models_are_recorded():
    inputs = layers.Input((4,))
    added = layers.Dense(4, name="dense")(inputs) + inputs
    flow = trace(keras.Model(inputs, added))
    maker = flow.maker(flow.outputs)
    assert maker.layer is added._keras_history.operation
    assert set(maker.inputs) == {flow.inputs[0], calls_of(flow, "dense")[0].outputs[0]}
    assert flow.readers(flow.inputs[0])[-1] is maker


class Undecided(keras.Model):
    """A model that survives the failure of one of its layers."""

    def __init__(self):
        super().__init__()
        self.wrong, self.right = layers.Dense(2, name="wrong"), layers.Dense(2, name="right")

    def build(self, shape):
        self.wrong.build((None, 7))
        self.right.build(shape)

    def call(self, x):
        try:
            return self.wrong(x)
        except Exception:
            return self.right(x)


def test_a_call_that_fails_inside_a_model_is_left_out():
    model = Undecided()
    model(noise((1, 4)))
    flow = trace(model)
    assert [call.layer.name for call in flow.steps] == ["right"]
    assert flow.steps[0].inputs == flow.inputs


def test_a_flow_is_handed_out_once():
    model = sequential(layers.Dense(4), shape=(4,))
    flow = trace(model)
    assert flow_of(model) is flow
    assert flow_of(model) is not flow
