"""What is done beside a real training: when, in which memory, and who waits for it."""

import concurrent.futures
import os
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from small_rules import raising
from trainings import compiled, fit, network, steps
from viewer import read

import keras_filterwatch as fw


def test_a_second_fit_continues_the_history_of_the_first(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path)
    fit(model, watch, epochs=2)
    fit(model, watch, epochs=1)
    assert steps(watch) == [0, 1, 2, 3]
    assert len(list((tmp_path / "filterwatch").glob("events*"))) == 2


def test_scoring_models_in_threads_leaves_keras_unchanged():
    original = keras.Layer.__call__
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(fw.score, [network() for _ in range(8)]))
    assert keras.Layer.__call__ is original


def test_training_does_not_wait_for_metrics_of_the_user(tmp_path):
    trains = threading.Event()

    class FirstBatchSignal(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            trains.set()

    watch = fw.FilterWatch(tmp_path, metrics={"trained": lambda array: trains.wait(10)})
    fit(network(), watch, FirstBatchSignal(), epochs=1)
    assert watch.history[0]["first"]["trained"] == 1


def test_a_slow_metric_measures_the_weights_of_its_own_step(tmp_path):
    means = []

    class MeanRecorder(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernel = self.model.get_layer("first").kernel
            means.append(float(keras.ops.convert_to_numpy(kernel).mean()))

    def slow(array):
        time.sleep(0.05)
        return array.mean()

    watch = fw.FilterWatch(tmp_path, images=False, layers="first", metrics={"slow": slow})
    fit(network(), watch, MeanRecorder(), epochs=3)
    assert [scores["first"]["slow"] for scores in watch.history[1:]] == pytest.approx(means)


def test_later_callbacks_get_this_epochs_history_alarms_and_diagnosis(tmp_path):
    answers = []

    class HistoryReader(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            answers.append(
                (
                    watch.history[-1].step,
                    *(len(watch.alarms), len(watch.notes), len(watch.diagnosis.evidence)),
                )
            )

    rules = [raising(None, None, "warning"), raising(None, "note", rule="odd")]
    watch = fw.FilterWatch(tmp_path, rules=rules, images=False)
    fit(network(), watch, HistoryReader(), epochs=3)
    assert [answer[:3] for answer in answers] == [(1, 0, 1), (2, 1, 1), (3, 1, 1)]
    assert [evidence for *_, evidence in answers[1:]] == [1, 1]


def test_a_rule_that_reads_watch_history_gets_the_steps_before(tmp_path):
    histories = []
    watch = fw.FilterWatch(
        tmp_path, rules=[lambda history: histories.append((watch.history, history)) or []]
    )
    fit(network(), watch, epochs=2)
    assert [[s.step for s in before] for before, _ in histories] == [[], [0], [0, 1]]
    assert [[s.step for s in now] for _, now in histories] == [[0], [0, 1], [0, 1, 2]]


def read_in_a_thread(watch, answers):
    """Waits for another thread that reads the watch's history."""
    thread = threading.Thread(
        target=lambda: answers.append([scores.step for scores in watch.history])
    )
    thread.start()
    thread.join(10)
    answers.append(thread.is_alive())


@pytest.mark.parametrize("argument", ["metrics", "rules", "writers"])
def test_waiting_for_a_thread_that_reads_the_history_is_no_deadlock(tmp_path, argument):
    answers = []

    class WaitingWriter:
        def write(self, report):
            read_in_a_thread(watch, answers)

        def close(self):
            pass

    value = {
        "metrics": {"mine": lambda array: read_in_a_thread(watch, answers) or 1.0},
        "rules": [lambda history: read_in_a_thread(watch, answers) or []],
        "writers": [WaitingWriter()],
    }[argument]
    watch = fw.FilterWatch(tmp_path, layers="first", **{argument: value})
    fit(network(), watch, epochs=1)
    # writers run when the step is in the history, metrics and rules before
    expected = [[0], [0, 1]] if argument == "writers" else [[], [0]]
    still_waits = False
    assert answers == [expected[0], still_waits, expected[1], still_waits]


def test_a_metric_that_waits_for_its_own_step_is_refused_with_a_clear_message(tmp_path):
    watch = fw.FilterWatch(tmp_path, metrics={"mine": lambda array: watch._recorder.wait() or 1.0})
    with pytest.warns(UserWarning, match="which would never end"):
        fit(network(), watch, epochs=1)
    assert steps(watch) == [0, 1]


def test_a_fit_after_an_interrupt_runs_no_two_steps_at_once(tmp_path):
    running, overlaps = threading.Lock(), []

    def slow(array):
        overlaps.append(not running.acquire(blocking=False))
        time.sleep(0.2)
        running.release()
        return float(array.mean())

    class Interrupter(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    model = network()
    watch = fw.FilterWatch(tmp_path, layers="first", images=False, metrics={"slow": slow})
    with pytest.raises(KeyboardInterrupt):
        fit(model, watch, Interrupter())
    fit(model, watch, epochs=2)
    assert overlaps == [False] * 3
    assert steps(watch) == [0, 1, 2]


def test_two_fits_in_threads_that_share_a_callback_end_without_an_error(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(call_hooks, model, watch) for _ in range(2)]
        for one_fit in fits:
            one_fit.result(60)
    assert watch.problems == []


def call_hooks(model, watch):
    """Calls the hooks as a fit of five epochs does, without training."""
    watch.set_model(model)
    watch.on_train_begin()
    for epoch in range(5):
        watch.on_epoch_begin(epoch)
        watch.on_epoch_end(epoch, {"loss": 1.0})
    watch.on_train_end()


def test_an_array_that_a_metric_keeps_does_not_change(tmp_path):
    arrays = []
    watch = fw.FilterWatch(
        tmp_path, layers="first", metrics={"mine": lambda array: arrays.append(array) or 0.0}
    )
    fit(network(), watch, epochs=3)
    means = [float(array.mean()) for array in arrays]
    assert len(set(means)) == 4  # one for each step, although all steps use one buffer


def test_a_metric_cannot_change_the_weights(tmp_path):
    def spoil(array):
        array.flags.writeable = True
        array[:] = 0
        return 0.0

    model = network()
    before = [weights.copy() for weights in model.get_weights()]
    watch = fw.FilterWatch(tmp_path, metrics={"mine": spoil, "mean": np.mean})
    watch.set_model(model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call_hooks(model, watch)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_after_a_fork_both_processes_have_the_step_that_was_processed(tmp_path):
    model = network()
    watch = fw.FilterWatch(
        tmp_path, images=False, metrics={"slow": lambda array: time.sleep(0.1) or 1.0}
    )
    watch.set_model(model)
    watch.on_train_begin()
    watch.on_epoch_begin(0)
    child = os.fork()
    if child == 0:
        os._exit(0 if [scores.step for scores in watch.history] == [0] else 1)
    watch.on_epoch_end(0, {"loss": 1.0})
    watch.on_train_end()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert steps(watch) == [0, 1]


def test_a_training_that_fails_loses_no_step_before(tmp_path):
    code = """
import time
import keras
import keras_filterwatch as fw
from trainings import fit, network

class FailingCallback(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("out of data")

def slow(array):
    time.sleep(0.2)
    return 1.0

fit(network(), fw.FilterWatch("logs", metrics={"slow": slow}), FailingCallback(), epochs=5)
"""
    paths = [*sys.path, str(Path(__file__).parent)]
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:] = {paths}\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "RuntimeError: out of data" in ran.stderr
    curve = read(tmp_path / "logs" / "filterwatch")["slow/00_first"]
    assert [step for step, _ in curve] == [0, 1, 2]


def test_watching_takes_less_than_twice_the_memory_of_the_weights(tmp_path):
    hidden = [layers.Dense(units, activation="relu") for units in (8000, 2000)]
    head = layers.Dense(3, activation="softmax")
    model = compiled(keras.Sequential([layers.Input((12, 12, 3)), layers.Flatten(), *hidden, head]))
    watched = 4 * sum(layer.kernel.shape[0] * layer.kernel.shape[1] for layer in (*hidden, head))
    watch = fw.FilterWatch(tmp_path, images=False)
    tracemalloc.start()  # traces NumPy's memory, not the backend's
    fit(model, watch, epochs=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak > watched  # a copy of the weights is traced, so the bound below says something
    assert peak < 2 * watched
