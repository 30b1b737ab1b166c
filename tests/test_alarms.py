"""Following rules: what begins, goes on and ends, and what a rule that fails costs."""

import functools
import warnings

import numpy as np
import pytest
from small_rules import alarm, raising, spans

import keras_filterwatch as fw
from keras_filterwatch.alarms import Judgement, follow, rule_name
from keras_filterwatch.history import History
from keras_filterwatch.scores import LayerScores, Scores


def history(steps=1):
    numbers = {"noise": 1.0, "slices": 99.0, "norm": 1.0, "rotation": 0.0}
    filters = {"noise": np.array([0.9, 1.1]), "norm": np.ones(2)}
    layer = LayerScores("Conv2D", (3, 3, 1, 2), "untrained", numbers, filters)
    return History(Scores(step, step, {"conv": layer}, {}, {"loss": 1.0}) for step in range(steps))


def judgements(*rules, steps):
    """The judgement at each step."""
    results = [Judgement()]
    for end in range(1, steps + 1):
        results.append(follow(rules, history(steps)[:end], results[-1].raised))
    return results[1:]


def test_what_is_raised_at_each_step_is_one_alarm_with_its_first_step():
    results = judgements(raising(*["warning"] * 3), steps=3)
    assert [spans(result.new) for result in results] == [[("warning", 0, None)], [], []]
    assert [spans(result.alarms) for result in results] == [[("warning", 0, None)]] * 3


def test_alarms_of_one_rule_about_two_layers_are_two():
    last = judgements(raising("warning"), raising("warning", layer="head"), steps=1)[-1]
    assert [each.layer for each in last.alarms] == ["first", "head"]


def test_an_alarm_ends_at_the_first_step_at_which_it_is_not_raised():
    results = judgements(raising("warning", "warning", None, None), steps=4)
    assert [spans(result.ended) for result in results] == [[], [], [("warning", 0, 2)], []]
    assert spans(results[-1].alarms) == [("warning", 0, 2)]


def test_an_alarm_that_is_raised_again_after_it_ended_is_a_new_one():
    results = judgements(raising("error", None, "error"), steps=3)
    assert spans(results[-1].alarms) == [("error", 0, 1), ("error", 2, None)]
    assert spans(results[-1].new) == [("error", 2, None)]


@pytest.mark.parametrize(
    ("before", "after"),
    [("note", "warning"), ("warning", "note"), ("warning", "error"), ("error", "warning")],
)
def test_another_level_ends_the_alarm_and_begins_one(before, after):
    last = judgements(raising(before, after), steps=2)[-1]
    assert spans(last.raised) == [(before, 0, 1), (after, 1, None)]
    assert spans(last.ended) == [(before, 0, 1)]
    assert spans(last.new) == [(after, 1, None)]


def test_errors_and_warnings_are_alarms_and_notes_are_not():
    rules = [raising(level, rule=level) for level in ("note", "error", "warning")]
    last = judgements(*rules, steps=1)[-1]
    assert [each.level for each in last.raised] == ["note", "error", "warning"]
    assert [each.level for each in last.alarms] == ["error", "warning"]
    assert [each.level for each in last.notes] == ["note"]


def test_alarms_that_hold_are_those_that_have_not_ended():
    ends, goes_on = raising("warning", None, rule="ends"), raising("error", "error", rule="goes_on")
    last = judgements(ends, goes_on, raising("note", "note", rule="note"), steps=2)[-1]
    assert [each.rule for each in last.holding] == ["goes_on"]
    assert last.active == {"goes_on"}


def test_of_two_alarms_of_a_rule_about_a_layer_at_one_step_the_first_counts():
    def twice(history):
        return [alarm(message="first"), alarm(message="second")]

    assert [each.message for each in follow([twice], history()).raised] == ["first"]


def test_of_two_alarms_of_a_rule_about_a_layer_at_one_step_the_more_severe_counts():
    def twice(history):
        return [alarm(level="note"), alarm(level="error"), alarm(level="warning")]

    assert [each.level for each in follow([twice], history()).raised] == ["error"]


def failing_at(step, *levels, rule="fails"):
    """A rule like `raising`, which raises KeyError at one step."""

    def fails(history):
        if history[-1].step == step:
            raise KeyError("oops")
        return raising(*levels, rule=rule)(history)

    return fails


@pytest.mark.parametrize("rule", ["fails", "a name that is not the function's"])
def test_the_alarms_of_a_rule_that_fails_go_on(rule):
    results = judgements(failing_at(1, "warning", None, None, rule=rule), steps=3)
    assert [spans(result.alarms) for result in results] == [
        [("warning", 0, None)],
        [("warning", 0, None)],
        [("warning", 0, 2)],
    ]


def test_the_alarms_of_other_rules_end_where_a_rule_fails():
    def ends(history):
        return raising("warning", None, rule="ends")(history)

    last = judgements(failing_at(1, None, None), ends, steps=2)[-1]
    assert spans(last.alarms) == [("warning", 0, 1)]


def test_what_a_rule_raised_before_it_failed_does_not_begin():
    def fails(history):
        yield alarm("fails")
        raise KeyError("oops")

    assert follow([fails], history()).raised == ()


def test_an_alarm_holds_at_the_step_that_raises_it_whatever_the_rule_says():
    assert spans(follow([lambda history: [alarm(ended=7)]], history()).new) == [
        ("warning", 0, None)
    ]


def test_following_rules_changes_nothing_that_came():
    earlier = [alarm()]
    follow([lambda history: [alarm("other")]], history(), earlier)
    assert earlier == [alarm()]


def test_a_rule_that_raises_is_named_and_the_others_are_followed():
    def broken(history):
        raise KeyError("oops")

    judgement = follow([broken, lambda history: [alarm()]], history())
    assert [(f.rule, f.what, f.reason) for f in judgement.failures] == [
        ("broken", "raised KeyError", "'oops'")
    ]
    assert [a.rule for a in judgement.alarms] == ["mine"]


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
    "level unknown": (
        [alarm(level="bad")],
        "returned an Alarm whose level is 'bad': one of 'error', 'warning', 'note' is needed",
    ),
    "level None": (
        [alarm(level=None)],
        "returned an Alarm whose level is None: one of 'error', 'warning', 'note' is needed",
    ),
    "an alarm and a number": ([alarm("odd"), 3], "returned int"),
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
