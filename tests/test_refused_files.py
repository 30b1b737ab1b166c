"""Files and folders that are not read: each is told apart, with what to do."""

import gzip
import importlib.util
import io
import json
import pickle
import re
import tarfile
import zipfile

import keras
import numpy as np
import pytest
from small_models import noise, sequential

import keras_filterwatch as fw
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.refused import refusal

ARRAYS = r"score the dict of its arrays, fw.score\({name: array}\)"


def _zip():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("notes.txt", "text")
    return data.getvalue()


def _tar():
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.h5"))
    return data.getvalue()


def _npy():
    data = io.BytesIO()
    np.save(data, np.ones((3, 3)))
    return data.getvalue()


# a model of ONNX begins with its version and who made it
_ONNX = bytes([8, 8, 0x12, 7]) + b"pytorch" + bytes([0x1A, 1]) + b"2" + bytes([0x3A, 2, 10, 0])
# a graph begins with a node, which begins with its name
_GRAPH = (
    bytes([10, 24, 10, 1]) + b"x" + bytes([18, 11]) + b"Placeholder" + bytes([42, 4, 10, 2, 8, 1])
)

FILES = {
    "empty": ("model.keras", b"", "is empty: copy or save it again"),
    "pickle": ("model.pkl", pickle.dumps({"a": 1}), f"is a pickle, .*{ARRAYS}"),
    "old pickle": ("model.pkl", pickle.dumps({"a": 1}, 0), f"is a pickle by its name, .*{ARRAYS}"),
    "pickle by another name": ("model.bin", pickle.dumps([1]), "is a pickle"),
    "joblib": ("model.joblib", pickle.dumps([1]), "is a file of joblib, which holds pickles"),
    "old PyTorch": (
        "model.pth",
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2),
        r"format before version 1\.6.*torch\.save",
    ),
    "ONNX": ("model.onnx", _ONNX, "is a model of ONNX.*the model that it was made from"),
    "ONNX by another name": ("model", _ONNX, "is a model of ONNX"),
    "TensorFlow Lite": ("model.bin", b"\x1c\0\0\0TFL3", "is a model of TensorFlow Lite"),
    "graph": ("frozen.pb", _GRAPH, "is a graph of TensorFlow, in which weights are constants"),
    "part of a SavedModel": ("saved_model.pb", b"\x08\1", "pass the path of the folder"),
    "data of a checkpoint": ("a.data-00000-of-00001", bytes(99), "pass the index"),
    "graph of TensorFlow 1": ("model.ckpt.meta", b"\n\0", "pass the `.index` file"),
    "list of checkpoints": ("checkpoint", b'model_checkpoint_path: "a"', "path of the folder"),
    "array": ("array.npy", _npy(), r"a single array of NumPy.*fw.score\({'name': numpy.load"),
    "text": ("weights.txt", b"0.1 0.2\n", "is text, not a model"),
    "config": ("model.yaml", b"class_name: Sequential\n", "the weights are in another file"),
    "web page": ("model.h5", b"<!DOCTYPE html><html>", "a web page.*why the download went wrong"),
    "Git LFS": ("model.h5", b"version https://git-lfs.github.com/spec/v1\n", "`git lfs pull`"),
    "gzip": ("model.h5.gz", gzip.compress(b"weights"), "packed with gzip: unpack it"),
    "tar": ("model.tar", _tar(), "a tar archive: unpack it"),
    "zip": ("model.zip", _zip(), "a zip archive that holds neither a Keras model nor arrays"),
    "Flax": ("model.msgpack", b"\x81\xa6params\x80", "Flax in msgpack.*msgpack_restore"),
    "GGUF": ("model.gguf", b"GGUF\3\0\0\0", "llama.cpp"),
    "checkpoint of unknown kind": ("a.ckpt", b"\xff\xfe\xfd\xfc" * 9, f"of no kind.*{ARRAYS}"),
    "damaged": ("model.h5", b"\xff\xfe\xfd\xfc" * 9, "damaged, or not what its name says"),
    "unknown": ("model.xyz", b"\xff\xfe\xfd\xfc" * 9, f"of no kind that is read: .*{ARRAYS}"),
}
UNSAFE = ("pickle", "old pickle", "pickle by another name", "joblib", "old PyTorch")


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_not_read_is_told_apart_with_what_to_do(kind, tmp_path):
    name, data, message = FILES[kind]
    (tmp_path / name).write_bytes(data)
    error = refusal(tmp_path / name)
    assert re.search(message, str(error))
    assert str(error).startswith(f"{tmp_path / name} is ")
    assert isinstance(error, UnsafeFileError) == (kind in UNSAFE)


@pytest.mark.parametrize("kind", FILES)
def test_such_a_file_is_not_scored(kind, tmp_path):
    name, data, _ = FILES[kind]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableFileError):
        fw.score(tmp_path / name)


def test_a_pickle_is_not_loaded(tmp_path):
    class Payload:
        def __reduce__(self):
            return open, (str(tmp_path / "touched"), "w")

    (tmp_path / "model.pkl").write_bytes(pickle.dumps(Payload()))
    with pytest.raises(UnsafeFileError, match="is a pickle"):
        fw.score(tmp_path / "model.pkl")
    assert not (tmp_path / "touched").exists()


FOLDERS = {
    "empty": ([], "an empty folder"),
    "one file": (["model.keras"], r"pass the path of the file in it, .*model\.keras"),
    "several files": (["a.weights.h5", "b.weights.h5"], "2 saved files.*keras-filterwatch series"),
    "several checkpoints": (["a.index", "b.index"], "2 saved files.*keras-filterwatch series"),
    "Orbax": (["_METADATA", "manifest.ocdbt"], "a checkpoint of Orbax.*fw.score"),
    "Orbax, old": (["checkpoint"], "Flax and Orbax"),
    "Zarr": ([".zgroup"], "a store of Zarr"),
    "TensorFlow.js": (["model.json", "group1-shard1of1.bin"], "a model of TensorFlow.js"),
    "SavedModel as text": (["saved_model.pbtxt"], "written as text"),
    "something else": (["notes.txt"], "a folder without a saved model that is known"),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_that_is_not_read_is_told_apart_with_what_to_do(kind, tmp_path):
    names, message = FOLDERS[kind]
    for name in names:
        (tmp_path / name).write_bytes(b"\x83\xa1a")
    with pytest.raises(UnreadableFileError, match=message):
        fw.score(tmp_path)


def test_a_folder_of_steps_of_orbax_is_told_apart(tmp_path):
    for step in ("1", "2"):
        (tmp_path / step).mkdir()
        (tmp_path / step / "_CHECKPOINT_METADATA").write_text("{}")
    with pytest.raises(UnreadableFileError, match="a folder with 2 checkpoints of Orbax"):
        fw.score(tmp_path)


if importlib.util.find_spec("orbax"):
    import orbax.checkpoint

    def test_a_real_checkpoint_of_orbax_is_refused_with_what_to_do(tmp_path):
        with orbax.checkpoint.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(tmp_path / "state", {"conv": {"kernel": noise((3, 3, 3, 8))}})
        with pytest.raises(UnreadableFileError, match="is a checkpoint of Orbax"):
            fw.score(tmp_path / "state")

    def test_the_advice_for_orbax_works(tmp_path):
        with orbax.checkpoint.PyTreeCheckpointer() as checkpointer:
            checkpointer.save(tmp_path / "state", {"conv": {"kernel": noise((3, 3, 3, 8))}})
        with orbax.checkpoint.PyTreeCheckpointer() as checkpointer:
            scores = fw.score(checkpointer.restore(tmp_path / "state"))
        assert scores["conv/kernel"].shape == (3, 3, 3, 8)

    @pytest.mark.skipif(
        not hasattr(keras.callbacks, "OrbaxCheckpoint"), reason="this Keras is older"
    )
    def test_checkpoints_of_keras_by_orbax_are_refused(tmp_path):
        model = sequential(keras.layers.Dense(2), shape=(3,))
        model.compile("sgd", "mse")
        callback = keras.callbacks.OrbaxCheckpoint(tmp_path / "run", save_freq="epoch")
        model.fit(noise((4, 3)), noise((4, 2)), callbacks=[callback], verbose=0)
        (step,) = (tmp_path / "run").iterdir()
        for path in (tmp_path / "run", step):
            with pytest.raises(UnreadableFileError, match="of Orbax"):
                fw.score(path)


def test_the_config_of_a_model_alone_is_no_file_with_weights(tmp_path):
    model = sequential(keras.layers.Dense(2), shape=(3,))
    (tmp_path / "model.json").write_text(json.dumps(json.loads(model.to_json())))
    with pytest.raises(UnreadableFileError):
        fw.score(tmp_path / "model.json")
