"""The command `keras-filterwatch`: scores, reports and comparisons of saved models and runs."""

import io
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from keras_filterwatch.cli.console import Console


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status, which `exit_codes.py` explains.

    Args:
        arguments: those of the command line; None for those that this process was started with.

    Example:
        >>> main(["--version"])
        keras-filterwatch 0.1.0
        0
    """
    try:
        return _status(arguments)
    except KeyboardInterrupt:
        from keras_filterwatch.cli.exit_codes import INTERRUPTED

        return INTERRUPTED


def _status(arguments: Sequence[str] | None) -> int:
    """Runs the command; of all errors, only KeyboardInterrupt gets out."""
    # imported here: each process that reads a file imports this package too, and needs none of them
    from keras_filterwatch.cli.console import Console
    from keras_filterwatch.cli.exit_codes import CLOSED_PIPE, ERROR, NOTHING_FOUND
    from keras_filterwatch.cli.parser import parse

    for stream in (sys.stdout, sys.stderr):
        _accept_all_characters(stream)
    try:
        options = parse(arguments)
    except SystemExit as end:  # as argparse ends after help, the version and wrong arguments
        return end.code if isinstance(end.code, int) else NOTHING_FOUND
    console = Console(is_terminal=_is_terminal(sys.stdout), quiet=options.quiet)
    try:
        with _warnings_as_lines(console):
            command = import_module(f"{__name__}.{options.command}")
            status: int = command.run(options, console)
            return status
    except BrokenPipeError:
        _discard_output()
        return CLOSED_PIPE
    except Exception as error:
        _discard_output(only_if_broken=True)
        if options.debug:
            import traceback

            traceback.print_exc()
            return getattr(error, "status", ERROR)
        return _told(error, console)


def _told(error: Exception, console: "Console") -> int:
    """Prints what an error means in one line, and returns the exit status."""
    from keras_filterwatch.cli.errors import CommandError
    from keras_filterwatch.cli.exit_codes import ERROR
    from keras_filterwatch.text import described, printable

    if isinstance(error, CommandError):
        console.error(printable(error))
        return error.status
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{error.filename}: "
        console.error(printable(f"{place}{error.strerror}"))
        return ERROR
    console.error(
        f"unexpected error: {described(error)}. Please report it with what `--debug` prints."
    )
    return ERROR


def _accept_all_characters(stream: TextIO | None) -> None:
    """Lets a stream print characters that its encoding lacks as escape sequences."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _discard_output(only_if_broken: bool = False) -> None:
    """Sends what is still to be written nowhere: Python would complain when it ends."""
    try:
        if only_if_broken:
            sys.stdout.flush()
            return
    except (OSError, ValueError):
        pass
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
    except (OSError, ValueError, AttributeError):  # a stream without a file, as in notebooks
        pass


@contextmanager
def _warnings_as_lines(console: "Console") -> Iterator[None]:
    """Prints warnings as lines on stderr, without the place in the source that they come from."""
    from keras_filterwatch.cli.user_warnings import show_user_warnings
    from keras_filterwatch.text import printable

    def show(message: Warning | str, *details: object, **more: object) -> None:
        console.note(f"warning: {printable(message)}")

    with warnings.catch_warnings():
        show_user_warnings()
        warnings.showwarning = show
        yield
