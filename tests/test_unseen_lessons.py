"""What programs that no rule was developed on taught: each is a history that once misled a rule."""

import math

import pytest
from made_up import curves, facts, network, of_layers, of_logs, output

from keras_filterwatch import rules
from keras_filterwatch.diagnosis import diagnose
from keras_filterwatch.model_facts import TargetFacts
from keras_filterwatch.progress import LEARNS, NOWHERE, UNKNOWN, learning
from keras_filterwatch.yardsticks import yardsticks

# of ten classes, the training came .9 of the way, validation a ninth
AHEAD = {"accuracy": [0.91] * 6, "val_accuracy": [0.2] * 6, "val_loss": [2.3] * 6}
SLOW_STATISTICS = {"conv": 0.99}  # averages over 100 updates


@pytest.mark.parametrize(("probe_loss", "fires"), [(2.2, False), (0.1, True)])
def test_a_probe_that_does_as_badly_in_inference_shows_that_validation_only_lags(probe_loss, fires):
    logs = curves(**AHEAD, loss=[0.2] * 6, probe_loss=[probe_loss] * 6)
    known = facts(batch_norm_momentum=SLOW_STATISTICS)
    assert bool(rules.overfitting(of_logs(logs, known))) == fires


@pytest.mark.parametrize(
    ("updates", "accuracies", "fires"),
    [
        (101, [0.5, 0.6, 0.7, 0.8, 0.85, 0.91], True),  # statistics follow within an epoch
        (50, [0.5, 0.6, 0.7, 0.8, 0.85, 0.91], False),  # they lag by two, and training goes on
        (50, [0.91] * 6, True),  # they lag by two, and training stands still
    ],
)
def test_without_a_probe_slow_statistics_have_to_settle_first(updates, accuracies, fires):
    logs = curves(**AHEAD | {"accuracy": accuracies})
    steps = of_logs(logs, facts(batch_norm_momentum=SLOW_STATISTICS), updates)
    assert bool(rules.overfitting(steps)) == fires


@pytest.mark.parametrize(("fall", "fires"), [(0.1, True), (0.01, False)])
def test_an_accuracy_that_falls_while_the_loss_improves_contradicts_it(fall, fires):
    values = [0.9 - fall * i for i in range(5)]
    logs = curves(loss=[1.0, 0.9, 0.8, 0.7, 0.6], accuracy=values)
    assert bool(rules.contradiction(of_logs(logs))) == fires


def test_a_penalty_may_fall_while_the_accuracy_falls():
    logs = curves(loss=[9.0, 8.0, 7.0, 6.0, 5.0], accuracy=[0.9, 0.8, 0.7, 0.6, 0.5])
    known = facts(regularisers={"conv": {"l2": 0.01}})
    assert not rules.contradiction(of_logs(logs, known))


@pytest.mark.parametrize(
    ("first", "loss", "last", "asks"),
    [
        (-2.3, "my_loss", "softmax", True),
        (2.3, "my_loss", "softmax", False),
        (-2.3, "my_loss", "linear", False),  # such as a similarity
    ],
)
def test_a_loss_of_ones_own_that_begins_negative_is_asked_about(first, loss, last, asks):
    known = facts(output(10, loss, last, trains_as=""))
    alarms = rules.contradiction(of_logs(curves(loss=[first]), known))
    assert [alarm.level for alarm in alarms] == ["note"] * asks
    assert all("wrong sign" in alarm.message for alarm in alarms)


def test_a_cosine_similarity_goes_from_right_angles_to_one_direction():
    known = facts(output(2, "cosine_similarity", "linear"))
    (loss,) = yardsticks(of_logs(curves(loss=[-0.5])), known)
    assert (loss.guess, loss.perfect, loss.knows_guess) == (0.0, -1.0, True)
    assert loss.way(-0.5) == 0.5


def test_the_best_so_far_of_a_negative_loss_is_not_the_best_that_can_be():
    known = facts(output(2, "my_loss", "linear", trains_as=""))
    steps = of_logs(curves(loss=[-0.124156, -0.124157, -0.124156, -0.124157]))
    assert learning(steps, known) == UNKNOWN
    assert learning(steps, known, is_at_rest=True) == NOWHERE


@pytest.mark.parametrize(
    ("accuracies", "answer"),
    [([0.1, 0.1, 0.1, 0.1], NOWHERE), ([0.1, 0.1, 0.28, 0.1], UNKNOWN)],  # .28 is .2 of the way
)
def test_a_curve_that_jumps_off_guessing_is_not_at_guessing(accuracies, answer):
    assert learning(of_logs(curves(accuracy=accuracies)), facts()) == answer


def test_a_curve_that_came_down_and_stays_worse_than_guessing_gets_nowhere():
    losses = [12.0, 2.55, 2.59]  # of ten classes, guessing has ln 10 = 2.303
    assert learning(of_logs(curves(loss=losses)), facts()) == NOWHERE
    assert learning(of_logs(curves(loss=[12.0, 5.0, 2.6])), facts()) != NOWHERE


@pytest.mark.parametrize(
    ("out", "known"),
    [
        (output(10, "my_loss", "linear", trains_as=""), True),  # three classes or more
        (output(2, "my_loss", "linear", trains_as=""), False),
        (output(10, "mean_squared_error", "linear"), False),
    ],
)
def test_an_accuracy_beside_a_loss_of_ones_own_tells_classes(out, known):
    found = yardsticks(of_logs(curves(accuracy=[0.5])), facts(out))
    assert [each.name for each in found if each.knows_guess] == (["accuracy"] if known else [])


def test_targets_that_point_backwards_do_not_fit_a_relu():
    targets = (TargetFacts("", -1.0, 1.0, 0.0, units=2),)
    known = facts(output(2, "cosine_similarity", "relu"), targets=targets)
    (alarm,) = rules.output_mismatch(of_layers([network()], known=known))
    assert "relu" in alarm.message


def test_a_strong_penalty_explains_that_a_training_diverged():
    known = facts(optimizer="SGD", learning_rate=0.1, regularisers={"conv": {"l2": 5.0}})
    steps = of_logs(curves(loss=[1e9, math.nan], accuracy=[0.1, 0.1]), known)
    alarms = [*rules.diverged(steps), *rules.strong_penalty(steps)]
    assert diagnose(steps, alarms).cause == "over-regularised"


def test_a_cosine_similarity_half_way_to_one_direction_learns():
    known = facts(output(2, "cosine_similarity", "linear"))
    assert learning(of_logs(curves(loss=[-0.1, -0.3, -0.6])), known) == LEARNS
