"""What must hold for every kernel, whatever its shape and values."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import keras_filterwatch as fw
from keras_filterwatch.metrics import KernelFacts, noise

shapes = hnp.array_shapes(min_dims=2, max_dims=5, min_side=0, max_side=5)
any_number = st.floats(width=32) | st.sampled_from([0.0, np.nan, np.inf, -np.inf])
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")


def kernels(dtype="float32", elements=any_number):
    return hnp.arrays(dtype, shapes, elements=elements)


def random_kernel(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape)


def snapshot_of_kernel(array):
    """A snapshot whose kernel has these axes, whatever their sizes."""
    return fw.Snapshot(0, (fw.Kernel("layer", "", array),))


def noise_scores(array):
    """The scores of noise.py, where they are defined: of the layer, and of its filters."""
    facts = KernelFacts(fw.Kernel("layer", "", array))
    scores = noise.measure_roughness(facts) | noise.measure_anisotropy(facts)
    numbers = {name: score.number for name, score in scores.items()}
    layer = {name: number for name, number in numbers.items() if np.isfinite(number)}
    return layer, {name: score.filters for name, score in scores.items()}


some_kernel = st.builds(
    random_kernel,
    hnp.array_shapes(min_dims=3, max_dims=5, min_side=1, max_side=6),
    st.integers(0, 2**32 - 1),
)


@given(kernels() | kernels("float64", st.floats()) | kernels("float16", st.floats(width=16)))
def test_no_shape_and_no_value_crashes_or_warns(array):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = fw.score(snapshot_of_kernel(array), first=snapshot_of_kernel(array))
        str(scores)
    assert all(np.isfinite(number) for number in scores["layer"].values())
    assert all(len(each) == array.shape[-1] for each in scores["layer"].filters.values())


@given(kernels())
def test_every_kernel_with_a_window_and_filters_can_be_drawn(array):
    window = any(size > 1 for size in array.shape[:-2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if window and array.size:
            assert 0 < max(fw.draw.filters(snapshot_of_kernel(array)).size) <= 2000
        else:
            with pytest.raises(ValueError, match="nothing to draw"):
                fw.draw.filters(snapshot_of_kernel(array))


@given(some_kernel, st.floats(1e-6, 1e6), st.sampled_from([-1, 1]))
def test_scale_and_sign_leave_the_noise_scores_alone(array, scale, sign):
    layer, filters = noise_scores(array)
    scaled, scaled_filters = noise_scores(array * scale * sign)
    assert scaled == pytest.approx(layer, rel=1e-9, abs=1e-9)
    for name, numbers in filters.items():
        np.testing.assert_allclose(scaled_filters[name], numbers, rtol=1e-9, atol=1e-9)


@given(some_kernel, st.randoms(use_true_random=False))
def test_permuting_filters_only_permutes_their_scores(array, random):
    order = list(range(array.shape[-1]))
    random.shuffle(order)
    scores = fw.score(snapshot_of_kernel(array))["layer"]
    permuted = fw.score(snapshot_of_kernel(array[..., order]))["layer"]
    assert dict(permuted) == pytest.approx(dict(scores), rel=1e-9, abs=1e-9)
    for name, numbers in scores.filters.items():
        if numbers.dtype.kind == "U":  # labels
            np.testing.assert_array_equal(permuted.filters[name], numbers[order])
        else:
            np.testing.assert_allclose(permuted.filters[name], numbers[order], rtol=1e-9, atol=1e-9)


@given(some_kernel)
def test_reversing_a_window_leaves_the_noise_scores_alone(array):
    assert noise_scores(array[::-1])[0] == pytest.approx(noise_scores(array)[0], abs=1e-9)


@given(some_kernel)
def test_memory_layout_does_not_matter(array):
    fortran = np.asfortranarray(array)
    assert noise_scores(fortran)[0] == pytest.approx(noise_scores(array)[0], abs=1e-9)
