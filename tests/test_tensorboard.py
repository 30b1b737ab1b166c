"""Event files, read back with TensorBoard's own readers."""

import json
import platform
import re
import sys
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
from viewer import ask, read, serving

import keras_filterwatch as fw
from keras_filterwatch import text
from keras_filterwatch.metrics import activity
from keras_filterwatch.sentences import overview
from keras_filterwatch.writers import tensorboard


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
    directory, watch, _ = run
    places = {"first": "00_first", "second": "01_second", "head": "02_head"}
    expected = {
        f"{measure}/{places[layer]}"
        for layer, scores in watch.history[-1].items()
        for measure in scores
    }
    pictures = {"filters/00_first", "filters/01_second", "film_strip/00_first"}
    histograms = {f"norm_per_filter/{place}" for place in places.values()}
    histograms |= {"noise_per_filter/00_first", "noise_per_filter/01_second"}
    others = {"alarms", "alarm_count", CONFIG_SUMMARY_TAG}
    assert set(read(directory / "filterwatch")) == expected | pictures | histograms | others


def test_scalars_equal_the_history(run):
    directory, watch, _ = run
    read_back = read(directory / "filterwatch")
    for layer, name in (("first", "00_first"), ("head", "02_head")):
        for measure in watch.history[-1][layer]:
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


def texts_of(run):
    """(step, lines) of each text that was written."""
    texts = read(run[0] / "filterwatch")["alarms"]
    return [(step, text.item().decode().splitlines()) for step, text in texts]


def test_the_text_begins_with_a_sentence_about_each_layer_that_matters(run):
    history = run[1].history
    for step, lines in texts_of(run):
        sentences = overview(history[step])
        assert lines[: len(sentences)] == [f"- {text.markdown(line)}" for line in sentences]
        assert lines[len(sentences)] == ""


def test_the_first_text_says_that_there_is_no_alarm(run):
    assert texts_of(run)[0][1][-1] == "No alarm so far."


def test_the_last_text_has_all_alarms_and_notes_with_begin_end_and_level(run):
    _, watch, _ = run
    lines = texts_of(run)[-1][1]
    lines = lines[lines.index("") + 1 :]
    head = [
        "| begin | end | level | rule | layer | what was measured |",
        "|---|---|---|---|---|---|",
    ]
    assert lines[0].startswith(f"**Probable cause: {watch.diagnosis.cause}.** ")
    assert lines[1:] == [
        *("", *head),
        "| 2 | 4 | warning | ends | first | ends about first at step 2. |",
        "| 3 |  | error | goes_on | whole network | goes_on about  at step 3. |",
        *("", "Notes: odd, but harmless so far.", "", *head),
        "| 1 |  | note | odd | first | odd about first at step 1. |",
    ]


def text_of(*alarms, notes=()):
    """The lines of the text about these alarms."""
    return tensorboard.alarms_as_markdown(report(fw.score({}), None, alarms, notes)).splitlines()


def test_where_no_alarm_holds_the_text_names_no_cause():
    assert text_of(alarm(ended=3))[0] == "No alarm holds now."


def test_notes_are_written_without_an_alarm_too():
    assert text_of(notes=[alarm(level="note")])[:3] == [
        *("No alarm so far.", "", "Notes: odd, but harmless so far.")
    ]


def test_of_many_alarms_that_ended_the_last_ones_are_written_and_all_that_hold():
    lines = text_of(alarm(step=0), *(alarm(step=step, ended=step + 1) for step in range(1, 61)))
    begins = [int(line.split("|")[1]) for line in lines if line.endswith(" It is so. |")]
    assert begins == [0, *range(11, 61)]
    assert lines[-1] == "10 that ended before are left out."


def test_the_text_is_not_written_again_where_it_is_the_same():
    same = report(fw.score({}), None, (alarm(),))
    text = tensorboard.alarms_as_markdown(same)
    assert [content.tag for content in tensorboard.report_contents(same, text)] == ["alarm_count"]


def charts_of(layout):
    """category -> chart -> its regular expression."""
    page = layout_pb2.Layout.FromString(layout)
    return {
        category.title: {chart.title: "|".join(chart.multiline.tag) for chart in category.chart}
        for category in page.category
    }


def test_the_custom_scalars_page_is_laid_out_once(run):
    directory, _, _ = run
    ((step, layout),) = read(directory / "filterwatch")[CONFIG_SUMMARY_TAG]
    assert step == 0
    assert {category: [*charts] for category, charts in charts_of(layout.item()).items()} == {
        "Filters": ["noise score", "dead share", "update ratio", "rotation from the start"],
        "Alarms": ["alarms that hold"],
    }


def test_each_chart_matches_the_curves_of_its_measure_and_no_others(run):
    directory, _, _ = run
    read_back = read(directory / "filterwatch")
    charts = charts_of(read_back[CONFIG_SUMMARY_TAG][0][1].item())
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


def test_charts_of_metrics_of_ones_own_survive_characters_of_regular_expressions():
    metrics = {"l1+l2 (x)": np.max, "l.": np.max, "lx": np.max}
    scores = fw.score({"a[0]+(b|c)": np.ones((3, 3, 1, 2)), "norm/lx": np.eye(3)}, metrics=metrics)
    tags = [content.tag for content in tensorboard.report_contents(report(scores))]
    (layout,) = tensorboard.chart_page(scores).encoded().tensor.string_val
    charts = charts_of(layout)["Metrics of your own"]
    assert {
        name: [tag for tag in tags if re.match(chart, tag)] for name, chart in charts.items()
    } == {name: [f"{name}/00_a[0]+(b|c)", f"{name}/01_norm/lx"] for name in metrics}


def test_units_have_charts_where_inputs_showed_what_they_do():
    units = activity.Outputs(2, np.array([2, 0]), np.array([0.0, 3.0]), np.array([0.0, 5.0]))
    scores = fw.score({"a": np.eye(2)}, outputs={"a": units})
    (layout,) = tensorboard.chart_page(scores).encoded().tensor.string_val
    assert [*charts_of(layout)["Units"]] == ["zeros in the outputs", "dead units"]


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


fast_reader = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
READERS = {"slow reader": "false"} | ({"fast reader": "true"} if fast_reader else {})


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
    assert "<td>goes_on</td>" in alarms[-1]["text"]


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


def test_text_of_alarms_survives_characters_of_tables():
    name, message = "![x](http://example.org/p.png)", "two\nlines </td> | and a bar"
    assert text_of(alarm("a|b", name, step=3, message=message))[-1] == (
        "| 3 |  | warning | a\\|b | !\\[x\\](http://example.org/p.png) "
        "| two lines &lt;/td&gt; \\| and a bar |"
    )


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


def test_a_training_that_is_resumed_has_a_text_about_alarms_too(tmp_path):
    writer = tensorboard.TensorBoard(tmp_path)
    for step in (5, 6):
        writer.write(report(replace(fw.score({"conv": np.eye(3)}), step=step)))
    writer.close()
    assert [step for step, _ in read(tmp_path)["alarms"]] == [5]
