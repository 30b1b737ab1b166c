"""Snapshots in, a film strip out: which columns it has, and what they show."""

import itertools
import math

import numpy as np
import pytest
from pictures import DARKEST_BLUE, DARKEST_RED, WHITE, cells, one_pixel_per_tap

import keras_filterwatch as fw
from keras_filterwatch.draw.film import kept


def flat(*levels):
    """A 3x3x1 kernel whose filters are flat."""
    return np.ones((3, 3, 1, 1)) * np.array(levels)


def colours(image, columns, size=(48, 48)):
    return [one_pixel_per_tap(cell, (3, 3))[0][0] for cell in cells(image, columns, size)]


def test_rows_are_filters_and_columns_are_steps():
    film = fw.draw.film_strip([{"c": flat(0, 0)}, {"c": flat(1, 0)}, {"c": flat(1, -1)}])
    assert colours(film, 3) == [WHITE, DARKEST_RED, DARKEST_RED, WHITE, WHITE, DARKEST_BLUE]


def test_below_each_column_stand_its_step_and_noise_score(written):
    ramp = np.arange(3.0) * np.ones((3, 1))  # the smoothest pattern of its width has a score near 0
    checkered = np.indices((3, 3)).sum(axis=0) % 2.0
    looks = [
        fw.Snapshot(step, (fw.Kernel("c", "", window[..., None, None]),))
        for step, window in ((0, checkered), (4, ramp))
    ]
    scores = [f"{fw.score(look)['c']['noise']:.2f}" for look in looks]
    fw.draw.film_strip(looks)
    assert [text for text in written if text in ("0", "4", *scores)] == ["0", "0", "4", *scores]


def test_of_many_channels_the_strongest_at_the_end_is_shown():
    before, after = np.zeros((2, 3, 3, 2, 1))
    before[:, :, 0], before[:, :, 1] = 1, -0.1
    after[:, :, 1] = -1
    blue = colours(fw.draw.film_strip([{"c": before}, {"c": after}]), 2)
    assert blue[1] == DARKEST_BLUE
    assert blue[0][0] < blue[0][2]  # of channel 1, which was weakly negative, not of channel 0


def test_long_histories_keep_sixteen_columns_even_in_log_time():
    steps = []
    for step in range(1001):
        steps.append(step)
        steps = [steps[i] for i in kept(steps, 16)]
    assert len(steps) == 16
    assert (steps[0], steps[-1]) == (0, 1000)
    when = [math.log1p(step) for step in steps]
    gaps = [after - before for before, after in itertools.pairwise(when)]
    assert max(gaps) < 2 * math.log1p(1000) / 15  # at most twice what even ones would be


def test_the_same_step_again_takes_the_place_of_the_first_look():
    looks = [
        fw.Snapshot(step, (fw.Kernel("c", "", flat(level)),))
        for step, level in ((0, 0), (4, -1), (4, 1))
    ]
    assert colours(fw.draw.film_strip(looks), 2) == [WHITE, DARKEST_RED]


def test_a_short_history_keeps_all():
    assert kept(range(5), 16) == [0, 1, 2, 3, 4]


def test_the_picture_of_a_long_history_is_at_most_two_thousand_pixels_wide():
    looks = [{"c": np.random.default_rng(i).standard_normal((11, 11, 3, 40))} for i in range(60)]
    assert fw.draw.film_strip(looks).width <= 2000


def test_nothing_to_show_is_said():
    with pytest.raises(ValueError, match="at least one snapshot"):
        fw.draw.film_strip([])


@pytest.mark.parametrize("one", [{"c": flat(1)}, "model.keras", 3], ids=["kernels", "path", "3"])
def test_one_source_is_no_history(one):
    with pytest.raises(TypeError, match="several sources, oldest first, are needed; got one"):
        fw.draw.film_strip(one)


def test_layers_of_different_shapes_are_not_one_story():
    with pytest.raises(ValueError, match="shows one layer; kernels of the shapes"):
        fw.draw.film_strip([{"c": flat(1)}, {"c": flat(1, 2)}])
