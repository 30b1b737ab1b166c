"""A real fit, watched: its steps, its scores, its logs."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from small_rules import raising
from trainings import LEARNING, compiled, data, fit, network, steps

import keras_filterwatch as fw


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


@pytest.mark.parametrize(("arguments", "waits"), [({}, False), ({"freq": 1}, True)])
def test_keras_waits_for_each_batch_only_where_batches_are_counted(tmp_path, arguments, waits):
    watch = fw.FilterWatch(tmp_path, **arguments)
    callbacks = keras.callbacks.CallbackList([watch], model=network())
    if keras.backend.backend() == "tensorflow":  # which Keras never runs ahead on
        assert watch.async_safe == (not waits)
    else:
        assert callbacks._async_train == (not waits)


def test_keras_waits_for_the_batch_hooks_of_a_subclass(tmp_path):
    class Counts(fw.FilterWatch):
        batches = 0

        def on_batch_end(self, batch, logs=None):
            self.batches += 1

    watch = Counts(tmp_path)
    fit(network(), watch, epochs=2)
    assert not watch.async_safe
    assert watch.batches == 8
    assert steps(watch) == [0, 1, 2]


def test_a_subclass_may_have_the_batch_hook_that_counts(tmp_path):
    class Counts(fw.FilterWatch):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            super().on_train_batch_end(batch, logs)
            self.batches += 1

    watch = Counts(tmp_path, freq=3)
    fit(network(), watch, epochs=2)
    assert watch.batches == 8
    assert steps(watch) == [0, 3, 4, 7, 8]


def test_after_a_fit_that_died_the_next_one_is_watched_as_usual(tmp_path):
    class Dies(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            raise RuntimeError("out of data")

    model, watch = network(), fw.FilterWatch(tmp_path)
    with pytest.raises(RuntimeError):
        fit(model, watch, Dies())
    fit(model, watch, epochs=2)
    assert steps(watch) == [0, 1, 2]


def test_a_resumed_training_starts_at_its_initial_epoch(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, initial_epoch=5, epochs=7)
    assert steps(watch) == [5, 6, 7]


def test_another_model_starts_the_record_anew(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path, rules=[raising(None, None, "warning")])
    fit(network(), watch, epochs=2)
    assert watch.alarms
    fit(network(), watch, epochs=1)
    assert steps(watch) == [0, 1]
    assert not watch.alarms
    assert "This is another model than FilterWatch watched before" in capsys.readouterr().out


def test_layers_that_were_changed_between_two_fits_are_found(tmp_path, capsys):
    model, watch = network(), fw.FilterWatch(tmp_path)
    fit(model, watch)
    model.pop()
    model.add(layers.Dense(3, activation="softmax", name="new_head"))
    fit(compiled(model), watch, epochs=1)
    assert [list(scores) for scores in watch.history] == [["first", "second", "new_head"]] * 2
    assert "The model has other layers than FilterWatch watched before" in capsys.readouterr().out


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


@pytest.mark.filterwarnings("ignore:.*the data could not be traced")
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
    names = [f"sequential/{name}" for name in ("first", "second", "head")]
    assert [list(scores) for scores in watch.history] == [names] * 2
    assert watch.history[0][names[0]]["noise"] == pytest.approx(initial["first"]["noise"])


def test_events_go_where_they_went_when_the_process_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    away = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: monkeypatch.chdir(tmp_path / "elsewhere")
    )
    fit(network(), fw.FilterWatch("logs"), away)
    assert len(list((tmp_path / "logs" / "filterwatch").glob("events*"))) == 1
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed", "ignore:Your input ran out of data")
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
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        history = fit(compiled(Late()), watch, epochs=2).history
    if keras.backend.backend() == "tensorflow":  # elsewhere Keras builds it before training begins
        (problem,) = watch.problems
        assert "had no weights before its first batch. The first step shows" in str(problem)
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
