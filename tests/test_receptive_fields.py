"""Receptive fields: r = 1 + sum of (k - 1) * dilation * product of the strides before."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch.model.receptive_fields import receptive_fields

CHAINS = {
    "one layer": ([layers.Conv2D(4, 5)], 5, 1),
    "a stride": ([layers.Conv2D(4, 3, strides=2), layers.Conv2D(4, 3)], 1 + 2 + 2 * 2, 2),
    "a dilation": ([layers.Conv2D(4, 3, dilation_rate=3), layers.Conv2D(4, 3)], 1 + 6 + 2, 1),
    "non-linearities": (
        [layers.Conv2D(8, 3, activation="relu"), layers.Conv2D(8, 3, activation="relu")],
        1 + 2 + 2,
        1,
    ),
    "maxima": (
        [
            layers.Conv2D(8, 3, activation="relu"),
            layers.MaxPooling2D(3, 2),
            layers.Conv2D(8, 3, dilation_rate=2, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(8, 2, activation="relu"),
        ],
        1 + 2 + 2 + 4 * 2 + 1 * 2 + 1 * 4,
        4,
    ),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_a_receptive_field_is_as_large_as_the_formula_says(chain):
    parts, size, stride = CHAINS[chain]
    keras.utils.set_random_seed(0)
    model = sequential(*parts, shape=(36, 40, 2))
    places = [(0, 0), (1, 2), (2, 0)]
    assert receptive_fields(model, parts[-1], noise((4, 36, 40, 2)), places) == [
        (slice(row * stride, row * stride + size), slice(column * stride, column * stride + size))
        for row, column in places
    ]


def test_a_receptive_field_ends_where_the_image_ends():
    layer = layers.Conv2D(4, 5, padding="same")
    model = sequential(layer, shape=(12, 10, 1))
    (corner,) = receptive_fields(model, layer, noise((6, 12, 10, 1)), [(0, 9)])
    assert corner == (slice(0, 3), slice(7, 10))


def test_the_longer_way_of_a_residual_block_counts():
    image = layers.Input((12, 12, 2))
    long = layers.Conv2D(2, 3, padding="same", activation="relu")(image)
    joined = layers.Add()([image, long])
    last = layers.Conv2D(2, 1, name="last")(joined)
    model = keras.Model(image, last)
    (field,) = receptive_fields(model, "last", noise((6, 12, 12, 2)), [(5, 6)])
    assert field == (slice(4, 7), slice(5, 8))


def test_a_filter_that_reads_nothing_has_the_whole_image_as_its_field():
    layer = layers.Conv2D(2, 3, kernel_initializer="zeros")
    model = sequential(layer, shape=(8, 8, 1))
    assert receptive_fields(model, layer, noise((2, 8, 8, 1)), [(0, 0)]) == [
        (slice(None), slice(None))
    ]


@pytest.mark.filterwarnings("error")
def test_images_that_are_not_finite_emit_no_warning():
    layer = layers.Conv2D(2, 3)
    model = sequential(layer, shape=(8, 8, 1))
    images = np.full((2, 8, 8, 1), np.inf, "float32")
    assert len(receptive_fields(model, layer, images, [(0, 0)])) == 1


if keras.backend.backend() != "tensorflow":  # its CPU knows no such convolution

    def test_a_field_has_rows_and_columns_also_where_channels_come_first():
        layer = layers.Conv2D(4, 3, data_format="channels_first", name="conv")
        model = sequential(layer, shape=(3, 9, 8))
        fields = receptive_fields(model, "conv", noise((6, 3, 9, 8)), [(2, 3)])
        assert fields == [(slice(2, 5), slice(3, 6))]
