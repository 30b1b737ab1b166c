"""`keras-filterwatch report`: the page about a recorded training or a saved model."""

import json

import numpy as np
import pytest
from checkpoints import save
from made_up_run import MadeUpRun
from test_report_file import ReportFile

from keras_filterwatch.cli import exit_codes, main


def report(*arguments):
    return main(["report", *map(str, arguments)])


@pytest.fixture
def logs(tmp_path):
    run = MadeUpRun(tmp_path / "run1", {"first": (5, 5, 3, 8), "head": (8, 4)})
    for step in range(3):
        run.write(step)
    run.close()
    return tmp_path / "run1"


def test_the_report_of_a_training_is_written(logs, tmp_path, capsys):
    assert report(logs, "-o", tmp_path / "report.html") == exit_codes.NOTHING_FOUND
    page = ReportFile(tmp_path / "report.html")
    assert "<title>run1 - FilterWatch</title>" in page.html
    assert page["run"]["steps"] == [0, 1, 2]
    output = capsys.readouterr()
    assert output.out == ""
    assert f"wrote {tmp_path / 'report.html'}" in output.err


def test_the_report_of_a_file_has_its_scores_and_its_name(tmp_path):
    save(tmp_path, 3)
    assert report(tmp_path / "03.npz", "-o", tmp_path / "report.html") == exit_codes.NOTHING_FOUND
    page = ReportFile(tmp_path / "report.html")
    assert "<title>03.npz - FilterWatch</title>" in page.html
    assert [layer["name"] for layer in page["run"]["layers"]] == ["conv", "head"]


def test_the_report_of_a_file_has_the_alarms_of_an_audit(tmp_path, capsys):
    kernel = np.zeros((5, 5, 3, 8), "float32")
    kernel[..., 0] = np.nan
    np.savez(tmp_path / "model.npz", conv=kernel)
    report(tmp_path / "model.npz", "-o", tmp_path / "report.html")
    capsys.readouterr()
    main(["audit", str(tmp_path / "model.npz"), "--format", "json"])
    (audited,) = json.loads(capsys.readouterr().out)["files"]
    shown = ReportFile(tmp_path / "report.html")["run"]
    assert [alarm["message"] for alarm in shown["alarms"]] == [
        alarm["message"] for alarm in audited["alarms"]
    ]
    (diagnosis,) = shown["diagnoses"]
    assert diagnosis["cause"] == audited["diagnosis"]["cause"] == "diverged"


def test_nothing_is_left_beside_the_file(tmp_path):
    save(tmp_path, 3)
    report(tmp_path / "03.npz", "-o", tmp_path / "report.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["03.npz", "report.html"]


def test_a_report_is_no_larger_than_asked_for(logs, tmp_path):
    size = 400_000
    report(logs, "-o", tmp_path / "report.html", "--max-bytes", size)
    assert (tmp_path / "report.html").stat().st_size <= size


def test_so_few_bytes_that_nothing_fits_are_a_wrong_argument(logs, tmp_path, capsys):
    assert report(logs, "-o", tmp_path / "report.html", "--max-bytes", 10) == exit_codes.USAGE
    assert "--max-bytes: 10 bytes cannot hold" in capsys.readouterr().err


def test_a_file_that_cannot_be_read_has_no_report(tmp_path, capsys):
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 torn")
    output = tmp_path / "report.html"
    assert report(tmp_path / "model.npz", "-o", output) == exit_codes.NOTHING_READ
    assert "model.npz" in capsys.readouterr().err
    assert not output.exists()


def test_a_folder_without_a_record_has_no_report(tmp_path, capsys):
    assert report(tmp_path, "-o", tmp_path / "report.html") == exit_codes.NOTHING_READ
    assert "no record of a training" in capsys.readouterr().err


def test_a_folder_of_checkpoints_is_sent_to_series(tmp_path, capsys):
    save(tmp_path / "files", 0, 1)
    assert report(tmp_path / "files", "-o", tmp_path / "report.html") == exit_codes.NOTHING_READ
    assert "`keras-filterwatch series`" in capsys.readouterr().err


def test_what_is_nowhere_may_be_a_training_or_a_model(tmp_path, capsys):
    source = tmp_path / "model.keras"
    assert report(source, "-o", tmp_path / "report.html") == exit_codes.NOTHING_READ
    assert "was recorded in, or a saved model." in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named_once(tmp_path, capsys):
    (tmp_path / "text.npz").write_text("this is no archive")
    report(tmp_path / "text.npz", "-o", tmp_path / "report.html")
    assert capsys.readouterr().err.count("text.npz") == 1


def test_a_folder_that_is_not_there_cannot_get_the_report(logs, tmp_path):
    assert report(logs, "-o", tmp_path / "none/report.html") == exit_codes.USAGE
