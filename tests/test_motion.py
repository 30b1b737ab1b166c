"""Is it still moving? Against vectors whose lengths and angles are known."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, motion


def turned(angle):
    """Two filters: the first one turned by this angle, the second one kept."""
    before = np.array([[1.0, 0.0], [0.0, 2.0]])
    now = np.array([[np.cos(angle), 0.0], [np.sin(angle), 2.0]])
    return now, before


@pytest.mark.parametrize("angle", [0.0, 0.1, np.pi / 2, np.pi])
def test_rotation_is_one_minus_the_cosine(angle):
    layer, filters = motion.rotation(*turned(angle))
    assert filters == pytest.approx([1 - np.cos(angle), 0], abs=1e-12)
    assert layer == pytest.approx(1 - (np.cos(angle) + 4) / 5, abs=1e-12)


def test_rotation_does_not_depend_on_size():
    now, before = turned(0.3)
    assert motion.rotation(7 * now, before)[0] == pytest.approx(motion.rotation(now, before)[0])


def test_update_ratio_is_the_relative_length_of_the_change():
    before = np.random.default_rng(0).standard_normal((3, 3, 4, 6))
    layer, filters = motion.update_ratio(before * 1.001, before)
    assert layer == pytest.approx(1e-3)
    assert filters == pytest.approx(np.full(6, 1e-3))


def test_a_layer_is_measured_from_its_previous_and_its_first_weights():
    array = np.random.default_rng(1).standard_normal((3, 3, 4, 6))
    facts = KernelFacts(Kernel("layer", "", array), previous=array / 2, first=-array)
    update, rotation = motion.measure_update(facts), motion.measure_rotation(facts)
    assert update["update"].number == pytest.approx(1)
    assert update["update"].filters == pytest.approx(np.full(6, 1))
    assert rotation["rotation"].number == pytest.approx(2)
    assert rotation["rotation"].filters == pytest.approx(np.full(6, 2))


def test_a_layer_without_other_weights_to_compare_with_has_no_motion():
    facts = KernelFacts(Kernel("layer", "", np.ones((3, 3, 4, 6))))
    assert motion.measure_update(facts) == motion.measure_rotation(facts) == {}


@pytest.mark.parametrize(("dtype", "expected"), [("float32", 0), ("float64", 5e-9)])
def test_rotations_that_single_precision_cannot_tell_from_rounding_are_0(dtype, expected):
    # 300 x 300 weights, of which all but one row are kept: 1 - cos(1e-4) = 5e-9
    first = np.zeros((300, 300), dtype)
    first[0] = 1
    now = first.copy()
    now[1] = 1e-4
    assert motion.rotation(now, first)[0] == pytest.approx(expected, rel=1e-3, abs=0)


def test_weights_that_were_zero_have_neither_update_nor_rotation():
    now, before = np.ones((3, 3, 1, 2)), np.zeros((3, 3, 1, 2))
    assert np.isnan(motion.update_ratio(now, before)[0])
    assert np.isnan(motion.rotation(now, before)[0])
