"""Configs of saved models as Keras 1, 2 and 3 write them: layers, and what they read."""

import json

import keras
import pytest
from keras import layers
from small_models import sequential

from keras_filterwatch.files.config.layer_config import load_json, parse_config
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES, DEPTH


def parsed(model):
    """The config of a model as `model.to_json()` has it."""
    return parse_config(json.loads(model.to_json()))


def layer(name, class_name="Dense", nodes=None, **config):
    """A layer in the config of an old Keras."""
    data = {"class_name": class_name, "name": name, "config": {"name": name, **config}}
    return data if nodes is None else {**data, "inbound_nodes": nodes}


def old_model(*members, outputs, inputs=("image",)):
    """A functional model of Keras 1 or 2."""
    return {
        "class_name": "Model",
        "config": {
            "name": "net",
            "layers": [layer("image", "InputLayer", [], batch_input_shape=[None, 8]), *members],
            "input_layers": [[name, 0, 0] for name in inputs],
            "output_layers": [[name, i, 0] for name, i in outputs],
        },
    }


def test_layers_have_their_names_classes_and_what_they_read():
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, name="conv")(image)
    both = layers.Add(name="sum")([x, layers.ReLU(name="relu")(x)])
    model = parsed(keras.Model(image, both, name="net"))
    assert (model.name, model.class_name) == ("net", "Functional")
    assert {each.name: (each.class_name, each.calls) for each in model.layers} == {
        "image": ("InputLayer", ()),
        "conv": ("Conv2D", (("image",),)),
        "relu": ("ReLU", (("conv",),)),
        "sum": ("Add", (("conv", "relu"),)),
    }


def test_layers_have_the_shape_of_their_first_input():
    image = layers.Input((8, 6, 3), name="image")
    model = parsed(keras.Model(image, layers.Conv2D(4, 3, name="conv")(image)))
    assert [each.input_shape for each in model.layers] == [(None, 8, 6, 3)] * 2


def test_a_class_of_the_users_own_is_not_one_of_keras():
    @keras.saving.register_keras_serializable("mine")
    class Conv2D(layers.Conv2D):
        """Called like Keras's."""

    model = parsed(sequential(Conv2D(2, 3), layers.Conv2D(2, 3), shape=(8, 8, 3)))
    assert [(each.class_name, each.is_of_keras) for each in model.layers[1:]] == [
        ("Conv2D", False),
        ("Conv2D", True),
    ]


def test_a_layer_in_two_models_has_one_identity():
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    inner_input = layers.Input((8, 8, 3))
    inner = keras.Model(inner_input, conv(inner_input), name="inner")
    image = layers.Input((8, 8, 3))
    keras_model = keras.Model(image, inner(conv(image)))
    with keras.src.saving.serialization_lib.ObjectSharingScope():
        config = json.dumps(keras.saving.serialize_keras_object(keras_model))
    model = parse_config(json.loads(config))
    by_name = {each.name: each for each in model.layers}
    (inside,) = [each for each in by_name["inner"].layers if each.name == "conv"]
    assert inside.identity is by_name["conv"].identity


def test_operations_are_no_layers():
    image = layers.Input((8,))
    model = parsed(keras.Model(image, layers.Dense(2)(image + 1)))
    assert [each.is_operation for each in model.layers] == [False, True, False]


def test_a_sequential_model_of_keras_1_is_a_list_of_layers():
    model = parse_config(
        {
            "class_name": "Sequential",
            "config": [
                layer("conv", "Convolution2D", batch_input_shape=[None, 3, 8, 8]),
                layer("flat", "Flatten"),
            ],
        }
    )
    assert [(each.name, each.class_name) for each in model.layers] == [
        ("conv", "Conv2D"),
        ("flat", "Flatten"),
    ]
    assert model.is_sequential
    assert model.layers[0].input_shape == (None, 3, 8, 8)


@pytest.mark.parametrize("more", [[], [{}]], ids=["Keras 1", "Keras 2"])
def test_nodes_of_old_versions_name_what_a_layer_reads(more):
    config = old_model(
        layer("first", nodes=[[["image", 0, 0, *more]]]),
        layer("sum", "Add", [[["first", 0, 0, *more], ["image", 0, 0, *more]]]),
        outputs=[("sum", 0)],
    )
    model = parse_config(config)
    assert [each.calls for each in model.layers] == [(), (("image",),), (("first", "image"),)]
    assert model.class_name == "Functional"


def test_tensors_among_the_keyword_arguments_of_keras_2_are_read_too():
    node = ["first", 0, 0, {"y": ["image", 0, 0], "name": None}]
    model = parse_config(
        old_model(
            layer("first", nodes=[[["image", 0, 0, {}]]]),
            layer("sum", "TFOpLambda", [node], function="math.add"),
            outputs=[("sum", 0)],
        )
    )
    assert model.layers[2].calls == (("first", "image"),)
    assert model.layers[2].is_operation


def test_calls_of_models_in_models_are_counted_from_0_in_keras_2_too():
    inner = {
        **layer("inner", "Sequential", [[["image", 0, 0, {}]], [["inner", 1, 0, {}]]]),
        "config": {"name": "inner", "layers": [layer("dense", units=8)]},
    }
    model = parse_config(
        old_model(
            inner,
            layer("first", nodes=[[["inner", 1, 0, {}]]]),
            layer("second", nodes=[[["inner", 2, 0, {}]]]),
            outputs=[("first", 0), ("second", 0), ("inner", 2)],
        )
    )
    reads = {
        each.name: [source.call for use in each.uses for source in use] for each in model.layers
    }
    assert reads == {"image": [], "inner": [0, 0], "first": [0], "second": [1]}
    assert [output.call for output in model.outputs] == [0, 0, 1]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "'class_name' and 'config' are needed"),
        ({"class_name": "Sequential"}, "'class_name' and 'config' are needed"),
        ({"class_name": 3, "config": {}}, "'class_name' and 'config' are needed"),
        ({"class_name": "Sequential", "config": {"layers": [3]}}, "no objects of JSON"),
    ],
    ids=["nothing", "no config", "a number", "layers that are numbers"],
)
def test_what_is_no_config_of_a_model_is_an_error(value, message):
    with pytest.raises(UnreadableFileError, match=message):
        parse_config(value)


@pytest.mark.parametrize(
    "config",
    [
        {"name": 3, "layers": [{"class_name": None, "config": 3, "inbound_nodes": 3}]},
        {"layers": [{}, {"config": {"name": {}, "layers": {"a": 1}}, "inbound_nodes": [[[[]]]]}]},
        {"layers": [{"class_name": "TimeDistributed", "config": {"layer": [1]}}]},
        {"layers": [{"class_name": "MultiHeadAttention", "config": {"output_shape": "x"}}]},
        {"layers": [{"build_config": [], "config": {"batch_shape": [None, "x"]}, "module": 3}]},
        {"layers": [], "input_layers": 3, "output_layers": [["a", "b", "c"], {"x": None}]},
    ],
)
@pytest.mark.parametrize("class_name", ["Sequential", "Functional", "Mine"])
def test_values_of_the_wrong_type_are_passed_over(class_name, config):
    parse_config({"class_name": class_name, "config": config})


def test_models_within_models_without_end_are_refused():
    config = {"class_name": "Dense", "config": {"name": "dense"}}
    for _ in range(DEPTH + 5):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    with pytest.raises(UnsafeFileError, match="more levels than models"):
        parse_config(config)


@pytest.mark.parametrize(
    "text", [b"[" * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900], ids=["lists", "objects"]
)
def test_json_of_absurd_depth_is_refused(text):
    with pytest.raises((UnsafeFileError, UnreadableFileError), match=r"config\.json"):
        load_json(text, "config.json")


def test_json_of_absurd_size_is_refused():
    with pytest.raises(UnsafeFileError, match="configs of models have less"):
        load_json(b" " * (CONFIG_BYTES + 1), "config.json")


@pytest.mark.parametrize("text", [b"", b"{", b"\\xff", b"3", b"[]", b"{'a': 1}"])
def test_what_is_no_json_object_is_an_error(text):
    with pytest.raises(UnreadableFileError, match=r"config\.json"):
        load_json(text, "config.json")
