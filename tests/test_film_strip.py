"""draw.film_strip: which columns a film strip has, and what they show."""

import numpy as np
import pytest
from pictures import DARKEST_BLUE, DARKEST_RED, WHITE, cells, noise, one_pixel_per_tap

import keras_filterwatch as fw
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.quantised import QuantisedKernel


def flat(*levels):
    """A 3x3x1 kernel whose filters are flat."""
    return np.ones((3, 3, 1, 1)) * np.array(levels)


def colours(image, columns, size=(48, 48)):
    return [one_pixel_per_tap(cell, (3, 3))[0][0] for cell in cells(image, columns, size)]


def test_rows_are_filters_and_columns_are_steps():
    strip = fw.draw.film_strip([{"c": flat(0, 0)}, {"c": flat(1, 0)}, {"c": flat(1, -1)}])
    assert colours(strip, 3) == [WHITE, DARKEST_RED, DARKEST_RED, WHITE, WHITE, DARKEST_BLUE]


def test_below_each_column_stand_its_step_and_noise_score(written):
    ramp = np.arange(3.0) * np.ones((3, 1))  # the smoothest pattern of its width has a score near 0
    checkered = np.indices((3, 3)).sum(axis=0) % 2.0
    snapshots = [
        fw.Snapshot(step, (fw.Kernel("c", "", window[..., None, None]),))
        for step, window in ((0, checkered), (4, ramp))
    ]
    scores = [f"{fw.score(snapshot)['c']['noise']:.2f}" for snapshot in snapshots]
    fw.draw.film_strip(snapshots)
    assert [text for text in written if text in ("0", "4", *scores)] == ["0", "0", "4", *scores]


def test_of_many_channels_the_strongest_at_the_end_is_shown():
    before, after = np.zeros((2, 3, 3, 2, 1))
    before[:, :, 0], before[:, :, 1] = 1, -0.1
    after[:, :, 1] = -1
    blue = colours(fw.draw.film_strip([{"c": before}, {"c": after}]), 2)
    assert blue[1] == DARKEST_BLUE
    assert blue[0][0] < blue[0][2]  # of channel 1, which was weakly negative, not of channel 0


def test_a_step_that_comes_again_replaces_the_first():
    snapshots = [
        fw.Snapshot(step, (fw.Kernel("c", "", flat(level)),))
        for step, level in ((0, 0), (4, -1), (4, 1))
    ]
    assert colours(fw.draw.film_strip(snapshots), 2) == [WHITE, DARKEST_RED]


def test_the_picture_of_a_long_history_is_at_most_two_thousand_pixels_wide():
    snapshots = [
        {"c": np.random.default_rng(i).standard_normal((11, 11, 3, 40))} for i in range(60)
    ]
    assert fw.draw.film_strip(snapshots).width <= 2000


def test_a_film_strip_without_sources_is_refused():
    with pytest.raises(ValueError, match="at least one snapshot"):
        fw.draw.film_strip([])


@pytest.mark.parametrize("one", [{"c": flat(1)}, "model.keras", 3], ids=["kernels", "path", "3"])
def test_one_source_alone_is_refused(one):
    with pytest.raises(
        TypeError, match=r"film_strip: a FilterWatch, a Run or several sources, .*; got one"
    ):
        fw.draw.film_strip(one)


def test_kernels_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="shows one layer; kernels of the shapes"):
        fw.draw.film_strip([{"c": flat(1)}, {"c": flat(1, 2)}])


def test_dense_kernels_are_drawn_as_the_image_that_window_names():
    kernels = [{"dense": np.full((9, 1), level)} for level in (-1.0, 1.0)]
    strip = fw.draw.film_strip(kernels, window={"dense": (3, 3, 1)})
    assert colours(strip, 2) == [DARKEST_BLUE, DARKEST_RED]


def test_snapshots_are_drawn_in_the_order_of_their_steps():
    snapshots = [
        fw.Snapshot(step, (fw.Kernel("c", "", flat(level)),)) for step, level in ((7, 1), (0, -1))
    ]
    assert colours(fw.draw.film_strip(snapshots), 2) == [DARKEST_BLUE, DARKEST_RED]


def strip_of_noise(shape, steps=3):
    """A film strip of noise, the same for the same shape."""
    strip = FilmStrip()
    for step in range(steps):
        strip.add(step, fw.Kernel("c", "Conv2D", (step + 1) * noise(*shape)), 0.5)
    return strip


@pytest.mark.parametrize(
    "shape", [(3, 3, 1, 4), (3, 3, 3, 4), (3, 3, 8, 40), (5, 2, 3), (2, 3, 3, 2, 4)]
)
def test_a_strip_of_the_kernels_that_another_one_kept_draws_the_same_picture(shape):
    strip, again = strip_of_noise(shape), FilmStrip()
    for column in strip.columns:
        again.add(column.step, column.kernel, column.noise)
    np.testing.assert_array_equal(np.asarray(again.draw()), np.asarray(strip.draw()))


def test_weights_that_are_drawn_differ_from_those_that_came_by_half_a_level_at_most():
    weights = noise(3, 3, 1, 4)
    strip = FilmStrip()
    strip.add(0, fw.Kernel("c", "Conv2D", weights), 0.5)
    shown = np.moveaxis(strip.shown_weights()[:, 0], 0, -1)
    largest = np.abs(weights).max(axis=(0, 1, 2))
    assert (np.abs(shown - weights) <= largest / 127 / 2 * 1.0001).all()


def test_a_weight_that_is_not_finite_is_not_finite_in_a_strip():
    weights = noise(3, 3, 1, 2)
    weights[0, 0, 0, 1] = np.inf
    strip = FilmStrip()
    strip.add(0, fw.Kernel("c", "Conv2D", weights), 0.5)
    assert np.argwhere(~np.isfinite(strip.shown_weights())).tolist() == [[1, 0, 0, 0, 0]]


def test_at_most_32_filters_are_drawn_of_those_that_are_kept():
    strip = strip_of_noise((3, 3, 1, 40))
    assert strip.columns[0].kernel.filters == 40
    assert len(strip.shown_weights()) == 32


def test_a_quantised_kernel_of_another_shape_is_refused():
    strip = strip_of_noise((3, 3, 1, 4))
    with pytest.raises(ValueError, match="shows one layer; kernels of the shapes"):
        strip.add(9, QuantisedKernel.of(fw.Kernel("c", "", noise(3, 3, 1, 5))), 0.5)


@pytest.mark.parametrize(("channels", "mode"), [(1, "P"), (8, "P"), (3, "RGB")])
def test_a_picture_from_blue_to_red_has_a_palette(channels, mode):
    assert strip_of_noise((3, 3, channels, 4)).picture().mode == mode


def test_the_picture_with_a_palette_has_the_colours_of_the_drawn_one():
    strip = strip_of_noise((3, 3, 8, 4))
    np.testing.assert_array_equal(
        np.asarray(strip.picture().convert("RGB")), np.asarray(strip.draw())
    )
