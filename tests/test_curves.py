"""Which numbers of a report become curves, under which tags."""

import math

import pytest
from reports import alarm, report

import keras_filterwatch as fw
from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.writers.curves import DEFAULT_SCORES, check_scalars, curves, layer_tags


def with_layers(*names, **numbers):
    layer = LayerScores("Conv2D", (3, 3, 1, 8), "undetermined", numbers, {})
    scores = fw.Scores(1, 1, dict.fromkeys(names, layer))
    return fw.Report(scores, {}, (), fw.Diagnosis("", (), ""))


def test_the_default_scores_are_scores():
    assert set(DEFAULT_SCORES) <= set(DESCRIPTIONS)


def test_the_default_leaves_out_what_few_people_read():
    tags = curves(report(1, noise=0.5, anisotropy=0.1, sparsity=0.2, rotation=0.3))
    assert [tag for tag in tags if "/" in tag] == ["noise/00_conv", "rotation/00_conv"]


def test_dead_weights_give_way_to_dead_units_where_a_layer_has_both():
    tags = curves(report(1, dead=0.1, dead_units=0.2))
    assert [tag for tag in tags if "/" in tag] == ["dead_units/00_conv"]


def test_dead_weights_are_a_curve_where_no_probe_measured_units():
    assert curves(report(1, dead=0.1))["dead/00_conv"] == 0.1


def test_all_are_every_score_and_the_three_of_the_network():
    tags = curves(report(1, noise=0.5, anisotropy=0.1, dead=0.1, dead_units=0.2), "all")
    assert len(tags) == 3 + 4


@pytest.mark.parametrize("scalars", ["anisotropy", ["anisotropy"], ("anisotropy", "rail")])
def test_names_select_scores(scalars):
    tags = curves(report(1, noise=0.5, anisotropy=0.1), scalars)
    assert [tag for tag in tags if "/" in tag] == ["anisotropy/00_conv"]


@pytest.mark.parametrize("scalars", [None, "all", "noise", []])
def test_metrics_of_the_users_own_are_always_curves(scalars):
    assert curves(report(1, noise=0.5, my_metric=7.0), scalars)["my_metric/00_conv"] == 7.0


@pytest.mark.parametrize("scalars", [None, "all", "noise", []])
def test_the_numbers_of_the_network_are_always_curves(scalars):
    assert {"filter_noise", "dead_filters", "alarm_count"} <= set(curves(report(1), scalars))


def test_the_alarms_that_hold_are_counted():
    assert curves(report(3, [alarm(), alarm("noisy"), alarm(ended=3)]))["alarm_count"] == 2


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_not_finite_is_no_point_of_a_curve(number):
    assert "norm/00_conv" not in curves(report(1, norm=number))


def test_the_most_important_scores_come_first():
    tags = curves(with_layers("a", "b", zebra=1.0, gradient=1.0, noise=1.0, apoz=1.0), "all")
    scores = list(dict.fromkeys(tag.split("/")[0] for tag in tags if "/" in tag))
    assert scores == ["noise", "gradient", "apoz", "zebra"]


def test_tags_sort_as_the_layers_of_a_deep_network_do():
    tags = layer_tags(with_layers(*(f"layer{i}" for i in range(101)), noise=0.5).scores)
    assert sorted(tags.values()) == [*tags.values()]
    assert tags["layer7"] == "007_layer7"


def test_control_characters_of_a_name_stand_in_no_tag():
    assert "noise/00_red\\x1b[31m" in curves(with_layers("red\x1b[31m", noise=0.5))


@pytest.mark.parametrize("scalars", [None, "all", "noise", ["noise", "gradient"], []])
def test_what_selects_scores_passes_the_check(scalars):
    check_scalars(scalars)


def test_a_metric_of_the_users_own_may_be_named():
    check_scalars(["my_metric"], own=["my_metric"])


@pytest.mark.parametrize("scalars", [3, True, [3], iter(["noise"])])
def test_what_is_no_name_is_refused_with_what_is_needed(scalars):
    with pytest.raises(TypeError, match="a list of names of scores is needed; got"):
        check_scalars(scalars)


@pytest.mark.parametrize("scalars", ["apozz", ["noise", "apozz"], ["noise", "all", "apozz"]])
def test_an_unknown_name_is_refused_with_a_similar_one(scalars):
    with pytest.raises(ValueError, match=r"no score is called .*; "):
        check_scalars(scalars)
