"""Finds the recorded training that a user names, and says which others are beside it."""

import os

from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import CommandError
from keras_filterwatch.cli.exit_codes import ERROR, NOTHING_READ
from keras_filterwatch.run import Run
from keras_filterwatch.run_folders import recorded_folders
from keras_filterwatch.runs import read
from keras_filterwatch.storage import folder_of
from keras_filterwatch.text import listed, printable


def recorded_run(path: str | os.PathLike[str], console: Console, or_file: bool = False) -> Run:
    """Returns the run that was begun last at a place, and notes the others there.

    Args:
        path: the place.
        console: where notes go.
        or_file: whether the path of a saved model would do too.

    Raises:
        CommandError: there is no record that can be read, or it has no step.

    Example:
        >>> recorded_run("tests/records/version-1", Console(is_terminal=False)).steps
        [0, 1, 2]
    """
    try:
        run = read(path)
        others = other_runs_in_words(run, path)
    except ImportError as error:
        raise CommandError(str(error), ERROR) from error
    except (OSError, ValueError) as error:
        raise CommandError(why_no_run(path, error, or_file), NOTHING_READ) from error
    if others:
        console.note(printable(others))
    if not run.steps:
        raise CommandError(f"the record in {run.location} has no step yet.", NOTHING_READ)
    return run


def other_runs_in_words(run: Run, path: str | os.PathLike[str]) -> str:
    """Returns a sentence about the runs at a place that are not the one that was read, or `""`.

    Raises:
        OSError: the place cannot be read any more.

    Example:
        >>> other_runs_in_words(read("tests/records/version-1"), "tests/records/version-1")
        ''
    """
    folders = [folder.location for _, folder in recorded_folders(path)]
    others = [location for location in folders if location != run.location]
    return f"{run.location} is the latest run; also there: {listed(others)}." if others else ""


def why_no_run(
    path: str | os.PathLike[str], error: OSError | ValueError, or_file: bool = False
) -> str:
    """Returns why there is no run at a path, and what to do.

    Args:
        path: what the user passed.
        error: that reading the run raised.
        or_file: whether the path of a saved model would do too.

    Example:
        >>> why_no_run("none", FileNotFoundError())
        "'none' does not exist: pass the folder that a training was recorded in."
    """
    shown = os.fspath(path)
    if isinstance(error, NotADirectoryError):
        return (
            f"{shown!r} is a file, and the folder that a training was recorded in is needed: for a "
            "saved model there is `keras-filterwatch audit`."
        )
    if isinstance(error, FileNotFoundError) and not folder_of(path).exists():
        model = ", or a saved model" if or_file else ""
        return f"{shown!r} does not exist: pass the folder that a training was recorded in{model}."
    return str(error)
