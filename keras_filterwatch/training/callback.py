"""FilterWatch: the callback; it decides when a step is taken and leaves the rest to others."""

import math
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras

from keras_filterwatch.alarms import Alarm, Rule
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.model import backends
from keras_filterwatch.model.probe import take_probe
from keras_filterwatch.model.selection import parse_layers
from keras_filterwatch.rules import default_rules
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import UserMetric
from keras_filterwatch.sources.frameworks import check_is_keras_3
from keras_filterwatch.text import printable
from keras_filterwatch.training import arguments
from keras_filterwatch.training.callback_order import misplaced_callbacks
from keras_filterwatch.training.clock import Clock
from keras_filterwatch.training.notices import Notices, Problem
from keras_filterwatch.training.observer import Observer
from keras_filterwatch.training.recorder import Record, Recorder
from keras_filterwatch.writers import Writer
from keras_filterwatch.writers.tensorboard import TensorBoard

_BATCH_HOOKS = ("on_batch_end", "on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")


class FilterWatch(keras.callbacks.Callback):
    """Watches the filters of a network form, in `model.fit(..., callbacks=[FilterWatch("logs")])`.

    Before training and after each epoch it scores the kernels, draws them, writes both to
    TensorBoard and raises alarms. The logs of each epoch get `filter_noise`, the mean noise
    score, and `dead_filters`, the share of dead filters; callbacks that use them, such as
    `EarlyStopping(monitor="filter_noise", mode="min")`, stand after this one in the list.

    Nothing that goes wrong while watching ends a training: it causes one warning and is kept in
    `problems`.

    Args:
        log_dir: a local directory; events go to `<log_dir>/filterwatch`.
        layers: the kernels to watch: None for all, a layer's name, a glob pattern, a layer, a
            function `layer -> bool`, or several of these.
        freq: when to take a step: `"epoch"` for the end of each epoch, or an int for every so many
            batches too.
        probe: inputs that show what the units do: an array, or a list or dict of arrays, as
            `model.predict` takes them, a `tf.data.Dataset`, a generator or a PyDataset. With
            targets, as a pair `(x, y)` or batches of pairs, each layer also gets a score
            `gradient`, and the history's logs get `probe_loss`; take them from the training data,
            since `overfitting` compares that loss with the validation data's. The first 256 inputs
            are copied when the callback is made.
        images: names of the pictures to draw (`keras_filterwatch.draw.catalogue.PICTURES`); True
            for `"filters"`, `"film_strip"` and `"templates"`, False for none. They show the first
            layer with a window larger than 1 and three deeper ones, or all that `layers` names.
        rules: functions `history -> alarms`; None for `default_rules()`.
        metrics: further scores, name -> function of an array `(*spatial, channels, filters)`
            that returns a number, or one per filter.
        stop_on: names of the rules whose errors and warnings end training; notes do not.
        writers: objects that get each step's `Report` too: `writer.write(report)`, and
            `writer.close()` at the end of a fit.
        window: for Dense layers that read flattened images, the image: a kernel's or layer's name,
            or a glob pattern, -> `(height, width, channels)`, such as `{"dense": (28, 28, 1)}`.
            Not needed behind a Flatten layer.

    Attributes:
        history: the `Scores` of each step, oldest first; of more than 256 some older ones are
            dropped (TensorBoard has them all).
        alarms: the errors and warnings so far, oldest first. `ended` is the step at which an alarm
            was over; None while it holds.
        notes: the alarms about what is odd but harmless so far, oldest first, ended ones included.
        diagnosis: the most probable cause of the alarms that hold, the evidence, and what to try
            first.
        problems: what went wrong while watching, oldest first.
        snapshot: the kernels at the last step, as a `Snapshot`.
        film_strips: the histories of the filters of the layers that are drawn.

    What takes a model also takes the callback, during a training and after it: `fw.score(watch)`
    and the pictures of `fw.draw`, such as `fw.draw.film_strip(watch)`. Scores and pictures of
    kernels show the last step, and `activations`, `favourites` and `maximize` the model as it is
    now.

    Training waits for the noise scores, norms and updates, and for what the probe and the pictures
    of outputs ask the model. The other scores, metrics, rules, pictures and events follow in a
    thread of their own, one step after the other. In the training's thread, `history`, `alarms`,
    `notes` and `diagnosis` wait for them; other threads get the last finished step. If `stop_on` is
    given, training waits too.

    A copy, also by pickle, has the arguments and the results so far, but no weights and no model,
    so that there is nothing to draw; it starts anew when it watches a training. What Python cannot
    pickle, such as a lambda among the metrics, cannot be pickled here either.

    Raises:
        ValueError, TypeError: an argument that cannot be used.

    Example:
        >>> import tempfile
        >>> import numpy as np
        >>> model = keras.Sequential([keras.Input((4, 4, 1)), keras.layers.Conv2D(2, 3)])
        >>> model.compile("sgd", "mse")
        >>> x, y = np.ones((2, 4, 4, 1)), np.ones((2, 2, 2, 2))
        >>> watch = FilterWatch(tempfile.mkdtemp(), images=False)
        >>> _ = model.fit(x, y, callbacks=[watch], verbose=0)
        FilterWatch watches 1 kernel.
        >>> [scores.step for scores in watch.history]
        [0, 1]
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        layers: Any = None,
        freq: str | int = "epoch",
        probe: Any = None,
        images: bool | str | Iterable[str] = True,
        rules: Iterable[Rule] | None = None,
        metrics: Mapping[str, UserMetric] | None = None,
        stop_on: str | Iterable[str] = (),
        writers: Iterable[Writer] = (),
        window: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.log_dir = arguments.local_directory(log_dir)
        self._directory = self.log_dir.absolute() / "filterwatch"  # if the process changes its own
        self.layers = None if layers is None else parse_layers(layers)
        self.probe = None if probe is None else take_probe(probe)
        self._batches_between = arguments.batches_between(freq)
        self.images = arguments.pictures(images, probe is not None)
        self.metrics = arguments.user_metrics(metrics or {})
        self.rules = default_rules() if rules is None else arguments.functions("rules", rules)
        self.stop_on = arguments.rules_to_stop_on(stop_on, self.rules)
        self.writers = arguments.user_writers(writers)
        self.window = None if window is None else arguments.windows(window)
        self._start()

    def _start(self) -> None:
        """Makes what belongs to one training, with nothing in it yet."""
        self._notices = Notices()
        self._clock = Clock(self._batches_between)
        writers = [TensorBoard(self._directory, self._notices.warn_once), *self.writers]
        self._recorder = Recorder(self.metrics, self.rules, writers, self._notices)
        self._observer = Observer(
            *(self.layers, self.probe, self.images),
            *(self._clock, self._notices, self._recorder),
            window=self.window,
        )
        self._fit_begins = self._waits_for_weights = False
        self._copied: tuple[Record, list[Problem]] | None = None

    def _start_anew(self, reason: str) -> None:
        """Forgets the training before, and tells the user why if one was watched."""
        was_watching = self._observer.last is not None
        self._recorder.close()
        self._start()
        if was_watching:
            self._notices.say(
                f"{reason} than FilterWatch watched before: history and alarms start again at "
                "step 0."
            )

    def __getstate__(self) -> dict[str, Any]:
        """Returns the arguments and the results so far, without what belongs to a training."""
        of_training = ("_model", "_notices", "_clock", "_recorder", "_observer")
        state = {name: value for name, value in vars(self).items() if name not in of_training}
        return state | {"_copied": (self._record, self.problems)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        copied = state["_copied"]
        self.__dict__.update(state)
        self._model = None
        self._start()
        self._copied = copied

    @property
    def _record(self) -> Record:
        """The last record; that of the original until a copy has watched a training itself."""
        if self._copied and self._observer.last is None:
            return self._copied[0]
        return self._recorder.record

    @property
    def history(self) -> History:
        """The `Scores` of each step, oldest first."""
        return self._record.history

    @property
    def alarms(self) -> list[Alarm]:
        """The errors and warnings so far, also those that ended, oldest first."""
        return list(self._record.judgement.alarms)

    @property
    def notes(self) -> list[Alarm]:
        """The notes so far, also those that ended, oldest first."""
        return list(self._record.judgement.notes)

    @property
    def diagnosis(self) -> Diagnosis:
        """What is probably wrong, by the alarms that hold now."""
        return self._recorder.diagnosis(self._record)

    @property
    def problems(self) -> list[Problem]:
        """What went wrong while watching, oldest first; each prints as a sentence."""
        if self._copied and self._observer.last is None:
            return [*self._copied[1], *self._notices.problems]
        return self._notices.problems

    @property
    def snapshot(self) -> Snapshot:
        """The kernels at the last step: a copy, which training does not change.

        Raises:
            ValueError: nothing was watched yet.
        """
        snapshot = self._observer.snapshot
        if snapshot is None:
            raise ValueError(self._nothing_to_draw)
        return snapshot

    @property
    def film_strips(self) -> dict[str, FilmStrip]:
        """The history of each layer that is drawn, by its name, in the network's order.

        `fw.draw.film_strip(watch)` and `fw.draw.movie(watch, path)` show them. They are kept with
        `images=False` too: 16 steps, evenly in log time, of up to 32 filters of a layer.

        Raises:
            ValueError: nothing was watched yet.
        """
        if self._observer.last is None:
            raise ValueError(self._nothing_to_draw)
        return self._recorder.film_strips

    @property
    def _nothing_to_draw(self) -> str:
        if self._copied:
            return (
                "this FilterWatch is a copy: it has the scores of a training, and neither weights "
                "nor pictures. Take these from the FilterWatch that watched the training."
            )
        return (
            "this FilterWatch has watched nothing yet: pass it to model.fit(..., "
            "callbacks=[watch]) first."
        )

    def summary(self) -> None:
        """Prints what the last scores mean, the scores, alarms, notes that hold and diagnosis."""
        record = self._record
        lines = [str(record.history[-1]) if record.history else "Nothing was watched yet."]
        lines += [f"alarm at {_step_and_message(alarm)}" for alarm in record.judgement.alarms]
        lines += [
            f"note at {_step_and_message(note)}"
            for note in record.judgement.notes
            if note.ended is None
        ]
        if record.history:
            lines.append(f"diagnosis: {printable(self._recorder.diagnosis(record))}")
        lines += [f"problem: {problem}" for problem in self.problems]
        lines.append(
            f"all steps: tensorboard --logdir {self.log_dir} --samples_per_plugin images=1000"
        )
        self._notices.say("\n".join(lines))

    # What Keras asks and calls, in its order.

    @property
    def async_safe(self) -> bool:
        """True if the callback does nothing after a batch, so that Keras need not wait for it."""
        own = all(getattr(type(self), n) is getattr(FilterWatch, n) for n in _BATCH_HOOKS)
        return own and not self._batches_between

    def set_model(self, model: keras.Model) -> None:
        """Starts anew if this is another model than before.

        Raises:
            TypeError: the model is one of Keras 2.
        """
        check_is_keras_3(model)
        with self._notices.guard("the model could not be set", "Nothing is watched"):
            if self._model is not None and model is not self._model:
                self._start_anew("This is another model")
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the kernels, unless the model has none before its first batch."""
        self._fit_begins = True
        with self._notices.guard("the order of callbacks could not be read", "No hint is given"):
            for what in misplaced_callbacks(self):
                self._notices.warn_once(what, "Its logs lack the score: put FilterWatch first")
        with self._notices.guard("the kernels could not be found", "Nothing is watched"):
            self._waits_for_weights = not backends.has_weights(self.model)
            if not self._waits_for_weights and not self._observer.watch(self.model):
                self._start_anew("The model has other layers")
                self._fit_begins = True
                self._observer.watch(self.model)
            for name in arguments.unknown_rules(self.stop_on, self.rules):
                self._notices.say(
                    f"FilterWatch: stop_on: no rule is called {name!r}. This name ends training "
                    "only if a rule of your own raises an alarm with it."
                )

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes the first step, which shows the model before training."""
        with self._guard_step():
            batches, fit_begins = self._batches_per_epoch, self._fit_begins
            is_first = self._observer.last is None
            if fit_begins:
                self._fit_begins = False
                self._clock.fit_begins(epoch, batches, is_first, (self.params or {}).get("epochs"))
            self._clock.epoch_begins(batches)
            if fit_begins and is_first and not self._waits_for_weights:
                self._take_step()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes a step every `freq` batches, and the first step of a model that is built late."""
        super().on_train_batch_end(batch, logs)
        if not (self._batches_between or self._waits_for_weights):
            return
        with self._guard_step():
            if self._waits_for_weights:
                self._waits_for_weights = False
                self._observer.watch(self.model, has_trained=True)
                if self._take_step():
                    self._notices.warn_once(
                        "the model had no weights before its first batch",
                        "The first step shows the model after that batch",
                    )
            if self._clock.batch_ends(batch):
                self._take_step()

    @property
    def _batches_per_epoch(self) -> int | None:
        """Batches in an epoch; None if unknown, as in a training loop that does not say."""
        return (self.params or {}).get("steps")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes a step, and adds `filter_noise` and `dead_filters` to the logs of the epoch."""
        scores = None
        with self._guard_step():
            self._clock.epoch_ends(epoch)
        with self._guard_step():
            scores = self._take_step(logs)
        with self._notices.guard("the logs could not be completed", "`filter_noise` is missing"):
            if logs is not None and self._observer.last:
                logs["dead_filters"] = scores.dead_filters if scores else math.nan
                if self._observer.has_noise_score:
                    logs["filter_noise"] = scores.filter_noise if scores else math.nan

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Prints the diagnosis if there were alarms, and closes the writers until another fit."""
        with self._notices.guard(
            "the training's end could not be processed", "The diagnosis is missing"
        ):
            if self.alarms:
                self._notices.say(f"FilterWatch diagnosis: {printable(self.diagnosis)}")
            self._recorder.close()

    def _guard_step(self) -> AbstractContextManager[None]:
        """Returns a context that records a failure as the problem that a step is missing."""
        what = "a step could not be taken"
        return self._notices.guard(what, "The step is missing", step=self._clock.step)

    def _take_step(self, logs: Mapping[str, Any] | None = None) -> Scores | None:
        """Takes a step, and ends training if an alarm that holds at it is in `stop_on`.

        Returns the quick scores; None if nothing is watched.
        """
        scores = self._observer.take_step(self.model, logs)
        if scores and self.stop_on and not self.model.stop_training:
            # reading the record makes training wait for the rules
            for name in sorted(self._recorder.record.judgement.active & set(self.stop_on)):
                self.model.stop_training = True
                self._notices.say(f"FilterWatch ends training: {name!r} is in stop_on.")
        return scores


def _step_and_message(alarm: Alarm) -> str:
    """Returns when an alarm began and ended, and its message, safe to print."""
    end = "" if alarm.ended is None else f" (ended at step {alarm.ended})"
    return f"step {alarm.step}{end}: {printable(alarm.message)}"
