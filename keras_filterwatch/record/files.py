"""The files of a record: which there are, and how far each was read."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from keras_filterwatch.record.frames import (
    DamagedRecordError,
    check_start,
    document_alone,
    frames,
    is_torn,
)
from keras_filterwatch.record.parts import BeforeStep, opening_time
from keras_filterwatch.record.recorded import well_formed
from keras_filterwatch.storage import Folder

_FILE_NAME = re.compile(r"record-(\d{4,9})\.fwr")

Sign = tuple[int, int, int]  # of a local file: inode, size, time of its last change


def numbered_files(folder: Folder) -> list[tuple[int, str]]:
    """Returns number and name of each file of a record, in ascending order."""
    matches = [match for match in map(_FILE_NAME.fullmatch, folder.names()) if match]
    return sorted((int(match[1]), match[0]) for match in matches)


def opened(folder: Folder) -> float:
    """Returns when the last file of a record was begun, in seconds since 1970; -inf if unknown."""
    for _, name in reversed(numbered_files(folder)):
        try:
            data = folder.read(name, 0, 2**16)
            check_start(data)
            with well_formed():
                part = next(frames(data))
                return opening_time(document_alone(data[part.start : part.stop]))
        except (DamagedRecordError, OSError, StopIteration):
            continue
    return -math.inf


class ReplacedError(Exception):
    """A file is not the one that was read before."""


@dataclass
class ReadFile:
    """How far a file was read.

    Attributes:
        name: of the file.
        position: the end of the last part that was read.
        before: the parts that belong to the step which comes next.
        kind: of the last part that was read.
        overlap: the bytes before `position`.
        problem: why the rest cannot be read, in a sentence; `""` if it can, or there is none.
        is_damaged: True if the rest was written whole, and changed since.
        is_given_up: True if nothing that is appended can be read.
    """

    name: str
    position: int = 0
    before: BeforeStep = field(default_factory=BeforeStep)
    kind: str = ""
    overlap: bytes = b""
    problem: str = ""
    is_damaged: bool = False
    is_given_up: bool = False


def sign_of(path: Path) -> Sign:
    """Returns by what a change of a local file is recognised."""
    try:
        status = path.stat()
    except FileNotFoundError:  # since it was listed
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns


def name_what_is_left(file: ReadFile, rest: bytes) -> None:
    """Sets the problem of a file behind whose last whole part these bytes stand."""
    # facts and kernels stand before the step that they belong to
    if is_torn(rest, 0) if rest else file.kind in ("FACT", "KERN"):
        file.problem = (
            f"{file.name} ends within a step, which is left out: its process was killed, or is "
            "writing it now."
        )
    elif rest:
        file.is_damaged = True
        file.problem = (
            f"{file.name} is damaged from byte {file.position} on: what follows there is left out."
        )
