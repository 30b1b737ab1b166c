"""Is it redundant? Against numpy.linalg, the law of a random cosine, and planted copies."""

from itertools import pairwise

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, redundancy
from keras_filterwatch.metrics.similarity import filter_similarity

WINDOWS = [(3, 3, 2), (5, 5, 2), (7, 7, 2), (5, 3, 2), (9, 2), (3, 3, 3, 2), (16,)]
SQUARE = {
    "by 90": lambda window: np.rot90(window, 1),
    "by 180": lambda window: np.rot90(window, 2),
    "by 270": lambda window: np.rot90(window, 3),
    "upside down": np.flipud,
    "left to right": np.fliplr,
    "over the diagonal": lambda window: window.swapaxes(0, 1),
}
OTHER = {
    "oblong by 180": ((5, 3, 2), lambda window: np.rot90(window, 2)),
    "oblong upside down": ((5, 3, 2), np.flipud),
    "oblong left to right": ((5, 3, 2), np.fliplr),
    "1-D backwards": ((9, 2), np.flipud),
    "3-D by 90": ((3, 3, 3, 2), lambda window: np.rot90(window, 1, axes=(0, 2))),
    "3-D mirrored": ((3, 3, 3, 2), lambda window: np.flip(window, 1)),
}
TURNED = OTHER | {
    f"{k}x{k} {name}": ((k, k, 2), turn) for k in (3, 5, 7) for name, turn in SQUARE.items()
}


def planted(shape, change, filters=12):
    """Random filters, of which number 9 is made from number 2."""
    array = np.random.default_rng(0).standard_normal((*shape, filters))
    array[..., 9] = change(array[..., 2])
    return array


def measure(array):
    """The numbers of a layer, and the values of its filters for the scores that have them."""
    scores = redundancy.measure(KernelFacts(Kernel("layer", "", array)))
    numbers = {name: score.number for name, score in scores.items()}
    filters = {name: score.filters for name, score in scores.items()}
    return numbers, {name: values for name, values in filters.items() if values is not None}


def copies(array):
    """Which filters have a copy, for each kind of copy."""
    filters = measure(array)[1]
    return {name: np.flatnonzero(values == 1).tolist() for name, values in filters.items()}


def none_but(shape, **pairs):
    names = ["duplicates", "inverted", *(["rotated"] if len(shape) > 1 else [])]
    return {name: [] for name in names} | pairs


def singular_numbers(matrix):
    """Effective and stable rank by their definitions, from numpy.linalg.svd."""
    s = np.linalg.svd(matrix, compute_uv=False)
    p = s[s > 0] / s.sum()
    return np.exp(-(p * np.log(p)).sum()), (s**2).sum() / s[0] ** 2


def test_ranks_of_a_diagonal_matrix():  # SCIENCE 5
    ranks = redundancy.ranks(filter_similarity(np.diag([4.0, 3.0, 2.0, 1.0])))
    assert ranks["effective_rank"] == pytest.approx(3.5961, abs=5e-5)
    assert ranks["stable_rank"] == pytest.approx(1.8750, abs=5e-5)


@pytest.mark.parametrize("shape", [(8, 8), (6, 40), (40, 6), (30, 3, 20), (4, 1, 50)])
def test_ranks_are_those_of_the_singular_values(shape):
    random = np.random.default_rng(1)
    factors = [random.standard_normal(pair) for pair in pairwise(shape)]
    matrix = np.linalg.multi_dot(factors) if len(factors) > 1 else factors[0]
    ranks = redundancy.ranks(filter_similarity(matrix))
    assert tuple(ranks.values()) == pytest.approx(singular_numbers(matrix), rel=1e-6)


def test_ranks_of_a_kernel_are_those_of_its_filters():
    array = np.random.default_rng(2).standard_normal((3, 3, 4, 16)) * np.arange(1, 17)
    numbers, _ = measure(array)
    expected = singular_numbers(array.reshape(-1, 16))
    assert (numbers["effective_rank"], numbers["stable_rank"]) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("dimension", "cosine"), [(9, 0.971), (27, 0.757), (49, 0.606), (147, 0.373), (576, 0.193)]
)
def test_cosine_that_chance_reaches_among_64_filters(dimension, cosine):  # SCIENCE 5
    assert redundancy.chance_cosine(dimension, 64, 16) == pytest.approx(cosine, abs=1e-3)


def test_chance_cosine_has_its_closed_form_in_three_dimensions():
    # Archimedes: the cosine of two random directions in space is uniform on [-1, 1]
    tail = 1 - 0.95 ** (1 / (2 * 32 * 31 / 2))
    assert redundancy.chance_cosine(3, 32, 2) == pytest.approx(1 - 2 * tail, abs=1e-6)


@pytest.mark.parametrize(
    ("window", "order"), [((3, 3), 8), ((5, 3), 4), ((9,), 2), ((3, 3, 3), 48), ((1, 1), 1)]
)
def test_poses_are_the_symmetries_of_the_window(window, order):  # orders of the groups
    assert len(redundancy.poses(window)) == order - 1


@pytest.mark.parametrize(("scale", "name"), [(0.2, "duplicates"), (-3, "inverted")])
@pytest.mark.parametrize("shape", WINDOWS, ids=str)
def test_a_scaled_copy_is_a_duplicate_or_inverted_and_nothing_else(shape, scale, name):
    array = planted(shape, lambda window: scale * window)
    assert copies(array) == none_but(shape, **{name: [2, 9]})


def test_a_copy_of_a_filter_that_is_its_own_mirror_image_is_a_duplicate_and_not_rotated():
    array = planted((3, 3, 2), lambda window: window)
    array[..., [2, 9]] += np.flip(array[..., [2, 9]], 0)
    assert copies(array) == none_but((3, 3, 2), duplicates=[2, 9])


@pytest.mark.parametrize("name", TURNED)
def test_a_turned_or_mirrored_copy_is_rotated_and_nothing_else(name):
    shape, turn = TURNED[name]
    assert copies(planted(shape, turn)) == none_but(shape, rotated=[2, 9])


@pytest.mark.parametrize("name", SQUARE)
def test_a_turned_copy_in_a_wide_layer_is_rotated_although_few_filters_are_turned(name):
    shape = (3, 3, 128)
    assert copies(planted(shape, SQUARE[name], filters=64)) == none_but(shape, rotated=[2, 9])


@pytest.mark.parametrize("shape", [*WINDOWS, (1, 1, 8), (3, 3, 128), (3,), (2,)], ids=str)
def test_filters_that_are_all_one_are_duplicates_and_not_rotated(shape):
    array = np.repeat(np.random.default_rng(3).standard_normal((*shape, 1)), 64, axis=-1)
    numbers, _ = measure(array)
    assert numbers["duplicates"] == 1
    assert numbers.get("rotated", 0) == numbers["inverted"] == 0
    assert numbers["effective_rank"] == pytest.approx(1)


def test_filters_that_are_zero_or_not_finite_are_left_out():
    array = planted((3, 3, 2), lambda window: 2 * window)
    array[..., [0, 1]], array[..., 4] = 0, np.nan
    numbers, filters = measure(array)
    assert all(
        np.flatnonzero(np.isnan(values)).tolist() == [0, 1, 4] for values in filters.values()
    )
    assert numbers["duplicates"] == pytest.approx(2 / 9)


def test_one_filter_has_ranks_and_no_copies():
    numbers, filters = measure(np.random.default_rng(4).standard_normal((3, 3, 2, 1)))
    assert numbers == pytest.approx({"effective_rank": 1, "stable_rank": 1})
    assert not filters


def test_of_more_than_512_filters_every_second_or_third_is_compared():
    array = np.repeat(np.random.default_rng(5).standard_normal((3, 3, 1, 1)), 1500, axis=-1)
    numbers, filters = measure(array)
    assert numbers["duplicates"] == 1
    compared = np.isfinite(filters["duplicates"])
    assert np.flatnonzero(compared).tolist() == list(range(0, 1500, 3))


@pytest.mark.parametrize("draw", ["normal", "uniform"])
@pytest.mark.parametrize(
    ("shape", "layers"),
    [
        *(((3, 3, 1, 64), 2000), ((3, 3, 3, 32), 300), ((5, 5, 1, 32), 300)),
        *(((7, 7, 3, 64), 30), ((3, 3, 64, 64), 50), ((16, 64), 300)),
    ],
    ids=str,
)
def test_chance_makes_copies_in_at_most_a_twentieth_of_layers(shape, layers, draw):
    random = np.random.default_rng(6)
    layer = {"normal": random.standard_normal, "uniform": lambda s: random.uniform(-1, 1, s)}
    hits = sum(any(copies(layer[draw](shape)).values()) for _ in range(layers))
    assert hits <= 0.05 * layers


@pytest.mark.parametrize(("cosine", "is_copy"), [(0.901, True), (0.899, False)])
@pytest.mark.parametrize(("sign", "name"), [(1, "duplicates"), (-1, "inverted")])
def test_a_copy_in_wide_filters_has_a_cosine_above_nine_tenths(sign, name, cosine, is_copy):
    basis, _ = np.linalg.qr(np.random.default_rng(7).standard_normal((288, 3)))
    copy = sign * (cosine * basis[:, 0] + np.sqrt(1 - cosine**2) * basis[:, 1])
    array = np.stack([basis[:, 0], copy, basis[:, 2]], axis=-1).reshape(3, 3, 32, 3)
    expected = [0, 1] if is_copy else []
    assert copies(array) == none_but((3, 3, 32), **{name: expected})


@pytest.mark.parametrize("factor", [1.001, 0.999])
def test_a_copy_in_narrow_filters_has_a_cosine_that_chance_reaches_in_3_of_100_layers(factor):
    # 3 filters of 4 weights, 2 signs, no other pose: .958
    cosine = factor * redundancy.chance_cosine(4, 3, 2, 0.03)
    basis = np.eye(4)
    copy = cosine * basis[:, 0] + np.sqrt(1 - cosine**2) * basis[:, 1]
    array = np.stack([basis[:, 0], copy, basis[:, 2]], axis=-1)
    assert copies(array)["duplicates"] == ([0, 1] if factor > 1 else [])


def of_length_1(array):
    flat = array.reshape(-1, array.shape[-1])
    return flat / np.linalg.norm(flat, axis=0)


@pytest.mark.parametrize(
    "shape", [(3, 3, 2), (5, 5, 1), (4, 4, 3), (2, 3, 2), (7, 2), (3, 3, 3, 2)]
)
def test_no_pose_is_more_alike_than_the_bound_that_rules_filters_out(shape):
    spatial = shape[:-1]
    turns = redundancy.poses(spatial)
    random = np.random.default_rng(0).standard_normal((*shape, 12))
    order, flips = turns[-1]
    random[..., 1] = np.flip(random[..., 0].transpose(*order, len(spatial)), flips)  # a copy
    flat = of_length_1(random)
    similarity = filter_similarity(random)
    bound = redundancy._highest_cosines(similarity, shape, {order for order, _ in turns})
    for order, flips in turns:
        turned = np.flip(random.transpose(*order, len(spatial), len(shape)), flips)
        cosines = of_length_1(turned).T @ flat
        np.fill_diagonal(cosines, 0)
        assert (cosines <= bound).all()


def test_the_bound_rules_out_wide_random_filters():
    similarity = filter_similarity(np.random.default_rng(0).uniform(-1, 1, (3, 3, 128, 64)))
    orders = {order for order, _ in redundancy.poses((3, 3))}
    assert redundancy._highest_cosines(similarity, (3, 3, 128), orders).max() < 0.9
