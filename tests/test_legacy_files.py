"""HDF5 files that Keras 3 writes as `.h5`, and those of Keras 2, read without running them."""

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from legacy_files import LegacyFile, assert_same_kernels, counted, unpacked
from small_models import randomize_batch_norms, sequential

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.model.find import snapshot


def branches():
    """Two branches with a BatchNormalization each, a frozen layer and a constraint."""
    x = layers.Input((8, 8, 3))
    one = layers.Conv2D(4, 3, name="b", kernel_constraint=keras.constraints.NonNeg())(x)
    one = layers.BatchNormalization(name="norm_of_b", scale=False)(one)
    two = layers.Conv2D(4, 3, name="a", use_bias=False, trainable=False)(x)
    two = layers.ReLU()(layers.BatchNormalization(name="norm_of_a")(two))
    return keras.Model(x, layers.Dense(2, name="head")(layers.Flatten()(layers.add([one, two]))))


def nested():
    """Models within a model: equal names in them, a frozen layer before others, two levels."""
    shape = (6, 6, 3)
    parts = [layers.Conv2D(2, 2, name="conv", trainable=False), layers.BatchNormalization(name="n")]
    inner = keras.Sequential([layers.Input(shape), *parts, layers.Conv2D(3, 2)], name="inner")
    other = keras.Sequential([layers.Input(shape), layers.Conv2D(2, 2, name="conv")], name="other")
    deep = keras.Sequential([layers.Input(shape), layers.Conv2D(5, 2, name="conv")], name="deep")
    first = layers.Conv2D(3, 3, padding="same", name="conv")
    outer = keras.Sequential([layers.Input(shape), first, deep], name="outer")
    x = layers.Input(shape)
    found = [layers.GlobalAveragePooling2D()(model(x)) for model in (inner, other, outer)]
    return keras.Model(x, layers.Dense(2, name="head")(layers.concatenate(found)))


def frozen():
    """A model within the model that is frozen as a whole."""
    inner = keras.Sequential(
        [layers.Input((6, 6, 3)), layers.Conv2D(2, 2), layers.BatchNormalization()], name="inner"
    )
    inner.trainable = False
    return sequential(inner, layers.Flatten(), layers.Dense(2), shape=(6, 6, 3))


def wrappers():
    """Wrappers, recurrent layers and attention."""
    x = layers.Input((5, 4))
    y = layers.TimeDistributed(layers.Dense(4, name="inner"), name="each")(x)
    y = layers.MultiHeadAttention(2, 3, name="attention")(y, y)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(y)
    y = layers.LayerNormalization()(y)
    y = layers.RNN(layers.GRUCell(3), name="recurrent")(y)
    y = layers.SpectralNormalization(layers.Dense(3, name="normalised"), name="spectral")(y)
    return keras.Model(x, layers.Dense(2, name="head")(y))


def kinds():
    """One layer of each kind that has a kernel."""
    x = layers.Input((9, 9, 4))
    y = layers.SeparableConv2D(6, 3, depth_multiplier=2)(x)
    y = layers.DepthwiseConv2D(3, depth_multiplier=2)(y)
    y = layers.Conv2DTranspose(5, (3, 2))(y)
    y = layers.EinsumDense("abcd,de->abce", (None, None, 6), bias_axes="e")(y)
    y = layers.Reshape((-1, 6))(y)
    y = layers.SeparableConv1D(4, 3)(layers.Conv1D(4, 3)(y))
    y = layers.Conv1DTranspose(3, 2)(y)
    y = layers.Embedding(3, 4)(layers.ReLU()(layers.GlobalAveragePooling1D()(y)))
    return keras.Model(x, layers.Flatten()(y))


def shared():
    """A layer and a model that are used twice."""
    x, y = layers.Input((6, 6, 3)), layers.Input((6, 6, 3))
    conv = layers.Conv2D(3, 3, padding="same", name="conv")
    core = keras.Sequential([layers.Input((6, 6, 3)), layers.Conv2D(2, 3)], name="core")
    tensors = [layers.Flatten()(core(conv(each))) for each in (x, y)]
    return keras.Model([x, y], layers.Dense(2)(layers.concatenate(tensors)))


def flat_image():
    """Dense layers on a flattened image."""
    return sequential(layers.Flatten(), layers.Dense(5), layers.Dense(2), shape=(4, 3, 2))


def volumes():
    """Convolutions over volumes, with the channels first."""
    parts = [layers.Conv3D(4, (3, 2, 1)), layers.Conv3DTranspose(3, 2)]
    return sequential(*parts, shape=(5, 4, 3, 2))


MODELS = [branches, nested, frozen, wrappers, kinds, shared, flat_image, volumes]


@pytest.fixture(params=MODELS, ids=lambda function: function.__name__, scope="module")
def saved(request, tmp_path_factory):
    """A model, and its `.h5` file."""
    keras.utils.clear_session()
    model = randomize_batch_norms(request.param())
    path = tmp_path_factory.mktemp("saved") / "model.h5"
    model.save(path)
    return model, path


def test_a_file_of_keras_3_has_the_kernels_of_its_model(saved):
    model, path = saved
    assert_same_kernels(LegacyFile(path).kernels, snapshot(model).kernels)


def test_what_is_skipped_in_a_file_is_skipped_in_its_model(saved):
    model, path = saved
    expected = snapshot(model).skipped.items()
    # a file knows only layers that have weights
    expected = {name: reason for name, reason in expected if not reason.startswith("not built")}
    assert LegacyFile(path).file.skipped == expected


def test_shapes_are_known_before_weights_are_read(saved):
    _, path = saved
    file = LegacyFile(path)
    assert {name: kernel.shape for name, kernel in file.stored.items()} == file.shapes


def test_the_learning_rate_and_the_updates_of_a_training_are_read(tmp_path):
    model = sequential(layers.Dense(2), shape=(3,))
    model.compile(keras.optimizers.SGD(0.125, momentum=0.5), "mse")
    model.fit(np.ones((6, 3)), np.ones((6, 2)), batch_size=2, verbose=0)
    model.save(tmp_path / "a.h5")
    file = LegacyFile(tmp_path / "a.h5").file
    assert (file.logs, file.updates) == ({"learning_rate": 0.125}, 3)


def test_nothing_is_told_of_a_training_that_the_file_does_not_have(tmp_path):
    sequential(layers.Dense(2), shape=(3,)).save(tmp_path / "a.h5")
    file = LegacyFile(tmp_path / "a.h5").file
    assert (file.logs, file.updates) == ({}, None)


def test_filters_of_theano_are_turned_as_other_backends_apply_them(tmp_path):
    kernels = LegacyFile(unpacked("keras_2_2_4_theano_images", tmp_path)).kernels
    first, up = counted(3, 2, 3, 4), counted(2, 1, 5, 4)
    np.testing.assert_array_equal(kernels["first"].array, first[::-1, ::-1], strict=True)
    np.testing.assert_array_equal(kernels["up"].array, up[::-1, ::-1].swapaxes(-1, -2), strict=True)


def test_weights_alone_of_theano_are_turned_as_those_of_the_whole_model(tmp_path):
    whole = LegacyFile(unpacked("keras_2_2_4_theano_images", tmp_path)).kernels
    alone = LegacyFile(unpacked("keras_2_2_4_theano_images_weights", tmp_path)).kernels
    assert [*alone] == [*whole]
    for name, kernel in alone.items():
        np.testing.assert_array_equal(kernel.array, whole[name].array, strict=True)


def test_filters_of_tensorflow_stay_as_they_are(tmp_path):
    kernels = LegacyFile(unpacked("keras_2_2_5_tensorflow_images", tmp_path)).kernels
    np.testing.assert_array_equal(kernels["first"].array, counted(3, 2, 3, 4), strict=True)
    np.testing.assert_array_equal(
        kernels["separable/depthwise_kernel"].array,
        counted(3, 2, 7, 1).reshape(3, 2, 1, 7),
        strict=True,
    )


@pytest.mark.parametrize("name", ["keras_2_2_4_theano", "keras_2_2_5_tensorflow"])
def test_the_training_of_keras_2_is_read(name, tmp_path):
    file = LegacyFile(unpacked(f"{name}_images", tmp_path)).file
    assert file.format == "Keras 2 HDF5 model"
    assert (file.logs, file.updates) == ({"learning_rate": 0.25}, 3)


def test_a_model_and_a_wrapper_around_it_have_the_same_weights(tmp_path):
    file = LegacyFile(unpacked("keras_2_2_5_tensorflow_nested", tmp_path))
    for model in ("core", "each/core"):
        for layer, shape, trainable in (("1", (2, 2, 3, 2), False), ("2", (2, 2, 2, 3), True)):
            kernel = file.kernels[f"{model}/conv2d_{layer}"]
            np.testing.assert_array_equal(kernel.array, counted(*shape), strict=True)
            assert kernel.trainable == trainable


def missing_layer(file):
    del file["model_weights/dense"]


def missing_weight(file):
    group = file["model_weights/dense"]
    del group[group.attrs["weight_names"][0]]


def layers_twice(file):
    file["model_weights"].attrs["layer_names"] = ["dense", "dense"]


def numbers_for_names(file):
    file["model_weights"].attrs["layer_names"] = [1, 2]


def version_without_number(file):
    file["model_weights"].attrs["keras_version"] = "newest"


def no_weights(file):
    del file["model_weights"]


def config_that_is_no_json(file):
    file.attrs["model_config"] = "{"


def config_of_no_model(file):
    file.attrs["model_config"] = "{}"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (missing_layer, "a layer 'dense' that it does not hold"),
        (missing_weight, r"a weight '.*dense/kernel' that it does not hold"),
        (layers_twice, "a layer more than once"),
        (numbers_for_names, "is no list of names"),
        (version_without_number, "'newest', which is no version"),
        (no_weights, "but not its weights"),
        (config_that_is_no_json, "no JSON"),
        (config_of_no_model, "not that of a Keras model"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_damaged_files_are_refused_with_what_is_wrong(damage, message, tmp_path):
    path = tmp_path / "a.h5"
    sequential(layers.Dense(2, name="dense"), shape=(3,)).save(path)
    with h5py.File(path, "a") as file:
        damage(file)
    with pytest.raises(UnreadableFileError, match=message) as raised:
        LegacyFile(path)
    assert str(path) in str(raised.value)


@keras.saving.register_keras_serializable("tests_of_legacy_files")
class Block(layers.Layer):
    """A layer of a user's own with layers in it."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, shape):
        self.conv.build(shape)
        self.norm.build((None, None, None, 4))
        super().build(shape)

    def call(self, x):
        return self.norm(self.conv(x))


def test_kernels_in_layers_of_the_users_own_are_read_under_their_names(tmp_path):
    model = sequential(Block(name="block"), layers.Conv2D(2, 3, name="last"), shape=(9, 9, 3))
    model.save(tmp_path / "a.h5")
    file = LegacyFile(tmp_path / "a.h5")
    assert [*file.kernels] == ["block/conv", "last"]
    for kernel, other in zip(file.kernels.values(), snapshot(model).kernels, strict=True):
        np.testing.assert_array_equal(kernel.array, other.array, strict=True)
    assert file.kernels["block/conv"].kind == "unknown"


@keras.saving.register_keras_serializable("tests_of_legacy_files")
class Net(keras.Model):
    """A model of a user's own, whose config does not have its layers."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.block = Block(name="block")
        self.last = layers.Conv2D(2, 3, name="last")

    def call(self, x):
        return self.last(self.block(x))


def test_models_of_the_users_own_are_read_by_the_names_of_their_weights(tmp_path):
    model = Net()
    model(np.ones((1, 9, 9, 3), "float32"))
    model.save(tmp_path / "a.h5")
    file = LegacyFile(tmp_path / "a.h5")
    assert [*file.kernels] == ["block/conv", "last"]
    for kernel, other in zip(file.kernels.values(), snapshot(model).kernels, strict=True):
        np.testing.assert_array_equal(kernel.array, other.array, strict=True)
    assert "the config has no layers" in file.file.notes[0]
