"""The pictures that a training drew, as the page gets them from the event files."""

import base64
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from recorded import FINE, record

from keras_filterwatch.report import Report
from keras_filterwatch.runs import read
from keras_filterwatch.storage import folder_of
from keras_filterwatch.view.documents import document
from keras_filterwatch.view.event_pictures import EVENT_PICTURES, EventPictures
from keras_filterwatch.writers.tensorboard import TensorBoard

LAYERS = ["first", "second"]


def picture(step, size=(8, 6)):
    """A picture of one colour, a different one at each step."""
    return Image.new("RGB", size, (step, 100, 200))


def write(folder, steps, names=("favourites",), layer="second", writer=None, size=(8, 6)):
    """Writes pictures of a layer to the event file of a folder, as a training does."""
    writer = writer or TensorBoard(folder)
    run = read(folder)
    for step in steps:
        pictures = {(name, layer): picture(step, size) for name in names}
        writer.write(Report(run.scores_at(step), pictures, (), FINE))
    return writer


@pytest.fixture
def folder(tmp_path):
    record(tmp_path, range(6))
    return tmp_path


def pixels(made):
    """The colour of a picture that a document holds."""
    image = Image.open(io.BytesIO(base64.b64decode(made["png"]))).convert("RGB")
    return image.size, image.getpixel((0, 0))


def event_file(folder):
    (file,) = folder.glob("events.out.tfevents*")
    return file


def test_pictures_are_those_that_the_training_drew(folder):
    write(folder, [0, 2]).close()
    run = read(folder)
    entries = document(run, "run")["pictures"]
    assert entries == [{"name": "favourites", "layer": 1, "steps": [0, 2]}]
    assert pixels(document(run, "picture/favourites/1/2")) == ((8, 6), (2, 100, 200))


def test_a_picture_that_was_not_drawn_is_not_there(folder):
    write(folder, [0, 2]).close()
    run = read(folder)
    keys = ["favourites/1/1", "favourites/0/0", "activations/1/0", "filters/1/0", "overview/1/0"]
    assert [document(run, f"picture/{key}") for key in keys] == [None] * 5


def test_pictures_that_the_page_draws_itself_are_left_to_it(folder):
    write(folder, [0], names=("filters", "film_strip", "templates")).close()
    assert document(read(folder), "run")["pictures"] == []
    assert {"favourites", "activations", "class_paths"} <= set(EVENT_PICTURES)


def test_pictures_that_come_later_are_found_with_a_new_version(folder):
    writer = write(folder, [0])
    run = read(folder)
    assert document(run, "run")["pictures"][0]["steps"] == [0]
    write(folder, [1], writer=writer)
    assert document(run, "run")["pictures"][0]["steps"] == [0, 1]


def test_steps_that_a_resumed_training_dropped_are_gone(folder):
    write(folder, range(5)).close()
    again = TensorBoard(folder)
    again.continue_after(2)
    write(folder, [3], writer=again).close()
    assert document(read(folder), "run")["pictures"][0]["steps"] == [0, 1, 2, 3]


def test_a_picture_that_is_drawn_again_replaces_the_first(folder):
    write(folder, [1]).close()
    write(folder, [1], size=(3, 2)).close()
    assert pixels(document(read(folder), "picture/favourites/1/1"))[0] == (3, 2)


def test_a_picture_larger_than_what_is_read_at_once_is_there(folder, monkeypatch):
    monkeypatch.setattr("keras_filterwatch.view.event_pictures._CHUNK", 256)
    write(folder, [0], size=(300, 200)).close()
    write(folder, [1], size=(4, 2)).close()
    run = read(folder)
    assert document(run, "run")["pictures"][0]["steps"] == [0, 1]
    assert pixels(document(run, "picture/favourites/1/0"))[0] == (300, 200)


def test_reading_goes_on_where_the_time_was_over(folder):
    write(folder, range(6)).close()
    pictures, steps = EventPictures(folder_of(folder)), []
    for _ in range(10_000):
        pictures.update(seconds=0)
        steps = [each.steps for each in pictures.available(LAYERS, range(6))]
        if steps == [[0, 1, 2, 3, 4, 5]]:
            break
    assert steps == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("lost", [1, 5, 13])
def test_what_is_being_written_is_waited_for(folder, lost):
    write(folder, [0, 1]).close()
    file = event_file(folder)
    whole = file.read_bytes()
    file.write_bytes(whole[:-lost])
    run = read(folder)
    assert document(run, "run")["problems"] == []
    file.write_bytes(whole)
    assert document(run, "run")["pictures"][0]["steps"] == [0, 1]


def test_a_damaged_file_costs_what_stands_behind_the_damage_and_is_named(folder):
    writer = write(folder, [0])
    size = event_file(folder).stat().st_size
    write(folder, [1], writer=writer).close()
    file = event_file(folder)
    data = bytearray(file.read_bytes())
    data[size] ^= 255
    file.write_bytes(data)
    made = document(read(folder), "run")
    assert made["pictures"][0]["steps"] == [0]
    (problem,) = made["problems"]
    assert problem.startswith(f"{file.name} cannot be read from byte {size} on")


@pytest.mark.parametrize("content", [b"", b"x", b"no event file" * 99, bytes(10_000)])
def test_a_file_that_is_no_event_file_has_no_pictures(folder, content):
    (folder / "events.out.tfevents.1.x").write_bytes(content)
    made = document(read(folder), "run")
    assert made["pictures"] == []


def test_a_picture_whose_bytes_changed_is_not_shown(folder):
    write(folder, [0]).close()
    run, file = read(folder), event_file(folder)
    document(run, "run")
    data = file.read_bytes()
    file.write_bytes(data.replace(b"\x89PNG", b"\x89PNH"))
    assert document(run, "picture/favourites/1/0") is None


def test_files_that_were_removed_take_their_pictures_with_them(folder):
    write(folder, [0]).close()
    run = read(folder)
    assert document(run, "run")["pictures"]
    event_file(folder).unlink()
    assert document(run, "run")["pictures"] == []


def test_a_layer_of_another_name_at_the_same_place_has_no_picture(folder):
    write(folder, [0]).close()
    pictures = EventPictures(folder_of(folder))
    pictures.update()
    assert pictures.available(["first", "another"], [0]) == []


def test_without_tensorboard_there_are_no_pictures_and_no_error(folder):
    write(folder, [0]).close()
    code = f"""
import sys
sys.modules["tensorboard"] = None
from keras_filterwatch.runs import read
from keras_filterwatch.view.documents import document
made = document(read({str(folder)!r}), "run")
print(made["pictures"], made["problems"], len(made["steps"]))
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "[] [] 6\n"


def test_pictures_elsewhere_are_found(folder):
    fsspec = pytest.importorskip("fsspec")
    write(folder, [0]).close()
    place = f"memory://pictures-{np.random.default_rng().integers(10**9)}"
    for file in folder.iterdir():
        if file.is_file():
            fsspec.filesystem("memory").pipe_file(f"{place}/{file.name}", file.read_bytes())
    run = read(place)
    assert document(run, "run")["pictures"][0]["steps"] == [0]
    assert pixels(document(run, "picture/favourites/1/0"))[0] == (8, 6)
