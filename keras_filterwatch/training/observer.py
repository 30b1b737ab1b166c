"""Observer: takes snapshots of a model that trains, and all else that training has to wait for."""

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_filterwatch.draw.catalogue import PictureCatalogue, Pictures
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.model import backends, find
from keras_filterwatch.model.facts import metric_directions, model_facts
from keras_filterwatch.model.kernel_images import guess_note
from keras_filterwatch.model.probe import Probe, ProbeData, ProbeResults
from keras_filterwatch.model.watched_kernel import Note, WatchedLayers
from keras_filterwatch.score_table import skipped_lines
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import quick_scores
from keras_filterwatch.text import printable
from keras_filterwatch.training.clock import Clock
from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.recorder import Recorder


class Observer:
    """Takes the snapshots of one model's training and hands them to the recorder.

    Args:
        layers: the kernels to watch, as `model.find.find` takes them.
        probe: inputs that show what the units do, with or without targets; None for none.
        pictures: names of the pictures to draw.
        clock: counts epochs and batches.
        notices: prints messages and records problems.
        recorder: takes each step.
        window: the images that Dense layers read flattened, as `FilterWatch` takes them.

    Attributes:
        has_noise_score: True once a layer had a noise score.
        last: the quick scores of the last step; None before the first one.
    """

    def __init__(
        self,
        layers: Any,
        probe: ProbeData | None,
        pictures: Sequence[str],
        clock: Clock,
        notices: Notices,
        recorder: Recorder,
        window: Mapping[str, Any] | None = None,
    ) -> None:
        self.has_noise_score = False
        self.last: Scores | None = None
        self._layers = layers
        self._probe_data = probe
        self._pictures = pictures
        self._clock = clock
        self._notices = notices
        self._recorder = recorder
        self._window = window
        self._watched: WatchedLayers | None = None
        self._probe: Probe | None = None
        # facts are read once in each fit: those of metrics at the end of its first epoch
        self._facts_due = self._directions_due = self._has_trained = False
        self._first_epoch = 0
        self._optimizer: Any = None
        self._updates_before = 0  # by optimizers that the model had earlier
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._buffers: dict[str, Array] = {}
        self._lock = threading.Lock()  # two fits may share a callback
        self._buffers_lock = threading.Lock()  # other threads may ask for the snapshot

    @property
    def snapshot(self) -> Snapshot | None:
        """The kernels at the last step, in memory of their own; None before the first step."""
        with self._buffers_lock:
            return self._previous and self._previous.copied()

    def watch(self, model: keras.Model, has_trained: bool = False) -> bool:
        """Finds the kernels of a model.

        Args:
            model: the model that trains.
            has_trained: True if it was trained on its first batch already.

        Returns:
            False if other kernels are watched already: another observer is needed.
        """
        inputs = self._probe_data.inputs if self._probe_data else None
        watched = find.find(model, self._layers, window=self._window, inputs=inputs)
        if self._watched is None:
            self._watched = watched
            self._announce(model)
        self._facts_due = self._directions_due = True  # the model may have been compiled anew
        self._has_trained = has_trained
        return watched.variables == self._watched.variables

    def kernels_now(self, model: keras.Model) -> Snapshot | None:
        """Returns the kernels as they are, in memory of their own; None if nothing is watched."""
        if self._watched is None or not self._watched.kernels:
            return None
        with self._buffers_lock:
            return self._watched.read(self._clock.step).copied(self._buffers)

    def resume(
        self, model: keras.Model, snapshot: Snapshot, first: Snapshot | None, history: History
    ) -> None:
        """Continues a run.

        Args:
            model: the model that trains.
            snapshot: the kernels, which are those of the run's last step.
            first: the kernels at the run's start; None if they are not known.
            history: the scores of the run.
        """
        self.last = last = history[-1]
        self.has_noise_score = not math.isnan(last.filter_noise)
        self._first_epoch = history[0].epoch
        with self._buffers_lock:
            self._previous = replace(snapshot, step=last.step)
        self._first = first or self._previous.condensed()
        self._optimizer = getattr(model, "optimizer", None)
        # an optimizer that was restored too goes on counting
        updates, before = backends.updates(model) or 0, last.updates or 0
        self._updates_before = 0 if updates >= before else before

    def _announce(self, model: keras.Model) -> None:
        """Tells the user what is watched and drawn, what is not, and which choices do not fit."""
        assert self._watched is not None
        names = [kernel.name for kernel in self._watched.kernels]
        windows = [kernel.name for kernel in self._watched.kernels if kernel.has_window]
        catalogue = PictureCatalogue(
            self._pictures, windows, draw_all=self._layers is not None, step_unit=self._clock.unit
        )
        self._recorder.catalogue = catalogue
        for note in (*self._watched.problems, *self._watched.notes):
            self._notices.warn_once(*note)
        for name, guess in self._watched.guesses.items():
            self._notices.say(str(guess_note(name, guess)))
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
                "No kernel has a window larger than 1, so there are no pictures of filters, noise "
                "scores and `filter_noise`. A Dense layer that reads images has a window where a "
                "Flatten layer stands before it, or where `window` says so: FilterWatch(..., "
                f"window={{{names[0]!r}: (height, width, channels)}})."
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
        self._recorder.wait()  # it may still read the arrays that this step overwrites
        self._read_facts(watched, model, epoch_ends=logs is not None)
        numbers = _numbers(logs) | self._learning_rate(model, step)
        if self.last and self.last.step == step:
            if self.last.epoch < epoch:
                # the batch before was the last one of an epoch of unknown length
                self.last = replace(self.last, epoch=epoch, logs={**self.last.logs, **numbers})
                self._recorder.amend(self.last)
            return self.last
        self._clock.snapshot_taken()
        snapshot = watched.read(step)
        results = self._probe_results(watched, model, step)
        if results.loss is not None:
            numbers["probe_loss"] = results.loss
        quick = quick_scores(
            snapshot,
            self._previous,
            epoch,
            results.outputs,
            numbers,
            results.gradients,
            self._updates(model, step),
        )
        self.has_noise_score = self.has_noise_score or not math.isnan(quick.filter_noise)
        pictures = self._pictures_of_outputs(watched, snapshot, model)
        with self._buffers_lock:
            self._previous = snapshot.copied(self._buffers)
        first = self._first or self._previous
        self.last = quick
        if self._first is None:
            self._first = self._previous.condensed()
            # before the step, since a training that continues from it needs them
            self.record_first()
        self._recorder.add(quick, self._previous, first, pictures, self._clock.batches)
        return quick

    def record_first(self) -> None:
        """Starts writing the kernels at the start to the folder of the run."""
        if self._first:
            self._recorder.keep_first(self._first)

    def _pictures_of_outputs(
        self, watched: WatchedLayers, snapshot: Snapshot, model: keras.Model
    ) -> Pictures:
        """Draws the pictures of layers' outputs, which need the model as it is now."""
        names = {kernel.name for kernel in watched.kernels if kernel.output_sites}
        kernels = tuple(kernel for kernel in snapshot.kernels if kernel.name in names)
        inputs = None if self._probe_data is None else self._probe_data.inputs
        drawings = self._recorder.catalogue.of_outputs(
            replace(snapshot, kernels=kernels), model, inputs
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

    def _updates(self, model: keras.Model, step: int) -> int | None:
        """Returns the updates of all optimizers that the model had so far; None if unknown."""
        with self._notices.guard(
            "the optimizer's updates could not be read", "The history lacks them", step=step
        ):
            optimizer = getattr(model, "optimizer", None)
            if optimizer is not self._optimizer:
                self._updates_before = (self.last.updates or 0) if self.last else 0
                self._optimizer = optimizer
            updates = backends.updates(model)
            # no updates after the first step: a train_step of the model's own does not use this one
            if updates is not None and (updates or self.last is None):
                return self._updates_before + updates
        return None

    def _read_facts(self, watched: WatchedLayers, model: keras.Model, epoch_ends: bool) -> None:
        """Reads what is certain about the model, once in each fit."""
        consequence = "Causes of alarms may stay unknown"
        with self._notices.guard("facts about the model could not be read", consequence):
            if self._facts_due:
                self._facts_due = False
                data = self._probe_data or ProbeData(None)
                problems: list[Note] = []
                facts = model_facts(model, watched, data.inputs, data.targets, problems)
                for problem in problems:
                    self._notices.warn_once(*problem)
                before, last_epoch = self._recorder.facts, self._clock.last_epoch
                if self.last is None:
                    self._first_epoch = self._clock.epochs
                    if self._has_trained:
                        facts = replace(facts, was_trained={})
                else:  # what can only be read before training or at the end of an epoch
                    facts = replace(
                        facts,
                        was_trained=before.was_trained,
                        metric_directions=before.metric_directions,
                    )
                epochs = None if last_epoch is None else last_epoch - self._first_epoch
                self._recorder.facts = replace(facts, epochs=epochs)
        with self._notices.guard("the directions of metrics could not be read", consequence):
            if self._directions_due and epoch_ends:
                self._directions_due = False
                directions = metric_directions(model)
                self._recorder.facts = replace(self._recorder.facts, metric_directions=directions)

    def _probe_results(self, watched: WatchedLayers, model: keras.Model, step: int) -> ProbeResults:
        """Returns what the model does with the probe; empty results without one or if it fails."""
        nothing = ProbeResults({})
        if self._probe_data is None:
            return nothing
        with self._notices.guard(
            "the probe's inputs could not be sent through the model",
            "The scores that need the probe are missing. Pass inputs as model.predict takes them",
            step=step,
        ):
            if self._probe is None:
                inputs, targets = self._probe_data.inputs, self._probe_data.targets
                self._probe = Probe(model, watched, inputs, targets)
            results = self._probe.run()
            if results.gradient_error is not None:
                self._notices.failed(
                    results.gradient_error,
                    "the gradient of the probe's loss could not be computed",
                    "The scores `gradient` and `probe_loss` are missing",
                    step=step,
                )
            return results
        return nothing


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """Returns the entries of the logs that are single numbers, or arrays of one number."""
    numbers = {}
    for name, value in (logs or {}).items():
        try:
            array = np.asarray(backends.to_numpy(value) if hasattr(value, "shape") else value)
            if array.size == 1 and array.dtype.kind in "fiubV":  # V: bfloat16
                numbers[str(name)] = float(array.item())
        except Exception:  # not a number: anything may be in the logs
            continue
    return numbers
