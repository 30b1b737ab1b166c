"""Hostile and damaged files are refused with the reason, or read without any harm."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from hostile_case import outside, secret
from hostile_files import HOSTILE

from benchmarks.fuzz.formats import PLAIN
from benchmarks.fuzz.formats.contents import weights
from benchmarks.fuzz.formats.keras_2 import legacy_config, write_legacy
from benchmarks.fuzz.formats.keras_3 import keras_config, write_keras_archive
from benchmarks.fuzz.opened_files import OpenedFiles
from benchmarks.fuzz.separate_reading import FINE, READ, SECONDS, UNSAFE, Reading

PROJECT = Path(__file__).parent.parent
VALUES = {"null": None, "a number": 1.5, "a list": [[]], "a dict": {"a": {}}, "a text": "é\x1b["}


@pytest.fixture(scope="module")
def read_separately():
    """A function of a path: what comes of reading the file in a process that can't hurt others."""
    server = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fuzz.separate_reading"],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def read(path, function="score"):
        server.stdin.write(f"{json.dumps([function, str(path)])}\n")
        server.stdin.flush()
        return Reading(*json.loads(server.stdout.readline()))

    with server:
        yield read
        server.stdin.close()


@pytest.fixture
def folder(tmp_path):
    """A folder for one file, beside one that nothing may touch."""
    (tmp_path / "case").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.bin").write_bytes(b"s3cr" * 2500)
    return tmp_path / "case"


def read_beside_a_secret(path, read):
    """Reads a file, and proves that the folder outside was not touched."""
    before = sorted(outside(path).iterdir())
    watch = OpenedFiles(outside(path))
    reading = read(path)
    touched = watch.names()
    watch.close()
    assert touched == []
    assert sorted(outside(path).iterdir()) == before
    return reading


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_with_the_reason_or_does_no_harm(name, folder, read_separately):
    hostile = HOSTILE[name]
    path = folder / f"model{hostile.suffix}"
    hostile.build(path)
    reading = read_beside_a_secret(path, read_separately)
    assert reading.outcome in FINE, reading.message
    assert reading.seconds < SECONDS
    if hostile.refused_because is None:
        assert reading.outcome == READ, reading.message
        assert re.search(hostile.skipped_because, reading.message)
        return
    assert reading.outcome != READ, reading.message
    assert re.search(hostile.refused_because, reading.message, re.IGNORECASE), reading.message
    if hostile.is_unsafe is not None:
        assert (reading.outcome == UNSAFE) == hostile.is_unsafe, reading.message
    if path.suffix:
        shutil.rmtree(path.parent)  # large ones are many


def places(document, path=()):
    """The path of each value in a document."""
    pairs = enumerate(document) if isinstance(document, list) else ()
    pairs = document.items() if isinstance(document, dict) else pairs
    return [path, *(place for key, value in pairs for place in places(value, (*path, key)))]


def with_value(document, path, value):
    """A copy of a document with another value at a path."""
    if not path:
        return value
    copy = list(document) if isinstance(document, list) else dict(document)
    copy[path[0]] = with_value(document[path[0]], path[1:], value)
    return copy


CONFIGS = {
    ".keras": (keras_config(), write_keras_archive),
    ".h5": (legacy_config(), write_legacy),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("suffix", CONFIGS)
def test_each_value_of_a_config_may_be_of_a_wrong_type(suffix, kind, folder, read_separately):
    config, write = CONFIGS[suffix]
    for place in places(config):
        name = ".".join(map(str, place))
        write(folder / f"{name}{suffix}", json.dumps(with_value(config, place, VALUES[kind])))
    reading = read_separately(folder, "score_each")
    assert reading.outcome == READ, reading.message


@pytest.mark.parametrize("suffix", PLAIN)
def test_a_sound_file_of_each_format_is_read(suffix, folder, read_separately):
    path = folder / f"model{suffix}"
    PLAIN[suffix](path)
    reading = read_beside_a_secret(path, read_separately)
    assert reading.outcome == READ, reading.message


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_the_sound_files_are_such_that_keras_reads(suffix, folder):
    path = folder / f"model{suffix}"
    PLAIN[suffix](path)
    loaded = keras.saving.load_model(path, compile=False)
    expected = [array for variables in weights().values() for array in variables.values()]
    for array, other in zip(loaded.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(array, other)


def test_a_read_of_the_secret_would_be_noticed(folder, read_separately):
    path = folder / "model.keras"
    path.symlink_to(secret(path))
    with pytest.raises(AssertionError, match=r"secret\.bin"):
        read_beside_a_secret(path, read_separately)


def test_the_command_reports_all_hostile_files_in_one_run(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.bin").write_bytes(b"s3cr" * 2500)
    small = {name: hostile for name, hostile in HOSTILE.items() if not hostile.is_large}
    paths = {}
    for number, (name, hostile) in enumerate(small.items()):
        paths[name] = tmp_path / str(number) / f"model{hostile.suffix}"
        paths[name].parent.mkdir()
        hostile.build(paths[name])
    watch = OpenedFiles(tmp_path / "outside")
    done = subprocess.run(
        [sys.executable, "-m", "keras_filterwatch", "audit", "--format", "json", "--timeout", "10"]
        + [str(path) for path in paths.values()],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=PROJECT,
    )
    assert watch.names() == []
    watch.close()
    assert done.returncode == 2, done.stderr[-3000:]  # some could not be read
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    files = {file["file"]: file for file in json.loads(done.stdout)["files"]}
    wrong = {}
    for name, hostile in small.items():
        error = files.get(str(paths[name]), {"error": "it was named before"})["error"]
        if hostile.refused_because is None:
            is_right = error is None
        else:
            is_right = error and error["kind"] in ("unsafe", "unreadable", "missing")
        if not is_right:
            wrong[name] = error
    assert wrong == {}
