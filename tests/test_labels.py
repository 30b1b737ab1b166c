"""What is a filter called? Error rates on noise, planted filters, and the layer's verdict."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_filterwatch as fw
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, appearance, chance, labels
from keras_filterwatch.metrics.noise import geary_c

NO_NAME = {"noise-like", "unclassified"}


def labels_of(array):
    facts = KernelFacts(Kernel("layer", "", array))
    return appearance.measure(facts)["labels"].filters.tolist()


def normal(random, shape):
    return random.standard_normal(shape)


def uniform(random, shape):
    return random.uniform(-1, 1, shape)


def truncated(random, shape):  # as he_normal draws
    return np.clip(random.standard_normal(shape), -2, 2)


def orthogonal(random, shape):
    columns = np.linalg.qr(random.standard_normal((np.prod(shape[:-1]), shape[-1])))[0]
    return columns.reshape(shape)


def edge(k, angle=0.0):
    """Half a period of a wave across the window."""
    y, x = np.mgrid[:k, :k] - (k - 1) / 2
    return np.sin(np.pi / k * (x * np.cos(angle) + y * np.sin(angle)))


def checkerboard(k):
    return (-1.0) ** np.add.outer(range(k), range(k))


def saddle(k):
    """Smooth, without a direction or a mean."""
    return np.outer(np.arange(k) - k // 2, np.arange(k) - k // 2).astype(float)


def wave(k, number):
    """A pattern without a direction or a mean, of a known C.

    It is an eigenvector of the Laplacian of the grid: C is (n - 1) / pairs times the half of its
    eigenvalue, 2 - 2 cos(pi number / k).
    """
    along = np.cos(np.pi * number * (np.arange(k) + 0.5) / k)
    return np.outer(along, along) / np.square(along).sum()


def mixed(share, first, second):
    """Two windows or colours, of which the first has this share of the squares."""
    parts = [np.sqrt(share) * first / np.linalg.norm(first)]
    return parts[0] + np.sqrt(1 - share) * second / np.linalg.norm(second)


def layer_of(*filters, noise=0.0, seed=1):
    """A kernel of filters `(k, k, channels)`, each of norm 1, with noise of that norm added."""
    array = np.stack([f / np.linalg.norm(f) for f in filters], axis=-1)
    random = np.random.default_rng(seed).standard_normal(array.shape)
    return array + noise * random / np.sqrt(array[..., 0].size)


def grey(window, channels=3):
    return np.repeat(window[..., np.newaxis], channels, axis=-1)


# --- chance ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("share", "rest"), [(0.3, 2), (0.3, 20), (0.6, 20), (0.9, 20), (0.5, 200)])
def test_a_share_in_two_dimensions_has_a_power_law_for_its_chance(share, rest):
    # beta(1, b) is above x with probability (1 - x)^b
    tail = chance.tail_of_share(np.array([share]), 2, rest)
    assert tail == pytest.approx([(1 - share) ** (rest / 2)], rel=0.1)


@pytest.mark.parametrize(
    ("statistic", "degrees"),
    [(4.965, (1, 10)), (10.04, (1, 10)), (4.103, (2, 10)), (7.559, (2, 10))],
)
def test_a_ratio_of_variances_has_the_chance_that_tables_of_f_give(statistic, degrees):
    upper, lower = degrees
    values = np.array([[1 / upper], [-statistic / lower]])
    expected = 0.05 if statistic < 5 else 0.01
    found = chance.chance_of_positive(values, np.array([[upper], [lower]]))
    assert found == pytest.approx([expected], rel=0.1)


def test_a_sum_of_one_sign_is_certain():
    values = np.array([[1.0, -1.0, 0.0], [2.0, -2.0, -1.0]])
    assert chance.chance_of_positive(values, np.ones((2, 1))).tolist() == [1, 0, 0]


def test_at_the_mean_the_chance_is_that_of_a_skewed_distribution():
    # chi-square with one degree of freedom exceeds its mean in 31.73 % of cases
    values = np.array([[1.0], [-1 / 10_000]])
    assert chance.chance_of_positive(values, np.array([[1.0], [10_000.0]])) == pytest.approx(
        [0.3173], abs=0.02
    )


@pytest.mark.parametrize("size", [(3, 3, 3), (3, 3, 16), (5, 5, 1), (7, 7, 3), (5, 3, 4)], ids=str)
@pytest.mark.parametrize("draw", [normal, uniform])
def test_in_a_hundredth_of_noise_a_chance_is_below_a_hundredth(size, draw):
    filters = 500_000 // np.prod(size)
    array = draw(np.random.default_rng(1), (*size, filters))
    facts = KernelFacts(Kernel("layer", "", array))
    roughness = labels._roughness(facts)
    slices = chance.slices_drawn_alike(roughness["slices"], size[0] * size[1], size[2])
    taps = size[0] * size[1]
    chances = {
        "high C": chance.tails_of_c(roughness["geary_c"], size[:2], slices)[0],
        "low C": chance.tails_of_c(roughness["geary_c"], size[:2], slices)[1],
        "dc": chance.tail_of_share(roughness["dc"], slices, slices * (taps - 1)),
        "coherence": chance.tail_of_coherence(appearance.edges(array)[0], size[:2], slices),
    }
    if size[2] == 3:
        chances["chroma"] = chance.tail_of_share(appearance.chroma(array), 2 * taps, taps)
    shares = {name: float((values < 0.01).mean()) for name, values in chances.items()}
    # gradients of uniform weights in 3x3 are the worst case
    assert all(0.005 < share < 0.02 for share in shares.values()), shares


def test_a_slice_of_3x3_cannot_show_a_direction():
    assert chance.tail_of_coherence(np.ones(1), (3, 3), np.ones(1)) == [1]
    assert chance.tail_of_coherence(np.ones(1), (3, 2), np.full(1, 64.0)) == [1]


@pytest.mark.parametrize(
    ("chances", "expected"),
    [
        ([0.01, 0.02, 0.03, 0.04], [True] * 4),  # each right at its bound
        ([0.011, 0.021, 0.031, 0.041], [False] * 4),
        ([0.04, 0.5, 0.01, 0.02], [False, False, True, True]),
        ([], []),
    ],
)
def test_discoveries_are_those_of_benjamini_and_hochberg(chances, expected):
    found = labels.discoveries(np.array(chances), rate=0.04, tests=len(chances))
    assert found.tolist() == expected


def test_tests_whose_results_are_left_out_count_too():
    # the bounds are .04 / 10, .08 / 10 and .12 / 10
    found = labels.discoveries(np.array([0.004, 0.008, 0.013]), rate=0.04, tests=10)
    assert found.tolist() == [True, True, False]


# --- noise ----------------------------------------------------------------------------------------

SIZES = [(3, 3, 1, 32), (3, 3, 3, 24), (3, 3, 16, 16), (5, 5, 1, 6), (7, 7, 3, 32), (11, 11, 3, 8)]


@pytest.mark.parametrize("draw", [normal, uniform, truncated, orthogonal])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_at_most_one_percent_of_random_filters_have_a_name(size, draw):
    if draw is orthogonal and size == (3, 3, 1, 32):
        size = (3, 3, 1, 8)  # 9 weights have no more orthogonal filters
    random = np.random.default_rng(1)
    layers = [labels_of(draw(random, size)) for _ in range(100)]
    named = [sum(label not in NO_NAME for label in layer) for layer in layers]
    assert sum(named) <= 0.01 * 100 * size[-1]
    # where 1.5 % of layers have a name in them, 8 or more of 100 do so in 0.02 % of cases
    assert sum(count > 0 for count in named) < 8


@pytest.mark.parametrize(
    ("size", "share"),
    [
        ((3, 3, 1), 0),
        ((3, 3, 3), 0),
        ((5, 5, 1), 0),
        ((3, 3, 16), 1),
        ((7, 7, 3), 1),
        ((11, 11, 1), 1),
    ],
    ids=str,
)
def test_noise_is_noise_like_where_a_c_of_7_tenths_would_be_evident(size, share):
    # three errors sqrt(Var / slices) fit into .3 from 5.6, 2.3, 1.2 and .5 slices of 3, 5, 7, 11 on
    found = labels_of(normal(np.random.default_rng(1), (*size, 400)))
    assert found.count("noise-like") / 400 == pytest.approx(share, abs=0.15)


# --- planted filters ------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [3, 5, 7])
def test_pure_filters_have_their_names(k):
    random = np.random.default_rng(1)
    opponent = random.standard_normal((k, k, 1)) * [1.0, -1.0, 0.0]
    array = layer_of(
        np.ones((k, k, 3)),
        *(grey(edge(k, angle)) for angle in (0, 0.5, 1, 1.5)),
        opponent,
        grey(checkerboard(k)),
        noise=0.1,
    )
    assert labels_of(array) == ["blob", *["edge"] * 4, "colour", "checkered"]


@pytest.mark.parametrize("k", [5, 7, 11])
def test_of_smooth_filters_without_another_name_the_name_is_smooth(k):
    array = layer_of(*(grey(sign * saddle(k)) for sign in (1, -1)), grey(edge(k)), noise=0.2)
    assert labels_of(array) == ["smooth", "smooth", "edge"]


@pytest.mark.parametrize(
    ("window", "name"),
    [(lambda k: np.ones((k, k)), "blob"), (edge, "edge"), (checkerboard, "checkered")],
)
@pytest.mark.parametrize(("k", "channels"), [(3, 3), (5, 3), (7, 1), (7, 3), (3, 64)])
def test_planted_filters_are_found_in_a_layer_of_noise(window, name, k, channels):
    random = np.random.default_rng(1)
    planted = [grey(window(k), channels)] * 8
    rest = [random.standard_normal((k, k, channels)) for _ in range(24)]
    found = labels_of(layer_of(*planted, *rest, noise=0.125))
    assert found[:8].count(name) >= 7
    assert NO_NAME.issuperset(found[8:])


@pytest.mark.parametrize(
    ("array", "first"),
    [
        pytest.param(grey(edge(7) + 3) * [1.0, -1, 0], "blob", id="blob with an edge in colour"),
        pytest.param(grey(edge(7)) * [1.0, -1, 0], "edge", id="edge in colour"),
        pytest.param(grey(checkerboard(7)) * [1.0, -1, 0], "colour", id="checkered colour"),
    ],
)
def test_the_first_name_that_fits_is_taken(array, first):
    assert labels_of(layer_of(array)) == [first]


@pytest.mark.parametrize(("share", "is_blob"), [(0.45, False), (0.55, True)])
def test_a_blob_is_for_the_greater_part_its_mean(share, is_blob):
    (label,) = labels_of(layer_of(grey(mixed(share, np.ones((7, 7)), saddle(7)))))
    assert (label == "blob") == is_blob


@pytest.mark.parametrize(("share", "is_edge"), [(0.64, False), (0.69, True)])
def test_an_edge_changes_twice_as_much_in_its_direction_as_across(share, is_edge):
    windows = [np.sqrt(share) * edge(7), np.sqrt(1 - share) * edge(7, np.pi / 2)] * 32
    (label,) = labels_of(layer_of(np.stack(windows, axis=-1)))
    assert label == ("edge" if is_edge else "smooth")


@pytest.mark.parametrize(("share", "is_colour"), [(0.8, False), (0.87, True)])
def test_five_sixths_of_a_colour_are_without_grey(share, is_colour):
    colour = mixed(share, np.array([1.0, -1, 0]), np.ones(3))
    (label,) = labels_of(layer_of(saddle(11)[..., np.newaxis] * colour))
    assert label == ("colour" if is_colour else "smooth")


@pytest.mark.parametrize(
    ("numbers", "name"),
    [  # in 11x11, C is 120 / 220 * 2 * (1 - cos(pi number / 11))
        ((4, 4), "smooth"),  # .638
        ((4, 5), None),  # (.638 + .936) / 2 = .787
        ((6, 6), None),  # 1.246
        ((6, 7), "checkered"),  # (1.246 + 1.544) / 2 = 1.395
    ],
)
def test_smooth_and_checkered_filters_are_three_tenths_from_noise(numbers, name):
    windows = np.stack([wave(11, number) for number in numbers] * 2, axis=-1)
    array = layer_of(windows)
    assert geary_c(array) == pytest.approx(
        np.mean([12 / 11 * (1 - np.cos(np.pi * number / 11)) for number in numbers])
    )
    (label,) = labels_of(array)
    assert label == name if name else label in NO_NAME


def test_filters_that_are_only_alike_keep_their_names():
    array = layer_of(*(grey(edge(7, angle)) for angle in (0, 0.1, 0.2)))
    first, *_, last = array.reshape(-1, 3).T
    assert 0.95 < first @ last < 0.99
    assert labels_of(array) == ["edge"] * 3


def test_an_effect_that_is_small_gives_no_name_however_sure():
    random = np.random.default_rng(1)
    array = random.standard_normal((3, 3, 512, 16))
    array += 0.25 * (np.roll(array, 1, axis=0) + np.roll(array, 1, axis=1))
    layer = fw.score({"conv": array})["conv"]
    assert layer["noise_z"] < -30
    assert set(layer.filters["labels"]) == {"unclassified"}


# --- dead and unjudgeable -------------------------------------------------------------------------


def test_dead_noise_and_dead_blobs_are_dead():
    random = np.random.default_rng(1)
    array = random.standard_normal((7, 7, 3, 8))
    array[..., :2] *= 0.01
    array[..., 1] += 0.02  # flat
    assert labels_of(array)[:2] == ["dead", "dead"]
    assert "dead" not in labels_of(array)[2:]


def test_dead_filters_take_no_evidence_from_the_others():
    array = layer_of(grey(edge(5, 0.3)), grey(saddle(5)), grey(checkerboard(5)))
    with_dead = np.concatenate([array, np.zeros((5, 5, 3, 40))], axis=-1)
    alive = np.concatenate([np.zeros((5, 5, 3, 2)), array], axis=-1)
    assert labels_of(alive)[2:] == labels_of(array)
    assert set(labels_of(with_dead)[3:]) == {"dead"}


@pytest.mark.parametrize(
    "array",
    [
        np.ones((5, 5, 3, 8)),
        grey(edge(7))[..., np.newaxis] * np.linspace(1, 2, 8),
        grey(edge(7))[..., np.newaxis] * np.array([1.0, -1.0, 1.5, -1.5]),
        np.zeros((5, 5, 3, 8)),
        np.random.default_rng(1).standard_normal((2, 2, 1, 8)),
        np.random.default_rng(1).standard_normal((2, 2, 1, 1)),
    ],
    ids=[
        "constant",
        "one filter, scaled",
        "one filter, of both signs",
        "zero",
        "too small",
        "one, too small",
    ],
)
def test_a_layer_that_cannot_be_judged_has_no_names(array):
    assert {"dead", "unclassified"}.issuperset(labels_of(array))


# --- the layer's verdict --------------------------------------------------------------------------


def test_smooth_filters_of_5x5_are_never_noise_like():
    # as an accurate network on digits has them
    layer = fw.score({"conv": layer_of(*(saddle(5)[..., np.newaxis],) * 6, noise=0.4)})["conv"]
    assert layer.verdict == "structured"
    assert "noise-like" not in layer.filters["labels"]


def test_in_a_layer_with_little_structure_few_slices_do_not_make_a_filter_noise_like():
    random = np.random.default_rng(1)
    array = random.standard_normal((3, 3, 16, 512))
    array += 0.3 * np.roll(array, 1, axis=0)  # C is .87 or so: three errors of 16 slices are .18
    layer = fw.score({"conv": array})["conv"]
    assert layer.verdict == "structured"
    assert "noise-like" not in layer.filters["labels"]


def test_noise_beside_smooth_filters_is_noise_like():
    random = np.random.default_rng(1)
    noise = [random.standard_normal((7, 7, 3)) for _ in range(16)]
    smooth = [grey(edge(7, angle)) for angle in np.linspace(0, 3, 16)]
    layer = fw.score({"conv": layer_of(*noise, *smooth)})["conv"]
    found = layer.filters["labels"].tolist()
    assert layer.verdict == "structured"
    assert found[:16].count("noise-like") >= 13
    assert set(found[16:]) == {"edge"}


@settings(max_examples=200, deadline=None)
@given(
    k=st.sampled_from([3, 5, 7]),
    channels=st.sampled_from([1, 3, 8, 32]),
    filters=st.integers(2, 48),
    blur=st.floats(0, 1),
    flat=st.floats(0, 1),
    oriented=st.floats(0, 2),
    share=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_labels_agree_with_the_verdict(k, channels, filters, blur, flat, oriented, share, seed):
    random = np.random.default_rng(seed)
    array = random.standard_normal((k, k, channels, filters))
    structured = random.random(filters) < share
    change = blur * (np.roll(array, 1, axis=0) + np.roll(array, 1, axis=1))
    change += flat * random.standard_normal((1, 1, channels, filters))
    for number in range(filters):
        wave = edge(k, random.uniform(0, np.pi))[..., np.newaxis]
        change[..., number] += oriented * wave * random.standard_normal(channels)
    array[..., structured] += change[..., structured]
    layer = fw.score({"conv": array})["conv"]
    found = layer.filters["labels"].tolist()
    named = sum(label not in NO_NAME for label in found)
    if layer.verdict == "structured":
        assert set(found) != {"noise-like"}
    if layer.verdict == "untrained":
        assert named < filters / 2
