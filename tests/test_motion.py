"""Is it still moving? Against vectors whose lengths and angles are known."""

import numpy as np
import pytest

from keras_filterwatch.metrics import motion


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


def test_what_was_zero_has_neither_ratio_nor_rotation():
    now, before = np.ones((3, 3, 1, 2)), np.zeros((3, 3, 1, 2))
    assert np.isnan(motion.update_ratio(now, before)[0])
    assert np.isnan(motion.rotation(now, before)[0])
