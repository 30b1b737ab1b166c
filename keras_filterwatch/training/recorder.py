"""What becomes of a training's looks: scores, alarms, pictures and events, while it goes on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from keras_filterwatch.diagnosis import diagnose
from keras_filterwatch.draw.catalogue import Album, Drawing, Pictures
from keras_filterwatch.history import remember
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.rules import Alarm, Rule
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import Metric, complete
from keras_filterwatch.training import arguments
from keras_filterwatch.training.notices import Caution
from keras_filterwatch.training.worker import Background
from keras_filterwatch.writers import tensorboard


class Story:
    """A training, told look by look in a thread of its own.

    Args:
        directory: where the events go.
        metrics: further scores.
        rules: what raises alarms.
        caution: says what goes wrong.

    Attributes:
        album: its pictures; empty until somebody knows the layers.
    """

    def __init__(
        self,
        directory: Path,
        metrics: Mapping[str, Metric],
        rules: Sequence[Rule],
        caution: Caution,
    ) -> None:
        self.album = Album((), [], False, "epoch")
        self._directory = directory
        self._metrics = metrics
        self._rules = rules
        self._caution = caution
        self._background = Background()
        self._history: list[Scores] = []
        self._alarms: list[Alarm] = []
        self._raised: set[str] = set()
        self._events: tensorboard.EventFile | None = None

    @property
    def history(self) -> list[Scores]:
        """The scores of its looks, oldest first."""
        self.wait()
        return list(self._history)

    @property
    def alarms(self) -> list[Alarm]:
        """Its alarms, oldest first."""
        self.wait()
        return list(self._alarms)

    @property
    def raised(self) -> set[str]:
        """The rules that raised an alarm at the last look, also one that was raised before."""
        self.wait()
        return self._raised

    def wait(self) -> None:
        """Returns when all that was begun is told; raises warnings that are errors."""
        self._background.wait()

    def add(self, seen: Scores, snapshot: Snapshot, first: Snapshot, pictures: Pictures) -> None:
        """Begins to tell a look, of which this was seen and drawn.

        Until it has ended nobody may write into `snapshot`, or into that of the `first` look.
        """
        self._background.start(partial(self._add, seen, snapshot, first, pictures))

    def amend(self, seen: Scores) -> None:
        """Begins to tell the last look again, of which more is known: its epoch and its logs."""
        self._background.start(partial(self._amend, seen))

    def close(self) -> None:
        """Closes the event file; another look opens another one."""
        self.wait()
        events, self._events = self._events, None
        if events:
            with self._caution.going_on("close the event file", "its last steps may be missing"):
                events.close()

    def drawn(self, drawings: Iterable[Drawing]) -> Pictures:
        """Those of the pictures that can be drawn."""
        pictures = {}
        for name, layer, draw in drawings:
            with self._caution.going_on(f"draw {name} of {layer}", "pictures are missing"):
                pictures[name, layer] = draw()
        return pictures

    def _add(self, seen: Scores, snapshot: Snapshot, first: Snapshot, pictures: Pictures) -> None:
        with self._caution.going_on("score the kernels", "steps are missing"):
            scores = complete(seen, snapshot, first, self._metrics, self._metric_failed)
            remember(self._history, scores)
            self._judge()
            self._write(scores, pictures | self.drawn(self.album.of_kernels(snapshot, scores)))

    def _amend(self, seen: Scores) -> None:
        if self._history and self._history[-1].step == seen.step:
            self._history[-1] = replace(self._history[-1], epoch=seen.epoch, logs=seen.logs)
            self._judge()
            self._write(self._history[-1], {})

    def _metric_failed(self, name: str, error: ValueError) -> None:
        self._caution.warn(f"metric {name!r} failed", f"it is missing where it fails ({error})")

    def _judge(self) -> None:
        known = {(alarm.rule, alarm.layer) for alarm in self._alarms}
        self._raised = set()
        for rule in self._rules:
            name = arguments.rule_name(rule)
            with self._caution.going_on(f"follow the rule {name}", "it is silent"):
                for alarm in rule(self._history):
                    self._raised.add(alarm.rule)
                    if (alarm.rule, alarm.layer) not in known:
                        known.add((alarm.rule, alarm.layer))
                        self._alarms.append(alarm)
                        self._caution.say(f"\nFilterWatch alarm ({alarm.rule}): {alarm.message}")

    def _write(self, scores: Scores, pictures: Pictures) -> None:
        with self._caution.going_on("write events", "steps are missing in TensorBoard"):
            if self._events is None:
                self._events = tensorboard.EventFile(self._directory)
                self._events.write(scores.step, [tensorboard.layout(self._history[0])])
            diagnosis = diagnose(self._history, self._alarms)
            self._events.write(
                scores.step, tensorboard.values(scores, pictures, self._alarms, diagnosis)
            )
