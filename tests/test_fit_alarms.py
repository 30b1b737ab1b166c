"""Alarms, diagnosis and summary of a real fit, and when they end it."""

import math

import keras
import numpy as np
import pytest
from small_rules import raising, spans
from trainings import RESTING, fit, network, steps

import keras_filterwatch as fw


def printed_by(capsys, lines="FilterWatch"):
    """What a fit printed that begins like this."""
    return [line for line in capsys.readouterr().out.splitlines() if line.startswith(lines)]


def fit_with(tmp_path, *rules, epochs=3, **options):
    """A training that is watched by these rules."""
    watch = fw.FilterWatch(tmp_path, rules=rules, images=False, **options)
    fit(network(RESTING), watch, epochs=epochs)
    return watch


def test_an_alarm_is_printed_once_and_kept(tmp_path, capsys):
    watch = fit_with(tmp_path, raising(None, "warning"))
    assert spans(watch.alarms) == [("warning", 1, None)]
    assert printed_by(capsys, "FilterWatch alarm") == [
        "FilterWatch alarm (mine): mine about first at step 1."
    ]


def test_the_end_of_an_alarm_is_printed_and_kept(tmp_path, capsys):
    watch = fit_with(tmp_path, raising(None, "error", "error", None))
    assert spans(watch.alarms) == [("error", 1, 3)]
    assert printed_by(capsys, "FilterWatch: alarm") == [
        "FilterWatch: alarm (mine) about first, raised at step 1, is over."
    ]


def test_the_end_of_an_alarm_about_the_whole_network_says_so(tmp_path, capsys):
    fit_with(tmp_path, raising("error", None, layer=""))
    assert printed_by(capsys, "FilterWatch: alarm") == [
        "FilterWatch: alarm (mine) about the whole network, raised at step 0, is over."
    ]


def test_a_note_is_kept_apart_from_alarms_and_not_printed(tmp_path, capsys):
    watch = fit_with(tmp_path, raising(None, "note", "note", None))
    assert watch.alarms == []
    assert spans(watch.notes) == [("note", 1, 3)]
    assert printed_by(capsys) == ["FilterWatch watches 3 kernels."]


def test_a_note_about_the_set_up_is_printed_once(tmp_path, capsys):
    fit_with(tmp_path, raising("note"))
    assert printed_by(capsys, "FilterWatch note") == [
        "FilterWatch note (mine): mine about first at step 0."
    ]


def test_a_note_that_becomes_a_warning_is_printed_as_an_alarm(tmp_path, capsys):
    watch = fit_with(tmp_path, raising(None, "note", "warning"))
    assert spans([*watch.notes, *watch.alarms]) == [("note", 1, 2), ("warning", 2, None)]
    assert printed_by(capsys)[1:-1] == ["FilterWatch alarm (mine): mine about first at step 2."]


def test_a_warning_that_becomes_a_note_is_told(tmp_path, capsys):
    watch = fit_with(tmp_path, raising(None, "warning", "note"))
    assert spans([*watch.alarms, *watch.notes]) == [("warning", 1, 2), ("note", 2, None)]
    assert printed_by(capsys, "FilterWatch: alarm") == [
        "FilterWatch: alarm (mine) about first, raised at step 1, is only a note now: "
        "mine about first at step 2."
    ]


def test_an_alarm_that_comes_and_goes_is_printed_three_times(tmp_path, capsys):
    levels = ["warning", None] * 5
    watch = fit_with(tmp_path, raising(*levels), epochs=9)
    assert spans(watch.alarms) == [("warning", step, step + 1) for step in (0, 2, 4, 6, 8)]
    begins = "FilterWatch alarm (mine): mine about first at step"
    ends = "FilterWatch: alarm (mine) about first, raised at step"
    assert printed_by(capsys)[1:-1] == [
        f"{begins} 0.",
        f"{ends} 0, is over.",
        f"{begins} 2.",
        f"{ends} 2, is over.",
        f"{begins} 4. It comes and goes: from now on it is not printed any more, and watch.alarms "
        "has it.",
    ]


def test_within_an_epoch_alarms_are_judged_at_each_step(tmp_path):
    levels = [None, "warning", None, "warning", None]
    watch = fit_with(tmp_path, raising(*levels), epochs=1, freq=1)
    assert spans(watch.alarms) == [("warning", 1, 2), ("warning", 3, 4)]


def test_the_diagnosis_is_said_at_the_end_of_a_training_with_alarms(tmp_path, capsys):
    watch = fit_with(tmp_path, raising("warning"))
    assert watch.diagnosis.evidence == ("mine about first at step 0.",)
    assert printed_by(capsys)[-1] == f"FilterWatch diagnosis: {watch.diagnosis}"


def test_the_diagnosis_reads_no_alarm_that_has_ended(tmp_path):
    watch = fit_with(tmp_path, raising("error", "error", None), epochs=2)
    assert watch.alarms
    assert watch.diagnosis == fit_with(tmp_path, epochs=2).diagnosis


def test_the_diagnosis_reads_no_note(tmp_path):
    watch = fit_with(tmp_path, raising("note"), epochs=2)
    assert watch.diagnosis == fit_with(tmp_path, epochs=2).diagnosis


def test_without_alarms_no_diagnosis_is_printed(tmp_path, capsys):
    fit_with(tmp_path, raising("note"))
    assert not printed_by(capsys, "FilterWatch diagnosis")


def test_healthy_training_of_a_few_epochs_raises_nothing(tmp_path):
    watch = fw.FilterWatch(tmp_path)
    fit(network(), watch, epochs=4)
    assert not watch.alarms


@pytest.mark.parametrize("stop_on", ["mine", ("other", "mine")])
@pytest.mark.parametrize("level", ["warning", "error"])
def test_stop_on_ends_training_with_the_reason(tmp_path, capsys, stop_on, level):
    watch = fit_with(tmp_path, raising(None, None, level), stop_on=stop_on, epochs=9)
    assert steps(watch) == [0, 1, 2]
    printed = capsys.readouterr().out
    assert "mine about first at step 2" in printed
    assert "FilterWatch ends training: 'mine' is in stop_on." in printed


def test_the_end_of_a_training_within_an_epoch_is_announced_once(tmp_path, capsys):
    fit_with(tmp_path, raising(None, "error"), stop_on="mine", freq=1, epochs=3)
    assert capsys.readouterr().out.count("FilterWatch ends training") == 1


def test_a_note_ends_no_training(tmp_path):
    watch = fit_with(tmp_path, raising("note"), stop_on="mine", epochs=3)
    assert steps(watch) == [0, 1, 2, 3]


def test_an_alarm_that_has_ended_ends_no_second_fit(tmp_path):
    watch = fw.FilterWatch(tmp_path, rules=[raising(None, "error", None)], stop_on="mine")
    model = network(RESTING)
    fit(model, watch, epochs=9)
    fit(model, watch, epochs=2)
    assert steps(watch) == [0, 1, 2, 3]


def test_stop_on_ends_a_second_fit_for_the_same_reason(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path, rules=[raising(None, "error")], stop_on="mine")
    model = network(RESTING)
    fit(model, watch, epochs=20)
    fit(model, watch, epochs=20)
    assert steps(watch) == [0, 1, 2]
    printed = capsys.readouterr().out
    assert printed.count("FilterWatch alarm (mine)") == 1
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


def summary_of(watch, capsys):
    capsys.readouterr()
    watch.summary()
    return capsys.readouterr().out


def test_of_many_layers_with_one_alarm_three_are_printed_and_all_are_kept(tmp_path, capsys):
    def everywhere(history):
        for i in range(5):
            yield fw.Alarm("everywhere", f"layer{i}", history[-1].step, 1, 0, (), f"Odd: layer{i}.")

    watch = fit_with(tmp_path, everywhere, epochs=1)
    printed = capsys.readouterr().out
    assert [f"Odd: layer{i}." in printed for i in range(5)] == [True] * 3 + [False] * 2
    assert "FilterWatch alarm (everywhere): the same about 2 more layers" in printed
    assert len(watch.alarms) == 5


def test_a_fourth_layer_with_one_alarm_is_one_layer(tmp_path, capsys):
    def everywhere(history):
        for i in range(4):
            yield fw.Alarm("everywhere", f"layer{i}", history[-1].step, 1, 0, (), f"Odd: layer{i}.")

    fit_with(tmp_path, everywhere, epochs=1)
    printed = capsys.readouterr().out
    assert "the same about 1 more layer; watch.alarms has it." in printed


def test_summary_prints_the_table_and_the_command(tmp_path, capsys):
    watch = fw.FilterWatch(tmp_path)
    assert "Nothing was watched yet." in summary_of(watch, capsys)
    fit(network(), watch)
    printed = summary_of(watch, capsys)
    assert str(watch.history[-1]) in printed
    assert f"tensorboard --logdir {tmp_path}" in printed


def test_summary_lists_alarms_with_their_ends_then_notes_that_hold_and_the_diagnosis(
    tmp_path, capsys
):
    rules = [
        raising("note", rule="odd"),
        raising("note", None, rule="past"),
        raising("warning", None, rule="over"),
        raising(None, "error", rule="now"),
    ]
    watch = fit_with(tmp_path, *rules)
    lines = summary_of(watch, capsys).splitlines()
    at = lines.index("alarm at step 0 (ended at step 1): over about first at step 0.")
    assert lines[at + 1 : at + 4] == [
        "alarm at step 1: now about first at step 1.",
        "note at step 0: odd about first at step 0.",
        f"diagnosis: {watch.diagnosis}",
    ]


def test_an_unknown_rule_to_stop_on_is_named_where_rules_of_ones_own_are_followed(tmp_path, capsys):
    rules = [*fw.default_rules(), lambda history: []]
    fit(network(), fw.FilterWatch(tmp_path, rules=rules, stop_on=["diverged", "nosy"]), epochs=1)
    printed = capsys.readouterr().out
    assert printed.count("stop_on: no rule is called 'nosy'") == 1
    assert "'diverged'" not in printed
