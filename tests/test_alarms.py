"""Following rules: every rule is heard, and one that fails is named and stops no other."""

import functools
import warnings

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.alarms import Alarm, Judgement, follow, rule_name
from keras_filterwatch.history import History
from keras_filterwatch.scores import LayerScores, Scores


def history(steps=1):
    numbers = {"noise": 1.0, "slices": 99.0, "norm": 1.0, "rotation": 0.0}
    filters = {"noise": np.array([0.9, 1.1]), "norm": np.ones(2)}
    layer = LayerScores("Conv2D", (3, 3, 1, 2), "untrained", numbers, filters)
    return History(Scores(step, step, {"conv": layer}, {}, {"loss": 1.0}) for step in range(steps))


def alarm(rule="mine", layer="conv", **changes):
    fields = {"step": 0, "value": 1.0, "threshold": 0.5, "filters": (), "message": "It is so."}
    return Alarm(rule, layer, **{**fields, **changes})


def test_a_rule_raises_one_alarm_about_a_layer_over_all_steps():
    def always(history):
        return [alarm("always", layer, step=history[-1].step) for layer in ("conv", "head")]

    judgement, new = Judgement(), []
    for end in (1, 2, 3):
        judgement = follow([always], history(3)[:end], judgement.alarms)
        new.append(len(judgement.new))
    assert new == [2, 0, 0]
    assert [(a.layer, a.step) for a in judgement.alarms] == [("conv", 0), ("head", 0)]


def test_active_rules_are_those_with_an_alarm_now_also_one_raised_before():
    judgement = follow([lambda history: [alarm()]], history(), [alarm()])
    assert judgement.active == {"mine"}
    assert not follow([lambda history: []], history(), [alarm()]).active


def test_following_rules_changes_nothing_that_came():
    earlier = [alarm()]
    follow([lambda history: [alarm("other")]], history(), earlier)
    assert earlier == [alarm()]


def test_a_rule_that_raises_is_named_and_the_others_are_followed():
    def broken(history):
        yield alarm("broken")
        raise KeyError("oops")

    judgement = follow([broken, lambda history: [alarm()]], history())
    assert [(f.rule, f.what, f.reason) for f in judgement.failures] == [
        ("broken", "raised KeyError", "'oops'")
    ]
    assert [a.rule for a in judgement.alarms] == ["broken", "mine"]


class UnreadableError(Exception):
    def __str__(self):
        raise ValueError("no")


def test_a_rule_whose_error_cannot_be_read_is_named_and_the_others_are_followed():
    def broken(history):
        raise UnreadableError

    judgement = follow([broken, lambda history: [alarm()]], history())
    assert [(f.what, f.reason) for f in judgement.failures] == [
        ("raised UnreadableError", "its message cannot be read")
    ]
    assert judgement.alarms == (alarm(),)


NONSENSE = {
    "nothing": (None, "returned NoneType"),
    "bytes": (b"alarm", "returned bytes"),
    "text": ("alarm", "returned str"),
    "a number": (3, "returned int"),
    "a list of numbers": ([3], "returned int"),
    "message None": ([alarm(message=None)], "returned an Alarm whose message is of type NoneType"),
    "message bytes": ([alarm(message=b"x")], "returned an Alarm whose message is of type bytes"),
    "layer None": ([alarm(layer=None)], "returned an Alarm whose layer is of type NoneType"),
    "rule a number": ([alarm(rule=3)], "returned an Alarm whose rule is of type int"),
    "step text": ([alarm(step="3")], "returned an Alarm whose step is of type str"),
    "value None": ([alarm(value=None)], "returned an Alarm whose value is of type NoneType"),
    "threshold a list": (
        [alarm(threshold=[])],
        "returned an Alarm whose threshold is of type list",
    ),
    "filters text": ([alarm(filters="12")], "returned an Alarm whose filters is of type str"),
}


@pytest.mark.parametrize(("result", "what"), NONSENSE.values(), ids=list(NONSENSE))
def test_a_rule_that_returns_something_else_than_alarms_is_named(result, what):
    def odd(history):
        return result

    judgement = follow([odd, lambda history: [alarm()]], history())
    assert [(f.rule, f.what) for f in judgement.failures] == [("odd", what)]
    assert "a rule returns a list of Alarm" in judgement.failures[0].reason
    assert judgement.alarms == (alarm(),)


def test_one_alarm_without_a_list_counts():
    assert follow([lambda history: alarm()], history()).alarms == (alarm(),)


def test_numbers_of_numpy_are_numbers():
    one = alarm(step=np.int64(1), value=np.float32(1), filters=np.array([1]))
    assert follow([lambda history: [one]], history()).failures == ()


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_passes(error):
    def interrupted(history):
        raise error

    with pytest.raises(error):
        follow([interrupted], history())


def spoil_list(history):
    history.append(None)


def spoil_layers(history):
    history[-1].layers["conv"] = None


def spoil_numbers(history):
    history[-1]["conv"].numbers["noise"] = 0.0


def spoil_filters(history):
    history[-1]["conv"].filters["noise"][:] = 0.0


def spoil_logs(history):
    history[-1].logs["loss"] = 0.0


@pytest.mark.parametrize(
    "rule", [spoil_list, spoil_layers, spoil_numbers, spoil_filters, spoil_logs]
)
def test_a_rule_cannot_spoil_the_history(rule):
    steps = history()
    assert len(follow([rule], steps).failures) == 1
    assert steps[-1]["conv"]["noise"] == 1.0
    assert steps[-1]["conv"].filters["noise"].tolist() == [0.9, 1.1]
    assert steps[-1].logs["loss"] == 1.0


def test_rules_take_a_plain_sequence_of_scores():
    for rule in fw.default_rules():
        assert list(rule(list(history(3)))) == list(rule(history(3)))


def test_the_default_rules_follow_a_history_with_warnings_as_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert follow(fw.default_rules(), history(9)).failures == ()


class Callable:
    def __call__(self, history):
        return []


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (fw.rules.noisy, "noisy"),
        (functools.partial(functools.partial(fw.rules.noisy), patience=9), "noisy"),
        (Callable(), "Callable"),
    ],
)
def test_the_name_of_a_rule_is_that_of_its_function(rule, name):
    assert rule_name(rule) == name


def test_an_alarm_is_frozen():
    with pytest.raises(AttributeError):
        alarm().value = 2.0
