"""What a hostile file is for the tests, and what it tries to reach."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Hostile(NamedTuple):
    """A hostile or damaged file.

    `refused_because`: a regular expression of the message with which it is refused; None if it is
    read, and harms nothing. `is_unsafe`: whether the error is an UnsafeFileError; None if either
    will do. `skipped_because`: of a file that is read, a regular expression of the reason for which
    a part of it is skipped. `is_large`: whether it takes long to build or to read.
    """

    build: Callable[[Path], None]
    suffix: str
    refused_because: str | None
    is_unsafe: bool | None = None
    skipped_because: str = ""
    is_large: bool = False


def outside(path: Path) -> Path:
    """The folder that no reader may touch, beside that of the file."""
    return path.parent.parent / "outside"


def secret(path: Path) -> Path:
    """A file in that folder, which holds 10,000 bytes."""
    return outside(path) / "secret.bin"


def ran(path: Path) -> Path:
    """The file that what runs would make."""
    return outside(path) / "ran"
