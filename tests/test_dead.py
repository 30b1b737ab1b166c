"""Is it dead? By weight, as a BatchNormalization leaves it."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, dead


def test_norm_is_the_euclidean_norm_of_each_filter():
    array = np.random.default_rng(0).standard_normal((3, 3, 8, 5)).astype("float32")
    expected = np.linalg.norm(array.reshape(-1, 5).astype(float), axis=0)
    assert dead.filter_norms(array) == pytest.approx(expected, rel=1e-12)


def test_norm_is_multiplied_by_the_gain():
    array = np.ones((2, 2, 1, 3))
    assert dead.filter_norms(array, np.array([0.0, 1.0, 2.5])) == pytest.approx([0, 2, 5])


def test_norm_is_not_finite_where_a_weight_is_not():
    array = np.ones((3, 3, 2, 3))
    array[0, 0, 1, 1], array[0, 0, 1, 2] = np.nan, np.inf
    assert np.isfinite(dead.filter_norms(array)).tolist() == [True, False, False]


def test_a_filter_below_a_tenth_of_the_median_is_dead():
    norms = np.array([1.0, 1.0, 1.0, 0.1001, 0.0999])
    assert dead.dead_filters(norms).tolist() == [0, 0, 0, 0, 1]


def test_a_layer_has_the_median_norm_and_the_share_of_dead_filters():
    array = np.array([[1.0, 2.0, 3.0, 0.0, np.nan]])
    scores = dead.measure(KernelFacts(Kernel("layer", "", array)))
    assert scores["norm"].number == 1.5  # of 0, 1, 2 and 3
    assert scores["norm"].filters == pytest.approx([1, 2, 3, 0, np.nan], nan_ok=True)
    assert scores["dead"].number == pytest.approx(1 / 5)
    assert scores["dead"].filters.tolist() == [0, 0, 0, 1, 0]


def test_a_layer_without_finite_filters_has_no_norm():
    scores = dead.measure(KernelFacts(Kernel("layer", "", np.full((2, 3), np.nan))))
    assert np.isnan(scores["norm"].number)
    assert scores["dead"].number == 0


def test_a_filter_of_zeros_is_dead_even_if_most_are():
    assert dead.dead_filters(np.array([0.0, 0.0, 0.0, 1.0])).tolist() == [1, 1, 1, 0]


def test_a_filter_that_diverged_is_not_dead():
    assert dead.dead_filters(np.array([np.nan, np.inf, 1.0, 1.0])).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("shape", [(3, 3, 1, 64), (7, 7, 3, 64), (3, 3, 64, 64)])
def test_no_filter_of_an_initialised_layer_is_dead(shape):
    random = np.random.default_rng(1)
    for array in (random.standard_normal(shape), random.uniform(-1, 1, shape)):
        assert not dead.dead_filters(dead.filter_norms(array)).any()
