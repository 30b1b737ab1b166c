"""draw.class_paths and draw.path_templates: known chains of Dense kernels."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import DARKEST_BLUE, DARKEST_RED, DOWN, MAGENTA, UP, WHITE, grey, noise, tiles
from pictures import one_pixel_per_tap as colours

import keras_filterwatch as fw


def network(*parts, shape=(4, 5, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


def test_a_linear_networks_template_is_its_response_to_single_pixels():
    dense = [layers.Dense(units, bias_initializer="normal") for units in (7, 6, 3)]
    model = network(layers.Flatten(), *dense, shape=(4, 5, 2))
    first, *rest = (np.asarray(keras.ops.convert_to_numpy(d.kernel)) for d in dense)
    impulses = np.eye(40).reshape(40, 4, 5, 2)
    at_rest = model.predict(np.zeros((1, 4, 5, 2)), verbose=0)
    response = (model.predict(impulses, verbose=0) - at_rest).reshape(4, 5, 2, 3)
    paths = fw.draw.path_templates([first.reshape(4, 5, 2, 7), *rest])
    np.testing.assert_allclose(paths, response, atol=1e-5)


def test_paths_begin_where_a_window_says_that_an_image_is_read():
    first, second = noise(4, 5, 1, 6), noise(6, 3)
    flat = fw.draw.class_paths({"a": first.reshape(20, 6), "b": second}, window={"a": (4, 5)})
    np.testing.assert_array_equal(flat, fw.draw.class_paths({"a": first, "b": second}))


def test_a_single_kernel_is_its_own_template():
    kernel = noise(2, 2, 1, 3)
    assert (fw.draw.path_templates([kernel]) == kernel).all()


@pytest.mark.parametrize("shape", [(4, 2), (3, 3, 3, 2), (3,)])
def test_the_message_about_a_kernel_that_does_not_fit_names_it(shape):
    with pytest.raises(ValueError, match=r"kernel 1 has shape .* it must be \(3, units\)"):
        fw.draw.path_templates([noise(2, 2, 1, 3), noise(*shape)])


@pytest.mark.parametrize("kernels", [[], [np.ones((4, 3))]])
def test_the_first_kernel_must_have_image_axes(kernels):
    with pytest.raises(ValueError, match=r"the first must be \(height, width, channels, unit"):
        fw.draw.path_templates(kernels)


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
    fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 4)}, classes=[3, 1])
    assert [text for text in written if text.startswith("class ")] == ["class 3", "class 1"]


def test_labels_name_the_classes(written):
    fw.draw.class_paths(
        {"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, classes=1, labels=["cat", "dog"]
    )
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


def test_a_note_says_what_the_path_leaves_out(written):
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
def test_the_message_about_an_unknown_class_has_the_range(classes):
    with pytest.raises(ValueError, match=r"classes \[.*\] do not exist: there are 0 to 1"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, classes=classes)


def test_the_message_about_kernels_that_form_no_chain_names_them():
    kernels = {"a": noise(2, 2, 1, 3), "b": noise(4, 2)}
    with pytest.raises(ValueError, match=r"from 'a' to classes: 'b' has shape \(4, 2\): behind"):
        fw.draw.class_paths(kernels)


def test_a_convolution_behind_the_first_layer_is_no_path():
    conv = [layers.Reshape((2, 2, 1)), layers.Conv2D(2, 2, name="conv"), layers.Flatten()]
    model = network(layers.Flatten(), layers.Dense(4), *conv, layers.Dense(2))
    with pytest.raises(ValueError, match=r"'conv' has shape .* must be Dense layers only"):
        fw.draw.class_paths(model)


def test_paths_begin_at_the_layer_that_is_named(written):
    kernels = {"left": noise(2, 2, 1, 3), "a": noise(2, 2, 1, 5), "b": noise(5, 2)}
    fw.draw.class_paths(kernels, "a")
    assert "a - b   2x2x1 - 5 - 2" in " ".join(written)


def test_a_wrong_number_of_labels_is_refused():
    with pytest.raises(ValueError, match="1 labels came for 2 classes"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, labels=["cat"])


def test_a_negative_number_of_units_is_refused():
    with pytest.raises(ValueError, match=r"k=-1: .* 0 or more"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 3), "b": noise(3, 2)}, k=-1)


def test_more_units_than_fit_beside_each_other_are_refused():
    with pytest.raises(ValueError, match="61 tiles do not fit beside each other, at most"):
        fw.draw.class_paths({"a": noise(2, 2, 1, 90), "b": noise(90, 2)}, k=60)
