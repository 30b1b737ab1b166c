"""What keras_filterwatch says about a recorded training: its alarms, and the cause, by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm, Judgement, follow
from keras_filterwatch.diagnosis import NO_FAULT, diagnose
from keras_filterwatch.history import History
from keras_filterwatch.rules import default_rules
from keras_filterwatch.scores import Scores


@dataclass(frozen=True)
class Verdict:
    """What was said, and when; an epoch is None where it never came.

    Attributes:
        alarms: all of them, oldest first.
        cause: named at the end.
        first: the epoch of the first alarm.
        first_right: the first epoch with an alarm at which the true cause was named.
    """

    alarms: tuple[Alarm, ...]
    cause: str
    first: int | None
    first_right: int | None


def judge(steps: Sequence[Scores], true_cause: str | None) -> Verdict:
    """Follows the rules through a history, step by step as the callback does."""
    history, rules, judgement = History(steps), default_rules(), Judgement()
    first = first_right = None
    cause = NO_FAULT
    for end in range(1, len(history) + 1):
        now = history[:end]
        judgement = follow(rules, now, judgement.alarms)
        cause = diagnose(now, judgement.alarms).cause
        if judgement.alarms and first is None:
            first = now[-1].epoch
        if judgement.alarms and first_right is None and cause == true_cause:
            first_right = now[-1].epoch
    return Verdict(judgement.alarms, cause, first, first_right)
