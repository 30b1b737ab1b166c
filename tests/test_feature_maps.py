"""Feature maps are what the filters return; the numbers of filters that are asked for."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model.backends import to_numpy
from keras_filterwatch.model.feature_maps import feature_maps, filter_numbers, maps_and_images


def images(shape=(12, 12, 1), count=6):
    return noise((count, *shape))


def test_maps_are_the_outputs_behind_the_non_linearity():
    after = [layers.BatchNormalization(), layers.ReLU()]
    parts = [layers.Conv2D(3, 3, name="conv"), *after, layers.Flatten(), layers.Dense(2)]
    model = sequential(*parts, shape=(12, 12, 1))
    x = images(count=70)  # more than one batch
    plain = keras.Model(model.inputs, after[-1].output).predict(x, verbose=0)
    np.testing.assert_allclose(feature_maps(model, "conv", x), plain, atol=1e-5)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.first = layers.Conv2D(5, 3, name="first")
        self.second = layers.Conv2D(4, 3, name="second")
        self.relu = layers.ReLU()

    def call(self, x):
        return self.relu(self.second(self.relu(self.first(x))))


def test_a_subclassed_model_has_maps():
    model, x = Subclassed(), images()
    plain = to_numpy(model(x))
    np.testing.assert_allclose(feature_maps(model, "second", x), plain, atol=1e-5)


def test_images_and_the_name_of_the_kernel_come_with_the_maps():
    model, x = sequential(layers.Conv2D(4, 3, name="conv"), shape=(12, 12, 1)), images()
    name, maps, shown = maps_and_images(model, None, x)
    assert (name, maps.shape) == ("conv", (6, 10, 10, 4))
    np.testing.assert_array_equal(shown, x)


def test_inputs_that_are_no_images_come_as_none():
    image, other = layers.Input((12, 12, 1)), layers.Input((4,))
    conv = layers.Conv2D(2, 3, name="conv")(image)
    model = keras.Model([image, other], [conv, other])
    assert maps_and_images(model, "conv", [images(), noise((6, 4))])[2] is None


if keras.backend.backend() != "tensorflow":  # its CPU knows no such convolution

    def test_channels_that_come_first_are_moved_last():
        parts = [layers.Conv2D(4, 3, data_format="channels_first", name="conv")]
        model, x = sequential(*parts, shape=(3, 9, 8)), images((3, 9, 8))
        _, maps, shown = maps_and_images(model, "conv", x)
        assert (maps.shape, shown.shape) == ((6, 7, 6, 4), (6, 9, 8, 3))


def test_a_layer_without_image_axes_has_no_maps():
    model = sequential(layers.Flatten(), layers.Dense(2, name="head"), shape=(12, 12, 1))
    with pytest.raises(ValueError, match=r"'head' have no image axes.*\(2,\), not \(height"):
        feature_maps(model, "head", images())


def test_an_unknown_layer_is_refused_with_the_nearest_name():
    model = sequential(layers.Conv2D(2, 3, name="conv"), shape=(12, 12, 1))
    with pytest.raises(ValueError, match="no kernel is called 'cnov'; did you mean 'conv'"):
        feature_maps(model, "cnov", images())


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [(None, [0, 1, 2]), (2, [2]), ([2, 0], [2, 0]), (np.array([1]), [1]), (range(2), [0, 1])],
)
def test_filters_are_asked_for_by_number(filters, numbers):
    assert filter_numbers(filters, 3, "conv") == numbers


@pytest.mark.parametrize(
    ("filters", "error", "message"),
    [
        (3, ValueError, r"'conv' has filters 0 to 2; got \[3\]"),
        ([-1, 0], ValueError, r"got \[-1\]"),
        ([], ValueError, r"got \[\]"),
        (range(3, 9999), ValueError, r"got \[3, 4, 5, 6, 7, 8, ...\]"),
        ("conv", TypeError, "numbers of filters are needed; got 'conv'"),
        (1.5, TypeError, "numbers of filters are needed; got 1.5"),
        (np.zeros((64, 12, 12, 1)), TypeError, r"got ndarray of shape \(64, 12, 12, 1\)"),
    ],
    ids=["too large", "negative", "none", "many", "name", "fraction", "images"],
)
def test_wrong_filters_are_refused_in_one_short_line(filters, error, message):
    with pytest.raises(error, match=message) as caught:
        filter_numbers(filters, 3, "conv")
    assert len(str(caught.value)) < 200
