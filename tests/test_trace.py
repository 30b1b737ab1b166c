"""The flow of data through a model: what comes after a kernel, and what before it."""

import threading

import keras
import pytest
from keras import layers
from small_models import SharedActivation, kernel_of, noise, sequential, shapes, two_blocks

from keras_filterwatch.model.find import find
from keras_filterwatch.model.trace import recording_calls, symbolic_inputs, trace

# BatchNormalization and the filters before it.


@pytest.mark.parametrize(
    "between",
    [[], [layers.ReLU()], [layers.Dropout(0.5), layers.MaxPooling2D(), layers.LeakyReLU()]],
    ids=["directly", "through ReLU", "through three layers"],
)
def test_a_batch_normalization_behind_a_kernel_belongs_to_it(between):
    norm = layers.BatchNormalization()
    conv = layers.Conv2D(6, 3)
    model = sequential(conv, *between, norm, shape=(9, 9, 3))
    assert trace(model).batch_norms(conv) == [norm]


@pytest.mark.parametrize(
    "between",
    [[layers.Conv2D(6, 1)], [layers.LayerNormalization()]],
    ids=["behind another convolution", "behind another normalization"],
)
def test_a_batch_normalization_elsewhere_does_not_belong_to_a_kernel(between):
    first = layers.Conv2D(6, 3)
    model = sequential(first, *between, layers.BatchNormalization(), shape=(9, 9, 3))
    assert trace(model).batch_norms(first) == []


def test_batch_normalization_is_found_in_subclassed_models():
    model = two_blocks()
    assert kernel_of(model, "block/conv").gain is not None
    assert kernel_of(model, "block/more").gain is None


def test_batch_normalization_is_found_behind_wrapped_layers():
    model = sequential(
        layers.TimeDistributed(layers.Conv2D(4, 3)),
        layers.TimeDistributed(layers.BatchNormalization()),
        shape=(5, 8, 8, 3),
    )
    assert kernel_of(model).gain is not None


# Images before a Dense layer.


@pytest.mark.parametrize(
    "before", [[], [layers.Rescaling(2.0)], [layers.Normalization()], [layers.Dropout(0.1)]]
)
@pytest.mark.parametrize("between", [[], [layers.Dropout(0.1)]])
def test_a_dense_layer_behind_a_flattened_image_has_the_image_axes(before, between):
    model = sequential(*before, layers.Flatten(), *between, layers.Dense(5), shape=(8, 6, 3))
    assert list(shapes(model).values()) == [(8, 6, 3, 5)]


def test_a_grey_image_without_channel_axis_has_one_channel():
    model = sequential(layers.Flatten(), layers.Dense(5), layers.Dense(2), shape=(8, 6))
    assert list(shapes(model).values()) == [(8, 6, 1, 5), (5, 2)]


def test_reshape_flattens_as_well():
    model = sequential(layers.Reshape((48,)), layers.Dense(5), shape=(8, 6, 1))
    assert list(shapes(model).values()) == [(8, 6, 1, 5)]


def test_a_subclassed_network_may_flatten_too():
    class Templates(keras.Model):
        def __init__(self):
            super().__init__()
            self.flatten, self.hidden = layers.Flatten(), layers.Dense(5, name="hidden")

        def call(self, x):
            return self.hidden(self.flatten(x / 255))

    model = Templates()
    model(noise((1, 8, 6, 1)))
    assert shapes(model) == {"hidden": (8, 6, 1, 5)}


@pytest.mark.parametrize(
    ("parts", "shape"),
    [
        ([layers.Conv2D(4, 3), layers.Flatten()], (8, 8, 1)),
        ([layers.Embedding(10, 4), layers.Flatten()], (8,)),
        ([layers.Flatten(), layers.Dense(16), layers.Reshape((4, 4, 1)), layers.Flatten()], (8,)),
    ],
    ids=["feature maps", "embeddings", "reshaped features"],
)
def test_dense_on_anything_but_an_image_has_no_window(parts, shape):
    model = sequential(*parts, layers.Dense(5, name="last"), shape=shape)
    assert len(shapes(model)["last"]) == 2


# Where outputs can be recorded.


def sites(model):
    return {
        kernel.name: [(site.layer.name, site.number) for site in kernel.output_sites]
        for kernel in find(model).kernels
    }


def test_outputs_are_recorded_behind_the_non_linearity():
    model = sequential(
        layers.Conv2D(4, 3, name="conv"),
        layers.BatchNormalization(),
        layers.Dropout(0.1),
        layers.ReLU(name="relu"),
        layers.Flatten(),
        layers.Dense(2, activation="tanh", name="own"),
        layers.Dense(2, name="none"),
        shape=(8, 8, 3),
    )
    assert sites(model) == {"conv": [("relu", 0)], "own": [("own", 0)], "none": [("none", 0)]}


def test_each_use_of_a_shared_activation_has_its_number():
    model = SharedActivation()
    model(noise((1, 12, 12, 3)))
    found = sites(model)
    (first,), (second,) = found["first"], found["second"]
    assert (first[1], second[1]) == (0, 1)
    assert first[0] == second[0] == model.relu.name


def test_a_layer_that_is_used_twice_has_two_sites():
    shared = layers.Conv2D(4, 3, padding="same", name="shared", activation="relu")
    image = layers.Input((8, 8, 4))
    assert sites(keras.Model(image, shared(shared(image)))) == {
        "shared": [("shared", 0), ("shared", 1)]
    }


@pytest.mark.parametrize(
    ("activation", "bounds"), [("sigmoid", (0, 1)), ("tanh", (-1, 1)), ("relu", None)]
)
def test_a_site_has_the_bounds_of_its_non_linearity(activation, bounds):
    (kernel,) = find(sequential(layers.Dense(2, activation=activation), shape=(4,))).kernels
    assert [site.bounds for site in kernel.output_sites] == [bounds]


class Unhashable:
    __hash__ = None

    def __call__(self, x):
        return 2 * x


def test_a_non_linearity_of_ones_own_that_cannot_be_hashed_has_no_bounds():
    (kernel,) = find(sequential(layers.Dense(2, activation=Unhashable()), shape=(4,))).kernels
    assert [site.bounds for site in kernel.output_sites] == [None]


# The recording itself.


def test_calls_are_recorded_in_this_thread_only_and_no_longer_than_asked():
    layer, x = layers.ReLU(), noise((1, 4))
    recorded = []
    with recording_calls(lambda layer, inputs, outputs: recorded.append(layer)):
        layer(x)
        other = threading.Thread(target=layers.Dropout(0.1), args=(x,))
        other.start()
        other.join()
    layer(x)
    assert recorded == [layer]


def test_a_call_that_fails_leaves_no_recording_behind():
    original = keras.Layer.__call__
    with pytest.raises(RuntimeError), recording_calls(lambda *_: None):
        raise RuntimeError("not now")
    assert keras.Layer.__call__ is original


def test_the_inputs_of_a_layer_without_a_known_shape_are_refused():
    with pytest.raises(ValueError, match="its input shape is not known"):
        symbolic_inputs(layers.ReLU())
