"""`fw.read`: a Run says what the FilterWatch said, number by number, and errors say what to do."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from same_runs import assert_same_histories, assert_same_runs
from small_rules import raising
from trainings import compiled, data, fit, network, steps

import keras_filterwatch as fw
from keras_filterwatch.model.find import snapshot
from keras_filterwatch.quantised import QuantisedKernel

RECORDS = Path(__file__).parent / "records"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A FilterWatch with all that can be recorded, and the folder that it wrote to."""
    folder = tmp_path_factory.mktemp("logs")
    watch = fw.FilterWatch(
        folder,
        probe=data(),
        metrics={
            "largest": np.max,
            "sums": lambda array: array.reshape(-1, array.shape[-1]).sum(0),
        },
        rules=[
            *fw.default_rules(),
            raising(None, "warning", None),
            raising("note", "error", rule="odd", layer="head"),
        ],
    )
    model = network()
    fit(model, watch, epochs=3, validation_data=data())
    return watch, folder, model


@pytest.fixture(scope="module")
def run(trained):
    return fw.read(trained[1])


def test_a_run_says_what_the_callback_said(trained, run):
    assert_same_runs(trained[0], run)
    assert run.problems == trained[0].problems == []


def test_a_run_has_the_numbers_of_each_filter_in_single_precision(run):
    dtypes = {
        array.dtype.str
        for scores in run.history
        for layer in scores.values()
        for array in layer.filters.values()
        if array.dtype.kind == "f"
    }
    assert dtypes == {"<f4"}


def test_a_run_knows_where_and_what_it_is(trained, run):
    assert run.location == str(trained[1] / "filterwatch")
    assert (run.unit, run.steps, run.has_ended) == ("epoch", [0, 1, 2, 3], True)


def test_facts_are_those_of_each_step(run):
    # the directions of metrics are known from the end of the first epoch on
    assert [bool(run.facts_at(step).metric_directions) for step in run.steps] == [
        False,
        *[True] * 3,
    ]


def test_a_run_prints_what_the_summary_of_the_callback_says(trained, run, capsys):
    trained[0].summary()
    *expected, all_steps = capsys.readouterr().out.splitlines()
    assert all_steps.startswith("all steps: ")
    run.summary()
    assert capsys.readouterr().out.splitlines() == expected
    assert str(run).splitlines() == expected


def test_kernels_are_within_half_a_level_of_the_weights(trained, run):
    for kernel in snapshot(trained[2]).kernels:
        recorded = run.kernels(kernel.name)
        half = np.abs(kernel.array).max(axis=tuple(range(kernel.array.ndim - 1))) / 127 / 2
        assert np.all(np.abs(recorded.array - kernel.array) <= half * (1 + 1e-5))
        assert (recorded.kind, recorded.layer_type) == (kernel.kind, kernel.layer_type)


def test_kernels_of_each_step_are_those_of_the_step(tmp_path):
    kernels = []

    class KernelRecorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernels.append(QuantisedKernel.of(snapshot(self.model).kernels[0]))

    fit(network(), fw.FilterWatch(tmp_path, images=False), KernelRecorder(), epochs=3)
    run = fw.read(tmp_path)
    for step, kernel in enumerate(kernels, 1):
        np.testing.assert_array_equal(run.kernels("first", step).array, kernel.kernel().array)


def test_of_a_large_kernel_the_first_filters_are_recorded(tmp_path):
    model = keras.Sequential([layers.Input((4, 4, 512)), layers.Conv2D(64, 3, name="large")])
    model.compile("sgd", "mse")
    model.fit(
        *(np.ones((2, 4, 4, 512)), np.ones((2, 2, 2, 64))),
        verbose=0,
        callbacks=[fw.FilterWatch(tmp_path, images=False)],
    )
    run = fw.read(tmp_path)
    assert run.kernels("large").array.shape == (3, 3, 512, 12)
    assert run.history[-1]["large"].shape == (3, 3, 512, 64)


def test_a_step_that_is_not_there_is_an_error(run):
    with pytest.raises(ValueError, match=r"no step 9; its steps: 4 from 0 to 3"):
        run.kernels("first", 9)
    with pytest.raises(ValueError, match="no step None"):
        run.facts_at(None)


def test_a_layer_that_is_not_recorded_is_an_error(run):
    with pytest.raises(ValueError, match=r"'frist' were not recorded; .*'first'"):
        run.kernels("frist")


def test_pictures_are_drawn_from_a_run(trained, run):
    image = fw.draw.film_strip(run)
    assert image.tobytes() == fw.draw.film_strip(trained[0]).tobytes()
    assert fw.draw.filters(run, "second").width > 0


def test_a_long_training_is_recorded_beyond_the_limit_of_the_callback(tmp_path):
    model = keras.Sequential([layers.Input((2,)), layers.Dense(2, name="head")])
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(tmp_path, freq=1, images=False, rules=[])
    model.fit(np.ones((280, 2)), np.ones((280, 2)), batch_size=1, verbose=0, callbacks=[watch])
    run = fw.read(tmp_path)
    assert len(watch.history) == 256
    assert (run.unit, run.steps) == ("step", list(range(281)))
    kept = set(steps(watch))
    assert_same_histories(watch.history, [each for each in run.history if each.step in kept])


@pytest.mark.parametrize("name", ["a>b", "a\\b", "0", "Größe ☂", "a" * 200, "n\u0301 \u202e"])
def test_layers_of_any_name_are_recorded(tmp_path, name):
    model = keras.Sequential([layers.Input((4, 4, 1)), layers.Conv2D(2, 3, name=name)])
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(tmp_path)
    try:
        model.fit(np.ones((2, 4, 4, 1)), np.ones((2, 2, 2, 2)), verbose=0, callbacks=[watch])
    except ValueError:
        pytest.skip("the backend refuses the name")
    assert_same_runs(watch, fw.read(tmp_path))


def test_numbers_that_are_not_finite_come_back(tmp_path):
    x, y = data()
    watch = fw.FilterWatch(tmp_path)
    compiled(model := network(), rate=1e30)
    model.fit(x, y, epochs=2, verbose=0, callbacks=[watch])
    run = fw.read(tmp_path)
    assert_same_runs(watch, run)
    assert np.isnan(run.kernels("first").array).any()


# Where the record is.


def test_of_several_runs_the_last_begun_is_read(tmp_path):
    for rate in (1e-2, 1e-3):
        model = compiled(network(), rate)
        model.layers[0].kernel.assign_add(np.full((5, 5, 3, 32), rate, "f4"))
        fit(model, fw.FilterWatch(tmp_path), epochs=1)
    assert fw.read(tmp_path).location == str(tmp_path / "filterwatch-2")
    assert fw.read(tmp_path).history[-1].logs["learning_rate"] == pytest.approx(1e-3)
    first = fw.read(tmp_path / "filterwatch")
    assert first.history[-1].logs["learning_rate"] == pytest.approx(1e-2)


def test_a_damaged_run_beside_a_good_one_is_named(trained, tmp_path):
    shutil.copytree(trained[1] / "filterwatch", tmp_path / "filterwatch")
    (tmp_path / "filterwatch-2").mkdir()
    (tmp_path / "filterwatch-2" / "record-0001.fwr").write_bytes(b"something else")
    run = fw.read(tmp_path)
    assert run.location == str(tmp_path / "filterwatch")
    assert "filterwatch-2 cannot be read" in run.problems[0]
    assert "problem: " in str(run)


def test_a_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist: pass the log_dir"):
        fw.read(tmp_path / "nothing")


def test_a_folder_without_runs_is_an_error_that_says_what_is_there(tmp_path):
    (tmp_path / "cats").mkdir()
    with pytest.raises(FileNotFoundError, match=r"no record of a training.*'cats'"):
        fw.read(tmp_path)


def test_an_empty_folder_is_an_error_that_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="is empty and has no record of a training"):
        fw.read(tmp_path)


def test_a_folder_of_checkpoints_is_an_error_that_says_what_records_them(tmp_path):
    (tmp_path / "01.keras").write_text("")
    with pytest.raises(FileNotFoundError, match="`keras-filterwatch series`"):
        fw.read(tmp_path)


def test_a_file_is_an_error(trained):
    with pytest.raises(NotADirectoryError, match="is a file: pass the folder"):
        fw.read(trained[1] / "filterwatch" / "record-0001.fwr")


@pytest.mark.parametrize("place", ["filterwatch", "train"])
def test_events_without_a_record_are_an_error(tmp_path, place):
    (tmp_path / place).mkdir()
    (tmp_path / place / "events.out.tfevents.1700000000.host.1.0").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match="has no record"):
        fw.read(tmp_path / place)
    if place == "filterwatch":
        with pytest.raises(FileNotFoundError, match=r"version 0.1.0 or another program"):
            fw.read(tmp_path)


def test_reading_needs_neither_keras_nor_tensorboard(trained):
    program = (
        "import sys, keras_filterwatch as fw\n"
        f"run = fw.read({str(trained[1])!r})\n"
        "fw.judge(run), str(run), run.film_strips, fw.draw.film_strip(run), run.kernels('first')\n"
        "assert not {'keras', 'tensorflow', 'tensorboard', 'jax', 'torch'} & set(sys.modules)\n"
        "print(run.steps)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout == "[0, 1, 2, 3]\n"


# While a training goes on.


def test_another_process_reads_a_record_that_grows(tmp_path):
    program = (
        "import json, sys, time, keras_filterwatch as fw\n"
        "run, answers, deadline = None, [], time.time() + 120\n"
        "while time.time() < deadline and not (run and run.has_ended):\n"
        "    try:\n"
        "        run = fw.read(sys.argv[1])\n"
        "    except FileNotFoundError:\n"
        "        continue\n"
        "    answers.append((run.steps, [run.kernels('first', s).filters for s in run.steps]))\n"
        "print(json.dumps(answers))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as reader:

        class Pause(keras.callbacks.Callback):
            """Gives the other process time to read, until it has read this step."""

            def on_epoch_end(self, epoch, logs=None):
                watch.history  # noqa: B018 - waits until the step is recorded

        watch = fw.FilterWatch(tmp_path, images=False)
        fit(network(), watch, Pause(), epochs=8)
        answers = json.loads(reader.communicate(timeout=120)[0])
    assert answers[-1] == [list(range(9)), [32] * 9]
    for seen, filters in answers:
        assert seen == list(range(len(seen)))
        assert filters == [32] * len(seen)
    assert [len(seen) for seen, _ in answers] == sorted(len(seen) for seen, _ in answers)


def test_a_run_that_goes_on_has_not_ended(tmp_path):
    answers = []

    class Reader(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            watch.history  # noqa: B018 - waits until the step is recorded
            run = fw.read(tmp_path)
            answers.append((run.steps, run.has_ended, run.problems))

    watch = fw.FilterWatch(tmp_path, images=False)
    fit(network(), watch, Reader(), epochs=2)
    assert answers == [([0, 1], False, []), ([0, 1, 2], False, [])]


def test_a_run_without_steps_prints_and_has_no_kernels(tmp_path):
    (tmp_path / "filterwatch").mkdir()
    (tmp_path / "filterwatch" / "record-0001.fwr").write_bytes(b"FWRECORD")
    run = fw.read(tmp_path)
    assert str(run) == "Nothing was watched yet."
    assert (run.steps, run.alarms, run.drawn_layers, run.film_strips) == ([], [], [], {})
    with pytest.raises(ValueError, match="no step yet"):
        run.kernels("first")


# Files of earlier versions of the format.


def test_a_record_of_version_1_is_read():
    run = fw.read(RECORDS / "version-1")
    assert (run.unit, run.steps, run.has_ended, run.problems) == ("epoch", [0, 1, 2], True, [])
    assert run.model.optimizer == "SGD"
    assert run.model.outputs[0].loss == "mean_squared_error"
    assert [dict(scores.logs) for scores in run.history][1:] == [
        {"loss": 0.5, "learning_rate": 0.25},
        {"loss": 0.125, "learning_rate": 0.25},
    ]
    first, head = run.history[-1].values()
    assert (first.layer_type, first.shape, first.kind) == ("Conv2D", (3, 3, 1, 2), "conv")
    assert (first.verdict, first.reads_images) == ("undetermined", True)
    assert first["norm"] == 1.5
    assert first.filters["norm"].tolist() == [1.0, 2.0]
    assert first.filters["labels"].tolist() == ["edge", ""]
    assert np.isnan(head.filters["noise"]).all()
    (alarm,) = run.alarms
    assert (alarm.rule, alarm.layer, alarm.step, alarm.ended) == ("too_large", "head", 1, 2)
    assert (alarm.value, alarm.threshold, alarm.filters) == (11.5, 10.0, (0, 2))
    (note,) = run.notes
    assert (note.step, note.ended, note.message) == (2, None, "It is odd.")
    assert run.diagnosis == fw.Diagnosis("no fault found", (), "There is no reason to stop.")
    assert run.kernels("conv2d", 0).array[..., 0].ravel().tolist() == [-127.0] + [0.0] * 8
    assert run.kernels("conv2d", 2).array[..., 1].ravel().tolist() == [0.0] * 8 + [63.5]
