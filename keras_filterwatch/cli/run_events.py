"""RunEvents: what is new in the record of a training that goes on, in lines to print."""

import math
from collections.abc import Iterator

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.cli.run_state import logs_in_words
from keras_filterwatch.run import Run
from keras_filterwatch.text import printable

_Key = tuple[str, str, int]


class RunEvents:
    """Tells each step, and each alarm that begins or ends, once.

    Example:
        >>> from keras_filterwatch.runs import read
        >>> run, events = read("tests/records/version-1"), RunEvents()
        >>> list(events.lines(run))[0]
        'step 0: noise 1'
        >>> list(events.lines(run))
        []
    """

    def __init__(self) -> None:
        self._last_step = -math.inf
        self._alarms: dict[_Key, Alarm] = {}

    def skip(self, run: Run) -> None:
        """Takes what is recorded so far as told."""
        for _ in self.lines(run):
            pass

    def lines(self, run: Run) -> Iterator[str]:
        """Yields what is new since the last call."""
        if run.steps and run.steps[-1] < self._last_step:  # another run, or steps were dropped
            self._last_step, self._alarms = -math.inf, {}
        began, ended = self._changes(run)
        steps = [step for step in run.steps if step > self._last_step]
        for step in sorted({*steps, *began, *ended}):
            if step in steps:
                yield _step_line(run, step)
                self._last_step = step
            for alarm in ended.get(step, []):
                about = printable(alarm.layer or "the whole network")
                yield (
                    f"step {step}: alarm ({printable(alarm.rule)}) about {about}, raised at step "
                    f"{alarm.step}, is over"
                )
            for alarm in began.get(step, []):
                yield f"step {step}: alarm ({printable(alarm.rule)}): {printable(alarm.message)}"

    def _changes(self, run: Run) -> tuple[dict[int, list[Alarm]], dict[int, list[Alarm]]]:
        """Returns the alarms that began and those that ended since the last call, by step."""
        began: dict[int, list[Alarm]] = {}
        ended: dict[int, list[Alarm]] = {}
        for alarm in run.alarms:
            key = (alarm.rule, alarm.layer, alarm.step)
            known = self._alarms.get(key)
            if known is None:
                began.setdefault(alarm.step, []).append(alarm)
            if alarm.ended is not None and (known is None or known.ended is None):
                ended.setdefault(alarm.ended, []).append(alarm)
            self._alarms[key] = alarm
        return began, ended


def _step_line(run: Run, step: int) -> str:
    numbers = logs_in_words(run.logs_at(step))
    for score in ("noise", "dead"):
        values = run.numbers(score, [step])
        if not np.isnan(values).all():
            mean = float(np.nanmean(values))
            if score == "noise" or mean:
                numbers.append(f"{score} {mean:.3g}")
    return f"step {step}: {', '.join(numbers) or 'no numbers'}"
