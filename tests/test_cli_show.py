"""`keras-filterwatch show`: the summary of a recorded training, at its end and while it goes on."""

import json

import pytest
from command_process import command
from made_up_run import MadeUpRun
from recorded import record, step_of

import keras_filterwatch as fw
from keras_filterwatch.cli import exit_codes, main

SHAPES = {"first": (5, 5, 3, 8), "head": (8, 4)}


@pytest.fixture
def logs(tmp_path):
    """A run of steps 0, 1 and 2 with an alarm from step 1 on."""
    run = MadeUpRun(tmp_path / "logs", SHAPES)
    for step in range(3):
        run.write(step)
    run.close()
    return tmp_path / "logs"


def show(*arguments):
    return main(["show", *map(str, arguments)])


def test_the_summary_is_that_of_the_run_behind_its_progress(logs, capsys):
    assert show(logs) == exit_codes.NOTHING_FOUND
    first, blank, *rest = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{logs / 'filterwatch'}: epoch 2, loss 1.96")
    assert first.endswith("; the recording has ended")
    assert blank == ""
    assert rest == repr(fw.read(logs)).splitlines()


def test_an_earlier_step_is_told_as_it_was_then(logs, capsys):
    show(logs, "--step", 0)
    output = capsys.readouterr().out
    assert "epoch 0 (the last one is 2)" in output
    assert "alarm at step" not in output
    assert "diagnosis: No fault found" in output
    show(logs, "--step", 1)
    assert "alarm at step 1" in capsys.readouterr().out


def test_a_step_that_is_not_there_is_a_wrong_argument(logs, capsys):
    assert show(logs, "--step", 7) == exit_codes.USAGE
    assert "3 from 0 to 2" in capsys.readouterr().err


def test_an_alarm_that_ended_later_holds_at_an_earlier_step(tmp_path, capsys):
    from keras_filterwatch.alarms import Alarm, Judgement
    from keras_filterwatch.record import RecordWriter
    from keras_filterwatch.storage import folder_of

    alarm = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.")
    ended = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.", ended=2)
    writer = RecordWriter(folder_of(tmp_path / "filterwatch"), "epoch")
    judgements = [Judgement(), Judgement(new=(alarm,)), Judgement(ended=(ended,))]
    for step, judgement in enumerate(judgements):
        writer.write(step_of(step, judgement=judgement))
    writer.close()
    assert show(tmp_path, "--step", 1, "--fail-on", "alarm") == exit_codes.FOUND
    assert "alarm at step 1: It is dead." in capsys.readouterr().out
    assert show(tmp_path, "--fail-on", "alarm") == exit_codes.NOTHING_FOUND
    assert "alarm at step 1 (ended at step 2)" in capsys.readouterr().out


def test_json_has_the_numbers_of_the_record(logs, capsys):
    show(logs, "--format", "json")
    document = json.loads(capsys.readouterr().out)
    run = fw.read(logs)
    assert document["schema"] == 1
    shown = document["run"]
    assert (shown["step"], shown["steps"], shown["has_ended"]) == (2, [0, 1, 2], True)
    assert shown["logs"] == dict(run.recorded_scores.logs)
    for layer in shown["layers"]:
        assert layer["scores"] == dict(run.layers[layer["name"]])
    (alarm,) = shown["alarms"]
    assert (alarm["rule"], alarm["step"], alarm["ended"]) == ("noisy", 1, None)


def test_markdown_keeps_foreign_text_out_of_its_marks(tmp_path, capsys):
    run = MadeUpRun(tmp_path, {"a|b": (5, 5, 3, 8)}, message="<img src=x> [link](http://x)")
    run.write(0)
    run.write(1)
    run.close()
    show(tmp_path, "--format", "markdown")
    output = capsys.readouterr().out
    assert "| a\\|b | 5x5x3x8 |" in output
    assert "<img" not in output
    assert "[link]" not in output.replace("\\[", "").replace("\\]", "")


def test_control_characters_of_a_model_do_not_reach_the_console(tmp_path, capsys):
    run = MadeUpRun(tmp_path, {"\x1b[31mred": (5, 5, 3, 8)}, message="\x1b[2J")
    run.write(0)
    run.write(1)
    run.close()
    show(tmp_path)
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("noisy", exit_codes.NOTHING_FOUND),
        ("alarm", exit_codes.FOUND),
        ("noise=0.05", exit_codes.FOUND),
        ("update<0.5", exit_codes.FOUND),
        ("diverged", exit_codes.NOTHING_FOUND),
    ],
)
def test_a_condition_decides_the_status(tmp_path, condition, status):
    run = MadeUpRun(tmp_path, SHAPES)
    for step in (0, 1, 60):  # verdicts are "structured" from step 50 on
        run.write(step)
    assert show(tmp_path, "--fail-on", condition) == status


def test_the_latest_of_several_runs_is_shown_and_the_others_named(tmp_path, capsys):
    record(tmp_path / "filterwatch", range(2))
    record(tmp_path / "filterwatch-2", range(5))
    show(tmp_path)
    output = capsys.readouterr()
    assert output.out.startswith(f"{tmp_path / 'filterwatch-2'}: epoch 4")
    assert f"also there: '{tmp_path / 'filterwatch'}'" in output.err


def test_a_folder_without_a_record_is_told(tmp_path, capsys):
    assert show(tmp_path / "nothing") == exit_codes.NOTHING_READ
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("more", [(), ("--follow",)])
def test_a_saved_model_is_sent_to_audit(tmp_path, more, capsys):
    (tmp_path / "model.keras").write_text("")
    assert show(tmp_path / "model.keras", *more) == exit_codes.NOTHING_READ
    (line,) = capsys.readouterr().err.splitlines()
    assert "`keras-filterwatch audit`" in line
    assert line.count("model.keras") == 1


def test_a_folder_of_checkpoints_is_sent_to_series(tmp_path, capsys):
    (tmp_path / "01.keras").write_text("")
    assert show(tmp_path) == exit_codes.NOTHING_READ
    assert "`keras-filterwatch series`" in capsys.readouterr().err


@pytest.mark.parametrize("level", ["warning", "note"])
def test_dead_is_met_by_an_alarm_or_a_note_that_holds(tmp_path, level):
    from keras_filterwatch.alarms import Alarm, Judgement
    from keras_filterwatch.record import RecordWriter
    from keras_filterwatch.storage import folder_of

    alarm = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.", level)
    ended = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.", level, ended=2)
    writer = RecordWriter(folder_of(tmp_path / "filterwatch"), "epoch")
    judgements = [Judgement(), Judgement(new=(alarm,)), Judgement(ended=(ended,))]
    for step, judgement in enumerate(judgements):
        writer.write(step_of(step, judgement=judgement))
    writer.close()
    statuses = [show(tmp_path, "--step", step, "--fail-on", "dead") for step in range(3)]
    assert statuses == [exit_codes.NOTHING_FOUND, exit_codes.FOUND, exit_codes.NOTHING_FOUND]


def test_a_record_in_memory_is_read_by_its_address(capsys):
    address = "memory://shown/logs/filterwatch"
    record(address, range(3))
    assert show("memory://shown/logs") == exit_codes.NOTHING_FOUND
    assert "epoch 2" in capsys.readouterr().out


# While it goes on.


def follow(folder, *more):
    """The command, which follows a run in a process of its own."""
    return command("show", folder, "--follow", "--interval", "0.05", *more)


def test_what_is_new_is_printed_until_the_run_has_ended(tmp_path):
    with follow(tmp_path, "--idle-timeout", "1") as follower:
        assert "waiting for a training" in follower.note()
        run = MadeUpRun(tmp_path, SHAPES)
        run.write(0)
        assert follower.line().startswith("step 0: noise")
        run.write(1)
        assert follower.line().startswith("step 1: loss 1.98")
        assert follower.line() == "step 1: alarm (noisy): It looks like noise.\n"
        run.close()
        output, errors = follower.rest()
    assert "epoch 1, loss 1.98" in output
    assert "the recording has ended" in output
    assert "Traceback" not in errors
    assert follower.process.returncode == exit_codes.NOTHING_FOUND


def test_a_run_that_stands_still_is_left_after_a_time(tmp_path):
    run = MadeUpRun(tmp_path, SHAPES)
    run.write(0)
    with follow(tmp_path, "--idle-timeout", "0.5") as follower:
        output, _ = follower.rest()
    assert "the recording has not ended" in output


def test_an_alarm_that_ended_is_printed_once(tmp_path):
    from keras_filterwatch.alarms import Alarm, Judgement
    from keras_filterwatch.cli.run_events import RunEvents
    from keras_filterwatch.record import RecordWriter
    from keras_filterwatch.storage import folder_of

    alarm = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.")
    ended = Alarm("dead", "first", 1, 0.9, 0.5, (), "It is dead.", ended=2)
    writer = RecordWriter(folder_of(tmp_path / "filterwatch"), "epoch")
    events, lines = RunEvents(), []
    judgements = [Judgement(), Judgement(new=(alarm,)), Judgement(ended=(ended,)), Judgement()]
    for step, judgement in enumerate(judgements):
        writer.write(step_of(step, judgement=judgement))
        lines += [line for line in events.lines(fw.read(tmp_path)) if "alarm" in line]
    assert lines == [
        "step 1: alarm (dead): It is dead.",
        "step 2: alarm (dead) about first, raised at step 1, is over",
    ]


def test_following_ends_quietly_when_what_reads_it_has_ended(logs):
    with command("show", logs, "--follow", "--interval", 0.1) as shown:
        shown.process.stdout.close()
        assert shown.note() == ""
        assert shown.process.wait(timeout=60) == 141
