"""The layers of a saved model in the order of use, and what follows what."""

import json

import keras
import pytest
from keras import layers
from saved_kernels import MODELS, built

from keras_filterwatch.files.config.architecture import architecture_of
from keras_filterwatch.files.config.inbound_nodes import Source
from keras_filterwatch.files.config.layer_config import LayerConfig, parse_config
from keras_filterwatch.model.trace import trace


def architecture(model):
    """What the config of a model tells."""
    return architecture_of(parse_config(json.loads(model.to_json())))


def paths(nodes):
    return [node.path for node in nodes]


@pytest.fixture(scope="module")
def nested():
    """A model in a model, between two layers."""
    inner = keras.Sequential(
        [layers.Input((8, 8, 4)), layers.Conv2D(4, 1, name="a"), layers.ReLU(name="b")],
        name="inner",
    )
    image = layers.Input((8, 8, 3), name="image")
    x = inner(layers.Conv2D(4, 3, padding="same", name="first")(image))
    return architecture(keras.Model(image, layers.Dense(2, name="last")(x)))


def node(found, path):
    return next(node for node in found.nodes if node.path == path)


def test_layers_come_in_the_order_of_use_each_before_those_in_it(nested):
    order = paths(nested.nodes)
    assert [path for path in order if "input" not in path and path != "image"] == [
        "first",
        "inner",
        "inner/a",
        "inner/b",
        "last",
    ]


def test_a_layer_knows_the_models_around_it(nested):
    assert [parent.name for parent in node(nested, "inner/a").parents] == ["inner"]


def test_what_a_layer_reads_and_who_reads_it_crosses_the_borders_of_models(nested):
    assert paths(nested.inputs_of(node(nested, "inner/a"))) == ["first"]
    assert paths(nested.inputs_of(node(nested, "last"))) == ["inner/b"]
    assert paths(nested.readers(node(nested, "inner/b"))) == ["last"]
    assert paths(nested.readers(node(nested, "first"))) == ["inner/a", "inner"]


def test_the_layers_that_make_the_outputs_are_known(nested):
    assert paths(nested.output_nodes) == ["last"]


def test_names_that_recur_get_numbers():
    layer = [LayerConfig("conv", "Conv2D"), LayerConfig("conv", "Conv2D")]
    model = LayerConfig("net", "Sequential", layers=tuple(layer))
    assert paths(architecture_of(model).nodes) == ["conv", "conv_1"]


@pytest.mark.parametrize("name", ["unbalanced", "branches", "functions"])
def test_layers_are_used_in_the_order_in_which_keras_calls_them(name):
    model = built(name)
    order = trace(model).order
    called = sorted(
        (each for each in model._flatten_layers() if id(each) in order),
        key=lambda layer: order[id(layer)],
    )
    expected = [each.name for each in called if not each._layers]
    found = [each.layer.name for each in architecture(model).nodes if not each.layer.layers]
    assert [each for each in found if each in expected] == expected


def test_models_that_multiply_each_other_are_not_followed():
    model = LayerConfig("dense", "Dense")
    for i in range(40):  # each level calls the one below it twice
        reads = ((Source("input"),), (Source(model.name),))
        model = LayerConfig(
            f"level_{i}",
            "Functional",
            layers=(
                LayerConfig("input", "InputLayer"),
                LayerConfig(
                    model.name,
                    model.class_name,
                    layers=model.layers,
                    inputs=model.inputs,
                    outputs=model.outputs,
                    uses=reads,
                ),
            ),
            inputs=(Source("input"),),
            outputs=(Source(model.name, 1),),
        )
    found = architecture_of(model)
    assert not found.knows_graph
    assert "calls layers more than" in found.problem


@pytest.mark.parametrize(
    ("reads", "problem"),
    [("dense", "has a cycle"), ("nothing", "names a layer 'nothing' that it does not have")],
)
def test_a_graph_that_cannot_be_followed_is_told(reads, problem):
    dense = LayerConfig("dense", "Dense", uses=((Source(reads),),))
    model = LayerConfig("net", "Functional", layers=(dense,), outputs=(Source("dense"),))
    found = architecture_of(model)
    assert problem in found.problem
    assert paths(found.nodes) == ["dense"]


def test_all_models_of_the_tests_have_a_graph():
    assert all(architecture(make()).knows_graph for make in MODELS.values())
