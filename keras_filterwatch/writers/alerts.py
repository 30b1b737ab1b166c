"""Alerts: what a tracker tells people when alarms begin and end."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.report import Report
from keras_filterwatch.text import printable

_LONGEST_TITLE = 63  # W&B's limit
_MOST_MESSAGES = 3  # in one alert: a rule may raise an alarm about each layer
_MOST_REPEATS = 3  # alerts about an alarm that comes and goes


@dataclass(frozen=True)
class Alert:
    """A message to people.

    Attributes:
        title: the rule and the layer, in at most 63 characters.
        text: what happened, what it means and what to do, in sentences.
        level: `"error"` or `"warning"` as the alarm has it, `"info"` for one that ended.
    """

    title: str
    text: str
    level: str


class Alerts:
    """Finds out which alarms began or ended since the report before.

    The alarms that one rule begins at a step are one alert. Alarms that began before the first
    report give none, and an alarm that comes and goes gives three at most.

    Example:
        >>> from keras_filterwatch import Alarm, Diagnosis, Scores
        >>> alarm = Alarm("dead", "conv", 4, 0.6, 0.5, (), "60 % of the units of conv are dead.")
        >>> report = Report(Scores(4, 4, {}), {}, (alarm,), Diagnosis("rate", (), "Lower it."))
        >>> alerts = Alerts()
        >>> alerts.since_last(report)[0].title
        'FilterWatch: dead (conv)'
        >>> alerts.since_last(report)
        []
    """

    def __init__(self) -> None:
        self._first_step = self._last_step = -1
        self._known: set[tuple[object, ...]] = set()

    def since_last(self, report: Report) -> list[Alert]:
        """Returns the alerts about what is new in a report; the same report again gives none."""
        step = report.scores.step
        if self._first_step < 0 or step < self._last_step:  # the first report, or a new training
            self._first_step = step
            self._known.clear()
        self._last_step = step
        counts: Counter[tuple[str, str]] = Counter()
        began, ended = [], []
        for alarm in report.alarms:
            counts[alarm.rule, alarm.layer] += 1
            if counts[alarm.rule, alarm.layer] > _MOST_REPEATS:
                continue
            if self._is_new("began", alarm, alarm.step):
                began.append(alarm)
            if self._is_new("ended", alarm, alarm.ended):
                ended.append(alarm)
        holding = {(alarm.rule, alarm.layer) for alarm in report.alarms if alarm.ended is None}
        over = [alarm for alarm in ended if (alarm.rule, alarm.layer) not in holding]
        cause = f"Probable cause: {report.diagnosis.cause}. {report.diagnosis.advice}"
        return [
            *(_alert(rule, alarms, level, cause) for (rule, level), alarms in _by_rule(began)),
            *(_alert(f"{rule} is over", alarms, "info") for (rule, _), alarms in _by_rule(over)),
        ]

    def _is_new(self, what: str, alarm: Alarm, step: int | None) -> bool:
        if step is None or step < self._first_step:
            return False
        event = (what, alarm.rule, alarm.layer, alarm.level, alarm.step)
        is_new = event not in self._known
        self._known.add(event)
        return is_new


def _by_rule(alarms: Iterable[Alarm]) -> Iterator[tuple[tuple[str, str], list[Alarm]]]:
    groups: dict[tuple[str, str], list[Alarm]] = {}
    for alarm in alarms:
        groups.setdefault((alarm.rule, alarm.level), []).append(alarm)
    yield from groups.items()


def _alert(what: str, alarms: list[Alarm], level: str, cause: str = "") -> Alert:
    layer = alarms[0].layer or "whole network"
    where = layer if len(alarms) == 1 else f"{len(alarms)} layers"
    title = printable(f"FilterWatch: {what} ({where})")
    if len(title) > _LONGEST_TITLE:
        title = title[: _LONGEST_TITLE - 3] + "..."
    messages = [printable(_message(alarm, level)) for alarm in alarms[:_MOST_MESSAGES]]
    if more := max(0, len(alarms) - _MOST_MESSAGES):
        messages.append(f"The same about {more} more layer{'s' * (more != 1)}.")
    return Alert(title, "\n".join([*messages, *([printable(cause)] if cause else [])]), level)


def _message(alarm: Alarm, level: str) -> str:
    if level != "info":
        return alarm.message
    about = alarm.layer or "the whole network"
    return f"The alarm about {about}, raised at step {alarm.step}, ended at step {alarm.ended}."
