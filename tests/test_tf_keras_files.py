"""HDF5 files of tf_keras, the last Keras 2: whole models and weights alone."""

import json
import math

import h5py
import keras
import numpy as np
import pytest
from legacy_files import LegacyFile

pytestmark = pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")

if keras.backend.backend() == "tensorflow":  # only there is tf_keras
    import tf_keras
    from tf_keras import layers

    from keras_filterwatch.files.config.architecture import architecture_of
    from keras_filterwatch.files.config.layer_config import parse_config

    def images():
        """Kinds of convolutions, and a BatchNormalization behind one of them."""
        model = tf_keras.Sequential(
            [
                layers.Input((9, 9, 3)),
                layers.Conv2D(4, (3, 2), name="conv", use_bias=False),
                layers.BatchNormalization(name="norm"),
                layers.ReLU(name="relu"),
                layers.Conv2DTranspose(5, (2, 3), name="up"),
                layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
                layers.SeparableConv2D(6, 3, name="separable"),
                layers.Flatten(name="flatten"),
                layers.Dense(2, name="head", trainable=False),
            ]
        )
        model.get_layer("norm").set_weights([np.arange(1, 5) / size for size in (2, 3, 4, 5)])
        return model

    def nested():
        """Models within a model with equal names in them, of which one layer is frozen."""
        shape = (6, 6, 3)
        parts = [layers.Conv2D(2, 2, name="conv"), layers.BatchNormalization(name="norm")]
        parts[0].trainable = False
        inner = tf_keras.Sequential(
            [layers.Input(shape), *parts, layers.Conv2D(3, 2, name="last")], name="inner"
        )
        other = tf_keras.Sequential(
            [layers.Input(shape), layers.Conv2D(2, 2, name="conv")], name="other"
        )
        x = layers.Input(shape)
        found = [layers.GlobalAveragePooling2D()(model(x)) for model in (inner, other)]
        return tf_keras.Model(x, layers.Dense(2, name="head")(layers.concatenate(found)))

    def wrappers():
        """Wrappers, recurrent layers and attention."""
        x = layers.Input((5, 4))
        y = layers.TimeDistributed(layers.Dense(4, name="inner"), name="each")(x)
        y = layers.MultiHeadAttention(2, 3, name="attention")(y, y)
        y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(y)
        y = layers.RNN(layers.GRUCell(3), name="recurrent")(y)
        return tf_keras.Model(x, layers.Dense(2, name="head")(y))

    def kernel_of(model, path):
        """The kernel that a layer of a model holds, with the axes of all kernels."""
        name, _, variable = path.partition(":")
        layer = model
        for part in name.split("/"):
            layer = layer.get_layer(part) if hasattr(layer, "get_layer") else layer.layer
        array = layer.get_weights()[int(variable or 0)]
        if isinstance(layer, layers.Conv2DTranspose):
            return array.swapaxes(-1, -2)
        is_separable = isinstance(layer, layers.SeparableConv2D) and not int(variable)
        if isinstance(layer, layers.DepthwiseConv2D) or is_separable:
            return array.reshape(*array.shape[:2], 1, -1)
        return array

    # model -> kernel name in the file -> layer, and which of its weights
    KERNELS = {
        images: {
            "conv": "conv",
            "up": "up",
            "depthwise": "depthwise",
            "separable/depthwise_kernel": "separable:0",
            "separable/pointwise_kernel": "separable:1",
            "head": "head",
        },
        nested: {
            "inner/conv": "inner/conv",
            "other/conv": "other/conv",
            "inner/last": "inner/last",
            "head": "head",
        },
    }

    @pytest.mark.parametrize("function", KERNELS, ids=lambda function: function.__name__)
    def test_kernels_are_those_of_the_model(function, tmp_path):
        model = function()
        model.save(tmp_path / "a.h5")
        kernels = LegacyFile(tmp_path / "a.h5").kernels
        assert {*kernels} == {*KERNELS[function]}
        for name, path in KERNELS[function].items():
            np.testing.assert_array_equal(kernels[name].array, kernel_of(model, path), strict=True)

    def test_layers_have_their_classes_kinds_and_trainable_flags(tmp_path):
        images().save(tmp_path / "a.h5")
        kernels = LegacyFile(tmp_path / "a.h5").kernels.values()
        assert [(each.layer_type, each.kind, each.trainable) for each in kernels] == [
            ("Conv2D", "conv", True),
            ("Conv2DTranspose", "transposed", True),
            ("DepthwiseConv2D", "depthwise", True),
            ("SeparableConv2D", "depthwise", True),
            ("SeparableConv2D", "conv", True),
            ("Dense", "dense", False),
        ]

    def test_batch_normalization_scales_the_filters_before_it(tmp_path):
        images().save(tmp_path / "a.h5")
        gain = LegacyFile(tmp_path / "a.h5").kernels["conv"].gain
        gamma, variance = np.arange(1, 5) / 2, np.arange(1, 5) / 5
        np.testing.assert_allclose(gain, gamma / np.sqrt(variance + 1e-3), rtol=1e-6)

    def test_kernels_in_wrappers_and_in_attention_are_read(tmp_path):
        model = wrappers()
        model.save(tmp_path / "a.h5")
        file = LegacyFile(tmp_path / "a.h5")
        heads = {
            f"attention/{name}": variable.numpy()
            for name, variable in zip(
                ("query", "key", "value", "attention_output"),
                model.get_layer("attention").weights[::2],
                strict=True,
            )
        }
        expected = {"each/inner": kernel_of(model, "each/inner"), "head": kernel_of(model, "head")}
        for name, array in heads.items():
            is_last = name.endswith("output")
            expected[name] = array.reshape(-1, 4) if is_last else array.reshape(4, -1)
        assert {*file.kernels} == {*expected}
        for name, array in expected.items():
            np.testing.assert_array_equal(file.kernels[name].array, array, strict=True)
        assert {*file.file.skipped} == {
            *("both/forward_lstm", "both/backward_lstm", "recurrent/gru_cell")
        }

    @pytest.mark.parametrize("function", KERNELS, ids=lambda function: function.__name__)
    def test_weights_alone_have_the_same_kernels(function, tmp_path):
        model = function()
        model.save_weights(tmp_path / "a.h5")
        kernels = LegacyFile(tmp_path / "a.h5").kernels
        assert {*kernels} == {*KERNELS[function]}
        for name, path in KERNELS[function].items():
            np.testing.assert_array_equal(kernels[name].array, kernel_of(model, path), strict=True)

    @pytest.mark.parametrize("function", KERNELS, ids=lambda function: function.__name__)
    def test_weights_alone_with_the_config_are_the_whole_model(function, tmp_path):
        model = function()
        model.save(tmp_path / "whole.h5")
        model.save_weights(tmp_path / "weights.h5")
        architecture = architecture_of(parse_config(json.loads(model.to_json())))
        whole = LegacyFile(tmp_path / "whole.h5").kernels
        alone = LegacyFile(tmp_path / "weights.h5", architecture).kernels
        assert [*alone] == [*whole]
        for name, kernel in alone.items():
            np.testing.assert_array_equal(kernel.array, whole[name].array, strict=True)
            assert (kernel.kind, kernel.trainable) == (whole[name].kind, whole[name].trainable)

    def test_a_layer_that_is_called_like_another_in_the_file_is_found_by_the_order(tmp_path):
        model = nested()
        inner = model.get_layer("inner")
        inner.get_layer("conv")._name, inner.get_layer("last")._name = "last", "conv"
        model.save(tmp_path / "a.h5")
        kernels = LegacyFile(tmp_path / "a.h5").kernels
        for name in ("inner/conv", "inner/last"):
            np.testing.assert_array_equal(kernels[name].array, kernel_of(model, name), strict=True)

    def test_the_learning_rate_and_the_updates_of_a_training_are_read(tmp_path):
        model = tf_keras.Sequential([layers.Input((3,)), layers.Dense(2)])
        model.compile(tf_keras.optimizers.Adam(0.125), "mse", metrics=["mae"])
        model.fit(np.ones((6, 3)), np.ones((6, 2)), batch_size=2, verbose=0)
        model.save(tmp_path / "a.h5")
        file = LegacyFile(tmp_path / "a.h5").file
        assert (file.format, file.updates) == ("Keras 2 HDF5 model", 3)
        assert math.isclose(file.logs["learning_rate"], 0.125)

    def test_weights_that_the_model_itself_holds_are_skipped(tmp_path):
        model = tf_keras.Sequential([layers.Input((3,)), layers.Dense(2, name="head")])
        model.save_weights(tmp_path / "a.h5")
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file["top_level_model_weights"].attrs["weight_names"] = ["scale:0"]
            file["top_level_model_weights/scale:0"] = np.ones(3)
        file = LegacyFile(tmp_path / "a.h5")
        assert [*file.kernels] == ["head"]
        assert "scale" in file.file.skipped["top_level_model_weights"]
