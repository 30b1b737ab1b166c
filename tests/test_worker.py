"""Work beside training: in order, one at a time, finished whatever happens."""

import os
import subprocess
import sys
import threading
import time

import pytest

from keras_filterwatch.training.worker import Background


def test_the_owner_goes_on_while_the_task_is_done():
    background, gone_on = Background(), threading.Event()
    done = []
    background.start(lambda: done.append(gone_on.wait(10)))
    gone_on.set()  # a task done at once would have waited in vain
    background.wait()
    assert done == [True]


def test_tasks_are_done_one_after_the_other():
    background, done, under_way = Background(), [], threading.Lock()

    def task(number):
        assert under_way.acquire(blocking=False)
        done.append(number)
        under_way.release()

    for number in range(50):
        background.start(lambda number=number: task(number))
    background.wait()
    assert done == list(range(50))


def test_what_a_task_raises_reaches_the_owner_once():
    background = Background()
    background.start(lambda: {}["missing"])
    with pytest.raises(KeyError, match="missing"):
        background.wait()
    background.wait()


def test_a_failed_task_keeps_no_later_one_from_being_done():
    background, done = Background(), []
    background.start(lambda: {}["missing"])
    with pytest.raises(KeyError):
        background.start(lambda: done.append("second"))
    background.start(lambda: done.append("third"))
    background.wait()
    assert done == ["third"]


def test_a_task_may_wait_for_its_own_background():
    background, done = Background(), []
    background.start(lambda: (background.wait(), done.append(True)))
    background.wait()
    assert done == [True]


def test_where_no_thread_can_be_had_the_owner_does_it(monkeypatch):
    def none_left(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    background, done = Background(), []
    background.start(lambda: done.append(threading.current_thread()))
    background.wait()
    assert done == [threading.main_thread()]


def test_an_interrupt_as_a_task_begins_blocks_no_later_one(monkeypatch):
    def interrupted(thread):
        raise KeyboardInterrupt

    background, done = Background(), []
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            background.start(lambda: done.append("first"))
    background.start(lambda: done.append("second"))
    background.wait()
    assert done == ["second"]


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "raise ValueError"])
def test_what_was_begun_is_finished_when_the_program_ends(end, tmp_path):
    code = f"""
import time
from pathlib import Path
from keras_filterwatch.training.worker import Background

background = Background()
background.start(lambda: (time.sleep(0.5), Path("done").touch()))
{end}
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60)
    assert (tmp_path / "done").exists()


def test_others_that_wait_do_not_hide_the_next_task_from_its_owner():
    background, under_way, ended = Background(), threading.Lock(), threading.Event()

    def others():
        while not ended.is_set():
            background.wait()

    def task():
        assert under_way.acquire(blocking=False)
        time.sleep(0.001)
        under_way.release()

    readers = [threading.Thread(target=others) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(200):
        background.start(task)
    background.wait()
    ended.set()
    for reader in readers:
        reader.join()


def test_a_fork_waits_for_what_is_under_way():
    background, done = Background(), []
    background.start(lambda: (time.sleep(0.2), done.append(True)))
    child = os.fork()
    if child == 0:
        os._exit(0 if done else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
