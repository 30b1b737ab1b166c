"""What the config of a file tells is what `model_facts` knows of the model that was saved."""

import json
import zipfile
from dataclasses import fields, replace

import keras
import numpy as np
import pytest
from keras import layers, ops, optimizers
from same_runs import assert_same_alarms
from small_models import noise, sequential, two_blocks
from trainings import compiled as compiled_network
from trainings import fit, network

import keras_filterwatch as fw
from keras_filterwatch.files.config.architecture import architecture_of
from keras_filterwatch.files.config.layer_config import parse_config
from keras_filterwatch.files.facts.model_file_facts import facts_of_config
from keras_filterwatch.files.layers.layer_kernels import StoredVariable, kernels_of_layers
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.history import History
from keras_filterwatch.model.facts import metric_directions, model_facts
from keras_filterwatch.model.find import find
from keras_filterwatch.model.layouts import RECURRENT
from keras_filterwatch.model.weights import owners
from keras_filterwatch.model_facts import DEPENDS_ON_BACKEND

BACKEND = keras.backend.backend()


@pytest.fixture(autouse=True)
def new_names():
    """Layers are named as in a fresh process."""
    keras.utils.clear_session()


def stored(name, variable):
    array = keras.ops.convert_to_numpy(variable)
    return StoredVariable(name, StoredArray(name, array.shape, array.dtype, lambda: array))


def of_file(model, tmp_path, backend=BACKEND, names=True):
    """The facts of a model's saved config, and of its weights, with or without their names."""
    path = tmp_path / "model.keras"
    model.save(path)
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    architecture = architecture_of(parse_config(config))
    variables = {
        owner.name: [stored(weight.name if names else "", weight) for weight in owner.weights]
        for owner in owners(model, RECURRENT)
    }
    return facts_of_config(
        architecture,
        kernels_of_layers(architecture, variables).kernels,
        config.get("compile_config"),
        variables=variables,
        backend=backend,
        updates=1,
    )


def of_model(model):
    """The facts of a model, with those of its metrics."""
    directions = metric_directions(model) if model.compiled else {}
    return replace(model_facts(model, find(model)), metric_directions=directions)


def assert_same(file, model, but=("metric_directions",)):
    """All facts are the same, but for some; Keras knows most metrics after the first epoch only."""
    for field in fields(model):
        if field.name not in but:
            assert getattr(file, field.name) == getattr(model, field.name), field.name


def compiled(model, optimizer="sgd", loss="mse", **options):
    model.compile(optimizer, loss, **options)
    return model


def dense(*parts, units=3, shape=(4,), **options):
    """A Dense layer `last` that reads what others make of the input."""
    return sequential(*parts, layers.Dense(units, name="last", **options), shape=shape)


def convolutional():
    return compiled(
        sequential(
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, kernel_regularizer="l2", name="conv"),
            layers.BatchNormalization(momentum=0.8),
            layers.ReLU(),
            layers.SpatialDropout2D(0.1),
            layers.DepthwiseConv2D(3, depthwise_initializer="he_normal", activation="tanh"),
            layers.SeparableConv2D(4, 3, padding="same", activation="elu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(
                6, bias_regularizer=keras.regularizers.L1L2(0.25, 0.125), activation="relu"
            ),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
            shape=(16, 16, 3),
        ),
        optimizers.AdamW(3e-4, clipnorm=1.0),
        "sparse_categorical_crossentropy",
    )


def residual():
    inputs = layers.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False)(inputs)
    x = layers.LayerNormalization()(x)
    y = layers.Conv2D(4, 3, padding="same")(ops.relu(x))
    x = layers.Activation("gelu")(layers.Add()([x, y]))
    outputs = layers.Dense(1, activation="sigmoid")(layers.GlobalAveragePooling2D()(x))
    return compiled(
        keras.Model(inputs, outputs), optimizers.SGD(0.1, momentum=0.9), "binary_crossentropy"
    )


def nested():
    inner = sequential(
        layers.Conv2D(4, 3, activation="relu", name="inside"), layers.Flatten(), shape=(8, 8, 1)
    )
    return compiled(sequential(inner, layers.Dense(2, name="head"), shape=(8, 8, 1)), "rmsprop")


def shared():
    first, second = layers.Input((6,)), layers.Input((6,))
    layer = layers.Dense(4, activation="tanh", name="shared")
    joined = layers.Concatenate()([layer(first), layer(second)])
    return compiled(keras.Model([first, second], layers.Dense(2)(joined)), "nadam", "mae")


def operations():
    inputs = layers.Input((4,))
    x = ops.sigmoid(layers.Dense(4)(inputs / 255)) * 2 - 1
    return compiled(keras.Model(inputs, ops.softmax(layers.Dense(3)(x))), "adagrad")


def attention():
    inputs = layers.Input((6, 8))
    x = layers.LayerNormalization()(inputs)
    x = layers.Add()([inputs, layers.MultiHeadAttention(2, 4, dropout=0.2)(x, x)])
    x = layers.EinsumDense("abc,cd->abd", (6, 5), bias_axes="d", activation="gelu")(x)
    return compiled(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))), "lion", "huber")


def recurrent():
    return compiled(
        dense(layers.Embedding(20, 5), layers.LSTM(3), layers.Dense(4, "relu"), shape=(7,)),
        optimizers.Ftrl(0.05),
    )


def two_outputs():
    inputs = layers.Input((4,))
    digit = layers.Dense(3, activation="softmax", name="digit")(inputs)
    colour = layers.Dense(1, activation="sigmoid", name="colour")(inputs)
    return compiled(
        keras.Model(inputs, [digit, colour]),
        optimizers.LossScaleOptimizer(optimizers.SGD(0.1)),
        {"digit": "categorical_crossentropy", "colour": "binary_crossentropy"},
        loss_weights={"digit": 1.0, "colour": 0.5},
    )


def pixels():
    return compiled(
        sequential(
            layers.Conv2D(4, 3, padding="same"),
            layers.Conv2DTranspose(3, 2, strides=2, activation="softmax"),
            shape=(8, 8, 1),
        ),
        "adamax",
        "categorical_crossentropy",
    )


def flat_image():
    return compiled(dense(layers.Dense(16, "relu", name="hidden"), shape=(784,)), "adam")


def linear():
    return compiled(dense(layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)))


def wrapped():
    return compiled(
        dense(
            layers.TimeDistributed(layers.Dense(4, activation="relu")),
            layers.TimeDistributed(layers.Dropout(0.25, name="drop")),
            layers.Bidirectional(layers.GRU(2)),
            shape=(5, 3),
        )
    )


MODELS = {
    each.__name__: each
    for each in (
        *(convolutional, residual, nested, shared, operations, recurrent, two_outputs),
        *(pixels, flat_image, linear, wrapped),
    )
}


@pytest.mark.parametrize("name", MODELS)
def test_all_facts_of_a_new_model_are_in_its_file(name, tmp_path):
    model = MODELS[name]()
    assert_same(of_file(model, tmp_path), of_model(model))


def test_the_facts_of_attention_are_those_of_its_layers(tmp_path):
    model = attention()
    file, facts = of_file(model, tmp_path), of_model(model)
    # the file has one Dropout, and calls it by the name of the layer around it
    assert file.dropout == {"multi_head_attention": 0.2}
    assert_same(file, facts, but=["dropout", "metric_directions"])


def trained(model):
    """The model after an update with random data."""
    inputs = [noise((8, *each.shape[1:])) for each in model.inputs]
    targets = np.random.default_rng(0).random((8, *model.outputs[0].shape[1:]), "float32")
    model.fit(inputs if len(inputs) > 1 else inputs[0], targets, verbose=0)
    return model


@pytest.mark.parametrize("names", [True, False], ids=["by name", "by order"])
@pytest.mark.parametrize("name", ["residual", "shared", "nested"])
def test_the_file_of_a_trained_model_shows_which_layers_were_trained(name, names, tmp_path):
    model = trained(MODELS[name]())
    file, facts = of_file(model, tmp_path, names=names), of_model(model)
    assert any(facts.was_trained.values())
    assert_same(file, facts)


def test_a_layer_that_began_with_random_biases_shows_nothing(tmp_path):
    assert of_file(dense(bias_initializer="random_normal"), tmp_path).was_trained == {}


@pytest.mark.parametrize("metrics", [["accuracy", "mae"], [keras.metrics.AUC(name="area")]])
def test_the_directions_of_metrics_are_known(metrics, tmp_path):
    model = dense(units=1, activation="sigmoid")
    model = compiled(model, loss="binary_crossentropy", metrics=metrics)
    model.fit(noise((8, 4)), np.arange(8) % 2, verbose=0)
    assert of_file(model, tmp_path).metric_directions == metric_directions(model)


# What the file does not tell.


def test_without_a_graph_only_what_is_certain_is_known(tmp_path):
    file = of_file(compiled(two_blocks()), tmp_path)
    assert (file.outputs, file.activations, file.is_linear) == ((), {}, False)
    # layers of the user's own may branch, and their models may have a train_step
    assert file.has_shortcuts
    assert file.has_own_train_step


class Doubled(layers.Layer):
    def call(self, x):
        return 2 * x


def test_behind_a_layer_of_the_users_own_nothing_is_known(tmp_path):
    model = sequential(layers.Dense(4), Doubled(), layers.Dense(3), Doubled(), shape=(4,))
    file = of_file(compiled(model), tmp_path)
    (output,) = file.outputs
    assert (output.units, output.activation, output.trains_as) == (None, "", "")
    assert not file.is_linear
    assert file.has_shortcuts


def test_the_compiled_optimizer_of_a_model_class_of_ones_own_is_known_once_it_was_used():
    architecture = architecture_of(
        parse_config({"class_name": "Mine", "module": "mine", "config": {"name": "net"}})
    )
    config = {"optimizer": "adam"}
    assert facts_of_config(architecture, (), config).optimizer == ""
    assert facts_of_config(architecture, (), config, updates=3).optimizer == "Adam"


@pytest.mark.parametrize(
    ("activation", "loss", "expected"),
    [
        ("softmax", "categorical_crossentropy", "softmax"),
        ("sigmoid", "binary_crossentropy", "sigmoid"),
        ("sigmoid", "mse", "sigmoid"),
        ("linear", keras.losses.CategoricalCrossentropy(from_logits=True), "softmax"),
        ("sigmoid", "categorical_crossentropy", DEPENDS_ON_BACKEND),
        ("softmax", keras.losses.CategoricalCrossentropy(from_logits=True), DEPENDS_ON_BACKEND),
    ],
)
def test_without_the_backend_it_is_known_what_a_loss_trains_with_where_all_agree(
    activation, loss, expected, tmp_path
):
    model = compiled(dense(activation=activation), loss=loss)
    assert of_file(model, tmp_path, backend="").outputs[0].trains_as == expected


@pytest.mark.parametrize(
    "schedule",
    [
        optimizers.schedules.ExponentialDecay(0.1, 10, 0.5),
        optimizers.schedules.CosineDecay(0.1, 10),
        optimizers.schedules.CosineDecay(0.01, 10, warmup_target=0.5, warmup_steps=5),
        optimizers.schedules.CosineDecayRestarts(0.1, 10),
        optimizers.schedules.PolynomialDecay(0.1, 10),
        optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5),
        optimizers.schedules.PiecewiseConstantDecay([5, 8], [0.3, 0.2, 0.1]),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_first_rate_of_a_schedule_is_known(schedule, tmp_path):
    model = compiled(dense(), optimizers.SGD(schedule))
    assert_same(of_file(model, tmp_path), of_model(model))


# The rules judge by the facts of a file as they do by those of the model.


def fit_network(tmp_path, change=lambda model: model, rate=1e-2, epochs=4):
    """A watched training of the network that many tests share, and the facts of its file."""
    model = compiled_network(change(network()), rate)
    file = of_file(model, tmp_path)
    watch = fw.FilterWatch(tmp_path / "logs", images=False)
    fit(model, watch, epochs=epochs)
    return watch, file


def with_zeros(model):
    model.get_layer("second").kernel.assign(np.zeros((3, 3, 32, 16)))
    return model


def with_nan(model):
    model.get_layer("second").kernel.assign(np.full((3, 3, 32, 16), np.nan))
    return model


def frozen(model):
    model.get_layer("first").trainable = False
    model.get_layer("norm").trainable = False
    return model


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({}, None),
        ({"rate": 1e-9}, "stalled"),
        ({"change": with_nan}, "diverged"),
        ({"change": with_zeros}, "symmetric"),
        ({"change": frozen}, "frozen_at_random"),
    ],
    ids=["healthy", "slow", "diverging", "zeros", "frozen"],
)
def test_the_default_rules_give_the_same_alarms_with_the_facts_of_the_file(options, rule, tmp_path):
    watch, file = fit_network(tmp_path, **options)
    # a file does not tell how many epochs are planned
    file = replace(file, epochs=watch.history.facts.epochs)
    judgement = fw.judge(History(watch.history, file))
    assert_same_alarms(judgement.raised, fw.judge(watch.history).raised)
    assert rule is None or rule in {alarm.rule for alarm in judgement.raised}
