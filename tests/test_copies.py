"""Copies of a FilterWatch: by copy, deepcopy and pickle, before and after a training."""

import copy
import pickle

import numpy as np
import pytest
from small_rules import raising
from trainings import fit, network, steps
from viewer import read

import keras_filterwatch as fw


def peak(array):
    """A metric that pickle can find by its name."""
    return np.abs(array).max()


def pickled(watch):
    return pickle.loads(pickle.dumps(watch))


WAYS = {"copy": copy.copy, "deepcopy": copy.deepcopy, "pickle": pickled}


@pytest.fixture(params=WAYS.values(), ids=list(WAYS))
def copied(request):
    return request.param


def test_a_copy_has_the_arguments(tmp_path, copied):
    watch = fw.FilterWatch(
        tmp_path, layers="f*", freq=2, probe=np.ones((4, 12, 12, 3)), metrics={"peak": peak}
    )
    other = copied(watch)
    assert (other.log_dir, other.layers, other.images) == (watch.log_dir, ["f*"], watch.images)
    assert other.metrics == {"peak": peak}
    np.testing.assert_array_equal(other.probe.inputs, watch.probe.inputs)
    assert not other.async_safe  # it counts batches too


def test_a_copy_of_an_unused_watch_watches(tmp_path, copied):
    watch = copied(fw.FilterWatch(tmp_path))
    fit(network(), watch)
    assert steps(watch) == [0, 1, 2]
    assert len(read(tmp_path / "filterwatch")["noise/00_first"]) == 3


def test_a_copy_has_the_results(tmp_path, copied, capsys):
    rules = [raising("warning", None), raising("error", rule="other"), raising("note", rule="odd")]
    watch = fw.FilterWatch(tmp_path, rules=rules)
    fit(network(), watch)
    other = copied(watch)
    assert steps(other) == steps(watch)
    assert dict(other.history[-1]["first"]) == dict(watch.history[-1]["first"])
    assert other.alarms == watch.alarms != []
    assert other.notes == watch.notes != []
    assert other.history.facts == watch.history.facts
    assert other.diagnosis == watch.diagnosis
    capsys.readouterr()
    other.summary()
    assert watch.alarms[0].message in capsys.readouterr().out


def test_a_copy_keeps_the_problems(tmp_path, copied):
    watch = fw.FilterWatch(tmp_path, layers="nowhere")
    with pytest.warns(UserWarning, match="nowhere"):
        fit(network(), watch)
    assert copied(watch).problems == watch.problems != []


def test_a_copy_starts_anew_and_leaves_the_original_alone(tmp_path, copied):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, epochs=3)
    other = copied(watch)
    fit(network(), other, epochs=1)
    assert steps(other) == [0, 1]
    assert steps(watch) == [0, 1, 2, 3]


def test_a_copy_of_a_subclass_is_of_that_class(tmp_path, copied):
    watch = Named(tmp_path, "mine")
    assert copied(watch).title == "mine"
    assert type(copied(watch)) is Named


class Named(fw.FilterWatch):
    def __init__(self, log_dir, title):
        super().__init__(log_dir)
        self.title = title


def test_what_cannot_be_pickled_is_named(tmp_path):
    watch = fw.FilterWatch(tmp_path, metrics={"mine": lambda array: 1.0})
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(watch)
