"""Does the loss reach it? Norms of made-up gradients, against NumPy's."""

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import KernelFacts, gradient


def measure(array):
    kernel = Kernel("layer", "", np.ones(array.shape))
    return gradient.measure(KernelFacts(kernel, gradient=array))["gradient"]


def normal(shape=(3, 3, 4, 8)):
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


def test_the_norm_is_euclidean_of_the_layer_and_of_each_filter():
    array = normal()
    number, filters = measure(array)
    assert number == pytest.approx(np.linalg.norm(array.astype(float)))
    assert filters == pytest.approx(np.linalg.norm(array.reshape(-1, 8).astype(float), axis=0))


@pytest.mark.parametrize("size", [1e-30, 1e25])  # squared, they are 0 and infinite in float32
@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (300, 300)])  # large ones are read in float32
def test_gradients_of_any_size_have_their_norm(size, shape):
    array = normal(shape) * np.float32(size)
    assert measure(array).number == pytest.approx(np.linalg.norm(array.astype(float)), rel=1e-5)


def test_a_gradient_of_zeros_has_the_norm_zero():
    assert measure(np.zeros((3, 4), "float32")).number == 0


def test_a_gradient_that_is_not_finite_has_no_norm():
    array = normal()
    array[0, 0, 0, 3] = np.nan
    number, filters = measure(array)
    assert np.isnan(number)
    assert np.flatnonzero(np.isnan(filters)).tolist() == [3]


def test_without_targets_there_is_no_norm():
    assert gradient.measure(KernelFacts(Kernel("layer", "", np.ones((1, 3))))) == {}
