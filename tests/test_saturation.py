"""Is it saturated? Against the entropy's formula and clipped weights that NumPy counts."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, saturation

SHAPES = [(3, 3, 4, 8), (5, 2, 16), (32, 10), (3, 3, 128, 512)]  # the last is read in blocks


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def two_values(share, low=-1.0, high=3.0):
    weights = np.full(1000, low)
    weights[: round(1000 * share)] = high
    return np.random.default_rng(0).permutation(weights).reshape(5, 5, 4, 10)


def test_evenly_spread_weights_cover_their_whole_range():
    weights = np.random.default_rng(0).permutation(np.linspace(-0.3, 0.5, 1000))
    assert saturation.coverage(weights.reshape(5, 5, 4, 10)) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.25, 0.01])
def test_coverage_of_two_values_is_exp_of_their_entropy_over_ten(share):
    entropy = -(share * np.log(share) + (1 - share) * np.log(1 - share))  # half and half: .2
    assert saturation.coverage(two_values(share)) == pytest.approx(np.exp(entropy) / 10)


def of_histogram(weights, ends):
    counts = np.histogram(weights, 10, ends)[0]
    shares = counts[counts > 0] / counts.sum()
    return np.exp(-(shares * np.log(shares)).sum()) / 10


@pytest.mark.parametrize("shape", SHAPES)
def test_coverage_is_that_of_numpys_histogram(shape):
    array = normal(shape)
    sample = array if array.size < 131_072 else array[..., ::5, :]
    expected = of_histogram(sample, (array.min(), array.max()))
    assert saturation.coverage(array) == pytest.approx(expected)
    assert expected == pytest.approx(of_histogram(array, None), rel=0.01)


def test_coverage_does_not_depend_on_where_the_range_lies():
    assert saturation.coverage(7 - 1e-3 * two_values(0.25)) == pytest.approx(
        saturation.coverage(two_values(0.25))
    )


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_constant_weights_have_neither_coverage_nor_rail(value):
    layer, filters = saturation.rail(np.full((3, 3, 2, 4), value))
    assert np.isnan([saturation.coverage(np.full((3, 3, 2, 4), value)), layer, *filters]).all()


def test_weights_that_differ_in_their_last_digit_only_have_no_coverage():
    array = np.tile([1.0, np.nextafter(1.0, 2.0)], (4, 1))
    assert np.isnan(saturation.coverage(array))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_rail_is_the_share_that_was_clipped(shape, dtype):
    array = np.clip(normal(shape), -1.2, 1.2).astype(dtype)
    layer, filters = saturation.rail(array)
    clipped = (np.abs(normal(shape)) >= 1.2).reshape(-1, shape[-1]).mean(axis=0)
    assert filters == pytest.approx(clipped)
    assert layer == pytest.approx(clipped.mean())


def test_a_constraint_to_one_side_has_one_rail():
    layer, _ = saturation.rail(np.maximum(normal((3, 3, 8, 16)), 0))
    assert layer == pytest.approx((normal((3, 3, 8, 16)) <= 0).mean())


@pytest.mark.parametrize("shape", SHAPES)
def test_free_weights_are_not_at_the_rail(shape):
    for array in (normal(shape), np.random.default_rng(1).uniform(-0.1, 0.1, shape)):
        layer, filters = saturation.rail(array)
        assert layer == 0
        assert not filters.any()


def test_weights_that_another_constraint_keeps_from_growing_are_at_the_rail():
    constrained = np.array([0.0, 0.5, 1.0, 0.0])
    layer, filters = saturation.rail(normal((3, 3, 2, 4)), constrained)
    assert filters.tolist() == constrained.tolist()
    assert layer == pytest.approx(0.375)


def test_a_layer_has_coverage_and_the_rail_of_its_finite_filters():
    array = np.clip(normal((3, 3, 2, 4)), -1, 1)
    array[0, 0, 0, 1] = np.nan
    constrained = np.array([0.0, 1.0, 1.0, 0.0])
    kernel = Kernel("layer", "", array, constrained_share=constrained)
    scores = saturation.measure(KernelFacts(kernel))
    others = [0, 2, 3]
    layer, filters = saturation.rail(array[..., others], constrained[others])
    assert scores["rail"].number == layer
    assert scores["rail"].filters[others].tolist() == filters.tolist()
    assert np.isnan(scores["rail"].filters[1])
    assert scores["coverage"] == (saturation.coverage(array[..., others]), None)


def test_weights_that_two_constraints_keep_from_growing_count_once():
    array = np.array([[1.0, 1.0], [1.0, 0.3], [0.2, 0.1], [0.0, -1.0]])  # clipped: .5 and .5
    array[-1, 0] = -1.0  # .75 and .5
    _, filters = saturation.rail(np.clip(array, -1, 1), np.array([0.25, 1.0]))
    assert filters.tolist() == [0.75, 1.0]


def test_the_only_filter_of_a_layer_has_a_rail():
    layer, filters = saturation.rail(np.array([[1.0], [1.0], [0.5], [-1.0]]))
    assert (layer, filters.tolist()) == (0.5, [0.5])


def test_large_clipped_weights_are_at_the_rail_within_a_millionth_of_the_range():
    array = normal((100, 4))
    array[0] = 10
    array[1:6, 0], array[1:6, 1] = 10 - 1e-6, 10 - 1e-4  # the range is about 13
    assert saturation.rail(array)[1] == pytest.approx([0.06, 0.01, 0.01, 0.01])
