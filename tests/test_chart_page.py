"""Which charts the Custom Scalars page has, and which curves each of them shows."""

import re

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.metrics import activity
from keras_filterwatch.writers.chart_page import chart_page, curves_by_score, curves_over_layers
from keras_filterwatch.writers.curves import curves


def curves_of(scores, scalars=None):
    """score -> tag -> number, of all curves of layers."""
    report = fw.Report(scores, {}, (), fw.Diagnosis("no fault found", (), "Train on."))
    return curves_by_score(curves(report, scalars), scores)


def charts_of(curves, is_large=False):
    """category -> title -> the regular expression of its chart."""
    charts = {}
    for chart in chart_page(curves, is_large).charts:
        charts.setdefault(chart.category, {})[chart.title] = chart.tags
    return charts


def test_charts_of_metrics_of_ones_own_survive_characters_of_regular_expressions():
    metrics = {"l1+l2 (x)": np.max, "l.": np.max, "lx": np.max}
    scores = fw.score({"a[0]+(b|c)": np.ones((3, 3, 1, 2)), "norm/lx": np.eye(3)}, metrics=metrics)
    by_score = curves_of(scores)
    tags = [tag for each in by_score.values() for tag in each]
    charts = charts_of(by_score)["Metrics of your own"]
    assert {
        name: [tag for tag in tags if re.match(chart, tag)] for name, chart in charts.items()
    } == {name: [f"{name}/00_a[0]+(b|c)", f"{name}/01_norm/lx"] for name in metrics}


@pytest.fixture
def probed():
    units = activity.Outputs(2, np.array([2, 0]), np.array([0.0, 3.0]), np.array([0.0, 5.0]))
    return fw.score({"a": np.eye(2)}, outputs={"a": units})


def test_only_scores_that_are_written_have_charts(probed):
    assert [*charts_of(curves_of(probed))["Units"]] == ["dead units"]
    assert [*charts_of(curves_of(probed, "all"))["Units"]] == ["zeros in the outputs", "dead units"]


def test_without_curves_there_is_the_chart_of_alarms():
    assert charts_of({}, is_large=True) == {"Alarms": {"alarms that hold": "^alarm_count$"}}


TAGS = [f"{{}}/{i:02}_conv" for i in range(20)]


def layers(score, numbers):
    """Curves of one score, a number for each layer."""
    return {score: {tag.format(score): number for tag, number in zip(TAGS, numbers, strict=False)}}


def matched(curves, title, score):
    """Indices of the layers that a chart of a large network shows."""
    (category, *_) = charts_of(curves, is_large=True).values()
    return [int(tag.split("/")[1][:2]) for tag in curves[score] if re.match(category[title], tag)]


def test_a_large_network_shows_the_layers_with_the_highest_noise():
    curves = layers("noise", [0.1, 0.9, 0.2, 0.8, 0.7, 0.3, 0.6, 0.5, 0.4, 1.0])
    assert matched(curves, "noise score, the highest layers", "noise") == [1, 3, 4, 6, 7, 9]


def test_of_layers_that_are_equally_bad_the_first_are_shown():
    curves = layers("dead", [0.0] * 20)
    assert matched(curves, "dead share, the highest layers", "dead") == [0, 1, 2, 3, 4, 5]


def test_of_updates_and_rotations_both_ends_are_shown():
    curves = layers("update", [5, 1, 9, 2, 8, 3, 7, 4, 6, 10])
    assert matched(curves, "update ratio, the extreme layers", "update") == [1, 2, 3, 4, 5, 9]


def test_a_chart_over_all_layers_shows_the_quantiles_and_nothing_else():
    curves = layers("noise", range(13))
    chart = charts_of(curves, is_large=True)["Filters"]["noise score, over all layers"]
    over_layers = [*curves_over_layers(curves)]
    assert [tag for tag in [*over_layers, *curves["noise"]] if re.match(chart, tag)] == over_layers


def test_quantiles_are_those_of_numpy():
    numbers = np.random.default_rng(0).random(20)
    assert [*curves_over_layers(layers("rotation", numbers)).values()] == pytest.approx(
        np.quantile(numbers, [1, 0.75, 0.5, 0.25, 0])
    )


def test_scores_without_a_chart_have_no_curve_over_all_layers():
    assert curves_over_layers(layers("geary_c", range(20))) == {}


def test_metrics_of_ones_own_have_both_charts():
    curves = layers("largest", range(20))
    assert [*charts_of(curves, is_large=True)["Metrics of your own"]] == [
        "largest, over all layers",
        "largest, the extreme layers",
    ]
