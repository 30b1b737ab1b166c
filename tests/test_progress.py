"""How far a training came: the yardsticks of its curves, and whether it learns."""

import math

import pytest

from keras_filterwatch.model_facts import ModelFacts, OutputFacts, TargetFacts
from keras_filterwatch.progress import (
    IMPROVES,
    LEARNS,
    NOWHERE,
    UNKNOWN,
    is_worse_than_guessing,
    learning,
    patience,
    stands_still,
)
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.yardsticks import (
    yardsticks,
)

DENSE = {"head": LayerScores("Dense", (8, 10), "undetermined", {}, {})}


def steps(*logs, updates=100, layers=DENSE):
    """The initial state and a step for each of these logs, with so many updates an epoch."""
    first = Scores(0, 0, layers, updates=0)
    return [
        first,
        *(Scores(i, i, layers, {}, each, updates * i) for i, each in enumerate(logs, 1)),
    ]


def curve(name, *values):
    """The logs of epochs in which one curve took these values."""
    return [{name: value} for value in values]


def output(units=10, loss="sparse_categorical_crossentropy", last="softmax", **others):
    return OutputFacts("out", units, last, loss, trains_as=last, axes=2, **others)


def facts(*outputs, **others):
    return ModelFacts(outputs=outputs or (output(),), epochs=10, **others)


def first_yardstick(logs, known=None):
    found = yardsticks(steps(*logs), known or facts())[0]
    return found.name, found.guess, found.perfect, found.knows_guess


@pytest.mark.parametrize(
    ("name", "units", "last", "guess"),
    [
        ("accuracy", 10, "softmax", 0.1),
        ("acc", 4, "softmax", 0.25),
        ("sparse_categorical_accuracy", 100, "softmax", 0.01),
        ("top1", 10, "softmax", 0.1),
        ("accuracy", 1, "sigmoid", 0.5),
    ],
)
def test_accuracies_go_from_guessing_to_one(name, units, last, guess):
    known = facts(output(units, "binary_crossentropy", last))
    found = first_yardstick(curve(name, 0.5), known)
    assert found == (name, pytest.approx(guess), 1.0, True)


def test_guessing_is_the_most_frequent_class_where_the_probe_shows_it():
    known = facts(targets=(TargetFacts("", 0, 9, 1.0, majority=0.8),))
    assert first_yardstick(curve("accuracy", 0.5), known)[1] == 0.8


def test_classes_that_may_come_several_at_once_are_guessed_by_how_many_do():
    out = output(10, "binary_crossentropy", "sigmoid")
    targets = (TargetFacts("", 0, 1, 0.2, units=10, is_whole=True),)
    found = first_yardstick(curve("binary_accuracy", 0.5), facts(out, targets=targets))
    assert found[:2] == ("binary_accuracy", 0.8)  # a fifth of the numbers is 1
    for known in (facts(out), facts(out, targets=targets)):
        names = [each.name for each in yardsticks(steps({"accuracy": 0.1}), known)]
        assert names == []  # of a row with several ones, "accuracy" is the first one's


def test_without_facts_a_dense_last_layer_tells_the_classes():
    assert first_yardstick(curve("accuracy", 0.5), ModelFacts())[1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "known",
    [
        facts(OutputFacts("out", 10, "softmax", "sparse_categorical_crossentropy", axes=4)),
        facts(output(1, "mean_squared_error", "linear")),
    ],
    ids=["of pixels", "of a regression"],
)
def test_an_accuracy_whose_guessing_is_not_known_is_no_yardstick(known):
    names = [each.name for each in yardsticks(steps({"accuracy": 0.0, "loss": 1.0}), known)]
    assert "accuracy" not in names


@pytest.mark.parametrize("name", ["top_k_categorical_accuracy", "top_5_accuracy", "top5_acc"])
def test_being_right_among_several_guesses_is_no_accuracy_whose_guessing_is_known(name):
    assert [each.knows_guess for each in yardsticks(steps({name: 0.5}), facts())] == [False]


def test_the_accuracy_of_one_of_several_outputs_counts_its_own_classes():
    first, second = OutputFacts("digit", 10, "softmax", "x_crossentropy", axes=2), output(2)
    found = first_yardstick(curve("digit_accuracy", 0.5), facts(first, second))
    assert found[:2] == ("digit_accuracy", pytest.approx(0.1))


@pytest.mark.parametrize(
    ("out", "targets", "guess"),
    [
        (output(10), (), math.log(10)),
        (output(5, "categorical_crossentropy"), (), math.log(5)),
        (output(1, "binary_crossentropy", "sigmoid"), (), math.log(2)),
        (
            output(1, "mean_squared_error", "linear"),
            (TargetFacts("", 0, 9, 1.0, std=3.0),),
            9.0,  # the variance of the targets: what their mean gives
        ),
    ],
)
def test_losses_go_from_that_of_guessing_to_zero(out, targets, guess):
    found = first_yardstick(curve("loss", 1.0), facts(out, targets=targets))
    assert found == ("loss", pytest.approx(guess), 0.0, True)


def test_a_sum_of_losses_has_no_known_guessing():
    known = facts(output(10, is_mean=False))
    assert first_yardstick(curve("loss", 80.0), known) == ("loss", 80.0, 0.0, False)


def test_before_training_batch_normalization_hides_what_the_loss_of_guessing_is():
    known = facts(output(1, "huber", "linear"), batch_norm_momentum={"conv": 0.99})
    logged = steps({"loss": 1.0, "probe_loss": 2.0})
    first = Scores(0, 0, DENSE, {}, {"probe_loss": 8.0}, 0)
    assert not any(each.knows_guess for each in yardsticks([first, *logged[1:]], known))


def test_a_loss_whose_guessing_is_not_known_goes_from_its_first_value():
    known = facts(output(1, "huber", "linear"))
    assert first_yardstick(curve("loss", 8.0, 2.0), known) == ("loss", 8.0, 0.0, False)


def test_the_loss_of_the_probe_begins_before_training():
    known = facts(output(1, "huber", "linear"))
    logged = steps({"loss": 1.0, "probe_loss": 2.0})
    first = Scores(0, 0, DENSE, {}, {"probe_loss": 8.0}, 0)
    found = yardsticks([first, *logged[1:]], known)[0]
    assert (found.name, found.guess, found.knows_guess) == ("probe_loss", 8.0, True)


def test_a_penalty_hides_what_the_loss_of_guessing_is():
    known = facts(regularisers={"conv": {"l2": 1.0}})
    assert first_yardstick(curve("loss", 1.0), known)[-1] is False


def test_a_metric_that_keras_calls_better_if_higher_goes_from_zero_to_one():
    known = facts(output(1, "huber", "linear"), metric_directions={"fitness": "up"})
    assert first_yardstick(curve("fitness", 0.3), known) == ("fitness", 0.0, 1.0, False)


def test_a_metric_of_unknown_direction_is_no_yardstick():
    assert [each.name for each in yardsticks(steps({"fitness": 0.3}), facts())] == []


@pytest.mark.parametrize(
    ("logs", "answer"),
    [
        (curve("accuracy", 0.1, 0.3, 0.56), LEARNS),
        (curve("accuracy", 0.1, 0.1, 0.1), NOWHERE),
        (curve("accuracy", 0.11, 0.14, 0.17, 0.2, 0.23), IMPROVES),
        # rises steadily, and would be half way in a thousand epochs
        (curve("accuracy", 0.1, 0.1004, 0.1008, 0.1012, 0.1016), NOWHERE),
        (curve("accuracy", 0.3, 0.31, 0.3, 0.31), UNKNOWN),  # learnt something, and stopped
        (curve("accuracy", 0.1), UNKNOWN),  # too early
        (curve("loss", 2.3, 2.31, 2.3), NOWHERE),
        (curve("loss", 2.3, 2.0, 1.0), LEARNS),
        (curve("loss", 2.3, math.nan, math.nan), NOWHERE),
        (curve("d_loss", 1.0, 0.9, 0.8), UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_whether_a_network_learns(logs, answer):
    assert learning(steps(*logs), facts()) == answer


def test_an_absurd_first_loss_is_no_progress():
    assert learning(steps(*curve("loss", 1e13, 2.4, 2.31, 2.3)), facts()) == NOWHERE


def test_a_network_that_learns_by_one_curve_learns():
    logs = [{"loss": 0.9, "accuracy": 0.12}] * 4
    assert learning(steps(*logs), facts()) == LEARNS


def test_a_network_that_came_trained_does_not_get_nowhere():
    logs = curve("accuracy", 0.1, 0.1, 0.1)
    assert learning(steps(*logs), facts(), was_pretrained=True) == UNKNOWN


def test_epochs_of_few_updates_do_not_count():
    logs = curve("accuracy", 0.1, 0.1, 0.1)
    assert learning(steps(*logs, updates=33), facts()) == UNKNOWN
    assert learning(steps(*logs, updates=34), facts()) == NOWHERE


def test_epochs_of_a_rising_learning_rate_do_not_count():
    logs = [{"accuracy": 0.1, "learning_rate": rate} for rate in (1e-5, 1e-4, 1e-3, 1e-3)]
    assert learning(steps(*logs), facts()) == UNKNOWN
    assert learning(steps(*logs, logs[-1]), facts()) == NOWHERE


def test_a_loss_without_a_known_start_shows_nothing_but_of_a_network_at_rest():
    known, logs = facts(output(1, "huber", "linear")), curve("loss", 1.0, 1.0, 1.0)
    assert learning(steps(*logs), known) == UNKNOWN
    assert learning(steps(*logs), known, is_at_rest=True) == NOWHERE


def test_a_negative_loss_that_falls_steadily_improves_or_learns():
    known = facts(OutputFacts("out", 8, "linear", "cosine_similarity"))
    logs = curve("loss", -0.1, -0.3, -0.5, -0.6)
    assert learning(steps(*logs), known) == LEARNS


@pytest.mark.parametrize(
    ("epochs", "wait"), [(1, 2), (10, 2), (11, 3), (20, 4), (25, 5), (1000, 5), (None, 5)]
)
def test_patience_is_a_fifth_of_the_planned_epochs_between_two_and_five(epochs, wait):
    assert patience(ModelFacts(epochs=epochs)) == wait


@pytest.mark.parametrize(
    ("accuracies", "still"),
    [
        ((0.5, 0.7, 0.7, 0.7), True),
        ((0.5, 0.6, 0.7, 0.8), False),  # still rising
        ((0.92, 0.92, 0.92, 0.92), False),  # .92 is .91 of the way
        ((0.7, 0.7, 0.7), False),  # too early: twice the patience of 2
    ],
)
def test_training_stands_still_where_it_rises_no_more_below_perfection(accuracies, still):
    assert stands_still(steps(*curve("accuracy", *accuracies)), facts()) == still


@pytest.mark.parametrize(
    ("losses", "worse"),
    [
        ((9.0, 8.0), True),
        ((9.0, 2.3), False),
        ((9.0,), False),
        ((9.0, 4.0), False),  # below guessing within as many epochs
    ],
)
def test_a_loss_above_that_of_guessing_is_worse_than_guessing(losses, worse):
    # ln 10 is 2.303
    assert is_worse_than_guessing(steps(*curve("loss", *losses)), facts()) == worse
