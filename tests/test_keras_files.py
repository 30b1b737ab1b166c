"""Files that Keras 3 saves: their kernels are those of the model that was saved."""

import gzip

import keras
import numpy as np
import pytest
from legacy_files import FOLDER, counted
from saved_kernels import MODELS, FileOf, built
from small_models import noise

import keras_filterwatch as fw
from keras_filterwatch.model.find import snapshot


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    """A model, and the folder with its files."""
    model, folder = built(request.param), tmp_path_factory.mktemp(request.param)
    model.save(folder / "model.keras")
    model.save_weights(folder / "model.weights.h5")
    (folder / "model.json").write_text(model.to_json())
    return model, folder


def test_an_archive_has_the_kernels_of_the_model(saved):
    model, folder = saved
    assert FileOf(folder / "model.keras").differences(model) == []


def test_weights_alone_have_the_same_kernels_where_the_architecture_is_given(saved):
    model, folder = saved
    assert FileOf(folder / "model.weights.h5", folder / "model.json").differences(model) == []


@pytest.mark.parametrize("name", ["nested", "all_convolutions", "idle_layers"])
def test_weights_alone_have_the_same_kernels_without_what_scales_them(name, tmp_path):
    model = built(name)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    whole, alone = FileOf(tmp_path / "model.keras"), FileOf(tmp_path / "model.weights.h5")
    for kernel, other in zip(alone.kernels.values(), whole.kernels.values(), strict=True):
        np.testing.assert_array_equal(kernel.array, other.array)
        assert (kernel.kind, kernel.layer_type) == (other.kind, other.layer_type)
        assert kernel.gain is None
    assert "holds weights without the config of their model" in alone.notes


# not of "shared": Keras loads wrongly what a model and a model within it share
@pytest.mark.parametrize("name", ["nested", "frozen"])
def test_an_archive_has_the_kernels_of_the_model_that_keras_loads_from_it(name, tmp_path):
    built(name).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert FileOf(tmp_path / "model.keras").differences(loaded) == []


@pytest.mark.parametrize("version", ["2_12_0", "3_0_5"])
def test_archives_of_old_versions_have_the_kernels_that_they_were_made_with(version, tmp_path):
    path = tmp_path / "model.keras"
    path.write_bytes(gzip.decompress((FOLDER / f"keras_{version}.keras.gz").read_bytes()))
    file = FileOf(path)
    shapes = {
        "first": (3, 3, 3, 5),
        "second": (3, 3, 5, 4),
        "inner/inside": (3, 3, 4, 3),
        **dict.fromkeys(("attention/query", "attention/key", "attention/value"), (3, 2, 4)),
        "attention/attention_output": (2, 4, 3),
        "times/each": (3, 7),
        "head": (4, 2),
    }
    assert [*file.kernels] == [*shapes]
    for name, kernel in file.kernels.items():
        np.testing.assert_array_equal(kernel.array.ravel(), counted(*shapes[name]).ravel())
    assert [name for name, kernel in file.kernels.items() if kernel.gain is not None] == [
        "first",
        "inner/inside",
    ]


def test_names_that_keras_gave_are_those_of_the_model_in_its_own_process(tmp_path):
    """Keras counts these layers over all models; neither the model nor the file show that."""
    for _ in range(2):
        image = keras.layers.Input((8, 8, 3))
        x = keras.layers.Conv2D(4, 3)(keras.layers.Conv2D(3, 3)(image))
        model = keras.Model(image, keras.layers.Dense(2)(x))
    model.save(tmp_path / "model.keras")
    expected = [kernel.name for kernel in snapshot(model).kernels]
    assert [*FileOf(tmp_path / "model.keras").kernels] == expected
    assert sorted(expected) == ["conv2d", "conv2d_1", "dense"]


@pytest.mark.parametrize("name", ["branches", "flat_images", "constrained", "half_precision"])
def test_a_file_has_the_scores_of_its_model(name, tmp_path):
    model = built(name)
    model.save(tmp_path / "model.keras")
    expected, found = fw.score(model), fw.score(tmp_path / "model.keras")
    # names of layers are the same here, since each was given
    assert {layer: dict(found[layer]) for layer in found} == {
        layer: pytest.approx(dict(expected[layer]), nan_ok=True) for layer in expected
    }


if keras.backend.backend() == "tensorflow":  # only there is tf_keras
    import tf_keras

    def test_an_archive_of_tf_keras_has_the_kernels_of_its_model(tmp_path):
        image = tf_keras.layers.Input((8, 8, 3))
        x = tf_keras.layers.Conv2D(4, 3, name="first")(image / 2)
        x = tf_keras.layers.BatchNormalization(name="norm")(x)
        inner = tf_keras.Sequential([tf_keras.layers.Conv2D(3, 1, name="second")], name="inner")
        flat = tf_keras.layers.Flatten()(image)
        outputs = [inner(x), tf_keras.layers.Dense(2, name="dense")(flat)]
        model = tf_keras.Model(image, outputs)
        model.compile("adam", "mse")
        model.fit(noise((2, 8, 8, 3)), [noise((2, 6, 6, 3)), noise((2, 2))], verbose=0)
        model.save(tmp_path / "model.keras")
        file = FileOf(tmp_path / "model.keras")
        weights = {
            "first": model.get_layer("first").get_weights()[0],
            "inner/second": inner.layers[0].get_weights()[0],
            "dense": model.get_layer("dense").get_weights()[0].reshape(8, 8, 3, 2),
        }
        assert {*file.kernels} == {*weights}
        for name, kernel in file.kernels.items():
            np.testing.assert_array_equal(kernel.array, weights[name])
        norm = model.get_layer("norm")
        gamma, variance = norm.gamma.numpy(), norm.moving_variance.numpy()
        gain = np.abs(gamma) / np.sqrt(variance.astype(float) + norm.epsilon)
        np.testing.assert_allclose(file.kernels["first"].gain, gain)
        assert (file.file.updates, file.file.logs) == (1, {})
