"""What does it look like? Against hand-made kernels, the values of SCIENCE 7, and noise."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, appearance

GREY, OPPONENT = [1.0, 1.0, 1.0], [1.0, -1.0, 0.0]  # of three channels
sobel = np.outer([1.0, 2, 1], [-1, 0, 1])
laplacian = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
ramp = {k: np.tile(np.arange(k) - k // 2, (k, 1)).astype(float) for k in (3, 5)}


def one_filter(window, channels=(1.0,)):
    return (np.asarray(window)[..., np.newaxis] * channels)[..., np.newaxis]


def measure(array):
    """The numbers of a layer where it has one, and the values of its filters."""
    scores = appearance.measure(KernelFacts(Kernel("layer", "", array)))
    numbers = {name: score.number for name, score in scores.items()}
    layer = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return layer, {name: score.filters for name, score in scores.items()}


def normal(shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    ("window", "coherence"), [(sobel, 0.8), (laplacian, 0), (ramp[3] + ramp[3].T, 1)]
)
def test_hand_kernel_has_its_coherence(window, coherence):  # SCIENCE 7
    assert appearance.edges(one_filter(window))[0] == pytest.approx([coherence], abs=1e-12)


@pytest.mark.parametrize(
    ("window", "angle"),
    [
        *((sobel, 0), (-sobel, 0), (sobel.T, 1 / 2)),
        *((ramp[5] + ramp[5].T, 1 / 4), (ramp[5] - ramp[5].T, 3 / 4)),
    ],
)
def test_orientation_is_that_in_which_the_weights_change(window, angle):
    orientation = appearance.edges(one_filter(window, GREY))[1]
    assert orientation == pytest.approx([np.pi * angle], abs=1e-12)


def test_channels_that_change_in_all_directions_have_no_coherence():
    array = np.stack([ramp[3], ramp[3].T], axis=-1)[..., np.newaxis]
    assert appearance.edges(array)[0] == pytest.approx([0], abs=1e-12)


def test_a_flat_filter_has_neither_coherence_nor_orientation():
    assert np.isnan(appearance.edges(np.full((3, 3, 2, 1), 0.7))).all()


@pytest.mark.parametrize(("k", "quantile"), [(3, 0.655), (5, 0.371), (7, 0.258), (11, 0.160)])
def test_coherence_of_noise_has_its_95_percent_quantile(k, quantile):  # SCIENCE 7
    coherence, _ = appearance.edges(normal((k, k, 3, 6000), seed=100 + k))
    assert np.quantile(coherence, 0.95) == pytest.approx(quantile, abs=0.01)


def test_chroma_is_0_for_grey_and_1_for_colour_without_grey():
    array = np.concatenate([one_filter(sobel, GREY), one_filter(sobel, OPPONENT)], axis=-1)
    assert appearance.chroma(array) == pytest.approx([0, 1], abs=1e-12)


def test_chroma_of_noise_is_two_thirds():  # two of three dimensions of colour are not grey
    assert appearance.chroma(normal((3, 3, 3, 6000))).mean() == pytest.approx(2 / 3, abs=0.01)


def test_flat_filters_are_left_out_of_the_mean_coherence():
    array = np.concatenate([np.ones((3, 3, 1, 1)), one_filter(sobel)], axis=-1)
    assert measure(array)[0]["coherence"] == pytest.approx(0.8)  # SCIENCE 7


def test_a_layer_has_the_means_over_its_filters_but_not_of_angles():
    numbers, filters = measure(normal((5, 5, 3, 8)))
    expected = {name: filters[name].mean() for name in ("coherence", "chroma")}
    assert numbers == pytest.approx(expected)


def test_only_three_channels_have_colours():
    numbers, filters = measure(normal((5, 5, 4, 8)))
    assert "chroma" not in numbers.keys() | filters.keys()


@pytest.mark.parametrize("shape", [(9, 3, 4), (3, 3, 3, 3, 4), (16, 4), (1, 1, 3, 4), (1, 9, 3, 4)])
def test_other_windows_than_two_dimensional_have_no_appearance(shape):
    assert measure(normal(shape)) == ({}, {})
