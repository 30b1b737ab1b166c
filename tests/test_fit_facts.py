"""What a watched fit knows besides its weights: facts of the model, updates, losses, logs."""

import keras
import numpy as np
import pytest
from keras import layers
from trainings import LEARNING, compiled, data, fit, network, steps

import keras_filterwatch as fw


def watched(tmp_path, model=None, **options):
    """A FilterWatch without pictures and rules that has watched two epochs."""
    watch = fw.FilterWatch(tmp_path, **{"images": False, "rules": [], **options})
    fit(model or network(), watch)
    return watch


# Facts.


def test_the_history_knows_the_model_from_its_first_step_on(tmp_path):
    facts = []
    watched(tmp_path, rules=[lambda history: facts.append(history.facts) or []])
    assert [each.optimizer for each in facts] == ["SGD"] * 3
    assert [each.learning_rate for each in facts] == [pytest.approx(LEARNING)] * 3


def test_the_directions_of_metrics_are_known_from_the_end_of_the_first_epoch_on(tmp_path):
    facts = []
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    watched(tmp_path, model, rules=[lambda history: facts.append(history.facts) or []])
    assert [each.metric_directions.get("accuracy") for each in facts] == [None, "up", "up"]


def test_a_model_that_is_compiled_anew_has_other_facts(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False, rules=[])
    fit(model, watch, epochs=1)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    fit(model, watch, epochs=1)
    assert watch.history.facts.optimizer == "Adam"
    assert "accuracy" in watch.history.facts.metric_directions


def test_what_a_second_fit_continues_was_as_it_was_before_the_first(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False, rules=[])
    fit(model, watch, epochs=1)
    fit(model, watch, epochs=1)
    assert watch.history.facts.was_trained == {"first": False, "second": False, "head": False}


@pytest.mark.filterwarnings("ignore:.*had no weights before its first batch")
def test_of_a_model_that_is_built_by_its_first_batch_nobody_knows_its_first_state(tmp_path):
    parts = [layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(3, "softmax")]
    facts = watched(tmp_path, compiled(keras.Sequential(parts))).history.facts
    built_late = keras.backend.backend() == "tensorflow"  # elsewhere before training begins
    assert (facts.was_trained == {}) == built_late


@pytest.mark.parametrize(
    ("fits", "epochs"),
    [([{"epochs": 3}], 3), ([{"epochs": 7, "initial_epoch": 5}], 2), ([{"epochs": 2}] * 2, 4)],
)
def test_planned_epochs_count_from_the_first_step_to_the_end_of_the_fit(tmp_path, fits, epochs):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False, rules=[])
    for options in fits:
        fit(model, watch, **options)
    assert watch.history.facts.epochs == watch.history.epochs == epochs


def test_planned_epochs_are_those_that_fit_was_asked_for_though_it_ends_before(tmp_path):
    class Ends(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    watch = fw.FilterWatch(tmp_path, images=False, rules=[])
    fit(network(), watch, Ends(), epochs=9)
    assert steps(watch) == [0, 1]
    assert watch.history.facts.epochs == 9


@pytest.mark.parametrize("name", ["model_facts", "metric_directions"])
def test_facts_that_cannot_be_read_cost_no_step_and_are_one_problem(tmp_path, monkeypatch, name):
    def broken(*args):
        raise RuntimeError("no facts")

    monkeypatch.setattr(f"keras_filterwatch.training.observer.{name}", broken)
    with pytest.warns(UserWarning, match="could not be read.*no facts"):
        watch = watched(tmp_path)
    assert steps(watch) == [0, 1, 2]
    assert [problem.count for problem in watch.problems] == [1]


# Updates.


def updates(watch):
    return [scores.updates for scores in watch.history]


def test_updates_of_the_optimizer_are_counted(tmp_path):
    assert updates(watched(tmp_path)) == [0, 4, 8]  # 4 batches an epoch


def test_updates_are_counted_within_an_epoch(tmp_path):
    assert updates(watched(tmp_path, freq=2)) == [0, 2, 4, 6, 8]


def test_updates_before_a_model_was_compiled_anew_are_counted_too(tmp_path):
    model, watch = network(), fw.FilterWatch(tmp_path, images=False, rules=[])
    fit(model, watch, epochs=2)
    fit(compiled(model), watch, epochs=1)
    assert updates(watch) == [0, 4, 8, 12]


class OwnOptimizer(keras.Sequential):
    """A model that does not use the optimizer that it was compiled with."""

    def train_step(self, *args):
        return {"loss": 1.0} if keras.backend.backend() != "jax" else ({"loss": 1.0}, args[0])


def test_updates_are_unknown_where_the_optimizer_is_not_used(tmp_path):
    model = OwnOptimizer([layers.Input((12, 12, 3)), layers.Flatten(), layers.Dense(3)])
    assert updates(watched(tmp_path, compiled(model))) == [0, None, None]


def test_updates_that_cannot_be_read_cost_no_step(tmp_path, monkeypatch):
    def broken(model):
        raise RuntimeError("no counter")

    monkeypatch.setattr("keras_filterwatch.model.backends.updates", broken)
    with pytest.warns(UserWarning, match="the optimizer's updates could not be read.*no counter"):
        watch = watched(tmp_path)
    assert updates(watch) == [None] * 3


# The probe's loss.


def probe_losses(watch):
    return [scores.logs.get("probe_loss") for scores in watch.history]


def test_the_loss_of_a_probe_with_targets_is_that_of_evaluate(tmp_path):
    model = network()
    before = model.evaluate(*data(), verbose=0)
    losses = probe_losses(watched(tmp_path, model, probe=data()))
    after = model.evaluate(*data(), verbose=0)
    assert [losses[0], losses[-1]] == pytest.approx([before, after], rel=1e-5)


def test_the_loss_of_a_probe_is_not_taken_for_the_logs_of_an_epoch(tmp_path):
    watch = watched(tmp_path, probe=data(), freq=2)
    assert None not in probe_losses(watch)
    assert steps(watch) == [0, 2, 4, 6, 8]
    assert [scores.step for scores in watch.history.logged] == [4, 8]


@pytest.mark.filterwarnings("ignore:`shuffle=True` was passed", "ignore:Your input ran out of data")
def test_a_step_that_ended_an_epoch_of_unknown_length_keeps_the_loss_of_the_probe(tmp_path):
    def batches():
        x, y = data()
        for start in range(0, 32, 8):
            yield x[start : start + 8], y[start : start + 8]

    watch = fw.FilterWatch(tmp_path, freq=2, images=False, probe=data())
    network().fit(batches(), epochs=1, callbacks=[watch], verbose=0)
    assert [scores.step for scores in watch.history] == [0, 2, 4]
    assert None not in probe_losses(watch)
    assert "loss" in watch.history[-1].logs


def test_a_probe_with_targets_gives_each_layer_its_gradient_and_activity(tmp_path):
    watch = watched(tmp_path, probe=data())
    for layer in watch.history[-1].values():
        assert {"gradient", "apoz"} <= set(layer)


def test_a_probe_of_inputs_alone_has_neither_loss_nor_gradients(tmp_path):
    watch = watched(tmp_path, probe=data()[0])
    assert probe_losses(watch) == [None] * 3
    assert "gradient" not in watch.history[-1]["first"]


def test_targets_that_the_loss_refuses_cost_the_gradients_only(tmp_path):
    x, _ = data()
    with pytest.warns(UserWarning, match="the gradient of the probe's loss could not be computed"):
        watch = watched(tmp_path, probe=(x, np.zeros((32, 7, 2))))
    assert probe_losses(watch) == [None] * 3
    assert "apoz" in watch.history[-1]["first"]
    assert [problem.count for problem in watch.problems] == [3]


def test_pictures_of_outputs_use_the_inputs_of_a_probe_with_targets(tmp_path):
    pictures = []

    class Pictures:
        def write(self, report):
            pictures.append(set(report.pictures))

        def close(self):
            pass

    watched(tmp_path, probe=data(), images="activations", writers=[Pictures()])
    assert pictures == [{("activations", "first"), ("activations", "second")}] * 3


# Logs.


def test_logs_that_are_arrays_of_one_number_are_numbers(tmp_path):
    class Logs(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            one = keras.ops.convert_to_tensor(np.float32([0.5]))
            logs |= {"f1": np.float64([0.25]), "top 1": one, "iou": [[0.125]], "two": [1.0, 2.0]}

    watch = fw.FilterWatch(tmp_path, images=False, rules=[])
    fit(network(), Logs(), watch, epochs=1)
    logs = dict(watch.history[-1].logs)
    assert logs | {"f1": 0.25, "top 1": 0.5, "iou": 0.125} == logs
    assert "two" not in logs
