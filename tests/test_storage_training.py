"""Trainings whose log_dir is elsewhere, in memory here: the same is recorded as on this machine."""

import fsspec
import keras
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from keras import layers
from viewer import read

import keras_filterwatch as fw
from keras_filterwatch.storage import folder_of

URL = "memory://trainings/run1"


@pytest.fixture(autouse=True)
def emptied():
    yield
    fsspec.filesystem("memory").store.clear()


def train(*callbacks):
    """Trains a small network for three epochs, the same each time."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Conv2D(4, 5, name="first"), layers.Flatten()]
    )
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    x, y = random.random((16, 12, 12, 3), "f4"), random.random((16, 256), "f4")
    model.fit(x, y, epochs=3, callbacks=list(callbacks), verbose=0)


def watched(log_dir):
    """A FilterWatch that has watched the training."""
    watch = fw.FilterWatch(log_dir)
    train(watch)
    assert watch.problems == []
    return watch


def downloaded(url, directory):
    """A directory with the files of a folder elsewhere."""
    directory.mkdir()
    folder = folder_of(url)
    for name in folder.names():
        (directory / name).write_bytes(folder.read(name))
    return directory


def test_what_tensorboard_shows_is_the_same_as_from_a_local_log_dir(tmp_path):
    watched(tmp_path / "here")
    watched(URL)
    here = read(tmp_path / "here" / "filterwatch")
    elsewhere = read(downloaded(f"{URL}/filterwatch", tmp_path / "copy"))
    np.testing.assert_equal(elsewhere, here)


def test_the_record_is_read_where_it_is():
    watch = watched(URL)
    run = fw.read(URL)
    assert [scores["first"] for scores in run.history] == [
        scores["first"] for scores in watch.history
    ]


def test_nothing_is_made_before_training():
    fw.FilterWatch(URL)
    assert not folder_of(URL).exists()


class Outage(keras.callbacks.Callback):
    """During the second epoch nothing can be stored."""

    def __init__(self, watch):
        super().__init__()
        self.watch = watch
        self.patch = pytest.MonkeyPatch()

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            self.watch.history  # noqa: B018  waits for the steps before
            self.patch.setattr(MemoryFileSystem, "pipe_file", failing)

    def on_epoch_end(self, epoch, logs=None):
        self.watch.history  # noqa: B018
        self.patch.undo()


def failing(self, *args, **kwargs):
    raise TimeoutError("the store does not answer")


@pytest.mark.filterwarnings("ignore:.*the store does not answer")
def test_a_store_that_fails_for_an_epoch_costs_that_epoch_only(tmp_path):
    watch = fw.FilterWatch(URL)
    train(watch, Outage(watch))
    assert [scores.step for scores in watch.history] == [0, 1, 2, 3]
    shown = read(downloaded(f"{URL}/filterwatch", tmp_path / "copy"))
    assert [step for step, _ in shown["noise/00_first"]] == [0, 1, 3]
    assert fw.read(URL).steps == [0, 1, 3]
    assert [problem.count for problem in watch.problems] == [1, 1]
    assert {problem.step for problem in watch.problems} == {2}
