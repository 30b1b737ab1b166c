"""draw.evidence: known inputs and Dense kernels give known maps."""

import keras
import numpy as np
import pytest
from keras import layers
from pictures import BLACK, DARKEST_BLUE, DARKEST_RED, MAGENTA, UP, WHITE, grey, noise, tiles
from pictures import one_pixel_per_tap as colours

import keras_filterwatch as fw


def network(*parts, shape=(4, 5, 1)):
    return keras.Sequential([layers.Input(shape), *parts])


def test_a_map_is_input_times_weight():
    image = [[[1.0, 0.0], [1.0, 1.0]]]
    drawn = fw.draw.evidence({"a": grey([[1, 1], [-1, 0]])}, inputs=image, units=0)
    _, evidence = tiles(drawn, (32, 32))
    assert colours(evidence, (2, 2)) == [[DARKEST_RED, WHITE], [DARKEST_BLUE, WHITE]]


def test_the_input_stands_beside_it_from_black_to_white(written):
    image = [[[3.0, 5.0], [4.0, 5.0]]]
    first, _ = tiles(fw.draw.evidence({"a": grey(UP)}, inputs=image, units=0), (32, 32))
    (black, white), (middle, _) = colours(first, (2, 2))
    assert (black, white) == (BLACK, WHITE)
    assert middle[0] == pytest.approx(255 / 2, abs=255 / 63)  # in 64 greys
    assert "black is 3, white 5" in " ".join(written)


def test_a_class_map_is_input_times_path():
    kernels = {"a": grey(UP, UP), "b": np.array([[1.0, 0.0], [0.0, -1.0]])}
    _, yes, no = tiles(fw.draw.evidence(kernels, inputs=np.ones((1, 2, 2))), (32, 32))
    assert colours(yes, (2, 2)) == [[DARKEST_RED] * 2, [DARKEST_BLUE] * 2]
    assert colours(no, (2, 2)) == [[DARKEST_BLUE] * 2, [DARKEST_RED] * 2]


def test_of_colour_images_the_channels_are_summed(written):
    kernel = np.zeros((2, 2, 3, 1))
    kernel[0, 0] = [[1], [1], [-2]]  # cancel
    kernel[1, 1] = [[1], [1], [0]]
    drawn = fw.draw.evidence({"a": kernel}, inputs=np.ones((1, 2, 2, 3)), units=0)
    _, evidence = tiles(drawn, (32, 32))
    assert colours(evidence, (2, 2)) == [[WHITE, WHITE], [WHITE, DARKEST_RED]]
    assert "(sums over channels)" in " ".join(written)


def test_a_colour_input_is_in_colour():
    image = np.zeros((1, 1, 2, 3))
    image[0, 0, 0, 0] = 255
    first, _ = tiles(fw.draw.evidence({"a": noise(1, 2, 3, 1)}, inputs=image, units=0), (16, 32))
    assert colours(first, (1, 2)) == [[(255, 0, 0), BLACK]]


def test_the_sums_are_what_a_linear_network_computes_without_biases(written):
    hidden, last = layers.Dense(3), layers.Dense(2)
    model = network(layers.Flatten(), hidden, last)
    images = np.random.default_rng(1).uniform(size=(2, 4, 5, 1)).astype("float32")
    fw.draw.evidence(model, inputs=images, units=range(3), classes=range(2))
    flat = images.reshape(2, 20)
    before = keras.ops.convert_to_numpy(hidden(flat))  # biases begin at zero
    expected = np.concatenate([before, model.predict(images, verbose=0)], axis=1)
    sums = [float(text.removeprefix("sum ")) for text in written if text.startswith("sum ")]
    np.testing.assert_allclose(np.reshape(sums, (2, 5)), expected, rtol=6e-3)


def test_every_input_has_a_row(written):
    drawn = fw.draw.evidence({"a": grey(UP) / 2}, inputs=np.ones((3, 2, 2)), units=0)
    assert len(list(tiles(drawn, (32, 32)))) == 6
    assert [text for text in written if text.startswith("input ")] == [
        f"input {i}" for i in range(3)
    ]


def test_units_and_classes_have_scales_of_their_own(written):
    kernels = {"a": grey(UP), "b": np.array([[7.0]])}
    fw.draw.evidence(kernels, inputs=np.ones((1, 2, 2)), units=0, classes=0)
    scales = [written[i : i + 2] for i, text in enumerate(written) if text in ("-7", "-1")]
    assert scales == [["-1", "1"], ["-7", "7"]]


def test_units_need_no_path_to_the_classes():
    kernels = {"a": grey(UP), "b": noise(9, 9)}
    assert len(list(tiles(fw.draw.evidence(kernels, inputs=np.ones((1, 2, 2)), units=0), (32, 32))))


def test_classes_need_a_path():
    with pytest.raises(ValueError, match="no path leads from 'a' to classes"):
        fw.draw.evidence({"a": grey(UP), "b": noise(9, 9)}, inputs=np.ones((1, 2, 2)))


def test_the_first_ten_classes_are_drawn_by_default(written):
    fw.draw.evidence({"a": noise(2, 2, 1, 1000)}, inputs=np.ones((1, 2, 2)))
    assert [text for text in written if text.startswith("class ")] == [
        f"class {c}" for c in range(10)
    ]
    assert "first 10 of 1000 classes" in " ".join(written)


def test_the_layer_that_reads_the_inputs_can_be_named(written):
    kernels = {"a": grey(UP), "b": noise(3, 3, 1, 2)}
    fw.draw.evidence(kernels, "b", np.ones((1, 3, 3)), units=[1])
    assert "unit 1" in written


def test_more_inputs_than_fit_are_cut_with_a_note(written):
    image = fw.draw.evidence({"a": noise(8, 8, 1, 2)}, inputs=noise(50, 8, 8), units=0)
    assert image.height <= 2000
    assert "of 50 inputs" in " ".join(written)


def test_a_pixel_that_is_not_finite_is_magenta():
    image = np.ones((1, 2, 2))
    image[0, 0, 0] = np.nan
    first, evidence = tiles(fw.draw.evidence({"a": grey(UP)}, inputs=image, units=0), (32, 32))
    assert colours(first, (2, 2))[0][0] == colours(evidence, (2, 2))[0][0] == MAGENTA


@pytest.mark.parametrize("shape", [(5, 4), (2, 21), (1, 5, 4), (1, 4, 5, 3), (0, 4, 5), ()])
def test_inputs_of_another_shape_are_refused(shape):
    with pytest.raises(ValueError, match=r"inputs of shape .* 'a' reads \(n, 4, 5, 1\)"):
        fw.draw.evidence({"a": noise(4, 5, 1, 2)}, inputs=np.ones(shape), units=0)


def test_flattened_inputs_are_read_as_images():
    images, kernel = noise(3, 4, 5, 1), noise(4, 5, 1, 2)
    expected = fw.draw.evidence({"a": kernel}, inputs=images, units=[0, 1])
    flat = images.reshape(3, 20)
    np.testing.assert_array_equal(
        fw.draw.evidence({"a": kernel}, inputs=flat, units=[0, 1]), expected
    )
    picture = fw.draw.evidence(
        {"a": kernel.reshape(20, 2)}, inputs=flat, units=[0, 1], window={"a": (4, 5)}
    )
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 1), (20,)])
def test_the_message_about_one_image_alone_says_how_to_pass_it(shape):
    with pytest.raises(ValueError, match=r"of one image pass image\[None\]"):
        fw.draw.evidence({"a": noise(4, 5, 1, 2)}, inputs=np.ones(shape), units=0)


def test_inputs_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="inputs of dtype <U1 came"):
        fw.draw.evidence({"a": grey(UP)}, inputs=[[["x", "y"], ["z", "w"]]], units=0)
