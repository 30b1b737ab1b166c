"""Nothing that goes wrong while watching ends a training, and nothing is lost in silence."""

import io
import sys
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import layers
from small_rules import raising
from trainings import compiled, data, fit, network, steps
from viewer import read

import keras_filterwatch as fw
from keras_filterwatch.draw.catalogue import PICTURES


def test_a_message_that_cannot_be_printed_is_recorded_as_a_problem(tmp_path, monkeypatch):
    closed = io.StringIO()
    closed.close()
    watch = fw.FilterWatch(tmp_path)
    monkeypatch.setattr(sys, "stdout", closed)
    fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]
    assert [problem.what for problem in watch.problems] == ["a message could not be printed"]


def test_an_event_file_that_cannot_be_closed_is_a_warning(tmp_path, monkeypatch):
    def full(self):
        raise OSError("no space left")

    monkeypatch.setattr("keras_filterwatch.writers.tensorboard.EventFile.close", full)
    with pytest.warns(UserWarning, match="TensorBoard could not be closed.*no space left"):
        history = fit(network(), fw.FilterWatch(tmp_path), epochs=2).history
    assert len(history["loss"]) == 2


def test_a_rule_that_fails_is_named_once_and_the_other_rules_raise_alarms(tmp_path):
    def broken(history):
        raise KeyError("oops")

    watch = fw.FilterWatch(tmp_path, rules=[broken, raising(None, "warning")])
    with pytest.warns(
        UserWarning, match=r"rule 'broken' raised KeyError.*oops.*The rule is skipped"
    ) as caught:
        fit(network(), watch, epochs=2)
    assert sum("broken" in str(warning.message) for warning in caught) == 1
    assert [alarm.rule for alarm in watch.alarms] == ["mine"]


def test_a_metric_that_fails_is_named_once_and_other_scores_are_measured(tmp_path):
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
    with pytest.warns(UserWarning, match="metric 'mine' failed.*None"):
        fit(network(), watch, epochs=1)


def test_a_picture_that_fails_is_named_once_and_the_steps_are_written(tmp_path, monkeypatch):
    broken = replace(PICTURES["filters"], draw=lambda data, kernel: 1 / 0)
    monkeypatch.setitem(PICTURES, "filters", broken)
    watch = fw.FilterWatch(tmp_path)
    with pytest.warns(UserWarning, match="the picture 'filters' could not be drawn.*layer 'first'"):
        fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]
    assert len(list((tmp_path / "filterwatch").glob("events*"))) == 1


def test_without_a_directory_for_events_the_scores_are_kept(tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs")
    (tmp_path / "logs").write_text("in the way")
    with pytest.warns(UserWarning, match="folder of the run could not be opened.*is not recorded"):
        history = fit(network(), watch, epochs=2).history
    assert steps(watch) == [0, 1, 2]
    assert len(history["filter_noise"]) == 2


@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_model_without_kernels_trains_with_a_warning(tmp_path):
    model = keras.Sequential(
        [layers.Input((12, 12, 3)), layers.Flatten(), layers.Activation("softmax")]
    )
    watch = fw.FilterWatch(tmp_path)
    model.compile(loss="mse")
    x, _ = data()
    with pytest.warns(UserWarning, match="has no kernels. Nothing is watched; training continues"):
        history = model.fit(x, x.reshape(32, -1), epochs=2, callbacks=[watch], verbose=0).history
    assert len(history["loss"]) == 2
    assert "filter_noise" not in history


def test_a_network_without_windows_gets_a_message_and_the_scores_that_need_none(tmp_path, capsys):
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


def test_an_unknown_layer_is_a_warning_and_the_others_are_watched(tmp_path):
    watch = fw.FilterWatch(tmp_path, layers=["first", "secnd"])
    message = "no kernel is called 'secnd'; did you mean 'second'.*Only 'first' is watched"
    with pytest.warns(UserWarning, match=message):
        fit(network(), watch)
    assert [list(scores) for scores in watch.history] == [["first"]] * 3


def test_with_unknown_layers_only_nothing_is_watched_and_training_continues(tmp_path):
    watch = fw.FilterWatch(tmp_path, layers="secnd")
    with pytest.warns(UserWarning, match="no kernel is called 'secnd'.*Nothing is watched"):
        history = fit(network(), watch).history
    assert len(history["loss"]) == 2
    assert not watch.history


@pytest.mark.parametrize("layer_class", [layers.LSTM, layers.GRU])
def test_a_recurrent_layer_is_listed_as_skipped(tmp_path, layer_class):
    recurrent = layer_class(4, name="recurrent")
    model = compiled(
        keras.Sequential([layers.Input((12, 3)), recurrent, layers.Dense(3, activation="softmax")])
    )
    watch = fw.FilterWatch(tmp_path)
    x, y = data()
    model.fit(x[:, 0], y, epochs=1, callbacks=[watch], verbose=0)
    assert "recurrent" in watch.history[-1].skipped


@pytest.mark.filterwarnings("ignore:.*had no weights before its first batch")
def test_an_unknown_layer_of_a_model_that_is_built_late_is_a_warning(tmp_path):
    parts = [layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(3, "softmax")]
    model, watch = compiled(keras.Sequential(parts)), fw.FilterWatch(tmp_path, ["conv", "cnv"])
    with pytest.warns(UserWarning, match="no kernel is called 'cnv'; did you mean 'conv'"):
        fit(model, watch, epochs=2)
    assert [list(scores) for scores in watch.history] == [["conv"]] * 3


# Warnings as errors.


@pytest.fixture
def warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def broken_rule(history):
    raise KeyError("oops")


def broken_metric(array):
    raise KeyError("oops")


class BrokenWriter:
    def write(self, report):
        raise OSError("no space left")

    def close(self):
        raise OSError("no space left")


ARGUMENTS = {
    "usual": {},
    "batches": {"freq": 2},
    "all pictures": {
        "images": [
            *("overview", "filters", "film_strip", "components", "activations", "favourites")
        ]
    },
    "broken rule": {"rules": [broken_rule], "stop_on": ["x"]},
    "broken metric": {"metrics": {"mine": broken_metric}},
    "broken writer": {"writers": [BrokenWriter()]},
    "unknown layer": {"layers": "nowhere"},
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_warnings_that_are_errors_end_no_training(tmp_path, warnings_are_errors, name):
    arguments = dict(ARGUMENTS[name])
    if name == "all pictures":
        arguments["probe"] = data()[0]
    watch = fw.FilterWatch(tmp_path, **arguments)
    history = fit(network(), watch, epochs=2).history
    assert len(history["loss"]) == 2
    expects_problems = name.startswith(("broken", "unknown"))
    assert bool(watch.problems) == expects_problems, watch.problems


def test_a_problem_is_in_watch_problems_and_in_the_summary(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path, rules=[broken_rule])
    with pytest.warns(UserWarning, match="broken_rule"):
        fit(network(), watch, epochs=1)
    (problem,) = watch.problems
    assert (problem.what, problem.reason) == ("rule 'broken_rule' raised KeyError", "'oops'")
    assert (problem.step, problem.count) == (0, 2)
    capsys.readouterr()
    watch.summary()
    assert f"problem: {problem}" in capsys.readouterr().out


def test_a_fit_adds_no_problem_of_the_fit_before(tmp_path, warnings_are_errors):
    fails = [True]

    def metric(array):
        if fails[0]:
            raise SystemExit("a metric that ends the program")
        return 1.0

    model, watch = network(), fw.FilterWatch(tmp_path, metrics={"mine": metric})
    fit(model, watch, epochs=1)
    count = sum(problem.count for problem in watch.problems)
    assert count == 2  # steps 0 and 1
    fails[0] = False
    fit(model, watch, epochs=1)
    assert sum(problem.count for problem in watch.problems) == count
    assert watch.history[-1]["first"]["mine"] == 1.0


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_of_the_user_ends_training(tmp_path, error):
    class Interrupter(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise error

    watch = fw.FilterWatch(tmp_path)
    with pytest.raises(error):
        fit(network(), watch, Interrupter())
    assert steps(watch) == [0, 1]


HOOKS = {  # Keras's hooks, each with the arguments that Keras calls it with
    "on_train_begin": (),
    "on_epoch_begin": (0,),
    "on_train_batch_end": (0,),
    "on_epoch_end": (0,),
    "on_train_end": (),
}


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_that_fails_inside_raises_nothing(tmp_path, monkeypatch, hook):
    def broken(*args, **kwargs):
        raise RuntimeError("broken inside")

    watch = fw.FilterWatch(tmp_path, freq=1)
    monkeypatch.setattr("keras_filterwatch.model.find.find", broken)
    monkeypatch.setattr(watch._clock, "epoch_begins", broken)
    monkeypatch.setattr(watch._clock, "batch_ends", broken)
    monkeypatch.setattr(watch._clock, "epoch_ends", broken)
    monkeypatch.setattr(watch._recorder, "close", broken)
    watch.set_model(network())
    with pytest.warns(UserWarning, match="broken inside"):
        getattr(watch, hook)(*HOOKS[hook])
    assert len(watch.problems) == 1


# Files, names and writers.


def test_after_an_event_file_was_removed_steps_go_to_a_new_file_with_a_warning(tmp_path):
    class FileRemover(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                _ = watch.history  # step 2 is finished
                for path in (tmp_path / "filterwatch").iterdir():
                    path.unlink()

    watch = fw.FilterWatch(tmp_path)
    with pytest.warns(UserWarning, match="the event file was removed.*A new event file is opened"):
        fit(network(), watch, FileRemover(), epochs=4)
    assert [step for step, _ in read(tmp_path / "filterwatch")["noise/00_first"]] == [3, 4]


def test_writers_get_a_report_of_each_step_and_are_closed(tmp_path):
    class ReportCollector:
        def __init__(self):
            self.reports, self.close_calls = [], 0

        def write(self, report):
            self.reports.append(report)

        def close(self):
            self.close_calls += 1

    writer = ReportCollector()
    watch = fw.FilterWatch(tmp_path, writers=[writer])
    fit(network(), watch, epochs=2)
    assert [report.scores for report in writer.reports] == list(watch.history)
    names = {name for name, _ in writer.reports[-1].pictures}
    assert names == {"overview", "filters", "film_strip"}
    assert writer.reports[-1].diagnosis == watch.diagnosis
    assert writer.reports[-1].alarms == ()
    assert writer.close_calls == 1


def test_a_writer_that_fails_costs_no_other_writer_its_steps(tmp_path):
    watch = fw.FilterWatch(tmp_path, writers=[BrokenWriter()])
    with pytest.warns(UserWarning, match="no space left") as caught:
        fit(network(), watch, epochs=2)
    messages = [str(warning.message) for warning in caught]
    assert sum("BrokenWriter could not write a step" in message for message in messages) == 1
    assert sum("BrokenWriter could not be closed" in message for message in messages) == 1
    assert [step for step, _ in read(tmp_path / "filterwatch")["noise/00_first"]] == [0, 1, 2]


HOSTILE = "![x](http://example.org/p.png)</td>|\x1b[31m"


def test_hostile_names_and_messages_reach_console_and_markdown_escaped(tmp_path, capsys):
    def hostile(history):
        return [fw.Alarm(HOSTILE, HOSTILE, history[-1].step, 1.0, 0.0, (), HOSTILE)]

    watch = fw.FilterWatch(tmp_path, rules=[hostile], metrics={HOSTILE: np.max})
    fit(network(), watch, epochs=1)
    watch.summary()
    assert "\x1b[" not in capsys.readouterr().out
    text = read(tmp_path / "filterwatch")["alarms"][-1][1].item().decode()
    assert "![x](" not in text
    assert "</td>" not in text
    assert "\x1b" not in text
    assert watch.problems == []


def test_a_learning_rate_that_cannot_be_read_costs_no_step(tmp_path, monkeypatch):
    def broken(model):
        raise RuntimeError("no rate")

    monkeypatch.setattr("keras_filterwatch.model.backends.learning_rate", broken)
    watch = fw.FilterWatch(tmp_path)
    with pytest.warns(UserWarning, match="the learning rate could not be read.*no rate"):
        fit(network(), watch, epochs=2)
    assert steps(watch) == [0, 1, 2]
    assert set(watch.history[-1].logs) == {"loss"}


def test_batches_are_counted_where_the_first_step_could_not_be_taken(tmp_path, monkeypatch):
    watch = fw.FilterWatch(tmp_path, freq=3)
    take_step, failures = watch._observer.take_step, [RuntimeError("not now")]

    def fails_once(model, logs=None):
        if failures:
            raise failures.pop()
        return take_step(model, logs)

    monkeypatch.setattr(watch._observer, "take_step", fails_once)
    with pytest.warns(UserWarning, match="a step could not be taken.*not now"):
        fit(network(), watch, epochs=2)  # 4 batches an epoch
    assert steps(watch) == [3, 4, 7, 8]
