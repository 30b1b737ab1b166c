"""Applies keras_filterwatch's rules to a recorded training: its alarms and causes by epoch."""

from collections.abc import Collection
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm, Judgement, follow
from keras_filterwatch.diagnosis import diagnose
from keras_filterwatch.history import History
from keras_filterwatch.rules import default_rules


@dataclass(frozen=True)
class Step:
    """What keras_filterwatch says at one step.

    Attributes:
        epoch: epochs since the first step.
        holding: the errors and warnings that hold.
        notes: the notes that hold.
        cause: the cause that the diagnosis names.
    """

    epoch: int
    holding: tuple[Alarm, ...]
    notes: tuple[Alarm, ...]
    cause: str


@dataclass(frozen=True)
class Verdict:
    """What keras_filterwatch says about a whole training, and when.

    Attributes:
        alarms: all errors and warnings, ended or not, oldest first.
        cause: named at the last step at which an alarm held; `""` if none ever did.
        first: the epoch of the first alarm; None if there was none.
        first_right: the first epoch at which an alarm held and a right cause was named; None if
            there was none.
    """

    alarms: tuple[Alarm, ...]
    cause: str
    first: int | None
    first_right: int | None


def steps(history: History) -> list[Step]:
    """Returns what is said at each step of a history, as the callback would say it."""
    return [step for step, _ in _followed(history)]


def judge(history: History, right_causes: Collection[str]) -> Verdict:
    """Returns what is said about a training.

    Args:
        history: the training's scores.
        right_causes: the causes that count as right.
    """
    followed = _followed(history)
    alarmed = [step for step, _ in followed if step.holding]
    right = [step for step in alarmed if step.cause in right_causes]
    return Verdict(
        alarms=followed[-1][1].alarms if followed else (),
        cause=alarmed[-1].cause if alarmed else "",
        first=alarmed[0].epoch if alarmed else None,
        first_right=right[0].epoch if right else None,
    )


def _followed(history: History) -> list[tuple[Step, Judgement]]:
    rules, judgement = default_rules(), Judgement()
    followed = []
    for end in range(1, len(history) + 1):
        now = history[:end]
        judgement = follow(rules, now, judgement.raised)
        if judgement.failures:
            raise RuntimeError(f"a rule failed: {judgement.failures}")
        cause = diagnose(now, judgement.holding).cause
        notes = tuple(note for note in judgement.notes if note.ended is None)
        epoch = now[-1].epoch - now[0].epoch
        followed.append((Step(epoch, judgement.holding, notes, cause), judgement))
    return followed
