"""The text that `summary()` prints: scores, alarms, notes that hold and the diagnosis."""

from collections.abc import Iterable

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.history import History
from keras_filterwatch.text import printable


def summary(
    history: History, alarms: Iterable[Alarm], notes: Iterable[Alarm], diagnosis: Diagnosis
) -> list[str]:
    """Returns what the last scores mean, the scores, alarms, notes that hold and diagnosis."""
    if not history:
        return ["Nothing was watched yet."]
    lines = [str(history[-1])]
    lines += [f"alarm at {_step_and_message(alarm)}" for alarm in alarms]
    lines += [f"note at {_step_and_message(note)}" for note in notes if note.ended is None]
    return [*lines, f"diagnosis: {printable(diagnosis)}"]


def _step_and_message(alarm: Alarm) -> str:
    """Returns when an alarm began and ended, and its message, safe to print."""
    end = "" if alarm.ended is None else f" (ended at step {alarm.ended})"
    return f"step {alarm.step}{end}: {printable(alarm.message)}"
