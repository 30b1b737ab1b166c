"""Which checkpoint is which step: by the names of the files, or by the times at which they came."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from keras_filterwatch.checkpoints.listing import CheckpointFile
from keras_filterwatch.checkpoints.step_pattern import StepPattern
from keras_filterwatch.text import listed

_MOST_GAPS = 5  # that a message names


class RepeatedStepError(ValueError):
    """Several files are of one step; the message asks which of them belong to the run."""


@dataclass(frozen=True)
class Order:
    """The checkpoints of a run by their steps, in ascending order.

    Attributes:
        files: step -> its checkpoint.
        without_step: those whose names tell no step.
        repeated: those of steps that other files had before.
    """

    files: dict[int, CheckpointFile]
    without_step: tuple[CheckpointFile, ...] = ()
    repeated: tuple[CheckpointFile, ...] = ()


def order_by_name(
    files: Sequence[CheckpointFile],
    pattern: StepPattern,
    known: Mapping[int, CheckpointFile] | None = None,
) -> Order:
    """Returns checkpoints in the order of the steps in their names.

    Args:
        files: the checkpoints.
        pattern: finds the step in a name.
        known: steps that files have already and keep.

    Raises:
        RepeatedStepError: several files are of one step, which no file had before.

    Example:
        >>> from pathlib import Path
        >>> files = [CheckpointFile(Path(name), name) for name in ("10.keras", "9.keras", "best")]
        >>> order = order_by_name(files, StepPattern(r"(\\d+)\\.keras"))
        >>> list(order.files), [file.name for file in order.without_step]
        ([9, 10], ['best'])
    """
    by_step: dict[int, list[CheckpointFile]] = defaultdict(list)
    without_step = []
    for file in files:
        step = pattern.step(file.name)
        if step is None:
            without_step.append(file)
        else:
            by_step[step].append(file)
    steps = dict(known or {})
    repeated, new = [], []
    for step, several in by_step.items():
        if step in steps:
            repeated += [file for file in several if file != steps[step]]
        elif len(several) > 1:
            new.append(step)
        else:
            steps[step] = several[0]
    if new:
        names = listed((file.name for file in by_step[min(new)]), 4)
        more = f", and {len(new) - 1} more steps have several files" if len(new) > 1 else ""
        raise RepeatedStepError(
            f"{names} are all of step {min(new)}{more}. Which of them belong to the run? Pass a "
            "pattern of these files alone, in quotes, or another --step-pattern."
        )
    return Order(dict(sorted(steps.items())), tuple(without_step), tuple(repeated))


def order_by_time(
    files: Sequence[CheckpointFile], known: Mapping[int, CheckpointFile] | None = None
) -> Order:
    """Returns checkpoints in the order in which they were changed last, as steps 1, 2, ...

    Args:
        files: the checkpoints; those of the same time are in the order of the numbers in their
            names.
        known: steps that files have already and keep; others come behind them.

    Raises:
        OSError: a file is not there any more.
    """
    steps = dict(known or {})
    paths = {file.path for file in steps.values()}
    new = [file for file in files if file.path not in paths]
    new.sort(key=lambda file: (file.time, natural_key(file.name)))
    first = max(steps, default=0) + 1
    return Order({**steps, **dict(enumerate(new, first))})


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Returns a key that sorts names as people do: `"ckpt-9"` before `"ckpt-10"`.

    Example:
        >>> sorted(["ckpt-10", "ckpt-9"], key=natural_key)
        ['ckpt-9', 'ckpt-10']
    """
    parts = re.split(r"(\d+)", name, flags=re.ASCII)
    return [(1, int(part), "") if place % 2 else (0, 0, part) for place, part in enumerate(parts)]


def gaps(steps: Sequence[int]) -> list[tuple[int, int]]:
    """Returns the neighbours that are further apart than others.

    Args:
        steps: in ascending order.

    Example:
        >>> gaps([0, 1, 2, 5, 6]), gaps([5, 10, 15])
        ([(2, 5)], [])
    """
    pairs = list(pairwise(steps))
    usual = min((later - earlier for earlier, later in pairs), default=0)
    return [(earlier, later) for earlier, later in pairs if later - earlier > usual]


def gaps_in_words(steps: Sequence[int]) -> str:
    """Returns a sentence about steps that have no file; `""` if there are none.

    Example:
        >>> print(gaps_in_words([0, 1, 4]))
        no file between steps 1 and 4: `update` is measured over all that lies between.
    """
    found = gaps(steps)
    if not found:
        return ""
    words = [f"between steps {earlier} and {later}" for earlier, later in found[:_MOST_GAPS]]
    more = f" and {len(found) - _MOST_GAPS} more" if len(found) > _MOST_GAPS else ""
    return f"no file {', '.join(words)}{more}: `update` is measured over all that lies between."
