"""Guessed images: which sizes count, and how inputs confirm or refute a guess.

The inputs are made so that their order is known: random fields that are smooth along both axes of
an image are images; the same numbers in a random order, tables, and series of numbers are not.
"""

import numpy as np
import pytest

from keras_filterwatch.image_guess import guess_image


def images(height, width, channels, count=64):
    """Random images of blocks of 2x2 pixels, in which all channels share their brightness."""
    random = np.random.default_rng(0)
    coarse = random.standard_normal((count, height // 2, width // 2, channels))
    coarse += random.standard_normal((count, height // 2, width // 2, 1))
    return coarse.repeat(2, axis=1).repeat(2, axis=2)


def flat(array):
    return array.reshape(len(array), -1)


@pytest.mark.parametrize(
    ("count", "shape"),
    [(784, (28, 28, 1)), (3072, (32, 32, 3)), (12288, (64, 64, 3)), (2352, (28, 28, 3))],
)
def test_without_inputs_the_sizes_of_well_known_data_sets_count(count, shape):
    assert guess_image(count) == (shape, False)


@pytest.mark.parametrize("count", [4, 64, 100, 512, 768, 1000, 1024, 4096])
def test_without_inputs_sizes_that_tables_and_features_have_too_do_not_count(count):
    assert guess_image(count) is None


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (8, 8, 1), (16, 16, 3)])
def test_square_images_are_recognised_by_their_neighbours(shape):
    assert guess_image(np.prod(shape), flat(images(*shape))) == (shape, True)


def test_images_of_bytes_are_recognised():
    values = images(28, 28, 1)
    levels = (255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
    assert guess_image(784, flat(levels)) == ((28, 28, 1), True)


def test_margins_that_never_change_do_not_hide_an_image():
    padded = np.pad(images(16, 16, 1), [(0, 0), (6, 6), (6, 6), (0, 0)])
    assert guess_image(784, flat(padded)) == ((28, 28, 1), True)


def test_margins_that_change_by_rounding_only_do_not_hide_an_image():
    padded = np.pad(images(16, 16, 1), [(0, 0), (6, 6), (6, 6), (0, 0)])
    rounding = 1e-8 * np.random.default_rng(1).standard_normal(padded.shape)
    assert guess_image(784, flat(padded + rounding)) == ((28, 28, 1), True)


def test_where_less_than_a_quarter_of_the_pixels_change_nothing_is_confirmed():
    padded = np.pad(images(12, 12, 1), [(0, 0), (8, 8), (8, 8), (0, 0)])  # 144 of 784
    assert guess_image(784, flat(padded)) == ((28, 28, 1), False)


def test_sixteen_inputs_are_enough():
    assert guess_image(784, flat(images(28, 28, 1, count=16))) == ((28, 28, 1), True)


def test_squares_of_less_than_8x8_pixels_are_not_recognised():
    assert guess_image(36, flat(images(6, 6, 1))) is None


@pytest.mark.parametrize(("noise", "is_image"), [(1, True), (3, False)])
def test_neighbours_must_correlate_by_two_tenths(noise, is_image):
    # 14 of 27 pairs are in one block, so neighbours correlate by .52 / (1 + noise): .26, .13
    blocks = images(28, 28, 1) / np.sqrt(2)  # of variance 1
    pixels = blocks + np.sqrt(noise) * np.random.default_rng(1).standard_normal(blocks.shape)
    assert (guess_image(784, flat(pixels)) is not None) == is_image


def test_a_brightness_that_all_pixels_share_makes_no_image():
    # any two pixels correlate by .8, neighbours by .8 + .2 * .52 = .9
    brightness = np.random.default_rng(1).standard_normal((64, 1, 1, 1))
    pixels = np.sqrt(0.8) * brightness + np.sqrt(0.2 / 2) * images(28, 28, 1)
    assert guess_image(784, flat(pixels)) is None


@pytest.mark.parametrize("axis", [1, 2])
def test_neighbours_along_one_axis_alone_make_no_image(axis):
    stripes = np.random.default_rng(0).standard_normal((64, 14, 28) if axis == 1 else (64, 28, 14))
    assert guess_image(784, flat(stripes.repeat(2, axis=axis))) is None


def test_the_pixels_of_images_in_a_random_order_are_refuted():
    shuffled = np.random.default_rng(1).permutation(784)
    assert guess_image(784, flat(images(28, 28, 1))[:, shuffled]) is None


def test_images_with_channels_first_are_refuted():
    assert guess_image(3072, flat(images(32, 32, 3).transpose(0, 3, 1, 2))) is None


def test_images_of_another_width_are_refuted():
    assert guess_image(784, flat(images(14, 56, 1))) is None


@pytest.mark.parametrize("smoothness", [1, 5, 30, 200])
def test_series_of_numbers_are_refuted(smoothness):
    values = np.random.default_rng(0).standard_normal((64, 784 + smoothness - 1))
    series = np.stack([np.convolve(each, np.ones(smoothness), "valid") for each in values])
    assert guess_image(784, series) is None


@pytest.mark.parametrize("factors", [1, 2, 5, 20])
def test_tables_whose_columns_depend_on_common_factors_are_refuted(factors):
    random = np.random.default_rng(factors)
    table = random.standard_normal((256, factors)) @ random.standard_normal((factors, 784))
    assert guess_image(784, table + 0.1 * random.standard_normal(table.shape)) is None


@pytest.mark.parametrize(
    "inputs",
    [
        flat(images(28, 28, 1, count=15)),
        np.zeros((64, 784)),
        np.full((64, 784), np.nan),
        images(28, 28, 1),
    ],
    ids=["few", "constant", "nan", "other shape"],
)
def test_inputs_that_show_nothing_leave_the_guess_as_it_is(inputs):
    assert guess_image(784, inputs) == ((28, 28, 1), False)
