"""Comparison.draw: which filters its picture has, where they stand, and what is written."""

from dataclasses import replace

import numpy as np
import pytest
from pictures import (
    DARKEST_BLUE,
    DARKEST_RED,
    GREY,
    MAGENTA,
    WHITE,
    cells,
    noise,
    one_pixel_per_tap,
)

import keras_filterwatch as fw
from keras_filterwatch.comparison import Comparison, compare
from keras_filterwatch.draw.comparison import MAX_CHANNELS, MAX_FILTERS

UP = np.array([[1.0, 1, 1], [0, 0, 0], [-1, -1, -1]])


def windows(*filters):
    """A 3x3x1 kernel of these filters."""
    return np.stack(filters, axis=-1)[:, :, np.newaxis].astype(float)


def colours(picture, columns=2, size=(48, 48), taps=(3, 3)):
    """The colour of the first tap of each cell, row by row."""
    return [one_pixel_per_tap(cell, taps)[0][0] for cell in cells(picture, columns, size)]


def test_a_filter_stands_left_as_in_a_and_right_as_in_b():
    picture = compare({"c": windows(UP)}, {"c": windows(-UP)}).draw()
    assert colours(picture) == [DARKEST_RED, DARKEST_BLUE]


def test_the_most_changed_filter_stands_first():
    upper_half = np.maximum(UP, 0)
    picture = compare({"c": windows(UP, UP)}, {"c": windows(upper_half, -UP)}).draw()
    assert colours(picture) == [DARKEST_RED, DARKEST_BLUE, DARKEST_RED, DARKEST_RED]


def test_filters_that_did_not_change_are_left_out(written):
    picture = compare({"c": windows(UP, UP)}, {"c": windows(UP, -UP)}).draw()
    assert len(colours(picture)) == 2
    assert "1: 2" in written
    assert any("1 of 2 filters changed" in text for text in written)


def test_of_unchanged_layers_all_filters_are_drawn(written):
    picture = compare({"c": windows(UP, -UP)}, {"c": windows(UP, -UP)}).draw()
    assert colours(picture) == [DARKEST_RED, DARKEST_RED, DARKEST_BLUE, DARKEST_BLUE]
    assert any("none of 2 filters changed" in text for text in written)


def test_both_sides_have_one_scale():
    picture = compare({"c": windows(UP)}, {"c": windows(-0.01 * UP)}).draw()
    assert colours(picture)[0] == DARKEST_RED
    assert min(colours(picture)[1]) > 240  # next to white


def test_three_channels_are_drawn_in_colour():
    red = np.zeros((3, 3, 3, 1))
    red[:, :, 0] = 1
    first, second = colours(compare({"c": red}, {"c": 0 * red}).draw())
    assert first == (255, 128, 128)
    assert second == GREY


def test_of_many_channels_the_strongest_in_both_are_drawn():
    a, b = np.zeros((2, 3, 3, 12, 1))
    a[:, :, 4], b[:, :, 7] = 1, -2
    picture = compare({"c": a}, {"c": b}).draw()
    left = colours(picture, columns=MAX_CHANNELS, size=(18, 18))
    assert left[0] == WHITE  # channel 7, which a lacks
    assert left[1][0] > left[1][2]  # channel 4, red
    assert left[2:] == [WHITE] * (MAX_CHANNELS - 2)


def test_a_picture_has_a_bounded_number_of_filters(written):
    compare({"c": noise(3, 3, 1, 50)}, {"c": -noise(3, 3, 1, 50)}).draw()
    assert any(f"most changed {MAX_FILTERS} of 50 changed filters" in text for text in written)


@pytest.mark.parametrize(
    "shape", [(200, 200, 1, 40), (3, 3, 3, 256), (5000, 1, 4), (3, 3, 64, 64), (3, 40, 40, 8, 8)]
)
def test_no_picture_is_larger_than_2000_pixels(shape):
    a = noise(*shape)
    assert max(compare({"c": a}, {"c": -a}).draw().size) <= 2000


def test_weights_that_are_not_finite_are_magenta():
    picture = compare({"c": windows(UP)}, {"c": windows(UP * np.nan)}).draw()
    assert colours(picture) == [DARKEST_RED, MAGENTA]


def test_names_and_noise_scores_of_both_are_written(written):
    a, b = {"c": noise(5, 5, 1, 8)}, {"c": -noise(5, 5, 1, 8)}
    score = f"{fw.score(a)['c']['noise']:.2f}"
    compare(a, b, names=("before", "after")).draw()
    text = " ".join(written)
    assert f"left: before, noise {score}" in text
    assert f"right: after, noise {score}" in text


def test_the_most_changed_layer_with_a_window_is_drawn(written):
    a = {"still": windows(UP), "conv": windows(UP), "head": np.ones((4, 2))}
    b = {"still": windows(UP), "conv": windows(0.1 * UP.T + UP), "head": -np.ones((4, 2))}
    compare(a, b).draw()
    assert any(text.startswith("conv") for text in written)


def test_a_layer_that_was_asked_for_is_drawn(written):
    a = {"first": windows(UP), "second": windows(UP)}
    b = {"first": windows(-UP), "second": windows(UP)}
    compare(a, b).draw("second")
    assert any(text.startswith("second") for text in written)


def test_dense_kernels_are_drawn_as_the_image_that_window_names():
    a, b = {"dense": np.full((9, 1), 1.0)}, {"dense": np.full((9, 1), -1.0)}
    picture = compare(a, b, window={"dense": (3, 3, 1)}).draw()
    assert colours(picture) == [DARKEST_RED, DARKEST_BLUE]


def test_filters_of_a_record_that_were_not_kept_are_not_drawn(written):
    whole = noise(3, 3, 1, 8)
    layer = compare({"c": whole}, {"c": -whole})["c"]
    first_filters = replace(layer, kernel_b=fw.Kernel("c", "", -whole[..., :4]))
    picture = Comparison(("a", "b"), {"c": first_filters}).draw()
    assert len(colours(picture)) == 8  # four pairs
    assert any("first 4 of 8 filters are known" in text for text in written)


def test_an_unknown_layer_is_refused_with_similar_names():
    comparison = compare({"conv": windows(UP)}, {"conv": windows(UP)})
    with pytest.raises(ValueError, match="no layer 'cnv' was compared; did you mean 'conv'"):
        comparison.draw("cnv")


def test_a_layer_without_a_window_is_refused():
    comparison = compare({"head": np.ones((4, 2))}, {"head": np.ones((4, 2))})
    with pytest.raises(ValueError, match="'head' cannot be drawn: it has no window"):
        comparison.draw("head")


def test_kernels_of_other_shapes_are_refused():
    comparison = compare({"c": windows(UP)}, {"c": windows(UP, UP)})
    with pytest.raises(ValueError, match=r"the shapes \(3, 3, 1, 1\) and \(3, 3, 1, 2\)"):
        comparison.draw("c")


def test_networks_without_a_window_have_no_picture():
    comparison = compare({"head": np.ones((4, 2))}, {"head": np.ones((4, 2))})
    with pytest.raises(ValueError, match="there is nothing to draw"):
        comparison.draw()
