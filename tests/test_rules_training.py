"""Rules about a whole training on made-up histories: each fires, and is silent next to that."""

import math

import numpy as np
import pytest
from made_up import (
    FORMED,
    GOOD,
    POOR,
    START,
    curves,
    facts,
    layer,
    network,
    noise_kernel,
    of_layers,
    of_logs,
    output,
    says,
    scored,
)

import keras_filterwatch as fw
from keras_filterwatch import rules
from keras_filterwatch.metrics.motion import AT_REST
from keras_filterwatch.model_facts import TargetFacts

REGRESSION = output(1, "huber", "linear")  # a loss whose guessing is not known

# diverged


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_diverged_names_layer_and_filters(value):
    array = noise_kernel()
    array[1, 1, 3, [4, 9]] = value
    alarms = rules.diverged(scored([START, array]))
    words = "conv diverged: 2 of 32 filters (4, 9) are NaN or infinite"
    says(alarms, "diverged", 1, 2, 0, words, filters=(4, 9), level="error")


def test_diverged_sees_a_batch_normalization_that_is_not_finite():
    gain = np.ones(32)
    gain[5] = np.nan
    kernel = fw.Kernel("conv", "Conv2D", START, gain)
    (alarm,) = rules.diverged([fw.score(fw.Snapshot(1, (kernel,)))])
    assert alarm.filters == (5,)
    assert "in their weights or in the BatchNormalization behind them" in alarm.message


def test_diverged_sees_a_layer_of_nothing_but_nan():
    (alarm,) = rules.diverged(scored([START, np.full((3, 3, 16, 32), np.nan)]))
    assert len(alarm.filters) == 32


def test_diverged_is_silent_about_large_weights():
    assert not rules.diverged(scored([START * 1e30]))


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_diverged_sees_a_loss_that_is_not_finite(loss):
    alarms = rules.diverged(of_logs(curves(loss=[2.3, loss])))
    says(alarms, "diverged", 2, loss, 0, f"The loss is {loss} at epoch 2", "", level="error")


def test_diverged_names_the_layers_rather_than_the_loss():
    array = np.full((3, 3, 4, 8), np.nan)
    alarms = rules.diverged(scored([array] * 2, [{"loss": math.nan}]))
    assert [alarm.layer for alarm in alarms] == ["conv"]


def test_diverged_is_silent_about_a_validation_loss_that_is_not_finite():
    assert not rules.diverged(of_logs([POOR | {"val_loss": math.nan}]))


# gets_nowhere


def test_gets_nowhere_says_where_the_network_is_and_what_guessing_gives():
    words = (
        "The network gets nowhere: after 4 epochs and 400 updates its accuracy is 0.1, and 0.1 is "
        "what guessing gives."
    )
    says(rules.gets_nowhere(of_logs([POOR] * 4)), "gets_nowhere", 4, 0.1, 0.1, words, "")


@pytest.mark.parametrize(
    ("steps", "fires"),
    [
        (of_logs([POOR] * 4), True),
        (of_logs([POOR] * 3), False),
        (of_logs([GOOD] * 4), False),
        (of_logs(curves(accuracy=[0.1, 0.14, 0.18, 0.22])), False),
        (of_logs([POOR] * 4, updates=20), False),
        (of_logs([POOR] * 4, updates=25), True),
        (of_logs([POOR] * 4, facts(was_trained={"conv": True})), False),
        (of_logs(curves(loss=[8.0] * 4), facts(REGRESSION)), False),
        (of_logs(curves(loss=[9.6, 2.3, 2.3, 2.31])), True),
        (of_logs(curves(loss=[2.3, math.nan, math.nan, math.nan])), True),
    ],
    ids=[
        *("at guessing", "too early", "learns", "still improves", "80 updates", "100 updates"),
        *("was trained", "guessing unknown", "loss fell to guessing", "nan"),
    ],
)
def test_gets_nowhere_waits_twice_the_patience_and_is_silent_next_to_that(steps, fires):
    assert bool(rules.gets_nowhere(steps)) == fires


def test_gets_nowhere_is_silent_about_a_network_at_rest_of_which_guessing_is_not_known():
    steps = of_layers([at_rest_layers(0.0)] * 5, curves(loss=[8.0] * 4), facts(REGRESSION))
    assert steps.gets_nowhere  # which `stalled` says
    assert not rules.gets_nowhere(steps)


def test_gets_nowhere_says_nothing_of_updates_that_are_not_known():
    (alarm,) = rules.gets_nowhere(of_logs([POOR] * 4, updates=None))
    assert "after 4 epochs its accuracy is" in alarm.message


# stalled


def at_rest_layers(rotation, **numbers):
    """A network whose layers turned by this much at most."""
    return {
        "conv": layer(rotation=rotation / 2),
        "head": layer((8, 10), **{"rotation": rotation} | numbers),
    }


def at_rest(rotation=0.9 * AT_REST, logs=POOR, epochs=2, updates=100, known=None, **numbers):
    """A network that turned no more since the first epoch."""
    layers = [at_rest_layers(0.0)] + [at_rest_layers(rotation, **numbers)] * epochs
    return of_layers(layers, [logs] * epochs, known or facts(), updates)


def test_stalled_says_how_little_the_network_turned_and_at_which_rate():
    steps = at_rest(logs=POOR | {"learning_rate": 1e-7})
    rotation = 0.9 * AT_REST
    words = f"at epoch 2 the largest rotation since the start is {rotation:.1g} (0 is not at all)"
    says(rules.stalled(steps), "stalled", 2, rotation, AT_REST, words, "")
    assert "at a learning rate of 1e-07." in rules.stalled(steps)[0].message


@pytest.mark.parametrize(
    "change",
    [
        {"rotation": 1.1 * AT_REST},
        {"logs": GOOD},
        {"logs": {}},
        {"epochs": 1},
        {"known": facts(was_trained={"conv": True})},
    ],
    ids=["moved", "learns", "no logs", "too early", "was trained"],
)
def test_stalled_is_silent_next_to_that(change):
    assert not rules.stalled(at_rest(**change))


def test_a_network_at_rest_whose_random_start_is_above_guessing_is_stalled():
    # of few classes, random weights may be right in a third of cases or more
    assert rules.stalled(at_rest(logs={"loss": 2.3, "accuracy": 0.4}))


def test_stalled_leaves_alone_a_network_whose_kernels_had_structure_at_the_start():
    # without an accuracy nothing tells that it does badly
    layers = [network(rotation=0.0, verdict="structured") | {"head": layer((8, 10), rotation=0.0)}]
    assert not rules.stalled(of_layers(layers * 6, curves(loss=[2.0] * 5)))


def test_layers_that_are_frozen_do_not_count_as_layers_at_rest():
    moves, rests = layer(rotation=0.1), layer(rotation=0.0)
    frozen = layer((8, 10), trainable=False, rotation=0.0)
    for conv, fires in ((moves, False), (rests, True), (frozen, False)):
        steps = of_layers([{"conv": conv, "head": frozen}] * 3, [POOR] * 2, facts())
        assert bool(rules.stalled(steps)) == fires


def test_layers_that_are_frozen_do_not_count_as_layers_that_move():
    # such as one whose weights the program changes itself
    steps = at_rest(rotation=0.0)
    moved = {"own": layer(trainable=False, rotation=0.5)}
    layers = [moved | dict(scores.layers) for scores in steps]
    assert rules.stalled(of_layers(layers, [POOR] * 2, facts()))


@pytest.mark.parametrize(
    ("updates", "rotation", "fires"),
    [
        # after 2 epochs of 5 updates a layer has a tenth of the way of 100 updates behind it: its
        # rotation, which grows with the square of the way, would be a hundredth of that at 100
        (5, AT_REST / 110, True),
        (5, AT_REST / 90, False),
        (50, 0.9 * AT_REST, True),
        (None, 0.9 * AT_REST, True),
    ],
)
def test_of_few_updates_the_rotation_of_a_hundred_is_extrapolated(updates, rotation, fires):
    assert bool(rules.stalled(at_rest(rotation, updates=updates))) == fires


@pytest.mark.parametrize("loss", [[8.0, 8.0, 8.0], [8.0, 7.9, 7.95]])
def test_stalled_needs_no_known_guessing(loss):
    layers = [at_rest_layers(0.0)] * 4
    assert rules.stalled(of_layers(layers, curves(loss=loss), facts(REGRESSION)))


# overfitting


def memorising(accuracy=0.9, others=0.71, epochs=4, known=None, name="accuracy"):
    """Of ten classes, accuracies .9 and .71 are .889 and .678 of the way; `others` may be many."""
    others = others if isinstance(others, list) else [others] * epochs
    values = {"loss": [0.3] * epochs, name: [accuracy] * epochs, f"val_{name}": others}
    return of_logs(curves(**values), known)


def test_overfitting_says_how_good_the_network_is_on_both_data():
    words = (
        "by its accuracy it came 89% of the way from guessing to perfection on the training data, "
        "and 68% on the validation data"
    )
    gap = (0.9 - 0.71) / 0.9
    says(rules.overfitting(memorising()), "overfitting", 4, gap, 0.2, words, "")


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        ({}, True),
        ({"others": 0.73}, False),  # a gap of .189 of the way
        ({"accuracy": 0.54, "others": 0.1}, False),  # .49 of the way
        ({"epochs": 3}, False),
        ({"others": [0.3, 0.3, 0.9, 0.3]}, False),
        ({"others": [0.3, 0.3, 0.3, 0.3]}, True),
        ({"others": [0.3, 0.4, 0.5, 0.6]}, False),  # rises in 1 of 4! = 24 orders
        ({"others": [0.6, 0.5, 0.4, 0.3]}, True),
        ({"others": [0.6, 0.3, 0.5, 0.4]}, True),
    ],
)
def test_overfitting_needs_a_gap_in_the_last_three_epochs_in_which_validation_does_not_rise(
    change, fires
):
    assert bool(rules.overfitting(memorising(**change))) == fires


def test_overfitting_waits_as_long_as_the_patience():
    known = facts(epochs=25)  # five epochs, after the first
    assert not rules.overfitting(memorising(epochs=5, known=known))
    assert rules.overfitting(memorising(epochs=6, known=known))


def test_overfitting_abstains_without_validation():
    assert not rules.overfitting(of_logs([GOOD] * 6))


@pytest.mark.parametrize("name", ["acc", "top1", "f1", "iou", "out_accuracy"])
def test_overfitting_knows_metrics_by_other_names(name):
    outputs = [output(), output(3, name="other")] if name == "out_accuracy" else [output()]
    assert rules.overfitting(memorising(others=0.6, name=name, known=facts(*outputs)))


def test_overfitting_knows_a_metric_of_which_keras_says_that_higher_is_better():
    assert not rules.overfitting(memorising(others=0.6, name="fitness"))
    known = facts(metric_directions={"fitness": "up"})
    assert rules.overfitting(memorising(others=0.6, name="fitness", known=known))


def validated_every_second_epoch(first):
    logs = [GOOD | ({"val_accuracy": 0.4} if i % 2 == first else {}) for i in range(12)]
    return of_logs(logs)


@pytest.mark.parametrize("first", [0, 1])
def test_overfitting_reads_validation_where_it_was_logged(first):
    # accuracies .95 and .4 of ten classes: .944 and .333 of the way
    (alarm,) = rules.overfitting(validated_every_second_epoch(first))
    assert "and 33% on the validation data" in alarm.message
    assert alarm.value == pytest.approx((0.95 - 0.4) / 0.9)


def test_overfitting_reads_no_validation_that_is_nan():
    (alarm,) = rules.overfitting(memorising(epochs=5, others=[0.3, 0.3, 0.3, 0.3, math.nan]))
    assert alarm.value == pytest.approx((0.9 - 0.3) / 0.9)
    assert not rules.overfitting(memorising(epochs=5, others=[math.nan] * 5))


def losses(training, validation, *outputs):
    return of_logs(curves(loss=training, val_loss=validation), facts(*outputs))


def test_overfitting_goes_by_the_losses_where_there_is_no_accuracy():
    # of the way of 2, from the first training loss to 0, validation lost .35, .45 and .55
    steps = losses([2.0, 0.9, 0.3, 0.2, 0.1, 0.1], [1.2, 1.0, 0.9, 1.6, 1.8, 2.0], REGRESSION)
    (alarm,) = rules.overfitting(steps)
    assert alarm.value == pytest.approx(0.55)
    assert "by its loss it came 95% of the way" in alarm.message
    assert "and 0% on the validation data" in alarm.message


@pytest.mark.parametrize("last", [1.9, 2.1, 9.0])
def test_no_share_of_the_way_is_below_zero(last):
    validation = [1.2, 1.0, 0.9, 1.7, 1.8, last]
    (alarm,) = rules.overfitting(losses([2.0, 0.9, 0.3, 0.2, 0.1, 0.1], validation, REGRESSION))
    assert "-" not in alarm.message


@pytest.mark.parametrize(
    ("training", "validation"),
    [
        ([2.0, 0.9, 0.3, 0.2, 0.1, 0.1], [1.2, 1.0, 0.9, 1.0, 1.1, 1.1]),
        ([2.0, 1.9, 1.8, 1.7, 1.6, 1.5], [1.2, 1.0, 0.9, 1.6, 1.8, 2.0]),
        ([2.0, 0.9, 0.3, 0.2, 0.1, 0.1], [1.6, 0.4, 1.6, 0.9, 1.6, 0.9]),
    ],
    ids=["by .1 of the way", "training not half way", "to and fro"],
)
def test_overfitting_by_losses_is_silent_next_to_that(training, validation):
    assert not rules.overfitting(losses(training, validation, REGRESSION))


def test_a_validation_loss_above_the_training_loss_is_no_overfitting_while_it_is_flat():
    steps = losses([2.0, 0.5, 0.2, 0.1, 0.1, 0.1], [1.0, 0.9, 0.9, 0.91, 0.9, 0.9], REGRESSION)
    assert not rules.overfitting(steps)


@pytest.mark.parametrize(
    ("out", "fires"),
    [
        (output(1, "mean_squared_error", "linear"), True),
        (REGRESSION, False),  # whose guessing is not known
        (output(10), False),  # a cross-entropy rises where the network is sure, and right as often
    ],
)
def test_overfitting_by_a_squared_error_counts_the_gap(out, fires):
    # guessing the mean has the variance of the targets, 9 = 3^2: .94 and .33 of the way
    known = facts(out, targets=(TargetFacts("", 0, 9, 4.5, std=3.0),))
    logs = curves(loss=[3.0, 1.0, 0.5, 0.5, 0.5], val_loss=[6.0] * 5)
    assert bool(rules.overfitting(of_logs(logs, known))) == fires


def test_overfitting_knows_losses_below_zero():
    # -1 is the best cosine similarity: of the way from -.1 to the best, -.9, validation lost half
    training, validation = [-0.1, -0.6, -0.8, -0.9, -0.9], [-0.5, -0.6, -0.2, -0.2, -0.15]
    cosine = output(8, "cosine_similarity", "linear")
    assert rules.overfitting(losses(training, validation, cosine))
    assert not rules.overfitting(losses(training, [-0.5, -0.6, -0.6, -0.6, -0.6], cosine))


# contradiction


def contradicting(losses, accuracies=0.1, *outputs, **known):
    accuracies = accuracies if isinstance(accuracies, list) else [accuracies] * len(losses)
    return of_logs(curves(loss=losses, accuracy=accuracies), facts(*outputs, **known))


def test_contradiction_says_where_the_loss_went_and_where_the_accuracy_stays():
    words = "the loss went from 2.3 to 0.01, the accuracy is 0.1, as by guessing"
    alarms = rules.contradiction(contradicting([2.3, 0.1, 0.01]))
    says(alarms, "contradiction", 3, 0.1, 0.1, words, "")


@pytest.mark.parametrize(
    ("steps", "fires"),
    [
        (contradicting([2.3, 1.1, 1.1]), True),
        (contradicting([2.3, 1.2, 1.2]), False),  # ln(10) / 2 = 1.151
        (contradicting([0.0, 0.0, 0.0]), True),
        (contradicting([2.3, 0.1]), False),
        (contradicting([2.3, 0.1, 0.01], 0.18), True),  # .09 of the way
        (contradicting([2.3, 0.1, 0.01], 0.2), False),  # .11 of it
        (contradicting([2.3, 0.1, 0.01, 0.01], [0.1, 0.12, 0.14, 0.16]), False),
        (contradicting([2.3, 0.1, 0.01, 0.01], [0.16, 0.14, 0.12, 0.1]), True),
        (of_logs(curves(loss=[2.3, 0.1, 0.01])), False),
    ],
    ids=[
        *("half", "more than half", "zero from the start", "too early", "at guessing"),
        *("above guessing", "accuracy rises", "accuracy falls", "no accuracy"),
    ],
)
def test_contradiction_needs_half_the_loss_of_guessing_and_an_accuracy_that_stays_there(
    steps, fires
):
    assert bool(rules.contradiction(steps)) == fires


@pytest.mark.parametrize(("last", "fires"), [(2.3, False), (0.01, True)])
def test_an_accuracy_of_one_of_several_outputs_is_held_against_the_loss_of_that_output(last, fires):
    sizes = [500.0, 100.0, 20.0, 10.0]
    digits = [2.3, last, last, last]
    logs = curves(
        loss=[size + digit for size, digit in zip(sizes, digits, strict=True)],
        size_loss=sizes,
        digit_loss=digits,
        digit_accuracy=[0.1] * 4,
    )
    outputs = output(1, "huber", "linear", name="size"), output(name="digit")
    assert bool(rules.contradiction(of_logs(logs, facts(*outputs)))) == fires


def test_of_a_loss_whose_guessing_is_not_known_half_of_the_first_counts():
    own = output(10, "my_loss", "softmax")
    assert rules.contradiction(contradicting([8.0, 5.0, 3.9], 0.1, own))
    assert not rules.contradiction(contradicting([8.0, 5.0, 4.1], 0.1, own))


@pytest.mark.parametrize(
    ("losses", "fires"),
    [
        ([-1.0, -3.0, -9.0, -30.0], True),
        ([5.0, -3.0, -15.0, -60.0], True),
        ([-1.0, -3.0, -9.0], False),  # three falls are needed
        ([-1.0, -3.0, -5.0, -6.0, -6.5], False),  # slower each time
        ([-1.0, -2.0, -4.0, -8.0], False),  # not ten times as far
        ([900.0, 600.0, 200.0, -300.0], False),
    ],
)
def test_contradiction_sees_any_loss_that_runs_away_below_zero(losses, fires):
    own = output(1, "my_loss", "linear")
    alarms = rules.contradiction(of_logs(curves(loss=losses), facts(own)))
    assert bool(alarms) == fires
    assert all("Does it have the wrong sign?" in alarm.message for alarm in alarms)


def test_a_loss_of_ones_own_train_step_may_run_away():
    known = facts(output(1, "", ""), has_own_train_step=True)
    assert not rules.contradiction(of_logs(curves(loss=[-1.0, -3.0, -9.0, -30.0]), known))


BINARY = output(1, "binary_crossentropy", "sigmoid")


def test_an_accuracy_of_unbalanced_classes_is_held_against_the_loss_of_guessing_the_larger_one():
    # of two classes of which one has 97 %, guessing has that accuracy and a loss of
    # -.97 ln .97 - .03 ln .03 = .135
    targets = TargetFacts("", 0, 1, 0.03, is_whole=True, majority=0.97)
    for loss, fires in ((0.134, False), (0.01, True)):
        steps = contradicting([0.14, loss, loss], 0.97, BINARY, targets=(targets,))
        assert bool(rules.contradiction(steps)) == fires


def test_contradiction_sees_a_loss_that_cannot_be_negative():
    words = "The loss is -9e+09: binary_crossentropy cannot be negative where targets and outputs"
    steps = contradicting([-9e9], 0.9, BINARY)
    says(rules.contradiction(steps), "contradiction", 1, -9e9, 0, words, "")


@pytest.mark.parametrize(
    "steps",
    [
        contradicting([0.5, -1e-6], 0.9, BINARY),
        contradicting([-3.0, -9.0], 0.9, output(1, "cosine_similarity", "linear")),
        contradicting([-3.0, -9.0], 0.9, output(1, "my_loss", "linear")),
        contradicting([-3.0, -9.0], 0.9, output(1, "", "linear")),
        contradicting([-3.0, -9.0], 0.9, BINARY, has_own_train_step=True),
    ],
    ids=["rounding", "cosine", "own loss", "no loss", "own train step"],
)
def test_a_negative_loss_is_no_contradiction_next_to_that(steps):
    assert not rules.contradiction(steps)


# All rules


@pytest.mark.parametrize("rule", fw.default_rules(), ids=rules.RULES)
@pytest.mark.parametrize(
    "steps",
    [
        of_layers([{}]),
        of_layers([{}] * 6, [GOOD] * 5, facts()),
        of_layers([network()] * 6),
        of_logs([{"d_loss": 0.7, "g_loss": 1.1}] * 6, facts(output(1, "", ""))),
        of_logs([{}] * 6),
    ],
    ids=["nothing yet", "no layers", "no logs", "losses of a GAN", "empty logs"],
)
def test_a_rule_raises_neither_errors_nor_warnings_without_evidence(rule, steps):
    assert not [alarm for alarm in rule(steps) if alarm.level != "note"]


@pytest.mark.parametrize("rule", fw.default_rules(), ids=rules.RULES)
def test_a_rule_takes_a_plain_list_of_scores(rule):
    formed = [FORMED * (1 + 0.1 * step) for step in range(3)]
    assert list(rule(list(scored(formed, [GOOD] * 2)))) == []


def test_each_default_rule_is_called_as_its_alarms_are():
    assert list(rules.RULES) == [rule.__name__ for rule in fw.default_rules()]
    assert {"diverged", "noisy", "dead", "overfitting"} <= set(rules.RULES)
