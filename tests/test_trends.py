"""Scatter, trend and slope of short series, against formulas and all orders of six values."""

import math
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_filterwatch.trends import chance_of_rise, scatter, slope


def test_scatter_is_the_standard_deviation_of_independent_values():
    values = np.random.default_rng(0).normal(5, 2, 20_000)
    assert scatter(values) == pytest.approx(2, rel=0.03)


def test_scatter_does_not_see_a_steady_trend():
    values = np.random.default_rng(0).normal(0, 2, 20_000) + 7 * np.arange(20_000)
    assert scatter(values) == pytest.approx(2, rel=0.03)


def test_scatter_needs_three_values():
    assert math.isnan(scatter([1.0, 2.0]))


def rising_pairs(values):
    """How many pairs of values rise: Kendall's count."""
    return sum(early < late for early, late in combinations(values, 2))


ALL_ORDERS = [rising_pairs(order) for order in permutations(range(6))]


@given(st.permutations(list(range(6))))
def test_chance_of_rise_is_the_share_of_all_orders_that_rise_as_much(order):
    expected = np.mean([count >= rising_pairs(order) for count in ALL_ORDERS])
    assert chance_of_rise(order) == pytest.approx(expected, rel=1e-9)


def test_chance_of_rise_of_many_values_is_that_of_the_normal_distribution():
    count, values = 40, np.arange(40) + np.random.default_rng(0).normal(0, 30, 40)
    # Kendall (1975): mean and variance of the number of rising pairs without a trend
    mean, variance = count * (count - 1) / 4, count * (count - 1) * (2 * count + 5) / 72
    z = (rising_pairs(values) - mean) / math.sqrt(variance)
    assert chance_of_rise(values) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), rel=0.05)


@pytest.mark.parametrize("values", [[], [1.0], [3.0, 2.0, 1.0], [1.0, math.nan, 3.0]])
def test_nothing_rises_without_a_rise_or_without_numbers(values):
    assert chance_of_rise(values) == 1.0


def test_equal_values_do_not_rise():
    # half of the pairs at least would have to rise
    assert chance_of_rise([2.0] * 6) >= 0.5


def test_slope_is_the_median_over_all_pairs():
    # of 0, 1, 2, 30: 1, 1, 1, 10, 14.5, 28
    assert slope([0.0, 1.0, 2.0, 30.0]) == pytest.approx((1 + 10) / 2)


def test_slope_of_a_single_value_is_zero():
    assert slope([4.0]) == 0.0
