"""Event files, read back with TensorBoard's own readers."""

import json
import platform
import re
import signal
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar.metadata import CONFIG_SUMMARY_TAG
from tensorboard.util import tensor_util
from viewer import ask, read, serving

import keras_filterwatch as fw
from keras_filterwatch.metrics import activity
from keras_filterwatch.writers import tensorboard


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A real training that raises alarms: its directory, its FilterWatch and its model."""
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
    watch = fw.FilterWatch(directory)
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
    pictures = {"kernels/00_first", "kernels/01_second", "film/00_first"}
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
    for tag in ("noise/00_first", "kernels/00_first", "alarm_count"):
        assert [step for step, _ in read_back[tag]] == [0, 1, 2, 3, 4, 5, 6]


def test_the_last_picture_is_that_of_the_last_weights(run):
    directory, watch, model = run
    width, height, png = read(directory / "filterwatch")["kernels/00_first"][-1][1]
    drawn = fw.draw.filters(model, "first", step=6, scores=watch.history[-1])
    assert (int(width), int(height)) == drawn.size
    assert drawn.width <= 2000
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(png)).convert("RGB")), drawn)


def test_a_written_picture_has_every_pixel_of_the_drawn_one():
    drawn = fw.draw.filters({"c": np.random.default_rng(0).standard_normal((3, 3, 8, 16))})
    width, height, png = tensorboard.picture("kernels/00_c", drawn).tensor.string_val
    written = Image.open(BytesIO(png))
    assert (int(width), int(height)) == drawn.size
    assert written.mode == "P"  # a palette: a third of the bytes
    np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(drawn))


def test_alarms_are_counted_and_told_in_full(run):
    directory, watch, _ = run
    read_back = read(directory / "filterwatch")
    assert [int(count) for _, count in read_back["alarm_count"]] == [0, 0, 0, 0, 0, 5, 5]
    (_, before), (_, after) = read_back["alarms"][0], read_back["alarms"][-1]
    assert before.item().decode() == "No alarm so far."
    for alarm in watch.alarms:
        row = f"| 5 | {alarm.rule} | {alarm.layer} | {alarm.message} |"
        assert row in after.item().decode()
    assert "**Probable cause: rate too low.** Raise the learning rate" in after.item().decode()


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
        "Alarms": ["alarms since the start"],
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
        "alarms since the start": ["alarm_count"],
    }


def test_charts_of_metrics_of_ones_own_survive_characters_of_regular_expressions():
    metrics = {"l1+l2 (x)": np.max, "l.": np.max, "lx": np.max}
    scores = fw.score({"a[0]+(b|c)": np.ones((3, 3, 1, 2)), "norm/lx": np.eye(3)}, metrics=metrics)
    tags = [value.tag for value in tensorboard.values(scores, {}, [], fw.diagnose([scores], []))]
    (layout,) = tensorboard.layout(scores).tensor.string_val
    charts = charts_of(layout)["Metrics of your own"]
    assert {
        name: [tag for tag in tags if re.match(chart, tag)] for name, chart in charts.items()
    } == {name: [f"{name}/00_a[0]+(b|c)", f"{name}/01_norm/lx"] for name in metrics}


def test_units_have_charts_where_inputs_showed_what_they_do():
    units = activity.Outputs(2, np.array([2, 0]), np.array([0.0, 3.0]), np.array([0.0, 5.0]))
    scores = fw.score({"a": np.eye(2)}, outputs={"a": units})
    (layout,) = tensorboard.layout(scores).tensor.string_val
    assert [*charts_of(layout)["Units"]] == ["zeros in the outputs", "dead units"]


def test_a_histogram_counts_each_value_once():
    numbers = np.repeat(np.arange(20), 3) + 0.5  # 20 buckets from .5 to 19.5, the last one closed
    buckets = tensor_util.make_ndarray(tensorboard.histogram("a", numbers).tensor)
    np.testing.assert_allclose(buckets[:, 0], 0.5 + 0.95 * np.arange(20))
    np.testing.assert_allclose(buckets[:, 1], 0.5 + 0.95 * np.arange(1, 21))
    np.testing.assert_array_equal(buckets[:, 2], np.full(20, 3))


@pytest.mark.parametrize("numbers", [[2.0, 2.0, 2.0], [2.0, 2.0, np.nextafter(2, 3)]])
def test_a_histogram_of_values_as_good_as_equal_has_one_bucket(numbers):
    buckets = tensor_util.make_ndarray(tensorboard.histogram("a", np.array(numbers)).tensor)
    np.testing.assert_array_equal(buckets, [[min(numbers), max(numbers), 3]])


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
    values = tensorboard.values(scores, {}, [], fw.diagnose([scores], []))
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
        ask(server, "images/images", run="filterwatch", tag="kernels/00_first", sample=0)
    )
    assert [picture["step"] for picture in pictures] == list(range(7))
    last = ask(server, f"images/individualImage?{pictures[-1]['query']}&")
    assert last == read(directory / "filterwatch")["kernels/00_first"][-1][1][2]

    layout = json.loads(ask(server, "custom_scalars/layout"))
    assert [category["title"] for category in layout["category"]] == ["Filters", "Alarms"]
    (noise,) = layout["category"][0]["chart"][0]["multiline"]["tag"]
    chart = json.loads(ask(server, "custom_scalars/scalars", run="filterwatch", tag=noise))
    assert sorted(chart["tag_to_events"]) == ["noise/00_first", "noise/01_second"]

    norms = json.loads(
        ask(server, "histograms/histograms", run="filterwatch", tag="norm_per_filter/02_head")
    )
    assert [sum(bucket[2] for bucket in point[2]) for point in norms] == [3] * 7

    story = json.loads(ask(server, "text/text", run="filterwatch", tag="alarms"))
    assert "<td>noisy</td>" in story[-1]["text"]


def scalars_of(directory):
    (path,) = Path(directory).iterdir()
    return [
        (event.step, value.tag)
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]


def test_a_killed_process_loses_no_step_that_it_had_written(tmp_path):
    script = """
import sys
import threading
from keras_filterwatch.writers import tensorboard
events = tensorboard.EventFile(sys.argv[1])
for step in range(10**9):
    events.write(step, [tensorboard.scalar(f"a/{i}", step) for i in range(20)])
    print(step, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout:
            if int(line) >= 50:
                break
        process.send_signal(signal.SIGKILL)
    steps = [step for step, tag in scalars_of(tmp_path) if tag == "a/19"]
    assert steps[:51] == list(range(51))


def test_a_full_disk_costs_the_steps_that_did_not_fit_and_nothing_else(tmp_path):
    script = """
import resource, signal, sys
from keras_filterwatch.writers import tensorboard
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
events = tensorboard.EventFile(sys.argv[1])
def write(step, count):
    events.write(step, [tensorboard.scalar(f"a/{i}", step) for i in range(count)])
write(0, 10)
try:
    write(1, 1000)
except OSError:
    print("no room")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
write(2, 10)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "no room\n"
    assert scalars_of(tmp_path) == [(step, f"a/{i}") for step in (0, 2) for i in range(10)]


def test_a_disk_without_room_for_a_first_record_leaves_no_empty_file(tmp_path):
    script = """
import resource, signal, sys
from keras_filterwatch.writers import tensorboard
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    tensorboard.EventFile(sys.argv[1])
except OSError:
    print("no room")
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "no room\n"
    assert not list(tmp_path.iterdir())


def test_without_pictures_there_are_numbers_only(tmp_path):
    model = keras.Sequential([layers.Input((12, 12, 3)), layers.Conv2D(4, 5), layers.Flatten()])
    model.compile(loss="mse")
    x, y = np.zeros((8, 12, 12, 3)), np.zeros((8, 256))
    model.fit(x, y, callbacks=[fw.FilterWatch(tmp_path, images=False)], verbose=0)
    groups = {tag.split("/")[0] for tag in read(tmp_path / "filterwatch")}
    assert "kernels" not in groups
    assert {"noise", "dead", "alarm_count"} <= groups


def test_an_emptied_directory_is_written_to_again(tmp_path):
    events = tensorboard.EventFile(tmp_path)
    events.write(0, [tensorboard.scalar("a", 0)])
    for path in tmp_path.iterdir():
        path.unlink()
    events.write(1, [tensorboard.scalar("a", 1)])
    assert scalars_of(tmp_path) == [(1, "a")]


def test_text_of_alarms_survives_characters_of_tables():
    alarm = fw.Alarm("mine", "a|b", 3, 1.0, 0.0, (), "two\nlines | and a bar")
    scores = fw.score({})
    (*_, told) = tensorboard.values(scores, {}, [alarm], fw.diagnose([scores], [alarm]))
    row = told.tensor.string_val[0].decode().splitlines()[-1]
    assert row == r"| 3 | mine | a\|b | two lines \| and a bar |"
