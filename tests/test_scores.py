"""Scores and LayerScores: mappings that nobody can change, and a table."""

import copy
import csv
import io
import pickle
import sys
from dataclasses import FrozenInstanceError, replace

import keras
import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.score_table import skipped_lines
from keras_filterwatch.scores import LayerScores, Scores


def layer(shape=(3, 3, 1, 4), **numbers):
    filters = {"norm": np.arange(4.0), "labels": np.array(["edge", "blob", "", "dead"])}
    return LayerScores("Conv2D", shape, "untrained", numbers or {"noise": 1.0}, filters)


def scores():
    return Scores(3, 2, {"conv": layer()}, {"bn": "no kernel"}, {"loss": 0.5})


def noise_kernel(shape=(3, 3, 16, 32), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def content(scores):
    """All that scores contain, as plain values."""
    layers = {
        name: (
            *(each.layer_type, each.shape, each.verdict, each.trainable, dict(each.numbers)),
            {score: values.tolist() for score, values in each.filters.items()},
        )
        for name, each in scores.layers.items()
    }
    return scores.step, scores.epoch, layers, dict(scores.skipped), dict(scores.logs)


@pytest.mark.parametrize("name", ["layers", "skipped", "logs"])
def test_mappings_of_scores_cannot_be_changed(name):
    mapping = getattr(scores(), name)
    with pytest.raises(TypeError, match="does not support item assignment"):
        mapping["new"] = 1
    with pytest.raises(AttributeError):
        mapping.clear()


@pytest.mark.parametrize("name", ["numbers", "filters"])
def test_mappings_of_a_layer_cannot_be_changed(name):
    mapping = getattr(layer(), name)
    with pytest.raises(TypeError, match="does not support item assignment"):
        mapping["new"] = 1
    with pytest.raises(AttributeError):
        mapping.update(new=1)


def test_numbers_of_filters_cannot_be_changed():
    values = layer().filters["norm"]
    with pytest.raises(ValueError, match="read-only"):
        values[0] = 7


def test_fields_cannot_be_replaced():
    with pytest.raises(FrozenInstanceError):
        scores().step = 7
    with pytest.raises(FrozenInstanceError):
        layer().verdict = "structured"


def test_scores_do_not_follow_the_dicts_that_they_were_made_of():
    numbers, layers, logs = {"noise": 1.0}, {"conv": layer()}, {"loss": 0.5}
    made = Scores(0, 0, layers, logs=logs)
    one = LayerScores("", (1, 1), "untrained", numbers, {})
    numbers["noise"], logs["loss"] = 7, 7
    layers.clear()
    assert (one["noise"], made.logs["loss"], list(made)) == (1.0, 0.5, ["conv"])


def test_an_array_stays_writeable_for_its_owner():
    values = np.arange(4.0)
    LayerScores("", (1, 4), "untrained", {}, {"norm": values})
    values[0] = 7


PICKLES = [
    pytest.param(lambda scores, p=protocol: pickle.loads(pickle.dumps(scores, p)), id=f"pickle {p}")
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    for p in [protocol]
]


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, *PICKLES])
def test_copies_have_the_same_content_and_are_read_only(duplicate):
    twin = duplicate(scores())
    assert type(twin) is Scores
    assert content(twin) == content(scores())
    with pytest.raises(TypeError):
        twin.logs["new"] = 1
    with pytest.raises(ValueError, match="read-only"):
        twin["conv"].filters["norm"][0] = 7


def test_a_deep_copy_shares_no_array():
    original = scores()
    twin = copy.deepcopy(original)
    assert not np.shares_memory(twin["conv"].filters["norm"], original["conv"].filters["norm"])


def test_a_field_can_be_replaced_in_a_copy():
    changed = replace(scores(), epoch=7, logs={"loss": 0.1})
    assert (changed.epoch, dict(changed.logs), list(changed)) == (7, {"loss": 0.1}, ["conv"])
    assert replace(layer(), filters={}).numbers == layer().numbers
    with pytest.raises(TypeError):
        changed.logs["new"] = 1


def test_scores_are_mappings_by_layer_and_score():
    assert scores()["conv"]["noise"] == 1.0
    assert scores()["conv"].filters["labels"][1] == "blob"
    assert (list(scores()), len(scores()), list(layer()), len(layer())) == (
        *(["conv"], 1, ["noise"], 1),
    )
    assert layer().get("dead") is None


def test_a_layer_is_trainable_unless_it_is_said_not_to_be():
    assert layer().trainable


def test_layers_are_equal_if_their_numbers_are():
    assert layer() == layer()
    assert layer() != layer(noise=0.9)
    assert scores() == scores()


def test_a_layer_prints_its_numbers():
    expected = "LayerScores(Conv2D (3, 3, 1, 4), untrained: noise=0.3333, dead=0)"
    assert repr(layer(noise=1 / 3, dead=0.0)) == expected


def test_of_each_filter_the_worst_is_described():
    filters = {
        "labels": np.array(["edge", "blob", "blob", "edge"]),
        "duplicates": np.array([0.0, 1.0, 0.0, 1.0]),
        "dead": np.array([0.0, 0.0, 1.0, 1.0]),
    }
    described = LayerScores("Conv2D", (5, 5, 1, 4), "structured", {}, filters).descriptions
    assert described == ["edge", "duplicate", "dead", "dead"]


def test_filters_without_labels_are_described_as_far_as_they_are_known():
    filters = {"dead": np.array([0.0, 1.0])}
    assert LayerScores("Dense", (64, 2), "structured", {}, filters).descriptions == ["", "dead"]
    assert LayerScores("Dense", (64, 2), "structured", {}, {}).descriptions == ["", ""]


def test_a_name_that_does_not_exist_is_answered_with_similar_names():
    two = Scores(0, 0, {"conv2d": layer(), "head": layer()})
    with pytest.raises(KeyError, match="no kernel is called 'conv'; did you mean 'conv2d'"):
        two["conv"]
    with pytest.raises(KeyError, match="no score 'dead': unknown, or undefined here; there are"):
        two["head"]["dead"]


def test_filter_noise_is_the_mean_over_layers_that_have_one():
    noises = {"a": layer(noise=1.0), "b": layer(noise=0.4), "c": layer(dead=0.0)}
    assert Scores(0, 0, noises).filter_noise == pytest.approx(0.7)
    assert np.isnan(Scores(0, 0, {"c": layer(dead=0.0)}).filter_noise)


def test_dead_filters_is_the_share_over_all_filters():
    few, many = layer((3, 3, 1, 4), dead=0.25), layer((3, 12), dead=0.0)
    assert Scores(0, 0, {"few": few, "many": many}).dead_filters == pytest.approx(1 / 16)
    assert np.isnan(Scores(0, 0, {}).dead_filters)


def test_dead_filters_are_those_of_the_units_where_they_are_known():
    few = np.ones((3, 3, 1, 4))
    zeros = np.array([10, 10, 3, 0])  # of ten outputs
    outputs = {"few": Outputs(10, zeros, np.ones(4), np.ones(4))}
    measured = fw.score({"few": few, "many": np.ones((3, 12))}, outputs=outputs)
    assert measured.dead_filters == pytest.approx(2 / 16)


def test_scores_print_as_sentences_and_a_table_with_the_layers_that_are_not_watched():
    watched = fw.Snapshot(3, (fw.Kernel("conv", "Conv2D", noise_kernel()),), {"bn": "no kernel"})
    measured = fw.score(watched)
    sentence, _, header, _, row, skipped = str(measured).splitlines()
    assert sentence == f"conv: {measured['conv'].sentence}"
    columns = dict(zip(header.split(), row.split(), strict=True))
    assert columns["layer"] == "conv"
    assert columns["kernel"] == "3x3x16x32"
    assert columns["noise"] == f"{measured['conv']['noise']:.3g}"
    assert columns["verdict"] == "untrained"
    assert skipped == "not watched: bn (no kernel)"


def test_a_score_that_a_layer_does_not_have_is_a_dash_in_the_table():
    table = str(Scores(0, 0, {"a": layer(noise=0.5), "head": layer((64, 4), dead=0.25)}))
    assert table.splitlines()[-4:] == [
        "layer  kernel   noise  dead  verdict",
        "--------------------------------------",
        "a      3x3x1x4    0.5     -  untrained",
        "head   64x4         -  0.25  untrained",
    ]


def test_control_characters_in_names_do_not_reach_the_console():
    odd = "red\x1b[31m\nrow"
    named = Scores(0, 0, {odd: layer()}, skipped={odd: f"{odd} reason"})
    assert len(str(named).splitlines()) == 6  # a sentence, none, three of the table, the skipped
    assert "\x1b" not in str(named)
    assert "\x1b" not in repr(LayerScores("", (1, 1), "untrained", {odd: 1.0}, {}))


def test_many_layers_of_one_reason_are_counted():
    layers = {f"norm{i}": "no kernel" for i in range(30)}
    names = ", ".join(f"norm{i}" for i in range(8))
    assert skipped_lines(layers) == [f"not watched: {names} and 22 more (no kernel)"]
    assert skipped_lines({"a": "x", "b": "y", "c": "x"}) == [
        "not watched: a, c (x)",
        "not watched: b (y)",
    ]
    eight = dict.fromkeys("abcdefgh", "x")
    assert skipped_lines(eight) == ["not watched: a, b, c, d, e, f, g, h (x)"]


def test_the_verdict_is_a_column():
    assert layer()["verdict"] == layer().verdict == "untrained"
    assert "verdict" in layer()
    assert "verdict" not in list(layer())  # the numbers


def test_csv_has_all_numbers_in_full_precision():
    one = Scores(0, 0, {"a,b": layer(noise=1 / 3), "c": layer(dc=0.25)})
    first, second = csv.DictReader(io.StringIO(one.to_csv()))
    assert first["layer"] == "a,b"
    assert float(first["noise"]) == 1 / 3
    assert (first["dc"], second["noise"]) == ("", "")
    assert (second["kernel"], second["verdict"]) == ("3x3x1x4", "untrained")
    assert first["sentence"] == one["a,b"].sentence


def test_csv_says_which_layers_are_frozen():
    one = Scores(0, 0, {"free": layer(), "frozen": replace(layer(), trainable=False)})
    rows = csv.DictReader(io.StringIO(one.to_csv()))
    assert [row["trainable"] for row in rows] == ["True", "False"]


def test_csv_is_written_to_a_file_as_utf_8(tmp_path):
    named = Scores(0, 0, {"層": layer()})
    text = named.to_csv(tmp_path / "scores.csv")
    assert text.splitlines()[1].startswith("層,")
    assert text == (tmp_path / "scores.csv").read_text(encoding="utf-8")


def test_scores_without_layers_are_a_csv_without_rows():
    assert Scores(0, 0, {}).to_csv() == "layer\n"


def test_without_pandas_the_error_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)  # its import fails
    with pytest.raises(ImportError, match=r"pip install pandas, or take Scores.to_csv\(\)"):
        scores().to_pandas()


def test_html_shows_sentences_and_table_with_hostile_names_escaped():
    hostile = Scores(0, 0, {"<script>alert(1)</script>": layer()}, {"<b>": "no <i>kernel"})
    shown = hostile._repr_html_()
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert "<i>" not in shown
    assert shown.count("<tr>") == 2
    assert "&lt;script&gt;alert(1)&lt;/script&gt;: like random weights" in shown


if keras.backend.backend() == "tensorflow":  # only there is pandas

    def test_a_data_frame_has_the_numbers_of_the_csv():
        one = Scores(0, 0, {"a,b": layer(noise=1 / 3), "c": layer(dc=0.25)})
        frame = one.to_pandas()
        assert frame.index.tolist() == ["a,b", "c"]
        assert frame.loc["a,b", "noise"] == 1 / 3
        assert np.isnan(frame.loc["c", "noise"])
        assert frame.loc["c", "verdict"] == "untrained"
        assert frame.reset_index().to_csv(index=False) == one.to_csv()

    def test_scores_without_layers_are_a_data_frame_without_rows():
        assert len(Scores(0, 0, {}).to_pandas()) == 0
