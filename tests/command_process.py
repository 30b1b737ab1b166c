"""The command `keras-filterwatch` in a process of its own, whose lines are read as they come."""

import subprocess
import sys
from contextlib import contextmanager


class CommandProcess:
    """A running command.

    `communicate` of subprocess would lose what `readline` has read ahead, so it is not used.
    """

    def __init__(self, process):
        self.process = process

    def line(self):
        """The next line of the result."""
        return self.process.stdout.readline()

    def note(self):
        """The next line on stderr."""
        return self.process.stderr.readline()

    def rest(self):
        """Waits for the end; returns the rest of the result, and of stderr."""
        output, errors = self.process.stdout.read(), self.process.stderr.read()
        self.process.wait(timeout=60)
        return output, errors


@contextmanager
def command(*arguments):
    """Starts the command, and kills it at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_filterwatch", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield CommandProcess(process)
        finally:
            process.kill()
