"""Alarms, diagnosis and summary of a real fit, and when they end it."""

import math

import keras
import numpy as np
import pytest
from trainings import RESTING, fit, network, steps

import keras_filterwatch as fw


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


def test_an_unknown_rule_to_stop_on_is_named_where_rules_of_ones_own_are_followed(tmp_path, capsys):
    rules = [*fw.default_rules(), lambda history: []]
    fit(network(), fw.FilterWatch(tmp_path, rules=rules, stop_on=["diverged", "nosy"]), epochs=1)
    printed = capsys.readouterr().out
    assert printed.count("stop_on: no rule is called 'nosy'") == 1
    assert "'diverged'" not in printed
