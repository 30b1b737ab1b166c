"""Locks of folders, with real processes: held while one lives, free when it is dead."""

import errno
import gc
import os
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

from keras_filterwatch.training.folder_lock import FolderLock, is_locked, is_locked_elsewhere

HOLD = """
import sys, time
from pathlib import Path
from keras_filterwatch.training.folder_lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
{then}
time.sleep(600)
"""
FORK = """
import os
child = os.fork()
if child:
    print(child, flush=True)
"""


@contextmanager
def holding(path, then=""):
    """A live process that holds the lock."""
    command = [sys.executable, "-c", HOLD.format(then=then), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def lock(tmp_path):
    lock = FolderLock(tmp_path)
    yield lock
    lock.release()


def test_a_free_folder_is_taken(lock, tmp_path):
    assert lock.acquire()
    assert is_locked(tmp_path)


def test_the_folder_is_made(tmp_path):
    lock = FolderLock(tmp_path / "deep" / "deeper")
    assert lock.acquire()
    lock.release()


def test_a_live_process_keeps_others_out(lock, tmp_path):
    with holding(tmp_path):
        assert is_locked(tmp_path)
        assert not lock.acquire()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_process_does_not(lock, tmp_path, end):
    with holding(tmp_path) as process:
        process.send_signal(end)
        process.wait()
    assert not is_locked(tmp_path)
    assert lock.acquire()


def test_a_forked_child_that_outlives_its_killed_parent_does_not(lock, tmp_path):
    with holding(tmp_path, FORK) as process:
        child = int(process.stdout.readline())
        try:
            process.kill()
            process.wait()
            os.kill(child, 0)  # it lives
            assert lock.acquire()
        finally:
            os.kill(child, signal.SIGKILL)


def test_a_forked_child_that_ends_does_not_give_the_lock_back(lock, tmp_path):
    with holding(tmp_path, FORK) as process:
        os.kill(int(process.stdout.readline()), signal.SIGKILL)
        assert not lock.acquire()


def test_a_program_started_by_the_holder_does_not_hold_on_either(lock, tmp_path):
    then = "import subprocess; print(subprocess.Popen(['sleep', '600'], close_fds=False).pid)"
    with holding(tmp_path, f"{then}; sys.stdout.flush()") as process:
        child = int(process.stdout.readline())
        try:
            process.kill()
            process.wait()
            assert lock.acquire()
        finally:
            os.kill(child, signal.SIGKILL)


def test_of_two_in_one_process_one_has_it(lock, tmp_path):
    second = FolderLock(tmp_path)
    assert lock.acquire()
    assert not second.acquire()
    lock.release()
    assert second.acquire()
    second.release()


def test_whoever_reads_the_files_of_the_folder_does_not_break_it(lock, tmp_path):
    lock.acquire()
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    command = [sys.executable, "-c", HOLD.format(then="sys.exit()"), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "False\n"


def test_taking_it_again_is_harmless(lock, tmp_path):
    assert lock.acquire()
    assert lock.acquire()
    lock.release()
    assert not is_locked(tmp_path)


def test_giving_back_what_is_not_held_is_harmless(lock):
    lock.release()
    lock.release()


def test_a_lock_that_nobody_refers_to_is_given_back(tmp_path):
    FolderLock(tmp_path).acquire()
    gc.collect()
    assert not is_locked(tmp_path)


def test_a_folder_that_was_removed_is_taken_anew(tmp_path):
    lock = FolderLock(tmp_path / "logs")
    lock.acquire()
    shutil.rmtree(tmp_path / "logs")
    assert lock.acquire()
    assert is_locked(tmp_path / "logs")
    lock.release()


def test_own_locks_are_told_from_those_of_another_process(lock, tmp_path):
    with holding(tmp_path):
        assert is_locked_elsewhere(tmp_path)
    assert lock.acquire()
    assert is_locked(tmp_path)
    assert not is_locked_elsewhere(tmp_path)


def test_a_folder_that_is_gone_is_not_locked(tmp_path):
    assert not is_locked(tmp_path / "logs")
    assert not list(tmp_path.iterdir())


def test_asking_neither_makes_nor_takes_anything(lock, tmp_path):
    assert not is_locked(tmp_path)
    assert not list(tmp_path.iterdir())
    lock.acquire()
    lock.release()
    assert not is_locked(tmp_path)
    assert lock.acquire()


READ_ONLY = """
import os, sys
from pathlib import Path
from keras_filterwatch.training.folder_lock import FolderLock, is_locked
if os.geteuid() == 0:  # who may write everywhere
    os.seteuid(65534)
path = Path(sys.argv[1])
try:
    FolderLock(path / sys.argv[2]).acquire()
except OSError as error:
    print(type(error).__name__)
print(is_locked(path))
"""


@pytest.mark.parametrize("below", [".", "deeper"])
def test_a_folder_that_may_not_be_written_to_raises(tmp_path, below):
    tmp_path.chmod(0o555)
    for parent in list(tmp_path.parents)[:3]:  # which pytest makes for its user only
        parent.chmod(0o755)
    command = [sys.executable, "-c", READ_ONLY, str(tmp_path), below]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    tmp_path.chmod(0o755)
    assert said == "PermissionError\nFalse\n"


def test_a_lock_that_may_only_be_read_is_seen_all_the_same(lock, tmp_path):
    lock.acquire()
    (tmp_path / "lock").chmod(0o444)
    for parent in [tmp_path, *list(tmp_path.parents)[:3]]:
        parent.chmod(0o755)
    command = [sys.executable, "-c", READ_ONLY, str(tmp_path), "."]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    assert said == "PermissionError\nTrue\n"


def test_a_file_system_without_locks_keeps_nobody_out(lock, monkeypatch):
    def unsupported(descriptor, operation):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", unsupported)
    assert lock.acquire()
