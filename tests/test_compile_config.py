"""What the configs of compilations and layers tell: of older Keras, and whatever stands in them."""

import keras
import pytest

from keras_filterwatch.files.config.architecture import architecture_of
from keras_filterwatch.files.config.layer_config import parse_config
from keras_filterwatch.files.facts.loss_config import LOSSES, describe_saved_loss
from keras_filterwatch.files.facts.metric_config import metric_directions
from keras_filterwatch.files.facts.model_file_facts import facts_of_config
from keras_filterwatch.files.facts.non_linearities import ACTIVATIONS, activation_name
from keras_filterwatch.model.compiled_losses import describe_loss

# Files of older Keras.


def old_model(*parts, training_config):
    """The facts of a Sequential model as Keras 2 and Keras 1 wrote it."""
    config = {"class_name": "Sequential", "config": {"name": "net", "layers": list(parts)}}
    return facts_of_config(architecture_of(parse_config(config)), (), training_config)


def test_the_training_config_of_keras_2_is_read():
    facts = old_model(
        {"class_name": "Dense", "config": {"name": "head", "units": 3, "activation": "softmax"}},
        training_config={
            "optimizer_config": {
                "class_name": "Adam",
                "config": {"learning_rate": 0.001, "decay": 0.0, "beta_1": 0.9},
            },
            "loss": {
                "class_name": "SparseCategoricalCrossentropy",
                "config": {"reduction": "auto", "from_logits": False},
            },
            "metrics": [["accuracy"]],
            "loss_weights": None,
        },
    )
    assert (facts.optimizer, facts.learning_rate) == ("Adam", 0.001)
    (output,) = facts.outputs
    assert (output.loss, output.trains_as) == ("sparse_categorical_crossentropy", "softmax")
    assert facts.metric_directions == {"loss": "down", "accuracy": "up"}


def test_the_training_config_of_keras_1_is_read():
    facts = old_model(
        {
            "class_name": "Dense",
            "config": {
                "name": "first",
                "output_dim": 8,
                "activation": "relu",
                "init": "he_normal",
                "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
            },
        },
        {"class_name": "Dropout", "config": {"name": "drop", "p": 0.25}},
        {
            "class_name": "Dense",
            "config": {"name": "head", "output_dim": 1, "activation": "sigmoid"},
        },
        training_config={
            "optimizer_config": {"class_name": "SGD", "config": {"lr": 0.1, "momentum": 0.9}},
            "loss": "binary_crossentropy",
            "metrics": [],
        },
    )
    assert (facts.optimizer, facts.learning_rate, facts.momentum) == ("SGD", 0.1, 0.9)
    assert (facts.dropout, facts.regularisers) == ({"drop": 0.25}, {"first": {"l2": 0.5}})
    assert facts.outputs[0].activation == "sigmoid"


# Anything can stand in a config.

ODD = [None, True, -1, 1e999, float("nan"), 10**400, "x", "a>b", [], [[]], {}, {"class_name": []}]


@pytest.mark.parametrize("value", ODD, ids=str)
@pytest.mark.parametrize("key", ["optimizer", "loss", "metrics", "loss_weights"])
def test_anything_may_stand_in_the_config_of_the_compilation(key, value):
    head = {"class_name": "Dense", "config": {"name": "head", "units": 3}}
    for odd in (value, [value], {"head": value}, {"class_name": "SGD", "config": value}):
        old_model(head, training_config={key: odd})
        inner = {"class_name": "LossScaleOptimizer", "config": {"inner_optimizer": odd}}
        of_rate = {"class_name": "SGD", "config": {"learning_rate": odd, "momentum": odd}}
        old_model(head, training_config={"optimizer": inner})
        old_model(head, training_config={"optimizer": of_rate})


@pytest.mark.parametrize("value", ODD, ids=str)
@pytest.mark.parametrize(
    "class_name",
    ["Dense", "Dropout", "BatchNormalization", "Activation", "Rescaling", "MultiHeadAttention"],
)
def test_anything_may_stand_in_the_config_of_a_layer(class_name, value):
    keys = (
        *("units", "activation", "rate", "p", "momentum", "scale", "offset", "dropout", "dtype"),
        *("kernel_initializer", "bias_initializer", "kernel_regularizer", "W_regularizer"),
    )
    for key in keys:
        for odd in (value, {"class_name": "L2", "config": value}, {"class_name": value}):
            layer = {"class_name": class_name, "config": {"name": "odd", key: odd}}
            old_model(layer, layer, training_config={"loss": "mse"})


# The tables.


def test_the_names_of_activations_are_those_of_keras():
    names = [name for name in vars(keras.activations) if not name.startswith("_")]
    names = {name for name in names if name not in ("get", "serialize", "deserialize")}
    assert {activation_name(name) for name in names} - {""} <= ACTIVATIONS
    assert [name for name in names if not activation_name(name)] == []


def test_the_names_of_losses_are_those_of_keras():
    known = {name for name in vars(keras.losses) if name.islower() and not name.startswith("_")}
    known -= {"get", "serialize", "deserialize"}
    assert known <= LOSSES


@pytest.mark.parametrize("name", ["mse", "MAE", "mape", "msle", "bce", "kl_divergence", "Huber"])
def test_losses_have_one_name_however_they_are_asked_for(name):
    assert describe_saved_loss(name) == describe_loss(name)


def test_the_directions_of_metrics_are_those_of_keras():
    for name, kind in vars(keras.metrics).items():
        try:
            metric = kind()
        except TypeError:
            continue  # no metric, or one with arguments
        if isinstance(metric, keras.metrics.Metric):
            config = {"metrics": [keras.saving.serialize_keras_object(metric)]}
            direction = getattr(metric, "_direction", None)
            expected = {"loss": "down"} | ({metric.name: direction} if direction else {})
            assert metric_directions(config, ["head"]) == expected, name
