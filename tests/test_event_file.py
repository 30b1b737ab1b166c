"""Event files: what a killed process, a full disk or somebody else does to them."""

import json
import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from viewer import ask, serving

from keras_filterwatch.storage import folder_of
from keras_filterwatch.storage.local import LocalFile
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import Scalar


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
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import Scalar
events = EventFile(sys.argv[1])
for step in range(10**9):
    events.write(step, [Scalar(f"a/{i}", step).encoded() for i in range(20)])
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
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import Scalar
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, resource.RLIM_INFINITY))
events = EventFile(sys.argv[1])
def write(step, count):
    events.write(step, [Scalar(f"a/{i}", step).encoded() for i in range(count)])
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
from keras_filterwatch.writers.event_file import EventFile
from keras_filterwatch.writers.summaries import Scalar
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, resource.RLIM_INFINITY))
try:
    EventFile(sys.argv[1])
except OSError:
    print("no room")
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "no room\n"
    assert not list(tmp_path.iterdir())


def one_scalar(step):
    return [Scalar("a", step).encoded()]


@pytest.fixture
def file(tmp_path):
    file = EventFile(tmp_path)
    file.write(0, one_scalar(0))
    yield file
    file.close()


@pytest.fixture
def path(file, tmp_path):
    (path,) = tmp_path.iterdir()
    return path


def test_a_file_that_nobody_touched_shows_no_interference(file):
    assert file.interference() == ""
    file.write(1, one_scalar(1))
    assert file.interference() == ""


def remove(path):
    path.unlink()


def replace(path):
    copy = path.with_suffix(".copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def truncate(path):
    os.truncate(path, 10)


def append(path):
    with path.open("ab") as file:
        file.write(b"garbage")


@pytest.mark.parametrize(
    ("somebody", "words"),
    [
        (remove, "removed"),
        (replace, "replaced"),
        (truncate, "truncated"),
        (append, "something else was written"),
    ],
)
def test_what_somebody_else_does_to_the_file_is_noticed(file, path, somebody, words):
    somebody(path)
    assert words in file.interference()


def test_a_removed_directory_is_noticed_and_made_again(file, path, tmp_path):
    path.unlink()
    tmp_path.rmdir()
    assert "removed" in file.interference()
    file.reopen()
    file.write(1, one_scalar(1))
    assert scalars_of(tmp_path) == [(1, "a")]


def test_a_reopened_file_is_another_one_without_interference(file, path, tmp_path):
    truncate(path)
    file.reopen()
    file.write(1, one_scalar(1))
    assert file.interference() == ""
    (other,) = set(tmp_path.iterdir()) - {path}
    assert [event.step for event in EventFileLoader(str(other)).Load()] == [0, 1]


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_does_not_write_into_its_parents_file(file):
    child = os.fork()
    if child == 0:
        os._exit(0 if file.interference() == "the process was forked" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert file.interference() == ""


def test_files_of_one_second_are_in_the_order_in_which_they_were_opened(tmp_path):
    opened = []
    for _ in range(12):
        EventFile(tmp_path).close()
        opened += sorted(set(folder_of(tmp_path).names()) - set(opened))
    assert folder_of(tmp_path).names() == opened


def test_a_clock_that_was_set_back_does_not_change_the_order(tmp_path, monkeypatch):
    EventFile(tmp_path).close()
    (first,) = tmp_path.iterdir()
    monkeypatch.setattr("time.time", lambda: 10**9)
    EventFile(tmp_path).close()
    assert min(tmp_path.iterdir()) == first


def test_a_new_file_that_cannot_be_made_leaves_the_present_one_open(file, path, monkeypatch):
    def full(self, name, beginning=b""):
        raise OSError("no room")

    with monkeypatch.context() as patch:
        patch.setattr("keras_filterwatch.storage.local.LocalFolder.create", full)
        with pytest.raises(OSError, match="no room"):
            file.reopen()
    file.write(1, one_scalar(1))
    assert scalars_of(path.parent) == [(0, "a"), (1, "a")]


@pytest.fixture
def small_files(monkeypatch):
    """Files on this machine ask for a further one soon, as large ones do in buckets."""
    monkeypatch.setattr(LocalFile, "should_rotate", property(lambda file: file.size > 500))


fast_reader = platform.machine() in ("x86_64", "AMD64") and sys.platform == "linux"
READERS = {"slow reader": "false"} | ({"fast reader": "true"} if fast_reader else {})


@pytest.mark.parametrize("fast", READERS.values(), ids=list(READERS))
def test_tensorboard_shows_each_step_of_several_files_once(tmp_path, small_files, fast):
    events = EventFile(tmp_path / "filterwatch")
    with serving(tmp_path, "--load_fast", fast, "--reload_interval", "1") as server:
        for step in range(50):
            if step == 25:  # TensorBoard reads while further files come
                ask(server, "scalars/scalars", run="filterwatch", tag="a")
            events.write(step, one_scalar(step))
        events.close()
        assert len(list((tmp_path / "filterwatch").iterdir())) > 3
        steps = []
        for _ in range(100):
            points = json.loads(ask(server, "scalars/scalars", run="filterwatch", tag="a"))
            steps = [step for _, step, _ in points]
            if len(steps) >= 50:
                break
            time.sleep(0.2)
        assert steps == list(range(50))


def test_further_files_hold_each_step_once(tmp_path, small_files):
    events = EventFile(tmp_path)
    for step in range(30):
        events.write(step, one_scalar(step))
    events.close()
    steps = [
        event.step
        for path in sorted(tmp_path.iterdir())
        for event in EventFileLoader(str(path)).Load()
        if event.HasField("summary")
    ]
    assert steps == list(range(30))


def test_events_elsewhere_are_those_that_would_be_here(tmp_path):
    here, elsewhere = EventFile(tmp_path), EventFile(folder_of("memory://events"))
    for step in range(3):
        for events in (here, elsewhere):
            events.write(step, one_scalar(step))
            assert events.interference() == ""
    copy = tmp_path / "copy"
    copy.mkdir()
    (name,) = folder_of("memory://events").names()
    (copy / name).write_bytes(folder_of("memory://events").read(name))
    fsspec.filesystem("memory").store.clear()
    assert scalars_of(copy) == [(step, "a") for step in range(3)]
    here.close()
