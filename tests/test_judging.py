"""`fw.judge`: rules that are applied to a recorded training say what they said while it went on."""

import keras
import numpy as np
import pytest
from keras import layers
from made_up import curves, facts, of_logs
from same_runs import assert_same_alarms
from small_rules import raising, spans
from trainings import LEARNING, compiled, data, fit, network

import keras_filterwatch as fw


def dead_units():
    """A network half of whose units are dead, and that learns nothing."""
    keras.utils.set_random_seed(0)
    bias = keras.initializers.Constant(-10.0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(8, 5, activation="relu", bias_initializer=bias, name="first"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    return compiled(model)


TRAININGS = {
    "as usual": lambda: network(),
    "diverges": lambda: compiled(network(), rate=1e30),
    "stands still": lambda: compiled(network(), rate=0.0),
    "dead units": dead_units,
}


@pytest.mark.parametrize("name", TRAININGS)
def test_the_default_rules_say_the_same_again(tmp_path, name):
    watch = fw.FilterWatch(tmp_path, images=False, probe=data())
    fit(TRAININGS[name](), watch, epochs=4, validation_data=data())
    judgement = fw.judge(fw.read(tmp_path))
    assert_same_alarms(judgement.alarms, watch.alarms)
    assert_same_alarms(judgement.notes, watch.notes)
    assert not judgement.failures
    assert name == "as usual" or judgement.raised


def test_alarms_that_come_and_go_do_so_again(tmp_path):
    rules = [raising(None, "note", "warning", None, "error")]
    watch = fw.FilterWatch(tmp_path, images=False, rules=rules)
    fit(network(), watch, epochs=4)
    judgement = fw.judge(fw.read(tmp_path), rules)
    assert spans(judgement.raised) == [("note", 1, 2), ("warning", 2, 3), ("error", 4, None)]
    assert_same_alarms(judgement.alarms, watch.alarms)


def test_other_rules_can_be_tried_on_a_recorded_training(tmp_path):
    def large(history):
        last = history[-1]
        for name, layer in last.items():
            if layer["norm"] > 0:
                message = f"{name} has weights."
                yield fw.Alarm("large", name, last.step, layer["norm"], 0.0, (), message)

    fit(network(), fw.FilterWatch(tmp_path, images=False, rules=[]), epochs=1)
    judgement = fw.judge(fw.read(tmp_path), [large])
    assert [(alarm.layer, alarm.step) for alarm in judgement.alarms] == [
        *(("first", 0), ("second", 0), ("head", 0)),
    ]


def test_rules_get_the_facts_that_were_known_at_the_step(tmp_path):
    directions = []
    rule = lambda history: directions.append(bool(history.facts.metric_directions)) or []  # noqa: E731
    fit(network(), fw.FilterWatch(tmp_path, images=False, rules=[]), epochs=2)
    fw.judge(fw.read(tmp_path), [rule])
    assert directions == [False, True, True]


def test_a_callback_and_a_history_can_be_judged_too(tmp_path):
    watch = fw.FilterWatch(tmp_path, images=False)
    fit(compiled(network(), rate=1e30), watch, epochs=2)
    assert fw.judge(watch).raised
    assert {alarm.rule for alarm in fw.judge(watch.history).raised} >= {"diverged"}


def test_a_history_keeps_its_facts():
    history = of_logs(curves(loss=[2.3] * 6, accuracy=[0.1] * 6), facts(epochs=6))
    rules = [lambda history: [] if history.facts.epochs == 6 else [None]]
    assert not fw.judge(history, rules).failures


def test_a_rule_that_fails_is_named():
    history = of_logs([{"loss": 0.5}])
    (failure,) = fw.judge(history, [lambda history: history[0]["nowhere"]]).failures
    assert failure.what == "raised KeyError"


@pytest.mark.parametrize("source", [5, "logs/run1", None, np.float32(1)])
def test_what_is_no_training_is_an_error(source):
    with pytest.raises(TypeError, match=r"a Run, such as fw.read\(log_dir\)"):
        fw.judge(source)


def test_learning_is_left_in_peace(tmp_path):
    fit(compiled(network(), LEARNING), fw.FilterWatch(tmp_path, images=False), epochs=3)
    assert fw.judge(fw.read(tmp_path)).alarms == ()
