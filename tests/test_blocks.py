"""However a kernel is stored, its scores are those of the same numbers in double precision."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.metrics import blocks

SHAPES = [
    (3, 3, 96, 128),
    (5, 5, 48, 64),
    (7, 7, 64, 32),
    (3, 3, 96, 640),
    (256, 512),
    (9, 64, 160),
]
EXACT = {"duplicates", "inverted", "rotated", "dead", "rail", "sparsity"}


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def trained(shape):
    """A large kernel with a mean, with copies, and with dead and fading filters."""
    array = 0.05 * normal(shape) + 0.02
    array[..., 1] = array[..., 0]
    array[..., 2] = -array[..., 3]
    array[..., 4] = array[::-1, ..., 5]
    array[..., 6] = 0
    array[..., 7] *= 1e-4
    return array


def scored(array, first):
    return fw.score({"layer": array}, first=fw.Snapshot(0, (fw.Kernel("layer", "", first),)))[
        "layer"
    ]


def compare(single, double):
    assert single.verdict == double.verdict
    assert set(single) == set(double)
    for name, number in double.items():
        tight = {"abs": 0} if name in EXACT else {"rel": 1e-4, "abs": 1e-5}
        if name == "noise_z":  # an error of C in standard errors
            tight = {"abs": 1e-5 * np.sqrt(double["slices"])}
        assert single[name] == pytest.approx(number, **tight), name
    assert set(single.filters) == set(double.filters)
    for name, values in double.filters.items():
        if values.dtype.kind == "U":
            np.testing.assert_array_equal(single.filters[name], values)
        elif name != "noise_z":
            np.testing.assert_allclose(single.filters[name], values, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("make", [normal, trained])
def test_single_precision_is_scored_as_double_precision_is(make, shape):
    array, first = make(shape), make(shape) + 0.01 * normal(shape, seed=1)
    compare(scored(array, first), scored(array.astype(float), first.astype(float)))


def test_half_precision_is_scored_as_double_precision_is():
    array = normal(SHAPES[0]).astype("float16")
    compare(scored(array, array), scored(array.astype(float), array.astype(float)))


@pytest.mark.parametrize("size", [1e-37, 1e-25, 1e-15, 1e15, 1e30])
def test_weights_whose_squares_single_precision_loses_are_scored_all_the_same(size):
    array = normal(SHAPES[0]) * np.float32(size)
    compare(scored(array, array), scored(array.astype(float), array.astype(float)))


def test_one_filter_whose_squares_single_precision_loses_is_scored_all_the_same():
    array = normal(SHAPES[0])
    array[..., 3] *= np.float32(1e-25)
    compare(scored(array, array), scored(array.astype(float), array.astype(float)))


@pytest.mark.parametrize(
    "change_layout", [np.asfortranarray, lambda a: a.swapaxes(-1, -2).copy().swapaxes(-1, -2)]
)
def test_memory_layout_of_large_kernels_does_not_matter(change_layout):
    array = trained(SHAPES[0])
    changed = change_layout(array)
    compare(scored(changed, changed), scored(array.astype(float), array.astype(float)))


def test_large_filters_that_are_all_one_have_rank_1_and_no_anisotropy():
    array = np.repeat(normal((3, 3, 96, 1)), 128, axis=-1)
    scores = scored(array, array)
    assert scores["effective_rank"] == pytest.approx(1, abs=1e-3)
    assert scores["duplicates"] == 1
    flat = scored(array[0, 0].repeat(9, axis=0), array[0, 0].repeat(9, axis=0))  # without a window
    assert "anisotropy" not in flat


def test_a_large_constant_kernel_has_no_noise_score():
    scores = scored(np.full(SHAPES[0], 0.3, "float32"), np.full(SHAPES[0], 0.3, "float32"))
    assert {"noise", "anisotropy"}.isdisjoint(scores)
    assert scores["dc"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("shape", "dtype", "expected"),
    [
        *(((256, 257), dtype, "float32") for dtype in ("float16", "float32", "int16", "int8")),
        *(((256, 257), dtype, "float64") for dtype in ("float64", "int32", "uint8", "bool")),
        *(((256, 256), dtype, "float64") for dtype in ("float16", "float32", "float64")),
    ],
)
def test_kernels_above_65536_weights_are_read_in_float32_if_it_can_represent_them(
    shape, dtype, expected
):
    assert blocks.precision(np.zeros(shape, dtype)) == expected


@pytest.mark.parametrize("whole_filters", [False, True])
@pytest.mark.parametrize("shape", [(3, 3, 96, 128), (1000, 700), (5, 5, 3, 4), (3, 3, 2000, 4)])
def test_blocks_contain_each_weight_once(shape, whole_filters):
    array = normal(shape)
    total = np.zeros(shape[-1])
    for filters, (block,) in blocks.blocks(array, whole_filters=whole_filters):
        assert block.nbytes <= 2**21 or whole_filters
        assert not whole_filters or block.shape[1] == shape[-2]
        total[filters] += block.sum(axis=(0, 1), dtype=float)
    assert total == pytest.approx(array.reshape(-1, shape[-1]).sum(axis=0, dtype=float), abs=1e-3)


@pytest.mark.parametrize("shape", [(9, 5, 3), (1, 64, 7), (1, 5, 3), (50, 2, 3)])
def test_products_are_those_of_numpy(shape):
    one, other = normal(shape), normal(shape, seed=1)
    slices = np.einsum("tcf,tcf->cf", one.astype(float), other.astype(float))
    assert blocks.slice_products(one, other) == pytest.approx(slices, abs=1e-5)
    assert blocks.filter_products(one, other) == pytest.approx(slices.sum(axis=0), abs=1e-5)


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1, False), (1e-25, True), (1e20, True), (0, False), (np.nan, False), (np.inf, False)],
)
def test_filters_whose_squares_leave_the_range_of_float32_are_noticed(size, expected):
    array = normal((3, 3, 2, 4))
    with np.errstate(all="ignore"):
        array[..., 1] *= np.float32(size)
    assert blocks.overflows_float32(array, blocks.euclidean_norms(array)) == expected


def test_a_filter_that_float32_loses_is_noticed_beside_one_that_diverged():
    array = normal((3, 3, 2, 4))
    array[..., 0], array[..., 1] = np.inf, array[..., 1] * np.float32(1e-25)
    assert blocks.overflows_float32(array, blocks.euclidean_norms(array))
