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
from trainings import RESTING, compiled, fit, network, steps
from viewer import read

import keras_filterwatch as fw


def test_a_second_fit_goes_on_where_the_first_ended(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path)
    fit(model, watch, epochs=2)
    fit(model, watch, epochs=1)
    assert steps(watch) == [0, 1, 2, 3]
    assert len(list((tmp_path / "filterwatch").iterdir())) == 2


def test_trainings_in_threads_leave_keras_as_it_was(tmp_path):
    original = keras.Layer.__call__
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: fw.score(model), [network() for _ in range(8)]))
    assert keras.Layer.__call__ is original


def test_training_goes_on_while_the_rest_is_scored_and_drawn(tmp_path):
    trains = threading.Event()

    class Trains(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            trains.set()

    watch = fw.FilterWatch(tmp_path, metrics={"trained": lambda array: trains.wait(10)})
    fit(network(), watch, Trains(), epochs=1)
    assert watch.history[0]["first"]["trained"] == 1


def test_what_goes_on_beside_training_sees_the_weights_as_they_were(tmp_path):
    means = []

    class Means(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kernel = self.model.get_layer("first").kernel
            means.append(float(keras.ops.convert_to_numpy(kernel).mean()))

    def late(array):
        time.sleep(0.05)
        return array.mean()

    watch = fw.FilterWatch(tmp_path, images=False, layers="first", metrics={"late": late})
    fit(network(rate=1.0), watch, Means(), epochs=3)
    assert [scores["first"]["late"] for scores in watch.history[1:]] == pytest.approx(means)


def test_callbacks_that_ask_for_the_history_find_this_epoch_in_it(tmp_path):
    answers = []

    class Asks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            answers.append((watch.history[-1].step, len(watch.alarms), watch.diagnosis.cause))

    watch = fw.FilterWatch(tmp_path)
    fit(network(RESTING), watch, Asks(), epochs=6)
    assert [step for step, *_ in answers] == [1, 2, 3, 4, 5, 6]
    assert answers[-1][1:] == (len(watch.alarms), watch.diagnosis.cause)
    assert watch.alarms


def test_a_rule_that_asks_for_the_history_gets_the_steps_before(tmp_path):
    histories = []
    watch = fw.FilterWatch(
        tmp_path, rules=[lambda history: histories.append((watch.history, history)) or []]
    )
    fit(network(), watch, epochs=2)
    assert [[s.step for s in before] for before, _ in histories] == [[], [0], [0, 1]]
    assert [[s.step for s in now] for _, now in histories] == [[0], [0, 1], [0, 1, 2]]


def reads_in_a_thread(watch, answers):
    """Waits for another thread that reads the watch's history."""
    thread = threading.Thread(
        target=lambda: answers.append([scores.step for scores in watch.history])
    )
    thread.start()
    thread.join(10)
    answers.append(thread.is_alive())


@pytest.mark.parametrize("what", ["metrics", "rules", "writers"])
def test_waiting_for_a_thread_that_reads_the_history_is_no_deadlock(tmp_path, what):
    answers = []

    class Waits:
        def write(self, report):
            reads_in_a_thread(watch, answers)

        def close(self):
            pass

    argument = {
        "metrics": {"mine": lambda array: reads_in_a_thread(watch, answers) or 1.0},
        "rules": [lambda history: reads_in_a_thread(watch, answers) or []],
        "writers": [Waits()],
    }[what]
    watch = fw.FilterWatch(tmp_path, layers="first", **{what: argument})
    fit(network(), watch, epochs=1)
    now = 1 if what == "writers" else 0  # a step is finished when it is judged
    assert answers == [[0][:now], False, [0, 1][: 1 + now], False]


def test_a_metric_that_waits_for_its_own_step_is_refused_with_a_clear_message(tmp_path):
    watch = fw.FilterWatch(tmp_path, metrics={"mine": lambda array: watch._recorder.wait() or 1.0})
    with pytest.warns(UserWarning, match="which would never end"):
        fit(network(), watch, epochs=1)
    assert steps(watch) == [0, 1]


def test_a_second_fit_after_an_interrupt_sees_no_task_of_the_first_beside_its_own(tmp_path):
    running, overlaps = threading.Lock(), []

    def slow(array):
        overlaps.append(not running.acquire(blocking=False))
        time.sleep(0.2)
        running.release()
        return float(array.mean())

    class Interrupts(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise KeyboardInterrupt

    model = network()
    watch = fw.FilterWatch(tmp_path, layers="first", images=False, metrics={"slow": slow})
    with pytest.raises(KeyboardInterrupt):
        fit(model, watch, Interrupts())
    fit(model, watch, epochs=2)
    assert overlaps == [False] * 3
    assert steps(watch) == [0, 1, 2]


def test_two_fits_in_threads_that_share_a_callback_end_without_an_error(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(own_loop, model, watch) for _ in range(2)]
        for each in fits:
            each.result(60)
    assert watch.problems == []


def own_loop(model, watch):
    """Hooks as a fit calls them, without training."""
    watch.set_model(model)
    watch.on_train_begin()
    for epoch in range(5):
        watch.on_epoch_begin(epoch)
        watch.on_epoch_end(epoch, {"loss": 1.0})
    watch.on_train_end()


def test_metrics_get_an_array_that_stays_as_it_is(tmp_path):
    kept = []
    watch = fw.FilterWatch(
        tmp_path, layers="first", metrics={"mine": lambda array: kept.append(array) or 0.0}
    )
    fit(network(rate=1.0), watch, epochs=3)
    means = [float(array.mean()) for array in kept]
    assert len(set(means)) == 4  # the buffers were written four times, what was kept was not


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
        own_loop(model, watch)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_fork_while_a_step_is_processed_goes_on_in_both_processes(tmp_path):
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


def test_a_training_that_fails_loses_no_step_that_it_had_seen(tmp_path):
    code = """
import time
import keras
import keras_filterwatch as fw
from trainings import fit, network

class Fails(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise RuntimeError("out of data")

def slow(array):
    time.sleep(0.2)
    return 1.0

fit(network(), fw.FilterWatch("logs", metrics={"slow": slow}), Fails(), epochs=5)
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
    tracemalloc.start()  # sees NumPy's memory, not the backend's
    fit(model, watch, epochs=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1.4 * watched < peak < 2 * watched
