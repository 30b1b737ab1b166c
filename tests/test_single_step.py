"""What one saved file can be accused of: healthy, fresh and broken networks, without history."""

import math
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

import keras_filterwatch as fw
from keras_filterwatch.model.facts import model_facts
from keras_filterwatch.model.find import find
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.single_step import judge_single_step, was_trained

TRAINED = 500  # updates, after which each layer had its chance


def judged(model, updates=None, **known):
    """The judgement of a model as of a file, with facts beside those that the model has."""
    scores = replace(fw.score(model), updates=updates)
    return judge_single_step(scores, replace(model_facts(model, find(model)), **known))


def rules(alarms):
    return [(alarm.rule, alarm.layer) for alarm in alarms]


def says_nothing(judgement):
    return judgement.alarms == judgement.notes == ()


def network(*extra, **options):
    """Convolutions `first` and `second` and a dense `head`; `options` are those of `second`."""
    keras.utils.set_random_seed(0)
    return sequential(
        layers.Conv2D(8, 5, activation="relu", name="first"),
        layers.Conv2D(16, 3, **{"activation": "relu", **options}, name="second"),
        *extra,
        layers.Flatten(),
        layers.Dense(3, activation="softmax", name="head"),
        shape=(12, 12, 3),
    )


def trained(model):
    """The model after ten updates, and with its optimizer's facts."""
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    model.fit(noise((40, 12, 12, 3)), np.arange(40) % 3, batch_size=4, verbose=0)
    return model


def with_kernel(model, name, change):
    """The model with another kernel in one of its layers."""
    kernel = model.get_layer(name).kernel
    kernel.assign(change(keras.ops.convert_to_numpy(kernel).copy()))
    return model


# Networks without fault.


def test_a_healthy_trained_network_is_not_accused():
    judgement = judged(trained(network(layers.BatchNormalization())), TRAINED)
    assert says_nothing(judgement)
    assert judgement.diagnosis.cause == "no fault found"


@pytest.mark.parametrize("updates", [0, None])
def test_a_fresh_network_is_not_accused(updates):
    assert says_nothing(judged(network(layers.BatchNormalization()), updates))


def test_a_fresh_network_is_told_to_be_fresh_and_not_to_be_without_fault():
    diagnosis = judged(network(), 0).diagnosis
    assert diagnosis.cause == "can't tell"
    assert "no update" in str(diagnosis)


def test_where_nothing_shows_whether_a_network_was_trained_that_is_said():
    assert "Nothing shows whether the network was trained." in judged(network()).diagnosis.evidence


@pytest.mark.parametrize("initialiser", ["zeros", "ones"])
def test_constant_first_weights_of_a_network_that_was_not_trained_are_no_alarm(initialiser):
    model = network(kernel_initializer=initialiser)
    assert says_nothing(judged(model, 0))
    assert judged(model).alarms == ()


def test_a_new_layer_of_zeros_in_a_network_that_was_trained_before_is_no_alarm():
    # as where a trained network gets new branches: its optimizer begins anew
    model = trained(network(layers.Conv2D(8, 1, kernel_initializer="zeros", name="new")))
    model.get_layer("new").set_weights([np.zeros((1, 1, 16, 8)), np.zeros(8)])
    assert says_nothing(judged(model, 0))


APPLICATIONS = {
    "MobileNet": {"alpha": 0.25},
    "MobileNetV2": {"alpha": 0.35},
    "MobileNetV3Small": {"minimalistic": True},
    "EfficientNetV2B0": {},
}


@pytest.mark.parametrize("name", APPLICATIONS)
def test_new_networks_of_keras_applications_are_not_accused(name):
    options = {"weights": None, "classes": 10, "input_shape": (32, 32, 3), **APPLICATIONS[name]}
    assert says_nothing(judged(getattr(keras.applications, name)(**options)))


def test_a_file_without_kernels_is_not_called_faultless():
    diagnosis = judge_single_step(fw.Scores(0, 0, {}, {"bn": "no kernel"}), ModelFacts()).diagnosis
    assert (diagnosis.cause, diagnosis.evidence) == ("can't tell", ("No kernel was scored.",))


# Diverged.


def with_nan(array):
    array[..., 2] = math.nan
    return array


@pytest.mark.parametrize("updates", [0, None, TRAINED])
def test_weights_that_are_not_finite_are_an_error_in_any_file(updates):
    judgement = judged(with_kernel(network(), "second", with_nan), updates)
    (alarm,) = judgement.alarms
    assert (alarm.rule, alarm.layer, alarm.level) == ("diverged", "second", "error")
    assert alarm.filters == (2,)
    assert "Stop training" not in alarm.message
    assert "earlier checkpoint" in alarm.message
    assert judgement.diagnosis.cause == "diverged"


def test_a_diverged_network_under_a_strong_penalty_was_over_regularised():
    model = trained(network(kernel_regularizer=keras.regularizers.L2(50.0)))
    judgement = judged(with_kernel(model, "second", with_nan), TRAINED)
    assert judgement.diagnosis.cause == "over-regularised"


# Filters that are all the same.


def test_equal_filters_of_a_constant_initialiser_in_a_trained_network_are_an_alarm():
    model = trained(network(kernel_initializer="ones"))
    with_kernel(model, "second", np.ones_like)
    judgement = judged(model, TRAINED)
    (alarm,) = judgement.alarms
    assert (alarm.rule, alarm.layer, alarm.level) == ("symmetric", "second", "warning")
    assert alarm.filters == tuple(range(16))
    assert judgement.diagnosis.cause == "symmetric initialisation"


def test_of_equal_filters_with_a_random_initialiser_the_cause_is_not_told():
    judgement = judged(with_kernel(trained(network()), "second", np.ones_like), TRAINED)
    assert rules(judgement.alarms) == [("symmetric", "second")]
    assert judgement.diagnosis.cause == "can't tell"
    assert "Weights alone do not tell the cause" in judgement.diagnosis.advice


def test_frozen_filters_that_are_the_same_are_no_alarm():
    model = with_kernel(trained(network()), "second", np.ones_like)
    model.get_layer("second").trainable = False
    assert ("symmetric", "second") not in rules(judged(model, TRAINED).alarms)


def test_depthwise_filters_that_are_the_same_are_no_alarm():
    # each of them reads a channel of its own, as those that blur an image do
    model = sequential(
        layers.DepthwiseConv2D(3, activation="relu", depthwise_initializer="ones", name="blur"),
        layers.Conv2D(8, 3, name="conv"),
        shape=(12, 12, 3),
    )
    assert says_nothing(judged(model, TRAINED))


def test_arrays_without_a_model_are_noted_and_not_accused():
    arrays = {"conv": np.ones((3, 3, 4, 8), "f4"), "head": noise((64, 10))}
    judgement = judge_single_step(fw.score(arrays), ModelFacts())
    assert rules(judgement.notes) == [("symmetric", "conv")]
    assert judgement.alarms == ()


# Filters with next to no weight.


def test_a_layer_of_zeros_that_nothing_bypasses_is_an_alarm_of_which_the_cause_is_not_told():
    judgement = judged(with_kernel(trained(network()), "second", np.zeros_like), TRAINED)
    (alarm,) = judgement.alarms
    assert (alarm.rule, alarm.layer, alarm.level) == ("dead", "second", "warning")
    assert (alarm.value, alarm.filters) == (1.0, tuple(range(16)))
    assert judgement.diagnosis.cause == "can't tell"
    assert "Weights alone do not tell the cause" in judgement.diagnosis.advice


def test_a_layer_of_zeros_under_a_strong_penalty_was_over_regularised():
    model = trained(network(kernel_regularizer=keras.regularizers.L2(0.5)))
    judgement = judged(with_kernel(model, "second", np.zeros_like), TRAINED)
    assert judgement.diagnosis.cause == "over-regularised"


def test_a_head_of_zeros_in_a_trained_network_is_an_alarm():
    judgement = judged(with_kernel(trained(network()), "head", np.zeros_like), TRAINED)
    assert rules(judgement.alarms) == [("dead", "head")]


def test_a_layer_of_zeros_that_a_shortcut_bypasses_is_a_note():
    inputs = layers.Input((12, 12, 3))
    x = layers.Conv2D(8, 3, padding="same", name="first")(inputs)
    y = layers.Conv2D(8, 3, padding="same", name="branch")(x)
    outputs = layers.Dense(3, name="head")(layers.Flatten()(layers.Add()([x, y])))
    model = with_kernel(keras.Model(inputs, outputs), "branch", np.zeros_like)
    judgement = judged(model, TRAINED)
    assert (judgement.alarms, rules(judgement.notes)[0]) == ((), ("dead", "branch"))


@pytest.mark.parametrize(("count", "noted"), [(7, False), (8, True)])
def test_half_of_a_layer_without_weight_is_a_note(count, noted):
    def prune(array):
        array[..., :count] = 0
        return array

    judgement = judged(with_kernel(trained(network()), "second", prune), TRAINED)
    assert judgement.alarms == ()
    assert rules(judgement.notes) == [("dead", "second")] * noted


# Frozen at random.


def frozen(model, name="first"):
    model.get_layer(name).trainable = False
    return model


def test_a_layer_frozen_as_it_was_initialised_in_a_trained_network_is_an_alarm():
    judgement = judged(trained(frozen(network())), TRAINED)
    assert rules(judgement.alarms) == [("frozen_at_random", "first")]
    assert judgement.alarms[0].step == 0
    assert judgement.diagnosis.cause == "frozen at random"


def test_a_frozen_layer_of_a_network_that_was_not_trained_is_no_alarm():
    assert says_nothing(judged(frozen(network()), 0))
    assert says_nothing(judged(frozen(network())))


def test_a_frozen_layer_that_was_trained_is_no_alarm():
    assert says_nothing(judged(frozen(trained(network())), TRAINED))


def test_a_frozen_table_of_constants_is_no_alarm():
    # a bank of triangular filters over frequencies, as in networks for sound
    bands, frequencies = np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 1, 64))
    triangles = np.maximum(0, 1 - 20 * np.abs(bands - frequencies)).astype("float32")
    model = sequential(
        layers.Dense(20, name="bands"), layers.Dense(8, "relu"), layers.Dense(3), shape=(64,)
    )
    model.get_layer("bands").set_weights([triangles, np.zeros(20)])
    frozen(model, "bands")
    assert judged(model, TRAINED).alarms == ()


# The set-up.


def test_a_low_rate_is_not_asked_about_in_a_file_since_trainings_end_with_one():
    assert judged(network(), 10, optimizer="SGD", learning_rate=1e-8).notes == ()


def test_a_high_rate_is_asked_about():
    judgement = judged(network(), TRAINED, optimizer="SGD", learning_rate=50.0)
    assert rules(judgement.notes) == [("unusual_rate", "")]


@pytest.mark.parametrize(
    ("known", "rule"),
    [
        ({"dropout": {"drop": 0.9}}, "strong_dropout"),
        ({"regularisers": {"first": {"l2": 1.0}}}, "strong_penalty"),
        ({"is_linear": True}, "linear_stack"),
    ],
)
def test_what_is_odd_about_the_setup_is_a_note(known, rule):
    judgement = judged(network(), TRAINED, **known)
    assert (judgement.alarms, rules(judgement.notes)) == ((), [(rule, "")])


# Whether a network was trained.


@pytest.mark.parametrize(
    ("updates", "of_weights", "expected"),
    [
        (0, {}, False),
        (0, {"conv": True}, True),
        (5000, {}, True),
        (3, {}, None),
        (None, {}, None),
        (None, {"conv": False}, None),
        (None, {"conv": False, "head": True}, True),
    ],
)
def test_a_network_was_trained_if_its_weights_or_its_optimizer_show_it(
    updates, of_weights, expected
):
    facts = ModelFacts(was_trained=of_weights)
    assert was_trained(fw.Scores(0, 0, {}, updates=updates), facts) is expected
