"""How far training came, by formulas on made-up logs."""

import math

import pytest

from keras_filterwatch import logs
from keras_filterwatch.scores import LayerScores, Scores


def history(*logged, units=10):
    """A look for each of these logs, of a network whose last layer has so many units."""
    layers = {
        name: LayerScores("", (8, count), "undetermined", {}, {})
        for name, count in (("hidden", 7), ("head", units))
    }
    return [Scores(step, step, layers, {}, each) for step, each in enumerate(logged)]


@pytest.mark.parametrize("name", ["accuracy", "acc", "sparse_categorical_accuracy"])
@pytest.mark.parametrize(("units", "guessing"), [(10, 1 / 10), (2, 1 / 2), (1, 1 / 2)])
def test_progress_goes_from_guessing_to_perfection(name, units, guessing):
    for accuracy, way in ((guessing, 0), ((1 + guessing) / 2, 0.5), (1, 1)):
        looks = history({}, {"loss": 1.0, name: accuracy}, units=units)
        assert logs.progress(looks) == pytest.approx(way)


def test_progress_without_accuracy_is_the_share_of_the_first_loss_that_is_gone():
    looks = history({}, {"loss": 2.0, "val_loss": 4.0}, {}, {"loss": 0.5, "val_loss": 3.0}, {})
    assert logs.progress(looks) == 0.75
    assert logs.progress(looks, "val_") == 0.25
    assert logs.gap(looks) == 0.5


def test_gap_is_between_the_ways_on_both_data():
    # of ten classes, .91 is .9 of the way, .55 half of it
    looks = history({}, {"loss": 1.0, "accuracy": 0.91, "val_accuracy": 0.55})
    assert logs.gap(looks) == pytest.approx(0.4)


@pytest.mark.parametrize("logged", [{}, {"learning_rate": 0.1}, {"loss": 0.0}, {"loss": math.nan}])
def test_progress_and_gap_are_nan_without_evidence(logged):
    assert math.isnan(logs.progress(history(logged)))
    assert math.isnan(logs.gap(history(logged)))


def test_gap_is_nan_without_validation():
    assert math.isnan(logs.gap(history({}, {"loss": 1.0, "accuracy": 0.9})))


def test_epochs_are_the_looks_that_logged_a_loss():
    looks = history({}, {"learning_rate": 0.1}, {"loss": 1.0}, {})
    assert logs.epochs(looks) == [looks[2]]
