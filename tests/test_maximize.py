"""A filter that is planted is found again by gradient ascent."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_filterwatch as fw


def gabor(size, angle):
    """Waves in one direction under a bell: an oriented edge."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along = x * np.cos(angle) + y * np.sin(angle)
    return np.exp(-(x**2 + y**2) / (2 * (size / 4) ** 2)) * np.sin(2 * np.pi * along / size)


EDGES = np.stack([gabor(9, angle) for angle in (0, 0.7, 1.6)], axis=-1)


def network(size=16, behind=(), shape=None, bias=0.0, **options):
    layer = layers.Conv2D(3, 9, name="planted", **options)
    model = keras.Sequential([layers.Input(shape or (size, size, 1)), layer, *behind])
    layer.set_weights([EDGES[:, :, np.newaxis], np.full(3, bias)])
    return model


def correlation(a, b):
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def centre(images, size=9):
    start = (images.shape[1] - size + 1) // 2
    return images[:, start : start + size, start : start + size, 0]


BEHIND = {
    "its own ReLU, off at first": ({"activation": "relu", "bias": -1.0}, []),
    "a ReLU, off at first": ({"bias": -1.0}, [layers.ReLU()]),
    "BatchNormalization and ReLU": ({}, [layers.BatchNormalization(), layers.ReLU()]),
    "nothing": ({}, []),
    "more layers": ({"activation": "relu"}, [layers.Flatten(), layers.Dense(2)]),
}


@pytest.mark.parametrize("behind", BEHIND)
def test_gradient_ascent_on_a_planted_filter_finds_the_planted_pattern(behind):
    options, parts = BEHIND[behind]
    found = fw.maximize(network(behind=parts, **options), "planted")
    assert found.shape == (3, 16, 16, 1)
    for image, edge in zip(centre(found), np.moveaxis(EDGES, -1, 0), strict=True):
        assert correlation(image, edge) > 0.9


def test_a_filter_as_large_as_the_image_is_found():
    found = fw.maximize(network(size=9), "planted", [1])
    assert correlation(found, EDGES[..., 1]) > 0.9


def test_a_pattern_that_two_layers_make_together_is_found():
    """The second layer wants the first edge at the left and the third at the right."""
    model = network(size=28, behind=[layers.ReLU(), layers.Conv2D(1, (1, 11), name="deep")])
    weights = np.zeros((1, 11, 3, 1))
    weights[0, 0, 0], weights[0, 10, 2] = 1, 1
    model.get_layer("deep").set_weights([weights, np.zeros(1)])
    wanted = np.zeros((28, 28))
    row, column = 10, 5  # of the 20x10 outputs of "deep", the one in the middle
    wanted[row : row + 9, column : column + 9] += EDGES[..., 0]
    wanted[row : row + 9, column + 10 : column + 19] += EDGES[..., 2]
    found = fw.maximize(model, "deep")[0, ..., 0]
    assert correlation(found, wanted) > 0.9


def test_jitter_does_not_matter_where_the_place_does_not():
    """The energy of an image is the same wherever its pixels are."""
    image = layers.Input((8, 8, 1))
    energy = layers.Flatten()(layers.Multiply()([image, image]))
    model = keras.Model(image, layers.Dense(1, kernel_initializer="ones", name="sum")(energy))
    still, moved = (
        fw.maximize(model, "sum", steps=10, value_range=(-1, 1), jitter=j) for j in (0, 3)
    )
    np.testing.assert_allclose(moved, still, atol=1e-4)


def test_units_of_a_dense_layer_are_maximised_before_their_softmax():
    unit = gabor(9, 0.4)
    model = keras.Sequential(
        [layers.Input((9, 9, 1)), layers.Flatten(), layers.Dense(2, "softmax", name="head")]
    )
    weights = np.stack([unit.ravel(), np.ones(81)], axis=-1)
    model.get_layer("head").set_weights([weights, np.zeros(2)])
    assert correlation(fw.maximize(model, "head", 0), unit) > 0.9


def test_what_the_output_does_not_depend_on_stays_grey():
    found = fw.maximize(network(), "planted", value_range=(-1, 3))
    outside = np.ones((16, 16), bool)
    outside[4:13, 4:13] = False  # the centre of 8x8 outputs is 4, and it reads 4 to 12
    assert (found[:, outside] == 1).all()


def test_values_stay_in_their_range_and_use_it():
    found = fw.maximize(network(), "planted", value_range=(-1, 3))
    assert found.min() >= -1
    assert found.max() <= 3
    assert np.abs(found - 1).max(axis=(1, 2, 3)) == pytest.approx(2, abs=0.05)


def test_the_same_seed_finds_the_same_image():
    model = network(behind=[layers.ReLU(), layers.Conv2D(2, 3, name="deep")])
    one, two = (fw.maximize(model, "deep", seed=3, steps=20) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_images_whose_size_the_model_leaves_open_get_one():
    model = network(shape=(None, None, 1))
    assert fw.maximize(model, "planted", 2, size=20, steps=2).shape == (1, 20, 20, 1)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.planted = layers.Conv2D(3, 9, name="planted")

    def call(self, x):
        return keras.ops.relu(self.planted(x))


def test_a_subclassed_model_is_maximised():
    model = Subclassed()
    model(np.zeros((1, 16, 16, 1)))
    model.planted.set_weights([EDGES[:, :, np.newaxis], np.zeros(3)])
    assert correlation(centre(fw.maximize(model, "planted", 0)), EDGES[..., 0]) > 0.9


def test_the_model_stays_as_it_was():
    norm = layers.BatchNormalization()
    model = network(behind=[norm, layers.ReLU(), layers.Dropout(0.5)], activation="relu")
    norm.trainable = False
    activation = model.get_layer("planted").activation
    before = [np.array(weight) for weight in model.get_weights()]
    fw.maximize(model, "planted", steps=3)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert model.get_layer("planted").activation is activation
    assert (norm.trainable, model.get_layer("planted").trainable) == (False, True)


if keras.backend.backend() == "torch":  # only there are they kept beside the weights

    def test_no_gradients_and_no_mode_are_left_behind():
        model = network(activation="relu")
        model.train()
        fw.maximize(model, "planted", steps=2)
        assert model.training
        assert all(parameter.grad is None for parameter in model.parameters())


def two_inputs():
    one, two = layers.Input((9, 9, 1)), layers.Input((4,))
    conv = layers.Flatten()(layers.Conv2D(2, 3, name="planted")(one))
    return keras.Model([one, two], layers.Concatenate()([conv, two]))


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (network, {"layer": "plantd"}, "no kernel is called 'plantd'; did you mean 'planted'"),
        (network, {"filters": 3}, r"'planted' has filters 0 to 2; got \[3\]"),
        (network, {"filters": [-1]}, r"0 to 2; got \[-1\]"),
        (network, {"filters": []}, r"0 to 2; got \[\]"),
        (network, {"steps": 0}, "steps: at least 1"),
        (network, {"jitter": -1}, "jitter: pixels, 0 or more"),
        (network, {"value_range": (1, 0)}, r"\(least, largest\) is needed; got \(1, 0\)"),
        (two_inputs, {}, r"takes inputs of shapes \[\(9, 9, 1\), \(4,\)\]: one image is needed"),
        (
            lambda: keras.Sequential([layers.Input((7,)), layers.Dense(2)]),
            {},
            r"takes inputs of shapes \[\(7,\)\]: one image is needed",
        ),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(model, options, message):
    with pytest.raises(ValueError, match=message):
        fw.maximize(model(), **options)


def test_a_value_that_is_no_model_is_refused():
    with pytest.raises(TypeError, match="a Keras model is needed; got int"):
        fw.maximize(3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3,), "layer: 3 is neither a name.*second argument, behind the model"),
        ((np.zeros((64, 12, 12, 1)),), r"layer: ndarray of shape \(64, 12, 12, 1\) is neither"),
        (([0, 1], "planted"), "layer: 0 is neither a name"),
        (("planted", "planted"), "filters: numbers of filters are needed; got 'planted'"),
        (("planted", np.zeros((64, 12, 12, 1))), r"filters: .* got ndarray of shape \(64, 12"),
    ],
    ids=["filter", "images", "filters first", "layer twice", "images as filters"],
)
def test_arguments_in_another_order_are_refused_in_one_short_line(arguments, message):
    with pytest.raises(TypeError, match=message) as caught:
        fw.maximize(network(), *arguments)
    assert len(str(caught.value)) < 200


@pytest.mark.filterwarnings("error")
def test_a_model_that_diverged_emits_no_warning():
    model = network(activation="relu")
    model.set_weights([np.full(weight.shape, np.nan) for weight in model.weights])
    assert fw.maximize(model, "planted", 0, steps=3).shape == (1, 16, 16, 1)
