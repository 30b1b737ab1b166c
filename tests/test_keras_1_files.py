"""Files that Keras 1 wrote: kernels with the axes of today. See saved_models/README.md."""

import h5py
import keras
import numpy as np
import pytest
from legacy_files import LegacyFile, counted, unpacked, write_weights

# of the last axes of Theano's order, (filters, channels, rows, columns)
TO_KERAS = (2, 3, 1, 0)


def test_kernels_in_the_order_of_theano_get_that_of_keras(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).kernels
    assert [*kernels] == ["first", "second", "head"]
    np.testing.assert_array_equal(
        kernels["first"].array, counted(4, 3, 3, 2).transpose(TO_KERAS), strict=True
    )
    np.testing.assert_array_equal(
        kernels["second"].array, counted(5, 4, 2, 1).transpose(TO_KERAS), strict=True
    )
    np.testing.assert_array_equal(kernels["head"].array, counted(30, 2), strict=True)


def test_layers_have_the_names_that_their_classes_have_today(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).kernels.values()
    assert [(kernel.layer_type, kernel.kind) for kernel in kernels] == [
        ("Conv2D", "conv"),
        ("Conv2D", "conv"),
        ("Dense", "dense"),
    ]


def test_batch_normalization_of_keras_1_scales_the_filters_before_it(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).kernels
    gamma = variance = counted(4).astype("float64")
    expected = gamma / np.sqrt(variance + 1e-3)
    np.testing.assert_allclose(kernels["first"].gain, expected, rtol=1e-6)
    assert kernels["second"].gain is None


def test_frozen_layers_of_keras_1_are_not_trainable(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).kernels.values()
    assert [kernel.trainable for kernel in kernels] == [True, True, False]


def test_the_learning_rate_is_read_but_updates_are_not_known(tmp_path):
    file = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).file
    assert file.format == "Keras 1 HDF5 model"
    assert (file.logs, file.updates) == ({"learning_rate": 0.125}, None)


def test_a_note_says_how_theano_applied_the_filters(tmp_path):
    (note,) = LegacyFile(unpacked("keras_1_2_2_theano_images", tmp_path)).file.notes
    assert "Keras 1 wrote the file on Theano" in note
    assert not LegacyFile(unpacked("keras_1_2_2_tensorflow_separable", tmp_path)).file.notes


@pytest.mark.parametrize(("order", "axes"), [("th", TO_KERAS), ("tf", (0, 1, 2, 3))])
def test_transposed_convolutions_of_keras_1_have_their_filters_last(order, axes, tmp_path):
    path = unpacked(f"keras_1_2_2_theano_deconvolution_{order}", tmp_path)
    kernel = LegacyFile(path).kernels["up"]
    saved = counted(4, 3, 3, 2) if order == "th" else counted(3, 2, 3, 4)
    np.testing.assert_array_equal(kernel.array, saved.transpose(axes), strict=True)
    assert (kernel.kind, kernel.layer_type) == ("transposed", "Conv2DTranspose")


def test_convolutions_over_volumes_get_the_order_of_keras(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_volumes", tmp_path)).kernels
    expected = counted(4, 2, 3, 2, 1).transpose(2, 3, 4, 1, 0)
    np.testing.assert_array_equal(kernels["first"].array, expected, strict=True)


def test_one_dimensional_convolutions_lose_their_axis_of_size_1(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_sequence", tmp_path)).kernels
    np.testing.assert_array_equal(kernels["first"].array, counted(3, 1, 3, 4)[:, 0], strict=True)
    np.testing.assert_array_equal(kernels["second"].array, counted(2, 1, 4, 5)[:, 0], strict=True)


def test_one_dimensional_convolutions_before_keras_1_2_have_another_order(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_0_8_theano_lengths", tmp_path)).kernels
    expected = counted(4, 3, 2, 1)[..., 0].transpose(2, 1, 0)
    np.testing.assert_array_equal(kernels["first"].array, expected, strict=True)


def test_a_separable_convolution_of_keras_1_has_two_kernels(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_tensorflow_separable", tmp_path)).kernels
    depthwise, pointwise = kernels.values()
    assert [*kernels] == ["separable/depthwise_kernel", "separable/pointwise_kernel"]
    expected = counted(3, 2, 3, 2).reshape(3, 2, 1, 6)
    np.testing.assert_array_equal(depthwise.array, expected, strict=True)
    np.testing.assert_array_equal(pointwise.array, counted(1, 1, 6, 4), strict=True)


def test_what_has_no_filters_in_keras_1_is_skipped_with_its_reason(tmp_path):
    file = LegacyFile(unpacked("keras_1_2_2_theano_sequence", tmp_path))
    assert [*file.kernels] == ["first", "second", "each/inner", "head"]
    reasons = file.file.skipped
    assert {name for name, reason in reasons.items() if reason.startswith("recurrent")} == {
        *("both/forward_memory", "both/backward_memory", "gru", "simple")
    }
    assert reasons["highway"] == "Highway has no kernel, only W, W_carry, b, b_carry"
    assert reasons["maxout"] == "MaxoutDense has no kernel, only W, b"
    assert "differ from place to place" in reasons["local"]


def test_layers_of_a_model_within_the_model_are_told_apart(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_nested", tmp_path)).kernels
    shapes = {"inner/one": (3, 4), "inner/two": (4, 5), "head": (10, 2)}
    assert [*kernels] == [*shapes]
    for name, shape in shapes.items():
        np.testing.assert_array_equal(kernels[name].array, counted(*shape), strict=True)
    assert [kernel.trainable for kernel in kernels.values()] == [False, True, True]


def test_branches_that_a_sequential_model_merges_are_read(tmp_path):
    kernels = LegacyFile(unpacked("keras_1_2_2_theano_merged", tmp_path)).kernels
    by_layer = {name.rpartition("/")[2]: kernel.array for name, kernel in kernels.items()}
    shapes = {"left": (3, 4), "right": (2, 5), "head": (9, 2)}
    assert [*by_layer] == [*shapes]
    for name, shape in shapes.items():
        np.testing.assert_array_equal(by_layer[name], counted(*shape), strict=True)


@pytest.mark.parametrize(
    ("name", "shape", "filters"), [("th", (4, 6, 3, 2), 0), ("tf", (3, 2, 7, 4), 3)]
)
def test_constraints_hold_along_the_axes_that_the_file_means(name, shape, filters, tmp_path):
    kernel = LegacyFile(unpacked("keras_1_2_2_theano_constrained", tmp_path)).kernels[name]
    weights = counted(*shape)  # their norms over all filters are limited to 0.5
    is_limited = np.sqrt(np.square(weights).sum(axis=filters, keepdims=True)) * 1.01 > 0.5
    shares = (is_limited & (weights != 0)).mean(axis=tuple({*range(4)} - {filters}))
    assert 0 < shares.min() < 1
    np.testing.assert_allclose(kernel.constrained_share, shares)


def test_weights_alone_get_the_order_of_keras_where_the_bias_shows_theirs(tmp_path):
    file = LegacyFile(unpacked("keras_1_2_2_theano_images_weights", tmp_path))
    expected = counted(4, 3, 3, 2).transpose(TO_KERAS)
    np.testing.assert_array_equal(file.kernels["first"].array, expected, strict=True)
    assert [*file.kernels] == ["first", "second", "head"]
    assert file.file.format == "Keras 1 HDF5 weights"
    assert any("without the model" in note for note in file.file.notes)


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ({"a_W": (3, 3, 8, 4)}, "no bias"),
        ({"a_W": (4, 3, 3, 4), "a_b": (4,)}, "bias has shape (4,)"),
        ({"a_W": (4, 3, 3, 5), "a_b": (6,)}, "bias has shape (6,)"),
    ],
    ids=["no bias", "a bias that fits both orders", "a bias that fits none"],
)
def test_weights_alone_are_skipped_if_their_order_cannot_be_told(weights, reason, tmp_path):
    arrays = {name: counted(*shape) for name, shape in weights.items()}
    file = LegacyFile(write_weights(tmp_path / "a.h5", {"a": arrays}))
    assert not file.kernels
    assert reason in file.file.skipped["a"]


@pytest.mark.parametrize(
    ("name", "weights", "shape", "layer_type"),
    [
        ("convolution2d_3", {"W": (4, 3, 5, 2), "b": (4,)}, (5, 2, 3, 4), "Conv2D"),
        ("convolution1d_1", {"W": (5, 1, 3, 4), "b": (4,)}, (5, 3, 4), "Conv1D"),
        ("convolution1d_1", {"W": (4, 3, 5, 1), "b": (4,)}, (5, 3, 4), "Conv1D"),
        ("deconvolution2d_2", {"W": (4, 3, 5, 2), "b": (4,)}, (5, 2, 3, 4), "Conv2DTranspose"),
        ("convolution3d_1", {"W": (5, 2, 1, 3, 4), "b": (4,)}, (5, 2, 1, 3, 4), "Conv3D"),
    ],
)
def test_names_that_keras_1_itself_gave_tell_the_class(name, weights, shape, layer_type, tmp_path):
    arrays = {f"{name}_{variable}": counted(*each) for variable, each in weights.items()}
    kernel = LegacyFile(write_weights(tmp_path / "a.h5", {name: arrays})).kernels[name]
    assert (kernel.array.shape, kernel.layer_type) == (shape, layer_type)


def test_names_with_the_counter_of_tensorflow_are_understood(tmp_path):
    weights = {"conv_W_3:0": counted(3, 2, 1, 4), "conv_b_2:0": counted(4)}
    file = LegacyFile(write_weights(tmp_path / "a.h5", {"conv": weights}))
    assert file.shapes == {"conv": (3, 2, 1, 4)}


def test_layers_with_numbers_for_names_are_read_as_keras_0_wrote_them(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.attrs["nb_layers"] = 2
        file.create_group("layer_0").attrs["nb_params"] = 0
        file.create_group("layer_1").attrs["nb_params"] = 2
        file["layer_1/param_0"], file["layer_1/param_1"] = counted(4, 3, 5, 2), counted(4)
    kernels = LegacyFile(tmp_path / "a.h5").kernels
    expected = counted(4, 3, 5, 2).transpose(TO_KERAS)
    np.testing.assert_array_equal(kernels["layer_1"].array, expected, strict=True)


if keras.backend.backend() == "tensorflow":  # only there is tf_keras
    import tf_keras
    from tf_keras import layers

    def sequential(*parts):
        return tf_keras.Sequential([*parts])

    MODELS = {
        "keras_1_2_2_theano_deconvolution_th": lambda: sequential(
            layers.Input((3, 4, 5)),
            layers.Conv2DTranspose(4, (3, 2), data_format="channels_first", name="up"),
        ),
        "keras_1_2_2_theano_deconvolution_tf": lambda: sequential(
            layers.Input((4, 5, 3)), layers.Conv2DTranspose(4, (3, 2), name="up")
        ),
        "keras_1_2_2_theano_volumes": lambda: sequential(
            layers.Input((2, 5, 4, 3)),
            layers.Conv3D(4, (3, 2, 1), data_format="channels_first", name="first"),
        ),
        "keras_1_0_8_theano_lengths": lambda: sequential(
            layers.Input((9, 3)), layers.Conv1D(4, 2, name="first")
        ),
        "keras_1_2_2_theano_images": lambda: sequential(
            layers.Input((3, 9, 8)),
            layers.Conv2D(4, (3, 2), data_format="channels_first", name="first"),
            layers.BatchNormalization(axis=1, name="norm"),
            layers.MaxPooling2D(data_format="channels_first", name="pool"),
            layers.Conv2D(5, (2, 1), data_format="channels_first", name="second"),
            layers.Flatten(name="flatten"),
            layers.Dense(2, name="head"),
        ),
    }

    @pytest.mark.parametrize("name", MODELS)
    def test_kernels_are_those_that_keras_2_makes_of_the_file(name, tmp_path):
        path = unpacked(name, tmp_path)
        model = MODELS[name]()
        model.load_weights(path)
        for name, kernel in LegacyFile(path).kernels.items():
            array = model.get_layer(name).get_weights()[0]
            expected = array.swapaxes(-1, -2) if kernel.kind == "transposed" else array
            np.testing.assert_array_equal(kernel.array, expected, strict=True)
