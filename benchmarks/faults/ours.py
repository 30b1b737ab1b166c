"""What keras_filterwatch says about a recorded training: its alarms, and the cause, by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras_filterwatch.diagnosis import diagnose
from keras_filterwatch.rules import Alarm, default_rules
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


def judge(history: Sequence[Scores], true_cause: str | None) -> Verdict:
    """Follows the rules through a history as the callback does: each speaks once about a layer."""
    rules, alarms = default_rules(), []
    first = first_right = None
    cause = "no fault found"
    for seen in range(1, len(history) + 1):
        known = {(alarm.rule, alarm.layer) for alarm in alarms}
        for rule in rules:
            new = [a for a in rule(history[:seen]) if (a.rule, a.layer) not in known]
            alarms += new
            known |= {(alarm.rule, alarm.layer) for alarm in new}
        cause = diagnose(history[:seen], alarms).cause
        epoch = history[seen - 1].epoch
        if alarms and first is None:
            first = epoch
        if alarms and first_right is None and cause == true_cause:
            first_right = epoch
    return Verdict(tuple(alarms), cause, first, first_right)
