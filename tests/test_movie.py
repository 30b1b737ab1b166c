"""draw.movie: the file that it writes, decoded again by Pillow."""

import numpy as np
import pytest
from pictures import DARKEST_BLUE, DARKEST_RED, WHITE, cells, noise, one_pixel_per_tap
from PIL import Image

import keras_filterwatch as fw
from keras_filterwatch.draw.colours import DARK_GREY

SUFFIXES = ["gif", "webp"]


def flat(*levels):
    """A 3x3x1 kernel whose filters are flat."""
    return {"c": np.ones((3, 3, 1, 1)) * np.array(levels)}


def of_step(step, array):
    return fw.Snapshot(step, (fw.Kernel("c", "Conv2D", array),))


def frames(path):
    """The frames as RGB pictures, and their durations in milliseconds."""
    pictures, durations = [], []
    with Image.open(path) as film:
        for i in range(film.n_frames):
            film.seek(i)
            pictures.append(film.convert("RGB"))
            durations.append(film.info["duration"])
    return pictures, durations


def frame_count(path):
    with Image.open(path) as film:
        return film.n_frames


def taps(frame, filters, window, side):
    """The colours `(filters, *window, 3)` of a frame with one row of filters."""
    grid = frame.crop((0, 63, *frame.size))  # without the heading
    return np.array([one_pixel_per_tap(cell, window) for cell in cells(grid, filters, side)])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_step_is_a_frame_and_the_last_one_stays_longer(tmp_path, suffix):
    path = fw.draw.movie([flat(0), flat(1), flat(2)], tmp_path / f"c.{suffix}", duration=0.25)
    assert path == tmp_path / f"c.{suffix}"
    assert frames(path)[1] == [250, 250, 2250]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_film_starts_again_for_ever(tmp_path, suffix):
    path = fw.draw.movie([flat(0), flat(1)], tmp_path / f"c.{suffix}")
    with Image.open(path) as film:
        assert film.info["loop"] == 0


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_one_colour_scale_serves_all_frames(tmp_path, suffix):
    path = fw.draw.movie([flat(1, -1), flat(0.5, 0)], tmp_path / f"c.{suffix}")
    first, last = (taps(frame, 2, (3, 3), (48, 48))[:, 0, 0] for frame in frames(path)[0])
    assert [tuple(colour) for colour in first] == [DARKEST_RED, DARKEST_BLUE]
    # half of the scale is midway between two colours of ColorBrewer's RdBu
    half = np.mean([(244, 165, 130), (214, 96, 77)], axis=0)
    np.testing.assert_allclose(last[0], half, atol=3)  # the scale has 127 colours
    assert tuple(last[1]) == WHITE


def colour_film(path):
    """A film of four filters 5x5x3 and the colours that it should have.

    The first filter is zero, the second stays the same, the others change.
    """
    weights = noise(4, 5, 5, 3, 4).clip(-2, 2) / 2
    weights[..., 0], weights[..., 1] = 0, weights[0, ..., 1]
    fw.draw.movie([{"c": step} for step in weights], path)
    limit = np.quantile(np.abs(weights), 0.995)
    expected = 128 + 127 * np.clip(weights / limit, -1, 1)
    shown = [taps(frame, 4, (5, 5), (60, 60)) for frame in frames(path)[0]]
    return np.array(shown).astype(int), np.moveaxis(expected, -1, 1)


def test_a_webp_file_has_all_colours(tmp_path):
    shown, expected = colour_film(tmp_path / "c.webp")
    np.testing.assert_allclose(shown, expected, atol=0.5001)


def test_a_gif_has_nearly_all_colours(tmp_path):
    shown, expected = colour_film(tmp_path / "c.gif")
    errors = np.abs(shown - expected)
    assert errors.mean() < 6  # of 255
    assert errors.max() < 40


def test_in_a_gif_zero_is_grey_and_what_stays_the_same_does_not_flicker(tmp_path):
    shown, _ = colour_film(tmp_path / "c.gif")
    assert (shown[:, 0] == 128).all()
    assert (shown[:, 1] == shown[0, 1]).all()
    assert (shown[:, 2] != shown[0, 2]).any()


def test_a_frame_says_its_step_and_the_noise_score(tmp_path, written):
    ramp = np.arange(3.0) * np.ones((3, 1))
    checkered = np.indices((3, 3)).sum(axis=0) % 2.0
    film = [of_step(step, w[..., None, None]) for step, w in ((0, checkered), (40, ramp))]
    scores = [f"noise {fw.score(snapshot)['c']['noise']:.2f}" for snapshot in film]
    fw.draw.movie(film, tmp_path / "c.gif", unit="batch")
    assert [text for text in written if "batch" in text] == ["batch 0", "batch 40"]
    assert [text for text in written if text.startswith("noise")] == scores
    assert "c   Conv2D 3x3x1, 1 filters" in written


def test_a_mark_moves_as_far_as_training_is(tmp_path):
    film = [of_step(step, np.full((3, 3, 1, 4), float(step))) for step in (0, 10, 40)]
    places = []
    for frame in frames(fw.draw.movie(film, tmp_path / "c.webp"))[0]:
        is_dark = (np.asarray(frame) == DARK_GREY).all(axis=-1)[:80]
        # letters are thinner than the mark, which alone has squares of 5x5 dark pixels
        squares = np.lib.stride_tricks.sliding_window_view(is_dark, (5, 5)).all(axis=(2, 3))
        places.append(np.argwhere(squares)[:, 1].mean())
    assert (places[1] - places[0]) / (places[2] - places[0]) == pytest.approx(1 / 4, abs=0.01)


def test_of_many_filters_the_first_32_are_shown(tmp_path, written):
    fw.draw.movie([flat(*range(40))] * 2, tmp_path / "c.gif")
    assert any("first 32 of 40 filters" in text for text in written)


def test_a_long_film_has_a_hundred_frames(tmp_path):
    path = fw.draw.movie([flat(step) for step in range(130)], tmp_path / "c.gif")
    assert frame_count(path) == 100


def test_a_film_of_windows_over_time_is_drawn(tmp_path):
    path = fw.draw.movie([{"c": noise(9, 2, 4)}, {"c": -noise(9, 2, 4)}], tmp_path / "c.gif")
    assert frame_count(path) == 2


@pytest.mark.parametrize("name", ["c.mp4", "c.png", "c"])
def test_other_files_than_gif_and_webp_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=r"a movie is written as \.gif or \.webp"):
        fw.draw.movie([flat(0), flat(1)], tmp_path / name)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"no folder '.*nowhere': make it first"):
        fw.draw.movie([flat(0), flat(1)], tmp_path / "nowhere" / "c.gif")


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "c.gif").mkdir()
    with pytest.raises(OSError, match=r"c\.gif"):
        fw.draw.movie([flat(0), flat(1)], tmp_path / "c.gif")


@pytest.mark.parametrize("path", [None, 3, np.ones(2)], ids=type)
def test_what_is_no_path_is_refused(path):
    with pytest.raises(TypeError, match="second argument is the path of the file to write; got"):
        fw.draw.movie([flat(0), flat(1)], path)


def test_one_step_is_no_film(tmp_path):
    with pytest.raises(ValueError, match="at least two steps; of 'c' there is one"):
        fw.draw.movie([flat(0)], tmp_path / "c.gif")


def test_one_source_is_refused(tmp_path):
    with pytest.raises(TypeError, match="movie: a FilterWatch, a Run or several sources"):
        fw.draw.movie(flat(0), tmp_path / "c.gif")


def test_kernels_of_different_shapes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(3, 3, 1, 1\) and \(3, 3, 1, 2\) came"):
        fw.draw.movie([flat(0), flat(0, 1)], tmp_path / "c.gif")


@pytest.mark.parametrize("duration", [0, -1, 1e9, float("nan"), "fast", True])
def test_a_duration_that_cannot_be_shown_is_refused(tmp_path, duration):
    with pytest.raises(ValueError, match="duration: "):
        fw.draw.movie([flat(0), flat(1)], tmp_path / "c.gif", duration=duration)
