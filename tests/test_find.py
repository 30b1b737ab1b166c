"""Keras models in, kernels out: each kind of model, names, reasons, and what is left alone."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from small_models import (
    ManyDense,
    kernel_of,
    levels,
    noise,
    sequential,
    shapes,
    stubborn,
    two_blocks,
)

import keras_filterwatch as fw
from keras_filterwatch.model.find import find, selected_kernel, snapshot

# Kinds of models.


def test_a_subclassed_model_has_unique_names_in_the_order_of_use():
    assert list(shapes(two_blocks())) == [
        *("block/conv", "block/more", "block/last"),
        *("block/conv_1", "block/more_1", "block/last_1"),
        "head",
    ]


def test_nested_models_have_names_that_say_where():
    inputs = layers.Input((8, 8, 3))
    inner = keras.Model(inputs, layers.Conv2D(4, 3, name="conv")(inputs), name="inner")
    also = keras.Sequential([layers.Conv2D(4, 3, name="conv"), layers.ReLU()], name="also")
    image = layers.Input((8, 8, 3))
    joined = layers.Concatenate()([inner(image), also(image)])
    model = keras.Model(image, layers.Conv2D(2, 3, name="conv")(joined))
    assert list(shapes(model)) == ["inner/conv", "also/conv", "conv"]


def test_a_shared_layer_is_watched_once():
    shared = layers.Conv2D(4, 3, name="shared")
    inputs = layers.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Add()([shared(inputs), shared(inputs)]))
    assert list(shapes(model)) == ["shared"]


def test_wrapped_layers_are_watched():
    model = sequential(
        layers.TimeDistributed(layers.Conv2D(4, 3, name="conv"), name="each"),
        layers.TimeDistributed(layers.Flatten()),
        layers.SpectralNormalization(layers.Dense(4, name="dense"), name="limited"),
        shape=(5, 8, 8, 3),
    )
    assert shapes(model) == {"each/conv": (3, 3, 3, 4), "limited/dense": (144, 4)}


def test_a_sequential_model_is_watched_after_its_first_call():
    model = keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2)])
    model(noise((1, 8, 8, 3)))
    assert list(shapes(model).values()) == [(3, 3, 3, 4), (144, 2)]


def test_a_model_with_a_dictionary_of_inputs_is_traced():
    image, other = layers.Input((8, 8, 1), name="image"), layers.Input((3,), name="other")
    joined = layers.Concatenate()([layers.Dense(4, name="d")(layers.Flatten()(image)), other])
    assert shapes(keras.Model({"image": image, "other": other}, joined)) == {"d": (8, 8, 1, 4)}


def test_a_model_whose_call_asks_for_training_is_traced():
    class Asking(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv, self.norm = layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization()

        def call(self, x, training):
            return self.norm(self.conv(x), training=training)

    model = Asking()
    model(noise((1, 9, 9, 3)), training=False)
    assert kernel_of(model, "conv").gain is not None


# Large and deep models.


def test_two_thousand_layers_are_found_traced_and_scored():
    model = ManyDense(2000)
    model.build((None, 2))
    watched = find(model)
    assert [kernel.name for kernel in watched.kernels] == [
        "dense",
        *(f"dense_{i}" for i in range(1, 2000)),
    ]
    assert all(kernel.output_sites for kernel in watched.kernels)
    assert len(fw.score(watched.read(0))) == 2000


def test_levels_within_levels_are_found_and_scored_deeper_than_keras_can_call_them():
    model = levels(300)  # each level costs a call several frames of Python's stack of 1000
    with pytest.warns(UserWarning, match=r"could not be traced .*RecursionError"):
        scores = fw.score(model)
    assert len(scores) == 300
    assert list(scores)[:3] == ["dense", "level/dense", "level/level/dense"]


# What is not watched.


def test_a_layer_that_is_not_watched_is_named_with_its_reason():
    model = sequential(
        layers.Embedding(10, 4, name="words"),
        layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both"),
        layers.GRU(3, name="gru"),
        layers.BatchNormalization(name="norm"),
        layers.Dense(2, name="dense"),
        shape=(5,),
    )
    watched = find(model)
    assert [kernel.name for kernel in watched.kernels] == ["dense"]
    gates = "recurrent: its kernel holds gates, not filters"
    assert watched.skipped == {
        "words": "Embedding has no kernel, only embeddings",
        "both/forward_lstm": gates,
        "both/backward_lstm": gates,
        "gru": gates,
        "norm": "BatchNormalization has no kernel, only gamma, beta, moving_mean, moving_variance",
    }


def test_a_kernel_with_too_few_axes_is_named_with_its_shape():
    class Scale(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=(shape[-1],), name="kernel")

        def call(self, x):
            return x * self.kernel

    model = sequential(Scale(name="scale"), layers.Dense(2), shape=(7,))
    assert "shape (7,)" in find(model).skipped["scale"]


@pytest.mark.filterwarnings("ignore:`build\\(\\)` was called")
def test_layers_that_the_model_has_not_used_are_named():
    class Half(keras.Model):
        def __init__(self):
            super().__init__()
            self.used, self.unused = layers.Dense(3, name="used"), layers.Dense(3, name="unused")
            self.separable = layers.SeparableConv1D(3, 3, name="separable")

        def call(self, x):
            return self.used(x)

    model = Half()
    model(noise((1, 4)))
    watched = find(model)
    assert [kernel.name for kernel in watched.kernels] == ["used"]
    reason = "not built: the model has not used it"
    assert watched.skipped == {"unused": reason, "separable": reason}


def test_a_kernel_that_cannot_be_read_is_named_and_the_others_are_watched():
    class Shy(layers.Layer):
        def build(self, shape):
            self.w = self.add_weight(shape=(3, 3), name="w")

        @property
        def kernel(self):
            raise RuntimeError("not now\n" + 10_000 * "!")

        def call(self, x):
            return x @ self.w

    model = sequential(Shy(name="shy"), layers.Dense(2, name="dense"), shape=(3,))
    watched = find(model)
    assert [kernel.name for kernel in watched.kernels] == ["dense"]
    assert watched.skipped["shy"].startswith("its kernel cannot be read: RuntimeError: not now !")
    assert len(watched.skipped["shy"]) < 300


def test_a_value_that_is_no_model_is_refused():
    with pytest.raises(TypeError, match="a Keras model is needed; got list"):
        find([1, 2])


def test_a_model_without_weights_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"has no weights yet: call it on data"):
        fw.score(keras.Sequential([layers.Conv2D(4, 3)]))


# A model that cannot be traced.


def test_a_model_that_cannot_be_traced_is_watched_with_a_note():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        watched = find(stubborn())
    assert [kernel.name for kernel in watched.kernels] == ["conv"]
    (note,) = watched.notes
    assert "the data could not be traced through the layers of 'stubborn" in str(note)
    assert "(RuntimeError: not now)" in str(note)
    assert watched.problems == ()


def test_a_snapshot_warns_of_a_model_that_cannot_be_traced():
    with pytest.warns(UserWarning, match="the data could not be traced through the layers"):
        assert [kernel.name for kernel in snapshot(stubborn()).kernels] == ["conv"]


def test_a_note_is_one_short_line_however_long_the_error_is():
    (note,) = find(stubborn("array\n" * 5000)).notes
    assert len(str(note)) < 600
    assert "\n" not in str(note)


def test_a_model_that_can_be_traced_has_no_notes():
    assert find(sequential(layers.Conv2D(4, 3), shape=(8, 8, 3))).notes == ()


# The one kernel whose outputs are asked for.


def test_the_first_layer_with_a_window_is_selected_unless_another_is_named():
    model = sequential(
        layers.Conv2D(4, 1, name="one"), layers.Conv2D(4, 3, name="three"), shape=(8, 8, 3)
    )
    assert selected_kernel(model).name == "three"
    assert selected_kernel(model, "one").name == "one"


def test_a_layer_of_exactly_this_name_is_selected_before_nested_ones():
    image = layers.Input((12, 12, 1))
    block = keras.Sequential([layers.Conv2D(2, 3, name="conv")], name="block")
    model = keras.Model(image, layers.Conv2D(5, 3, name="conv")(block(image)))
    assert selected_kernel(model, "conv").name == "conv"


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [(np.zeros((50, 60)), "ndarray of shape (50, 60)"), ([1, 2], "1"), (3, "3")],
    ids=["array", "numbers", "number"],
)
def test_a_wrong_layer_is_refused_with_the_order_of_the_arguments(wrong, shown):
    model = sequential(layers.Conv2D(4, 3), shape=(8, 8, 3))
    with pytest.raises(TypeError) as caught:
        selected_kernel(model, wrong)
    assert str(caught.value) == (
        f"layer: {shown} is neither a name, a glob pattern, a layer nor a function. It is the "
        "second argument, behind the model."
    )


def test_outputs_of_a_model_that_cannot_be_traced_are_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"whose outputs can be recorded\. .*not now"):
        selected_kernel(stubborn())


# The model stays as it was.


def test_finding_kernels_leaves_the_model_alone():
    model = sequential(layers.Conv2D(4, 3), layers.BatchNormalization(), shape=(9, 9, 3))
    x = noise((2, 9, 9, 3))
    before = model.predict(x, verbose=0), [len(layer._inbound_nodes) for layer in model.layers]
    snapshot(model)
    after = model.predict(x, verbose=0), [len(layer._inbound_nodes) for layer in model.layers]
    np.testing.assert_array_equal(before[0], after[0])
    assert before[1] == after[1]


@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [x], lambda x: {"image": x}])
def test_finding_reading_and_scoring_emit_no_warning(wrap):
    image = layers.Input((9, 9, 3), name="image")
    norm = layers.BatchNormalization()
    conv = layers.Conv2D(4, 3, kernel_constraint=keras.constraints.MaxNorm(1.0))
    model = keras.Model(wrap(image), layers.ReLU()(norm(conv(image))))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(fw.score(model)) == 1
        assert find(model).notes == ()


# Saved models.


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["network.keras", "network.h5"])
def test_a_saved_model_is_scored_like_the_model(tmp_path, name):
    network = sequential(layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2), shape=(9, 9, 3))
    network.save(tmp_path / name)
    saved, direct = fw.score(tmp_path / name), fw.score(network)
    assert {name: dict(layer) for name, layer in saved.items()} == {
        name: dict(layer) for name, layer in direct.items()
    }


def test_weights_without_a_model_are_scored_like_the_model(tmp_path):
    network = sequential(layers.Conv2D(4, 3), shape=(9, 9, 3))
    network.save_weights(tmp_path / "network.weights.h5")
    (saved,) = fw.score(tmp_path / "network.weights.h5").values()
    (direct,) = fw.score(network).values()
    assert dict(saved) == dict(direct)
