"""A saved file as a source: which layers are read, with which images, and in how much memory."""

import tracemalloc

import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

import keras_filterwatch as fw
from keras_filterwatch import snapshot_of
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.files.config.layer_counters import names_without_counter
from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.open_file import looks_like_file


@pytest.fixture
def path(tmp_path):
    """Weights of two convolutions and a Dense layer, in NumPy's format."""
    arrays = {"conv1": noise((3, 3, 3, 8)), "conv2": noise((3, 3, 8, 16)), "head": noise((784, 10))}
    np.savez(tmp_path / "weights.npz", **arrays)
    return tmp_path / "weights.npz"


def names(snapshot):
    return [kernel.name for kernel in snapshot.kernels]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [("conv1", ["conv1"]), ("conv*", ["conv1", "conv2"]), (["head", "conv2"], ["conv2", "head"])],
    ids=["name", "pattern", "several"],
)
def test_only_the_layers_that_are_asked_for_are_read(path, layers, expected):
    snapshot = snapshot_of(path, layers)
    assert names(snapshot) == expected
    others = {"conv1", "conv2", "head"} - set(expected)
    assert {name: snapshot.skipped[name] for name in others} == dict.fromkeys(
        others, "not among the chosen layers"
    )


def test_an_unknown_layer_of_a_file_is_named_with_those_that_there_are(path):
    with pytest.raises(ValueError, match=r"layer: no kernel is called 'conv9'; .*conv1"):
        snapshot_of(path, "conv9")


def test_a_file_knows_its_layers_by_names_only(path):
    with pytest.raises(TypeError, match="a saved file knows its layers by their names"):
        snapshot_of(path, lambda layer: True)


def test_a_dense_kernel_of_a_file_gets_the_image_that_window_names(path):
    (kernel,) = snapshot_of(path, "head", window={"head": (28, 28)}).kernels
    assert kernel.array.shape == (28, 28, 1, 10)
    assert fw.score(path, window={"head": (28, 28)})["head"].shape == (28, 28, 1, 10)


def test_a_window_that_does_not_fit_a_file_is_named(path):
    with pytest.raises(ValueError, match="'head' reads 784 numbers"):
        fw.score(path, window={"head": (9, 9)})


def test_the_axes_of_a_file_of_arrays_can_be_given(tmp_path):
    np.savez(tmp_path / "weights.npz", conv=noise((16, 3, 5, 7)))
    assert fw.score(tmp_path / "weights.npz", layout="OIHW")["conv"].shape == (5, 7, 3, 16)


def test_a_file_is_scored_like_the_dict_of_its_arrays(path):
    with np.load(path) as arrays:
        of_arrays = fw.score(dict(arrays))
    of_file = fw.score(path)
    assert {name: dict(of_file[name]) for name in of_file} == {
        name: dict(of_arrays[name]) for name in of_arrays
    }
    assert [layer.reads_images for layer in of_file.values()] == [True, False, False]


def test_metrics_of_the_users_own_measure_a_file_too(path):
    scores = fw.score(path, metrics={"peak": np.max})
    with np.load(path) as arrays:
        assert scores["head"]["peak"] == arrays["head"].max()


def test_pictures_are_drawn_from_a_file(path):
    with np.load(path) as arrays:
        expected = fw.draw.filters({"conv1": arrays["conv1"]})
    assert (np.asarray(fw.draw.filters(path, "conv1")) == np.asarray(expected)).all()


def test_two_files_are_compared(path, tmp_path):
    with np.load(path) as arrays:
        changed = {name: -array if name == "conv2" else array for name, array in arrays.items()}
    np.savez(tmp_path / "changed.npz", **changed)
    comparison = fw.compare(path, tmp_path / "changed.npz")
    assert comparison.names == ("weights.npz", "changed.npz")
    assert [layer.name for layer in comparison.values() if not layer.is_unchanged] == ["conv2"]


def test_scoring_a_file_takes_the_memory_of_its_largest_kernels_and_not_of_all(tmp_path):
    kernels = {f"conv{i:02}": noise((3, 3, 128, 128)) for i in range(24)}
    np.savez(tmp_path / "weights.npz", **kernels)
    one = kernels["conv00"].nbytes
    del kernels
    tracemalloc.start()
    fw.score(tmp_path / "weights.npz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one < peak < 12 * one  # half of the file's 24


@pytest.mark.parametrize("address", ["s3://bucket/model.keras", "https://host/model.keras"])
def test_an_address_is_refused_with_the_remedy(address):
    with pytest.raises(ValueError, match="copy the file to this machine"):
        fw.score(address)


def test_a_missing_file_is_named_whatever_its_kind(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"weights\.npz' does not exist"):
        fw.score(tmp_path / "weights.npz")


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(UnreadableFileError, match="no file but a device, a pipe or a socket"):
        fw.score("/dev/null")


def test_a_picture_that_needs_a_model_that_runs_says_how_to_load_it(path):
    images = np.zeros((2, 9, 9, 3), "f4")
    with pytest.raises(TypeError, match=r"Loading one can run code .*load_model"):
        fw.draw.activations(path, inputs=images)


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model.weights.h5"])
def test_layers_of_a_later_model_are_counted_anew_as_those_of_the_model_are(tmp_path, name):
    for _ in range(2):
        parts = [
            layers.Conv2D(4, 3),
            layers.Flatten(),
            layers.Dense(4),
            layers.Dense(2, name="end"),
        ]
        model = sequential(*parts, shape=(9, 9, 3))
    (model.save_weights if "weights" in name else model.save)(tmp_path / name)
    assert model.layers[0].name != "conv2d"
    assert [*fw.score(model)] == ["conv2d", "dense", "end"]
    if "weights" in name:  # which has no names in Keras before 3.8
        assert next(iter(fw.score(tmp_path / name))) == "conv2d"
    else:
        assert [*fw.score(tmp_path / name)] == ["conv2d", "dense", "end"]
        (kernel,) = snapshot_of(tmp_path / name, model.layers[0].name).kernels
        assert kernel.name == "conv2d"


def test_numbers_with_a_gap_are_names_of_the_users_own():
    names = ["input_layer_1", "dense_1", "dense_2", "conv2d_3", "conv2d_7"]
    classes = ["InputLayer", "Dense", "Dense", "Conv2D", "Conv2D"]
    saved = [LayerConfig(name, cls) for name, cls in zip(names, classes, strict=True)]
    shown = [*names_without_counter(saved).values()]
    assert shown == ["input_layer", "dense", "dense_1", "conv2d_3", "conv2d_7"]


def test_names_of_the_first_model_of_a_process_stay():
    saved = [LayerConfig("input_layer", "InputLayer"), LayerConfig("dense_1", "Dense")]
    assert [*names_without_counter(saved).values()] == ["input_layer", "dense_1"]


def test_the_prefix_of_a_checkpoint_in_the_working_folder_is_no_name_of_a_layer(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert not looks_like_file("ckpt-1")
    (tmp_path / "ckpt-1.index").touch()
    assert looks_like_file("ckpt-1")
