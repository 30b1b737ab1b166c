"""The writer for MLflow: what stands in a store on this machine."""

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reports import CAUSE, alarm, picture, report
from trainings import fit, network

import keras_filterwatch as fw
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.writers import MLflow

pytestmark = [
    pytest.mark.trackers,
    # of the packages that MLflow stores with
    pytest.mark.filterwarnings("ignore::DeprecationWarning:(mlflow|sqlalchemy|alembic)"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """An empty store, whose tables take seconds to make."""
    import mlflow

    folder = tmp_path_factory.mktemp("mlflow")
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'runs.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("test", folder.as_uri()))
    return mlflow


@pytest.fixture
def run(store):
    with store.start_run() as run:
        yield run


def curve(store, run, name):
    """The steps and numbers of a curve."""
    points = store.MlflowClient().get_metric_history(run.info.run_id, name)
    return [(point.step, point.value) for point in points]


def tags(store, run):
    return store.get_run(run.info.run_id).data.tags


def files(run, folder):
    return sorted(Path(run.info.artifact_uri.removeprefix("file://"), folder).iterdir())


def test_the_curves_of_a_fit_stand_in_the_store(store, run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=False, writers=[MLflow()])
    fit(network(), watch, epochs=3)
    assert watch.problems == []
    expected = [(scores.step, scores["first"]["noise"]) for scores in watch.history]
    assert len(expected) == 4
    assert curve(store, run, "filterwatch/noise/00_first") == expected


def test_the_pictures_of_a_fit_are_images_at_their_steps(run, tmp_path):
    watch = fw.FilterWatch(tmp_path / "logs", images=["filters"], writers=[MLflow()])
    fit(network(), watch, epochs=2)
    names = [file.name for file in files(run, "images") if file.suffix == ".png"]
    of_first = [name for name in names if name.startswith("filterwatch~filters~00_first")]
    assert [name.split("+")[2] for name in of_first] == ["0", "1", "2"]


def test_a_picture_of_the_whole_network_has_no_layer_in_its_name(run):
    MLflow().write(report(1, [], {("overview", ""): picture()}))
    (path,) = (file for file in files(run, "images") if file.suffix == ".png")
    assert path.name.startswith("filterwatch~overview+")


def test_a_picture_keeps_its_colours(run):
    MLflow().write(report(1, [], {("filters", "conv"): picture()}))
    (path,) = (file for file in files(run, "images") if file.suffix == ".png")
    with Image.open(path) as image:
        assert np.array_equal(image.convert("RGB"), picture().convert("RGB"))


def test_tags_say_which_alarms_hold_and_why(store, run):
    alarms = [alarm("noisy"), alarm(), alarm(layer="other"), alarm("frozen", ended=3)]
    MLflow().write(report(4, alarms))
    assert tags(store, run)["filterwatch.alarms"] == "dead, noisy"
    assert tags(store, run)["filterwatch.diagnosis"] == CAUSE


def test_a_run_whose_alarms_ended_has_none_in_its_tag(store, run):
    writer = MLflow()
    writer.write(report(4, [alarm()]))
    writer.write(report(5, [alarm(ended=5)]))
    assert tags(store, run)["filterwatch.alarms"] == "none"


def test_a_run_can_be_found_by_its_diagnosis(store, run):
    MLflow().write(report(1))
    found = store.search_runs(
        filter_string=f"tags.`filterwatch.diagnosis` = '{CAUSE}'", output_format="list"
    )
    assert run.info.run_id in {each.info.run_id for each in found}


def test_the_text_has_the_alarms_so_far(run):
    writer = MLflow()
    writer.write(report(1))
    writer.write(report(2, [alarm()]))
    (path,) = files(run, "filterwatch")
    assert "dead about conv at 2." in path.read_text()


def test_a_step_that_is_reported_again_adds_what_changed(store, run):
    writer = MLflow()
    writer.write(report(2))
    writer.write(report(2, [alarm()]))
    assert curve(store, run, "filterwatch/noise/00_conv") == [(2, 0.5)]
    assert curve(store, run, "filterwatch/alarm_count") == [(2, 0), (2, 1)]


def test_a_network_with_more_curves_than_mlflow_takes_at_once_is_written(store, run):
    layer = LayerScores("Conv2D", (3, 3, 1, 8), "undetermined", {"noise": 0.5}, {})
    scores = fw.Scores(1, 1, {f"layer{i}": layer for i in range(1100)})
    MLflow().write(fw.Report(scores, {}, (), fw.Diagnosis("", (), "")))
    assert curve(store, run, "filterwatch/noise/1099_layer1099") == [(1, 0.5)]


@pytest.mark.parametrize(
    ("layer", "logged"),
    [
        ("conv:0", "conv_0"),
        ("Faltung (größer)", "Faltung _gr__er_"),
        ("block//conv/", "block/_conv_"),
        ("../conv/./x..", "__/conv/_/x__"),
        ("x" * 300, "x" * (150 - len("filterwatch/noise/00_"))),
    ],
)
def test_a_name_that_mlflow_refuses_is_changed(store, run, layer, logged):
    numbers = LayerScores("Conv2D", (3, 3, 1, 8), "undetermined", {"noise": 0.5}, {})
    pictures = {("filters", layer): picture()}
    diagnosis = fw.Diagnosis("", (), "")
    MLflow().write(fw.Report(fw.Scores(1, 1, {layer: numbers}), pictures, (), diagnosis))
    names = [name for name in store.get_run(run.info.run_id).data.metrics if "noise/" in name]
    assert names == [f"filterwatch/noise/00_{logged}"]


def test_the_run_goes_on_after_the_fit(store, run):
    writer = MLflow()
    writer.write(report(1))
    writer.close()
    assert store.active_run().info.run_id == run.info.run_id
    assert tags(store, run) is not None
    assert store.get_run(run.info.run_id).info.status == "RUNNING"


@pytest.mark.parametrize("of", [lambda run: run, lambda run: run.info.run_id])
def test_a_run_or_its_id_can_be_passed_in_another_thread(store, run, of):
    thread = threading.Thread(target=lambda: MLflow(of(run)).write(report(1)))
    thread.start()
    thread.join()
    assert curve(store, run, "filterwatch/noise/00_conv") == [(1, 0.5)]


def test_no_active_run_is_an_error_that_says_how_to_start_one(store):
    with pytest.raises(RuntimeError, match=r"within `with mlflow.start_run\(\):`"):
        MLflow()


def test_what_is_no_run_is_refused(store):
    with pytest.raises(TypeError, match="a run of MLflow or its id is needed; got int"):
        MLflow(3)
