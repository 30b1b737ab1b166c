"""Snapshots in memory of their own."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.metrics import motion

LARGE = (3, 3, 96, 128)  # 110,592 weights


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def snapshot(array):
    return fw.Snapshot(0, (fw.Kernel("conv", "Conv2D", array),))


def only(snapshot):
    return snapshot.kernels[0].array


def test_a_copy_stays_as_it_is():
    array = normal((3, 3, 2, 4))
    copy = snapshot(array).copied()
    array[:] = 0
    np.testing.assert_array_equal(only(copy), normal((3, 3, 2, 4)))


def test_a_copy_into_a_room_takes_the_memory_of_the_one_before():
    room = {}
    before = snapshot(normal((3, 3, 2, 4))).copied(room)
    now = snapshot(normal((3, 3, 2, 4), seed=1)).copied(room)
    assert np.shares_memory(only(before), only(now))
    np.testing.assert_array_equal(only(now), normal((3, 3, 2, 4), seed=1))


@pytest.mark.parametrize("other", [normal((3, 3, 2, 5)), normal((3, 3, 2, 4)).astype("float16")])
def test_what_does_not_fit_into_the_room_gets_a_new_place(other):
    room = {}
    snapshot(normal((3, 3, 2, 4))).copied(room)
    copy = only(snapshot(other).copied(room))
    np.testing.assert_array_equal(copy, other)
    assert copy.dtype == other.dtype


def test_a_condensed_kernel_takes_half_the_memory():
    assert only(snapshot(normal(LARGE)).condensed()).nbytes == normal(LARGE).nbytes / 2


@pytest.mark.parametrize("turn", [0.0, 1e-3, 0.3])
def test_a_condensed_kernel_keeps_its_direction(turn):
    first, now = normal(LARGE), normal(LARGE) + np.float32(turn) * normal(LARGE, seed=1)
    u, v = first.ravel().astype(float), now.ravel().astype(float)
    expected = 1 - u @ v / np.linalg.norm(u) / np.linalg.norm(v)
    layer, filters = motion.rotation(now, only(snapshot(first).condensed()))
    assert layer == pytest.approx(expected, abs=1e-7, rel=1e-3)
    assert np.nanmax(np.abs(filters)) < 1.5 * expected + 1e-7


def heavy_tails():
    array = normal(LARGE)
    array[0, 0, 0, 0] = 1000
    return array


def unequal_filters():
    return normal(LARGE) * np.logspace(0, -6, LARGE[-1], dtype="float32")


@pytest.mark.parametrize("make", [heavy_tails, unequal_filters])
def test_small_weights_beside_large_ones_keep_their_direction_too(make):
    layer, filters = motion.rotation(make(), only(snapshot(make()).condensed()))
    assert layer < 1e-7
    assert filters.max() < 1e-6


@pytest.mark.parametrize(
    "array",
    [
        normal((3, 3, 2, 4)),
        np.random.default_rng(0).standard_normal(LARGE),
        np.zeros(LARGE, "float32"),
        np.full(LARGE, np.inf, "float32"),
        np.full(LARGE, np.nan, "float32"),
        np.full(LARGE, 1e-38, "float32"),
        np.ones(LARGE, bool),
    ],
    ids=["small", "float64", "zeros", "infinite", "NaN", "tiny", "bool"],
)
def test_what_cannot_be_condensed_is_copied(array):
    copy = only(snapshot(array).condensed())
    np.testing.assert_array_equal(copy, array)
    assert not np.shares_memory(copy, array)
