"""Observer: takes a snapshot of a model that trains, with what training has to wait for."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_filterwatch.draw.catalogue import PictureCatalogue, Pictures
from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model import backends, find
from keras_filterwatch.model.probe import Probe
from keras_filterwatch.model.watched_kernel import WatchedLayers
from keras_filterwatch.scores import Scores, skipped_lines
from keras_filterwatch.scoring import quick_scores
from keras_filterwatch.text import printable
from keras_filterwatch.training.clock import Clock
from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.recorder import Recorder


class Observer:
    """Takes the snapshots of one model's training and hands them to the recorder.

    Args:
        layers: the kernels to watch, as `model.find.find` takes them.
        probe: inputs that show what the units do; None for none.
        pictures: names of the pictures to draw.
        clock: counts epochs and batches.
        notices: prints messages and records problems.
        recorder: takes each step.

    Attributes:
        has_noise_score: True once a layer had a noise score.
        last: the quick scores of the last step; None before the first one.
    """

    def __init__(
        self,
        layers: Any,
        probe: Any,
        pictures: Sequence[str],
        clock: Clock,
        notices: Notices,
        recorder: Recorder,
    ) -> None:
        self.has_noise_score = False
        self.last: Scores | None = None
        self._layers = layers
        self._probe_inputs = probe
        self._pictures = pictures
        self._clock = clock
        self._notices = notices
        self._recorder = recorder
        self._watched: WatchedLayers | None = None
        self._probe: Probe | None = None
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._buffers: dict[str, Array] = {}
        self._lock = threading.Lock()  # two fits may share a callback

    def watch(self, model: keras.Model) -> bool:
        """Finds the kernels of a model.

        Returns:
            False if other kernels are watched already: another observer is needed.
        """
        watched = find.find(model, self._layers)
        if self._watched is None:
            self._watched = watched
            self._announce(model)
        return watched.variables == self._watched.variables

    def _announce(self, model: keras.Model) -> None:
        """Says what is watched and drawn, what is not, and what is wrong with the choice."""
        assert self._watched is not None
        names = [kernel.name for kernel in self._watched.kernels]
        windows = [kernel.name for kernel in self._watched.kernels if kernel.has_window]
        catalogue = PictureCatalogue(
            self._pictures, windows, draw_all=self._layers is not None, step_unit=self._clock.unit
        )
        self._recorder.catalogue = catalogue
        for note in (*self._watched.problems, *self._watched.notes):
            self._notices.warn_once(*note)
        kernels = "1 kernel" if len(names) == 1 else f"{len(names)} kernels"
        drawn_layers = ", ".join(map(printable, catalogue.layers))
        pictures = f", draws {drawn_layers}" if drawn_layers else ""
        self._notices.say(f"FilterWatch watches {kernels}{pictures}.")
        for line in skipped_lines(self._watched.skipped):
            self._notices.say(line)
        if not names and not self._watched.problems:
            self._notices.warn_once(f"model {model.name!r} has no kernels", "Nothing is watched")
        elif names and not windows and self._layers is None:
            self._notices.say(
                "No kernel has a window larger than 1, so there are no pictures, noise scores and "
                "`filter_noise`. A Dense layer that reads images has a window where a Flatten "
                "layer stands before it."
            )

    def take_step(self, model: keras.Model, logs: Mapping[str, Any] | None = None) -> Scores | None:
        """Takes a snapshot, computes the quick scores and queues the rest.

        Args:
            model: the model that trains.
            logs: what Keras logged for the epoch that ends here.

        Returns:
            The quick scores; None if nothing is watched.
        """
        if self._watched is None or not self._watched.kernels:
            return None
        with self._lock:
            return self._take_step(self._watched, model, logs)

    def _take_step(
        self, watched: WatchedLayers, model: keras.Model, logs: Mapping[str, Any] | None
    ) -> Scores:
        step, epoch = self._clock.step, self._clock.epochs
        self._recorder.wait()  # what it reads is overwritten below
        numbers = _numbers(logs) | self._learning_rate(model, step)
        if self.last and self.last.step == step:
            if self.last.epoch < epoch:
                # the batch before was the last one of an epoch of unknown length
                self.last = replace(self.last, epoch=epoch, logs=numbers)
                self._recorder.amend(self.last)
            return self.last
        self._clock.snapshot_taken()
        snapshot = watched.read(step)
        outputs = self._outputs(model, step)
        quick = quick_scores(snapshot, self._previous, epoch, outputs, numbers)
        self.has_noise_score = self.has_noise_score or not math.isnan(quick.filter_noise)
        pictures = self._pictures_of_outputs(watched, snapshot, model)
        self._previous = snapshot.copied(self._buffers)
        first = self._first or self._previous
        self._first = self._first or self._previous.condensed()
        self.last = quick
        self._recorder.add(quick, self._previous, first, pictures)
        return quick

    def _pictures_of_outputs(
        self, watched: WatchedLayers, snapshot: Snapshot, model: keras.Model
    ) -> Pictures:
        """Draws the pictures that need the model as it is now, of layers with outputs."""
        names = {kernel.name for kernel in watched.kernels if kernel.output_sites}
        kernels = tuple(kernel for kernel in snapshot.kernels if kernel.name in names)
        drawings = self._recorder.catalogue.of_outputs(
            replace(snapshot, kernels=kernels), model, self._probe_inputs
        )
        return self._recorder.pictures(drawings, snapshot.step)

    def _learning_rate(self, model: keras.Model, step: int) -> dict[str, float]:
        """Returns the learning rate as an entry for the logs; none if there is no optimizer."""
        with self._notices.guard(
            "the learning rate could not be read", "The logs of the history lack it", step=step
        ):
            rate = backends.learning_rate(model)
            return {} if rate is None else {"learning_rate": rate}
        return {}

    def _outputs(self, model: keras.Model, step: int) -> Mapping[str, Outputs] | None:
        """Returns what the units do for the probe's inputs; None without a probe."""
        if self._probe_inputs is not None and self._watched:
            with self._notices.guard(
                "the probe's inputs could not be sent through the model",
                "The scores of the units' activity are missing; give inputs as model.predict takes "
                "them",
                step=step,
            ):
                if self._probe is None:
                    self._probe = Probe(model, self._watched, self._probe_inputs)
                return self._probe.measure()
        return None


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Returns those of the logs that are single numbers."""
    numbers = {}
    for name, value in (logs or {}).items():
        try:
            array = np.asarray(value)
            if array.ndim == 0 and array.dtype.kind in "fiub":
                numbers[str(name)] = float(array)
        except Exception:  # not a number: anything may be in the logs
            continue
    return numbers
