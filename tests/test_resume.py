"""A training that goes on: as if it had never been interrupted, or in a folder of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import pytest
from same_runs import assert_same_runs
from small_rules import raising
from trainings import data, fit, network, steps

import keras_filterwatch as fw

RULES = [*fw.default_rules(), raising(None, "note", "warning", "warning", None, "error")]


class Interruption(Exception):  # noqa: N818
    """What ends a training before its end."""


class InterruptAt(keras.callbacks.Callback):
    """Ends a training within an epoch, after its first batch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch
        self.now = None

    def on_epoch_begin(self, epoch, logs=None):
        self.now = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.now == self.epoch:
            raise Interruption


def watching(folder, **options):
    """A FilterWatch with rules whose alarms come and go, and a probe."""
    return fw.FilterWatch(folder, **{"rules": RULES, "probe": data()[0], **options})


def train(watch, *callbacks, model=None, epochs=5, **options):
    """Trains with the same order of the data each time."""
    model = model or network()
    fit(model, watch, *callbacks, epochs=epochs, shuffle=False, **options)
    return model


def interrupted(watch, *callbacks, model, epoch):
    """A training that ends within an epoch; returns the error, which keeps its frames alive."""
    with pytest.raises(Interruption) as error:
        train(watch, InterruptAt(epoch), *callbacks, model=model)
    return error


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A FilterWatch whose training had no interruption."""
    watch = watching(tmp_path_factory.mktemp("uninterrupted"))
    train(watch)
    return watch


def folders(directory):
    return sorted(path.name for path in Path(directory).iterdir())


def same_apart_from_plans(one, other):
    """Demands the same runs; `other` did not know at first how many epochs there would be."""
    assert other.history.facts.epochs == one.history.facts.epochs
    assert_same_runs(one, other)


# One training in several fits.


def test_a_second_fit_of_one_callback_goes_on(tmp_path, uninterrupted):
    watch = watching(tmp_path)
    model = train(watch, epochs=2)
    train(watch, model=model, initial_epoch=2)
    assert folders(tmp_path) == ["filterwatch"]
    same_apart_from_plans(uninterrupted, watch)
    same_apart_from_plans(uninterrupted, fw.read(tmp_path))


def test_another_callback_continues_the_run(tmp_path, uninterrupted, capsys):
    model = train(watching(tmp_path), epochs=2)
    watch = watching(tmp_path)
    train(watch, model=model, initial_epoch=2)
    assert f"continues the run in {tmp_path / 'filterwatch'} after epoch 2." in (
        capsys.readouterr().out
    )
    assert folders(tmp_path) == ["filterwatch"]
    same_apart_from_plans(uninterrupted, watch)
    same_apart_from_plans(uninterrupted, fw.read(tmp_path))
    assert watch.problems == []


def test_steps_count_on_where_the_second_fit_counts_from_zero(tmp_path, uninterrupted):
    model = train(watching(tmp_path), epochs=2)
    train(watching(tmp_path), model=model, epochs=3)
    run = fw.read(tmp_path)
    assert run.steps == [0, 1, 2, 3, 4, 5]
    same_apart_from_plans(uninterrupted, run)


def test_the_first_step_of_a_continued_run_is_not_taken_again(tmp_path):
    model = train(watching(tmp_path), epochs=2)
    watch = watching(tmp_path)
    train(watch, model=model, epochs=3, initial_epoch=2)
    assert steps(watch) == [0, 1, 2, 3]


def test_steps_within_epochs_go_on(tmp_path):
    whole = watching(tmp_path / "whole", freq=3)
    train(whole, epochs=4)
    assert whole.history[-1].step == 16
    model = train(watching(tmp_path / "parts", freq=3), epochs=2)
    watch = watching(tmp_path / "parts", freq=3)
    train(watch, model=model, epochs=4, initial_epoch=2)
    same_apart_from_plans(whole, watch)
    same_apart_from_plans(whole, fw.read(tmp_path / "parts"))


def test_several_callbacks_in_one_fit_each_have_and_continue_a_run(tmp_path, uninterrupted):
    first, second = watching(tmp_path), watching(tmp_path)
    model = train(first, second, epochs=2)
    assert folders(tmp_path) == ["filterwatch", "filterwatch-2"]
    first, second = watching(tmp_path), watching(tmp_path)
    train(first, second, model=model, initial_epoch=2)
    assert folders(tmp_path) == ["filterwatch", "filterwatch-2"]
    same_apart_from_plans(uninterrupted, first)
    for name, watch in (("filterwatch", first), ("filterwatch-2", second)):
        assert steps(watch) == [0, 1, 2, 3, 4, 5]
        assert_same_runs(watch, fw.read(tmp_path / name))


# Trainings that were interrupted.


def test_backup_and_restore_continues_the_run(tmp_path, uninterrupted, capsys):
    backup = tmp_path / "backup"
    watch = watching(tmp_path / "logs")
    error = interrupted(watch, keras.callbacks.BackupAndRestore(backup), model=network(), epoch=3)
    assert steps(watch) == [0, 1, 2, 3]
    capsys.readouterr()
    again = watching(tmp_path / "logs")
    train(again, keras.callbacks.BackupAndRestore(backup))
    assert "after epoch 3." in capsys.readouterr().out
    assert folders(tmp_path / "logs") == ["filterwatch"]
    same_apart_from_plans(uninterrupted, again)
    same_apart_from_plans(uninterrupted, fw.read(tmp_path / "logs"))
    assert again.problems == []
    assert error.tb is not None  # what failed is still in memory, as in a notebook


def test_an_older_checkpoint_drops_the_later_steps(tmp_path, uninterrupted, capsys):
    model, watch = network(), watching(tmp_path)
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "saved.{epoch}.keras")
    interrupted(watch, saved, model=model, epoch=4)
    model = keras.models.load_model(tmp_path / "saved.2.keras")
    capsys.readouterr()
    again = watching(tmp_path)
    train(again, model=model, initial_epoch=2)
    said = capsys.readouterr().out
    assert "after epoch 2; steps 3 to 4 are recorded again." in said
    same_apart_from_plans(uninterrupted, again)
    same_apart_from_plans(uninterrupted, fw.read(tmp_path))


def test_an_older_checkpoint_of_a_training_that_ended_is_another_run(tmp_path, capsys):
    saved = keras.callbacks.ModelCheckpoint(tmp_path / "saved.{epoch}.keras")
    train(watching(tmp_path), saved)
    model = keras.models.load_model(tmp_path / "saved.2.keras")
    capsys.readouterr()
    train(watching(tmp_path), model=model, initial_epoch=2)
    said = capsys.readouterr().out
    assert "ended with epoch 5, and the model has the weights of epoch 2, so this is a new" in said
    assert fw.read(tmp_path).location.endswith("filterwatch-2")
    assert fw.read(tmp_path / "filterwatch").steps == [0, 1, 2, 3, 4, 5]


def test_a_training_from_the_same_start_continues_one_that_was_killed_in_its_first_epoch(
    tmp_path, uninterrupted
):
    interrupted(watching(tmp_path), model=network(), epoch=0)
    watch = watching(tmp_path)
    train(watch)
    assert folders(tmp_path) == ["filterwatch"]
    same_apart_from_plans(uninterrupted, watch)
    same_apart_from_plans(uninterrupted, fw.read(tmp_path))


@pytest.mark.parametrize("files", [[], ["record-0001.fwr"]])
def test_a_folder_of_a_training_that_was_killed_before_its_first_step_is_used(
    tmp_path, uninterrupted, files
):
    (tmp_path / "filterwatch").mkdir()
    for name in files:
        (tmp_path / "filterwatch" / name).write_bytes(b"FWREC")
    train(watching(tmp_path))
    assert folders(tmp_path) == ["filterwatch"]
    same_apart_from_plans(uninterrupted, fw.read(tmp_path))


PROGRAM = """
import os, signal, sys
sys.path.insert(0, {tests!r})
import keras
import test_resume
from trainings import network

class Kill(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if epoch == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

watch = test_resume.watching(sys.argv[1] + "/logs")
test_resume.train(watch, keras.callbacks.BackupAndRestore(sys.argv[1] + "/backup"), Kill())
assert watch.problems == [], watch.problems
print("ended")
"""


def process(directory, kill_at):
    """A process that trains, and kills itself at the end of an epoch, right after the backup."""
    program = PROGRAM.format(tests=str(Path(__file__).parent))
    return subprocess.run(
        [sys.executable, "-W", "error::UserWarning", "-c", program, str(directory), str(kill_at)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_process_that_was_killed_right_after_a_backup_is_continued(tmp_path, uninterrupted):
    killed = process(tmp_path, 2)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    ended = process(tmp_path, 99)
    assert ended.stdout.endswith("ended\n"), ended.stderr
    assert folders(tmp_path / "logs") == ["filterwatch"]
    same_apart_from_plans(uninterrupted, fw.read(tmp_path / "logs"))


def test_kernels_at_the_start_that_are_missing_cost_the_rotation_only(tmp_path):
    model = train(watching(tmp_path), epochs=2)
    (tmp_path / "filterwatch" / "first_kernels.npz").unlink()
    watch = watching(tmp_path)
    with pytest.warns(UserWarning, match="kernels at the start of the run could not be read"):
        train(watch, model=model, epochs=3, initial_epoch=2)
    assert steps(watch) == [0, 1, 2, 3]
    whole = fw.read(tmp_path)
    assert whole.history[3]["first"]["rotation"] < whole.history[2]["first"]["rotation"]
