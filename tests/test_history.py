"""What rules ask of a history, on made-up scores and logs."""

import math

import numpy as np
import pytest
from made_up import GOOD, POOR, curves, facts, layer, of_layers, of_logs, output

from keras_filterwatch.history import AT_REST, UNMOVED, History
from keras_filterwatch.model_facts import TargetFacts
from keras_filterwatch.scores import Scores


def logged(*logs, units=10):
    """A step for each of these logs, of a network whose last layer has so many units."""
    layers = {
        name: layer((8, count)) for name, count in (("first", 5), ("hidden", 7), ("head", units))
    }
    return History(Scores(step, step, layers, {}, each) for step, each in enumerate(logs))


@pytest.mark.parametrize("name", ["accuracy", "acc", "sparse_categorical_accuracy"])
@pytest.mark.parametrize(("units", "guessing"), [(10, 1 / 10), (2, 1 / 2), (1, 1 / 2)])
def test_progress_goes_from_guessing_to_perfection(name, units, guessing):
    for accuracy, way in ((guessing, 0), ((1 + guessing) / 2, 0.5), (1, 1)):
        steps = logged({}, {"loss": 1.0, name: accuracy}, units=units)
        assert steps.progress() == pytest.approx(way)


def test_progress_without_accuracy_is_the_share_of_the_first_training_loss_that_is_gone():
    steps = logged({}, {"loss": 2.0, "val_loss": 1.5}, {}, {"loss": 0.5, "val_loss": 1.0}, {})
    assert steps.progress() == 0.75
    assert steps.progress("val_") == 0.5  # of the first training loss too, not of its own
    assert steps.gap() == 0.25


def test_progress_is_zero_where_a_curve_is_worse_than_its_start():
    steps = logged({}, {"loss": 2.0, "val_loss": 4.0}, {"loss": 0.5, "val_loss": 3.0})
    assert steps.progress("val_") == 0.0


def test_progress_is_zero_where_the_last_value_is_nan_or_missing():
    assert logged({}, {"loss": 2.0}, {"loss": math.nan}).progress() == 0.0
    assert logged({}, {"loss": 2.0}, {"other": 1.0}).progress() == 0.0


def test_gap_is_between_the_ways_on_both_data():
    # of ten classes, .91 is .9 of the way, .55 half of it
    steps = logged({}, {"loss": 1.0, "accuracy": 0.91, "val_accuracy": 0.55})
    assert steps.gap() == pytest.approx(0.4)


def test_progress_and_gap_go_by_a_curve_that_validation_has_too():
    # the loss of guessing is ln 10
    logs = {"accuracy": 0.91, "loss": 0.0, "val_loss": 0.5 * math.log(10)}
    steps = of_logs([logs], facts())
    assert steps.yardstick.name == "loss"
    assert (steps.progress(), steps.progress("val_")) == pytest.approx((1.0, 0.5))


@pytest.mark.parametrize("logs", [{}, {"learning_rate": 0.1}, {"loss": 0.0}, {"loss": math.nan}])
def test_progress_and_gap_are_nan_without_evidence(logs):
    assert math.isnan(logged(logs).progress())
    assert math.isnan(logged(logs).gap())


def test_gap_is_nan_without_validation():
    assert math.isnan(logged({}, {"loss": 1.0, "accuracy": 0.9}).gap())


@pytest.mark.parametrize(
    ("logs", "counts"),
    [
        ({}, False),
        ({"learning_rate": 0.1}, False),
        ({"probe_loss": 1.0, "filter_noise": 1.0, "dead_filters": 0.0}, False),
        ({"loss": 1.0}, True),
        ({"d_loss": 1.0}, True),
        ({"probe_loss": 1.0, "accuracy": 0.1}, True),
    ],
)
def test_logged_steps_are_those_with_what_keras_logs_for_an_epoch(logs, counts):
    assert [scores.step for scores in logged({}, logs, {}).logged] == [1] * counts


def rotated(*steps, first_epoch=0, updates=None, trainable=True):
    """A step for each tuple of rotations, a layer each."""
    layers = [
        {
            f"layer{i}": layer((8, 10), rotation=each, trainable=trainable)
            for i, each in enumerate(rotations)
        }
        for rotations in steps
    ]
    return of_layers(layers, updates=updates, first_epoch=first_epoch)


def test_a_history_is_a_sequence_of_scores_that_slices_and_compares():
    steps = logged({}, {"loss": 1.0}, {"loss": 0.5})
    assert len(steps) == 3
    assert steps[-1].logs["loss"] == 0.5
    assert isinstance(steps[1:], History)
    assert steps[1:] == [steps[1], steps[2]]
    assert [scores.step for scores in steps[1:]] == [1, 2]
    assert steps != steps[1:]
    assert steps[1:] != steps
    assert not History()


def test_a_history_cannot_be_changed():
    steps = logged({}, {"loss": 1.0})
    with pytest.raises(TypeError):
        steps[0] = steps[1]
    assert not hasattr(steps, "append")


def test_what_is_known_about_the_model_stays_with_parts_of_a_history():
    known = facts()
    steps = of_logs([POOR] * 2, known)
    for part in (steps, steps[1:], steps.epoch_ends, steps.logged, History.of(steps)):
        assert part.facts is known


def test_of_a_plain_sequence_nothing_is_known_about_the_model():
    assert History.of([Scores(0, 0, {})]).facts.outputs == ()


def test_a_history_of_a_history_is_itself():
    steps = logged({})
    assert History.of(steps) is steps
    assert History.of(list(steps)) == steps


def test_epoch_ends_are_the_first_step_and_the_first_of_each_further_epoch():
    epochs = [0, 0, 1, 1, 1, 2]
    steps = History(Scores(step, epoch, {}) for step, epoch in enumerate(epochs))
    assert [scores.step for scores in steps.epoch_ends] == [0, 2, 5]
    assert steps.epochs == 2


def test_epochs_count_from_where_watching_began():
    assert rotated((0.0,), (0.1,), (0.2,), first_epoch=7).epochs == 2
    assert History().epochs == 0


def test_values_are_those_of_the_steps_that_have_the_score():
    steps = rotated((0.0,), (0.1,), (0.2,))
    assert steps.values("layer0", "rotation") == [0.0, 0.1, 0.2]
    assert steps.values("layer0", "noise") == []
    assert steps.values("other", "rotation") == []


def test_layers_with_a_score_come_with_its_past():
    steps = rotated((0.0, 0.0), (0.1, 0.3))
    assert [(name, values) for name, _, values in steps.layers_with("rotation")] == [
        ("layer0", [0.0, 0.1]),
        ("layer1", [0.0, 0.3]),
    ]


def test_hidden_layers_are_all_but_a_dense_last_one():
    shapes = {"conv": (3, 3, 1, 8), "hidden": (8, 4), "head": (4, 2)}
    layers = {name: layer(shape) for name, shape in shapes.items()}
    steps = History([Scores(0, 0, layers)])
    assert [name for name, _ in steps.hidden_layers()] == ["conv", "hidden"]
    convolutions = History([Scores(0, 0, {"conv": layers["conv"]})])
    assert [name for name, _ in convolutions.hidden_layers()] == ["conv"]


def test_the_largest_rotation_is_that_of_the_last_step():
    assert rotated((0.5, 0.5), (0.1, 0.3)).largest_rotation == 0.3
    assert math.isnan(logged({}).largest_rotation)


# Movement: `rules.stalled` tells of it.


@pytest.mark.parametrize(
    ("rotations", "updates", "rests"),
    [
        ((0.9 * AT_REST, 0.0), 100, True),
        ((1.1 * AT_REST, 0.0), 100, False),
        ((0.9 * AT_REST, 0.0), None, True),
        ((0.9 * AT_REST, 0.0), 1000, True),
        # of 10 updates: a tenth of the way, a hundredth of the rotation of 100
        ((0.9 * AT_REST, 0.0), 10, False),
        ((0.009 * AT_REST, 0.0), 10, True),
        ((), 100, False),
    ],
)
def test_a_network_is_at_rest_where_no_layer_turned(rotations, updates, rests):
    assert rotated((), rotations, updates=updates).is_at_rest == rests


def test_frozen_layers_alone_are_not_at_rest():
    assert not rotated((0.0,), (0.0,), trainable=False).is_at_rest


def test_an_empty_history_is_not_at_rest():
    assert not History().is_at_rest


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_training_has_diverged_whose_loss_or_weights_are_not_finite(bad):
    assert of_logs(curves(loss=[2.3, bad])).has_diverged
    assert not of_logs(curves(loss=[2.3, 1e30])).has_diverged
    norms = {"norm": np.array([1.0, bad])}
    assert of_layers([{"conv": layer(filters=norms)}]).has_diverged
    assert not of_layers([{"conv": layer(filters={"norm": np.ones(2)})}]).has_diverged
    assert not History().has_diverged


# Whether the network learns: the cases are in test_progress.py.


def test_a_history_tells_whether_the_network_learns():
    assert of_logs([GOOD] * 5).learning == "learns"
    assert of_logs([POOR] * 5).learning == "gets nowhere"
    assert of_logs([]).learning == "can't tell"
    assert of_logs([POOR] * 5).gets_nowhere
    assert not of_logs([GOOD] * 5).gets_nowhere


def test_a_network_that_was_trained_before_does_not_get_nowhere():
    assert not of_logs([POOR] * 5, facts(was_trained={"conv": True})).gets_nowhere


def test_a_network_at_rest_gets_nowhere_by_any_loss():
    known, logs = facts(output(1, "huber", "linear")), curves(loss=[8.0] * 3)
    assert of_logs(logs, known, rotation=0.0).gets_nowhere is False  # the head turned
    assert of_layers([{"conv": layer(rotation=0.0)}] * 4, logs, known).gets_nowhere


@pytest.mark.parametrize(
    ("logs", "struggles"),
    [
        ([GOOD] * 5, False),
        ([], False),
        (curves(accuracy=[0.2, 0.3, 0.4, 0.5, 0.6]), False),
        ([POOR] * 5, True),
        (curves(accuracy=[0.5, 0.6, 0.6, 0.6, 0.6]), True),
        (curves(accuracy=[0.2, 0.25, 0.3, 0.35]), False),
        (curves(accuracy=[0.2, 0.25, 0.3, 0.35, 0.4]), True),  # five of ten epochs are over
        (curves(loss=[50.0, 40.0]), True),
        (curves(loss=[1.0, math.nan]), True),
    ],
    ids=[
        "learns",
        "no logs",
        "rises",
        "nowhere",
        "stands still",
        "early",
        "late",
        "worse than guessing",
        "nan",
    ],
)
def test_a_training_struggles_where_it_does_not_come_further(logs, struggles):
    assert of_logs(logs).struggles == struggles


def test_patience_is_that_of_the_planned_epochs():
    assert [History((), facts(epochs=n)).patience for n in (10, 20, 100)] == [2, 4, 5]
    assert History().patience == 5


@pytest.mark.parametrize(
    ("accuracies", "guessed"),
    [
        ((0.5, 0.1, 0.1), True),  # what once was better does not count
        ((0.1, 0.144, 0.144), True),  # .044 / .9 of the way is .049
        ((0.1, 0.146, 0.146), False),
    ],
)
def test_validation_is_guessed_at_less_than_a_twentieth_of_the_way(accuracies, guessed):
    logs = curves(accuracy=[0.9] * 3, val_accuracy=accuracies)
    assert of_logs(logs).validation_is_guessed() == guessed


def test_validation_is_not_guessed_if_a_curve_whose_guessing_is_known_says_so():
    logs = curves(accuracy=[0.9], val_accuracy=[0.1], loss=[0.1], val_loss=[0.5 * math.log(10)])
    assert not of_logs(logs).validation_is_guessed()


def test_validation_is_not_known_to_be_guessed_without_validation():
    assert not of_logs(curves(accuracy=[0.9])).validation_is_guessed()


def test_on_validation_data_all_classes_count_as_equally_frequent():
    # the probe's targets, of which 80 % are of one class, are of the training data
    known = facts(targets=(TargetFacts("", 0, 9, 1.0, majority=0.8),))
    logs = curves(accuracy=[1.0] * 2, val_accuracy=[0.5] * 2)
    assert not of_logs(logs, known).validation_is_guessed()


def trained(verdict, rotation, logs, **known):
    layers = {"conv": layer(verdict=verdict, rotation=rotation), "head": layer((8, 10))}
    return of_layers([layers] * 2, [logs], facts(**known))


@pytest.mark.parametrize(
    ("verdict", "rotation", "logs", "came"),
    [
        ("structured", 0.5, {"d_loss": 1.0}, True),
        ("structured", 0.5, {"accuracy": 0.56}, True),
        ("structured", 0.5, {"accuracy": 0.54}, False),
        ("untrained", UNMOVED - 1e-4, {"accuracy": 0.56}, True),
        ("untrained", UNMOVED + 1e-4, {"accuracy": 0.56}, False),
        ("untrained", UNMOVED - 1e-4, {"accuracy": 0.54}, False),
    ],
)
def test_a_model_was_pretrained_with_structure_or_with_success_at_rest(
    verdict, rotation, logs, came
):
    assert trained(verdict, rotation, logs).was_pretrained() == came


def test_what_is_frozen_does_not_tell_whether_the_rest_was_trained():
    # a trained base under a fresh head
    base = layer(verdict="structured", trainable=False)
    known = facts(was_trained={"conv": True, "head": False})
    steps = of_layers([{"conv": base, "head": layer((8, 10), rotation=0.1)}] * 2, [POOR], known)
    assert not steps.was_pretrained()


def test_a_model_was_pretrained_if_a_bias_shows_that_it_was_trained():
    for shows, came in ((True, True), (False, False)):
        steps = trained("untrained", 0.5, {"accuracy": 0.1}, was_trained={"conv": shows})
        assert steps.was_pretrained() == came
