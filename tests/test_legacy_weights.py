"""Weights alone in HDF5 files of Keras 2: what names, shapes and the config of a model tell."""

import json

import h5py
import keras
import numpy as np
import pytest
from keras import layers
from legacy_files import LegacyFile, assert_same_kernels, counted, write_weights
from small_models import randomize_batch_norms, sequential

from keras_filterwatch.files.config.architecture import architecture_of
from keras_filterwatch.files.config.layer_config import parse_config
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.model.find import snapshot


def with_batch_norm():
    """A BatchNormalization behind one of two convolutions, of which the other one is frozen."""
    parts = [layers.Conv2D(4, 3), layers.BatchNormalization(), layers.Conv2D(2, 3, trainable=False)]
    return sequential(*parts, layers.Flatten(), layers.Dense(2), shape=(8, 8, 3))


def whole_as_weights(model, folder):
    """The path of a file with the weights of a model alone, in the layout of Keras 2."""
    model.save(folder / "whole.h5")
    with h5py.File(folder / "whole.h5") as whole, h5py.File(folder / "weights.h5", "w") as weights:
        for name in whole["model_weights"]:
            whole["model_weights"].copy(name, weights)
        weights.attrs.update(whole["model_weights"].attrs)
    return folder / "weights.h5"


def test_weights_alone_tell_classes_by_the_names_that_keras_gave(tmp_path):
    layers_of_file = {
        "conv2d_3": {"conv2d_3/kernel:0": counted(3, 3, 2, 4), "conv2d_3/bias:0": counted(4)},
        "conv2d_transpose": {"conv2d_transpose/kernel:0": counted(2, 2, 5, 4)},
        "depthwise_conv2d": {"depthwise_conv2d/depthwise_kernel:0": counted(3, 3, 5, 2)},
        "dense_1": {"dense_1/kernel:0": counted(6, 3), "dense_1/bias:0": counted(3)},
    }
    path = write_weights(tmp_path / "a.h5", layers_of_file, keras_version="2.9.0")
    file = LegacyFile(path)
    assert [(k.name, k.layer_type, k.kind, k.array.shape) for k in file.kernels.values()] == [
        ("conv2d_3", "Conv2D", "conv", (3, 3, 2, 4)),
        ("conv2d_transpose", "Conv2DTranspose", "transposed", (2, 2, 4, 5)),
        ("depthwise_conv2d", "DepthwiseConv2D", "depthwise", (3, 3, 1, 10)),
        ("dense_1", "Dense", "dense", (6, 3)),
    ]
    assert any("without the model" in note for note in file.file.notes)


def test_weights_alone_are_read_in_the_order_of_the_model(tmp_path):
    names = ["z", "a", "m"]
    arrays = {name: {f"{name}/kernel:0": counted(4, 3)} for name in names}
    path = write_weights(tmp_path / "a.h5", arrays, keras_version="2.9.0")
    assert [*LegacyFile(path).kernels] == names


def test_the_bias_of_weights_alone_shows_a_transposed_convolution(tmp_path):
    arrays = {"up": {"up/kernel:0": counted(3, 3, 5, 4), "up/bias:0": counted(5)}}
    path = write_weights(tmp_path / "a.h5", arrays, keras_version="2.9.0")
    kernel = LegacyFile(path).kernels["up"]
    assert (kernel.kind, kernel.array.shape) == ("transposed", (3, 3, 4, 5))


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (["lstm_cell/kernel:0", "lstm_cell/recurrent_kernel:0"], "recurrent"),
        (["gamma:0", "beta:0"], "it has no kernel, only gamma, beta"),
        (["embeddings:0"], "it has no kernel, only embeddings"),
    ],
)
def test_weights_alone_that_are_no_kernels_are_skipped(weights, reason, tmp_path):
    arrays = {"a": {f"a/{name}": counted(4, 4) for name in weights}}
    path = write_weights(tmp_path / "a.h5", arrays, keras_version="2.9.0")
    file = LegacyFile(path)
    assert not file.kernels
    assert all(each.startswith(reason) for each in file.file.skipped.values())


def test_names_of_many_layers_may_be_split_over_several_attributes(tmp_path):
    names = [f"dense_{i}" for i in range(6)]
    arrays = {name: {f"{name}/kernel:0": counted(4, 3)} for name in names}
    path = write_weights(tmp_path / "a.h5", arrays, keras_version="2.9.0")
    with h5py.File(path, "a") as file:
        del file.attrs["layer_names"]
        for part in range(3):
            file.attrs[f"layer_names{part}"] = names[2 * part : 2 * part + 2]
    assert [*LegacyFile(path).kernels] == names


def test_weights_alone_with_the_config_of_their_model_have_all_that_it_tells(tmp_path):
    keras.utils.clear_session()
    model = randomize_batch_norms(with_batch_norm())
    path = whole_as_weights(model, tmp_path)
    architecture = architecture_of(parse_config(json.loads(model.to_json())))
    assert_same_kernels(LegacyFile(path, architecture).kernels, snapshot(model).kernels)


def test_layers_that_are_named_otherwise_are_found_by_their_order(tmp_path):
    model = sequential(
        layers.Conv2D(4, 3, name="a"), layers.Conv2D(2, 3, name="b"), shape=(9, 9, 1)
    )
    path = whole_as_weights(model, tmp_path)
    parts = [layers.Conv2D(4, 3, name="one"), layers.Conv2D(2, 3, name="two")]
    other = sequential(*parts, shape=(9, 9, 1))
    architecture = architecture_of(parse_config(json.loads(other.to_json())))
    kernels = LegacyFile(path, architecture).kernels
    assert [*kernels] == ["one", "two"]
    expected = [kernel.array for kernel in snapshot(model).kernels]
    for kernel, array in zip(kernels.values(), expected, strict=True):
        np.testing.assert_array_equal(kernel.array, array, strict=True)


def test_weights_of_another_model_are_refused(tmp_path):
    path = whole_as_weights(sequential(layers.Dense(4, name="a"), shape=(3,)), tmp_path)
    parts = [layers.Dense(4, name="one"), layers.Dense(4, name="two")]
    other = sequential(*parts, shape=(3,))
    architecture = architecture_of(parse_config(json.loads(other.to_json())))
    with pytest.raises(UnreadableFileError, match=r"does not fit the model .* no layer 'a'"):
        LegacyFile(path, architecture)
