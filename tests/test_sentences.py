"""What the scores of a layer mean, in plain sentences."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import keras_filterwatch as fw
from keras_filterwatch import sentences
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.sentences.situations import SITUATIONS


def layer(
    shape=(5, 5, 3, 32),
    verdict="structured",
    kind="conv",
    filters=None,
    start=math.nan,
    **numbers,
):
    """The scores of a layer whose filters are smooth, and of enough slices, unless told."""
    known = {"noise": 0.4, "slices": 96.0} if len(shape) > 2 else {}
    return LayerScores(
        *("", shape, verdict, known | numbers, filters or {}),
        kind=kind,
        reads_images=len(shape) == 4 and shape[-2] < 5,
        noise_at_start=start,
    )


NOT_FINITE = {"norm": np.array([1.0, math.nan, math.inf])}
RANDOM = {"verdict": "untrained", "noise": 1.01}
CASES = {
    "diverged": layer((5, 5, 3, 3), "undetermined", filters=NOT_FINITE),
    "never active": layer(dead_units=1.0),
    "rarely active": layer(dead_units=0.75),
    "next to no weight": layer(dead=0.5),
    "equal filters": layer(duplicates=1.0, effective_rank=1.0),
    "random and unchanged": layer(rotation=1e-5, start=1.01, **RANDOM),
    "as rough as noise": layer((3, 3, 16, 32), start=1.0, noise=0.97),
    "random although trained": layer(rotation=0.4, start=1.01, **RANDOM),
    "random": layer(**RANDOM),
    "too few slices": layer((3, 3, 1, 8), "undetermined", slices=8.0),
    "a little structure": layer(verdict="undetermined", noise=0.93),
    "checkered": layer(noise=1.8),
    "rough structure": layer(noise=1.0, anisotropy=0.5),
    "structure": layer(),
    "saturated": layer((64, 10), kind="dense", saturated_units=0.5),
    "no window": layer((64, 10), kind="dense"),
    "no noise score": LayerScores("", (1, 1, 8, 8), "undetermined", {}, {}, kind="conv"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_layer_is_in_the_situation_that_its_scores_tell(name):
    assert sentences.situation(CASES[name]).name == name


def test_a_frozen_layer_that_looks_random_is_random_and_frozen():
    frozen = LayerScores("", (5, 5, 3, 32), "untrained", {"noise": 1.0, "slices": 96.0}, {}, False)
    assert sentences.situation(frozen).name == "random and frozen"


@pytest.mark.parametrize(
    ("scores", "name"),
    [  # at 72 slices a noise score of 3x3 has an error of sqrt(1/18 / 72) / (1 - 1/3) = 1/24
        (layer((3, 3, 1, 72), noise=1 - 4.9 / 24, slices=72.0), "rough structure"),
        (layer((3, 3, 1, 72), noise=1 - 5.1 / 24, slices=72.0), "structure"),
        (layer((3, 3, 1, 72), noise=1 + 4.9 / 24, slices=72.0), "rough structure"),
        (layer((3, 3, 1, 72), noise=1 + 5.1 / 24, slices=72.0), "checkered"),
        # of many slices the error is next to nothing, and a tenth counts
        (layer(noise=0.92, slices=1e6), "rough structure"),
        (layer(noise=0.88, slices=1e6), "structure"),
        (layer(noise=1.12, slices=1e6), "checkered"),
        # (3 * 8)^2 * (1/18) / (1 - 1/3)^2 = 72 slices
        (layer((3, 3, 1, 80), "undetermined", slices=71.0), "too few slices"),
        (layer((3, 3, 1, 80), "undetermined", slices=73.0), "a little structure"),
        (layer(rotation=1e-4, start=1.01, **RANDOM), "random and unchanged"),
        (layer(rotation=1e-3, start=1.01, **RANDOM), "random although trained"),
        # one filter with nearly all of the weights, and two patterns of which each is a duplicate
        (layer(duplicates=0.0, effective_rank=1.0), "structure"),
        (layer(duplicates=1.0, effective_rank=1.2), "structure"),
        # of a deeper layer whose start is not known
        (layer((3, 3, 16, 32), noise=1.0, slices=512.0), "rough structure"),
        (layer((3, 3, 16, 32), "untrained", noise=1.0, slices=512.0), "random"),
        (layer((3, 3, 16, 32), "structured", start=1.0, noise=1.0), "as rough as noise"),
    ],
)
def test_a_situation_begins_where_its_numbers_do(scores, name):
    assert sentences.situation(scores).name == name


def test_every_situation_has_a_case_here():
    assert {*CASES, "random and frozen"} == {row.name for row in SITUATIONS}


def test_a_noise_score_that_fell_is_told_with_both_ends():
    text = layer((3, 3, 3, 32), noise=0.58, start=0.93).sentence
    assert text.startswith("not random. Its noise score fell from 0.93 to 0.58, where 1")


def test_a_first_layer_of_3x3_is_told_that_its_windows_show_no_edges():
    text = layer((3, 3, 3, 32)).sentence
    assert "Windows of 3x3 are too small to show edges" in text
    assert "a first layer of 5x5" in text


@pytest.mark.parametrize(
    ("window", "is_small"), [((4, 4), True), ((3, 5), False), ((5, 3), False), ((5, 5), False)]
)
def test_a_window_shows_edges_from_five_weights_along_an_axis_on(window, is_small):
    assert ("too small to show edges" in layer((*window, 3, 32)).sentence) == is_small


def test_a_deeper_layer_of_3x3_gets_no_advice_about_its_window():
    text = layer((3, 3, 32, 64)).sentence
    assert "too small" not in text
    assert "Only a first layer reads the input itself" in text


def test_labels_of_a_first_layer_are_counted():
    labels = {
        "labels": np.array(["edge"] * 4 + ["colour"] + ["smooth"] * 2 + ["unclassified"] * 25)
    }
    assert "(4 edges, 1 colour, 2 smooth of 32)" in layer(filters=labels).sentence


def test_copies_are_counted_as_copies_as_in_the_picture():
    filters = {
        "labels": np.array(["blob"] * 32),
        "duplicates": np.array([1.0] * 10 + [0.0] * 22),
        "dead": np.array([0.0] * 31 + [1.0]),
    }
    assert "(10 duplicates, 21 blobs of 32)" in layer(filters=filters).sentence


def test_looking_is_called_fruitless_where_no_filter_has_a_name():
    labels = {"labels": np.array(["unclassified"] * 32)}
    text = layer(filters=labels).sentence
    assert "No single filter differs clearly from noise" in text
    assert "fw.draw.favourites" in text


def test_too_few_windows_are_counted_with_the_number_that_it_takes():
    # 8 windows that count as 6: of equal ones it takes (3 * 8)^2 * (1/18) / (1 - 1/3)^2 = 72
    text = layer((3, 3, 1, 8), "undetermined", slices=6.0).sentence
    assert "It has 8 windows of 3x3 weights; it takes about 96 to tell." in text


def test_the_share_of_the_weights_that_was_there_before_training_is_said():
    # a cosine of .9 leaves .81 of the squared weights in the direction of the start
    text = layer(rotation=0.1, start=1).sentence
    assert "81% of what the picture shows was there when training began" in text
    assert "with a noise score of 1.00." in text
    assert "when training began" not in layer(rotation=0.5, start=1).sentence  # a share of .25


def test_weights_that_turned_round_are_not_called_those_of_the_start():
    # the cosine is -.9, of which the square is .81 too
    assert "when training began" not in layer(rotation=1.9, start=1).sentence


def test_of_layers_that_share_a_sentence_all_must_have_kept_their_weights():
    kept, changed = (layer((3, 3, 16, 32), rotation=r, start=0.9) for r in (0.1, 0.5))
    (line,) = sentences.overview({"a": kept, "b": kept})
    assert "81% of what the picture shows was there" in line
    (line,) = sentences.overview({"a": kept, "b": changed})
    assert "when training began" not in line


def test_before_training_nothing_is_said_about_the_start():
    assert "when training began" not in layer(rotation=0.0).sentence
    assert sentences.situation(layer(rotation=0.0, **RANDOM)).name == "random"


def test_a_first_layer_whose_filters_are_flat_is_not_praised():
    text = layer(dc=0.97).sentence
    assert "The weights within a window are mostly alike (dc 0.97)" in text
    assert "alike" not in layer((3, 3, 32, 64), dc=0.97).sentence  # deeper
    assert "mostly alike (dc 0.55)" in layer(dc=0.55).sentence
    assert "alike" not in layer(dc=0.45).sentence  # more of the energy is in the shapes


def test_saturated_units_of_a_structured_layer_are_called_harmless():
    text = layer(saturated_units=1.0).sentence
    assert "All units stay at the ends of the range" in text
    assert "harmless as long as the network learns" in text
    assert "16 of 32 units stay at the ends" in layer(saturated_units=0.5).sentence
    assert "ends of the range" not in layer(saturated_units=15 / 32).sentence


def test_a_few_dead_filters_are_counted():
    assert "4 of 32 filters have next to no weight" in layer(dead=0.125).sentence
    assert "4 of 32 units are zero" in layer(dead_units=0.125, dead=0.5 - 1e-9).sentence


def test_the_worst_layers_come_first_and_the_others_in_the_order_of_the_network():
    names = ["structure", "too few slices", "equal filters", "diverged", "random"]
    lines = sentences.overview({name: CASES[name] for name in names})
    assert [line.partition(":")[0] for line in lines] == [
        *("diverged", "equal filters"),  # faults
        *("too few slices", "random"),  # open
        "structure",
    ]


def test_twenty_layers_of_one_kind_are_one_sentence():
    scores = {f"conv2d_{i}": layer((3, 3, 64, 64), noise=0.3 + i / 100) for i in range(20)}
    (line,) = sentences.overview(scores)
    assert line.startswith(
        "conv2d_0, conv2d_1, conv2d_2 and 17 more: not random. Noise scores 0.30"
    )
    assert "0.30 to 0.49" in line


def test_first_layers_and_deeper_ones_are_told_apart():
    scores = {"first": layer((7, 7, 3, 32)), "second": layer((3, 3, 32, 64))}
    assert len(sentences.overview(scores)) == 2


def test_deeper_layers_share_a_sentence_whatever_their_windows():
    windows = {"a": layer((3, 3, 32, 64)), "b": layer((5, 5, 32, 64)), "c": layer((1, 7, 32, 64))}
    (line,) = sentences.overview(windows)
    assert line.startswith("a, b and c: not random.")


def test_windows_of_one_weight_and_others_without_a_noise_score_are_not_mixed_up():
    of_one = replace(layer((1, 1, 8, 8)), numbers={})
    constant = replace(layer((3, 3, 1, 1)), numbers={})
    assert "a window of one weight" in sentences.overview({"a": of_one})[0]
    assert "do not differ" in sentences.overview({"b": constant})[0]
    assert "a window of one weight" not in sentences.overview({"a": of_one, "b": constant})[0]


def test_layers_without_a_window_are_told_only_where_there_is_no_other():
    dense, conv = CASES["no window"], layer()
    assert [line[:4] for line in sentences.overview({"head": dense, "conv": conv})] == ["conv"]
    assert [line[:4] for line in sentences.overview({"head": dense})] == ["head"]


def test_without_layers_there_is_no_sentence():
    assert sentences.overview({}) == []


def test_a_dense_layer_that_reads_images_is_sent_to_its_templates():
    assert "fw.draw.templates" in layer((28, 28, 1, 100), kind="dense").sentence


numbers = st.dictionaries(
    st.sampled_from(
        ["dead", "dead_units", "saturated_units", "rotation", "duplicates", "effective_rank", "dc"]
    ),
    st.floats(0, 1),
)
shapes = st.sampled_from([(3, 3, 3, 8), (5, 5, 1, 6), (9, 16, 8), (1, 1, 8, 8), (64, 10)])
verdicts = st.sampled_from(["structured", "untrained", "undetermined"])


@given(shapes, verdicts, numbers, st.floats(0, 2), st.floats(1, 1e4), st.booleans(), st.booleans())
def test_any_scores_have_one_line_about_each_layer(
    shape, verdict, some, noise, slices, trained, images
):
    with_window = {"noise": noise, "slices": slices} if shape[0] > 1 and len(shape) > 2 else {}
    one = LayerScores(
        *("Conv2D", shape, verdict, some | with_window, {}, True),
        noise_at_start=1.0 if trained else math.nan,
    )
    one = replace(one, reads_images=images and len(shape) == 4)
    for group in ({"a": one}, {"a": one, "b": one}, dict.fromkeys("abcde", one)):
        (line,) = sentences.overview(group)
        assert line.endswith(".")
        assert "nan" not in line
        assert line.isprintable()


def test_a_real_untrained_network_is_called_random():
    random = np.random.default_rng(0)
    scores = fw.score({"conv": random.standard_normal((7, 7, 3, 32))})
    assert scores["conv"].sentence.startswith("like random weights: noise score")
    assert repr(scores).startswith(f"conv: {scores['conv'].sentence}\n\nlayer")


def test_scores_since_a_first_snapshot_say_how_the_noise_fell():
    random = np.random.default_rng(0).standard_normal((7, 7, 3, 32))
    smooth = random.cumsum(axis=0).cumsum(axis=1)
    before = fw.Snapshot(0, (fw.Kernel("conv", "Conv2D", random),))
    scores = fw.score({"conv": smooth}, first=before)
    assert "Its noise score fell from" in scores["conv"].sentence


def test_later_layers_that_are_as_rough_as_noise_share_a_sentence():
    rough = {
        "a": layer((3, 3, 20, 40), "untrained", start=1.0, noise=1.0, rotation=0.05),
        "b": layer((3, 3, 20, 40), "undetermined", start=1.0, noise=0.96, rotation=0.03),
        "c": layer((3, 3, 20, 40), "structured", start=1.0, noise=0.98, dc=0.19, rotation=0.04),
    }
    (line,) = sentences.overview(rough)
    assert line.startswith("a, b and c: as rough as noise: noise scores 0.96 to 1.00")
    assert "90% to 94% of what the picture shows was there when" in line  # .95^2, .97^2


def test_a_noise_score_that_rose_is_said():
    assert "Its noise score rose from 0.30 to 0.70" in layer(noise=0.7, start=0.3).sentence


@pytest.mark.parametrize(
    ("now", "verb"), [(0.44, None), (0.5, None), (0.38, "fell"), (0.56, "rose")]
)
def test_a_noise_score_has_a_start_worth_a_word_from_a_change_of_5_hundredths_on(now, verb):
    text = layer(noise=now, start=0.47).sentence
    assert (f"Its noise score {verb} from 0.47 to {now:.2f}" in text) == bool(verb)
    assert (f"Noise score {now:.2f}, where 1 is noise" in text) == (not verb)


@pytest.mark.parametrize("others", [(0.3, 0.5), (0.7, 0.5)], ids=["one fell", "one rose"])
def test_of_layers_whose_noise_scores_did_not_all_change_one_way_none_is_said_to(others):
    deeper = {str(now): layer((3, 3, 16, 32), noise=now, start=0.5) for now in others}
    (line,) = sentences.overview(deeper)
    assert f"Noise scores {min(others):.2f} to {max(others):.2f}, where 1 is noise" in line
    assert "at the start" not in line


def test_one_dimensional_windows_get_no_word_on_edges():
    for text in (
        layer((3, 1, 16)).sentence,
        layer((3, 1, 16), "undetermined", slices=9.0).sentence,
    ):
        assert "edges" not in text
        assert "5x5" not in text
        assert "fw.draw.favourites" not in text  # which shows images


@pytest.mark.parametrize(
    ("kind", "named"), [("conv", True), ("depthwise", True), ("unknown", False), ("dense", False)]
)
def test_favourites_are_named_for_layers_of_a_model_whose_outputs_are_images(kind, named):
    assert ("fw.draw.favourites" in layer((5, 5, 16, 32), kind=kind).sentence) == named


@pytest.mark.parametrize(
    ("dead", "text"),
    [(1 / 32, "1 of 32 filters has next"), (2 / 32, "2 of 32 filters have next")],
)
def test_verbs_agree_with_counts(dead, text):
    assert text in layer(dead=dead).sentence


def test_the_only_unit_of_a_layer_is_called_so():
    text = layer((28, 28, 1, 1), kind="dense", saturated_units=1.0).sentence
    assert "Its only unit stays at the ends" in text


def test_the_first_layer_with_a_window_over_few_channels_reads_images():
    random = np.random.default_rng(0)
    shapes = {"dense": (64, 8), "conv": (5, 5, 3, 16), "grouped": (3, 3, 4, 16)}
    scores = fw.score({name: random.standard_normal(shape) for name, shape in shapes.items()})
    assert [name for name, layer in scores.items() if layer.reads_images] == ["conv"]
    assert not fw.score({"conv5": random.standard_normal((3, 3, 64, 64))})["conv5"].reads_images
    assert not fw.score({"audio": random.standard_normal((9, 1, 16))})["audio"].reads_images


def test_scores_since_a_snapshot_without_the_layer_do_not_say_how_it_was():
    weights = np.random.default_rng(0).standard_normal((7, 7, 3, 32))
    before = fw.Snapshot(0, (fw.Kernel("other", "Conv2D", weights),))
    assert "when training began" not in fw.score({"conv": weights}, first=before)["conv"].sentence


@pytest.mark.parametrize(
    ("shape", "kind", "is_measured"),
    [
        ((5, 5, 3, 32), "conv", True),
        ((28, 28, 1, 99), "dense", False),
        ((5, 5, 32, 9), "conv", False),
    ],
)
def test_only_of_first_convolutions_the_measured_share_is_named(shape, kind, is_measured):
    text = layer(shape, kind=kind, **RANDOM).sentence
    assert ("of 133 accurate networks" in text.lower()) == is_measured
