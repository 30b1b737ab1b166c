"""The argument `window`: what it may be, which kernels it means, and what is refused."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.image_windows import parse_windows, with_windows


def snapshot(**shapes):
    """Kernels of these shapes; a conv kernel where the name begins with "conv"."""
    return fw.Snapshot(
        3,
        tuple(
            fw.Kernel(name, "", np.zeros(shape), kind="conv" if name[:4] == "conv" else "dense")
            for name, shape in shapes.items()
        ),
    )


def shapes(window, **kernels):
    result = with_windows(snapshot(**kernels), window)
    assert result.step == 3
    return [kernel.array.shape for kernel in result.kernels]


# What it may be.


def test_sizes_are_read_from_any_sequence_of_whole_numbers():
    window = {"a": [28, 28], "b": np.array([4, 5, 3]), "c": None}
    assert parse_windows(window) == {"a": (28, 28), "b": (4, 5, 3), "c": None}


@pytest.mark.parametrize("window", [(28, 28), [("a", (2, 2))], "a", {1: (2, 2)}])
def test_what_is_no_dict_of_names_is_refused(window):
    with pytest.raises(TypeError, match=r"window: a dict of layers' names .* is needed, such as"):
        parse_windows(window)


@pytest.mark.parametrize("size", [28, (28,), (1, 2, 3, 4), (2.5, 2), "28x28", (True, 2), ()])
def test_a_size_that_is_no_size_is_refused(size):
    with pytest.raises(TypeError, match=r"window: 'a' needs \(height, width\) or .*; got"):
        parse_windows({"a": size})


@pytest.mark.parametrize("size", [(0, 4), (-2, -2), (2, 2, 0)])
def test_a_size_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match="window: 'a': no image has the size"):
        parse_windows({"a": size})


def test_an_argument_of_the_callback_is_checked_when_the_callback_is_made(tmp_path):
    with pytest.raises(TypeError, match="window: a dict"):
        fw.FilterWatch(tmp_path, window=(28, 28))


# Which kernels it means.


def test_the_pixels_are_in_the_order_in_which_numpy_flattens_an_image():
    image = np.arange(4 * 5 * 3 * 2.0).reshape(4, 5, 3, 2)
    flat = fw.Snapshot(0, (fw.Kernel("d", "Dense", image.reshape(60, 2), kind="dense"),))
    (kernel,) = with_windows(flat, {"d": (4, 5, 3)}).kernels
    np.testing.assert_array_equal(kernel.array, image)


def test_channels_follow_from_height_and_width():
    assert shapes({"a": (4, 5)}, a=(60, 2)) == [(4, 5, 3, 2)]


def test_none_takes_the_axes_of_an_image_away():
    assert shapes({"a": None}, a=(4, 5, 1, 2)) == [(20, 2)]


def test_a_window_replaces_the_axes_of_another_image():
    assert shapes({"a": (2, 10)}, a=(4, 5, 1, 2)) == [(2, 10, 1, 2)]


def test_of_a_pattern_the_kernels_count_that_read_as_many_numbers():
    kernels = {"dense": (20, 8), "dense_1": (8, 3), "conv": (4, 5, 1, 2)}
    assert shapes({"*": (4, 5)}, **kernels) == [(4, 5, 1, 8), (8, 3), (4, 5, 1, 2)]


def test_a_name_comes_before_a_pattern():
    window = {"a": (2, 10), "*": (4, 5)}
    assert shapes(window, a=(20, 8), b=(20, 8)) == [(2, 10, 1, 8), (4, 5, 1, 8)]


@pytest.mark.parametrize("pattern", ["?", "[ab]", "*"])
def test_every_kind_of_pattern_comes_after_a_name(pattern):
    window = {"a": (2, 10), pattern: (4, 5)}
    assert shapes(window, a=(20, 8), b=(20, 8)) == [(2, 10, 1, 8), (4, 5, 1, 8)]


@pytest.mark.parametrize("name", ["fc1.weight", "fc1/kernel"])
def test_the_name_of_a_layer_means_its_kernel(name):
    arrays = {name: np.random.default_rng(0).standard_normal((20, 8))}
    assert fw.score(arrays, window={"fc1": (4, 5)})[name].shape == (4, 5, 1, 8)


# What is refused.


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"b": (4, 5)}, "window: no kernel is called 'b'; there are 'a', 'conv'"),
        ({"a": (3, 3)}, "'a' reads 20 numbers, and an image of 3x3 has 9: give"),
        ({"a": (4, 5, 3)}, "'a' reads 20 numbers, and an image of 4x5x3 has 60"),
        ({"*": (7, 7)}, "'a' reads 20 numbers, and an image of 7x7 has 49"),
        ({"conv": (3, 3)}, "'conv' has a window of its own, 3x3: only a layer that reads a flat"),
        ({"conv": None}, "'conv' has a window of its own"),
    ],
    ids=["name", "size", "channels", "pattern", "convolution", "none"],
)
def test_a_window_that_cannot_be_used_is_refused_with_the_reason(window, message):
    with pytest.raises(ValueError, match=message):
        shapes(window, a=(20, 8), conv=(3, 3, 1, 2))


@pytest.mark.parametrize("kind", ["conv", "depthwise", "transposed"])
def test_no_kernel_that_moves_over_its_input_takes_an_image(kind):
    moving = fw.Snapshot(0, (fw.Kernel("k", "", np.zeros((3, 3, 1, 2)), kind=kind),))
    with pytest.raises(ValueError, match="'k' has a window of its own, 3x3"):
        with_windows(moving, {"k": (1, 9)})


def test_of_many_kernels_that_read_no_such_image_three_are_named():
    three = ", ".join(f"{name!r} reads 20 numbers" for name in "abc")
    with pytest.raises(ValueError, match=f"^window: {three}, and an image of 7x7 has 49"):
        shapes({"*": (7, 7)}, **dict.fromkeys("abcd", (20, 8)))


def test_all_that_is_wrong_is_in_one_message():
    with pytest.raises(ValueError, match=r"called 'x'.*\. window: no kernel is called 'y'.*\.$"):
        shapes({"x": (2, 2), "y": (2, 2)}, a=(20, 8))
