"""The filters of a kernel compared with each other, against NumPy."""

import numpy as np
import pytest

from keras_filterwatch.metrics.similarity import filter_similarity, gram_matrix


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (9, 2, 5), (20, 30), (3, 3, 96, 128)], ids=str)
def test_norms_products_and_cosines_are_numpys(shape):
    flat = normal(shape).reshape(-1, shape[-1]).astype(float)
    similarity = filter_similarity(normal(shape))
    expected = np.corrcoef(np.concatenate([flat, -flat]), rowvar=False)  # centred: the cosines
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(similarity.gram, flat.T @ flat, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(similarity.norms, np.linalg.norm(flat, axis=0))
    np.testing.assert_allclose(similarity.cosines, expected, atol=1e-9)
    np.testing.assert_array_equal(similarity.weights, flat)
    assert similarity.filters.tolist() == list(range(shape[-1]))
    assert similarity.left_out == 0


def test_filters_that_are_zero_or_not_finite_are_left_out():
    array = normal((3, 3, 2, 6))
    array[..., 1], array[..., 4] = 0, np.inf
    similarity = filter_similarity(array)
    others = filter_similarity(array[..., [0, 2, 3, 5]])
    assert similarity.filters.tolist() == [0, 2, 3, 5]
    assert similarity.left_out == 2
    np.testing.assert_array_equal(similarity.cosines, others.cosines)


@pytest.mark.parametrize(("filters", "nth"), [(512, 1), (513, 2), (1024, 2), (1025, 3), (2048, 4)])
def test_of_more_than_512_filters_an_even_sample_is_compared(filters, nth):
    similarity = filter_similarity(normal((2, filters)))
    assert similarity.filters.tolist() == list(range(0, filters, nth))


def test_products_of_large_kernels_keep_small_singular_values():
    # of 1000 equal rows but for the last digits: the smaller eigenvalue is lost in float32
    columns = np.ones((100_000, 2), "float32")
    columns[::2, 1] += np.float32(1e-4)
    difference = float(np.float32(1) + np.float32(1e-4)) - 1
    a, b, c = 100_000, 50_000 * (2 + difference), 50_000 * (1 + (1 + difference) ** 2)
    determinant = a * c - b**2
    assert np.linalg.det(gram_matrix(columns)) == pytest.approx(determinant, rel=1e-2)


@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (3, 3, 0, 2)])
def test_empty_kernels_have_no_filters_to_compare(shape):
    similarity = filter_similarity(np.zeros(shape, "float32"))
    assert len(similarity.filters) == len(similarity.gram) == 0
