"""Which cause is named for which alarms, history and facts, and what is said about it."""

import re
from dataclasses import replace

import pytest
from made_up import GOOD, POOR, curves, diagnosed, facts, layer, network, of_layers, of_logs, output

import keras_filterwatch as fw
from keras_filterwatch.diagnosis import ADVICE, CAUSES, Diagnosis, diagnose
from keras_filterwatch.history import History
from keras_filterwatch.model_facts import InputFacts
from keras_filterwatch.rules.setup import USUAL_RATES
from keras_filterwatch.scores import Scores

SGD_LOW, SGD_HIGH = USUAL_RATES["SGD"]
PIXELS = InputFacts("", 0, 255, 33, 78)


def alarm(rule, layer="conv", threshold=0.5):
    return fw.Alarm(rule, layer, 5, 1.0, threshold, (), f"{rule} in {layer}.")


def moved(known=None, epochs=5, logs=POOR, start=None, **numbers):
    """A network whose layers turned; `start` are numbers of `conv` that differ at first."""
    later = network(**numbers)
    first = later | {"conv": layer(**{"rotation": 0.0} | numbers | (start or {}))}
    return of_layers([first] + [later] * epochs, [logs] * epochs, known)


def at_rest(known=None):
    still = {"conv": layer(rotation=0.0), "head": layer((8, 10), rotation=0.0)}
    return of_layers([still] * 6, [POOR] * 5, known)


def sgd(rate, **others):
    return facts(optimizer="SGD", learning_rate=rate, **others)


def validated(*accuracies):
    """A network that knows its training data by heart, with these accuracies on other data."""
    training = [1.0] * len(accuracies)
    return of_logs(curves(accuracy=training, val_accuracy=accuracies))


CASES = [
    (
        "inputs not finite",
        ["unscaled_inputs"],
        moved(facts(inputs=(InputFacts("", 0, 1, 0, 1, 0.9),))),
    ),
    ("symmetric initialisation", ["symmetric"], moved()),
    ("loss does not fit the output", ["output_mismatch"], moved()),
    ("labels or loss wrong", ["contradiction"], moved()),
    ("inputs not normalised", ["unscaled_inputs"], moved(facts(inputs=(PIXELS,)))),
    ("inputs not normalised", ["huge_first_loss"], moved()),
    ("can't tell", ["huge_first_loss"], moved(facts(inputs=(InputFacts("", 0, 1, 0, 1),)))),
    ("diverged", ["diverged"], moved()),
    ("frozen at random", ["frozen_at_random"], moved()),
    ("dead at the start", ["dead"], moved(dead_units=0.9)),
    ("dead at the start", ["dead"], moved(rotation=0.0)),
    ("clipped to nothing", ["stalled"], at_rest(facts(clipping={"clipnorm": 1e-9}))),
    ("rate too low", ["stalled"], at_rest(facts(clipping={"clipnorm": 1.0}))),
    ("rate too low", ["stalled"], at_rest()),
    ("rate too low", ["noisy"], at_rest()),
    ("can't tell", ["noisy"], moved()),
    ("rate too low", ["unusual_rate"], moved(sgd(0.1 * SGD_LOW))),
    ("rate too high", ["unusual_rate"], moved(sgd(10 * SGD_HIGH))),
    ("over-regularised", ["shrinking"], moved()),
    ("over-regularised", ["shrinking"], moved(sgd(0.1, weight_decay=1.0))),
    ("over-regularised", ["strong_penalty"], moved(sgd(0.1, regularisers={"a": {"l2": 1.0}}))),
    ("can't tell", ["shrinking"], moved(sgd(0.1))),
    ("saturated", ["saturated"], moved()),
    ("saturated", ["saturated"], moved(saturated_units=0.9)),
    ("vanishing gradient", ["vanishing"], moved()),
    ("rate too high", ["exploding"], moved()),
    ("rate too high", ["dead"], moved()),
    ("rate too high", ["dead"], moved(sgd(0.5 * SGD_HIGH))),
    ("can't tell", ["dead"], moved(sgd(0.05 * SGD_HIGH))),
    ("rate too high", ["shrinking", "exploding"], moved()),
    ("too much dropout", ["strong_dropout"], moved()),
    ("memorised", ["overfitting"], validated(0.3, 0.12, 0.1)),
    ("overfit", ["overfitting"], validated(0.3, 0.3, 0.3)),
    ("overfit", ["overfitting"], moved()),
    ("can't tell", ["gets_nowhere"], moved()),
    ("no non-linearity", ["linear_stack"], moved()),
    ("can't tell", ["of one's own"], moved()),
    ("no fault found", [], moved()),
]


@pytest.mark.parametrize(("cause", "rules", "steps"), CASES)
def test_a_cause_is_named_for_its_alarms_and_history(cause, rules, steps):
    diagnosis = diagnose(steps, [alarm(rule) for rule in rules])
    assert diagnosis.cause == cause
    assert diagnosis.advice.endswith(ADVICE[cause])


def test_every_cause_has_advice_and_every_advice_a_cause():
    assert {cause for cause, *_ in CASES} == set(ADVICE)
    assert all(ADVICE.values())


def test_each_rule_but_those_that_only_say_what_is_odd_has_a_cause():
    explained = {rule for cause, rules, _ in CASES for rule in rules if cause != "can't tell"}
    assert set(fw.rules.RULES) - explained == {"gets_nowhere", "getting_noisier"}


ORDER = [
    ("symmetric", "symmetric initialisation"),
    ("output_mismatch", "loss does not fit the output"),
    ("contradiction", "labels or loss wrong"),
    ("unscaled_inputs", "inputs not normalised"),
    ("diverged", "diverged"),
    ("frozen_at_random", "frozen at random"),
    ("stalled", "rate too low"),
    ("shrinking", "over-regularised"),
    # what saturates later does so for want of gradient
    ("vanishing", "vanishing gradient"),
    ("saturated", "saturated"),
    ("huge_first_loss", "inputs not normalised"),
    ("strong_dropout", "too much dropout"),
    ("dead", "rate too high"),
    ("overfitting", "overfit"),
    ("gets_nowhere", "can't tell"),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[rule for rule, _ in ORDER])
def test_a_cause_that_explains_others_stands_first(first):
    alarms = [alarm(rule) for rule, _ in reversed(ORDER[first:])]
    assert diagnose(moved(), alarms).cause == ORDER[first][1]


@pytest.mark.parametrize(("share", "cause"), [(0.6, "saturated"), (0.4, "vanishing gradient")])
def test_units_that_were_saturated_at_the_start_stand_before_vanishing_gradients(share, cause):
    steps = moved(start={"saturated_units": share}, saturated_units=0.9)
    alarms = [alarm("vanishing"), alarm("saturated", threshold=0.5)]
    assert diagnose(steps, alarms).cause == cause


@pytest.mark.parametrize(("share", "cause"), [(0.6, "dead at the start"), (0.4, "rate too high")])
def test_units_that_died_in_training_were_killed_by_a_high_rate(share, cause):
    steps = moved(start={"dead_units": share}, dead_units=0.9)
    assert diagnose(steps, [alarm("dead", threshold=0.5)]).cause == cause


def test_units_that_updates_before_the_first_step_may_have_killed_were_not_dead_at_the_start():
    first, *later = moved(sgd(10 * SGD_HIGH), rotation=0.0)
    steps = History([replace(first, updates=38), *later], sgd(10 * SGD_HIGH))
    assert diagnose(steps, [alarm("dead")]).cause == "rate too high"


def test_a_network_that_rests_at_an_unusually_high_rate_needs_no_higher_one():
    assert diagnose(at_rest(sgd(10 * SGD_HIGH)), [alarm("stalled")]).cause == "can't tell"


def test_a_rate_that_is_unusual_explains_a_huge_loss_of_the_first_epoch():
    alarms = [alarm("huge_first_loss"), alarm("unusual_rate")]
    assert diagnose(moved(sgd(10 * SGD_HIGH)), alarms).cause == "rate too high"


def test_no_rate_explains_a_huge_loss_before_training():
    alarms = [alarm("huge_first_loss"), alarm("unusual_rate")]
    first, *later = moved(sgd(10 * SGD_HIGH))
    steps = [replace(first, logs={"probe_loss": 1e4}), *later]
    steps = History(steps, sgd(10 * SGD_HIGH))
    assert diagnose(steps, alarms).cause == "inputs not normalised"


def test_a_rate_that_is_unusual_explains_filters_that_shrank():
    known = sgd(10 * SGD_HIGH, regularisers={"conv": {"l2": 1e-4}})
    alarms = [alarm("shrinking"), alarm("unusual_rate")]
    assert diagnose(moved(known), alarms).cause == "rate too high"


def test_a_network_at_rest_has_a_rate_that_is_too_low_rather_than_too_high():
    alarms = [alarm("dead"), alarm("noisy"), alarm("stalled")]
    assert diagnose(at_rest(), alarms[1:]).cause == "rate too low"


# What stands in a diagnosis.


@pytest.mark.parametrize(
    ("rule", "known", "words"),
    [
        ("diverged", sgd(0.1), "Learning rate 0.1 of SGD: try 1e-02."),
        ("exploding", sgd(0.5), "Learning rate 0.5 of SGD: try 5e-02."),
        ("stalled", sgd(0.01), "Learning rate 0.01 of SGD: try 1e-01."),
        # one that is unusual gets a usual one: sqrt(1e-4 * 1) = .01, sqrt(1e-5 * 3e-2) = 5.5e-4
        ("exploding", sgd(50.0), "Learning rate 50 of SGD: try 2e-02."),
        (
            "stalled",
            facts(optimizer="Adam", learning_rate=1e-9),
            "Learning rate 1e-09 of Adam: try 5e-04.",
        ),
        ("diverged", facts(optimizer="Mine", learning_rate=0.3), "Learning rate 0.3 of Mine: try"),
        ("diverged", facts(learning_rate=0.3), "Learning rate 0.3 of the optimizer: try"),
        (
            "shrinking",
            sgd(0.1, regularisers={"a": {"l2": 0.01, "l1": 0.5}, "b": {"l2": 0.2}}),
            "The strongest is L1 0.5 of a: try a tenth.",
        ),
        (
            "shrinking",
            sgd(0.1, weight_decay=0.7),
            "The strongest is weight decay 0.7: try a tenth.",
        ),
    ],
)
def test_the_advice_begins_with_numbers_where_there_are_some(rule, known, words):
    steps = at_rest(known) if rule == "stalled" else moved(known)
    assert diagnose(steps, [alarm(rule)]).advice.startswith(words)


def test_the_rate_that_was_logged_last_stands_in_the_advice():
    logs = POOR | {"learning_rate": 0.02}
    advice = diagnose(moved(sgd(0.1), logs=logs), [alarm("diverged")]).advice
    assert advice.startswith("Learning rate 0.02 of SGD: try 2e-03.")


def test_of_a_rate_that_rose_for_an_epoch_the_rise_is_the_fault():
    usual = {"learning_rate": SGD_LOW}
    steps = moved(sgd(SGD_LOW), logs=POOR | usual)
    rose = replace(steps[-2], logs=POOR | {"learning_rate": 10 * SGD_HIGH})
    history = History([*steps[:-2], rose, steps[-1]], sgd(SGD_LOW))
    advice = diagnose(history, [alarm("diverged")]).advice
    assert advice.startswith(
        f"The learning rate was {10 * SGD_HIGH:.3g} at its highest and is {SGD_LOW:.3g} now: begin "
        "again from weights that were saved before"
    )


def test_of_an_optimizer_whose_usual_rates_are_unknown_no_rise_is_the_fault():
    steps = moved(facts(optimizer="Mine"), logs=POOR | {"learning_rate": 0.1})
    fell = replace(steps[-1], logs=POOR | {"learning_rate": 0.01})
    history = History([*steps[:-1], fell], facts(optimizer="Mine"))
    advice = diagnose(history, [alarm("diverged")]).advice
    assert advice.startswith("Learning rate 0.01 of Mine: try 1e-03.")


@pytest.mark.parametrize("rate", [0.1 * SGD_LOW, 10 * SGD_HIGH])
@pytest.mark.parametrize(("rule", "lowers"), [("diverged", True), ("stalled", False)])
def test_the_rate_in_the_advice_is_lower_where_it_says_lower(rule, lowers, rate):
    advice = diagnose(at_rest(sgd(rate)), [alarm(rule)]).advice
    tried = re.search(r"try ([^ ]+)\. ", advice)
    assert tried is None or (float(tried[1]) < rate) == lowers


@pytest.mark.parametrize("known", [None, facts(), sgd(None), sgd(0.0)])
def test_the_advice_names_no_number_that_is_not_known(known):
    advice = diagnose(moved(known), [alarm("diverged")]).advice
    assert advice == ADVICE["diverged"]


def test_a_layer_of_zeros_is_symmetric_and_not_dead():
    zeros = layer(filters={"norm": [0.0] * 8, "dead": [1.0] * 8}, dead=1.0, norm=0.0)
    steps = of_layers([network() | {"conv": zeros}] * 6, [POOR] * 5, facts())
    assert diagnosed(steps).cause == "symmetric initialisation"


def test_the_evidence_is_what_speaks_for_the_cause():
    alarms = [alarm("dead", "other"), alarm("diverged", "conv"), alarm("diverged", "head")]
    evidence = diagnose(moved(), alarms).evidence
    assert evidence == ("diverged in conv.", "diverged in head.")


def test_the_evidence_for_the_start_leaves_out_what_came_later():
    steps = moved(dead_units=0.9)
    alarms = [alarm("dead", "head"), alarm("dead", "conv")]
    diagnosis = diagnose(steps, alarms)
    assert (diagnosis.cause, diagnosis.evidence) == ("dead at the start", ("dead in conv.",))


def test_a_layers_name_keeps_its_letters_in_the_sentences():
    messages = ("conv2d stalled.", "CONV stalled.", "_x stalled.")
    alarms = [fw.Alarm("stalled", m.split()[0], 5, 1.0, 0.5, (), m) for m in messages]
    assert str(diagnose(at_rest(), alarms)).startswith(f"Rate too low. {' '.join(messages)}")


def test_the_evidence_is_three_sentences_at_most():
    alarms = [alarm("exploding", f"layer{i}") for i in range(5)]
    assert diagnose(moved(), alarms).evidence == tuple(a.message for a in alarms[:3])


def test_silence_that_lasted_needs_no_evidence():
    assert diagnose(moved(logs=GOOD), []).evidence == ()


def test_silence_after_few_epochs_says_so():
    (evidence,) = diagnose(moved(epochs=4), []).evidence
    assert evidence.startswith("Epochs watched: 4")


@pytest.mark.parametrize("steps", [[], moved()[:1]], ids=["no step", "the start only"])
def test_before_training_nothing_can_be_told(steps):
    assert diagnose(steps, []).cause == "can't tell"


def test_a_diagnosis_prints_its_cause_evidence_and_advice():
    diagnosis = Diagnosis("rate too high", ("It is so.", "And so."), "Lower it.")
    assert str(diagnosis) == "Rate too high. It is so. And so. Lower it."


def test_without_a_history_nothing_is_known_about_alarms():
    assert diagnose([], [alarm("dead")]).cause == "can't tell"


def test_what_was_not_watched_is_not_told_to_train_on():
    steps = [Scores(step, step, {}) for step in range(6)]
    assert "watch.problems" in diagnose(steps, []).advice


def test_what_weights_and_logs_do_not_show_is_named_where_no_cause_is():
    advice = diagnose(moved(), [alarm("gets_nowhere")]).advice
    assert all(words in advice for words in ("labels", "batch size", "large enough"))


def test_causes_of_one_name_have_one_advice():
    # `ADVICE`, and the table in docs/alarms.md, have the last one of each name
    advice = {(cause.name, cause.advice) for cause in CAUSES}
    assert len(advice) == len({cause.name for cause in CAUSES})


def test_an_output_that_does_not_fit_explains_that_the_network_memorises():
    steps = of_logs(curves(accuracy=[1.0] * 4, val_accuracy=[0.3] * 4), facts(output(last="relu")))
    alarms = [alarm("overfitting"), alarm("output_mismatch")]
    assert diagnose(steps, alarms).cause == "loss does not fit the output"
