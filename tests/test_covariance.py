"""How slices vary: against NumPy's covariances, formula by formula."""

import numpy as np
import pytest

from keras_filterwatch.metrics.covariance import slice_covariance

SHAPES = [
    *((3, 3, 4, 8), (3, 3, 96, 128), (5, 5, 3, 6), (7, 7, 3, 64), (9, 4, 6), (3, 3, 3, 2, 5)),
    (7, 7, 96, 128),  # more than one block
]


def normal(shape, dtype="float32"):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype) + 0.3


def rows(array):
    """The slices as rows."""
    return array.reshape(-1, array.shape[-2] * array.shape[-1]).T.astype(float)


def sphericity(centred, slices):  # SCIENCE 2
    gram = centred.T @ centred
    m, d = slices - 1, centred.shape[1]
    t = np.square(gram).sum() / np.trace(gram) ** 2
    under_noise = (m + d + 1) / (m * d + 2)
    return (t - under_noise) / (1 - under_noise)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_gram_is_that_of_the_centred_slices(shape):
    points = rows(normal(shape))
    centred = points - points.mean(axis=0)
    covariance = slice_covariance(normal(shape))
    expected = centred.T @ centred
    np.testing.assert_allclose(covariance.gram, expected, rtol=1e-4, atol=1e-6 * len(points))
    assert covariance.energy == pytest.approx(np.square(points).sum(), rel=1e-6)
    assert covariance.anisotropy == pytest.approx(sphericity(centred, len(points)), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_filter_has_the_anisotropy_of_its_own_slices(shape):
    array = normal(shape)
    anisotropy = slice_covariance(array).filter_anisotropy
    for number in range(shape[-1]):
        points = rows(array[..., number : number + 1])
        expected = np.nan
        if len(points) > 2:
            expected = sphericity(points - points.mean(axis=0), len(points))
        assert anisotropy[number] == pytest.approx(expected, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("shape", [(40, 30), (1, 1, 40, 30), (600, 200)])
def test_without_a_window_filters_are_compared_over_their_channels(shape):
    array = normal(shape)
    array[..., :3] = 0  # filters of zeros are slices too
    points = array.reshape(-1, shape[-1]).T.astype(float)
    expected = sphericity(points - points.mean(axis=0), len(points))
    assert slice_covariance(array).anisotropy == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("window", [(3, 3), (7, 7), (1, 1)])
@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_slices_that_are_all_the_same_have_no_anisotropy_whatever_rounding_says(window, scale):
    pattern = scale * (np.random.default_rng(0).standard_normal((*window, 1, 1)) + 0.1)
    covariance = slice_covariance(np.tile(pattern, (1, 1, 3, 7)))
    assert np.isnan(covariance.anisotropy)
    assert np.isnan(covariance.filter_anisotropy).all()


@pytest.mark.parametrize("scale", [1e-9, 1e9])
def test_anisotropy_does_not_depend_on_scale(scale):
    array = normal((3, 3, 4, 8), "float64")
    scaled = slice_covariance(scale * array)
    assert scaled.anisotropy == pytest.approx(slice_covariance(array).anisotropy)
    expected = slice_covariance(array).filter_anisotropy
    assert scaled.filter_anisotropy == pytest.approx(expected)


def test_of_a_window_with_more_than_512_taps_an_even_sample_is_used():
    array = normal((25, 25, 2, 6), "float64")
    taps = np.linspace(0, 624, 512).astype(int)
    sample = array.reshape(625, 2, 6)[taps]
    covariance = slice_covariance(array)
    assert covariance.gram.shape == (512, 512)
    assert covariance.anisotropy == pytest.approx(slice_covariance(sample).anisotropy)
