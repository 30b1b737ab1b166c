"""Event files, read back with TensorBoard's own readers."""

import json
import platform
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from io import BytesIO
from pathlib import Path
from urllib.parse import urlencode

import keras
import numpy as np
import pytest
from keras import layers
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import TENSORS, EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

import keras_filterwatch as fw
from keras_filterwatch import tensorboard


def read(directory):
    """tag -> its points (step, value), as TensorBoard's own loader gives them."""
    loaded = EventAccumulator(str(directory), size_guidance={TENSORS: 0})
    loaded.Reload()
    return {
        tag: [
            (point.step, tensor_util.make_ndarray(point.tensor_proto))
            for point in loaded.Tensors(tag)
        ]
        for tag in loaded.Tags()["tensors"]
    }


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
    pictures = {"kernels/00_first", "kernels/01_second"}
    assert set(read(directory / "filterwatch")) == expected | pictures | {"alarms", "alarm_count"}


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


fast_reader = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
READERS = {"slow reader": "false"} | ({"fast reader": "true"} if fast_reader else {})


@pytest.fixture(scope="module", params=READERS.values(), ids=list(READERS))
def server(run, request):
    """TensorBoard itself, serving the run."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "tensorboard.main", "--logdir", str(run[0]), "--port", "0"),
            *("--load_fast", request.param, "--samples_per_plugin", "images=1000"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        said = []
        for line in process.stderr:
            said.append(line)
            if "http://localhost" in line:
                break
        else:
            raise AssertionError(f"TensorBoard did not start: {''.join(said)}")
        threading.Thread(target=process.stderr.read, daemon=True).start()  # no full pipe stops it
        yield line.split()[line.split().index("at") + 1]
        process.terminate()


def ask(server, path, **query):
    """What TensorBoard answers, as soon as it has loaded the run."""
    url = f"{server}data/plugin/{path}?{urlencode(query)}"
    for _ in range(100):
        try:
            with urllib.request.urlopen(url) as answer:
                content = answer.read()
            if content not in (b"{}", b"[]"):
                return content
        except urllib.error.HTTPError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"TensorBoard has nothing at {url}")


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
from keras_filterwatch import tensorboard
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
from keras_filterwatch import tensorboard
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
from keras_filterwatch import tensorboard
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
