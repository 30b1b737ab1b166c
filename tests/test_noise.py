"""Is it noise? Against exact values, other people's formulas, and the null distribution."""

import ast
import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, noise

# Computed in exact fractions (hand kernels, graph constants) and in float64 from the formulas of
# Geary 1954, Cliff & Ord 1981 and John 1971 (seeded tensors), independently of this package.
REFERENCE = json.loads((Path(__file__).parent / "noise_reference.json").read_text())

checker = {k: (-1.0) ** np.add.outer(range(k), range(k)) for k in (3, 5, 7)}
ramp = {k: np.tile(np.arange(k) - k // 2, (k, 1)) for k in (3, 5, 7)}
HAND_KERNELS = {
    **{f"checker{k}": kernel for k, kernel in checker.items()},
    **{f"ramp{k}": kernel for k, kernel in ramp.items()},
    "sobel": np.outer([1, 2, 1], [-1, 0, 1]),
    "laplace4": [[0, 1, 0], [1, -4, 1], [0, 1, 0]],
    "laplace8": [[1, 1, 1], [1, -8, 1], [1, 1, 1]],
    "binomial3": np.outer([1, 2, 1], [1, 2, 1]),
    "binomial5": np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]),
    "delta3": [[0, 0, 0], [0, 1, 0], [0, 0, 0]],
    "stripes3": [[1, -1, 1]] * 3,
}


def one_slice(window):
    return np.asarray(window, float)[..., np.newaxis, np.newaxis]


def measure(array):
    """All scores of this file, of the layer where they are defined, and of its filters."""
    facts = KernelFacts(Kernel("layer", "", array))
    measurements = noise.measure_roughness(facts) | noise.measure_anisotropy(facts)
    numbers = {name: score.number for name, score in measurements.items()}
    layer = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return layer, {name: score.filters for name, score in measurements.items()}


def verdict(array):
    return noise.verdict(measure(array)[0], array.shape)


def test_the_hand_kernels_are_those_of_the_reference():
    assert set(HAND_KERNELS) == set(REFERENCE["hand_kernels"])


@pytest.mark.parametrize("name", HAND_KERNELS)
def test_hand_kernel_has_its_exact_c_and_dc(name):
    expected = REFERENCE["hand_kernels"][name]
    layer, _ = measure(one_slice(HAND_KERNELS[name]))
    assert layer["geary_c"] == pytest.approx(float(Fraction(expected["C"])), abs=1e-12)
    assert layer["dc"] == pytest.approx(float(Fraction(expected["fDC"])), abs=1e-12)


@pytest.mark.parametrize("shape", REFERENCE["seeded_keras_layout"])
def test_seeded_tensor_has_its_reference_scores(shape):
    expected = REFERENCE["seeded_keras_layout"][shape]
    array = np.random.default_rng(0).standard_normal(ast.literal_eval(shape))
    layer, _ = measure(array)
    assert layer["geary_c"] == pytest.approx(expected["C"], abs=1e-6)
    assert layer["slices"] == pytest.approx(expected["Neff"], rel=1e-6)
    assert layer["noise_z"] == pytest.approx(expected["z"], abs=1e-6)
    assert layer["dc"] == pytest.approx(expected["fdc"], abs=1e-6)
    assert layer["anisotropy"] == pytest.approx(expected["A"], abs=1e-6)


@pytest.mark.parametrize("shape", [(28, 28, 1, 64), (64, 64, 1, 64), (40, 40, 3, 32)])
def test_noise_in_large_windows_looks_untrained(shape):
    for seed in range(5):
        array = np.random.default_rng(seed).standard_normal(shape)
        assert verdict(array) == "untrained"


@pytest.mark.parametrize("size", [1e-69, 1e-71, 1e-73, 1e-150, 1e-300])
def test_weights_so_small_that_their_squares_vanish_get_a_verdict(size):
    array = size * np.random.default_rng(0).standard_normal((3, 3, 8, 8))
    assert verdict(array) in ("untrained", "undetermined")


@pytest.mark.parametrize("grid", REFERENCE["graph_constants"])
def test_grid_has_its_smoothest_c_and_its_variance(grid):
    expected = REFERENCE["graph_constants"][grid]
    spatial = tuple(map(int, grid.split("x")))
    assert noise.smoothest_c(spatial) == pytest.approx(expected["Cmin"], abs=1e-12)
    assert noise.variance_of_c(spatial) == pytest.approx(float(Fraction(expected["VC"])), abs=1e-12)


@pytest.mark.parametrize("k", [3, 5, 7])
def test_noise_score_is_0_for_the_smoothest_pattern(k):
    # the eigenvector of the grid's Laplacian with the smallest eigenvalue: half a cosine wave
    wave = np.cos(np.pi * (np.arange(k) + 0.5) / k)
    assert noise.noise_score(one_slice(np.tile(wave, (k, 1)))) == pytest.approx(0, abs=1e-12)


def test_noise_score_is_above_1_for_a_checkerboard():
    assert noise.noise_score(one_slice(checker[3])) > 1


@pytest.mark.parametrize("spatial", [(9,), (3, 5), (3, 3, 3)])
def test_c_is_that_of_the_definition_on_any_grid(spatial):
    array = np.random.default_rng(1).standard_normal((*spatial, 4, 6))
    n = int(np.prod(spatial))
    pairs = differences = variance = 0.0
    for index in np.ndindex(spatial):  # Geary's double sum, pair by pair
        for axis in range(len(spatial)):
            other = list(index)
            other[axis] += 1
            if other[axis] < spatial[axis]:
                pairs += 1
                differences += ((array[index] - array[tuple(other)]) ** 2).sum()
    spatial_axes = tuple(range(len(spatial)))
    variance = ((array - array.mean(axis=spatial_axes)) ** 2).sum()
    expected = (n - 1) / (2 * pairs) * differences / variance
    assert noise.geary_c(array) == pytest.approx(expected, abs=1e-12)


def test_filters_are_scored_as_if_each_were_a_layer():
    array = np.random.default_rng(2).standard_normal((3, 3, 5, 4))
    _, filters = measure(array)
    for f in range(4):
        alone, _ = measure(array[..., f : f + 1])
        for name, number in alone.items():
            assert filters[name][f] == pytest.approx(number, abs=1e-12), name


def test_a_constant_slice_leaves_the_score_of_the_others_alone():
    array = np.random.default_rng(3).standard_normal((3, 3, 1, 8))
    with_constant = np.concatenate([array, np.full((3, 3, 1, 1), 0.1)], axis=-1)
    assert noise.geary_c(with_constant) == pytest.approx(noise.geary_c(array), abs=1e-12)


@pytest.mark.parametrize("shape", [(1, 1, 16, 32), (16, 32), (2, 1, 4, 8)])
def test_what_has_no_more_than_two_taps_has_no_noise_score(shape):
    layer, filters = measure(np.random.default_rng(4).standard_normal(shape))
    assert "noise" not in layer
    assert np.isnan(filters["noise"]).all()


def test_a_constant_layer_has_no_noise_score():
    layer, _ = measure(np.full((3, 3, 4, 8), 0.3))
    assert "noise" not in layer
    assert layer["dc"] == pytest.approx(1)


def test_anisotropy_is_1_when_all_slices_are_one_pattern():
    sizes = np.random.default_rng(5).standard_normal(24)
    array = (np.outer([1, 2, 1], [-1, 0, 1])[..., np.newaxis] * sizes).reshape(3, 3, 3, 8)
    assert noise.anisotropy(array) == pytest.approx(1, abs=1e-9)


def test_anisotropy_compares_filters_over_channels_where_there_is_no_window():
    pattern, sizes = np.random.default_rng(6).standard_normal((2, 32))
    assert noise.anisotropy(np.outer(pattern, sizes)) == pytest.approx(1, abs=1e-9)


def test_anisotropy_of_many_coordinates_is_sampled_and_still_near_0_for_noise():
    array = np.random.default_rng(7).standard_normal((3000, 400)).astype("float32")
    # under noise its standard deviation is 2 / (slices * coordinates)
    assert abs(noise.anisotropy(array)) < 5 * 2 / (400 * 512)


def test_wide_noise_looks_untrained():
    array = np.random.default_rng(8).standard_normal((3, 3, 64, 64))
    assert verdict(array) == "untrained"


def test_few_slices_are_undetermined_however_noisy():
    array = np.random.default_rng(9).standard_normal((3, 3, 1, 8))
    assert verdict(array) == "undetermined"


def test_a_single_3x3_kernel_is_never_judged():
    # |z| cannot exceed 2.84: not even a perfect ramp is evidence
    assert verdict(one_slice(ramp[3])) == "undetermined"


@pytest.mark.parametrize(
    "pattern",
    [np.outer([1, 2, 1], [-1, 0, 1]), np.tile([1.0, -2.0, 1.0], (3, 1)), np.ones((3, 3))],
    ids=["edge (low C)", "line (C = 1, anisotropic)", "blob (dc)"],
)
def test_pattern_under_noise_looks_structured(pattern):
    random = np.random.default_rng(10)
    sizes = random.standard_normal((1, 1, 8, 32))
    array = pattern[..., np.newaxis, np.newaxis] * sizes
    array += 0.3 * np.abs(pattern).mean() * random.standard_normal(array.shape)
    assert verdict(array) == "structured"


def test_a_trivial_effect_in_a_wide_layer_is_not_structure():
    random = np.random.default_rng(11)
    array = random.standard_normal((3, 3, 128, 256)) + 0.1 * random.standard_normal((128, 256))
    layer, _ = measure(array)
    array_z = (9 * layer["dc"] - 1) / np.sqrt(16 / 11 / layer["slices"])
    assert array_z > 10  # significant beyond doubt, and still far too small to matter
    assert noise.verdict(layer, array.shape) != "structured"


def test_kernels_without_neighbours_never_look_untrained():
    array = np.random.default_rng(12).standard_normal((256, 512))
    assert verdict(array) == "undetermined"


def test_noise_almost_never_looks_structured():
    random = np.random.default_rng(13)
    shapes = [(3, 3, 1, 16), (5, 5, 1, 32), (7, 7, 1, 16), (9, 1, 64), (64, 32)]
    verdicts = [verdict(random.uniform(-1, 1, shape)) for shape in shapes for _ in range(200)]
    # measured on 20,000 draws per shape: at most 1 in 1,000
    assert verdicts.count("structured") <= 5


# What a verdict depends on, right at each side of its thresholds. The layers are noise in all but
# one score; their errors are SCIENCE 1's: Var(C) is 1/18, 61/2600 and 44/3675 for windows of 3, 5
# and 7 taps, and the lowest C 1/3, .1146 and .0566.
def verdict_of(shape, slices, **scores):
    n = shape[0] * shape[1]
    noisy = {"noise": 1.0, "slices": slices, "dc": 1 / n, "anisotropy": 0.0}
    return noise.verdict(noisy | scores, shape)


WIDE = ((3, 3, 64, 64), 64 * 64)  # shape and slices: all errors are far below the effects
NARROW = ((3, 3, 10, 10), 100)  # five errors of the noise score and of dc exceed the effects
NOISE_ERROR = np.sqrt(1 / 18 / 100) / (1 - 1 / 3)  # of NARROW
DC_ERROR = np.sqrt(2 * 8 / 11 / 100)
ANISOTROPY_ERROR = 2 / (99 * 9)


@pytest.mark.parametrize(
    ("score", "threshold", "start"),
    [
        pytest.param("noise", 1 - 0.1, 1, id="smooth"),
        pytest.param("noise", 1 + 0.1, 1, id="checkerboard"),
        pytest.param("dc", (1 + 0.5) / 9, 1 / 9, id="flat"),
        pytest.param("dc", (1 - 0.5) / 9, 1 / 9, id="without mean"),
        pytest.param("anisotropy", 0.05, 0, id="one pattern"),
    ],
)
def test_an_effect_matters_in_a_wide_layer_beyond_its_threshold(score, threshold, start):
    step = 1e-6 * np.sign(threshold - start)
    assert verdict_of(*WIDE, **{score: threshold + step}) == "structured"
    assert verdict_of(*WIDE, **{score: threshold - step}) == "undetermined"


@pytest.mark.parametrize(
    ("score", "start", "shape", "slices", "five_errors"),
    [
        pytest.param("noise", 1, *NARROW, -5 * NOISE_ERROR, id="noise"),
        pytest.param("dc", 1 / 9, *NARROW, 5 * DC_ERROR / 9, id="dc"),
        pytest.param(
            *("dc", 1 / 7, (1, 7, 10, 10), 100, 5 * np.sqrt(2 * 6 / 9 / 100) / 7), id="dc in a row"
        ),
        pytest.param("anisotropy", 0, (3, 3, 4, 5), 20, 5 * 2 / (19 * 9), id="anisotropy"),
    ],
)
def test_few_slices_need_five_standard_errors_to_look_structured(
    score, start, shape, slices, five_errors
):
    for factor, expected in ((1.001, "structured"), (0.999, "undetermined")):
        assert verdict_of(shape, slices, **{score: start + factor * five_errors}) == expected


@pytest.mark.parametrize(
    ("score", "start", "three_errors"),
    [
        ("noise", 1, -3 * NOISE_ERROR),
        ("noise", 1, 3 * NOISE_ERROR),
        ("dc", 1 / 9, 3 * DC_ERROR / 9),
        ("anisotropy", 0, 3 * ANISOTROPY_ERROR),
    ],
)
def test_a_layer_looks_untrained_within_three_standard_errors(score, start, three_errors):
    for factor, expected in ((0.999, "untrained"), (1.001, "undetermined")):
        assert verdict_of(*NARROW, **{score: start + factor * three_errors}) == expected


@pytest.mark.parametrize(("k", "enough"), [(3, 73), (5, 18), (7, 8)])
def test_untrained_needs_so_many_slices_that_an_eighth_is_three_errors(k, enough):
    # (3 / (1 - lowest C) / (1/8))^2 Var(C) is 72, 17.2 and 7.8
    assert verdict_of((k, k, 1, enough), enough) == "untrained"
    assert verdict_of((k, k, 1, enough - 2), enough - 2) == "undetermined"
    if k > 3:  # at 72 slices of 3x3 both sides are equal
        assert verdict_of((k, k, 1, enough - 1), enough - 1) == "undetermined"


def test_scores_that_are_undefined_count_as_noise():
    assert noise.verdict({"noise": 1.0, "slices": 500}, (3, 3, 20, 25)) == "untrained"


def test_slices_of_unequal_size_have_more_anisotropy_by_chance():
    # 1000 slices of which 100 carry the layer: 1/99 is expected instead of 1/999
    threshold = 0.05 + 1 / 99 - 1 / 999
    assert verdict_of((3, 3, 10, 100), 100, anisotropy=threshold + 1e-6) == "structured"
    assert verdict_of((3, 3, 10, 100), 100, anisotropy=threshold - 1e-6) == "undetermined"


def test_anisotropy_of_a_large_window_rests_on_512_taps():
    three_errors = 3 * 2 / (99 * 512)  # of 100 slices
    shape = (32, 32, 10, 10)
    assert verdict_of(shape, 100, anisotropy=0.999 * three_errors) == "untrained"
    assert verdict_of(shape, 100, anisotropy=1.001 * three_errors) == "undetermined"


@pytest.mark.parametrize(
    ("shape", "threshold"),
    [((256, 512), 0.1), ((1, 1, 5, 11), 5 * 2 / (10 * 5)), ((4, 1), 5 * 2 / 1)],
    ids=str,
)
def test_without_neighbours_anisotropy_alone_tells_structure(shape, threshold):
    assert noise.verdict({"anisotropy": threshold * 1.001}, shape) == "structured"
    assert noise.verdict({"anisotropy": threshold * 0.999}, shape) == "undetermined"
    assert noise.verdict({}, shape) == "undetermined"


def test_noise_error_is_that_of_random_filters():
    scores = [
        noise.noise_score(np.random.default_rng(seed).standard_normal((5, 5, 10, 10)))
        for seed in range(400)
    ]
    # the standard deviation of 400 draws is known to 1 / sqrt(800)
    assert np.std(scores) == pytest.approx(noise.noise_error((5, 5), 100), rel=4 / np.sqrt(800))
