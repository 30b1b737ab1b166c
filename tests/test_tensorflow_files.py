"""Checkpoints and SavedModels of TensorFlow, read without it: kernels, names, axes, refusals."""

import shutil
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorflow_models import net, ramp, read_kernels, set_ramps, write_checkpoint

import keras_filterwatch as fw
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.tensorflow.saved_model import read_saved_model
from keras_filterwatch.model.find import snapshot

FILES = Path(__file__).parent / "saved_models/tensorflow/files.zip"
IN_CHECKPOINT = {"block/conv": "layer_with_weights-3/conv"}  # two layers are called "conv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The committed files, unpacked."""
    path = tmp_path_factory.mktemp("tensorflow")
    with zipfile.ZipFile(FILES) as archive:
        archive.extractall(path)
    return path


@pytest.fixture(scope="module")
def model():
    """The model that was saved, as Keras 3 builds it."""
    return set_ramps(net(keras))


def facts(kernel):
    """What must be the same for a kernel of a file and one of the model."""
    return (kernel.name, kernel.layer_type, kernel.kind, kernel.array.shape, kernel.trainable)


# --- SavedModels of Keras 2 -----------------------------------------------------------------------


def test_a_saved_model_of_keras_2_has_the_kernels_of_the_model(folder, model):
    kernels, _ = read_kernels(folder / "keras_2", read_saved_model)
    expected = {kernel.name: kernel for kernel in snapshot(model).kernels}
    assert [*map(facts, kernels.values())] == [*map(facts, expected.values())]
    for name, kernel in kernels.items():
        np.testing.assert_array_equal(kernel.array, expected[name].array)


def test_its_filters_have_the_gain_of_the_batch_normalization_behind_them(folder, model):
    kernels, _ = read_kernels(folder / "keras_2", read_saved_model)
    expected = {kernel.name: kernel.gain for kernel in snapshot(model).kernels}
    np.testing.assert_allclose(kernels["conv"].gain, expected["conv"], rtol=1e-6)
    assert [name for name, kernel in kernels.items() if kernel.gain is not None] == ["conv"]


def test_it_scores_as_the_model_does(folder, model):
    of_file, of_model = fw.score(folder / "keras_2"), fw.score(model)
    assert list(of_file) == list(of_model)
    for name, layer in of_model.items():
        assert dict(of_file[name]) == pytest.approx(dict(layer), nan_ok=True), name


def test_layers_without_filters_are_named_as_those_of_the_model_are(folder, model):
    _, file = read_kernels(folder / "keras_2", read_saved_model)
    assert file.skipped == snapshot(model).skipped


def test_its_optimizer_is_known(folder):
    _, file = read_kernels(folder / "keras_2", read_saved_model)
    assert file.updates == 3
    assert file.logs == pytest.approx({"learning_rate": 0.01})
    assert file.facts.optimizer == "SGD"


def test_a_saved_model_without_variables_is_refused(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")
    with pytest.raises(UnreadableFileError, match="a SavedModel without variables"):
        read_kernels(tmp_path, read_saved_model)


def test_a_saved_model_without_the_metadata_of_keras_has_the_names_of_variables(folder, tmp_path):
    shutil.copytree(folder / "keras_2", tmp_path / "model")
    (tmp_path / "model/keras_metadata.pb").unlink()
    kernels, file = read_kernels(tmp_path / "model", read_saved_model)
    assert [kernels[name].kind for name in ("conv", "depthwise")] == ["unknown", "depthwise"]
    assert any("BatchNormalization" in note for note in file.notes)


# --- checkpoints with objects ---------------------------------------------------------------------


def test_a_checkpoint_has_the_kernels_of_the_model_in_its_order(folder, model):
    kernels, _ = read_kernels(folder / "keras_2_weights")
    expected = snapshot(model).kernels
    names = [IN_CHECKPOINT.get(kernel.name, kernel.name) for kernel in expected]
    assert [*kernels] == [name.replace("block/", "") for name in names]
    for kernel, of_model in zip(kernels.values(), expected, strict=True):
        np.testing.assert_array_equal(kernel.array, of_model.array)


def test_its_recurrent_layers_and_its_optimizer_are_named_as_skipped(folder):
    _, file = read_kernels(folder / "keras_2_weights")
    assert file.skipped == {
        "norm": "no kernel, only gamma, beta, moving_mean, moving_variance",
        "lstm/lstm_cell": "recurrent: its kernel holds gates, not filters",
        "optimizer": "20 variables of optimizers, averages or metrics, no kernels",
    }
    assert (file.updates, file.logs) == (3, pytest.approx({"learning_rate": 0.01}))


def test_what_a_checkpoint_does_not_tell_is_said(folder):
    _, file = read_kernels(folder / "keras_2_weights")
    notes = " ".join(file.notes)
    assert "BatchNormalization behind" in notes
    assert "classes of layers" in notes
    assert file.format == "TensorFlow checkpoint, read without TensorFlow"


@pytest.mark.parametrize("name", ["", "net", "net.index", "net.data-00000-of-00001"])
def test_a_checkpoint_is_found_by_its_folder_its_prefix_and_its_files(folder, name):
    kernels, _ = read_kernels(folder / "keras_2_weights" / name)
    assert "conv" in kernels


def test_a_checkpoint_may_be_chosen_through_a_link(folder, tmp_path):
    shutil.copy(folder / "keras_2_weights/net.data-00000-of-00001", tmp_path)
    (tmp_path / "net.index").symlink_to(folder / "keras_2_weights/net.index")
    assert "conv" in read_kernels(tmp_path / "net.index")[0]
    with pytest.raises(UnsafeFileError, match="is a link"):
        read_kernels(tmp_path)  # in a folder, the link may be anyone's


# --- checkpoints with names alone -----------------------------------------------------------------


def test_a_checkpoint_of_tensorflow_1_has_the_kernels_by_their_names(folder):
    kernels, file = read_kernels(folder / "tensorflow_1")
    shapes = {
        "conv9": (5, 5, 4, 4),
        "conv10": (3, 3, 3, 4),
        "fc": (10, 4),
    }  # fc lies in three parts
    assert [*kernels] == [f"{name}/weights" for name in shapes]
    for name, shape in shapes.items():
        np.testing.assert_array_equal(
            kernels[f"{name}/weights"].array, ramp(shape, f"{name}/weights")
        )
    assert file.updates == 7


def test_variables_of_optimizers_and_recurrent_layers_are_skipped(folder):
    _, file = read_kernels(folder / "tensorflow_1")
    assert file.skipped == {
        "global_step": "a single number",
        "rnn/basic_lstm_cell": "recurrent: its kernel holds gates, not filters",
        # for each of 4 trained variables 2 of Adam and 1 of Momentum; and 2 powers of Adam
        "optimizer": "14 variables of optimizers, averages or metrics, no kernels",
    }


def test_averages_of_a_variable_are_left_out(tmp_path):
    kernel = np.ones((3, 3, 3, 8), "f4")
    names = ("conv/weights", "conv/weights/ExponentialMovingAverage", "train/conv/weights/Adam_1")
    write_checkpoint(tmp_path / "model.index", dict.fromkeys(names, (kernel, 1)))
    kernels, file = read_kernels(tmp_path / "model.index")
    assert [*kernels] == ["conv/weights"]
    assert file.skipped["optimizer"].startswith("2 variables")
