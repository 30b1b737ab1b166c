"""Event files, read back with TensorBoard's own readers."""

import json
import re
from dataclasses import replace
from io import BytesIO

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from small_rules import alarm, raising
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG
from tensorboard.util import tensor_util
from viewer import READERS, ask, read, serving

import keras_filterwatch as fw
from keras_filterwatch.metrics import DESCRIPTIONS
from keras_filterwatch.writers import tensorboard
from keras_filterwatch.writers.alarm_text import alarms_as_markdown
from keras_filterwatch.writers.curves import DEFAULT_SCORES
from keras_filterwatch.writers.summaries import Scalar


def report(scores, pictures=None, alarms=(), notes=()):
    diagnosis = fw.Diagnosis("rate too high", (), "Lower it.")
    return fw.Report(scores, pictures or {}, alarms, diagnosis, notes)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A training with an alarm that ends, one that does not, and a note: its directory, its
    FilterWatch and its model."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(32, 5, name="first"),
            layers.BatchNormalization(),
            layers.Conv2D(16, 3, name="second"),
            layers.Flatten(),
            layers.Dense(3, name="head"),
        ]
    )
    model.compile(keras.optimizers.SGD(1e-9), loss="mse")
    random = np.random.default_rng(0)
    directory = tmp_path_factory.mktemp("logs")
    rules = [
        raising(None, None, "warning", "warning", None, rule="ends"),
        raising(None, None, None, "error", rule="goes_on", layer=""),
        raising(None, "note", rule="odd"),
    ]
    watch = fw.FilterWatch(directory, rules=rules)
    x, y = random.random((16, 12, 12, 3), "float32"), random.random((16, 3), "float32")
    model.fit(x, y, epochs=6, callbacks=[watch], verbose=0)
    return directory, watch, model


def test_tags_are_measure_place_and_layer(run):
    directory, _, _ = run
    places = ["00_first", "01_second", "02_head"]
    curves = {f"{score}/{place}" for score in ("dead", "update", "rotation") for place in places}
    curves |= {f"norm/{place}" for place in places} | {"noise/00_first", "noise/01_second"}
    pictures = {"overview", "filters/00_first", "filters/01_second", "film_strip/00_first"}
    histograms = {f"norm_per_filter/{place}" for place in places}
    histograms |= {"noise_per_filter/00_first", "noise_per_filter/01_second"}
    network = {"filter_noise", "dead_filters", "alarm_count"}
    others = {"alarms", CONFIG_SUMMARY_TAG}
    assert set(read(directory / "filterwatch")) == (
        curves | pictures | histograms | network | others
    )


def test_every_score_is_written_on_request(run, tmp_path):
    _, watch, _ = run
    writer = tensorboard.TensorBoard(tmp_path, scalars="all")
    writer.write(report(watch.history[-1]))
    writer.close()
    places = {"first": "00_first", "second": "01_second", "head": "02_head"}
    scores = {
        f"{score}/{places[layer]}" for layer, all in watch.history[-1].items() for score in all
    }
    assert scores <= set(read(tmp_path))


def test_scalars_equal_the_history(run):
    directory, watch, _ = run
    read_back = read(directory / "filterwatch")
    for layer, name in (("first", "00_first"), ("head", "02_head")):
        for measure in {*DEFAULT_SCORES} & {*watch.history[-1][layer]}:
            points = {step: float(value) for step, value in read_back[f"{measure}/{name}"]}
            expected = {s.step: s[layer][measure] for s in watch.history if measure in s[layer]}
            assert points == pytest.approx(expected, rel=1e-6)  # written as 32-bit floats


def test_steps_are_the_initial_state_and_each_epoch(run):
    directory, _, _ = run
    read_back = read(directory / "filterwatch")
    for tag in ("noise/00_first", "filters/00_first", "alarm_count"):
        assert [step for step, _ in read_back[tag]] == [0, 1, 2, 3, 4, 5, 6]


def test_the_last_picture_is_that_of_the_last_weights(run):
    directory, watch, model = run
    width, height, png = read(directory / "filterwatch")["filters/00_first"][-1][1]
    drawn = fw.draw.filters(model, "first", step=6, scores=watch.history[-1])
    assert (int(width), int(height)) == drawn.size
    assert drawn.width <= 2000
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png)).convert("RGB")), drawn)


def test_alarms_that_hold_are_counted(run):
    directory, _, _ = run
    counts = read(directory / "filterwatch")["alarm_count"]
    assert [int(count) for _, count in counts] == [0, 0, 1, 2, 1, 1, 1]


def test_the_text_tells_the_state_of_every_step(run):
    directory, watch, _ = run
    texts = read(directory / "filterwatch")["alarms"]
    assert [step for step, _ in texts] == [0, 1, 2, 3, 4, 5, 6]
    assert texts[-1][1].item().decode() == alarms_as_markdown(
        fw.Report(watch.history[-1], {}, tuple(watch.alarms), watch.diagnosis, tuple(watch.notes))
    )


def charts_of(layout):
    """category -> chart -> its regular expression."""
    page = layout_pb2.Layout.FromString(layout)
    return {
        category.title: {chart.title: "|".join(chart.multiline.tag) for chart in category.chart}
        for category in page.category
    }


def test_the_custom_scalars_page_is_laid_out_where_it_changes(run):
    directory, _, _ = run
    layouts = read(directory / "filterwatch")[CONFIG_SUMMARY_TAG]
    first = ["noise score", "dead share", "rotation from the start"]
    assert [(step, [*charts_of(layout.item())["Filters"]]) for step, layout in layouts] == [
        (0, first),
        (1, ["noise score", "dead share", "update ratio", "rotation from the start"]),
    ]


def test_each_chart_matches_the_curves_of_its_measure_and_no_others(run):
    directory, _, _ = run
    read_back = read(directory / "filterwatch")
    charts = charts_of(read_back[CONFIG_SUMMARY_TAG][-1][1].item())
    windows, kernels = ["00_first", "01_second"], ["00_first", "01_second", "02_head"]
    curves = [tag for tag in read_back if "_per_filter/" not in tag]  # the page knows no others
    assert {
        title: sorted(tag for tag in curves if re.match(tags, tag))  # as the plugin does
        for category in charts.values()
        for title, tags in category.items()
    } == {
        "noise score": [f"noise/{layer}" for layer in windows],
        "dead share": [f"dead/{layer}" for layer in kernels],
        "update ratio": [f"update/{layer}" for layer in kernels],
        "rotation from the start": [f"rotation/{layer}" for layer in kernels],
        "alarms that hold": ["alarm_count"],
    }


@pytest.mark.parametrize("measure", ["noise", "norm"])
def test_histograms_hold_every_filter_at_every_step(run, measure):
    directory, watch, _ = run
    points = read(directory / "filterwatch")[f"{measure}_per_filter/00_first"]
    assert [step for step, _ in points] == [0, 1, 2, 3, 4, 5, 6]
    for scores, (_, buckets) in zip(watch.history, points, strict=True):
        each = scores["first"].filters[measure]
        assert buckets[:, 2].sum() == 32
        assert (buckets[0, 0], buckets[-1, 1]) == (each.min(), each.max())


def histograms_of(kernel):
    scores = fw.score({"a": kernel})
    values = [content.encoded() for content in tensorboard.report_contents(report(scores))]
    return {v.tag: tensor_util.make_ndarray(v.tensor) for v in values if "_per_filter/" in v.tag}


def test_a_histogram_leaves_out_filters_that_diverged():
    kernel = np.random.default_rng(0).standard_normal((3, 3, 4, 8))
    kernel[0, 0, 0, 2] = np.inf
    assert {tag: buckets[:, 2].sum() for tag, buckets in histograms_of(kernel).items()} == {
        "noise_per_filter/00_a": 7,
        "norm_per_filter/00_a": 7,
    }


def test_there_is_no_histogram_where_all_filters_diverged():
    assert histograms_of(np.full((3, 3, 4, 8), np.nan)) == {}


@pytest.fixture(scope="module", params=READERS.values(), ids=list(READERS))
def server(run, request):
    """TensorBoard itself, serving the run."""
    with serving(run[0], "--load_fast", request.param) as address:
        yield address


def test_tensorboard_serves_curves_pictures_and_alarms(run, server):
    directory, watch, _ = run
    curve = json.loads(ask(server, "scalars/scalars", run="filterwatch", tag="noise/00_first"))
    assert [point[1] for point in curve] == list(range(7))
    assert curve[-1][2] == pytest.approx(watch.history[-1]["first"]["noise"], rel=1e-6)
    tags = json.loads(ask(server, "scalars/tags"))["filterwatch"]
    assert "1 is noise" in tags["noise/00_first"]["description"]

    pictures = json.loads(
        ask(server, "images/images", run="filterwatch", tag="filters/00_first", sample=0)
    )
    assert [picture["step"] for picture in pictures] == list(range(7))
    last = ask(server, f"images/individualImage?{pictures[-1]['query']}&")
    assert last == read(directory / "filterwatch")["filters/00_first"][-1][1][2]

    layout = json.loads(ask(server, "custom_scalars/layout"))
    assert [category["title"] for category in layout["category"]] == ["Filters", "Alarms"]
    (noise,) = layout["category"][0]["chart"][0]["multiline"]["tag"]
    chart = json.loads(ask(server, "custom_scalars/scalars", run="filterwatch", tag=noise))
    assert sorted(chart["tag_to_events"]) == ["noise/00_first", "noise/01_second"]

    norms = json.loads(
        ask(server, "histograms/histograms", run="filterwatch", tag="norm_per_filter/02_head")
    )
    assert [sum(bucket[2] for bucket in point[2]) for point in norms] == [3] * 7

    alarms = json.loads(ask(server, "text/text", run="filterwatch", tag="alarms"))
    assert "<strong>goes_on</strong>, whole network, error" in alarms[-1]["text"]


def test_without_pictures_there_are_numbers_only(tmp_path):
    model = keras.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(4, 5), layers.Flatten()])
    model.compile(loss="mse")
    x, y = np.zeros((8, 12, 12, 3)), np.zeros((8, 256))
    model.fit(x, y, callbacks=[fw.FilterWatch(tmp_path, images=False)], verbose=0)
    groups = {tag.split("/")[0] for tag in read(tmp_path / "filterwatch")}
    assert "filters" not in groups
    assert {"noise", "dead", "alarm_count"} <= groups


@pytest.mark.parametrize(("layers", "place"), [(1, "00"), (100, "00"), (101, "000")])
def test_places_of_layers_have_two_digits_or_as_many_as_the_last_one_needs(layers, place):
    scores = fw.score({f"conv{i}": np.eye(2) for i in range(layers)})
    tags = [content.tag for content in tensorboard.report_contents(report(scores))]
    assert f"norm/{place}_conv0" in tags


def test_one_value_that_cannot_be_encoded_costs_that_value_only(tmp_path):
    scores = fw.score({"conv": np.eye(3)})
    pictures = {("filters", "conv"): "no image"}
    problems = []
    writer = tensorboard.TensorBoard(tmp_path, lambda *problem: problems.append(problem))
    writer.write(report(scores, pictures))
    writer.close()
    assert {"norm/00_conv", "dead/00_conv", "alarm_count", "alarms"} <= set(read(tmp_path))
    ((_, consequence, reason),) = problems
    assert consequence == "This value is missing"
    assert reason.startswith("filters/00_conv: AttributeError")


@pytest.mark.parametrize("name", ["line\nbreak", "\x1b[31mred", "lone \ud800 surrogate", "a" * 300])
def test_odd_names_of_layers_and_metrics_are_written(tmp_path, name):
    scores = fw.score({name: np.eye(3)}, metrics={name: np.max})
    writer = tensorboard.TensorBoard(tmp_path, lambda *problem: pytest.fail(str(problem)))
    writer.write(report(scores))
    writer.close()
    assert len([tag for tag in read(tmp_path) if tag.startswith("norm/00_")]) == 1


def test_steps_after_interference_go_to_a_new_file_and_a_warning_says_so(tmp_path):
    writer = tensorboard.TensorBoard(tmp_path)
    writer.write(report(fw.score({"conv": np.eye(3)})))
    (path,) = tmp_path.iterdir()
    path.unlink()
    with pytest.warns(UserWarning, match="the event file was removed.*A new event file is opened"):
        writer.write(report(replace(fw.score({"conv": np.eye(3)}), step=1)))
    writer.close()
    assert [step for step, _ in read(tmp_path)["norm/00_conv"]] == [1]
    assert CONFIG_SUMMARY_TAG in read(tmp_path)


def test_a_large_network_has_curves_over_all_layers(tmp_path):
    scores = fw.score({f"conv{i}": np.full((3, 3, 2, 4), i) for i in range(13)})
    writer = tensorboard.TensorBoard(tmp_path)
    writer.write(report(scores))
    writer.close()
    highest = read(tmp_path)["dead_over_layers/0_highest"]
    assert [(step, float(share)) for step, share in highest] == [(0, 1.0)]  # of conv0


def test_a_network_of_a_dozen_layers_has_no_curves_over_all_layers():
    scores = fw.score({f"conv{i}": np.full((3, 3, 2, 4), i) for i in range(12)})
    tags = [content.tag for content in tensorboard.report_contents(report(scores))]
    assert not [tag for tag in tags if "_over_layers/" in tag]


@pytest.fixture
def amended(tmp_path):
    """What is written where a step is reported again, with an epoch, logs and one more alarm."""
    scores = fw.score({"conv": np.random.default_rng(0).standard_normal((3, 3, 2, 4))})
    image = Image.new("RGB", (8, 8))
    writer = tensorboard.TensorBoard(tmp_path)
    writer.write(report(scores, {("filters", "conv"): image}))
    ended = replace(scores, epoch=1, logs={"loss": 0.25})
    writer.write(report(ended, alarms=(alarm(),)))
    writer.close()
    return read(tmp_path)


def test_a_step_that_is_reported_again_adds_the_text_and_the_count_of_alarms(amended):
    assert [len(amended[tag]) for tag in ("alarms", "alarm_count")] == [2, 2]
    assert "loss 0.25" in amended["alarms"][-1][1].item().decode()
    assert [float(count) for _, count in amended["alarm_count"]] == [0, 1]


def test_a_step_that_is_reported_again_has_its_other_values_once(amended):
    others = {tag: len(points) for tag, points in amended.items() if tag[:5] != "alarm"}
    assert others == dict.fromkeys(others, 1)


def test_curves_are_described():
    scores = fw.score({"conv": np.random.default_rng(0).standard_normal((3, 3, 2, 4))})
    contents = tensorboard.report_contents(report(scores))
    without = [each.tag for each in contents if isinstance(each, Scalar) and not each.description]
    assert without == []


def test_descriptions_are_written_once_for_each_file(tmp_path):
    writer = tensorboard.TensorBoard(tmp_path)
    for step in range(2):
        writer.write(report(replace(fw.score({"conv": np.eye(3)}), step=step)))
    writer.close()
    (path,) = tmp_path.iterdir()
    assert path.read_bytes().count(DESCRIPTIONS["norm"].encode()) == 1
