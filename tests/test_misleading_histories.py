"""Histories that mislead: healthy ones that look odd, and faulty ones that look like others.

Each is followed by all default rules, step by step. What they mislead to is in issue 12.
"""

import math

import numpy as np
import pytest
from made_up import (
    FORMED,
    GOOD,
    POOR,
    START,
    curves,
    diagnosed,
    facts,
    judged,
    layer,
    names,
    network,
    of_layers,
    of_logs,
    output,
    scored,
    trained,
    turned,
    units,
    with_head,
)

from keras_filterwatch.model_facts import InputFacts, TargetFacts
from keras_filterwatch.rules.units import _LARGE_NORM

NAN = math.nan
LEARNING = curves(loss=[1.9, 1.2, 0.8, 0.5, 0.4, 0.3], accuracy=[0.3, 0.6, 0.75, 0.85, 0.88, 0.9])
SLOW = curves(
    loss=[2.29, 2.27, 2.24, 2.2, 2.15, 2.09], accuracy=[0.11, 0.13, 0.15, 0.17, 0.19, 0.21]
)
REGRESSION = output(1, "huber", "linear")
BINARY = output(1, "binary_crossentropy", "sigmoid")


def raises_nothing(history):
    judgement = judged(history)
    assert not judgement.raised


def raises_notes_only(history, *rules):
    judgement = judged(history)
    assert not judgement.alarms
    assert names(judgement.notes) == set(rules)


# Layers that stay near their start.


@pytest.mark.parametrize("rotation", [0.0, 0.001, 0.005])
def test_a_layer_that_stays_at_random_in_a_network_that_learns_is_a_note(rotation):
    # He-normal weights, and those before BatchNormalization, turn slowly
    conv = trained(START, turned(START, rotation), 6)
    steps = scored(with_head(conv), LEARNING, facts())
    raises_notes_only(steps, "noisy")


def test_a_layer_that_stays_at_random_is_a_note_while_the_loss_falls_slowly():
    conv = trained(START, turned(START, 0.005), 6)
    raises_notes_only(scored(with_head(conv), SLOW, facts()), "noisy")


def test_a_rate_that_is_too_low_leaves_the_whole_network_at_rest():
    conv = [START] + [turned(START, 1e-6 * i) for i in range(1, 7)]
    diagnosis = diagnosed(scored(with_head(conv, rotation=1e-5), [POOR] * 6, facts()))
    assert diagnosis.cause == "rate too low"
    assert diagnosis.evidence[0].startswith("No layer moves")


# Validation.


def test_a_validation_loss_that_begins_low_is_not_measured_from_its_own_start():
    # validation begins after an epoch of training; of its own .6 it lost next to nothing
    logs = curves(
        loss=[2.3, 0.9, 0.6, 0.5, 0.45, 0.4], val_loss=[0.6, 0.55, 0.55, 0.56, 0.55, 0.56]
    )
    raises_nothing(of_logs(logs, facts(REGRESSION)))


@pytest.mark.parametrize("name", ["top1", "f1", "dice", "digit_accuracy"])
def test_a_validation_loss_that_rises_while_the_metric_improves_is_no_overfitting(name):
    outputs = [output(name="digit"), output(3, name="other")] if "digit" in name else [output()]
    logs = curves(
        **{
            "loss": [1.0, 0.6, 0.3, 0.2, 0.1],
            "val_loss": [0.8, 0.9, 1.1, 1.3, 1.5],
            name: [0.6, 0.7, 0.8, 0.9, 0.95],
            f"val_{name}": [0.5, 0.55, 0.6, 0.64, 0.66],
        }
    )
    raises_nothing(of_logs(logs, facts(*outputs)))


def test_a_negative_loss_is_no_overfitting_where_validation_follows():
    cosine = output(8, "cosine_similarity", "linear")
    logs = curves(loss=[-0.1, -0.5, -0.7, -0.8, -0.85], val_loss=[-0.4, -0.6, -0.7, -0.74, -0.75])
    raises_nothing(of_logs(logs, facts(cosine)))


# Units that are dead or saturated.


def with_units(affected, logs, known=None, bounds=None):
    """A layer of 32 filters that form, with so many units dead or at a rail at each step."""
    conv = trained(START, FORMED, len(affected) - 1)
    outputs = {"conv": [units(each, bounds) for each in affected]}
    return scored(with_head(conv), logs, known or facts(), outputs)


def test_dead_units_are_a_note_in_a_network_that_learns():
    raises_notes_only(with_units([0] + [20] * 6, LEARNING), "dead")


def test_dead_units_are_no_cause_for_a_network_that_memorises():
    logs = curves(accuracy=[0.6, 0.9, 1.0, 1.0, 1.0, 1.0], val_accuracy=[0.5] + [0.55] * 5)
    known = facts(optimizer="Adam", learning_rate=1e-3)
    assert diagnosed(with_units([0] + [20] * 6, logs, known)).cause == "overfit"
    logs = curves(accuracy=[0.6, 0.9, 1.0, 1.0, 1.0, 1.0], val_accuracy=[0.1] * 6)
    assert diagnosed(with_units([0] + [20] * 6, logs, known)).cause == "memorised"


def test_units_that_separate_two_classes_may_be_saturated():
    # both units of a network 784-1-2, say, at 100 % accuracy
    known = facts(output(2))
    logs = curves(loss=[0.3, 0.05] + [0.01] * 4, accuracy=[0.9] + [1.0] * 5)
    raises_notes_only(with_units([0] + [32] * 6, logs, known, (-1, 1)), "saturated")


def test_the_units_of_any_output_may_be_saturated():
    # of two outputs, the first is no last layer; nor is it Dense
    steps = with_units([0] + [32] * 6, LEARNING, facts(output(), BINARY), (0, 1))
    raises_notes_only(steps, "saturated")


# Sizes of filters.


def test_filters_behind_a_fresh_batch_normalization_did_not_grow():
    # its moving variance is 1 at the start, whatever the layer returns
    norms = [1.0, 9.0, 14.0, 15.0, 15.0, 15.0, 15.0]
    known = facts(batch_norm_momentum={"conv": 0.99})
    steps = of_layers([network(norm=norm) for norm in norms], [POOR] * 6, known)
    assert names(judged(steps).alarms) == {"gets_nowhere"}
    assert diagnosed(steps).cause == "can't tell"


def test_filters_that_grow_while_the_loss_falls_slowly_are_no_fault():
    norms = [1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]
    raises_nothing(of_layers([network(norm=norm) for norm in norms], SLOW, facts()))


def shrunk(**known):
    norms = [1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01]
    return of_layers([network(norm=norm) for norm in norms], [POOR] * 6, facts(**known))


def test_a_network_without_a_penalty_is_not_called_over_regularised():
    assert diagnosed(shrunk(optimizer="SGD", learning_rate=0.01)).cause == "can't tell"


def test_the_penalty_that_is_too_strong_is_named_with_its_value():
    diagnosis = diagnosed(shrunk(optimizer="SGD", regularisers={"conv": {"l2": 0.3}}))
    assert diagnosis.cause == "over-regularised"
    assert "L2 0.3 of conv" in diagnosis.advice


# Alarms that are over.


def test_what_is_over_is_not_diagnosed():
    # 18 of 32 units were dead while nothing was learnt, 3 are at the end
    accuracies = [0.1] * 5 + [0.3, 0.7, 0.8, 0.85, 0.87]
    logs = curves(loss=[2.3] * 5 + [1.9, 0.9, 0.6, 0.5, 0.4], accuracy=accuracies)
    judgement = judged(with_units([0] + [18] * 6 + [3] * 4, logs))
    (alarm,) = [alarm for alarm in judgement.alarms if alarm.rule == "dead"]
    assert alarm.ended is not None
    assert not judgement.holding
    assert diagnosed(with_units([0] + [18] * 6 + [3] * 4, logs)).cause == "no fault found"


# Faults that look like nothing, or like others.


def test_a_frozen_backbone_is_at_random_though_its_first_layer_is_too_small_to_judge():
    # 27 slices; bias and BatchNormalization are as they were initialised
    first = layer((3, 3, 3, 9), trainable=False, noise=1.0, slices=27.0, coverage=0.9)
    known = facts(was_trained={"conv": False})
    steps = of_layers([network() | {"conv": first}] * 4, curves(accuracy=[0.3, 0.31, 0.3]), known)
    assert diagnosed(steps).cause == "frozen at random"
    assert "conv is frozen" in diagnosed(steps).evidence[0]


@pytest.mark.parametrize("losses", [[-2.0, -40.0, -900.0], [0.3, -1e4, -9e9]])
def test_a_loss_that_falls_below_zero_has_the_wrong_sign(losses):
    diagnosis = diagnosed(of_logs(curves(loss=losses, accuracy=[0.5] * 3), facts(BINARY)))
    assert diagnosis.cause == "labels or loss wrong"
    assert "sign of the loss" in diagnosis.advice


def test_layers_that_were_dead_at_the_first_step_were_initialised_so():
    dead = layer(
        (3, 3, 4, 32), dead_units=1.0, observations=256.0, filters={"dead_units": np.ones(32)}
    )
    known = facts(optimizer="Adam", learning_rate=1e-3)
    steps = of_layers([network() | {"conv": dead}] * 7, [POOR] * 6, known)
    assert diagnosed(steps).cause == "dead at the start"


def test_a_gradient_vanishes_though_later_layers_move_little_too():
    hidden = [f"layer{i}" for i in range(6)]
    rotations = dict.fromkeys(hidden, 1e-5) | {"head": 0.01}
    layers = {name: layer((8, 10), rotation=rotation) for name, rotation in rotations.items()}
    known = facts(activations=dict.fromkeys(hidden, "sigmoid"))
    assert diagnosed(of_layers([layers] * 6, [POOR] * 5, known)).cause == "vanishing gradient"
    gradients = {
        name: layer((8, 10), rotation=rotation, gradient=1e-9 if name == "layer0" else 1.0)
        for name, rotation in rotations.items()
    }
    assert diagnosed(of_layers([gradients] * 6, [POOR] * 5, facts())).cause == "vanishing gradient"


def test_a_dropout_that_leaves_next_to_nothing_is_named():
    logs = curves(accuracy=[0.1, 0.12, 0.11, 0.1, 0.12], val_accuracy=[0.1, 0.1, 0.11, 0.1, 0.1])
    diagnosis = diagnosed(of_logs(logs, facts(dropout={"drop": 0.95})))
    assert diagnosis.cause == "too much dropout"
    assert "drop drops 95% of what it gets" in diagnosis.evidence[0]


def test_pixels_that_are_not_divided_are_named_though_units_saturate():
    known = facts(inputs=(InputFacts("", 0, 255, 33, 78),), activations={"conv": "tanh"})
    diagnosis = diagnosed(with_units([32] * 7, [POOR] * 6, known, (-1, 1)))
    assert diagnosis.cause == "inputs not normalised"
    assert "from 0 to 255" in diagnosis.evidence[0]


def test_huge_weights_are_named_where_no_probe_shows_saturated_units():
    # inputs that are large, or weights: without a probe both look the same
    large = network(norm=2 * _LARGE_NORM)
    known = facts(activations={"conv": "tanh"})
    assert diagnosed(of_layers([large] * 7, [POOR] * 6, known)).cause == "saturated"


def test_an_absurd_first_loss_is_no_progress():
    steps = of_logs(curves(loss=[1e13, 50.0, 2.4, 2.31, 2.3, 2.3], accuracy=[0.1] * 6), facts())
    assert steps.learning == "gets nowhere"
    assert diagnosed(steps).cause == "inputs not normalised"


def test_two_layers_are_no_reason_for_a_vanishing_gradient():
    layers = {"conv": layer(rotation=1e-5), "head": layer((8, 10), rotation=0.01)}
    known = facts(activations={"conv": "sigmoid"})
    assert diagnosed(of_layers([layers] * 6, [POOR] * 5, known)).cause != "vanishing gradient"


# Patience.


def test_a_short_training_is_judged_after_a_fifth_of_it():
    conv = [START] * 11
    judgement = judged(scored(with_head(conv, rotation=0.0), [POOR] * 10, facts(epochs=10)))
    first = min(alarm.step for alarm in judgement.alarms)
    assert first == 2


@pytest.mark.parametrize("updates", [1, 5, 9])
def test_epochs_of_few_updates_are_not_taken_for_training(updates):
    # a full-batch training of ten epochs, say: its weights turn by little, and the loss stays
    conv = [START] + [turned(START, 1e-3 * i) for i in range(1, 11)]
    steps = scored(with_head(conv), [POOR] * 10, facts(), updates=updates)
    assert not judged(steps).alarms


# What few observations, one curve or a wrong set-up show.


def test_units_that_were_seen_five_times_are_not_dead():
    conv = trained(START, FORMED, 6)
    outputs = {"conv": [units(32, observations=5)] * 7}
    judgement = judged(scored(with_head(conv), [POOR] * 6, facts(), outputs))
    assert "dead" not in names(judgement.raised)


@pytest.mark.parametrize("loss", [0.0, 1e-7])
def test_a_loss_of_zero_at_chance_accuracy_is_a_contradiction(loss):
    logs = curves(loss=[loss] * 4, accuracy=[0.1] * 4)
    assert diagnosed(of_logs(logs)).cause == "labels or loss wrong"


@pytest.mark.parametrize(("first", "out"), [(12.6, output()), (9.6, BINARY)])
def test_a_first_loss_far_above_guessing_does_not_look_ordinary(first, out):
    # guessing gives ln 10 = 2.3 and ln 2 = .69
    raises_notes_only(of_logs(curves(loss=[first, 0.5, 0.4, 0.3]), facts(out)), "huge_first_loss")


def test_a_loss_that_falls_to_guessing_and_below_is_no_alarm():
    logs = curves(loss=[9.6, 1.0, 0.6, 0.3])
    raises_notes_only(of_logs(logs, facts(BINARY)), "huge_first_loss")


def test_validation_far_above_training_does_not_look_ordinary():
    logs = curves(accuracy=[0.15, 0.2, 0.25, 0.3], val_accuracy=[0.4, 0.5, 0.6, 0.65])
    diagnosis = diagnosed(of_logs(logs, facts(dropout={"drop": 0.7})))
    assert diagnosis.cause == "too much dropout"


def test_nan_after_an_output_that_does_not_fit_is_no_matter_of_the_rate():
    array = np.full((3, 3, 4, 8), NAN)
    known = facts(output(last="relu"), optimizer="SGD", learning_rate=0.01)
    steps = scored(with_head([np.ones((3, 3, 4, 8)), array]), curves(loss=[NAN]), known)
    assert {"diverged", "output_mismatch"} <= names(judged(steps).holding)
    assert diagnosed(steps).cause == "loss does not fit the output"


def test_a_network_whose_loss_does_not_fit_is_not_called_overfit():
    # it stands still at .6 of ten classes, .56 of the way; validation is at .3
    accuracies = [0.5] + [0.6] * 5
    steps = of_logs(curves(accuracy=accuracies, val_accuracy=[0.3] * 6), facts(output(last="relu")))
    assert "overfitting" in names(judged(steps).holding)
    assert diagnosed(steps).cause == "loss does not fit the output"


# What is benign raises neither alarms nor notes.

FLAT = [{"loss": 0.2, "accuracy": 0.95, "val_accuracy": 0.9}] * 6


@pytest.mark.parametrize(
    ("arrays", "logs", "options"),
    [
        (with_head([FORMED] * 7), SLOW, {"frozen": ("conv",)}),
        (with_head(trained(FORMED, turned(FORMED, 0.002), 6), 0.002), FLAT, {}),
        (with_head(trained(START, FORMED, 6)), FLAT, {}),
        (with_head(trained(START, turned(START, 0.03), 6)), SLOW, {}),
    ],
    ids=["frozen", "fine-tuned", "rate decayed", "rough"],
)
def test_what_is_benign_raises_nothing_at_any_epoch(arrays, logs, options):
    raises_nothing(scored(arrays, logs, facts(), **options))


def test_a_network_that_guesses_the_larger_class_does_not_learn():
    # of two classes of which one has 97 %, guessing has a loss of .135
    targets = TargetFacts("", 0, 1, 0.03, is_whole=True, majority=0.97)
    logs = curves(loss=[0.14, 0.136, 0.135, 0.135, 0.135], accuracy=[0.97] * 5)
    steps = of_logs(logs, facts(BINARY, targets=(targets,)))
    assert steps.learning == "gets nowhere"
    assert names(judged(steps).alarms) == {"gets_nowhere"}


def test_units_that_are_dead_for_two_epochs_of_many_raise_nothing():
    raises_nothing(with_units([0, 20, 20, 2, 2, 2, 2], SLOW, facts(epochs=30)))


@pytest.mark.parametrize(
    "logs",
    [
        curves(d_loss=[0.7, 0.6, 0.7, 0.65, 0.7, 0.6], g_loss=[0.7, 1.5, 0.9, 2.0, 1.1, 1.9]),
        curves(loss=[5.0, 4.0, 3.0, 2.5, 2.2, 2.0], val_loss=[4.0, 3.0, 2.9, 2.8, 2.7, 2.6]),
        [GOOD | {"val_loss": 0.25, "val_accuracy": 0.94}] * 6,
        [{}] * 6,
    ],
    ids=["GAN", "regression", "learnt", "no logs"],
)
def test_ordinary_logs_raise_nothing(logs):
    known = facts(output(1, "", ""), has_own_train_step=True) if "d_loss" in logs[0] else None
    known = facts(REGRESSION) if logs[0].get("loss") == 5.0 else known
    raises_nothing(of_logs(logs, known))
