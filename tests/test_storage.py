"""Folders here and elsewhere do the same; what fails costs one write and says why."""

import io
import itertools
import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from keras_filterwatch.storage import folder_of

NUMBERS = itertools.count()


@pytest.fixture
def remote():
    """A folder in memory, by way of fsspec."""
    url = f"memory://test{next(NUMBERS)}"
    yield folder_of(url)
    fsspec.filesystem("memory").store.clear()


@pytest.fixture(params=["local", "memory"])
def folder(request):
    if request.param == "memory":
        return request.getfixturevalue("remote")
    return folder_of(request.getfixturevalue("tmp_path") / "logs")


def test_a_folder_that_was_never_written_to_is_empty(folder):
    assert not folder.exists()
    assert folder.names() == []


def test_asking_makes_nothing(folder):
    folder.child("deeper").check()
    assert not folder.exists()


def test_what_was_written_is_read(folder):
    folder.write("a", b"0123456789")
    assert folder.read("a") == b"0123456789"
    assert folder.exists()


@pytest.mark.parametrize(
    ("start", "stop"), [(0, 4), (3, None), (3, 7), (0, None), (5, 5), (8, 99), (99, None)]
)
def test_a_part_is_read(folder, start, stop):
    folder.write("a", b"0123456789")
    assert folder.read("a", start, stop) == b"0123456789"[start:stop]


def test_a_written_file_replaces_the_earlier_one(folder):
    folder.write("a", b"first and longer")
    folder.write("a", b"second")
    assert (folder.read("a"), folder.names()) == (b"second", ["a"])


def test_names_are_those_of_files_and_folders_in_it_sorted(folder):
    folder.write("b", b"")
    folder.write("a", b"")
    folder.child("c").write("d", b"")
    assert folder.names() == ["a", "b", "c"]


def test_a_file_that_is_missing_is_not_found(folder):
    folder.write("a", b"")
    with pytest.raises(FileNotFoundError):
        folder.read("b")


def test_bytes_are_appended(folder):
    file = folder.create("a")
    for data in (b"one", b"", b"two"):
        file.append(data)
    assert (folder.read("a"), file.size) == (b"onetwo", 6)
    file.close()


def test_a_new_file_begins_with_its_beginning(folder):
    file = folder.create("a", b"head")
    assert (folder.read("a"), file.size) == (b"head", 4)
    file.close()


def test_no_file_is_created_over_another_one(folder):
    folder.write("a", b"")
    with pytest.raises(FileExistsError):
        folder.create("a")


def test_nothing_is_appended_to_a_closed_file(folder):
    file = folder.create("a", b"head")
    file.close()
    with pytest.raises(ValueError, match="closed"):
        file.append(b"more")
    assert folder.read("a") == b"head"


def remove(folder):
    if folder.is_local:
        (folder.path / "a").unlink()
    else:
        fsspec.core.url_to_fs(folder.url)[0].rm(f"/{folder.url.split('://')[1]}/a")


def shorten(folder):
    folder.write("copy", folder.read("a")[:3])
    data = folder.read("copy")
    if folder.is_local:
        (folder.path / "a").write_bytes(data)
    else:
        folder.write("a", data)


def lengthen(folder):
    data = folder.read("a") + b"x"
    if folder.is_local:
        (folder.path / "a").write_bytes(data)
    else:
        folder.write("a", data)


@pytest.mark.parametrize(
    ("somebody", "words"),
    [
        (remove, "the file was removed"),
        (shorten, "the file was truncated"),
        (lengthen, "something else was written to the file"),
        (lambda folder: None, ""),
    ],
)
def test_what_somebody_else_does_to_a_file_is_noticed(folder, somebody, words):
    file = folder.create("a", b"head")
    file.append(b"more")
    somebody(folder)
    assert file.interference() == words
    file.close()


@pytest.mark.filterwarnings("ignore:.*fork")
def test_a_forked_process_does_not_append_to_its_parents_file(folder):
    file = folder.create("a", b"head")
    child = os.fork()
    if child == 0:
        os._exit(0 if file.interference() == "the process was forked" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    file.close()


def test_a_folder_of_a_folder_is_that_folder(folder):
    assert folder_of(folder) is folder


def test_a_folder_can_be_pickled(folder):
    assert pickle.loads(pickle.dumps(folder)) == folder


@pytest.mark.parametrize("value", [None, 3, b"logs"])
def test_what_is_no_place_is_refused(value):
    with pytest.raises(TypeError, match=r"a path or a URL.* is needed; got"):
        folder_of(value)


# on this machine


def test_a_local_folder_stays_where_it_is_if_the_process_moves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = folder_of("logs").child("run1")
    assert (folder.path, folder.location) == (tmp_path / "logs" / "run1", str(Path("logs/run1")))


def test_home_is_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder_of("~/logs").path == tmp_path / "logs"


@pytest.mark.parametrize("scheme", ["file://", "local://"])
def test_a_url_of_this_machine_is_a_local_folder(tmp_path, scheme):
    assert folder_of(f"{scheme}{tmp_path}").path == tmp_path


def test_a_url_that_was_made_a_path_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match=r"has lost a slash.*Write it as a string"):
        folder_of(Path("s3://bucket/logs"))


def test_a_reader_of_a_file_that_is_written_anew_meets_one_version_or_the_other(tmp_path):
    folder, sizes = folder_of(tmp_path), set()
    folder.write("a", b"x" * 10**6)
    done = threading.Event()

    def read():
        while not done.is_set():
            sizes.add(len(folder.read("a")))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(100):
        folder.write("a", b"x" * (10**6 + i % 2))
    done.set()
    reader.join()
    assert sizes <= {10**6, 10**6 + 1}


def test_a_write_that_fails_leaves_the_earlier_file_and_nothing_else(tmp_path):
    folder = folder_of(tmp_path)
    folder.write("a", b"earlier")
    with pytest.raises(TypeError):
        folder.write("a", "text")
    assert (folder.read("a"), folder.names()) == (b"earlier", ["a"])


def test_an_append_without_room_leaves_the_file_as_it_was(tmp_path):
    script = """
import resource, signal, sys
from keras_filterwatch.storage import folder_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50, resource.RLIM_INFINITY))
file = folder_of(sys.argv[1]).create("a", b"head")
try:
    file.append(b"x" * 100)
except OSError:
    print("no room", file.size, file.interference())
file.append(b"more")
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "no room 4 \n"
    assert folder_of(tmp_path).read("a") == b"headmore"


def test_a_beginning_without_room_leaves_no_file(tmp_path):
    script = """
import resource, signal, sys
from keras_filterwatch.storage import folder_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2, resource.RLIM_INFINITY))
try:
    folder_of(sys.argv[1]).create("a", b"head")
except OSError:
    print("no room")
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True).stdout == "no room\n"
    assert folder_of(tmp_path).names() == []


class Torn(io.BytesIO):
    """A disk that takes half of what is written, and then cannot even be truncated, twice."""

    failures = 2

    def write(self, data):
        if self.failures == 2:
            super().write(data[:2])
            self._fail()
        return super().write(data)

    def truncate(self, size=None):
        if self.failures:
            self._fail()
        return super().truncate(size)

    def _fail(self):
        self.failures -= 1
        raise OSError("the disk is gone")


def test_half_an_append_that_could_not_be_removed_is_removed_before_the_next_one(tmp_path):
    file = folder_of(tmp_path).create("a")
    file.close()
    file._file = disk = Torn()
    with pytest.raises(OSError, match="the disk is gone"):
        file.append(b"lost")
    file.append(b"kept")
    assert (disk.getvalue(), file.size) == (b"kept", 4)


def test_a_killed_process_loses_nothing_that_it_had_appended(tmp_path):
    script = """
import sys
from keras_filterwatch.storage import folder_of
file = folder_of(sys.argv[1]).create("a")
while True:
    file.append(b"x" * 1000)
    print(file.size, flush=True)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        size = next(int(line) for line in process.stdout if int(line) >= 10**5)
        process.send_signal(signal.SIGKILL)
    assert len(folder_of(tmp_path).read("a")) >= size


def test_a_file_on_this_machine_never_gets_too_large_to_append_to(tmp_path):
    file = folder_of(tmp_path).create("a", b"x" * 2**24)
    assert not file.should_rotate
    file.close()


# elsewhere


def test_a_remote_folder_has_no_path(remote):
    with pytest.raises(ValueError, match="is not on this machine: it has no path"):
        remote.path  # noqa: B018


def test_a_large_remote_file_asks_for_a_further_one(remote):
    file = remote.create("a")
    file.append(b"x" * (2**22 - 1))
    assert not file.should_rotate
    file.append(b"x")
    assert file.should_rotate


def failing(monkeypatch, error):
    """The store in memory fails until the returned function is called."""

    def fail(self, *args, **kwargs):
        raise error

    with_failures = monkeypatch.context()
    patch = with_failures.__enter__()
    for name in ("pipe_file", "info", "ls"):
        patch.setattr(MemoryFileSystem, name, fail)
    return lambda: with_failures.__exit__(None, None, None)


@pytest.mark.parametrize(
    "error", [TimeoutError("too slow"), RuntimeError("no token"), KeyError("no key")]
)
def test_a_store_that_fails_costs_one_append(remote, monkeypatch, error):
    file = remote.create("a", b"head")
    file.append(b"one")
    mend = failing(monkeypatch, error)
    with pytest.raises(OSError, match=str(error.args[0])):
        file.append(b"two")
    assert file.interference() == ""
    mend()
    assert file.interference() == ""
    file.append(b"three")
    assert remote.read("a") == b"headonethree"


def test_an_append_that_was_stored_without_an_answer_is_no_interference(remote, monkeypatch):
    file = remote.create("a", b"head")
    original = MemoryFileSystem.pipe_file

    def stores_without_an_answer(self, *args, **kwargs):
        original(self, *args, **kwargs)
        raise TimeoutError("too slow")

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "pipe_file", stores_without_an_answer)
        with pytest.raises(OSError, match="too slow"):
            file.append(b"one")
    assert file.interference() == ""
    file.append(b"two")
    assert remote.read("a") == b"headtwo"


def test_a_store_that_cannot_be_reached_is_no_empty_folder(remote, monkeypatch):
    mend = failing(monkeypatch, RuntimeError("no token"))
    for ask in (remote.names, remote.check):
        with pytest.raises(OSError, match=r"memory://test\d+: RuntimeError: no token"):
            ask()
    mend()


class Directories(LocalFileSystem):
    """A server with directories, which have to be made before files."""

    protocol = "directories"

    @classmethod
    def _strip_protocol(cls, path, *args):
        return super()._strip_protocol(str(path).removeprefix("directories://"), *args)


def test_a_server_with_directories_gets_the_folder_made(tmp_path):
    fsspec.register_implementation("directories", Directories, clobber=True)
    folder = folder_of(f"directories://{tmp_path}/deep/deeper")
    folder.create("a", b"head").append(b"more")
    assert (tmp_path / "deep" / "deeper" / "a").read_bytes() == b"headmore"
    assert folder.names() == ["a"]


def test_a_password_is_not_shown():
    folder = folder_of("ftp://me:secret@example.org/logs").child("run1")
    assert folder.location == "ftp://me:***@example.org/logs/run1"
    assert "secret" not in repr(folder)


def test_a_url_that_fsspec_does_not_know_is_refused():
    with pytest.raises(ValueError, match=r"'nowhere://x' is not on this machine, and fsspec knows"):
        folder_of("nowhere://x")


@pytest.mark.parametrize(
    ("url", "missing", "extra"),
    [
        ("s3://bucket/logs", "s3fs", "s3"),
        ("gs://bucket/logs", "gcsfs", "gcs"),
        ("memory://logs", "fsspec", "remote"),
    ],
)
def test_a_missing_package_is_named_with_what_to_install(url, missing, extra):
    script = f"""
import sys
sys.modules[{missing!r}] = None
from keras_filterwatch.storage import folder_of
try:
    folder_of({url!r})
except ImportError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout
    assert missing in said
    assert f'pip install "keras_filterwatch[{extra}]"' in said


def test_fsspec_is_imported_for_a_url_only(tmp_path):
    script = """
import sys
from keras_filterwatch.storage import folder_of
folder_of(sys.argv[1]).create("a", b"head").close()
print("fsspec" in sys.modules)
folder_of("memory://x")
print("fsspec" in sys.modules)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "True"]
