"""Frames in one palette: which colours stay, and how far the others move."""

import numpy as np
from PIL import Image

from keras_filterwatch.draw.palette import in_one_palette


def back(frames):
    """The frames with one palette, as arrays of RGB pixels."""
    return [np.asarray(frame.convert("RGB")).astype(int) for frame in in_one_palette(frames)]


def picture(colours):
    """A picture of one row of pixels."""
    return Image.fromarray(np.array([colours], np.uint8))


def test_few_colours_stay_as_they_are():
    colours = np.random.default_rng(0).integers(0, 256, (256, 3))
    first, second = back([picture(colours[:200]), picture(colours[100:])])
    np.testing.assert_array_equal(first[0], colours[:200])
    np.testing.assert_array_equal(second[0], colours[100:])


def test_all_frames_have_the_same_palette():
    frames = [picture(np.random.default_rng(i).integers(0, 256, (500, 3))) for i in range(3)]
    palettes = {tuple(frame.getpalette()) for frame in in_one_palette(frames)}
    assert len(palettes) == 1


def test_of_many_colours_the_greys_of_large_areas_stay():
    colours = np.random.default_rng(0).integers(0, 256, (3000, 3))
    grounds = np.repeat([[180] * 3, [128] * 3, [45] * 3, [255] * 3], 100, axis=0)
    (pixels,) = back([picture([*colours, *grounds])])
    np.testing.assert_array_equal(pixels[0, -400:], grounds)


def test_of_many_colours_a_grey_stays_grey():
    ramp = np.stack([np.arange(256)] * 3, axis=-1)
    colours = np.random.default_rng(0).integers(0, 256, (3000, 3))
    (pixels,) = back([picture([*colours, *ramp])])
    greys = pixels[0, -256:]
    assert (greys == greys[:, :1]).all()
    assert np.abs(greys - ramp).max() <= 7  # the levels are at most 8 apart; 255 may be 248


def test_colours_move_to_similar_ones():
    colours = np.random.default_rng(0).integers(0, 256, (3000, 3))
    (pixels,) = back([picture(colours)])
    # 200 balls of radius 30 would fill the cube of all colours
    assert np.sqrt(np.square(pixels[0] - colours).sum(axis=-1).mean()) < 30


def test_a_few_colours_too_many_keep_the_greys():
    colours = np.random.default_rng(0).integers(0, 256, (200, 3))
    ramp = np.stack([np.arange(0, 256, 2)] * 3, axis=-1)
    (pixels,) = back([picture([*colours, *ramp])])
    assert np.abs(pixels[0] - [*colours, *ramp]).max() <= 8
