"""The writer for W&B: what stands in a run's own file, written without a network."""

import json
import struct
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reports import CAUSE, alarm, picture, report
from trainings import fit, network

import keras_filterwatch as fw
from keras_filterwatch.writers import WandB

pytestmark = pytest.mark.trackers

_BLOCK = 32768  # bytes of LevelDB's log format, in which W&B writes its records


@pytest.fixture
def run(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    run = wandb.init(project="test", dir=tmp_path, settings=quiet(wandb))
    yield run
    run.finish()


def quiet(wandb):
    """Settings of a run that prints nothing."""
    return wandb.Settings(console="off", silent=True, x_disable_stats=True)


def records(run):
    """All records of a run, which this finishes, by kind."""
    run.finish()
    (path,) = Path(run.dir).parent.glob("*.wandb")
    for _ in range(600):  # another process writes the file, and `finish` may not wait for it
        by_kind = parsed(path.read_bytes())
        if "exit" in by_kind:
            return by_kind
        time.sleep(0.1)
    raise TimeoutError(f"the end of the run is not in {path}")


def parsed(data):
    """The records in a run's file so far, by kind."""
    from wandb.proto.wandb_internal_pb2 import Record

    place, whole, by_kind = 7, b"", {}
    while place + 7 <= len(data):
        if _BLOCK - place % _BLOCK < 7:  # no room for a header: the rest of the block is empty
            place += _BLOCK - place % _BLOCK
            continue
        _, size, part = struct.unpack_from("<IHB", data, place)
        whole += data[place + 7 : place + 7 + size]
        place += 7 + size
        if part in (1, 4):  # all of a record, or its last part
            record = Record.FromString(whole)
            kind, whole = record.WhichOneof("record_type"), b""
            by_kind.setdefault(kind, []).append(getattr(record, kind))
    return by_kind


def rows(run):
    """The rows of a run's history, without what W&B itself adds to them."""
    rows = []
    for history in records(run)["history"]:
        row = {}
        for item in history.item:
            name = "/".join([*item.nested_key, *([item.key] if item.key else [])])
            if not name.startswith("_"):
                row[name] = json.loads(item.value_json)
        rows.append(row)
    return rows


def test_the_curves_of_a_fit_stand_in_the_runs_history(run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=False, writers=[WandB()])
    fit(network(), watch, epochs=3)
    logged = [
        (
            row["filterwatch/step"],
            row["filterwatch/noise/00_first"],
            row["filterwatch/norm/02_head"],
        )
        for row in rows(run)
    ]
    assert watch.problems == []
    assert len(logged) == 4
    assert logged == [
        (scores.step, scores["first"]["noise"], scores["head"]["norm"]) for scores in watch.history
    ]


def test_the_pictures_of_a_fit_are_files_of_the_run(run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=["filters"], writers=[WandB()])
    fit(network(), watch, epochs=2)
    paths = [row["filterwatch/filters/00_first/path"] for row in rows(run)]
    assert len({Path(run.dir, path).read_bytes() for path in paths}) == 3


def test_a_picture_of_the_whole_network_has_no_layer_in_its_name(run):
    WandB().write(report(1, [], {("overview", ""): picture()}))
    (row,) = rows(run)
    assert row["filterwatch/overview/path"].endswith(".png")


def test_a_picture_keeps_its_colours(run):
    WandB().write(report(1, [], {("filters", "conv"): picture()}))
    (row,) = rows(run)
    with Image.open(Path(run.dir, row["filterwatch/filters/00_conv/path"])) as image:
        assert np.array_equal(image.convert("RGB"), picture().convert("RGB"))


def test_charts_have_the_reports_step_as_their_x_axis(run):
    WandB().write(report(1))
    axes = {metric.glob_name or metric.name: metric for metric in records(run)["metric"]}
    assert axes["filterwatch/*"].step_metric == "filterwatch/step"


@pytest.mark.parametrize(("level", "logged"), [("error", "ERROR"), ("warning", "WARN")])
def test_an_alarm_that_begins_is_an_alert(run, level, logged):
    WandB().write(report(2, [alarm(level=level)]))
    (alert,) = records(run)["alert"]
    assert (alert.title, alert.level) == ("FilterWatch: dead (conv)", logged)
    assert alert.text.startswith("Step 2. dead about conv at 2.")


def test_an_alarm_that_ends_is_an_alert_for_information(run):
    writer = WandB()
    writer.write(report(2, [alarm()]))
    writer.write(report(4, [alarm(ended=4)]))
    alerts = [(alert.title, alert.level) for alert in records(run)["alert"]]
    assert alerts[1:] == [("FilterWatch: dead is over (conv)", "INFO")]


def test_the_summary_has_the_last_diagnosis(run):
    WandB().write(report(1))
    assert run.summary["filterwatch/diagnosis"] == CAUSE


def test_a_step_that_is_reported_again_adds_what_changed(run):
    writer = WandB()
    writer.write(report(2))
    writer.write(report(2, [alarm()]))
    assert rows(run)[1] == {"filterwatch/step": 2, "filterwatch/alarm_count": 1}


def test_a_report_without_news_is_no_row(run):
    writer = WandB()
    writer.write(report(2))
    writer.write(report(2))
    assert len(rows(run)) == 1


def test_numbers_that_the_user_logs_between_reports_are_kept(run):
    writer = WandB()
    for step in range(3):
        run.log({"loss": step})
        writer.write(report(step))
    assert [row["loss"] for row in rows(run) if "loss" in row] == [0, 1, 2]


def test_the_run_goes_on_after_the_fit(run):
    writer = WandB()
    writer.write(report(1))
    writer.close()
    run.log({"accuracy": 0.9})
    assert rows(run)[-1] == {"accuracy": 0.9}


def test_a_run_that_is_passed_is_written_to(run, tmp_path):
    import wandb

    other = wandb.init(dir=tmp_path, reinit="create_new", settings=quiet(wandb))
    WandB(other).write(report(1))
    assert wandb.run is run
    assert rows(other)[0]["filterwatch/noise/00_conv"] == 0.5


def test_no_run_is_an_error_that_says_how_to_start_one():
    with pytest.raises(RuntimeError, match=r"Call wandb.init\(.*\) before"):
        WandB()


def test_what_is_no_run_is_refused():
    with pytest.raises(TypeError, match=r"a wandb.Run is needed; got str"):
        WandB("run1")


def test_a_run_that_was_finished_costs_the_steps_only(run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=False, writers=[WandB()])
    run.finish()
    with pytest.warns(UserWarning, match="WandB could not write a step"):
        fit(network(), watch, epochs=2)
    assert [scores.step for scores in watch.history] == [0, 1, 2]
