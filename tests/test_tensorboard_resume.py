"""A run that is continued: TensorBoard's two readers show each step once, with the last numbers."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from viewer import READERS, ask, read, serving

import keras_filterwatch as fw
from keras_filterwatch.writers.tensorboard import TensorBoard

TAGS = {  # page -> tag, one of each kind
    "scalars/scalars": "norm/00_conv",
    "images/images": "filters/00_conv",
    "histograms/histograms": "norm_per_filter/00_conv",
    "text/text": "alarms",
}


def report(step, process):
    """A report whose numbers, picture and text say which step and process it is of."""
    scores = fw.score({"conv": np.full((3, 3, 2, 4), step + process / 10)})
    diagnosis = fw.Diagnosis("no fault found", (f"Process {process}.",), "Train on.")
    pictures = {("filters", "conv"): Image.new("RGB", (8, 8), (step, process, 0))}
    return fw.Report(replace(scores, step=step), pictures, (), diagnosis)


def run_of(directory):
    return directory / "filterwatch"


def train(directory, process, steps, after=None):
    """One process of a run, which is killed: nothing is closed, and a last record is half there."""
    writer = TensorBoard(directory / "filterwatch")
    writer.continue_after(after)
    for step in steps:
        writer.write(report(step, process))
    (*_, path) = sorted((directory / "filterwatch").iterdir())
    with path.open("ab") as file:
        file.write(b"\x20\0\0\0\0\0\0\0half")


def processes_by_step(directory):
    """tag of a scalar, picture, histogram and text -> (step, process) of each point."""
    points = read(directory / "filterwatch")
    norms = [(step, float(norm)) for step, norm in points["norm/00_conv"]]
    unit = float(fw.score({"conv": np.ones((3, 3, 2, 4))})["conv"]["norm"])
    return {
        "norm/00_conv": [(step, round(10 * (norm / unit - step))) for step, norm in norms],
        "alarms": [
            (step, int(text.item().decode().split("Process ")[1][0]))
            for step, text in points["alarms"]
        ],
    }


def test_the_slow_reader_has_each_step_once_with_the_numbers_of_the_last_process(tmp_path):
    train(tmp_path, 1, range(7))
    train(tmp_path, 2, range(5, 8), after=4)
    expected = [(step, 1 if step < 5 else 2) for step in range(8)]
    assert processes_by_step(tmp_path) == {"norm/00_conv": expected, "alarms": expected}


def test_a_run_may_be_continued_many_times_also_before_the_last_time(tmp_path):
    train(tmp_path, 1, range(7))
    train(tmp_path, 2, range(5, 8), after=4)
    train(tmp_path, 3, range(3, 5), after=2)
    train(tmp_path, 4, range(5, 7), after=4)
    expected = [(0, 1), (1, 1), (2, 1), (3, 3), (4, 3), (5, 4), (6, 4)]
    assert processes_by_step(tmp_path)["norm/00_conv"] == expected


def test_a_run_that_goes_on_at_its_end_loses_nothing(tmp_path):
    train(tmp_path, 1, range(3))
    train(tmp_path, 2, range(3, 5), after=2)
    expected = [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)]
    assert processes_by_step(tmp_path)["norm/00_conv"] == expected


def test_every_kind_of_value_is_dropped(tmp_path):
    train(tmp_path, 1, range(7))
    train(tmp_path, 2, range(5, 8), after=4)
    steps = {tag: [step for step, _ in points] for tag, points in read(run_of(tmp_path)).items()}
    assert {tag: steps[tag] for tag in TAGS.values()} == {tag: [*range(8)] for tag in TAGS.values()}


def test_a_process_that_ends_before_its_first_step_leaves_all_as_it_was(tmp_path):
    train(tmp_path, 1, range(3))
    files = sorted(run_of(tmp_path).iterdir())
    writer = TensorBoard(run_of(tmp_path))
    writer.continue_after(1)
    writer.close()
    assert sorted(run_of(tmp_path).iterdir()) == files


def test_a_step_that_could_not_be_written_does_not_bring_the_dropped_ones_back(
    tmp_path, monkeypatch
):
    def full(self, step):
        raise OSError("No space left on device")

    train(tmp_path, 1, range(7))
    writer = TensorBoard(run_of(tmp_path))
    writer.continue_after(4)
    with monkeypatch.context() as patch:
        patch.setattr("keras_filterwatch.writers.event_file.EventFile.drop_steps_from", full)
        with pytest.raises(OSError, match="No space"):
            writer.write(report(5, 2))
    writer.write(report(6, 2))
    writer.close()
    expected = [*((step, 1) for step in range(5)), (6, 2)]
    assert processes_by_step(tmp_path)["norm/00_conv"] == expected


def shown(server):
    """page -> the steps that TensorBoard shows there."""
    pages = {}
    for page, tag in TAGS.items():
        points = json.loads(ask(server, page, run="filterwatch", tag=tag, sample=0))
        key = {"scalars/scalars": 1, "histograms/histograms": 1}.get(page, "step")
        pages[page] = [point[key] for point in points]
    return pages


def shown_at_last(server, steps):
    """As `shown`, once that is so, or after half a minute, in which TensorBoard reloads often."""
    expected = {page: [*steps] for page in TAGS}
    for _ in range(60):
        if (pages := shown(server)) == expected:
            break
        time.sleep(0.5)
    return pages, expected


@pytest.mark.parametrize("fast", READERS.values(), ids=list(READERS))
def test_a_tensorboard_that_is_started_later_shows_each_step_once(tmp_path, fast):
    train(tmp_path, 1, range(7))
    train(tmp_path, 2, range(5, 8), after=4)
    with serving(tmp_path, "--load_fast", fast) as server:
        pages, expected = shown_at_last(server, range(8))
    assert pages == expected


@pytest.mark.parametrize("fast", READERS.values(), ids=list(READERS))
def test_a_tensorboard_that_runs_meanwhile_shows_each_step_once(tmp_path, fast):
    train(tmp_path, 1, range(7))
    with serving(tmp_path, "--load_fast", fast, "--reload_interval", "1") as server:
        pages, expected = shown_at_last(server, range(7))
        assert pages == expected
        train(tmp_path, 2, range(5, 8), after=4)
        pages, expected = shown_at_last(server, range(8))
    assert pages == expected
