"""FilterWatch: the callback; it decides when a step is taken and leaves the rest to others."""

import math
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
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
from keras_filterwatch.runs import Run, summary
from keras_filterwatch.scores import Scores
from keras_filterwatch.sources.frameworks import check_is_keras_3
from keras_filterwatch.text import printable
from keras_filterwatch.training import arguments
from keras_filterwatch.training.clock import Clock
from keras_filterwatch.training.current_run import CurrentRun, check_not_in_use
from keras_filterwatch.training.ended_fits import release_after_error
from keras_filterwatch.training.notices import Notices, Problem
from keras_filterwatch.training.observer import Observer
from keras_filterwatch.training.other_callbacks import has_backup, misplaced_callbacks
from keras_filterwatch.training.processes import check_stop_on, current_processes
from keras_filterwatch.training.recorder import Recorder, Results
from keras_filterwatch.training.stopping import Stopping
from keras_filterwatch.user_metrics import UserMetric
from keras_filterwatch.view.notebook import recorded_as_html
from keras_filterwatch.writers import Writer

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
        log_dir: a directory, or an address such as `"s3://bucket/logs"`, which needs fsspec. Events
            and the record go to `<log_dir>/filterwatch`, or beside it if another run is there. A
            training whose weights are those with which an earlier one ended, or was killed,
            continues its run.
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
            for `"overview"`, `"filters"`, `"film_strip"` and `"templates"`, False for none. The
            overview shows all layers; the others show the first layer with a window larger than 1
            and three deeper ones, or all that `layers` names.
        rules: functions `history -> alarms`; None for `default_rules()`.
        metrics: further scores, name -> function of an array `(*spatial, channels, filters)`
            that returns a number, or one per filter.
        stop_on: names of the rules whose errors and warnings end training, in all processes that
            train together; notes do not.
        writers: objects that get each step's `Report` too: `writer.write(report)`, and
            `writer.close()` at the end of a fit.
        window: for Dense layers that read flattened images, the image: a kernel's or layer's name,
            or a glob pattern, -> `(height, width, channels)`, such as `{"dense": (28, 28, 1)}`.
            Not needed behind a Flatten layer.
        scalars: the scores of which TensorBoard gets curves: None for those that people read most
            (noise, dead filters or units, update, rotation, norm, gradient and your own metrics),
            `"all"`, or names. The record has all of them.

    Attributes:
        history: the `Scores` of each step, oldest first; of more than 256 some older ones are
            dropped (`fw.read(log_dir)` has them all).
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
        scalars: str | Iterable[str] | None = None,
    ) -> None:
        super().__init__()
        self._log_folder = folder = arguments.log_folder(log_dir)
        self.log_dir = Path(folder.location) if folder.is_local else folder.location
        self._processes = current_processes()
        if self._processes.is_first:
            check_not_in_use(folder)
        self.layers = None if layers is None else parse_layers(layers)
        self.probe = None if probe is None else take_probe(probe)
        self._batches_between = arguments.batches_between(freq)
        self.images = arguments.pictures(images, probe is not None)
        self.metrics = arguments.user_metrics(metrics or {})
        self.rules = default_rules() if rules is None else arguments.functions("rules", rules)
        self.stop_on = arguments.rules_to_stop_on(stop_on, self.rules)
        check_stop_on(self.stop_on, self._processes)
        self.writers = arguments.user_writers(writers)
        self.window = None if window is None else arguments.windows(window)
        self.scalars = arguments.scalars(scalars, self.metrics)
        self._start()

    def _start(self) -> None:
        """Makes what belongs to one training, with nothing in it yet."""
        self._processes = current_processes()
        is_first = self._processes.is_first  # only the first process prints, draws and writes
        self._notices = Notices(prints=is_first)
        self._clock = Clock(self._batches_between)
        writers = self.writers if is_first else []
        self._recorder = Recorder(self.metrics, self.rules, writers, self._notices)
        self._observer = Observer(
            *(self.layers, self.probe, self.images if is_first else ()),
            *(self._clock, self._notices, self._recorder),
            window=self.window,
        )
        self._run = CurrentRun(
            *(self._log_folder, self.scalars, self._clock, self._notices),
            *(self._recorder, self._observer),
            writes=is_first,
        )
        self._stopping = Stopping(self._processes, self._batches_between, self._notices)
        self._fit_begins = self._waits_for_weights = False
        self._anew_because = ""
        self._copied: tuple[Results, list[Problem]] | None = None

    def _start_anew(self, reason: str) -> None:
        """Forgets the training before; the user is told why when it is known what comes instead."""
        was_watching = self._observer.last is not None
        self._recorder.close()
        self._run.end_fit()
        self._start()
        if was_watching:
            self._anew_because = f"{reason} than FilterWatch watched before"

    def __getstate__(self) -> dict[str, Any]:
        """Returns the arguments and the results so far, without what belongs to a training."""
        of_training = ("_model", "_notices", "_clock", "_recorder", "_observer", "_run")
        left_out = {*of_training, "_processes", "_stopping"}
        state = {name: value for name, value in vars(self).items() if name not in left_out}
        return state | {"_copied": (self._results, self.problems)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        copied = state["_copied"]
        self.__dict__.update(state)
        self._model = None
        self._start()
        self._copied = copied

    @property
    def _results(self) -> Results:
        """The last results; those of the original until a copy has watched a training itself."""
        if self._copied and self._observer.last is None:
            return self._copied[0]
        return self._recorder.results

    @property
    def history(self) -> History:
        """The `Scores` of each step, oldest first."""
        return self._results.history

    @property
    def alarms(self) -> list[Alarm]:
        """The errors and warnings so far, also those that ended, oldest first."""
        return list(self._results.judgement.alarms)

    @property
    def notes(self) -> list[Alarm]:
        """The notes so far, also those that ended, oldest first."""
        return list(self._results.judgement.notes)

    @property
    def diagnosis(self) -> Diagnosis:
        """What is probably wrong, by the alarms that hold now."""
        return self._recorder.diagnosis(self._results)

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
        results = self._results
        diagnosis = self._recorder.diagnosis(results)
        judgement = results.judgement
        lines = summary(results.history, judgement.alarms, judgement.notes, diagnosis)
        lines += [f"problem: {problem}" for problem in self.problems]
        lines.append(
            f"all steps: tensorboard --logdir {self.log_dir} --samples_per_plugin images=1000"
        )
        self._notices.say("\n".join(lines))

    def report(self, path: str | os.PathLike[str], max_bytes: int | None = None) -> Path:
        """Writes what is recorded so far as one HTML file, as `Run.report` does; returns its path.

        It waits until the last step is recorded. Of several processes that train together only the
        first one has the record and writes; the others return the path at once.

        Args:
            path, max_bytes: as `Run.report` takes them.

        Raises:
            ValueError: nothing was recorded yet, or this is a copy; or as `Run.report`.
            OSError: as `Run.report`.
        """
        is_first = self._processes.is_first
        return self._recorded().report(path, max_bytes) if is_first else Path(path)

    def _repr_html_(self) -> str:
        return recorded_as_html(self._recorded)

    def _recorded(self) -> Run:
        """Returns the run as it is recorded so far; a ValueError says why there is none."""
        return self._run.recorded(is_copy=self._copied is not None)

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
        if self._observer.last is None and current_processes() != self._processes:
            self._start()  # the processes have found each other since the callback was made
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
            if fit_begins:
                self._fit_begins = False
                if self.stop_on:
                    self._stopping.begin_fit()
                if not self._waits_for_weights:
                    self._begin_run(epoch)
                is_first = self._observer.last is None
                self._clock.fit_begins(epoch, batches, is_first, (self.params or {}).get("epochs"))
            self._clock.epoch_begins(batches)
            if fit_begins and not self._waits_for_weights and self._observer.last is None:
                self._take_step()
                if self._processes.count == 1:  # several agree after their first batch only
                    self._end_training_if_asked()

    def _begin_run(self, epoch: int, may_continue: bool = True) -> None:
        """Finds out where the training is recorded, and whether it continues an earlier one."""
        with self._notices.guard(
            "the folder of the run could not be opened", "This training is not recorded"
        ):
            release_after_error(self, self._run.end_fit)
            self._run.begin_fit(self.model, epoch, may_continue)
        reason, self._anew_because = self._anew_because, ""
        if reason and self._observer.last is None:
            self._notices.say(f"{reason}: history and alarms start again at step 0.")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Takes a step every `freq` batches, and the first step of a model that is built late."""
        super().on_train_batch_end(batch, logs)
        if not (self._batches_between or self._waits_for_weights):
            return
        is_due = False
        with self._guard_step():
            if self._waits_for_weights:
                self._waits_for_weights = False
                self._observer.watch(self.model, has_trained=True)
                self._begin_run(self._clock.epochs, may_continue=False)
                if self._take_step():
                    self._notices.warn_once(
                        "the model had no weights before its first batch",
                        "The first step shows the model after that batch",
                    )
            is_due = self._clock.batch_ends(batch)
            if is_due:
                self._take_step()
        if is_due:  # also if the step failed: other processes wait for this one's answer
            self._end_training_if_asked()

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
            if has_backup(self):
                self._recorder.wait()  # a backup that is newer than the record cannot continue it
        self._end_training_if_asked()
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
            self._run.end_fit()

    def _guard_step(self) -> AbstractContextManager[None]:
        """Returns a context that records a failure as the problem that a step is missing."""
        what = "a step could not be taken"
        return self._notices.guard(what, "The step is missing", step=self._clock.step)

    def _take_step(self, logs: Mapping[str, Any] | None = None) -> Scores | None:
        """Takes a step; returns the quick scores, or None if nothing is watched."""
        return self._observer.take_step(self.model, logs)

    def _end_training_if_asked(self) -> None:
        """Ends training if an alarm that holds is in `stop_on`, in this process or another."""
        if not self.stop_on:
            return
        names: list[str] = []
        with self._notices.guard("`stop_on` could not be read", "It ends nothing at this step"):
            # reading the results makes training wait for the rules
            names = sorted(self._recorder.results.judgement.active & set(self.stop_on))
        if self._stopping.decide(bool(names)) and not self.model.stop_training:
            self.model.stop_training = True
            for name in names:
                self._notices.say(f"FilterWatch ends training: {name!r} is in stop_on.")
            if not names:
                self._notices.say("FilterWatch ends training: another process asks for it.")
