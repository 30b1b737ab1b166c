"""What a tracker gets of a report, and what a tracker that is not installed says."""

import sys

import pytest
from reports import alarm, picture, report

import keras_filterwatch as fw
from keras_filterwatch import writers
from keras_filterwatch.writers.entries import Entries, tracker_package

TRACKERS = {"MLflow": "mlflow", "Trackio": "trackio", "WandB": "wandb"}


def test_all_names_are_under_one_prefix():
    entry = Entries().entry(report(1, [], {("filters", "conv"): picture()}))
    assert {name.split("/")[0] for name in [*entry.numbers, *entry.pictures]} == {"filterwatch"}


def test_a_step_that_is_reported_again_gives_what_changed_only():
    entries = Entries()
    entries.entry(report(2))
    assert entries.entry(report(2, [alarm()])).numbers == {"filterwatch/alarm_count": 1.0}


def test_the_next_step_gives_all_numbers_although_they_are_the_same():
    entries = Entries()
    first = entries.entry(report(2))
    assert entries.entry(report(3)).numbers == first.numbers


def test_scores_can_be_selected():
    entry = Entries("apoz").entry(report(1, noise=0.5, apoz=0.1))
    assert "filterwatch/apoz/00_conv" in entry.numbers
    assert "filterwatch/noise/00_conv" not in entry.numbers


@pytest.mark.parametrize("name", TRACKERS)
def test_a_tracker_that_is_not_installed_says_how_to_install_it(name, monkeypatch):
    monkeypatch.setitem(sys.modules, TRACKERS[name], None)  # its import fails
    with pytest.raises(ImportError, match=rf"pip install .*\[{TRACKERS[name]}\]"):
        getattr(writers, name)()


def test_a_folder_of_runs_is_not_taken_for_the_tracker(tmp_path, monkeypatch):
    (tmp_path / "tracker_of_runs").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ImportError, match="tracker_of_runs is a folder here"):
        tracker_package("tracker_of_runs", "Tracker")


@pytest.mark.parametrize("name", TRACKERS)
def test_an_unknown_score_is_refused_before_the_training(name):
    with pytest.raises(ValueError, match="no score is called 'apozz'"):
        getattr(writers, name)(scalars="apozz")


@pytest.mark.parametrize("name", TRACKERS)
def test_the_class_itself_is_no_writer(name, tmp_path):
    with pytest.raises(TypeError, match="is no writer"):
        fw.FilterWatch(tmp_path, writers=[getattr(writers, name)])


def test_an_unknown_writer_is_an_error_that_names_those_there_are():
    with pytest.raises(AttributeError, match=r"has no attribute 'Wandb'; it has .*'WandB'"):
        _ = writers.Wandb


def test_the_writers_are_listed():
    assert set(TRACKERS) <= set(dir(writers))
