"""CNN Filter DB's measures, against the original's numbers and where those are not finite."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, filterdb

# Computed with the original, torchconvquality 0.4.0 (Gavrikov & Keuper, CVPR 2022), in float32;
# its "how" says from which arrays.
REFERENCE = json.loads((Path(__file__).parent / "filterdb_reference.json").read_text())["values"]
NAMES = ("sparsity", "variance_entropy", "variance_entropy_norm", "orthogonality")


def measure(array):
    """The measures that are defined for a kernel."""
    scores = filterdb.measure(KernelFacts(Kernel("layer", "", array)))
    return {name: score.number for name, score in scores.items() if np.isfinite(score.number)}


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("case", REFERENCE)
def test_original_is_matched(case):
    _, seed, shape = case.split(maxsplit=2)
    array = normal(ast.literal_eval(shape), int(seed)).astype("float32")
    if seed == "1":
        array[..., :4] *= 1e-3
    assert measure(array) == pytest.approx({k: REFERENCE[case][k] for k in NAMES}, abs=1e-5)


def test_other_windows_have_no_measures():
    assert measure(normal((5, 5, 2, 4))) == measure(normal((3, 2, 4))) == {}


def test_variance_entropy_is_right_where_some_singular_values_are_0():
    array = normal((3, 3, 2, 2))  # four slices vary in three directions
    rows = array.reshape(9, -1).T
    s = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)[:3]
    p = s**2 / (s**2).sum()
    assert filterdb.variance_entropy(array) == pytest.approx(-(p * np.log10(p)).sum())


@pytest.mark.parametrize("shape", [(3, 3, 1, 1), (3, 3, 1, 2), (3, 3, 2, 1)], ids=str)
def test_one_or_two_slices_have_no_entropy(shape):  # the original's norm is NaN or negative
    numbers = measure(normal(shape))
    assert numbers["variance_entropy"] == numbers["variance_entropy_norm"] == 0


def test_slices_of_one_pattern_have_no_entropy():
    array = normal((3, 3, 1, 1)) * normal((4, 8), seed=1)
    assert measure(array)["variance_entropy"] == pytest.approx(0, abs=1e-9)


def test_slices_that_are_all_the_same_have_no_entropy():
    assert measure(np.tile(normal((3, 3, 1, 1)), (1, 1, 4, 8)))["variance_entropy"] == 0


def test_one_filter_has_no_orthogonality():
    assert measure(normal((3, 3, 8, 1))).keys() == set(NAMES) - {"orthogonality"}


def test_filters_that_are_all_zero_have_no_measures():  # .98 in the original
    assert measure(np.zeros((3, 3, 2, 64))) == {}


def test_zero_filters_leave_the_orthogonality_of_the_others_alone():
    array = normal((3, 3, 2, 12))
    array[..., 4:8] = 0
    others = measure(np.delete(array, range(4, 8), axis=-1))
    assert measure(array)["orthogonality"] == pytest.approx(others["orthogonality"], abs=1e-6)


def test_zero_filters_are_sparse():
    array = normal((3, 3, 2, 12))
    array[..., 4:8] = 0
    assert measure(array)["sparsity"] == pytest.approx(4 / 12)


def test_a_slice_at_a_hundredth_of_the_largest_weight_is_not_empty():
    array = np.zeros((3, 3, 1, 3))
    array[1, 1, 0] = [100, 1, 0.99]
    assert measure(array)["sparsity"] == pytest.approx(1 / 3)


def test_orthogonality_is_1_for_orthogonal_filters():
    q, _ = np.linalg.qr(normal((18, 12)))
    array = (q * np.arange(1, 13)).reshape(3, 3, 2, 12)
    assert measure(array)["orthogonality"] == pytest.approx(1, abs=1e-6)


def test_orthogonality_is_0_for_filters_alike_but_for_scale_and_sign():
    array = normal((3, 3, 2, 1)) * [1.0, -2.0, 0.1]
    assert measure(array)["orthogonality"] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_measures_do_not_depend_on_scale(scale):
    array = normal((3, 3, 4, 8))
    array[..., 0] *= 1e-3
    assert measure(scale * array) == pytest.approx(measure(array))


def test_measures_are_those_of_the_finite_filters():
    array = normal((3, 3, 4, 8))
    array[0, 0, 0, 5] = np.inf
    assert measure(array) == pytest.approx(measure(np.delete(array, 5, axis=-1)))
