"""Tasks beside training: in order, one at a time, done whatever happens."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from keras_filterwatch.training import worker as worker_module
from keras_filterwatch.training.worker import Worker


@pytest.fixture
def errors():
    return []


@pytest.fixture
def worker(errors):
    return Worker(on_error=errors.append)


def test_training_goes_on_while_a_task_is_done(worker):
    went_on, results = threading.Event(), []
    worker.submit(lambda: results.append(went_on.wait(10)))
    went_on.set()  # a task done at once would have waited in vain
    worker.wait()
    assert results == [True]


def test_tasks_are_done_in_order_and_never_two_at_once(worker):
    results, running = [], threading.Lock()

    def task(number):
        assert running.acquire(blocking=False)
        results.append(number)
        running.release()

    for number in range(50):
        worker.submit(lambda number=number: task(number))
    worker.wait()
    assert results == list(range(50))


def test_all_tasks_run_in_one_thread(worker):
    threads = set()
    for _ in range(20):
        worker.submit(lambda: threads.add(threading.get_ident()))
        worker.wait()
    assert len(threads) == 1


def test_tasks_of_two_threads_never_overlap(worker, errors):
    running = threading.Lock()

    def task():
        assert running.acquire(blocking=False)
        time.sleep(0.001)
        running.release()

    def submits():
        for _ in range(50):
            worker.submit(task)
            worker.wait()

    threads = [threading.Thread(target=submits) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("error", [KeyError("conv"), SystemExit(1), KeyboardInterrupt()])
def test_an_error_goes_to_the_handler_and_the_next_task_is_done(worker, errors, error):
    def fails():
        raise error

    results = []
    worker.submit(fails)
    worker.submit(lambda: results.append("next"))
    worker.wait()
    assert errors == [error]
    assert results == ["next"]


def test_a_task_that_waits_for_its_own_worker_is_refused(worker, errors):
    worker.submit(worker.wait)
    worker.wait()
    assert "which would never end" in str(errors[0])


def test_wait_returns_false_when_time_is_up(worker):
    goes_on = threading.Event()
    worker.submit(lambda: goes_on.wait(10))
    assert not worker.wait(timeout=0.01)
    goes_on.set()
    assert worker.wait(timeout=10)


def test_only_the_thread_that_submits_waits_in_finish(worker):
    results = []

    def task():  # waits for a thread that asks for what is finished
        reader = threading.Thread(target=worker.finish)
        reader.start()
        reader.join(10)
        results.append(reader.is_alive())

    worker.submit(task)
    worker.finish()
    assert results == [False]


def test_finish_within_a_task_returns_at_once(worker, errors):
    results = []
    worker.submit(lambda: results.append(worker.finish()))
    worker.wait()
    assert results == [None]
    assert errors == []


def test_no_thread_is_left_after_close_and_another_task_starts_one(worker):
    results, before = [], set(threading.enumerate())
    for number in range(3):
        worker.submit(lambda number=number: results.append(number))
        worker.close()
        assert set(threading.enumerate()) <= before
    assert results == [0, 1, 2]


def test_a_task_is_done_at_once_where_no_thread_can_be_had(worker, monkeypatch):
    def none_left(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    threads = []
    worker.submit(lambda: threads.append(threading.current_thread()))
    worker.wait()
    assert threads == [threading.main_thread()]


def test_an_interrupt_while_waiting_loses_no_task_and_lets_none_overlap(worker, errors):
    running, results = threading.Lock(), []
    main = threading.main_thread().ident

    def task(number, interrupts=False):
        assert running.acquire(blocking=False)
        time.sleep(0.05)
        if interrupts:
            signal.pthread_kill(main, signal.SIGINT)
        time.sleep(0.1)
        results.append(number)
        running.release()

    def submit_and_wait():
        worker.submit(lambda: task(1, interrupts=True))
        worker.wait(20)

    with pytest.raises(KeyboardInterrupt):
        submit_and_wait()
    worker.submit(lambda: task(2))
    worker.wait()
    assert results == [1, 2]
    assert errors == []


@pytest.mark.parametrize("end", ["", "raise SystemExit(1)", "raise ValueError"])
def test_a_submitted_task_is_done_when_the_program_ends(end, tmp_path):
    code = f"""
import time
from pathlib import Path
from keras_filterwatch.training.worker import Worker

worker = Worker(on_error=print)
worker.submit(lambda: (time.sleep(0.3), Path("done").touch()))
{end}
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, timeout=60)
    assert (tmp_path / "done").exists()


def status_of(child):
    """The exit status of a child process, which is killed if it hangs."""
    for _ in range(200):
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    raise AssertionError("the child hangs")


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_fork_waits_for_the_task_that_is_done(worker):
    results = []
    worker.submit(lambda: (time.sleep(0.2), results.append(True)))
    child = os.fork()
    if child == 0:
        os._exit(0 if results else 1)
    assert status_of(child) == 0


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_fork_that_holds_what_a_task_needs_goes_on_after_a_while(worker, monkeypatch):
    monkeypatch.setattr(worker_module, "FORK_WAIT", 0.1)
    needed = threading.Lock()
    with needed:
        worker.submit(lambda: needed.acquire(timeout=20))
        child = os.fork()
        if child == 0:
            os._exit(0)
        assert status_of(child) == 0
    worker.wait()


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_child_can_use_its_copy(worker, monkeypatch):
    monkeypatch.setattr(worker_module, "FORK_WAIT", 0.1)
    goes_on = threading.Event()
    worker.submit(lambda: goes_on.wait(20))
    child = os.fork()
    if child == 0:
        results = []
        worker.wait(5)
        worker.submit(lambda: results.append(True))
        worker.wait(5)
        os._exit(0 if results else 1)
    goes_on.set()
    assert status_of(child) == 0
