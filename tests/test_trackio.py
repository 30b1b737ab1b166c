"""The writer for Trackio: what stands in its database on this machine."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reports import alarm, picture, report
from trainings import fit, network

import keras_filterwatch as fw
from keras_filterwatch.writers import Trackio

pytestmark = pytest.mark.trackers


@pytest.fixture(scope="module")
def trackio(tmp_path_factory):
    """The package, which reads the folder of its database when it is imported."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("TRACKIO_DIR", str(tmp_path_factory.mktemp("trackio")))
        environment.setenv("HF_HUB_OFFLINE", "1")
        import trackio

        yield trackio


@pytest.fixture
def run(trackio, request):
    project = f"test{abs(hash(request.node.name))}"
    run = trackio.init(project=project, name="run", auto_log_gpu=False, auto_log_cpu=False)
    yield run
    if trackio.context_vars.current_run.get() is run:
        trackio.finish()


def logs(trackio, run):
    """What was logged to a run, which this finishes: a dict for each call."""
    from trackio.sqlite_storage import SQLiteStorage

    trackio.finish()
    return SQLiteStorage.get_logs(run.project, run.name)


def alerts(trackio, run):
    """The alerts of a run, which this finishes, oldest first."""
    from trackio.sqlite_storage import SQLiteStorage

    trackio.finish()
    return sorted(SQLiteStorage.get_alerts(run.project), key=lambda alert: alert["step"])


def test_the_curves_of_a_fit_stand_in_the_database(trackio, run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=False, writers=[Trackio()])
    fit(network(), watch, epochs=3)
    assert watch.problems == []
    logged = [(row["step"], row["filterwatch/noise/00_first"]) for row in logs(trackio, run)]
    assert len(logged) == 4
    assert logged == [(scores.step, scores["first"]["noise"]) for scores in watch.history]


def test_a_report_is_logged_at_its_own_step(trackio, run):
    Trackio().write(report(700))
    assert [row["step"] for row in logs(trackio, run)] == [700]


def test_the_pictures_of_a_fit_are_files_of_the_run(trackio, run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=["filters"], writers=[Trackio()])
    fit(network(), watch, epochs=2)
    media = [row["filterwatch/filters/00_first"] for row in logs(trackio, run)]
    assert len({picture_file(trackio, each).read_bytes() for each in media}) == 3


def picture_file(trackio, logged):
    return Path(trackio.utils.MEDIA_DIR, logged["file_path"])


def test_a_picture_of_the_whole_network_has_no_layer_in_its_name(trackio, run):
    Trackio().write(report(1, [], {("overview", ""): picture()}))
    (row,) = logs(trackio, run)
    assert picture_file(trackio, row["filterwatch/overview"]).suffix == ".png"


def test_a_picture_keeps_its_colours(trackio, run):
    Trackio().write(report(1, [], {("filters", "conv"): picture()}))
    (row,) = logs(trackio, run)
    with Image.open(picture_file(trackio, row["filterwatch/filters/00_conv"])) as image:
        assert np.array_equal(image.convert("RGB"), picture().convert("RGB"))


@pytest.mark.parametrize(("level", "logged"), [("error", "error"), ("warning", "warn")])
def test_an_alarm_that_begins_is_an_alert(trackio, run, level, logged):
    Trackio().write(report(2, [alarm(level=level)]))
    (alert,) = alerts(trackio, run)
    assert (alert["title"], alert["level"]) == ("FilterWatch: dead (conv)", logged)
    assert (alert["step"], alert["text"].splitlines()[0]) == (2, "dead about conv at 2.")


def test_an_alarm_that_ends_is_an_alert_for_information(trackio, run):
    writer = Trackio()
    writer.write(report(2, [alarm()]))
    writer.write(report(4, [alarm(ended=4)]))
    _, alert = alerts(trackio, run)
    assert (alert["title"], alert["level"]) == ("FilterWatch: dead is over (conv)", "info")


def test_a_step_that_is_reported_again_adds_what_changed(trackio, run):
    writer = Trackio()
    writer.write(report(2))
    writer.write(report(2, [alarm()]))
    _, row = logs(trackio, run)
    assert {name: row[name] for name in row if "/" in name} == {"filterwatch/alarm_count": 1}


def test_numbers_that_the_user_logs_between_reports_are_kept(trackio, run):
    writer = Trackio()
    for step in range(3):
        trackio.log({"loss": step})
        writer.write(report(step))
    assert [row["loss"] for row in logs(trackio, run) if "loss" in row] == [0, 1, 2]


def test_the_run_goes_on_after_the_fit(trackio, run):
    writer = Trackio()
    writer.write(report(1))
    writer.close()
    trackio.log({"accuracy": 0.9})
    assert logs(trackio, run)[-1]["accuracy"] == 0.9


def test_a_run_can_be_passed_in_another_thread(trackio, run):
    thread = threading.Thread(target=lambda: Trackio(run).write(report(1)))
    thread.start()
    thread.join()
    (row,) = logs(trackio, run)
    assert row["filterwatch/noise/00_conv"] == 0.5


def test_no_run_is_an_error_that_says_how_to_start_one(trackio):
    with pytest.raises(RuntimeError, match=r"Call trackio.init\(.*\) before"):
        Trackio()


def test_what_is_no_run_is_refused(trackio):
    with pytest.raises(TypeError, match=r"what trackio.init returns is needed; got str"):
        Trackio("run1")
