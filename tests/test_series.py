"""A run that is recorded from its checkpoints says what the callback said while it trained."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from checkpoints import EPOCHS, arrays, save, train
from keras import layers
from same_runs import assert_same_alarms, assert_same_scores, assert_same_strips
from trainings import RESTING, compiled, fit, network

import keras_filterwatch as fw
from keras_filterwatch.checkpoints.listing import checkpoint_files
from keras_filterwatch.checkpoints.order import order_by_name
from keras_filterwatch.checkpoints.run_place import FolderInUseError
from keras_filterwatch.checkpoints.series import Series
from keras_filterwatch.checkpoints.step_pattern import step_pattern_of
from keras_filterwatch.checkpoints.training_log import read_training_log
from keras_filterwatch.storage import folder_of


def by_step(folder):
    """The checkpoints of a folder."""
    files = checkpoint_files([str(folder)])
    return order_by_name(files, step_pattern_of([file.name for file in files])).files


def record(folder, logs, csv=None, **options):
    """Records the checkpoints of a folder; returns the closed series."""
    options.setdefault("tell", lambda text: None)
    series = Series(folder_of(logs), **options)
    series.record(by_step(folder), read_training_log(csv).logs if csv else None)
    series.close()
    return series


def states(series):
    return [outcome.state for outcome in series.outcomes.values()]


def symmetric():
    """A network whose filters begin equal and stay so."""
    keras.utils.set_random_seed(0)
    equal = keras.initializers.Constant(0.01)
    return compiled(
        keras.Sequential(
            [
                layers.Input((12, 12, 3)),
                layers.Conv2D(16, 3, kernel_initializer=equal, activation="relu", name="first"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(3, activation="softmax", name="head"),
            ]
        )
    )


def frozen():
    """A network whose first layer stays as it was initialised."""
    model = network()
    model.get_layer("first").trainable = False
    return compiled(model)


TRAININGS = {
    "healthy": {},
    "diverging": {"rate": 1e20},
    "resting": {"rate": RESTING},
    "symmetric": {"model": symmetric},
    "frozen": {"model": frozen},
}


@pytest.fixture(scope="module", params=TRAININGS)
def training(request, tmp_path_factory):
    """The folder of a training, as `checkpoints.train` leaves it."""
    options = dict(TRAININGS[request.param])
    if "model" in options:
        options["model"] = options["model"]()
    return train(tmp_path_factory.mktemp(request.param), **options)


def assert_same_run(watched, series, facts=True):
    """Demands the same scores, alarms, notes, diagnosis and film strips; logs in any order."""
    assert watched.steps == series.steps == list(range(EPOCHS + 1))
    for ours, theirs in zip(watched.history, series.history, strict=True):
        if facts:
            assert dict(theirs.logs) == pytest.approx(dict(ours.logs), rel=0, abs=0, nan_ok=True)
        updates = theirs.updates if facts else ours.updates
        assert_same_scores(replace(ours, logs={}), replace(theirs, logs={}, updates=updates))
    assert_same_strips(watched.film_strips, series.film_strips)
    if facts:
        assert_same_alarms(watched.alarms, series.alarms)
        assert_same_alarms(watched.notes, series.notes)
        assert watched.diagnosis == series.diagnosis
        # a file does not tell on which backend its training ran
        assert replace(watched.model, backend="") == series.model


def test_the_models_of_a_training_give_the_scores_and_alarms_of_the_callback(training, tmp_path):
    series = record(training / "models", tmp_path, training / "training.csv", epochs=EPOCHS)
    assert states(series) == ["recorded"] * (EPOCHS + 1)
    assert_same_run(fw.read(training / "watched"), fw.read(tmp_path))


def test_the_weights_of_a_training_give_the_scores_of_the_callback(training, tmp_path):
    # the optimizer is not in the files, so that alarms which need its rate cannot be the same
    series = record(
        training / "weights",
        tmp_path,
        training / "training.csv",
        architecture=training / "model.json",
        epochs=EPOCHS,
    )
    assert states(series) == ["recorded"] * (EPOCHS + 1)
    assert_same_run(fw.read(training / "watched"), fw.read(tmp_path), facts=False)


def test_the_trainings_that_are_compared_are_not_all_healthy(training, request):
    alarms = {alarm.rule for alarm in fw.read(training / "watched").alarms}
    expected = {
        "healthy": set(),
        "diverging": {"diverged"},
        "resting": {"stalled"},
        "symmetric": {"symmetric"},
        "frozen": {"frozen_at_random"},
    }
    assert expected[request.node.callspec.params["training"]] <= alarms


def test_two_fits_with_different_optimizers_are_one_run_as_with_the_callback(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path / "watched")
    (tmp_path / "models").mkdir()
    model.save(tmp_path / "models/00.keras")
    callbacks = [
        watch,
        keras.callbacks.ModelCheckpoint(tmp_path / "models/{epoch:02d}.keras"),
        keras.callbacks.CSVLogger(tmp_path / "training.csv", append=True),
    ]
    fit(model, *callbacks, epochs=2)
    model.compile(keras.optimizers.Adam(1e-3), loss="sparse_categorical_crossentropy")
    fit(model, *callbacks, initial_epoch=2, epochs=4)
    record(tmp_path / "models", tmp_path / "logs", tmp_path / "training.csv", epochs=4)
    watched, series = fw.read(tmp_path / "watched"), fw.read(tmp_path / "logs")
    for ours, theirs in zip(watched.history, series.history, strict=True):
        assert dict(theirs.logs) == dict(ours.logs)
        assert_same_scores(replace(ours, logs={}), replace(theirs, logs={}))
    assert replace(watched.model, backend="") == series.model
    assert (series.model.optimizer, series.facts_at(2).optimizer) == ("Adam", "SGD")


# With arrays, whose names and scores need no Keras.


def test_update_is_measured_from_the_file_before_and_rotation_from_the_first(tmp_path):
    save(tmp_path / "files", 0, 1, 3)
    record(tmp_path / "files", tmp_path)
    history = fw.read(tmp_path).history
    first, before, last = (arrays(step)["conv"].astype(float) for step in (0, 1, 3))
    update = np.linalg.norm(last - before) / np.linalg.norm(before)
    cosine = (last * first).sum() / np.linalg.norm(last) / np.linalg.norm(first)
    assert history[-1]["conv"]["update"] == pytest.approx(update, rel=1e-6)
    assert history[-1]["conv"]["rotation"] == pytest.approx(1 - cosine, rel=1e-6)


def test_all_that_reads_runs_shows_a_series(tmp_path):
    save(tmp_path / "files", 0, 1, 2)
    record(tmp_path / "files", tmp_path / "logs")
    run = fw.read(tmp_path / "logs")
    assert run.has_ended
    assert fw.draw.film_strip(run, "conv").size[0] > 0
    assert fw.draw.overview(run).size[0] > 0
    assert run.report(tmp_path / "report.html").stat().st_size > 0
    assert any("tfevents" in path.name for path in (tmp_path / "logs/filterwatch").iterdir())


def test_a_file_with_other_kernels_is_left_out_and_told(tmp_path):
    save(tmp_path / "files", 0, 1, 3)
    save(tmp_path / "files", 2, filters=4)
    series = record(tmp_path / "files", tmp_path)
    assert fw.read(tmp_path).steps == [0, 1, 3]
    left_out = series.outcomes["02.npz"]
    assert left_out.state == "left out"
    assert "'conv' has shape (5, 5, 3, 4), not (5, 5, 3, 8)" in left_out.reason


def test_a_file_that_lacks_a_kernel_is_left_out_and_told(tmp_path):
    save(tmp_path / "files", 0, 1)
    np.savez(tmp_path / "files/02.npz", conv=arrays(2)["conv"], tail=arrays(2)["head"])
    outcome = record(tmp_path / "files", tmp_path).outcomes["02.npz"]
    assert outcome.reason == "it holds another network: it has no 'head', and 'tail' besides"


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_recorded(tmp_path):
    save(tmp_path / "files", 0, 1, 2)
    damaged = tmp_path / "files/01.npz"
    damaged.write_bytes(damaged.read_bytes()[:100])
    series = record(tmp_path / "files", tmp_path)
    assert states(series) == ["recorded", "unreadable", "recorded"]
    assert fw.read(tmp_path).steps == [0, 2]


def test_a_first_file_that_cannot_be_read_does_not_decide_the_kernels(tmp_path):
    save(tmp_path / "files", 0, 1, 2)
    (tmp_path / "files/00.npz").write_bytes(b"nothing")
    assert states(record(tmp_path / "files", tmp_path)) == ["unreadable", "recorded", "recorded"]


def test_chosen_layers_alone_are_recorded(tmp_path):
    save(tmp_path / "files", 0, 1)
    record(tmp_path / "files", tmp_path, layers=["c*"])
    scores = fw.read(tmp_path).recorded_scores
    assert list(scores) == ["conv"]
    assert scores.skipped["head"] == "not among the chosen layers"


# A log_dir that has a record already.


def test_the_same_checkpoints_again_add_nothing(tmp_path):
    save(tmp_path / "files", 0, 1, 2)
    record(tmp_path / "files", tmp_path / "logs")
    before = fw.read(tmp_path / "logs")
    assert states(record(tmp_path / "files", tmp_path / "logs")) == ["recorded before"] * 3
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["filterwatch"]
    assert fw.read(tmp_path / "logs").steps == before.steps


def test_further_checkpoints_continue_the_run_as_if_there_had_been_no_end(tmp_path):
    save(tmp_path / "files", *range(7))
    record(tmp_path / "files", tmp_path / "whole")
    save(tmp_path / "parts", 0, 1, 2)
    record(tmp_path / "parts", tmp_path / "logs")
    save(tmp_path / "parts", *range(3, 7))
    series = record(tmp_path / "parts", tmp_path / "logs")
    assert states(series) == ["recorded before"] * 3 + ["recorded"] * 4
    whole, parts = fw.read(tmp_path / "whole"), fw.read(tmp_path / "logs")
    for ours, theirs in zip(whole.history, parts.history, strict=True):
        assert_same_scores(ours, theirs)
    assert_same_alarms(whole.alarms, parts.alarms)
    assert_same_strips(whole.film_strips, parts.film_strips)
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["filterwatch"]


def test_checkpoints_of_another_run_get_a_folder_of_their_own(tmp_path):
    save(tmp_path / "one", 0, 1, 2)
    save(tmp_path / "two", 0, 1, 2, 3, seed=1)
    record(tmp_path / "one", tmp_path / "logs")
    told = []
    series = record(tmp_path / "two", tmp_path / "logs", tell=told.append)
    assert states(series) == ["recorded"] * 4
    assert fw.read(tmp_path / "logs/filterwatch").steps == [0, 1, 2]
    assert fw.read(tmp_path / "logs/filterwatch-2").steps == [0, 1, 2, 3]
    assert "other weights at step 0" in told[0]


def test_a_run_that_only_ends_with_the_same_weights_is_not_continued(tmp_path):
    save(tmp_path / "one", 0, 1, 2)
    save(tmp_path / "two", 0, 1, seed=1)
    save(tmp_path / "two", 2)
    record(tmp_path / "one", tmp_path / "logs")
    record(tmp_path / "two", tmp_path / "logs")
    assert fw.read(tmp_path / "logs/filterwatch-2").steps == [0, 1, 2]


def test_a_run_whose_last_step_has_no_file_is_not_continued(tmp_path):
    paths = save(tmp_path / "files", 0, 1, 2)
    record(tmp_path / "files", tmp_path / "logs")
    paths[-1].unlink()
    save(tmp_path / "files", 3)
    told = []
    record(tmp_path / "files", tmp_path / "logs", tell=told.append)
    assert "last step, 2, has no file here" in told[0]
    assert fw.read(tmp_path / "logs/filterwatch").steps == [0, 1, 2]
    assert fw.read(tmp_path / "logs/filterwatch-2").steps == [0, 1, 3]


def test_a_file_that_comes_late_is_left_out_of_a_record_that_is_further(tmp_path):
    save(tmp_path / "files", 0, 2)
    record(tmp_path / "files", tmp_path / "logs")
    save(tmp_path / "files", 1)
    outcomes = record(tmp_path / "files", tmp_path / "logs").outcomes
    assert outcomes["01.npz"].state == "left out"
    assert fw.read(tmp_path / "logs").steps == [0, 2]


def test_the_record_of_the_callback_is_continued_by_checkpoints(training, tmp_path):
    files = by_step(training / "models")
    series = Series(folder_of(training / "watched"), tell=lambda text: None)
    series.record(files)
    series.close()
    assert set(states(series)) == {"recorded before"}


def test_a_log_dir_may_be_an_address(tmp_path):
    save(tmp_path / "files", 0, 1)
    record(tmp_path / "files", "memory://series")
    save(tmp_path / "files", 2)
    assert states(record(tmp_path / "files", "memory://series"))[-1] == "recorded"
    assert fw.read("memory://series").steps == [0, 1, 2]


def test_a_log_dir_that_another_process_writes_to_is_not_used(tmp_path):
    save(tmp_path / "files", 0, 1)
    series = Series(folder_of(tmp_path / "logs"))
    series.record(by_step(tmp_path / "files"))
    with pytest.raises(FolderInUseError, match="another process writes"):
        record(tmp_path / "files", tmp_path / "logs")
    series.close()


# What is known of the training.


def test_without_logs_the_scores_are_the_same(tmp_path):
    save(tmp_path / "files", 0, 1, 2)
    csv = tmp_path / "training.csv"
    csv.write_text("epoch,loss\n0,0.5\n1,0.25\n")
    record(tmp_path / "files", tmp_path / "without")
    record(tmp_path / "files", tmp_path / "with", csv)
    without, with_logs = fw.read(tmp_path / "without"), fw.read(tmp_path / "with")
    assert with_logs.logs["loss"][1:] == [0.5, 0.25]
    assert without.logs == {}
    for ours, theirs in zip(without.history, with_logs.history, strict=True):
        assert_same_scores(ours, replace(theirs, logs={}))


def test_the_epochs_that_were_planned_are_those_of_fit(tmp_path):
    save(tmp_path / "files", 1, 2)
    record(tmp_path / "files", tmp_path, epochs=10)
    assert fw.read(tmp_path).model.epochs == 9  # after step 1
