"""draw.templates: known Dense kernels give known tiles, which are read back pixel by pixel."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import (
    BLACK,
    DARKEST_BLUE,
    DARKEST_RED,
    DOWN,
    GREY,
    MAGENTA,
    UP,
    WHITE,
    grey,
    noise,
    tiles,
)
from pictures import one_pixel_per_tap as colours

import keras_filterwatch as fw


def network(*parts, shape=(4, 5, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


def test_a_units_weights_go_from_blue_over_white_to_red():
    kernel = grey([[-1, 0, 1]] * 3, [[1, 0, -1]] * 3)
    first, second = tiles(fw.draw.templates({"d": kernel}), (48, 48))
    assert colours(first, (3, 3)) == [[DARKEST_BLUE, WHITE, DARKEST_RED]] * 3
    assert colours(second, (3, 3)) == [[DARKEST_RED, WHITE, DARKEST_BLUE]] * 3


def test_rows_are_the_images_height():
    (tile,) = tiles(fw.draw.templates({"d": grey([[-1, 0, 1], [0, 0, 0]])}), (32, 48))
    assert colours(tile, (2, 3)) == [[DARKEST_BLUE, WHITE, DARKEST_RED], [WHITE] * 3]


def test_one_scale_serves_all_units():
    strong, weak = tiles(
        fw.draw.templates({"d": grey(np.ones((2, 2)), np.full((2, 2), 0.5))}), (32, 32)
    )
    assert colours(strong, (2, 2))[0][0] == DARKEST_RED
    assert colours(weak, (2, 2))[0][0][1] > 100  # half way to white


def test_three_channels_are_colours_around_grey():
    kernel = np.zeros((3, 1, 3, 1))
    kernel[0, :, 0] = kernel[1, :, 1] = 1
    (tile,) = tiles(fw.draw.templates({"d": kernel}), (48, 16))
    assert colours(tile, (3, 1)) == [[(255, 128, 128)], [(128, 255, 128)], [GREY]]


def test_two_channels_stand_side_by_side(written):
    kernel = np.stack([np.ones((2, 2)), -np.ones((2, 2))], axis=-1)[..., np.newaxis]
    (tile,) = tiles(fw.draw.templates({"d": kernel}), (32, 65))
    assert colours(tile[:, :32], (2, 2)) == [[DARKEST_RED] * 2] * 2
    assert colours(tile[:, 33:], (2, 2)) == [[DARKEST_BLUE] * 2] * 2
    assert "side by side all of 2 channels: 0, 1" in " ".join(written)


def test_of_many_channels_the_strongest_are_drawn_and_named(written):
    kernel = np.ones((2, 2, 10, 3))
    kernel[:, :, [1, 6]] = 0.1
    fw.draw.templates({"d": kernel})
    strongest = "the strongest of 10 channels: 0, 2, 3, 4, 5, 7, 8, 9"
    assert strongest in " ".join(written)


def test_every_unit_has_its_number(written):
    fw.draw.templates({"d": noise(2, 2, 1, 12)})
    assert written[:12] == [str(unit) for unit in range(12)]


def test_units_asked_for_are_drawn_in_that_order(written):
    first, second = tiles(fw.draw.templates({"d": grey(UP, UP, DOWN)}, units=[2, 0]), (32, 32))
    assert colours(first, (2, 2))[0][0] == DARKEST_BLUE
    assert colours(second, (2, 2))[0][0] == DARKEST_RED
    assert written[:2] == ["2", "0"]


def test_a_dead_unit_has_a_black_outline(written):
    kernel = grey(UP, np.zeros((2, 2)), DOWN)
    image = fw.draw.templates({"d": kernel})
    (dead,) = tiles(image, (32, 32), outline=BLACK)
    assert colours(dead, (2, 2)) == [[WHITE] * 2] * 2
    assert len(list(tiles(image, (32, 32)))) == 2
    assert "dead 1 of 3 (33%)" in " ".join(written)


def test_a_weight_that_is_not_finite_is_magenta():
    (tile,) = tiles(fw.draw.templates({"d": grey([[np.nan, 1], [-np.inf, -1]])}), (32, 32))
    assert colours(tile, (2, 2)) == [[MAGENTA, DARKEST_RED], [MAGENTA, DARKEST_BLUE]]


def test_the_caption_has_layer_shape_and_step(written):
    snapshot = fw.Snapshot(12, (fw.Kernel("hidden", "Dense", noise(4, 5, 1, 6)),))
    fw.draw.templates(snapshot)
    assert "hidden   4x5x1, 6 units   step 12" in " ".join(written)


def test_a_step_can_be_given(written):
    fw.draw.templates({"d": noise(4, 5, 1, 6)}, step=7)
    assert "step 7" in " ".join(written)


def test_more_units_than_fit_are_cut_with_a_note(written):
    fw.draw.templates({"d": noise(2, 2, 1, 400)})
    assert "first 256 of 400 units" in " ".join(written)


def test_a_picture_of_grey_images_fits_a_palette_so_that_its_file_is_small():
    assert fw.draw.templates({"d": noise(9, 9, 1, 30)}).getcolors(256)


def test_a_keras_model_shows_the_layer_that_reads_the_image():
    hidden = layers.Dense(3, name="hidden")
    model = network(layers.Flatten(), hidden, layers.Dense(2))
    kernel = np.zeros((4, 5, 1, 3), "float32")
    kernel[3, 4, 0, 1] = 1
    hidden.set_weights([kernel.reshape(20, 3), np.zeros(3)])
    drawn = np.asarray(fw.draw.templates(model))
    assert (drawn == np.asarray(fw.draw.templates(model, "hidden"))).all()
    assert (drawn == np.asarray(fw.draw.templates({"hidden": kernel}))).all()


def test_a_saved_model_gives_the_same_picture(tmp_path):
    model = network(layers.Flatten(), layers.Dense(3, name="hidden"))
    model.save(tmp_path / "model.keras")
    of_file = fw.draw.templates(tmp_path / "model.keras")
    assert (np.asarray(of_file) == np.asarray(fw.draw.templates(model))).all()


@pytest.mark.parametrize("units", [[3], [-1], [0, 99], 3])
def test_the_message_about_an_unknown_unit_has_the_range(units):
    with pytest.raises(ValueError, match=r"units \[.*\] do not exist: there are 0 to 2"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=units)


def test_an_empty_list_of_units_is_refused():
    with pytest.raises(ValueError, match="units: the list is empty"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=[])


def test_a_unit_that_is_no_whole_number_is_refused():
    with pytest.raises(TypeError, match=r"units=\[1.5\]: whole numbers are needed"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=[1.5])


def test_the_message_about_a_layer_without_image_axes_has_the_remedy():
    arrays = {"hidden": noise(2, 2, 1, 3), "last": noise(3, 2)}
    remedy = r"among \['last \(3, 2\)'\] .*Flatten\(\), or say .* window=\{'last': \(height"
    with pytest.raises(ValueError, match=remedy):
        fw.draw.templates(arrays, "last")


def test_a_window_gives_flat_kernels_the_axes_of_the_image():
    # numpy: an array flattened in C order is reshaped to what it was
    image = noise(4, 5, 3, 6)
    flat = fw.draw.templates({"hidden": image.reshape(60, 6)}, window={"hidden": (4, 5, 3)})
    np.testing.assert_array_equal(flat, fw.draw.templates({"hidden": image}))


def test_a_window_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'hidden' reads 60 numbers, and an image of 4x4x3 has 48"):
        fw.draw.templates({"hidden": noise(60, 6)}, window={"hidden": (4, 4, 3)})


def test_the_message_about_a_convolution_names_the_right_picture():
    model = network(layers.Conv2D(2, 3, name="conv"), layers.Flatten(), layers.Dense(2))
    with pytest.raises(ValueError, match=r"'conv Conv2D .* draw.filters draws convolutions"):
        fw.draw.templates(model)


def test_the_message_about_an_unknown_layer_has_the_nearest_name():
    with pytest.raises(ValueError, match="'hiden'; did you mean 'hidden'"):
        fw.draw.templates({"hidden": noise(2, 2, 1, 3)}, "hiden")
