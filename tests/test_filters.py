"""draw.filters: known kernels give known colours, which are read back pixel by pixel."""

import numpy as np
import pytest
from pictures import (
    BLACK,
    DARKEST_BLUE,
    DARKEST_RED,
    GREY,
    MAGENTA,
    WHITE,
    cells,
    one_pixel_per_tap,
)

import keras_filterwatch as fw
from keras_filterwatch.draw.colours import LIGHT_GREY


def test_one_channel_goes_from_blue_over_white_to_red():
    kernel = np.array([[-1.0, 0.0, 1.0]] * 3)[..., np.newaxis, np.newaxis]
    (cell,) = cells(fw.draw.filters({"edge": kernel}), 1, (48, 48))
    assert one_pixel_per_tap(cell, (3, 3)) == [[DARKEST_BLUE, WHITE, DARKEST_RED]] * 3


def test_three_channels_are_colours_around_grey():
    kernel = np.zeros((3, 3, 3, 1))
    kernel[0, :, 0] = kernel[1, :, 1] = 1  # red above green, above a row of blue's opposite
    kernel[2, :, 2] = -1
    (cell,) = cells(fw.draw.filters({"rgb": kernel}), 1, (48, 48))
    assert one_pixel_per_tap(cell, (3, 3)) == [
        [(255, 128, 128)] * 3,
        [(128, 255, 128)] * 3,
        [(128, 128, 1)] * 3,
    ]


def test_more_channels_are_a_matrix_with_the_strongest_first():
    kernel = np.zeros((3, 3, 4, 2))
    kernel[..., 2, 0], kernel[..., 1, 1] = 1, -0.5
    columns = cells(fw.draw.filters({"deep": kernel}), 4, (18, 18))
    colours = [
        {colour for row in one_pixel_per_tap(cell, (3, 3)) for colour in row} for cell in columns
    ]
    assert colours[0] == {DARKEST_RED}  # filter 0, channel 2
    assert colours[1:4] == [{WHITE}] * 3
    assert colours[4] == {WHITE}  # filter 1, channel 2
    (half_blue,) = colours[5]  # filter 1, channel 1
    # half of five steps from white to the darkest blue lies between the second and the third
    assert half_blue == pytest.approx((106, 170, 208), abs=6)
    assert len(colours) == 8


def test_columns_and_rows_of_a_matrix_have_their_numbers(written):
    kernel = np.random.default_rng(0).standard_normal((3, 3, 5, 2)) * [[[1], [3], [2], [9], [5]]]
    fw.draw.filters({"deep": kernel})
    assert written[:7] == ["0", "1", "3", "4", "1", "2", "0"]


def test_a_1d_kernel_is_a_strip():
    kernel = np.array([-1.0, 0.0, 1.0])[:, np.newaxis, np.newaxis]
    (cell,) = cells(fw.draw.filters({"strip": kernel}), 1, (16, 48))
    assert one_pixel_per_tap(cell, (1, 3)) == [[DARKEST_BLUE, WHITE, DARKEST_RED]]


def test_a_3d_kernel_shows_its_depths_side_by_side():
    kernel = np.zeros((2, 3, 3, 1, 1))
    kernel[0], kernel[1] = 1, -1
    (cell,) = cells(fw.draw.filters({"volume": kernel}), 1, (48, 97))
    assert one_pixel_per_tap(cell[:, :48], (3, 3)) == [[DARKEST_RED] * 3] * 3
    assert one_pixel_per_tap(cell[:, 49:], (3, 3)) == [[DARKEST_BLUE] * 3] * 3


def test_one_scale_serves_all_filters():
    kernel = np.stack([np.full((3, 3, 1), 1.0), np.full((3, 3, 1), 0.5)], axis=-1)
    strong, weak = cells(fw.draw.filters({"two": kernel}), 2, (48, 48))
    assert one_pixel_per_tap(strong, (3, 3))[0][0] == DARKEST_RED
    assert one_pixel_per_tap(weak, (3, 3))[0][0][1] > 100  # half way to white


def test_filters_keep_their_place_from_step_to_step():
    before = np.random.default_rng(0).standard_normal((5, 5, 1, 12))
    after = before.copy()
    after[..., 7] = -before[..., 7]
    pictures = [
        list(cells(fw.draw.filters({"c": array}), 8, (60, 60))) for array in (before, after)
    ]
    changed = [
        i for i, pair in enumerate(zip(*pictures, strict=True)) if (pair[0] != pair[1]).any()
    ]
    assert len(pictures[0]) == 12
    assert changed == [7]


def test_a_dead_filter_is_flat_and_framed_in_black():
    kernel = np.random.default_rng(0).standard_normal((7, 7, 3, 8))
    kernel[..., 2] *= 1e-3
    image = np.asarray(fw.draw.filters({"c": kernel}))
    tiles = list(cells(image, 8, (63, 63)))
    ranges = [np.ptp(tile.astype(int), axis=(0, 1)).max() for tile in tiles]
    assert ranges[2] <= 1
    assert min(ranges[:2] + ranges[3:]) > 100
    top, left = np.argwhere((image == LIGHT_GREY).all(axis=-1))[0]
    for place in (4, 69 + 2):  # the gaps left and right of a cell
        beside = [tuple(map(int, image[top + 30, left + 69 * f + place])) for f in range(8)]
        assert [pixel == BLACK for pixel in beside] == [f == 2 for f in range(8)]


def test_a_weight_that_is_not_finite_is_magenta():
    kernel = np.zeros((3, 3, 1, 2))
    kernel[1, 1, 0, 0], kernel[0, 0, 0, 1] = np.nan, np.inf
    first, second = cells(fw.draw.filters({"c": kernel}), 2, (48, 48))
    assert one_pixel_per_tap(first, (3, 3))[1][1] == MAGENTA
    assert one_pixel_per_tap(second, (3, 3))[0][0] == MAGENTA
    assert one_pixel_per_tap(second, (3, 3))[1][1] == WHITE


def test_a_weight_that_is_not_finite_is_magenta_in_colour_too():
    kernel = np.zeros((3, 3, 3, 1))
    kernel[1, 1, 2, 0] = np.nan
    (cell,) = cells(fw.draw.filters({"c": kernel}), 1, (48, 48))
    assert one_pixel_per_tap(cell, (3, 3))[1] == [GREY, MAGENTA, GREY]


def test_the_caption_has_layer_shape_step_noise_and_dead_share(written):
    array = np.random.default_rng(0).standard_normal((5, 5, 3, 16))
    array[..., :4] = 0
    snapshot = fw.Snapshot(12, (fw.Kernel("block/conv", "Conv2D", array),))
    fw.draw.filters(snapshot)
    caption = " ".join(written)
    noise = fw.score(snapshot)["block/conv"]["noise"]
    for part in ("block/conv", "Conv2D 5x5x3, 16 filters", "step 12", "dead 4 of 16 (25%)"):
        assert part in caption
    assert f"noise {noise:.2f}" in caption


def test_the_caption_has_the_step_only_where_it_is_known(written):
    array = np.random.default_rng(0).standard_normal((5, 5, 3, 16))
    fw.draw.filters({"conv": array})
    assert "step" not in " ".join(written)
    fw.draw.filters({"conv": array}, step=7)
    assert "step 7" in " ".join(written)


def test_filters_and_channels_beyond_the_limits_are_cut_with_a_note(written):
    fw.draw.filters({"sheet": np.random.default_rng(0).standard_normal((3, 3, 3, 300))})
    fw.draw.filters({"matrix": np.random.default_rng(0).standard_normal((3, 3, 40, 50))})
    notes = " ".join(written)
    assert "first 256 of 300 filters" in notes
    assert "first 32 of 50 filters" in notes
    assert "strongest 32 of 40 channels" in notes


def test_a_window_wider_than_a_picture_is_thinned_and_says_so(written):
    image = fw.draw.filters({"wave": np.random.default_rng(0).standard_normal((5000, 1, 2))})
    assert image.width <= 2000
    assert "1 of 3 taps along each axis" in written


@pytest.mark.parametrize("shape", [(5000, 12, 1, 16), (64, 1, 16, 32), (30, 30, 30, 1, 4)])
def test_no_picture_is_larger_than_2000_pixels(shape):
    image = fw.draw.filters({"tall": np.random.default_rng(0).standard_normal(shape)})
    assert image.width <= 2000
    assert image.height <= 2000


def test_a_long_name_keeps_its_start_and_end(written):
    name = "start" + "/block" * 60 + "/end"
    image = fw.draw.filters({name: np.ones((3, 3, 1, 1))})
    (shown,) = [text for text in written if "start" in text]
    assert image.width < 600
    assert shown.startswith("start/block")
    assert "/end" in shown


def test_the_first_layer_with_a_window_is_drawn_unless_another_is_asked_for(written):
    arrays = {
        "dense": np.ones((4, 4)),
        "conv": np.ones((3, 3, 1, 2)),
        "deep": np.ones((3, 3, 2, 2)),
    }
    fw.draw.filters(arrays)
    fw.draw.filters(arrays, "deep")
    assert [text.split()[0] for text in written if "filters " in text and "x" in text] == [
        "conv",
        "deep",
    ]


def test_the_message_about_an_unknown_layer_has_the_nearest_name():
    with pytest.raises(ValueError, match="no kernel is called 'con2d'; did you mean 'conv2d'"):
        fw.draw.filters({"conv2d": np.ones((3, 3, 1, 2))}, "con2d")


def test_the_message_about_a_layer_without_a_window_has_the_reason():
    arrays = {"dense": np.ones((4, 4)), "conv": np.ones((3, 3, 1, 2))}
    with pytest.raises(ValueError, match=r"no kernel among \['dense'\] has a window larger than 1"):
        fw.draw.filters(arrays, "dense")


def test_the_message_about_a_network_without_windows_has_the_remedy():
    with pytest.raises(ValueError, match=r"nothing to draw: .*through a Flatten layer"):
        fw.draw.filters({"dense": np.ones((4, 4))})


def test_a_matrix_fits_a_palette_so_that_its_file_is_small():
    kernel = np.random.default_rng(0).standard_normal((3, 3, 64, 64))
    assert fw.draw.filters({"deep": kernel}).getcolors(256)


def filters_of_each_description():
    """Filters 7x7x3: an edge, a flat one, and twice the same checkerboard of colours."""
    random = np.random.default_rng(0)
    kernel = 0.01 * random.standard_normal((7, 7, 3, 4))
    kernel[:, :3, :, 0] -= 1
    kernel[:, 4:, :, 0] += 1
    kernel[..., 1] += 1
    kernel[..., 2] += random.standard_normal((7, 7, 3))
    kernel[..., 3] = kernel[..., 2]
    return {"c": kernel}


def test_the_colour_of_a_frame_says_what_a_filter_looks_like(written):
    image = np.asarray(fw.draw.filters(filters_of_each_description()))
    top, left = np.argwhere((image == LIGHT_GREY).all(axis=-1))[0]
    frames = [tuple(map(int, image[top + 30, left + 69 * f + 4])) for f in range(4)]
    blue, orange, yellow = (0, 114, 178), (230, 159, 0), (240, 228, 66)  # Okabe & Ito (2008)
    assert frames == [blue, orange, yellow, yellow]
    assert {"1 edge", "1 blob", "2 duplicates"} <= set(written)


def test_filters_are_ordered_by_a_score_and_numbered(written):
    kernel = np.ones((3, 3, 1, 3)) * [-1.0, 1.0, 0.0]
    tiles = cells(fw.draw.filters({"c": kernel + 2}, order="norm"), 3, (48, 48))
    shades = [int(tile[0, 0, 2]) for tile in tiles]  # the redder, the less blue
    assert shades == sorted(shades, reverse=True)
    assert [text for text in written if text.isdigit()][:3] == ["0", "2", "1"]


def test_similar_filters_are_side_by_side_greys_before_colours_before_dead_ones(written):
    random = np.random.default_rng(0)
    upright, lying = random.standard_normal((2, 7, 7, 1))
    grey, red = np.ones(3), np.array([1.0, -0.5, -0.5])
    kernel = np.stack(
        [
            upright * red * 3,
            0 * upright * grey,
            upright * grey * 2,
            lying * grey,
            upright * grey * 1.9 + 0.1 * lying,
            lying * red,
        ],
        axis=-1,
    )
    fw.draw.filters({"c": kernel}, order="similarity")
    assert [text for text in written if text.isdigit()] == ["2", "4", "3", "0", "5", "1"]


def test_the_message_about_an_unknown_order_has_the_known_ones():
    with pytest.raises(
        ValueError, match=r"order 'size': 'c' has no such score .*'similarity', 'dc'"
    ):
        fw.draw.filters({"c": np.ones((3, 3, 1, 2))}, order="size")
