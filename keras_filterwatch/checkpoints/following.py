"""Follows a run whose checkpoints are being written: records each file once it is complete."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from keras_filterwatch.checkpoints.listing import CheckpointFile, Signature
from keras_filterwatch.checkpoints.series import UNREADABLE, Outcome, Series

Files = Mapping[int, CheckpointFile]
Logs = Mapping[int, Mapping[str, float]]


@dataclass
class Following:
    """Watches for checkpoint files and hands complete ones to a series.

    A file is complete when nothing changed in it since it was looked at last, and it can be read.
    Files are recorded in the order of their steps: one that still grows holds up those behind it,
    one that is damaged does not.

    Args:
        series: records them.
        files: returns the files that are there, by step.
        logs: returns what the training logged so far, by step; None without a training log.
        told: takes what became of a file that was complete.
        looked: called after each look.
    """

    series: Series
    files: Callable[[], Files]
    logs: Callable[[], Logs] | None = None
    told: Callable[[Outcome], None] = lambda outcome: None
    looked: Callable[[], None] = lambda: None
    _looked_at: dict[str, Signature] = field(default_factory=dict)
    _tried: dict[str, Signature] = field(default_factory=dict)  # that could not be read
    _without_logs: set[str] = field(default_factory=set)  # whose row in the log was waited for

    def follow(
        self,
        interval: float,
        until: int | None = None,
        idle_timeout: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Records files as they come, until one of the ends or an exception comes.

        Args:
            interval: seconds between two looks.
            until: ends when this step, or a later one, is recorded; None for no such end.
            idle_timeout: ends when no file came or changed for so many seconds; None for never.
            sleep, clock: of the system.

        Raises:
            KeyboardInterrupt: as the user ends it.
            NoSuchLayerError, FolderInUseError, OSError: as `Series.record`.
        """
        last_change = clock()
        while True:
            if self.look():
                last_change = clock()
            self.looked()
            last = self.series.last_step
            if until is not None and last is not None and last >= until:
                return
            if idle_timeout is not None and clock() - last_change >= idle_timeout:
                return
            sleep(interval)

    def look(self) -> bool:
        """Records the files that are complete now; returns True if any came or changed."""
        logs = {} if self.logs is None else self.logs()
        ready, has_changed = self._ready(self.files(), logs)
        before = dict(self.series.outcomes)
        if ready:
            self.series.record(ready, logs)
        for step, file in ready.items():
            outcome = self.series.outcomes[file.name]
            if outcome.state == UNREADABLE:
                self._tried[file.name] = self._looked_at[file.name]
            if outcome != before.get(file.name):
                self.told(outcome)
            has_changed = has_changed or step == self.series.last_step
        last = self.series.last_step
        if self.series.recording is not None and last is not None:
            self.series.recording.add_logs(logs.get(last, {}))
        return has_changed

    def _ready(self, files: Files, logs: Logs) -> tuple[dict[int, CheckpointFile], bool]:
        """Returns the files to record now, and whether any came or changed since the last look."""
        ready: dict[int, CheckpointFile] = {}
        has_changed = holds_up = False
        for step in sorted(files):
            file = files[step]
            outcome = self.series.outcomes.get(file.name)
            if outcome is not None and outcome.state != UNREADABLE:
                continue
            try:
                signature = file.signature()
            except OSError:  # it was removed or renamed just now
                continue
            is_same = self._looked_at.get(file.name) == signature
            self._looked_at[file.name] = signature
            has_changed = has_changed or not is_same
            if self._tried.get(file.name) == signature:
                continue
            waits_for_logs = self._waits_for_logs(file, step, logs) if is_same else False
            holds_up = holds_up or not is_same or waits_for_logs
            if not holds_up:
                ready[step] = file
        return ready, has_changed

    def _waits_for_logs(self, file: CheckpointFile, step: int, logs: Logs) -> bool:
        """Returns True once for a file whose row in the training log is still to come."""
        if self.logs is None or step in logs or step == 0 or file.name in self._without_logs:
            return False
        self._without_logs.add(file.name)
        return True
