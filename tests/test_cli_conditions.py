"""`--fail-on`: which files meet a condition."""

import inspect

import pytest
from cli_runs import cli, save_layers

from keras_filterwatch import single_step
from keras_filterwatch.cli import main
from keras_filterwatch.cli.audit_text import failure_line
from keras_filterwatch.cli.conditions import (
    ALARMS_OF_FILES,
    DEAD_SHARE,
    Failure,
    failures_of,
    parse_conditions,
)
from keras_filterwatch.cli.errors import UsageError
from keras_filterwatch.rules import RULES, dead


def layer(name="conv", verdict="structured", state="structured", **scores):
    return {"name": name, "verdict": verdict, "state": state, "scores": scores}


def file(*layers, error=None, skipped=None, alarms=()):
    return {
        "file": "model.keras",
        "error": error,
        "layers": layers,
        "skipped": skipped or {},
        "alarms": alarms,
    }


def failed_layers(condition, *layers, **more):
    """The layers that meet a condition."""
    return [
        each.layer for each in failures_of(file(*layers, **more), parse_conditions([condition]))
    ]


def alarm(rule, level="warning", name="conv"):
    return {"rule": rule, "level": level, "layer": name, "value": 1.0, "message": "Look."}


def test_noisy_is_a_layer_whose_verdict_is_untrained():
    layers = layer("a", "untrained"), layer("b"), layer("c", "undetermined")
    assert failed_layers("noisy", *layers) == ["a"]


def test_undetermined_is_a_layer_whose_weights_do_not_tell():
    layers = layer("a", "undetermined", "undetermined"), layer("b", "undetermined", "dead")
    assert failed_layers("undetermined", *layers) == ["a"]


def test_dead_takes_the_share_of_the_rule_by_default():
    assert inspect.signature(dead).parameters["share"].default == DEAD_SHARE
    assert failed_layers("dead", layer("a", dead=0.5), layer("b", dead=0.49)) == ["a"]


def test_dead_is_met_by_the_alarm_or_the_note_so_named_too():
    alarms = [alarm("dead", "note"), alarm("diverged", name="other")]
    assert failed_layers("dead", layer(dead=0.0), alarms=alarms) == ["conv"]
    assert failed_layers("dead=0.5", layer(dead=0.0), alarms=alarms) == []


def test_a_layer_with_dead_filters_and_the_alarm_fails_once():
    assert failed_layers("dead", layer(dead=1.0), alarms=[alarm("dead")]) == ["conv"]


def test_a_condition_that_an_alarm_meets_was_checked_without_the_score():
    (condition,) = parse_conditions(["dead"])
    assert condition.lacks_score(file())
    assert not condition.lacks_score(file(alarms=[alarm("dead")]))


def test_the_layer_of_an_alarm_is_named_once():
    message = "16 of 16 filters of conv are NaN."
    failure = Failure("alarm", "model.keras", "conv", 1.0, message)
    assert failure_line(failure) == f"failed: alarm: model.keras: {message}"
    other = failure._replace(layer="con")
    assert failure_line(other) == f"failed: alarm: model.keras: con: {message}"


def test_dead_takes_another_share():
    assert failed_layers("dead=0.2", layer("a", dead=0.2), layer("b", dead=0.19)) == ["a"]


def test_a_score_with_a_better_end_fails_on_the_worse_one():
    # low noise is better, and so is high orthogonality
    layers = layer("a", noise=0.9, orthogonality=0.9), layer("b", noise=0.1, orthogonality=0.1)
    assert failed_layers("noise=0.9", *layers) == ["a"]
    assert failed_layers("orthogonality=0.1", *layers) == ["b"]


@pytest.mark.parametrize(("condition", "expected"), [("dc>0.5", ["b"]), ("dc<0.5", ["a"])])
def test_a_sign_says_which_end_fails(condition, expected):
    layers = layer("a", dc=0.4), layer("b", dc=0.6), layer("c", dc=0.5), layer("d")
    assert failed_layers(condition, *layers) == expected


def test_skipped_is_each_layer_that_was_skipped():
    assert failed_layers("skipped", skipped={"bn": "no kernel"}) == ["bn"]


def test_unreadable_is_a_file_that_was_not_audited():
    error = {"kind": "missing", "message": "there is no such file"}
    (failure,) = failures_of(file(error=error), parse_conditions(["unreadable"]))
    assert (failure.layer, failure.message) == ("", "there is no such file")


def test_an_alarm_is_met_by_its_name_whatever_its_level():
    alarms = [alarm("symmetric", "note"), alarm("diverged", name="other")]
    assert failed_layers("symmetric", alarms=alarms) == ["conv"]


def test_alarm_means_any_alarm_but_no_note():
    alarms = [alarm("symmetric", "note"), alarm("diverged", "error", "other")]
    assert failed_layers("alarm", alarms=alarms) == ["other"]


def test_conditions_are_separated_by_commas_and_may_be_repeated():
    conditions = parse_conditions(["noisy, dead=0.2", "alarm,noisy"])
    assert [condition.text for condition in conditions] == ["noisy", "dead=0.2", "alarm"]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("noisi", "there is no 'noisi'; did you mean 'noisy'"),
        ("noise", "noise is a score and needs a number, such as noise=0.5"),
        ("dc", "needs a number, such as 'dc>0.5'"),
        ("dc=0.5", "no end of dc is better than the other"),
        ("noise=high", "needs a number behind the sign"),
        ("noise=nan", "needs a number behind the sign"),
        ("overfitting", "needs the history of a training"),
        ("apoz=0.5", "weights alone"),
        ("a b", "is no condition"),
        ("noisy=1", "noisy takes no number"),
        (",", "no condition came"),
    ],
)
def test_a_wrong_condition_is_a_usage_error_that_says_what_is_wrong(condition, message):
    with pytest.raises(UsageError, match="--fail-on") as raised:
        parse_conditions([condition])
    assert message in str(raised.value)
    assert raised.value.status == 4


def test_of_a_training_more_alarms_and_scores_are_known():
    texts = ["overfitting,dead_units=0.5,'rotation'>0.1".replace("'", "")]
    assert len(parse_conditions(texts, of_training=True)) == 3


def test_the_alarms_of_files_are_those_that_a_single_step_can_raise():
    used = {name for name in vars(single_step) if name in RULES}
    assert set(ALARMS_OF_FILES) == used | {"dead", "symmetric"}


def test_a_file_that_meets_a_condition_ends_with_status_1(tmp_path, capsys):
    path = save_layers(tmp_path / "w.npz", "noisy", "smooth")
    assert main(["audit", str(path), "--fail-on", "noisy"]) == 1
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"failed: noisy: {path}: noisy: its weights look random"


def test_a_file_that_meets_none_ends_with_status_0(tmp_path):
    path = save_layers(tmp_path / "w.npz", "smooth")
    assert main(["audit", str(path), "--fail-on", "noisy,dead,alarm,unreadable"]) == 0


def test_what_failed_outranks_a_file_that_cannot_be_read(tmp_path):
    path = save_layers(tmp_path / "w.npz", "noisy")
    assert main(["audit", str(path), "missing.keras", "--fail-on", "noisy"]) == 1


def test_in_machine_formats_what_failed_is_on_stderr_and_in_the_json(tmp_path):
    save_layers(tmp_path / "w.npz", "dead")
    process = cli("audit", "--format", "json", "--fail-on", "dead=0.2", "w.npz", cwd=tmp_path)
    line = "keras-filterwatch: failed: dead=0.2: w.npz: dead: dead is 0.5\n"
    assert process.stderr == line
    assert '"condition": "dead=0.2"' in process.stdout
    assert process.returncode == 1


def test_a_score_that_no_layer_has_is_told(tmp_path, capsys):
    path = save_layers(tmp_path / "w.npz", "dense")
    assert main(["audit", str(path), "--fail-on", "noise=0.5"]) == 0
    assert "no layer has the score noise, so noise=0.5 was not checked" in capsys.readouterr().err
