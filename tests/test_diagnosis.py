"""Which cause is named for which alarms and history, and what is said about it."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.diagnosis import ADVICE, Diagnosis, diagnose
from keras_filterwatch.scores import LayerScores, Scores

AT_REST, MOVED = (0.0005, 0.0006, 0.002), (0.1, 0.2, 0.2)
BEHIND = (0.0005, 0.02, 0.2)  # the last layers moved, the first one did not


def alarm(rule, layer="layer0"):
    return fw.Alarm(rule, layer, 5, 1.0, 0.5, (), f"{rule} in {layer}.")


def history(*rotations, frozen=(), logs=()):
    """A step for each epoch's rotations, a layer each, of ten units; after the initial state."""
    logged = dict(enumerate(logs, 1))
    steps = []
    for step, rotated in enumerate([(0,) * len(rotations[0]), *rotations]):
        layers = {
            f"layer{i}": LayerScores("", (8, 10), "", {"rotation": each}, {}, i not in frozen)
            for i, each in enumerate(rotated)
        }
        steps.append(Scores(step, step, layers, {}, logged.get(step, {})))
    return steps


def validated(*accuracies):
    """Of ten classes, .18 is (.18 - .1) / .9 = .09 of the way from guessing, .2 is .11 of it."""
    logs = [{"loss": 1.0, "accuracy": 1.0, "val_accuracy": each} for each in accuracies]
    return history(*[MOVED] * len(logs), logs=logs)


CASES = [
    ("diverged", ["diverged"], history(MOVED)),
    ("symmetric initialisation", ["symmetric"], history(MOVED)),
    ("frozen at random", ["noisy"], history(MOVED, frozen=(0,))),
    ("vanishing gradient", ["stalled"], history(BEHIND)),
    ("vanishing gradient", ["stalled"], history(BEHIND, AT_REST)),
    ("rate too low", ["stalled"], history(AT_REST)),
    ("rate too low", ["stalled"], history((0.00005, 0.0002, 0.0009))),
    ("rate too low", ["stalled"], history((0.0005, 0.02))),  # two layers show no gradient vanish
    ("rate too low", ["noisy"], history((0.009, 0.009))),
    ("saturated", ["saturated"], history(MOVED)),
    ("over-regularised", ["shrinking"], history(MOVED)),
    ("rate too high", ["exploding"], history(MOVED)),
    ("rate too high", ["dead"], history(MOVED)),
    ("rate too high", ["shrinking", "exploding"], history(MOVED)),
    ("memorised", ["overfitting"], validated(0.18, 0.15)),
    ("overfit", ["overfitting"], validated(0.2, 0.15)),
    ("overfit", ["overfitting"], history(MOVED)),
    ("no fault found", [], history(MOVED)),
    ("can't tell", ["getting_noisier"], history(MOVED)),
    ("can't tell", ["noisy"], history((0.005, 0.011))),
    ("can't tell", ["of one's own"], history(MOVED)),
]


@pytest.mark.parametrize(("cause", "rules", "steps"), CASES)
def test_a_cause_is_named_for_its_alarms_and_history(cause, rules, steps):
    diagnosis = diagnose(steps, [alarm(rule) for rule in rules])
    assert (diagnosis.cause, diagnosis.advice) == (cause, ADVICE[cause])


def test_every_cause_has_advice_and_every_advice_a_cause():
    assert {cause for cause, *_ in CASES} == set(ADVICE)
    assert all(ADVICE.values())


ORDER = [
    ("diverged", "diverged"),
    ("symmetric", "symmetric initialisation"),
    ("shrinking", "over-regularised"),
    # in the first layer; what saturates later does so for want of gradient
    ("saturated", "saturated"),
    ("stalled", "vanishing gradient"),
    ("dead", "rate too high"),
    ("overfitting", "overfit"),
    ("noisy", "can't tell"),
]


@pytest.mark.parametrize("first", range(len(ORDER)), ids=[rule for rule, _ in ORDER])
def test_a_cause_that_explains_others_stands_first(first):
    alarms = [alarm(rule) for rule, _ in reversed(ORDER[first:])]
    assert diagnose(history(BEHIND), alarms).cause == ORDER[first][1]


def test_a_layer_frozen_at_random_explains_that_others_stall():
    alarms = [alarm("stalled", "layer1"), alarm("noisy", "layer0")]
    assert diagnose(history(BEHIND, frozen=(0,)), alarms).cause == "frozen at random"


def test_a_frozen_layer_is_not_what_lies_behind():
    rotations = (0, 0.01, 0.02, 0.02)
    assert diagnose(history(rotations, frozen=(0,)), [alarm("stalled")]).cause == "rate too low"


def test_later_layers_that_saturate_do_so_for_want_of_gradient():
    alarms = [alarm("saturated", "layer2"), alarm("stalled", "layer0")]
    assert diagnose(history(BEHIND), alarms).cause == "vanishing gradient"


def test_a_layer_of_zeros_is_symmetric_and_not_dead():
    array = np.random.default_rng(0).standard_normal((8, 10))
    layers = {"zeros": np.zeros((3, 3, 4, 8)), "head": array}
    snapshots = [
        fw.Snapshot(step, tuple(fw.Kernel(name, "", each) for name, each in layers.items()))
        for step in range(6)
    ]
    steps = [fw.score(each, first=snapshots[0]) for each in snapshots]
    alarms = [each for rule in fw.default_rules() for each in rule(steps)]
    assert {each.rule for each in alarms} == {"symmetric"}
    assert diagnose(steps, alarms).cause == "symmetric initialisation"


def test_the_evidence_is_what_speaks_for_the_cause():
    alarms = [alarm("dead", "layer2"), alarm("diverged", "layer0"), alarm("diverged", "layer1")]
    evidence = diagnose(history(MOVED), alarms).evidence
    assert evidence == ("diverged in layer0.", "diverged in layer1.")


def test_the_evidence_of_frozen_layers_leaves_out_those_that_train():
    alarms = [alarm("noisy", "layer0"), alarm("noisy", "layer1")]
    assert diagnose(history(MOVED, frozen=(1,)), alarms).evidence == ("noisy in layer1.",)


def test_a_layers_name_keeps_its_letters_in_the_sentences():
    messages = ("conv2d stalled.", "CONV stalled.", "_x stalled.")
    alarms = [fw.Alarm("stalled", m.split()[0], 5, 1.0, 0.5, (), m) for m in messages]
    assert str(diagnose(history(AT_REST), alarms)).startswith(f"Rate too low. {' '.join(messages)}")


def test_the_evidence_is_three_sentences_at_most():
    alarms = [alarm("dead", f"layer{i}") for i in range(5)]
    assert diagnose(history(MOVED), alarms).evidence == tuple(a.message for a in alarms[:3])


def test_silence_that_lasted_needs_no_evidence():
    assert diagnose(history(*[MOVED] * 5), []).evidence == ()


def test_silence_after_few_epochs_says_so():
    (evidence,) = diagnose(history(*[MOVED] * 4), []).evidence
    assert evidence == "Epochs watched: 4; most alarms need 5."


@pytest.mark.parametrize("steps", [[], history(MOVED)[:1]], ids=["no step", "the start only"])
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
