"""Trainings that continue no earlier run: they get a folder of their own, which is named."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers
from trainings import compiled, fit, network

import keras_filterwatch as fw


def watching(folder):
    """A FilterWatch that draws nothing."""
    return fw.FilterWatch(folder, images=False)


def train(watch, model=None, epochs=1):
    """Trains a model, by default always the same one from its start."""
    fit(model or network(), watch, epochs=epochs, shuffle=False)


def folders(directory):
    """The names of the folders in a log_dir."""
    return sorted(path.name for path in directory.iterdir())


def test_other_weights_begin_a_new_run_that_is_named(tmp_path, capsys):
    train(watching(tmp_path))
    capsys.readouterr()
    train(watching(tmp_path))
    said = capsys.readouterr().out
    assert "and the model has the weights of epoch 0, so this is a new run in" in said
    model = network()
    model.layers[0].kernel.assign(np.ones((5, 5, 3, 32)))
    train(watching(tmp_path), model=model)
    assert f"ended with other weights, so this is a new run in {tmp_path / 'filterwatch-3'}" in (
        capsys.readouterr().out
    )
    assert folders(tmp_path) == ["filterwatch", "filterwatch-2", "filterwatch-3"]


def test_other_layers_begin_a_new_run_that_is_named(tmp_path, capsys):
    train(watching(tmp_path))
    keras.utils.set_random_seed(0)
    model = compiled(
        keras.Sequential(
            [layers.Input((12, 12, 3)), layers.Flatten(), layers.Dense(3, activation="softmax")]
        )
    )
    capsys.readouterr()
    train(watching(tmp_path), model=model)
    assert "holds a run with other layers, so this is a new run in" in capsys.readouterr().out


def test_events_of_another_program_are_left_alone(tmp_path, capsys):
    (tmp_path / "filterwatch").mkdir()
    (tmp_path / "filterwatch" / "events.out.tfevents.1700000000.host.1.0").write_bytes(b"")
    train(watching(tmp_path))
    assert "holds events without a record, so this is a new run in" in capsys.readouterr().out
    assert folders(tmp_path) == ["filterwatch", "filterwatch-2"]


def test_a_damaged_record_is_left_alone(tmp_path, capsys):
    (tmp_path / "filterwatch").mkdir()
    (tmp_path / "filterwatch" / "record-0001.fwr").write_bytes(b"something else")
    train(watching(tmp_path))
    said = capsys.readouterr().out
    assert "it is no record of FilterWatch, so this is a new run in" in said
    assert (tmp_path / "filterwatch" / "record-0001.fwr").read_bytes() == b"something else"


def test_a_model_that_is_built_late_begins_a_new_run(tmp_path):
    def built_late():
        keras.utils.set_random_seed(0)
        return compiled(keras.Sequential([layers.Flatten(), layers.Dense(3, activation="softmax")]))

    for _ in range(2):
        train(watching(tmp_path), model=built_late())
    assert folders(tmp_path) == ["filterwatch", "filterwatch-2"]
    assert fw.read(tmp_path).steps == fw.read(tmp_path / "filterwatch").steps == [0, 1]


def test_a_folder_that_another_process_writes_to_is_refused_at_construction(tmp_path):
    program = (
        "import sys, pathlib\n"
        "from keras_filterwatch.training.folder_lock import FolderLock\n"
        "lock = FolderLock(pathlib.Path(sys.argv[1]))\n"
        "print(lock.acquire(), flush=True)\n"
        "sys.stdin.read()"
    )
    place = str(tmp_path / "filterwatch")
    with subprocess.Popen(
        [sys.executable, "-c", program, place],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "True\n"
        with pytest.raises(ValueError, match=r"another process writes to .*log_dir of its own"):
            fw.FilterWatch(tmp_path)
        other.stdin.close()
        other.wait()
    fw.FilterWatch(tmp_path)
