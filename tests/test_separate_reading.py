"""Reading in a process of its own notices all that reading a file must not do."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
SCRIPT = """
import json, os, sys
from pathlib import Path
from benchmarks.fuzz import separate_reading
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError

def refuse(error):
    raise error("it is refused")

separate_reading.SECONDS, separate_reading.MEGABYTES = 1, 200
READERS = {
    "returns": lambda path: "text",
    "refuses": lambda path: refuse(UnsafeFileError),
    "cannot read": lambda path: refuse(UnreadableFileError),
    "finds no file": lambda path: path.with_name("nowhere").read_bytes(),
    "raises": lambda path: {}["key"],
    "exits": lambda path: sys.exit(1),
    "ends": lambda path: os._exit(0),
    "hangs": lambda path: sum(1 for _ in iter(int, 1)),
    "crashes": lambda path: os.kill(os.getpid(), 11),
    "takes memory": lambda path: bytes(10**9),
    "opens another file": lambda path: Path(sys.argv[2]).read_bytes(),
    "opens a file beside it": lambda path: path.with_name("other").write_bytes(b""),
    "runs a program": lambda path: os.system("true"),
    "imports Keras": lambda path: __import__("keras"),
    "removes a file": lambda path: path.unlink(),
}
path = Path(sys.argv[1])
for name, read in READERS.items():
    print(json.dumps([name, separate_reading.read_separately(path, read)]))
"""


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """What a reader does -> what comes of it."""
    folder = tmp_path_factory.mktemp("case")
    path = folder / "model.keras"
    path.write_bytes(b"")
    other = tmp_path_factory.mktemp("outside") / "other"
    other.write_bytes(b"")
    command = [sys.executable, "-c", SCRIPT, str(path), str(other)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=PROJECT)
    lines = map(json.loads, done.stdout.splitlines())
    return {name: reading[0].replace(str(other), "OTHER") for name, reading in lines}


@pytest.mark.parametrize(
    ("what", "outcome"),
    [
        ("returns", "read"),
        ("refuses", "unsafe"),
        ("cannot read", "unreadable"),
        ("finds no file", "unreadable"),
        ("raises", "KeyError"),
        ("exits", "SystemExit"),
        ("ends", "ended with 0 without an answer"),
        ("hangs", "took more than 1 s"),
        ("crashes", "killed by signal 11"),
        ("takes memory", "MemoryError"),
        ("opens another file", "touched OTHER"),
        ("opens a file beside it", "read"),
        ("runs a program", "touched os.system(b'true',)"),
        ("imports Keras", "touched the module keras"),
    ],
)
def test_what_a_reader_does_is_told(what, outcome, readings):
    assert readings[what] == outcome


def test_a_reader_that_removes_a_file_is_told(readings):
    assert readings["removes a file"].startswith("touched os.remove")
