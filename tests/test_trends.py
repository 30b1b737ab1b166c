"""Scatter, trend and slope of short series, against formulas and scipy's Kendall test."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from keras_filterwatch.trends import chance_of_rise, scatter, slope


def test_scatter_is_the_standard_deviation_of_independent_values():
    values = np.random.default_rng(0).normal(5, 2, 20_000)
    assert scatter(values) == pytest.approx(2, rel=0.03)


def test_scatter_does_not_see_a_steady_trend():
    values = np.random.default_rng(0).normal(0, 2, 20_000) + 7 * np.arange(20_000)
    assert scatter(values) == pytest.approx(2, rel=0.03)


def test_scatter_needs_three_values():
    assert math.isnan(scatter([1.0, 2.0]))


@given(st.permutations(list(range(7))))
def test_chance_of_rise_is_that_of_kendalls_exact_test(order):
    expected = kendalltau(range(7), order, method="exact", alternative="greater").pvalue
    assert chance_of_rise(order) == pytest.approx(expected, rel=1e-9)


def test_chance_of_rise_of_many_values_is_that_of_the_normal_distribution():
    values = np.arange(40) + np.random.default_rng(0).normal(0, 30, 40)
    expected = kendalltau(range(40), values, method="asymptotic", alternative="greater").pvalue
    assert chance_of_rise(values) == pytest.approx(expected, rel=0.05)


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
