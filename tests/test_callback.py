"""A real fit, watched: what is recorded, written, printed, and when it stops."""

import concurrent.futures
import io
import math
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
from viewer import read

import keras_filterwatch as fw

LEARNING, RESTING = 1e-2, 1e-9


def data(count=32):
    random = np.random.default_rng(0)
    return random.random((count, 12, 12, 3), "float32"), random.integers(3, size=count)


def compiled(model, rate=LEARNING):
    model.compile(keras.optimizers.SGD(rate), loss="sparse_categorical_crossentropy")
    return model


def network(rate=LEARNING):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(32, 5, name="first"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Conv2D(16, 3, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="head"),
        ]
    )
    return compiled(model, rate)


def fit(model, *callbacks, epochs=2, **options):
    return model.fit(
        *data(), batch_size=8, epochs=epochs, callbacks=list(callbacks), verbose=0, **options
    )


def steps(watch):
    return [scores.step for scores in watch.history]


def test_history_has_the_initial_state_and_each_epoch(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, epochs=3)
    assert steps(watch) == [0, 1, 2, 3]
    assert [list(scores) for scores in watch.history] == [["first", "second", "head"]] * 4


def test_history_holds_the_scores_of_the_weights(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path)
    initial = fw.score(model)
    fit(model, watch)
    for name in ("first", "second", "head"):
        expected = dict(fw.score(model)[name])
        now = {measure: watch.history[-1][name][measure] for measure in expected}
        assert now == pytest.approx(expected)
        then = {measure: watch.history[0][name][measure] for measure in initial[name]}
        assert then == pytest.approx(dict(initial[name]))


def test_update_and_rotation_are_those_of_the_weights(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path)
    weights = []
    remember = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: weights.append(model.get_layer("first").get_weights()[0])
    )
    fit(model, watch, remember, epochs=2)
    weights.append(model.get_layer("first").get_weights()[0])
    start, middle, end = (np.asarray(w, "float64").ravel() for w in weights)
    scores = watch.history[-1]["first"]
    change = np.linalg.norm(end - middle) / np.linalg.norm(middle)
    cosine = start @ end / np.linalg.norm(start) / np.linalg.norm(end)
    assert scores["update"] == pytest.approx(change, rel=1e-5)
    assert scores["rotation"] == pytest.approx(1 - cosine, rel=1e-4)


def test_logs_get_both_keys_every_epoch(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    history = fit(network(), watch, epochs=3).history
    assert history["filter_noise"] == [scores.filter_noise for scores in watch.history[1:]]
    assert history["dead_filters"] == [scores.dead_filters for scores in watch.history[1:]]


def test_stock_callbacks_follow_the_logs(tmp_path):
    model = network()
    stopping = keras.callbacks.EarlyStopping("filter_noise", mode="min", min_delta=9, patience=2)
    slowing = keras.callbacks.ReduceLROnPlateau(
        "filter_noise", mode="min", min_delta=9, patience=1, factor=0.5
    )
    logger = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    watch = fw.FilterWatch(tmp_path / "logs")
    fit(model, watch, stopping, slowing, logger, epochs=9)
    assert steps(watch) == [0, 1, 2, 3]  # nothing improves by 9: patience 2 ends after epoch 3
    assert float(model.optimizer.learning_rate) < LEARNING
    assert "filter_noise" in (tmp_path / "log.csv").read_text().splitlines()[0].split(",")


def test_freq_counts_batches(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=3)
    history = fit(network(), watch, epochs=2).history  # 4 batches an epoch
    assert steps(watch) == [0, 3, 4, 7, 8]
    assert [scores.epoch for scores in watch.history] == [0, 0, 1, 1, 2]
    assert len(history["filter_noise"]) == 2


def test_freq_of_one_batch_sees_each_batch_once(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=1)
    fit(network(), watch, epochs=2)
    assert steps(watch) == list(range(9))


def test_batch_hooks_are_only_there_when_asked_for(tmp_path):
    def waits_for_batches(watch):  # Keras does where a callback brings a hook of its own
        return watch.on_train_batch_end.__func__ is not keras.callbacks.Callback.on_train_batch_end

    assert not waits_for_batches(fw.FilterWatch(tmp_path))
    assert waits_for_batches(fw.FilterWatch(tmp_path, freq=1))


def test_a_resumed_training_starts_at_its_initial_epoch(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, initial_epoch=5, epochs=7)
    assert steps(watch) == [5, 6, 7]


def test_a_second_fit_goes_on_where_the_first_ended(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path)
    fit(model, watch, epochs=2)
    fit(model, watch, epochs=1)
    assert steps(watch) == [0, 1, 2, 3]
    assert len(list((tmp_path / "filterwatch").iterdir())) == 2


def test_another_model_is_another_story(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    fit(network(RESTING), watch, epochs=6)
    assert watch.alarms
    fit(network(), watch, epochs=1)
    assert steps(watch) == [0, 1]
    assert not watch.alarms
    assert "This is another model than FilterWatch saw before" in capsys.readouterr().out


def test_layers_that_were_changed_between_two_fits_are_found(tmp_path, capsys):
    model, watch = network(), fw.FilterWatch(tmp_path)
    fit(model, watch)
    model.pop()
    model.add(layers.Dense(3, activation="softmax", name="new_head"))
    fit(compiled(model), watch, epochs=1)
    assert [list(scores) for scores in watch.history] == [["first", "second", "new_head"]] * 2
    assert "The layers are others than FilterWatch saw before" in capsys.readouterr().out


def test_listed_twice_it_counts_once(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=2)
    fit(network(), watch, watch, epochs=2)
    assert steps(watch) == [0, 2, 4, 6, 8]
    assert [scores.epoch for scores in watch.history] == [0, 0, 1, 1, 2]


def own_loop(model, watch, batch_ends, **params):
    """Two epochs of a training loop of one's own, which calls back after these batches."""
    callbacks = keras.callbacks.CallbackList([watch], model=model, **params)
    x, y = data(8)
    callbacks.on_train_begin()
    for epoch in range(2):
        callbacks.on_epoch_begin(epoch)
        for batch in batch_ends:
            model.train_on_batch(x, y)
            callbacks.on_train_batch_end(batch)
        callbacks.on_epoch_end(epoch)
    callbacks.on_train_end()


def test_a_training_loop_of_ones_own_need_not_give_parameters(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=1)
    own_loop(network(), watch, batch_ends=[0, 1])
    assert steps(watch) == [0, 1, 2, 3, 4]


def test_several_batches_at_once_are_counted_as_they_are(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=1)
    # as Keras does with steps_per_execution=3: the last of the second three is beyond the epoch
    own_loop(network(), watch, batch_ends=[2, 5], steps=4)
    assert steps(watch) == [0, 3, 4, 7, 8]


@pytest.mark.filterwarnings("ignore:FilterWatch could not follow the data")
def test_a_model_of_built_parts_is_watched_from_its_initial_state(tmp_path):
    class Around(keras.Model):
        def __init__(self, body):
            super().__init__()
            self.body = body

        def call(self, x):
            return self.body(x)

    body = network()
    initial, watch = fw.score(body), fw.FilterWatch(tmp_path)
    fit(compiled(Around(body)), watch, epochs=1)
    names = [f"{body.name}/{name}" for name in ("first", "second", "head")]
    assert [list(scores) for scores in watch.history] == [names] * 2
    assert watch.history[0][names[0]]["noise"] == pytest.approx(initial["first"]["noise"])


def test_events_go_where_they_went_when_the_process_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    away = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: monkeypatch.chdir(tmp_path / "elsewhere")
    )
    fit(network(), fw.FilterWatch("logs"), away)
    assert len(list((tmp_path / "logs" / "filterwatch").iterdir())) == 1
    assert not list((tmp_path / "elsewhere").iterdir())


def test_trainings_in_threads_leave_keras_as_it_was(tmp_path):
    original = keras.Layer.__call__
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda model: fw.score(model), [network() for _ in range(8)]))
    assert keras.Layer.__call__ is original


def test_an_epoch_of_unknown_length_ends_with_its_last_batch(tmp_path):
    def batches():
        x, y = data()
        for start in range(0, 32, 8):
            yield x[start : start + 8], y[start : start + 8]

    watch = fw.FilterWatch(tmp_path, freq=2)
    network().fit(batches(), epochs=1, callbacks=[watch], verbose=0)
    assert [(scores.step, scores.epoch) for scores in watch.history] == [(0, 0), (2, 0), (4, 1)]


def test_a_model_that_is_not_built_before_its_first_batch_is_watched(tmp_path):
    class Late(keras.Model):
        def __init__(self):
            super().__init__()
            self.conv = layers.Conv2D(32, 5, name="conv")
            self.norm = layers.BatchNormalization()
            self.unused = layers.Dense(2, name="unused")
            self.head = layers.Dense(3, activation="softmax", name="head")

        def call(self, x):
            return self.head(keras.ops.mean(self.norm(self.conv(x)), axis=(1, 2)))

    watch = fw.FilterWatch(tmp_path)
    with warnings.catch_warnings(record=True) as caught:
        history = fit(compiled(Late()), watch, epochs=2).history
    if keras.backend.backend() == "tensorflow":  # elsewhere Keras builds it before training begins
        said = [str(warning.message) for warning in caught]
        assert sum("had no weights before its first batch: step 0 is" in each for each in said) == 1
    assert steps(watch) == [0, 1, 2]
    assert list(watch.history[0]) == ["conv", "head"]
    assert watch.history[0].skipped["unused"] == "not built: the model has not used it"
    assert len(history["filter_noise"]) == 2
    assert watch.history[-1]["conv"]["rotation"] > 0


def test_deep_models_get_a_picture_of_the_first_and_three_deeper_layers(tmp_path, capsys):
    convolutions = [layers.Conv2D(4, 3, padding="same", name=f"c{i}") for i in range(7)]
    head = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    fit(
        compiled(keras.Sequential([layers.Input((12, 12, 3)), *convolutions, *head])),
        fw.FilterWatch(tmp_path),
        epochs=1,
    )
    assert "draws c0, c2, c4, c6." in capsys.readouterr().out


def test_all_chosen_layers_get_a_picture(tmp_path, capsys):
    convolutions = [layers.Conv2D(4, 3, padding="same", name=f"c{i}") for i in range(7)]
    head = [layers.Flatten(), layers.Dense(3, activation="softmax")]
    fit(
        compiled(keras.Sequential([layers.Input((12, 12, 3)), *convolutions, *head])),
        fw.FilterWatch(tmp_path, layers="c[1-6]"),
        epochs=1,
    )
    assert "draws c1, c2, c3, c4, c5, c6." in capsys.readouterr().out


def test_what_is_not_watched_is_said_once(tmp_path, capsys):
    fit(network(), fw.FilterWatch(tmp_path), epochs=3)
    assert capsys.readouterr().out.count("not watched: norm (BatchNormalization has no kernel") == 1


def test_an_alarm_is_printed_once_and_kept(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    fit(network(RESTING), watch, epochs=8)
    raised = [(a.layer, a.step) for a in watch.alarms if a.rule == "noisy"]
    assert raised == [("first", 5), ("second", 5)]
    printed = capsys.readouterr().out
    said = [f"FilterWatch alarm ({alarm.rule}): {alarm.message}" for alarm in watch.alarms]
    assert all(printed.count(each) == 1 for each in said)


def test_the_diagnosis_is_said_at_the_end_of_a_training_with_alarms(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    fit(network(RESTING), watch, epochs=6)
    assert watch.diagnosis.cause == "rate too low"
    assert f"FilterWatch diagnosis: {watch.diagnosis}" in capsys.readouterr().out


def test_without_alarms_no_fault_is_found(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, epochs=2)
    assert watch.diagnosis.cause == "no fault found"
    assert "diagnosis" not in capsys.readouterr().out


def test_history_has_the_logs_of_each_epoch_and_the_learning_rate(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    history = fit(network(), watch, epochs=2, validation_split=0.25).history
    assert [scores.logs["val_loss"] for scores in watch.history[1:]] == history["val_loss"]
    assert [scores.logs["learning_rate"] for scores in watch.history] == [
        pytest.approx(LEARNING)
    ] * 3
    assert set(watch.history[0].logs) == {"learning_rate"}


def test_logs_that_are_no_numbers_are_left_alone(tmp_path):
    class Notes(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs |= {"note": "good", "nothing": None, "several": [1.0, 2.0], "count": 7}

    watch = fw.FilterWatch(tmp_path)
    fit(network(), Notes(), watch, epochs=1)
    assert set(watch.history[-1].logs) == {"loss", "count", "learning_rate"}


def test_healthy_training_of_a_few_epochs_raises_nothing(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, epochs=4)
    assert not watch.alarms


@pytest.mark.parametrize("stop_on", ["noisy", ("diverged", "noisy")])
def test_stop_on_ends_training_with_the_reason(tmp_path, capsys, stop_on):
    watch = fw.FilterWatch(tmp_path, stop_on=stop_on)
    fit(network(RESTING), watch, epochs=20)
    assert steps(watch)[-1] == 5
    printed = capsys.readouterr().out
    assert "first still looks untrained after 5 epochs" in printed
    assert "FilterWatch ends training: 'noisy' is in stop_on." in printed


def test_stop_on_ends_a_second_fit_for_the_same_reason(tmp_path, capsys):
    model, watch = network(RESTING), fw.FilterWatch(tmp_path, stop_on="noisy")
    fit(model, watch, epochs=20)
    fit(model, watch, epochs=20)
    assert steps(watch)[-1] == 6
    printed = capsys.readouterr().out
    assert printed.count("first still looks untrained") == 1
    assert printed.count("FilterWatch ends training") == 2


def test_divergence_is_seen_within_the_epoch_and_ends_training(tmp_path):
    watch = fw.FilterWatch(tmp_path, freq=1, stop_on=["diverged"])
    model = network(rate=1e30)
    fit(model, watch, epochs=9)
    alarm = watch.alarms[0]
    assert alarm.rule == "diverged"
    assert alarm.step < 4  # of 4 batches in the first epoch
    assert steps(watch)[-1] == alarm.step
    first = next(a for a in watch.alarms if a.layer == "first")
    scores = next(scores for scores in watch.history if scores.step == first.step)
    bad = ~np.isfinite(scores["first"].filters["norm"])
    assert first.filters == tuple(np.flatnonzero(bad))


def test_diverged_training_keeps_both_columns(tmp_path):
    class Poison(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                for layer in self.model.layers:
                    layer.set_weights([np.full_like(w, np.nan) for w in layer.get_weights()])

    history = fit(network(), Poison(), fw.FilterWatch(tmp_path), epochs=3).history
    assert len(history["dead_filters"]) == 3
    assert [math.isnan(noise) for noise in history["filter_noise"]] == [False, True, True]


def test_own_rules_replace_the_default_ones(tmp_path):
    def moved(history):
        last = history[-1]
        if last.step == 2:
            yield fw.Alarm("moved", "first", last.step, 1.0, 0.0, (), "It moved.")

    watch = fw.FilterWatch(tmp_path, rules=[moved], stop_on="moved")
    fit(network(RESTING), watch, epochs=9)
    assert [alarm.rule for alarm in watch.alarms] == ["moved"]
    assert steps(watch) == [0, 1, 2]


def test_own_metrics_are_scored_with_the_others(tmp_path):
    watch = fw.FilterWatch(tmp_path, metrics={"peak": lambda array: np.abs(array).max()})
    model = network()
    fit(model, watch)
    peak = np.abs(model.get_layer("first").get_weights()[0]).max()
    assert watch.history[-1]["first"]["peak"] == pytest.approx(peak)


def test_summary_prints_the_table_the_alarms_and_the_command(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    watch.summary()
    assert "Nothing was watched yet." in capsys.readouterr().out
    fit(network(RESTING), watch, epochs=6)
    capsys.readouterr()
    watch.summary()
    printed = capsys.readouterr().out
    assert str(watch.history[-1]) in printed
    assert watch.alarms[0].message in printed
    assert "diagnosis: Rate too low." in printed
    assert f"tensorboard --logdir {tmp_path}" in printed


# Nothing that goes wrong while watching ends a training.


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
    seen = []

    class Asks(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append((watch.history[-1].step, len(watch.alarms), watch.diagnosis.cause))

    watch = fw.FilterWatch(tmp_path)
    fit(network(RESTING), watch, Asks(), epochs=6)
    assert [step for step, *_ in seen] == [1, 2, 3, 4, 5, 6]
    assert seen[-1][1:] == (len(watch.alarms), watch.diagnosis.cause)
    assert watch.alarms


def test_a_rule_may_ask_for_the_history(tmp_path):
    asked = []
    watch = fw.FilterWatch(tmp_path, rules=[lambda history: asked.append(watch.history) or []])
    fit(network(), watch, epochs=1)
    assert asked == [watch.history[:1], watch.history]


def test_warnings_that_are_errors_reach_the_training(tmp_path):
    watch = fw.FilterWatch(tmp_path, rules=[lambda history: history["missing"]])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="FilterWatch")
        with pytest.raises(UserWarning, match="it is silent"):
            fit(network(), watch)


def test_a_training_that_fails_loses_no_step_that_it_had_seen(tmp_path):
    code = """
import time
import keras
import keras_filterwatch as fw
from test_callback import fit, network

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


def test_what_cannot_be_printed_is_said_and_training_goes_on(tmp_path, monkeypatch):
    closed = io.StringIO()
    closed.close()
    watch = fw.FilterWatch(tmp_path)
    monkeypatch.setattr(sys, "stdout", closed)
    with pytest.warns(
        UserWarning, match="could not print: some of what FilterWatch says is missing"
    ):
        fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]


def test_an_event_file_that_cannot_be_closed_ends_no_training(tmp_path, monkeypatch):
    def full(self):
        raise OSError("no space left")

    monkeypatch.setattr("keras_filterwatch.writers.tensorboard.EventFile.close", full)
    with pytest.warns(UserWarning, match="could not close the event file.*no space left"):
        history = fit(network(), fw.FilterWatch(tmp_path), epochs=2).history
    assert len(history["loss"]) == 2


def test_a_rule_that_fails_is_named_once_and_the_others_go_on(tmp_path):
    def broken(history):
        raise KeyError("oops")

    watch = fw.FilterWatch(tmp_path, rules=[broken, *fw.default_rules()])
    with pytest.warns(UserWarning, match=r"could not follow the rule broken.*oops") as caught:
        fit(network(RESTING), watch, epochs=6)
    assert sum("broken" in str(warning.message) for warning in caught) == 1
    assert "noisy" in {alarm.rule for alarm in watch.alarms}


def test_a_metric_that_fails_is_named_once_and_the_scores_go_on(tmp_path):
    def broken(array):
        raise KeyError("oops")

    watch = fw.FilterWatch(tmp_path, metrics={"mine": broken})
    with pytest.warns(UserWarning, match=r"metric 'mine' failed.*kernel 'first'.*oops"):
        fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]
    assert "noise" in watch.history[-1]["first"]


def test_a_metric_that_fails_on_one_kernel_is_measured_on_the_others(tmp_path):
    metrics = {"centre": lambda array: array[1, 1, 0].mean(), "peak": np.max}
    watch = fw.FilterWatch(tmp_path, metrics=metrics)
    with pytest.warns(UserWarning, match=r"metric 'centre' failed.*kernel 'head'") as caught:
        fit(network(), watch, epochs=2)
    assert sum("centre" in str(warning.message) for warning in caught) == 1
    measured = {name: {"centre", "peak"} & set(s) for name, s in watch.history[-1].items()}
    assert measured == {
        "first": {"centre", "peak"},
        "second": {"centre", "peak"},
        "head": {"peak"},
    }


def test_a_metric_that_returns_nothing_is_named(tmp_path):
    watch = fw.FilterWatch(tmp_path, metrics={"mine": lambda array: None})
    with pytest.warns(UserWarning, match="metric 'mine' failed.*it returned nothing"):
        fit(network(), watch, epochs=1)


def test_a_picture_that_fails_is_named_once_and_the_rest_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_filterwatch.draw.filter_sheet._sheet", lambda *args: 1 / 0)
    watch = fw.FilterWatch(tmp_path)
    with pytest.warns(UserWarning, match="could not draw kernels of first: pictures are missing"):
        fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]
    assert len(list((tmp_path / "filterwatch").iterdir())) == 1


def test_a_directory_that_cannot_be_made_costs_the_events_only(tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs")
    (tmp_path / "logs").write_text("in the way")
    with pytest.warns(UserWarning, match="could not write events: steps are missing in TensorB"):
        history = fit(network(), watch, epochs=2).history
    assert steps(watch) == [0, 1, 2]
    assert len(history["filter_noise"]) == 2


def test_a_model_without_kernels_is_said_and_trained(tmp_path):
    model = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Flatten(), layers.Activation("softmax")]
    )
    watch = fw.FilterWatch(tmp_path)
    model.compile(loss="mse")
    x, _ = data()
    with pytest.warns(UserWarning, match="has no kernels: nothing is watched. Training goes on"):
        history = model.fit(x, x.reshape(32, -1), epochs=2, callbacks=[watch], verbose=0).history
    assert len(history["loss"]) == 2
    assert "filter_noise" not in history


def test_a_network_without_windows_is_said_and_watched_for_the_rest(tmp_path, capsys):
    parts = [layers.Dense(8, activation="relu", name="hidden"), layers.Dense(3, "softmax")]
    model = compiled(keras.Sequential([layers.Input((12,)), *parts]))
    watch = fw.FilterWatch(tmp_path)
    x, y = data()
    history = model.fit(x[:, 0, :, 0], y, epochs=2, callbacks=[watch], verbose=0).history
    printed = capsys.readouterr().out
    assert printed.count("No kernel has a window larger than 1") == 1
    assert "has a window where a Flatten layer stands before it" in printed
    assert {"dead", "update", "rotation"} <= set(watch.history[-1]["hidden"])
    assert "dead_filters" in history
    assert "filter_noise" not in history


def test_an_unknown_layer_ends_before_training_began(tmp_path):
    watch = fw.FilterWatch(tmp_path, layers=["first", "secnd"])
    with pytest.raises(ValueError, match="no kernel is called 'secnd'; did you mean 'second'"):
        fit(network(), watch)
    assert not watch.history


@pytest.mark.parametrize("name", ["LSTM", "GRU"])
def test_a_recurrent_network_is_watched_for_what_it_has(tmp_path, name):
    recurrent = getattr(layers, name)(4, name="recurrent")
    model = compiled(
        keras.Sequential([layers.Input((12, 3)), recurrent, layers.Dense(3, activation="softmax")])
    )
    watch = fw.FilterWatch(tmp_path)
    x, y = data()
    model.fit(x[:, 0], y, epochs=1, callbacks=[watch], verbose=0)
    assert "recurrent" in watch.history[-1].skipped


def test_an_unknown_layer_of_a_late_model_ends_no_training_that_began(tmp_path):
    parts = [layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(3, "softmax")]
    model, watch = compiled(keras.Sequential(parts)), fw.FilterWatch(tmp_path, ["conv", "cnv"])
    message = "no kernel is called 'cnv'; did you mean 'conv'"
    if keras.backend.backend() != "tensorflow":  # Keras builds the model before training begins
        with pytest.raises(ValueError, match=message):
            fit(model, watch)
        return
    with pytest.warns(UserWarning, match=message):
        fit(model, watch, epochs=2)
    assert [list(scores) for scores in watch.history] == [["conv"]] * 3


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
