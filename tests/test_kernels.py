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


def test_a_copy_into_buffers_reuses_the_memory_of_the_copy_before():
    buffers = {}
    before = snapshot(normal((3, 3, 2, 4))).copied(buffers)
    now = snapshot(normal((3, 3, 2, 4), seed=1)).copied(buffers)
    assert np.shares_memory(only(before), only(now))
    np.testing.assert_array_equal(only(now), normal((3, 3, 2, 4), seed=1))


@pytest.mark.parametrize("other", [normal((3, 3, 2, 5)), normal((3, 3, 2, 4)).astype("float16")])
def test_a_kernel_that_does_not_fit_its_buffer_gets_a_new_one(other):
    buffers = {}
    snapshot(normal((3, 3, 2, 4))).copied(buffers)
    copy = only(snapshot(other).copied(buffers))
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
def test_a_kernel_that_cannot_be_condensed_is_copied(array):
    copy = only(snapshot(array).condensed())
    np.testing.assert_array_equal(copy, array)
    assert not np.shares_memory(copy, array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"kernel 'x' has shape \(3,\): a kernel needs at least the axes"),
        (np.zeros((3, 3), complex), "kernel 'x' has dtype complex128: real numbers are needed"),
        (np.array([["a", "b"]]), "kernel 'x' has dtype <U1: real numbers are needed"),
    ],
)
def test_an_array_that_is_no_kernel_is_refused_with_the_reason(array, message):
    with pytest.raises(ValueError, match=message):
        fw.Kernel("x", "", array)


def test_a_gain_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="has 4 filters, its gain has shape"):
        fw.Kernel("conv", "", normal((3, 3, 2, 4)), gain=np.ones(3))


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="kernel 'conv' has kind 'odd'; there are"):
        fw.Kernel("conv", "", normal((3, 3, 2, 4)), kind="odd")


def test_kernels_of_one_name_are_refused():
    kernel = fw.Kernel("conv", "", normal((3, 3, 2, 4)))
    with pytest.raises(ValueError, match=r"these came more than once: \['conv'\]"):
        fw.Snapshot(0, (kernel, kernel))


@pytest.mark.parametrize(
    ("shape", "spatial", "channels", "filters", "has_window"),
    [
        ((3, 3, 2, 4), (3, 3), 2, 4, True),
        ((1, 9, 2, 4), (1, 9), 2, 4, True),
        ((1, 1, 2, 4), (1, 1), 2, 4, False),
        ((2, 4), (), 2, 4, False),
        ((3, 3, 0, 4), (3, 3), 0, 4, False),
    ],
)
def test_a_kernel_knows_its_axes(shape, spatial, channels, filters, has_window):
    kernel = fw.Kernel("conv", "", np.zeros(shape))
    assert (kernel.spatial, kernel.channels, kernel.filters) == (spatial, channels, filters)
    assert kernel.has_window == has_window


def test_a_kernel_is_a_view_that_cannot_be_written_to():
    array = normal((3, 3, 2, 4))
    kernel = fw.Kernel("conv", "", array)
    assert np.shares_memory(kernel.array, array)
    with pytest.raises(ValueError, match="read-only"):
        kernel.array[0] = 0
    array[0] = 0  # its owner still may
