"""The range of a probe's inputs and targets."""

import math

import numpy as np
import pytest

from keras_filterwatch.model.data_facts import input_facts, target_facts


def normal(shape, mean=0.0, dtype="float32"):
    return np.random.default_rng(0).normal(mean, 1.0, shape).astype(dtype)


@pytest.mark.parametrize("array", [normal((300, 41, 17), 1e4), normal(7), normal((9, 5)) > 0])
def test_the_range_is_that_of_numpy(array):
    (facts,) = input_facts(array)
    numbers = array.astype("float64")
    expected = [numbers.min(), numbers.max(), numbers.mean(), numbers.std(), 1.0]
    assert [facts.minimum, facts.maximum, facts.mean, facts.std, facts.finite] == pytest.approx(
        expected, rel=1e-9
    )


def test_numbers_that_are_not_finite_are_counted_and_left_out():
    array = np.array([[1.0, math.nan], [3.0, math.inf]], "float32")
    (facts,) = input_facts(array)
    assert (facts.minimum, facts.maximum, facts.mean, facts.finite) == (1.0, 3.0, 2.0, 0.5)


def test_where_no_number_is_finite_there_is_no_range():
    (facts,) = input_facts(np.full((2, 3), math.nan))
    assert facts.finite == 0
    assert math.isnan(facts.minimum)
    assert math.isnan(facts.mean)


@pytest.mark.parametrize(
    ("structure", "names"),
    [
        (np.zeros(4), [""]),
        ([np.zeros(4)], [""]),
        ({"image": np.zeros(4)}, [""]),
        ([np.zeros(4), np.zeros(4)], ["first", "second"]),
        ({"b": np.zeros(4), "a": np.zeros(4)}, ["a", "b"]),
        (None, []),
    ],
    ids=str,
)
def test_several_inputs_have_names_and_a_single_one_has_none(structure, names):
    assert [facts.name for facts in input_facts(structure, ["first", "second"])] == names
    assert [facts.name for facts in target_facts(structure, ["first", "second"])] == names


def test_a_range_belongs_to_its_name():
    facts = input_facts({"b": np.ones(4), "a": np.zeros(4)})
    assert [(each.name, each.maximum) for each in facts] == [("a", 0.0), ("b", 1.0)]


@pytest.mark.parametrize(
    ("targets", "units", "is_whole", "is_one_hot"),
    [
        (np.array([0, 1, 2, 2]), 1, True, False),
        (np.array([[0], [1], [2]]), 1, True, False),
        (np.eye(3)[[0, 2, 2]], 3, True, True),
        (np.array([[1, 1, 0], [0, 0, 0]]), 3, True, False),
        (np.array([0.1, 0.9]), 1, False, False),
        (np.array([[0.9, 0.1], [0.2, 0.8]]), 2, False, False),
        (np.ones((4, 8, 8), "uint8"), 8, True, False),
        (np.eye(3)[np.ones((2, 4, 4), int)], 3, True, True),
        (np.array([[1.0], [1.0]]), 1, True, False),
        (np.array([True, False]), 1, True, False),
    ],
    ids=[
        *("numbers of classes", "a column of them", "one-hot rows", "several classes at once"),
        *("real numbers", "smoothed rows", "masks", "one-hot masks", "a column of ones", "truths"),
    ],
)
def test_the_kind_of_targets_is_known(targets, units, is_whole, is_one_hot):
    (facts,) = target_facts(targets)
    assert (facts.units, facts.is_whole, facts.is_one_hot) == (units, is_whole, is_one_hot)


@pytest.mark.parametrize(
    ("targets", "majority"),
    [
        (np.array([7, 7, 7, -2]), 0.75),
        (np.eye(3)[[0, 2, 2, 2]], 0.75),
        (np.array([[0], [1]]), 0.5),
        (np.eye(2)[np.array([[0, 0], [0, 1]])], 0.75),
    ],
    ids=["numbers of classes", "one-hot rows", "a column", "one-hot masks"],
)
def test_the_share_of_the_most_frequent_class_is_counted(targets, majority):
    assert target_facts(targets)[0].majority == majority


@pytest.mark.parametrize("targets", [np.array([0.5, 0.5]), np.array([0, 10**9])])
def test_real_numbers_and_large_ones_are_no_classes(targets):
    assert math.isnan(target_facts(targets)[0].majority)


def test_targets_that_are_not_finite_are_counted():
    (facts,) = target_facts(np.array([1.0, math.nan]))
    assert (facts.finite, facts.maximum, facts.is_whole) == (0.5, 1.0, True)


def test_targets_that_are_missing_are_left_out():
    facts = target_facts([np.zeros(3), None], ["a", "b"])
    assert [each.name for each in facts] == ["a"]
