"""The option `--output`: a file that gets what would be printed."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from keras_filterwatch.cli.console import Console
from keras_filterwatch.cli.errors import UsageError


def check_output(path: str | None, option: str = "--output") -> None:
    """Raises UsageError if a file cannot be written, before time is spent on what it would hold.

    Example:
        >>> check_output(None)
    """
    if path is None:
        return
    folder = Path(path).absolute().parent
    if Path(path).is_dir():
        raise UsageError(f"{option}: {path} is a folder; the name of a file is needed.")
    if not folder.is_dir():
        raise UsageError(f"{option}: the folder {folder} does not exist.")
    if not os.access(path if Path(path).exists() else folder, os.W_OK):
        raise UsageError(f"{option}: {path} may not be written.")


def check_folder(path: str | None, option: str) -> None:
    """Raises UsageError if pictures cannot be written to a folder, which need not be there yet.

    Example:
        >>> check_folder("pictures/new", "--images")
    """
    if path is None:
        return
    for place in (Path(path), *Path(path).absolute().parents):
        if place.exists():
            if not place.is_dir():
                raise UsageError(f"{option}: {place} is a file; a folder is needed.")
            if not os.access(place, os.W_OK):
                raise UsageError(f"{option}: {place} may not be written to.")
            return


@contextmanager
def writing_to(console: Console, path: str | None) -> Iterator[None]:
    """Writes results to a file when the block ends without an error; to stdout if it is None."""
    if path is None:
        yield
        return
    text = io.StringIO()
    console.output = text
    try:
        yield
    finally:
        console.output = None
    Path(path).write_text(text.getvalue(), encoding="utf-8", errors="backslashreplace", newline="")
    console.note(f"wrote {path}")
