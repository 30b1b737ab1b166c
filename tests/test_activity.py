"""What do its units do? Against NumPy on made-up outputs, and the values of SCIENCE 4."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, activity

TANH = [(0.5, 0.350), (1, 0.557), (2, 0.742), (5, 0.890)]  # SCIENCE 4: tanh of N(0, s)


def distance(array, bounds):
    middle, half = np.mean(bounds), (bounds[1] - bounds[0]) / 2
    return np.abs(array - middle) / half


def measure(outputs):
    """The numbers of a layer with these outputs, and those of its units."""
    kernel = Kernel("layer", "", np.ones((1, len(outputs.zeros))))
    scores = activity.measure(KernelFacts(kernel, outputs=outputs))
    numbers = {name: score.number for name, score in scores.items()}
    return numbers, {name: score.filters for name, score in scores.items()}


def summed(array, bounds=None):
    """Outputs `(inputs, *positions, units)` as `Outputs`."""
    flat = np.asarray(array, np.float64).reshape(-1, np.shape(array)[-1])
    outward = None if bounds is None else distance(flat, bounds).sum(axis=0)
    zeros = (flat == 0).sum(axis=0)
    return activity.Outputs(
        len(flat), zeros, flat.sum(axis=0), np.square(flat).sum(axis=0), bounds, outward
    )


def normal(shape=(20, 6, 6, 8)):
    return np.random.default_rng(0).standard_normal(shape)


def test_apoz_is_the_share_of_zeros():
    array = np.maximum(normal() + np.linspace(-2, 2, 8), 0)
    numbers, units = measure(summed(array))
    assert units["apoz"] == pytest.approx((array == 0).mean(axis=(0, 1, 2)))
    assert numbers["apoz"] == pytest.approx((array == 0).mean())


def test_a_unit_is_dead_only_if_it_is_zero_everywhere():
    array = np.maximum(normal(), 0)
    array[..., [1, 6]] = 0
    array[..., 3] = 0
    array[7, 2, 4, 3] = 1e-6  # one output of 720 is not
    numbers, units = measure(summed(array))
    assert np.flatnonzero(units["dead_units"]).tolist() == [1, 6]
    assert numbers["dead_units"] == pytest.approx(2 / 8)


def test_mean_and_standard_deviation_are_numpys():
    array = normal() * np.arange(1, 9) + np.linspace(-30, 30, 8)
    numbers, units = measure(summed(array))
    assert units["activation_mean"] == pytest.approx(array.mean(axis=(0, 1, 2)))
    assert units["activation_std"] == pytest.approx(array.std(axis=(0, 1, 2)))
    assert numbers["activation_std"] == pytest.approx(array.std(axis=(0, 1, 2)).mean())


def test_constant_outputs_have_no_standard_deviation():
    _, units = measure(summed(np.full((7, 3), 0.1)))
    assert units["activation_std"] == pytest.approx([0, 0, 0], abs=1e-8)


def test_units_without_bounds_have_no_score_for_saturation():
    numbers, units = measure(summed(normal()))
    assert "saturated_units" not in numbers.keys() | units.keys()


@pytest.mark.parametrize(("size", "away"), TANH)
def test_bounded_normal_outputs_have_their_distance_and_are_not_saturated(size, away):
    draws = np.tanh(size * np.random.default_rng(1).standard_normal((200_000, 1)))
    outputs = summed(draws, (-1.0, 1.0))
    assert outputs.outward / outputs.count == pytest.approx([away], abs=0.005)
    assert measure(outputs)[0]["saturated_units"] == 0


def test_distance_is_the_papers_measure_where_its_bins_are_of_one_sign():
    # Rakitianskaia & Engelbrecht 2015: sum of f_b |mean_b| over ten bins, by the sum of f_b
    draws = np.tanh(2 * np.random.default_rng(2).standard_normal(5000))
    bins = np.digitize(draws, np.linspace(-1, 1, 11))
    phi = sum((bins == b).sum() * abs(draws[bins == b].mean()) for b in set(bins)) / len(draws)
    outputs = summed(draws[:, np.newaxis], (-1.0, 1.0))
    assert outputs.outward / outputs.count == pytest.approx([phi])


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), (0.0, 1.0), (0.0, 6.0)])
def test_units_near_the_rails_are_saturated_and_spread_ones_are_not(bounds):
    low, high = bounds
    evenly = np.linspace(low, high, 1001)  # mean distance .5
    rails = np.where(np.arange(1001) % 2, low, high)
    one_rail = np.full(1001, high)
    middle = np.full(1001, (low + high) / 2)
    outputs = summed(np.stack([evenly, rails, one_rail, middle], axis=-1), bounds)
    assert outputs.outward / outputs.count == pytest.approx([0.5, 1, 1, 0], abs=1e-3)
    numbers, units = measure(outputs)
    assert units["saturated_units"].tolist() == [0, 1, 1, 0]
    assert numbers["saturated_units"] == 0.5


def test_a_unit_is_saturated_beyond_a_mean_distance_of_nine_tenths():
    alternating = np.where(np.arange(100) % 2, 1.0, -1.0)[:, np.newaxis]
    _, units = measure(summed(alternating * [0.89, 0.91], (-1.0, 1.0)))
    assert units["saturated_units"].tolist() == [0, 1]


def test_observations_are_the_outputs_of_each_unit():
    numbers, units = measure(summed(normal((20, 6, 6, 8))))
    assert numbers["observations"] == 20 * 6 * 6
    assert units["observations"] is None


def test_a_layer_without_outputs_has_no_activity():
    assert activity.measure(KernelFacts(Kernel("layer", "", np.ones((1, 3))))) == {}


def test_a_layer_without_a_single_output_has_numbers_that_are_undefined():
    zeros = np.zeros(3)
    numbers, _ = measure(activity.Outputs(0, zeros, zeros, zeros))
    assert np.isnan(numbers["apoz"])
    assert numbers["dead_units"] == 0
