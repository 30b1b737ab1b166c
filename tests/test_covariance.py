"""How slices vary: against NumPy's covariances, formula by formula."""

import numpy as np
import pytest

from keras_filterwatch.metrics.covariance import spread

SHAPES = [(3, 3, 4, 8), (3, 3, 96, 128), (5, 5, 3, 6), (7, 7, 3, 64), (9, 4, 6), (3, 3, 3, 2, 5)]


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
    found = spread(normal(shape))
    np.testing.assert_allclose(found.gram, centred.T @ centred, rtol=1e-4, atol=1e-6 * len(points))
    assert found.energy == pytest.approx(np.square(points).sum(), rel=1e-6)
    assert found.anisotropy == pytest.approx(sphericity(centred, len(points)), abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_each_filter_has_the_anisotropy_of_its_own_slices(shape):
    array = normal(shape)
    found = spread(array).of_filters
    for place in range(shape[-1]):
        points = rows(array[..., place : place + 1])
        expected = np.nan
        if len(points) > 2:
            expected = sphericity(points - points.mean(axis=0), len(points))
        assert found[place] == pytest.approx(expected, abs=1e-5, nan_ok=True)


@pytest.mark.parametrize("shape", [(40, 30), (1, 1, 40, 30), (600, 200)])
def test_without_a_window_filters_are_compared_over_their_channels(shape):
    array = normal(shape)
    array[..., :3] = 0  # filters of zeros are slices too
    points = array.reshape(-1, shape[-1]).T.astype(float)
    expected = sphericity(points - points.mean(axis=0), len(points))
    assert spread(array).anisotropy == pytest.approx(expected, abs=1e-6)
