"""Rules about the set-up on made-up facts: each asks its question, and is silent next to that."""

import math
from dataclasses import replace

import numpy as np
import pytest
from made_up import (
    GOOD,
    POOR,
    curves,
    facts,
    network,
    of_layers,
    of_logs,
    output,
    says,
)

from keras_filterwatch import rules
from keras_filterwatch.history import History
from keras_filterwatch.model_facts import InputFacts, TargetFacts
from keras_filterwatch.rules import setup as constants
from keras_filterwatch.rules.setup import USUAL_RATES, effective_rate
from keras_filterwatch.scores import Scores

NAN = math.nan


def before_training(*outputs, **known):
    """The initial state of a network of which this is known."""
    return of_layers([network()], known=facts(*outputs, **known))


def after(logs, *outputs, epochs=5, **known):
    """A network of which this is known, that logged the same at each epoch."""
    return of_logs([logs] * epochs, facts(*outputs, **known))


# Levels: each of these asks its question before training.

ODD = {
    "output_mismatch": {"outputs": (output(last="relu"),)},
    "unscaled_inputs": {"inputs": (InputFacts("", 0, 255, 33, 78),)},
    "strong_dropout": {"dropout": {"dropout": 0.95}},
    "unusual_rate": {"optimizer": "Adam", "learning_rate": 1.0},
    "strong_penalty": {"regularisers": {"conv": {"l2": 1.0}}},
    "linear_stack": {"is_linear": True},
}


def odd(rule, logs=(), epochs=10):
    known = dict(ODD[rule])
    return of_logs(logs, facts(*known.pop("outputs", ()), epochs=epochs, **known))


@pytest.mark.parametrize("rule", ODD)
def test_a_question_is_a_note_before_training_and_while_the_network_learns(rule):
    for logs in ([], [POOR], [GOOD] * 5, curves(accuracy=[0.1, 0.2, 0.3, 0.4])):
        (alarm,) = getattr(rules, rule)(odd(rule, logs))
        assert (alarm.level, alarm.layer, alarm.step) == ("note", "", len(logs))


# of ten classes, .6 is .56 of the way
STRUGGLING = {
    "gets nowhere": [POOR] * 5,
    "diverged": [{"loss": NAN, "accuracy": 0.5}],
    "stands still": [{"loss": 1.2, "accuracy": 0.6}] * 5,
    "worse than guessing": [{"loss": 50.0, "accuracy": 0.6}] * 2,
}


@pytest.mark.parametrize("struggle", STRUGGLING)
@pytest.mark.parametrize("rule", ODD)
def test_a_question_is_a_warning_where_training_struggles(rule, struggle):
    logs = STRUGGLING[struggle]
    if rule == "strong_penalty" and struggle == "worse than guessing":
        logs = [POOR] * 5  # with a penalty, the loss of guessing is not known
    (alarm,) = getattr(rules, rule)(odd(rule, logs))
    # a linear stack can learn a little, and then stands still
    is_warning = rule != "linear_stack" or struggle == "gets nowhere"
    assert alarm.level == ("warning" if is_warning else "note")


def test_unscaled_inputs_are_a_note_where_batch_normalization_follows_the_first_kernel():
    known = facts(inputs=(InputFacts("", 0.0, 255.0, 33.0, 78.0),))
    first = next(iter(network()))
    followed = replace(known, batch_norm_momentum={first: 0.99})
    levels = [
        rules.unscaled_inputs(of_logs([POOR] * 5, each))[0].level for each in (known, followed)
    ]
    assert levels == ["warning", "note"]


@pytest.mark.parametrize("rule", [*ODD, "huge_first_loss"])
def test_what_is_not_known_raises_no_question(rule):
    assert not getattr(rules, rule)(of_layers([network()] * 6, [POOR] * 5))


@pytest.mark.parametrize("rule", [*ODD, "huge_first_loss"])
def test_a_usual_set_up_raises_no_question(rule):
    steps = after(
        POOR,
        inputs=(InputFacts("", 0.0, 1.0, 0.13, 0.31),),
        targets=(TargetFacts("", 0, 9, 4.5, is_whole=True, std=2.9),),
        optimizer="Adam",
        learning_rate=1e-3,
        regularisers={"conv": {"l2": 1e-4}},
        weight_decay=0.004,
        dropout={"dropout": 0.5},
    )
    assert not getattr(rules, rule)(steps)


# output_mismatch

SPARSE, ONE_HOT = "sparse_categorical_crossentropy", "categorical_crossentropy"
BINARY, SQUARED = "binary_crossentropy", "mean_squared_error"


@pytest.mark.parametrize(
    ("out", "words"),
    [
        (output(1, BINARY, "softmax"), "Softmax over the single unit of the output is always 1"),
        (output(1, SQUARED, "softmax"), "Softmax over the single unit of the output is always 1"),
        (output(1, SPARSE, "sigmoid"), f"{SPARSE} needs a unit for each class"),
        (output(1, ONE_HOT, "sigmoid"), f"{ONE_HOT} needs a unit for each class"),
        (output(10, SPARSE, "relu"), f"{SPARSE} needs probabilities or logits"),
        (output(1, BINARY, "tanh"), f"{BINARY} needs probabilities or logits"),
        (output(10, SPARSE, "linear"), f"{SPARSE} needs probabilities, but the output is linear"),
        (
            output(10, SPARSE, "relu", trains_as="softmax(relu)"),
            f"The output ends with relu, and {SPARSE} takes it for logits",
        ),
        (
            output(1, BINARY, "sigmoid", trains_as="sigmoid(sigmoid)"),
            f"The output ends with sigmoid, and {BINARY} applies sigmoid to it again",
        ),
        (output(10, ONE_HOT, "sigmoid"), f"{ONE_HOT} is for classes that exclude each other"),
        (output(10, dropout=0.3), "Dropout of 0.3 acts on the output"),
    ],
)
def test_output_mismatch_says_what_does_not_fit(out, words):
    says(
        rules.output_mismatch(before_training(out)),
        "output_mismatch",
        0,
        NAN,
        NAN,
        words,
        "",
        level="note",
    )


@pytest.mark.parametrize(
    "out",
    [
        output(10, SPARSE, "softmax"),
        output(1, BINARY, "sigmoid"),
        output(10, BINARY, "sigmoid"),
        output(10, SPARSE, "linear", from_logits=True),
        output(1, BINARY, "linear", from_logits=True),
        output(1, SQUARED, "linear"),
        output(1, SQUARED, "relu"),
        output(10, "", ""),
        output(10, SPARSE, ""),
        # what TensorFlow trains with where Keras takes the logits behind the last activation
        output(1, BINARY, "softmax", trains_as="sigmoid"),
        output(10, ONE_HOT, "sigmoid", trains_as="softmax"),
    ],
)
def test_outputs_that_fit_their_loss_raise_no_question(out):
    assert not rules.output_mismatch(before_training(out))


def test_output_mismatch_names_the_output_of_several():
    outputs = output(name="digit"), output(1, BINARY, "relu", name="even")
    (alarm,) = rules.output_mismatch(before_training(*outputs))
    assert alarm.layer == "even"
    assert "output 'even' ends with relu" in alarm.message


def targets(minimum, maximum, name="", **others):
    return TargetFacts(name, minimum, maximum, (minimum + maximum) / 2, **others)


UNFIT = [
    (output(10, SPARSE), targets(0, 10, is_whole=True), "classes are whole numbers from 0 to 9"),
    (output(10, SPARSE), targets(-1, 1, is_whole=True), "classes are whole numbers from 0 to 9"),
    (output(10, SPARSE), targets(0, 0.9), "classes are whole numbers from 0 to 9"),
    (output(1, BINARY, "sigmoid"), targets(-1, 1), f"{BINARY} needs numbers from 0 to 1"),
    (output(10, ONE_HOT), targets(0, 9), f"{ONE_HOT} needs numbers from 0 to 1"),
    (output(10, BINARY, "sigmoid"), targets(0, 1 / 255), "were they divided twice?"),
    (output(1, SQUARED, "sigmoid"), targets(5, 50), "ends with sigmoid: it cannot return them all"),
    (output(1, SQUARED, "tanh"), targets(0, 2), "ends with tanh: it cannot return them all"),
    (output(1, SQUARED, "relu"), targets(-1, 5), "ends with relu: it cannot return them all"),
]


@pytest.mark.parametrize(("out", "target", "words"), UNFIT)
def test_output_mismatch_says_which_targets_the_output_cannot_return(out, target, words):
    (alarm,) = rules.output_mismatch(before_training(out, targets=(target,)))
    between = f"lie between {target.minimum:.3g} and {target.maximum:.3g}"
    assert between in alarm.message
    assert words in alarm.message


@pytest.mark.parametrize(
    ("out", "target"),
    [
        (output(10, SPARSE), targets(0, 9, is_whole=True)),
        (output(None, SPARSE), targets(0, 99, is_whole=True)),
        (output(1, BINARY, "sigmoid"), targets(0, 1)),
        (output(10, BINARY, "sigmoid"), targets(0, 0.6)),
        (output(10, BINARY, "sigmoid"), targets(0, 0)),
        (output(1, SQUARED, "sigmoid"), targets(0, 1)),
        (output(1, SQUARED, "tanh"), targets(-1, 1)),
        (output(1, SQUARED, "relu"), targets(0, 500)),
        (output(1, SQUARED, "linear"), targets(-500, 500)),
        (output(1, SQUARED, "linear"), targets(NAN, NAN)),
    ],
)
def test_targets_that_the_output_can_return_raise_no_question(out, target):
    assert not rules.output_mismatch(before_training(out, targets=(target,)))


def test_each_output_has_its_own_targets():
    outputs = output(name="digit"), output(1, BINARY, "sigmoid", name="even")
    fit = targets(0, 9, "digit", is_whole=True), targets(0, 1, "even")
    assert not rules.output_mismatch(before_training(*outputs, targets=fit))
    unfit = targets(0, 1, "digit", is_whole=True), targets(0, 9, "even")
    (alarm,) = rules.output_mismatch(before_training(*outputs, targets=unfit))
    assert alarm.layer == "even"


@pytest.mark.parametrize(
    ("last", "loss", "asks"),
    [
        ("sigmoid", 1.1, True),  # of numbers from 0 to 1, none is further than 1 from another
        ("sigmoid", 0.9, False),
        ("softmax", 1.1, True),
        ("tanh", 4.1, True),  # of numbers from -1 to 1, none is further than 2
        ("tanh", 3.9, False),
        ("linear", 1e6, False),
    ],
)
def test_a_squared_error_larger_than_the_range_of_the_output_shows_that_targets_are_outside(
    last, loss, asks
):
    steps = of_logs(curves(loss=[2 * loss, loss]), facts(output(2, SQUARED, last)))
    alarms = rules.output_mismatch(steps)
    assert bool(alarms) == asks
    assert all("targets lie outside of what it can return" in each.message for each in alarms)


@pytest.mark.parametrize(
    "known",
    [
        facts(output(1, SQUARED, "tanh"), output(1, SQUARED, "tanh", name="other")),
        facts(output(1, SQUARED, "tanh"), regularisers={"conv": {"l2": 0.1}}),
        facts(output(1, SQUARED, "tanh"), has_own_train_step=True),
        facts(output(1, "mean_absolute_error", "tanh")),
    ],
    ids=["several outputs", "a penalty", "own train step", "another loss"],
)
def test_a_large_loss_that_may_have_other_reasons_raises_no_question(known):
    assert not rules.output_mismatch(of_logs(curves(loss=[9.0, 9.0]), known))


# unscaled_inputs


def inputs(size, mean=0.0, **others):
    """The range of inputs of this root mean square."""
    deviation = math.sqrt(size**2 - mean**2)
    return InputFacts("", mean - 2 * deviation, mean + 2 * deviation, mean, deviation, **others)


def test_unscaled_inputs_says_the_range_that_was_measured():
    words = "numbers from 0 to 255 (mean 33, standard deviation 78)"
    steps = before_training(inputs=(InputFacts("", 0, 255, 33, 78),))
    size = math.hypot(33, 78)
    alarms = rules.unscaled_inputs(steps)
    says(alarms, "unscaled_inputs", 0, size, constants._LARGE, words, "", level="note")


@pytest.mark.parametrize(
    ("size", "asks"),
    [
        (1.0, False),
        (0.99 * constants._LARGE, False),
        (1.01 * constants._LARGE, True),
        (1.01 * constants._SMALL, False),
        (0.99 * constants._SMALL, True),
    ],
)
def test_inputs_far_from_one_are_not_normalised(size, asks):
    assert bool(rules.unscaled_inputs(before_training(inputs=(inputs(size),)))) == asks


def test_inputs_far_from_zero_for_their_deviation_are_not_normalised():
    near, far = 0.99 * constants._LARGE, 1.01 * constants._LARGE
    for mean, asks in ((near / 5, False), (far / 5, True), (-far / 5, True)):
        ranges = InputFacts("", mean - 0.4, mean + 0.4, mean, 0.2)
        assert bool(rules.unscaled_inputs(before_training(inputs=(ranges,)))) == asks


def test_inputs_that_are_all_the_same_are_not_called_far_from_zero():
    assert not rules.unscaled_inputs(before_training(inputs=(InputFacts("", 1, 1, 1, 0.0),)))


def test_inputs_that_the_model_normalises_raise_no_question():
    steps = before_training(inputs=(inputs(100),), normalises_inputs="rescaling")
    assert not rules.unscaled_inputs(steps)


def test_unscaled_inputs_says_which_share_is_nan_even_where_a_layer_normalises():
    ranges = inputs(1.0, finite=0.99)
    (alarm,) = rules.unscaled_inputs(
        before_training(inputs=(ranges,), normalises_inputs="normalization")
    )
    assert "0.01 of the numbers in the probe's input is NaN or infinite" in alarm.message


def test_unscaled_inputs_names_the_input_of_several():
    usual, large = InputFacts("left", 0, 1, 0.5, 0.3), InputFacts("right", 0, 255, 33, 78)
    (alarm,) = rules.unscaled_inputs(before_training(inputs=(usual, large)))
    assert "input 'right' reaches the first kernel with numbers from 0 to 255" in alarm.message


# huge_first_loss


@pytest.mark.parametrize(
    ("times", "fires"),
    [(1.01 * constants._HUGE_LOSS, True), (0.99 * constants._HUGE_LOSS, False)],
)
def test_huge_first_loss_is_many_times_that_of_guessing(times, fires):
    first = times * math.log(10)
    alarms = rules.huge_first_loss(of_logs(curves(loss=[first, 1.0])))
    if fires:
        bound = constants._HUGE_LOSS * math.log(10)
        words = f"The first loss is {first:.3g}, and guessing gives 2.3"
        says(alarms, "huge_first_loss", 2, first, bound, words, "", level="note")
    else:
        assert not alarms


def test_the_loss_of_the_probe_is_huge_before_the_first_epoch():
    before = Scores(0, 0, network(), logs={"probe_loss": 500.0})
    (alarm,) = rules.huge_first_loss(History([before], facts()))
    assert alarm.message.startswith("The first probe_loss is 500")


def test_the_loss_of_the_probe_may_be_huge_where_that_of_the_first_epoch_no_longer_is():
    before = Scores(0, 0, network(), logs={"probe_loss": 500.0})
    epoch = Scores(1, 1, network(), logs={"probe_loss": 1.0, "loss": 2.0})
    (alarm,) = rules.huge_first_loss(History([before, epoch], facts()))
    assert "The first probe_loss is 500, and guessing gives 2.3" in alarm.message


def test_a_huge_first_loss_is_a_warning_where_training_struggles():
    (alarm,) = rules.huge_first_loss(of_logs(curves(loss=[1e13, 2.4, 2.3, 2.3])))
    assert alarm.level == "warning"


@pytest.mark.parametrize(
    "steps",
    [
        of_logs(curves(loss=[1e4, 1.0]), facts(output(1, "huber", "linear"))),
        of_logs(curves(loss=[1e4, 1.0]), facts(regularisers={"conv": {"l2": 1.0}})),
    ],
    ids=["loss of unknown start", "with a penalty"],
)
def test_a_loss_of_which_guessing_is_not_known_is_not_huge(steps):
    assert not rules.huge_first_loss(steps)


# strong_dropout

STRONG = constants._STRONG_DROPOUT


@pytest.mark.parametrize(("rate", "asks"), [(STRONG, True), (STRONG - 0.01, False)])
def test_strong_dropout_names_the_layer_that_drops_most(rate, asks):
    alarms = rules.strong_dropout(before_training(dropout={"first": 0.1, "second": rate}))
    if asks:
        words = f"second drops {rate:.0%} of what it gets, and 20% to 50% is usual"
        says(alarms, "strong_dropout", 0, rate, STRONG, words, "", level="note")
    else:
        assert not alarms


def dropped(training, validation, rate=0.6, epochs=2):
    """Of ten classes, an accuracy of .4 is .33 of the way, .7 is .67 of it."""
    logs = {"loss": 1.7, "accuracy": training, "val_accuracy": validation}
    return after(logs, epochs=epochs, dropout={"dropout": rate})


def test_strong_dropout_is_a_warning_where_validation_is_far_above_training():
    (alarm,) = rules.strong_dropout(dropped(0.4, 0.7))
    assert alarm.level == "warning"
    assert "on the training data, and 67% on the validation data" in alarm.message
    assert "came 33% of the way from guessing to perfection" in alarm.message


@pytest.mark.parametrize(
    "change",
    [
        {"validation": 0.55},  # a gap of .17 of the way
        {"training": 0.6, "validation": 0.95},  # .56 of the way
        {"rate": 0.45},
        {"epochs": 1},
    ],
    ids=["small gap", "half way", "usual rate", "too early"],
)
def test_usual_dropout_is_no_fault_next_to_that(change):
    assert not rules.strong_dropout(dropped(**{"training": 0.4, "validation": 0.7} | change))


# unusual_rate


@pytest.mark.parametrize("optimizer", USUAL_RATES)
def test_unusual_rate_knows_the_range_of_each_optimizer(optimizer):
    low, high = USUAL_RATES[optimizer]
    for rate, bound in ((0.99 * low, low), (low, None), (high, None), (1.01 * high, high)):
        steps = before_training(optimizer=optimizer, learning_rate=rate)
        alarms = rules.unusual_rate(steps)
        if bound is None:
            assert not alarms
        else:
            words = f"The learning rate of {optimizer} is {rate:.3g}; usual rates are {low:.0e} to"
            says(alarms, "unusual_rate", 0, rate, bound, words, "", level="note")


def test_a_rate_that_was_too_high_before_is_said_to_be_over():
    steps = of_logs(
        [{"loss": 1.0, "learning_rate": rate} for rate in (0.5, 1e-3)], facts(optimizer="Adam")
    )
    assert "rate of Adam was at its highest 0.5;" in rules.unusual_rate(steps)[0].message


@pytest.mark.parametrize(
    ("optimizer", "rate"), [("Adadelta", 1e-3), ("Adagrad", 1e-3), ("SGD", 0.01), ("Adam", 1e-3)]
)
def test_of_the_rates_that_keras_gives_by_default_two_are_unusual(optimizer, rate):
    asks = bool(rules.unusual_rate(before_training(optimizer=optimizer, learning_rate=rate)))
    assert asks == (optimizer in ("Adadelta", "Adagrad"))


def test_momentum_enlarges_the_steps_of_sgd():
    # at momentum .9 the steps add up to ten times the rate: 1 / (1 - .9)
    for momentum, rate in ((0.0, 0.5), (0.9, 5.0)):
        known = facts(optimizer="SGD", learning_rate=0.5, momentum=momentum)
        steps = of_layers([network()], known=known)
        assert effective_rate(steps) == pytest.approx(rate)
        assert bool(rules.unusual_rate(steps)) == (momentum > 0)
    assert "5 (divided by 1 - momentum)" in rules.unusual_rate(steps)[0].message


def test_the_highest_rate_that_was_logged_counts():
    logs = [POOR | {"learning_rate": rate} for rate in (1e-3, 0.5, 1e-9)]
    (alarm,) = rules.unusual_rate(of_logs(logs, facts(optimizer="Adam", learning_rate=1e-3)))
    assert alarm.value == 0.5


@pytest.mark.parametrize(
    "known",
    [
        {"optimizer": "Mine", "learning_rate": 1e-9},
        {"optimizer": "Adam", "learning_rate": None},
        {"optimizer": "Adam", "learning_rate": 1e-9, "was_trained": {"conv": True}},
        {"optimizer": "Adam", "learning_rate": 1e-9, "schedule": "CosineDecay"},
    ],
    ids=["unknown optimizer", "unknown rate", "fine-tuned", "warm-up"],
)
def test_unusual_rate_abstains_next_to_that(known):
    assert not rules.unusual_rate(before_training(**known))


def test_a_rate_that_is_still_tiny_after_a_warm_up_is_unusual():
    known = facts(optimizer="Adam", learning_rate=0.0, schedule="CosineDecay")
    logs = [POOR | {"learning_rate": 1e-9}] * 2
    assert not rules.unusual_rate(of_logs(logs[:1], known))
    assert rules.unusual_rate(of_logs(logs, known))


# strong_penalty


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_strong_penalty_names_the_strongest_with_its_layer(kind):
    bound = constants._STRONG_PENALTY
    known = {"regularisers": {"first": {"l2": 1e-4}, "second": {kind: 1.1 * bound}}}
    words = f"{kind.upper()} of second is {1.1 * bound:.3g}"
    alarms = rules.strong_penalty(before_training(**known))
    says(alarms, "strong_penalty", 0, 1.1 * bound, bound, words, "", level="note")
    known["regularisers"]["second"][kind] = 0.9 * bound
    assert not rules.strong_penalty(before_training(**known))


def test_strong_penalty_knows_weight_decay():
    bound = constants._STRONG_DECAY
    words = f"The weight decay is {1.1 * bound:.3g}"
    alarms = rules.strong_penalty(before_training(weight_decay=1.1 * bound))
    says(alarms, "strong_penalty", 0, 1.1 * bound, bound, words, "", level="note")
    assert not rules.strong_penalty(before_training(weight_decay=0.9 * bound))


# linear_stack


def test_linear_stack_is_about_several_layers():
    single = {"head": network()["head"]}
    assert not rules.linear_stack(of_layers([single], known=facts(is_linear=True)))
    (alarm,) = rules.linear_stack(before_training(is_linear=True))
    assert alarm.message.startswith("No non-linearity stands between the layers")
    assert not rules.linear_stack(before_training(is_linear=False))


def test_inputs_of_ordinary_data_are_normalised():
    random = np.random.default_rng(0)
    pixels, words = random.integers(0, 256, 10_000) / 255, np.eye(100)
    for array in (pixels, pixels - 0.5, random.standard_normal(10_000), words):
        ranges = InputFacts("", array.min(), array.max(), array.mean(), array.std())
        assert not rules.unscaled_inputs(before_training(inputs=(ranges,)))
