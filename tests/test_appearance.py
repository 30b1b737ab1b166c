"""What does it look like? Against hand-made kernels, the values of SCIENCE 7, and noise."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, appearance

GREY, OPPONENT = [1.0, 1.0, 1.0], [1.0, -1.0, 0.0]  # of three channels
sobel = np.outer([1.0, 2, 1], [-1, 0, 1])
laplacian = np.array([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])
ramp = {k: np.tile(np.arange(k) - k // 2, (k, 1)).astype(float) for k in (3, 5)}
saddle = {k: np.outer(ramp[k][0], ramp[k][0]) for k in (3, 5)}  # smooth, without a direction
checker = {k: (-1.0) ** np.add.outer(range(k), range(k)) for k in (3, 5)}


def one_filter(window, channels=(1.0,)):
    return (np.asarray(window)[..., np.newaxis] * channels)[..., np.newaxis]


def measure(array):
    """The numbers of a layer where it has one, and the values of its filters."""
    scores = appearance.measure(KernelFacts(Kernel("layer", "", array)))
    numbers = {name: score.number for name, score in scores.items()}
    layer = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return layer, {name: score.filters for name, score in scores.items()}


def label(array):
    return str(measure(array)[1]["labels"][0])


def normal(shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape)


def uniform(shape, seed=1):
    return np.random.default_rng(seed).uniform(-1, 1, shape)


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


SIZES = [(3, 3, 1, 6000), (3, 3, 3, 6000), (5, 5, 1, 6000), (7, 7, 3, 4000), (5, 3, 2, 6000)]
LARGE = [(3, 3, 64, 4000), (28, 28, 1, 4000), (64, 64, 1, 800)]


@pytest.mark.parametrize("draw", [normal, uniform])
@pytest.mark.parametrize("size", SIZES + LARGE, ids=str)
def test_one_in_a_hundred_random_filters_is_taken_for_an_edge(size, draw):
    above = appearance.edges(draw(size))[0] > appearance.bounds(*size[:3])["coherence"]
    assert 0.004 <= above.mean() <= 0.02


@pytest.mark.parametrize("draw", [normal, uniform])
@pytest.mark.parametrize("size", [(3, 3, 3, 6000), (7, 7, 3, 4000)], ids=str)
def test_one_in_a_hundred_random_filters_is_taken_for_a_colour(size, draw):
    above = appearance.chroma(draw(size)) > appearance.bounds(*size[:3])["chroma"]
    assert 0.004 <= above.mean() <= 0.02


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize(
    ("windows", "channels", "expected"),
    [
        ({3: np.ones((3, 3)), 5: np.ones((5, 5))}, GREY, "blob"),
        (ramp, GREY, "edge"),
        (saddle, OPPONENT, "colour"),
        (checker, GREY, "checkered"),
        (saddle, GREY, {3: "unclassified", 5: "noise-like"}),
    ],
    ids=["blob", "edge", "colour", "checkered", "rest"],
)
def test_hand_kernel_has_its_label(k, windows, channels, expected):
    name = expected if isinstance(expected, str) else expected[k]
    assert label(one_filter(windows[k], channels)) == name


@pytest.mark.parametrize(
    ("array", "first"),
    [
        pytest.param(one_filter(ramp[5] + 9, OPPONENT) * [1, 30, 30], "dead", id="dead blob"),
        pytest.param(one_filter(ramp[5] + 9, OPPONENT), "blob", id="blob with an edge"),
        pytest.param(one_filter(ramp[5], OPPONENT), "edge", id="edge in colour"),
        pytest.param(one_filter(checker[5], OPPONENT), "colour", id="checkered colour"),
    ],
)
def test_the_first_label_that_fits_is_taken(array, first):
    assert label(array) == first


# The thresholds of the labels, right at each side. Windows are sums of cosines, the eigenvectors
# of the grid: cosine(k, i) has i half waves along each axis, no direction, no mean, the eigenvalue
# 4 - 4 cos(pi i / k), and as C (n - 1) / 2E = (k + 1) / 4k times this.
def cosine(k, i):
    wave = np.cos(np.pi * i * (np.arange(k) + 0.5) / k)
    window = np.outer(wave, wave)
    return window / np.linalg.norm(window)


def in_channels(*windows):
    return np.stack(windows, axis=-1)[..., np.newaxis]


REST = {3: "unclassified", 5: "noise-like"}


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("share", [0.501, 0.499])
def test_a_filter_of_which_more_than_half_the_energy_is_mean_is_a_blob(k, share):
    window = np.sqrt(share) / k + np.sqrt(1 - share) * cosine(k, 1)
    assert label(in_channels(window)) == ("blob" if share > 0.5 else REST[k])


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_a_filter_is_an_edge_if_its_coherence_is_above_that_of_99_percent_of_noise(k, factor):
    coherence = factor * appearance.bounds(k, k, 2)["coherence"]
    upright, level = np.sqrt(1 + coherence), np.sqrt(1 - coherence)
    array = in_channels(upright * ramp[k], level * ramp[k].T)
    assert appearance.edges(array)[0] == pytest.approx([coherence])
    assert label(array) == ("edge" if factor > 1 else REST[k])


@pytest.mark.parametrize("k", [3, 5])
@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_a_filter_is_a_colour_if_its_chroma_is_above_that_of_99_percent_of_noise(k, factor):
    share = factor * appearance.bounds(k, k, 3)["chroma"]
    channels = np.sqrt(1 - share) * np.array(GREY) / np.sqrt(3)
    channels = channels + np.sqrt(share) * np.array(OPPONENT) / np.sqrt(2)
    array = one_filter(cosine(k, 1), channels)
    assert appearance.chroma(array) == pytest.approx([share])
    assert label(array) == ("colour" if factor > 1 else REST[k])


@pytest.mark.parametrize(("k", "variance"), [(3, 1 / 18), (5, 61 / 2600)])  # SCIENCE 1
@pytest.mark.parametrize("step", [0.001, -0.001])
def test_a_filter_is_checkered_if_its_c_is_above_that_of_95_percent_of_noise(k, variance, step):
    # a standard normal number is below 1.645 in 95 % of cases; two slices halve the variance
    c = 1 + 1.645 * np.sqrt(variance / 2) + step
    low, high = ((k + 1) / k * (1 - np.cos(np.pi * i / k)) for i in (1, k - 1))
    share = (c - low) / (high - low)
    array = in_channels(np.sqrt(1 - share) * cosine(k, 1), np.sqrt(share) * cosine(k, k - 1))
    assert label(array) == ("checkered" if step > 0 else REST[k])


@pytest.mark.parametrize(
    ("size", "expected"),
    [((5, 5), "noise-like"), ((4, 4), "unclassified"), ((5, 4), "unclassified")],
    ids=str,
)
def test_what_fits_no_label_is_noise_like_from_5x5_on(size, expected):
    waves = [np.cos(np.pi * (np.arange(length) + 0.5) / length) for length in size]
    assert label(in_channels(np.outer(*waves))) == expected


def test_filters_of_2x2_have_a_direction_and_a_label():
    numbers, filters = measure(in_channels(np.array([[1.0, -2.0], [1.0, 0.0]])))
    assert numbers["coherence"] == pytest.approx(1)  # there is one gradient
    assert filters["labels"].tolist() == ["unclassified"]


def test_a_filter_is_dead_below_a_tenth_of_the_median_norm():
    sizes = [0.099, 0.101, 1, 1, 1]
    labels = measure(in_channels(saddle[3]) * sizes)[1]["labels"]
    assert labels.tolist() == ["dead", *["unclassified"] * 4]


def test_flat_filters_are_left_out_of_the_mean_coherence():
    array = np.concatenate([np.ones((3, 3, 1, 1)), in_channels(sobel)], axis=-1)
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
