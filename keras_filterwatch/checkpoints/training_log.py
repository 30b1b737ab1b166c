"""What a training logged: the file of `keras.callbacks.CSVLogger`, by step."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_EPOCH = "epoch"
_SEPARATORS = (",", ";", "\t", "|", " ")
_FROM_FILTERWATCH = ("filter_noise", "dead_filters")  # scores, which the history has by itself
_BYTES = 2**28


class TrainingLogError(ValueError):
    """A file that is not one of CSVLogger; the message says why."""


@dataclass(frozen=True)
class TrainingLog:
    """What a training logged.

    Attributes:
        logs: step -> name -> number. Step 3 is the state after the third epoch, which CSVLogger
            counts as epoch 2.
        repeated: steps that came more than once; the last row counts.
    """

    logs: Mapping[int, Mapping[str, float]]
    repeated: tuple[int, ...] = ()


def read_training_log(path: Path) -> TrainingLog:
    """Reads the file of `keras.callbacks.CSVLogger`. Entries that are no numbers are left out.

    A last line without its end is being written, and left out too.

    Raises:
        OSError: it cannot be read.
        TrainingLogError: it is another file.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "training.csv"
        >>> _ = path.write_text("epoch,loss,val_loss\\n0,0.5,NA\\n1,0.25,NA\\n")
        >>> read_training_log(path).logs
        {1: {'loss': 0.5}, 2: {'loss': 0.25}}
    """
    if path.stat().st_size > _BYTES:
        raise TrainingLogError(f"{path} has more than {_BYTES // 2**20} MB: no file of CSVLogger.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TrainingLogError(f"{path} is not a text file in UTF-8: {error.reason}.") from error
    lines = text[: text.rfind("\n") + 1].splitlines()
    separator = _separator(lines[0] if lines else "")
    if not lines:  # CSVLogger has made the file and no epoch has ended
        return TrainingLog({})
    if separator is None:
        raise TrainingLogError(
            f"{path} has no column {_EPOCH!r}: pass the file of keras.callbacks.CSVLogger."
        )
    logs: dict[int, dict[str, float]] = {}
    repeated = []
    try:
        for row in csv.DictReader(lines, delimiter=separator):
            epoch = _number(row.get(_EPOCH))
            if epoch is None or not 0 <= epoch < 2**53 or epoch != int(epoch):
                continue  # a second header, or a row that is being written
            step = int(epoch) + 1
            if step in logs:
                repeated.append(step)
            logs[step] = _numbers(row)
    except csv.Error as error:
        raise TrainingLogError(f"{path} cannot be read as CSV: {error}.") from error
    return TrainingLog(logs, tuple(dict.fromkeys(repeated)))


def _separator(header: str) -> str | None:
    """Returns what separates the columns; None if none of them is that of the epochs."""
    for separator in _SEPARATORS:
        if _EPOCH in (name.strip('" ') for name in header.split(separator)):
            return separator
    return None


def _numbers(row: Mapping[str | None, object]) -> dict[str, float]:
    numbers = {}
    for name, value in row.items():
        number = _number(value)
        if name not in (None, _EPOCH, *_FROM_FILTERWATCH) and number is not None:
            numbers[str(name)] = number
    if "lr" in numbers:  # as Keras 2 called it
        numbers.setdefault("learning_rate", numbers.pop("lr"))
    return numbers


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str) else None
    except ValueError:
        return None
