"""Known Dense kernels in, known tiles out: the pictures are read back pixel by pixel."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import BLACK, DARKEST_BLUE, DARKEST_RED, GREY, MAGENTA, WHITE
from pictures import one_pixel_per_tap as colours

import keras_filterwatch as fw
from keras_filterwatch.draw import canvas

UP, DOWN = [[1.0, 1.0], [-1.0, -1.0]], [[-1.0, -1.0], [1.0, 1.0]]


def tiles(image, size, outline=canvas.GAP):
    """What stands inside the outlines of this inner size and colour, in reading order."""
    pixels = np.asarray(image)
    lines = (pixels == outline).all(axis=-1)
    height, width = size
    for y, x in np.argwhere(lines[: -height - 1, : -width - 1]):
        frame = lines[y : y + height + 2, x : x + width + 2]
        if frame[[0, -1]].all() and frame[:, [0, -1]].all():
            yield pixels[y + 1 : y + 1 + height, x + 1 : x + 1 + width]


def grey(*units):
    """A kernel `(height, width, 1, units)` of these windows."""
    return np.stack(units, axis=-1).astype(float)[:, :, np.newaxis]


def noise(*shape):
    return np.random.default_rng(0).standard_normal(shape)


def network(*parts, shape=(4, 5, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


# templates


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


def test_every_unit_carries_its_number(written):
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
def test_a_unit_that_is_not_there_is_answered_with_those_that_are(units):
    with pytest.raises(ValueError, match=r"units \[.*\] are not there: there are 0 to 2"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=units)


def test_no_units_at_all_are_refused():
    with pytest.raises(ValueError, match="units: none are asked for"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=[])


def test_half_a_unit_is_refused():
    with pytest.raises(TypeError, match=r"units=\[1.5\]: whole numbers are needed"):
        fw.draw.templates({"d": noise(2, 2, 1, 3)}, units=[1.5])


def test_a_layer_without_image_axes_is_answered_with_what_would_help():
    arrays = {"hidden": noise(2, 2, 1, 3), "last": noise(3, 2)}
    with pytest.raises(ValueError, match=r"'last' \(3, 2\) came, .*Flatten\(\), or reshape"):
        fw.draw.templates(arrays, "last")


def test_a_convolution_is_sent_to_the_other_picture():
    model = network(layers.Conv2D(2, 3, name="conv"), layers.Flatten(), layers.Dense(2))
    with pytest.raises(ValueError, match=r"'conv' Conv2D .* draw.filters draws convolutions"):
        fw.draw.templates(model)


def test_a_layer_that_is_not_there_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="'hiden'; did you mean 'hidden'"):
        fw.draw.templates({"hidden": noise(2, 2, 1, 3)}, "hiden")


# path_templates


def test_a_linear_networks_template_is_its_response_to_single_pixels():
    dense = [layers.Dense(units, bias_initializer="normal") for units in (7, 6, 3)]
    model = network(layers.Flatten(), *dense, shape=(4, 5, 2))
    first, *rest = (np.asarray(keras.ops.convert_to_numpy(d.kernel)) for d in dense)
    impulses = np.eye(40).reshape(40, 4, 5, 2)
    at_rest = model.predict(np.zeros((1, 4, 5, 2)), verbose=0)
    response = (model.predict(impulses, verbose=0) - at_rest).reshape(4, 5, 2, 3)
    paths = fw.draw.path_templates([first.reshape(4, 5, 2, 7), *rest])
    np.testing.assert_allclose(paths, response, atol=1e-5)


def test_a_single_kernel_is_its_own_template():
    kernel = noise(2, 2, 1, 3)
    assert (fw.draw.path_templates([kernel]) == kernel).all()


@pytest.mark.parametrize("shape", [(4, 2), (3, 3, 3, 2), (3,)])
def test_a_kernel_that_does_not_fit_is_named(shape):
    with pytest.raises(ValueError, match=r"kernel 1 has shape .* it must be \(3, units\)"):
        fw.draw.path_templates([noise(2, 2, 1, 3), noise(*shape)])


@pytest.mark.parametrize("kernels", [[], [np.ones((4, 3))]])
def test_the_first_kernel_must_have_image_axes(kernels):
    with pytest.raises(ValueError, match=r"the first must be \(height, width, channels, unit"):
        fw.draw.path_templates(kernels)


# class_paths


def test_a_row_is_the_path_and_then_the_strongest_units_as_they_are():
    kernels = {"a": grey(UP, [[2, 0], [0, 0]]), "b": np.array([[-3.0], [0.1]])}
    path, first, second = tiles(fw.draw.class_paths(kernels), (32, 32))
    # -3 UP + .1 of a corner; unit 0 has path weight -3, yet its own weights are drawn
    assert colours(path, (2, 2))[1] == [DARKEST_RED] * 2
    assert colours(path, (2, 2))[0][0][2] > colours(path, (2, 2))[0][0][0]
    assert colours(first, (2, 2))[0][1][0] > colours(first, (2, 2))[0][1][2]
    assert colours(second, (2, 2)) == [[DARKEST_RED, WHITE], [WHITE, WHITE]]


def test_units_are_ordered_by_path_weight_times_norm(written):
    # strengths |v| norm: 3 x 1, .5 x 10, 2 x 2
    first = noise(2, 2, 1, 3)
    first *= np.array([1, 10, 2]) / np.sqrt(np.square(first).sum(axis=(0, 1, 2)))
    fw.draw.class_paths({"a": first, "b": np.array([[3.0], [-0.5], [2.0]])})
    assert written[:4] == ["path", "unit 1  -0.50", "unit 2  +2.0", "unit 0  +3.0"]


def test_a_path_weight_goes_through_all_layers_behind(written):
    deep = {"a": grey(UP), "b": np.array([[1.0, 2.0]]), "c": np.array([[3.0], [4.0]])}
    fw.draw.class_paths(deep)
    assert "unit 0  +11" in written  # 1 x 3 + 2 x 4


def test_each_class_has_its_own_row():
    kernels = {"a": grey(UP, DOWN), "b": np.eye(2)}
    drawn = list(tiles(fw.draw.class_paths(kernels, k=1), (32, 32)))
    tops = [colours(tile, (2, 2))[0][0] for tile in drawn]
    # tiles of a row are found from left to right
    assert tops == [DARKEST_RED, DARKEST_RED, DARKEST_BLUE, DARKEST_BLUE]


def test_paths_and_units_have_scales_of_their_own(written):
    fw.draw.class_paths({"a": grey(UP), "b": np.array([[7.0]])})
    scales = [written[i : i + 2] for i, text in enumerate(written) if text in ("-7", "-1")]
    assert scales == [["-7", "7"], ["-1", "1"]]
    assert {"path", "units"} <= set(written)


def test_classes_asked_for_are_drawn_in_that_order(written):
    fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 4)}, [3, 1])
    assert [text for text in written if text.startswith("class ")] == ["class 3", "class 1"]


def test_labels_name_the_classes(written):
    fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, 1, labels=["cat", "dog"])
    assert "dog" in written
    assert "cat" not in written


def test_a_single_layer_has_path_templates_only(written):
    drawn = list(tiles(fw.draw.class_paths({"a": grey(UP, DOWN)}), (32, 32)))
    assert [colours(tile, (2, 2))[0][0] for tile in drawn] == [DARKEST_RED, DARKEST_BLUE]
    assert written[:2] == ["class 0", "class 1"]
    assert not [text for text in written if text.startswith("unit")]


def test_more_units_asked_for_than_there_are_gives_all(written):
    fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 1)}, k=9)
    assert len([text for text in written if text.startswith("unit ")]) == 3


def test_what_the_path_leaves_out_is_printed(written):
    fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 1)})
    assert "left out: biases, non-linearities, normalizations" in " ".join(written)


def test_more_classes_than_fit_are_cut_with_a_note(written):
    image = fw.draw.class_paths({"a": noise(8, 8, 1, 9), "b": noise(9, 100)})
    assert image.height <= 2000
    assert "of 100 classes" in " ".join(written)


def test_weights_that_diverged_are_magenta():
    kernels = {"a": grey(UP, [[np.nan, 0], [0, 0]]), "b": np.ones((2, 1))}
    path, first, _ = tiles(fw.draw.class_paths(kernels), (32, 32))
    assert colours(path, (2, 2))[0][0] == colours(first, (2, 2))[0][0] == MAGENTA


def test_a_keras_classifier_is_drawn(written):
    model = network(
        layers.Flatten(), layers.Dense(6, "relu", name="hidden"), layers.Dense(3, name="last")
    )
    fw.draw.class_paths(model)
    assert "hidden - last   4x5x1 - 6 - 3" in " ".join(written)


@pytest.mark.parametrize("classes", [[2], [-1]])
def test_a_class_that_is_not_there_is_answered_with_those_that_are(classes):
    with pytest.raises(ValueError, match=r"classes \[.*\] are not there: there are 0 to 1"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, classes)


def test_kernels_that_form_no_chain_are_named():
    kernels = {"a": noise(2, 2, 1, 3), "b": noise(4, 2)}
    with pytest.raises(ValueError, match=r"from 'a' to classes: 'b' has shape \(4, 2\): behind"):
        fw.draw.class_paths(kernels)


def test_a_convolution_behind_the_first_layer_is_no_path():
    conv = [layers.Reshape((2, 2, 1)), layers.Conv2D(2, 2, name="conv"), layers.Flatten()]
    model = network(layers.Flatten(), layers.Dense(4), *conv, layers.Dense(2))
    with pytest.raises(ValueError, match=r"'conv' has shape .* must be Dense layers only"):
        fw.draw.class_paths(model)


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(ValueError, match="1 labels came for 2 classes"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, labels=["cat"])


def test_a_negative_number_of_units_is_refused():
    with pytest.raises(ValueError, match=r"k=-1: .* 0 or more"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, k=-1)


def test_more_units_than_fit_beside_each_other_are_refused():
    with pytest.raises(ValueError, match="61 tiles do not fit beside each other, at most"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 90), "b": noise(90, 2)}, k=60)


# evidence


def test_a_map_is_input_times_weight():
    image = [[[1.0, 0.0], [1.0, 1.0]]]
    drawn = fw.draw.evidence({"a": grey([[1, 1], [-1, 0]])}, image, units=0)
    _, evidence = tiles(drawn, (32, 32))
    assert colours(evidence, (2, 2)) == [[DARKEST_RED, WHITE], [DARKEST_BLUE, WHITE]]


def test_the_input_stands_beside_it_from_black_to_white(written):
    image = [[[3.0, 5.0], [4.0, 5.0]]]
    first, _ = tiles(fw.draw.evidence({"a": grey(UP)}, image, units=0), (32, 32))
    (black, white), (middle, _) = colours(first, (2, 2))
    assert (black, white) == (BLACK, WHITE)
    assert middle[0] == pytest.approx(255 / 2, abs=255 / 63)  # in 64 greys
    assert "black is 3, white 5" in " ".join(written)


def test_a_class_map_is_input_times_path():
    kernels = {"a": grey(UP, UP), "b": np.array([[1.0, 0.0], [0.0, -1.0]])}
    _, yes, no = tiles(fw.draw.evidence(kernels, np.ones((1, 2, 2))), (32, 32))
    assert colours(yes, (2, 2)) == [[DARKEST_RED] * 2, [DARKEST_BLUE] * 2]
    assert colours(no, (2, 2)) == [[DARKEST_BLUE] * 2, [DARKEST_RED] * 2]


def test_of_colour_images_the_channels_are_summed(written):
    kernel = np.zeros((2, 2, 3, 1))
    kernel[0, 0] = [[1], [1], [-2]]  # cancel
    kernel[1, 1] = [[1], [1], [0]]
    drawn = fw.draw.evidence({"a": kernel}, np.ones((1, 2, 2, 3)), units=0)
    _, evidence = tiles(drawn, (32, 32))
    assert colours(evidence, (2, 2)) == [[WHITE, WHITE], [WHITE, DARKEST_RED]]
    assert "(sums over channels)" in " ".join(written)


def test_a_colour_input_is_in_colour():
    image = np.zeros((1, 1, 2, 3))
    image[0, 0, 0, 0] = 255
    first, _ = tiles(fw.draw.evidence({"a": noise(1, 2, 3, 1)}, image, units=0), (16, 32))
    assert colours(first, (1, 2)) == [[(255, 0, 0), BLACK]]


def test_the_sums_are_what_a_linear_network_computes_without_biases(written):
    hidden, last = layers.Dense(3), layers.Dense(2)
    model = network(layers.Flatten(), hidden, last)
    images = np.random.default_rng(1).uniform(size=(2, 4, 5, 1)).astype("float32")
    fw.draw.evidence(model, images, units=range(3), classes=range(2))
    flat = images.reshape(2, 20)
    before = keras.ops.convert_to_numpy(hidden(flat))  # biases begin at zero
    expected = np.concatenate([before, model.predict(images, verbose=0)], axis=1)
    sums = [float(text.removeprefix("sum ")) for text in written if text.startswith("sum ")]
    np.testing.assert_allclose(np.reshape(sums, (2, 5)), expected, rtol=6e-3)


def test_every_input_has_a_row(written):
    drawn = fw.draw.evidence({"a": grey(UP) / 2}, np.ones((3, 2, 2)), units=0)
    assert len(list(tiles(drawn, (32, 32)))) == 6
    assert [text for text in written if text.startswith("input ")] == [
        f"input {i}" for i in range(3)
    ]


def test_units_and_classes_have_scales_of_their_own(written):
    kernels = {"a": grey(UP), "b": np.array([[7.0]])}
    fw.draw.evidence(kernels, np.ones((1, 2, 2)), units=0, classes=0)
    scales = [written[i : i + 2] for i, text in enumerate(written) if text in ("-7", "-1")]
    assert scales == [["-1", "1"], ["-7", "7"]]


def test_units_need_no_path_to_the_classes():
    kernels = {"a": grey(UP), "b": noise(9, 9)}
    assert len(list(tiles(fw.draw.evidence(kernels, np.ones((1, 2, 2)), units=0), (32, 32))))


def test_classes_need_a_path():
    with pytest.raises(ValueError, match="no path leads from 'a' to classes"):
        fw.draw.evidence({"a": grey(UP), "b": noise(9, 9)}, np.ones((1, 2, 2)))


def test_of_many_classes_the_first_ten_are_drawn_where_none_are_asked_for(written):
    fw.draw.evidence({"a": noise(2, 2, 1, 1000)}, np.ones((1, 2, 2)))
    assert [text for text in written if text.startswith("class ")] == [
        f"class {c}" for c in range(10)
    ]
    assert "first 10 of 1000 classes" in " ".join(written)


def test_a_layer_can_be_chosen(written):
    kernels = {"a": grey(UP), "b": noise(3, 3, 1, 2)}
    fw.draw.evidence(kernels, np.ones((1, 3, 3)), units=[1], layer="b")
    assert "unit 1" in written


def test_more_inputs_than_fit_are_cut_with_a_note(written):
    image = fw.draw.evidence({"a": noise(8, 8, 1, 2)}, noise(50, 8, 8), units=0)
    assert image.height <= 2000
    assert "of 50 inputs" in " ".join(written)


def test_a_pixel_that_is_not_finite_is_magenta():
    image = np.ones((1, 2, 2))
    image[0, 0, 0] = np.nan
    first, evidence = tiles(fw.draw.evidence({"a": grey(UP)}, image, units=0), (32, 32))
    assert colours(first, (2, 2))[0][0] == colours(evidence, (2, 2))[0][0] == MAGENTA


@pytest.mark.parametrize("shape", [(5, 4), (2, 20), (1, 5, 4), (1, 4, 5, 3), (0, 4, 5), ()])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"inputs of shape .* 'a' reads \(n, 4, 5, 1\)"):
        fw.draw.evidence({"a": noise(4, 5, 1, 2)}, np.ones(shape), units=0)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1)])
def test_one_image_alone_is_answered_with_how_to_pass_it(shape):
    with pytest.raises(ValueError, match=r"of one image pass image\[None\]"):
        fw.draw.evidence({"a": noise(4, 5, 1, 2)}, np.ones(shape), units=0)


def test_inputs_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="inputs of dtype <U1 came"):
        fw.draw.evidence({"a": grey(UP)}, [[["x", "y"], ["z", "w"]]], units=0)


WINDOWS = [(600, 700, 1, 9), (1, 3000, 1, 9), (3000, 2, 1, 9), (30, 30, 12, 9), (2, 2, 1, 999)]


@pytest.mark.parametrize("shape", WINDOWS)
def test_no_picture_is_larger_than_2000_pixels(shape):
    kernels = {"a": noise(*shape), "b": noise(shape[-1], 12)}
    labels = ["a class with a name that is far too long for its place"] * 12
    pictures = [
        fw.draw.templates(kernels),
        fw.draw.class_paths(kernels, labels=labels),
        fw.draw.evidence(kernels, noise(3, *shape[:3]), units=[0, 1], classes=range(5)),
    ]
    assert max(max(picture.size) for picture in pictures) <= 2000
