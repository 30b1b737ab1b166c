"""Runs programs of the tests in processes of their own, and ends those that hang."""

import os
import socket
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
_SECONDS = 240  # far more than any program takes on two busy cores; one that hangs takes longer


def free_port():
    """A port of this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def start(program, *arguments, **environment):
    """Starts a program that stands beside the tests."""
    return subprocess.Popen(
        [sys.executable, HERE / program, *map(str, arguments)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(processes, seconds=_SECONDS):
    """The outputs of processes; the test fails if one does not end."""
    try:
        return [process.communicate(timeout=seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def last_line(process, output):
    """The last line of a program that must have succeeded."""
    assert process.returncode == 0, output
    return output.splitlines()[-1]
