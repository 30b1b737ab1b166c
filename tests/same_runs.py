"""What it means that two trainings are the same: each number, alarm and picture of them."""

from dataclasses import fields

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.scores import LayerScores, Scores


def assert_same_numbers(one, other, where=""):
    """Demands the same numbers under the same names; NaN is the same as NaN."""
    assert list(one) == list(other), where
    for name, number in one.items():
        np.testing.assert_equal(other[name], number, f"{where} {name}")


def assert_same_arrays(one, other, where=""):
    """Demands the same arrays, of the same dtype, under the same names."""
    assert list(one) == list(other), where
    for name, array in one.items():
        if array.dtype.kind != "U":  # words are as long as the longest one
            assert array.dtype == other[name].dtype, f"{where} {name}"
        np.testing.assert_array_equal(other[name], array, f"{where} {name}")


def assert_same_layers(one: LayerScores, other: LayerScores, where=""):
    """Demands the same scores of a layer."""
    assert_same_numbers(one.numbers, other.numbers, where)
    assert_same_arrays(one.filters, other.filters, where)
    for each in fields(LayerScores):
        if each.name not in ("numbers", "filters"):
            ours, theirs = getattr(one, each.name), getattr(other, each.name)
            np.testing.assert_equal(theirs, ours, f"{where} {each.name}")
            assert type(theirs) is type(ours), f"{where} {each.name}"


def assert_same_scores(one: Scores, other: Scores):
    """Demands the same scores of a network."""
    where = f"step {one.step}"
    assert (one.step, one.epoch, one.updates) == (other.step, other.epoch, other.updates), where
    assert dict(one.skipped) == dict(other.skipped), where
    assert_same_numbers(one.logs, other.logs, f"{where} logs")
    assert list(one) == list(other), where
    for name in one:
        assert_same_layers(one[name], other[name], f"{where} {name}")


def assert_same_histories(one, other):
    """Demands the same scores at the same steps."""
    assert [scores.step for scores in one] == [scores.step for scores in other]
    for ours, theirs in zip(one, other, strict=True):
        assert_same_scores(ours, theirs)


def assert_same_alarms(one, other):
    """Demands the same alarms in the same order."""
    assert len(one) == len(other)
    for ours, theirs in zip(one, other, strict=True):
        for each in fields(Alarm):
            np.testing.assert_equal(getattr(theirs, each.name), getattr(ours, each.name))


def assert_same_strips(one, other):
    """Demands film strips that are drawn the same, pixel by pixel."""
    assert list(one) == list(other)
    for name in one:
        assert one[name].draw().tobytes() == other[name].draw().tobytes(), name


def assert_same_runs(one, other):
    """Demands that a Run or FilterWatch says the same as another, apart from problems."""
    assert_same_histories(one.history, other.history)
    assert_same_alarms(one.alarms, other.alarms)
    assert_same_alarms(one.notes, other.notes)
    assert one.diagnosis == other.diagnosis
    assert one.history.facts == other.history.facts
    assert_same_strips(one.film_strips, other.film_strips)
