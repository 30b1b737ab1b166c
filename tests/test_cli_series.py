"""`keras-filterwatch series`: what it prints, records and returns."""

import json
import os
import signal

import numpy as np
import pytest
from checkpoints import arrays, save
from command_process import command

import keras_filterwatch as fw
from keras_filterwatch.cli import exit_codes, main


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def series(*arguments):
    """Runs the command; returns its exit status."""
    return main(["series", *map(str, arguments), "--log-dir", "logs", "--no-images"])


def test_a_folder_is_recorded_and_summarised(place, capsys):
    save(place / "files", 0, 1, 2)
    assert series("files") == exit_codes.NOTHING_FOUND
    output = capsys.readouterr()
    assert output.out.startswith("logs/filterwatch: epoch 2 of 2; the recording has ended\n")
    assert "conv" in output.out
    assert "diagnosis:" in output.out
    assert "without --csv, alarms about losses and metrics are not judged" in output.err
    assert fw.read(place / "logs").steps == [0, 1, 2]


def test_pictures_are_drawn_unless_they_are_not_asked_for(place):
    save(place / "files", 0, 1)
    main(["series", "files", "--log-dir", "with"])
    series("files")
    with_pictures, without = (
        sum(path.stat().st_size for path in (place / name / "filterwatch").glob("*tfevents*"))
        for name in ("with", "logs")
    )
    assert with_pictures > 5 * without


def test_quiet_prints_the_result_alone(place, capsys):
    save(place / "files", 0, 1)
    series("files", "--quiet")
    assert capsys.readouterr().err == ""


def test_json_tells_the_run_and_what_became_of_each_file(place, capsys):
    save(place / "files", 0, 1)
    (place / "files/02.npz").write_bytes(b"PK\x03\x04 torn")
    assert series("files", "--format", "json") == exit_codes.ERROR
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["run"]["steps"] == [0, 1]
    assert [layer["name"] for layer in document["run"]["layers"]] == ["conv", "head"]
    assert [(each["file"], each["step"], each["state"]) for each in document["files"]] == [
        ("00.npz", 0, "recorded"),
        ("01.npz", 1, "recorded"),
        ("02.npz", 2, "unreadable"),
    ]


def test_json_has_no_number_that_json_does_not_know(place, capsys):
    save(place / "files", 0)
    np.savez(place / "files/01.npz", **{k: v * np.float32("nan") for k, v in arrays(1).items()})
    series("files", "--format", "json")
    document = json.loads(capsys.readouterr().out, parse_constant=lambda text: pytest.fail(text))
    assert {alarm["rule"] for alarm in document["run"]["alarms"]} == {"diverged"}


def test_markdown_has_a_table(place, capsys):
    save(place / "files", 0, 1)
    series("files", "--format", "markdown")
    assert "| layer | kernel | noise |" in capsys.readouterr().out


def test_the_result_goes_to_a_file(place, capsys):
    save(place / "files", 0, 1)
    series("files", "--format", "json", "--output", "result.json")
    assert capsys.readouterr().out == ""
    assert json.loads((place / "result.json").read_text())["run"]["step"] == 1


def test_losses_of_csv_logger_are_in_the_run(place, capsys):
    save(place / "files", 0, 1, 2)
    (place / "training.csv").write_text("epoch,loss\n0,0.5\n1,0.25\n")
    series("files", "--csv", "training.csv", "--epochs", 4)
    output = capsys.readouterr()
    assert output.out.startswith(
        "logs/filterwatch: epoch 2 of 4, loss 0.25; the recording has ended\n"
    )
    assert "without --csv" not in output.err


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("rotation>0.01", exit_codes.FOUND),
        ("rotation>0.9", exit_codes.NOTHING_FOUND),
        ("diverged", exit_codes.NOTHING_FOUND),
    ],
)
def test_a_condition_about_the_last_step_decides_the_status(place, condition, status):
    save(place / "files", 0, 1, 2)  # which turn by 0.2: 1 - cos 0.2 is 0.02
    assert series("files", "--fail-on", condition) == status


def test_an_alarm_that_holds_at_the_end_decides_the_status(place, capsys):
    save(place / "files", 0)
    np.savez(place / "files/01.npz", **{k: v * np.float32("nan") for k, v in arrays(1).items()})
    assert series("files", "--fail-on", "diverged") == exit_codes.FOUND
    assert "failed: diverged" in capsys.readouterr().out


def test_what_was_asked_for_and_found_outranks_a_file_that_cannot_be_read(place):
    save(place / "files", 0, 2)
    (place / "files/01.npz").write_bytes(b"PK\x03\x04 torn")
    assert series("files", "--fail-on", "rotation>0.01") == exit_codes.FOUND


def test_an_unknown_condition_is_a_wrong_argument(place):
    save(place / "files", 0)
    assert series("files", "--fail-on", "diverges") == exit_codes.USAGE
    assert not (place / "logs").exists()


def test_nothing_to_read_has_its_own_status(place, capsys):
    (place / "files").mkdir()
    (place / "files/notes.txt").write_text("none")
    assert series("files") == exit_codes.NOTHING_READ
    assert "only 'notes.txt'" in capsys.readouterr().err
    (place / "files/0.npz").write_bytes(b"PK\x03\x04 torn")
    assert series("files") == exit_codes.NOTHING_READ
    assert series("nowhere") == exit_codes.NOTHING_READ
    assert not (place / "logs").exists()


def test_a_damaged_file_is_named(place, capsys):
    save(place / "files", 0, 2)
    (place / "files/01.npz").write_bytes(b"PK\x03\x04 torn")
    assert series("files", "--quiet") == exit_codes.ERROR
    assert "01.npz: unreadable: " in capsys.readouterr().err


def test_another_network_among_the_files_is_named_and_not_mixed(place, capsys):
    save(place / "files", 0, 1, 3)
    save(place / "files", 2, filters=4)
    assert series("files") == exit_codes.ERROR
    assert "02.npz: left out: it holds another network" in capsys.readouterr().err
    assert fw.read(place / "logs").steps == [0, 1, 3]


def test_gaps_and_files_without_a_step_are_told(place, capsys):
    save(place / "files", 1, 2, 5)
    save(place / "files", 0, name="best.npz")
    assert series("files") == exit_codes.NOTHING_FOUND
    told = capsys.readouterr().err
    assert "no file between steps 2 and 5" in told
    assert "'best.npz': their names tell no step" in told
    assert "the first file is of step 1" in told


def test_names_that_leave_a_question_are_a_wrong_argument(place, capsys):
    save(place / "files", 1, 2, name="{step}-{step}.npz")
    assert series("files") == exit_codes.USAGE
    assert r"--step-pattern '(\d+)-\d+\.npz'" in capsys.readouterr().err


def test_of_files_that_were_named_each_needs_a_step(place, capsys):
    save(place, 1, name="l{step}.npz")
    save(place, 1, name="healthy.npz")
    save(place, 1, name="dead.npz")
    assert series("healthy.npz", "l1.npz", "dead.npz") == exit_codes.USAGE
    assert "'dead.npz', 'healthy.npz' tell no step, while 'l1.npz'" in capsys.readouterr().err
    assert series(".") == exit_codes.USAGE
    save(place, 2, name="l{step}.npz")
    assert series("l1.npz", "l2.npz", "dead.npz") == exit_codes.USAGE
    assert not (place / "logs").exists()
    assert series("*.npz") == exit_codes.NOTHING_FOUND
    assert fw.read(place / "logs").steps == [1, 2]


def test_a_step_pattern_answers_the_question(place):
    save(place / "files", 1, 2, name="{step}-9{step}.npz")
    assert series("files", "--step-pattern", "{epoch}-{batch}.npz") == exit_codes.NOTHING_FOUND
    assert fw.read(place / "logs").steps == [1, 2]


def test_files_are_ordered_by_time_if_it_is_asked_for(place):
    for seconds, path in enumerate(save(place / "files", 7, 3)):
        os.utime(path, (seconds, seconds))
    assert series("files", "--by", "time") == exit_codes.NOTHING_FOUND
    run = fw.read(place / "logs")
    assert run.steps == [1, 2]
    before, now = (arrays(step)["conv"].astype(float) for step in (7, 3))
    update = np.linalg.norm(now - before) / np.linalg.norm(before)
    assert run.recorded_scores["conv"]["update"] == pytest.approx(update, rel=1e-6)


def test_a_run_that_is_there_is_continued(place, capsys):
    save(place / "files", 0, 1)
    series("files")
    save(place / "files", 2)
    capsys.readouterr()
    assert series("files") == exit_codes.NOTHING_FOUND
    told = capsys.readouterr().err
    assert "continues the run in logs/filterwatch after step 1." in told
    assert "2 of 3 files were recorded before." in told
    assert fw.read(place / "logs").steps == [0, 1, 2]


def test_a_layout_tells_the_axes_of_plain_arrays(place):
    (place / "files").mkdir()
    kernel = np.moveaxis(arrays(0)["conv"], (2, 3), (1, 0))  # as PyTorch has it
    np.savez(place / "files/0.npz", conv=kernel)
    assert series("files", "--layout", "OIHW") == exit_codes.NOTHING_FOUND
    assert fw.read(place / "logs").recorded_scores["conv"].shape == (5, 5, 3, 8)


def test_a_layout_that_cannot_be_meant_is_a_wrong_argument(place, capsys):
    save(place / "files", 0)
    assert series("files", "--layout", "XYZ") == exit_codes.USAGE
    assert "--layout: 'XYZ' cannot be read" in capsys.readouterr().err


def test_layers_that_no_file_has_are_a_wrong_argument(place, capsys):
    save(place / "files", 0)
    assert series("files", "--layers", "cnv") == exit_codes.USAGE
    assert "did you mean 'conv'" in capsys.readouterr().err


def test_a_training_log_of_another_kind_is_an_error(place, capsys):
    save(place / "files", 0)
    (place / "training.csv").write_text("step,loss\n0,1\n")
    assert series("files", "--csv", "training.csv") == exit_codes.ERROR
    assert "no column 'epoch'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "training.csv is empty"), ("epoch,loss\n", "has no complete row of an epoch")],
)
def test_a_training_log_without_a_row_is_an_error(place, text, message, capsys):
    save(place / "files", 0)
    (place / "training.csv").write_text(text)
    assert series("files", "--csv", "training.csv") == exit_codes.ERROR
    assert message in capsys.readouterr().err


def test_a_training_log_that_is_nowhere_is_a_wrong_argument(place, capsys):
    save(place / "files", 0)
    assert series("files", "--csv", "none.csv") == exit_codes.USAGE
    assert "--csv: none.csv does not exist." in capsys.readouterr().err


def test_steps_that_were_recorded_without_the_training_log_are_told(place, capsys):
    save(place / "files", 0, 1, 2)
    (place / "training.csv").write_text("epoch,loss\n0,0.5\n1,0.25\n")
    series("files")
    series("files", "--csv", "training.csv")
    told = "steps 1, 2 were recorded before without what training.csv says"
    assert told in capsys.readouterr().err


def test_steps_that_were_recorded_with_the_training_log_lack_nothing(place, capsys):
    save(place / "files", 0, 1, 2)
    (place / "training.csv").write_text("epoch,loss\n0,0.5\n1,0.25\n")
    series("files", "--csv", "training.csv")
    series("files", "--csv", "training.csv")
    assert "recorded before without" not in capsys.readouterr().err


def test_an_empty_folder_is_called_so(place, capsys):
    (place / "files").mkdir()
    assert series("files") == exit_codes.NOTHING_READ
    assert "no checkpoint in files: the folder is empty." in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named_once(place, capsys):
    save(place / "files", 0, 2)
    (place / "files/01.npz").write_text("this is no archive")
    series("files", "--quiet")
    assert capsys.readouterr().err.count("01.npz") == 1


def test_files_alone_cannot_be_followed(place, capsys):
    save(place / "files", 0)
    assert series("files/00.npz", "--follow") == exit_codes.USAGE
    assert "in quotes" in capsys.readouterr().err


def test_an_end_of_following_needs_following(place):
    save(place / "files", 0)
    assert series("files", "--until", 3) == exit_codes.USAGE


FOLLOW = ("series", "files", "--log-dir", "logs", "--no-images", "--follow", "--interval", "0.05")


@pytest.mark.parametrize("end", [signal.SIGINT, None])
def test_a_run_is_followed_until_it_is_ended(place, end):
    (place / "files").mkdir()
    with command(*FOLLOW, *([] if end else ["--until", "2"])) as follower:
        for step in range(3):
            save(place / "files", step)
            assert follower.line().startswith(f"step {step}: ")
        if end:
            follower.process.send_signal(end)
        output, errors = follower.rest()
    assert "logs/filterwatch: epoch 2; the recording has ended" in output
    assert "Traceback" not in errors
    assert follower.process.returncode == exit_codes.NOTHING_FOUND
    assert fw.read(place / "logs").steps == [0, 1, 2]


def test_a_run_whose_follower_was_killed_is_continued_and_ended(place):
    save(place / "files", 0, 1)
    with command(*FOLLOW) as follower:
        follower.line(), follower.line()
        run = fw.read(place / "logs")
        assert (run.steps, run.has_ended) == ([0, 1], False)
    assert series("files") == exit_codes.NOTHING_FOUND
    run = fw.read(place / "logs")
    assert (run.steps, run.has_ended) == ([0, 1], True)
