"""FilterWatch: when a training is looked at; what is looked for stands in the other files."""

import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import keras
import numpy as np

from keras_filterwatch import activations, arguments, extraction, tensorboard
from keras_filterwatch.background import Background
from keras_filterwatch.diagnosis import Diagnosis, diagnose
from keras_filterwatch.history import remember
from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.pictures import Album, Pictures, Task
from keras_filterwatch.rules import Alarm, Rule, default_rules
from keras_filterwatch.scoring import Metric, Scores, complete, glance, not_watched


class FilterWatch(keras.callbacks.Callback):
    """Watches the filters of a network form, in `model.fit(..., callbacks=[FilterWatch("logs")])`.

    Before training and after each epoch it scores the kernels, draws them, writes both to
    TensorBoard and raises alarms. The logs of each epoch get `filter_noise`, the mean noise
    score, and `dead_filters`, the share of dead filters; callbacks that use them, such as
    `EarlyStopping(monitor="filter_noise", mode="min")`, stand after this one in the list. Training
    goes on whatever happens here: what is lost is said in a warning, once.

    Args:
        log_dir: a local directory; events go to `<log_dir>/filterwatch`.
        layers: the kernels to watch: None for all, a layer's name, a glob pattern, a layer, a
            function `layer -> bool`, or several of these.
        freq: `"epoch"`, or an int: every so many batches, and at the end of each epoch.
        probe: inputs that show what the units do: an array, or a list or dict of arrays, as
            `model.predict` takes them, a `tf.data.Dataset`, a generator or a PyDataset. The first
            256 are taken, now, and kept.
        images: the pictures to draw, by name (`keras_filterwatch.pictures.NAMES`); True for
            `"kernels"`, `"film"` and `"templates"`, False for none. They show the first layer with
            a window larger than 1 and three deeper ones, or all that `layers` names.
        rules: functions `history -> alarms`; None for `default_rules()`.
        metrics: further scores, name -> function of an array `(*spatial, channels, filters)`
            that returns a number, or one per filter.
        stop_on: rules whose alarms end training, by name.

    Attributes:
        history: the `Scores` of each step, oldest first; of more than 256 some older ones are
            forgotten (TensorBoard has them all).
        alarms: the alarms so far, oldest first; a rule speaks once about a layer.
        diagnosis: the most probable cause of the alarms, the evidence, and what to try first.

    Training waits for the noise scores, norms and motion only. The other scores, metrics, rules,
    pictures and events follow in a thread of their own, a look at a time; whoever asks for
    `history`, `alarms` or `diagnosis` waits for them, and so does training if `stop_on` is given.

    Raises:
        ValueError, TypeError: an argument that cannot be used.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        layers: Any = None,
        freq: str | int = "epoch",
        probe: Any = None,
        images: bool | str | Iterable[str] = True,
        rules: Iterable[Rule] | None = None,
        metrics: Mapping[str, Metric] | None = None,
        stop_on: str | Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.log_dir = arguments.local_directory(log_dir)
        self._directory = self.log_dir.absolute() / "filterwatch"  # wherever the process goes
        self.layers = None if layers is None else extraction.wishes(layers)
        self.probe = None if probe is None else activations.take(probe)
        self._every = arguments.batches_between(freq)
        self.images = arguments.pictures(images, probe is not None)
        self.metrics = arguments.extra_metrics(metrics or {})
        self.rules = default_rules() if rules is None else arguments.functions("rules", rules)
        self.stop_on = arguments.rules_to_stop_on(stop_on, self.rules)
        self._background = Background()
        self._forget()

    def _forget(self) -> None:
        """Back to before the first step; a new model is a new story."""
        self._history: list[Scores] = []
        self._alarms: list[Alarm] = []
        self._watched: extraction.Watched | None = None
        self._album = Album((), [], False, "epoch")
        self._seen: Scores | None = None
        self._rough = False
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._room: dict[str, Array] = {}
        self._activity: activations.Probe | None = None
        self._events: tensorboard.EventFile | None = None
        self._warned: set[str] = set()
        self._epochs = self._epochs_before = 0
        self._batches = self._batches_before = self._looked_at = 0
        if self._every:
            # set only where it is asked for: on JAX and torch it makes training wait for batches
            self.on_train_batch_end = self._after_batch

    def _start_anew(self, why: str) -> None:
        self._background.wait()
        if self._seen:
            self._say(f"{why} than FilterWatch saw before: the story starts at step 0 again.")
        self._forget()

    @property
    def history(self) -> list[Scores]:
        """The `Scores` of each step, oldest first."""
        self._background.wait()
        return self._history

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms so far, oldest first."""
        self._background.wait()
        return self._alarms

    @property
    def diagnosis(self) -> Diagnosis:
        """What is probably wrong, by all that was seen so far."""
        return diagnose(self.history, self.alarms)

    def summary(self) -> None:
        """Prints the scores of the last step, the alarms so far, and how to see them all."""
        print(self.history[-1] if self.history else "Nothing was watched yet.")
        for alarm in self.alarms:
            print(f"alarm at step {alarm.step}: {alarm.message}")
        if self.history:
            print(f"diagnosis: {self.diagnosis}")
        print(f"all steps: tensorboard --logdir {self.log_dir} --samples_per_plugin images=1000")

    # What Keras calls, in its order.

    def set_model(self, model: keras.Model) -> None:
        """Starts anew if it is another model than before."""
        if self._model is not None and model is not self._model:
            self._start_anew("This is another model")
        super().set_model(model)

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Finds the kernels, unless the model has none before its first batch."""
        self._fit_begins = True
        if not _has_weights(self.model):
            return
        found = self._find()
        if found and self._watched and found.variables != self._watched.variables:
            self._start_anew("The layers are others")
        if found and not self._watched:
            if found.problems:
                raise ValueError(" ".join(found.problems))
            self._watched = found
            self._announce()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the initial state."""
        if self._fit_begins:
            self._fit_begins = False
            if not self._seen:  # a resumed training starts at fit's initial_epoch
                self._epochs, self._batches = epoch, epoch * (self._steps or 0)
            self._epochs_before = self._epochs - epoch
            if not _has_weights(self.model):
                self.on_train_batch_end = self._after_first_batch
            elif not self._seen:
                self._look()
        self._batches_before = self._batches

    def _after_first_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Does late what `on_train_begin` and `on_epoch_begin` could not."""
        del self.on_train_batch_end
        self._watched = self._find()
        if self._watched and self._watched.sources:
            self._warn("the model had no weights before its first batch", "step 0 is after it")
        for problem in self._watched.problems if self._watched else ():
            self._warn(problem, "the other layers are watched")
        self._announce()
        self._look()
        if self._every:
            self.on_train_batch_end = self._after_batch
            self._after_batch(batch)

    def _after_batch(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        # with steps_per_execution, the last of several batches may be beyond the epoch's end
        self._batches = self._batches_before + min(batch + 1, self._steps or batch + 1)
        epoch_ends = batch + 1 >= (self._steps or math.inf)
        if self._batches - self._looked_at >= self._every and not epoch_ends:
            self._look()

    @property
    def _steps(self) -> int | None:
        """Batches in an epoch, if known; a training loop of one's own may not say."""
        return (self.params or {}).get("steps")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Looks at the kernels, and lets the callbacks after this one know."""
        self._epochs = self._epochs_before + epoch + 1
        seen = self._look(logs)
        if logs is not None and self._seen:
            logs["dead_filters"] = seen.dead_filters if seen else math.nan
            if self._rough:
                logs["filter_noise"] = seen.filter_noise if seen else math.nan

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Closes the event file; another fit opens another one."""
        self._background.wait()
        if self._alarms:
            with self._going_on("find the cause of the alarms", "there is no diagnosis"):
                self._say(f"FilterWatch diagnosis: {self.diagnosis}")
        events, self._events = self._events, None
        if events:
            with self._going_on("close the event file", "its last steps may be missing"):
                events.close()

    # The road from the model to TensorBoard.

    def _find(self) -> extraction.Watched | None:
        with self._going_on("find the kernels", "nothing is watched"):
            return extraction.find(self.model, self.layers)
        return None

    def _announce(self) -> None:
        if not self._watched:
            return
        names = [source.name for source in self._watched.sources]
        windows = [source.name for source in self._watched.sources if source.has_window]
        unit = "step" if self._every else "epoch"
        self._album = Album(self.images, windows, self.layers is not None, unit)
        drawn = f", draws {', '.join(self._album.layers)}" if self._album.layers else ""
        self._say(f"FilterWatch watches {len(names)} kernel{'s' * (len(names) != 1)}{drawn}.")
        for line in not_watched(self._watched.skipped):
            self._say(line)
        if not names:
            self._warn(f"{self.model.name!r} has no kernels", "nothing is watched")
        elif not windows:
            self._say(
                "No kernel has a window larger than 1, so there are no pictures, noise scores and "
                "`filter_noise`. A Dense layer that reads images has a window where a Flatten "
                "layer stands before it."
            )

    def _look(self, logs: Mapping[str, Any] | None = None) -> Scores | None:
        """One step down the road: what training waits for; None if there was nothing to see."""
        step = self._batches if self._every else self._epochs
        if self._watched is None or not self._watched.sources:
            return None
        self._background.wait()  # what it reads is written now
        with self._going_on("score the kernels", "steps are missing"):
            told = _numbers(logs) | _learning_rate(self.model)
            if self._seen and self._seen.step == step:
                if self._seen.epoch < self._epochs:
                    # the batch before was the last one: an epoch of unknown length ends unforeseen
                    self._seen = replace(self._seen, epoch=self._epochs, logs=told)
                    self._begin(partial(self._look_again, self._seen))
                return self._seen
            self._looked_at = step
            _ = self.model  # on JAX, asking for it brings its weights up to date
            snapshot = self._watched.read(step)
            first = self._first or snapshot
            outputs = self._outputs()
            seen = glance(snapshot, first, self._previous, self._epochs, outputs, told)
            self._rough = self._rough or not math.isnan(seen.filter_noise)
            self._previous = snapshot.copied(self._room)
            self._first = self._first or snapshot.condensed()
            drawn = self._drawn(self._album.of_outputs(snapshot, self.model, self.probe))
            self._begin(partial(self._look_closer, self._previous, seen, drawn))
            self._seen = seen
            return seen
        return None

    def _begin(self, task: Callable[[], None]) -> None:
        self._background.start(task)
        if self.stop_on:  # whether training goes on is known when it has ended
            self._background.wait()

    def _outputs(self) -> Mapping[str, Outputs] | None:
        if self.probe is not None and self._watched:
            with self._going_on("probe the units", "what they do is missing"):
                if self._activity is None:
                    self._activity = activations.Probe(self.model, self._watched, self.probe)
                return self._activity.measure()
        return None

    # What goes on while training does.

    def _look_closer(self, snapshot: Snapshot, seen: Scores, drawn: Pictures) -> None:
        with self._going_on("score the kernels", "steps are missing"):
            scores = complete(seen, snapshot, self.metrics, self._metric_failed)
            remember(self._history, scores)
            self._judge()
            drawn |= self._drawn(self._album.of_kernels(snapshot, scores))
            self._write(scores, drawn)

    def _look_again(self, seen: Scores) -> None:
        """The same step, of which more is known."""
        if self._history and self._history[-1].step == seen.step:
            self._history[-1] = replace(self._history[-1], epoch=seen.epoch, logs=seen.logs)
            self._judge()
            self._write(self._history[-1], {})

    def _metric_failed(self, name: str, error: ValueError) -> None:
        self._warn(f"metric {name!r} failed", f"it is missing where it fails ({error})")

    def _judge(self) -> None:
        known = {(alarm.rule, alarm.layer) for alarm in self._alarms}
        stops = set()
        for rule in self.rules:
            with self._going_on(f"follow the rule {arguments.rule_name(rule)}", "it is silent"):
                for alarm in rule(self._history):
                    stops.add(alarm.rule)  # a second fit ends for what the first one ended for
                    if (alarm.rule, alarm.layer) not in known:
                        known.add((alarm.rule, alarm.layer))
                        self._alarms.append(alarm)
                        self._say(f"\nFilterWatch alarm ({alarm.rule}): {alarm.message}")
        reasons = sorted(stops & set(self.stop_on))
        if reasons and not self.model.stop_training:
            self.model.stop_training = True
            for name in reasons:
                self._say(f"FilterWatch ends training: {name!r} is in stop_on.")

    def _drawn(self, looks: Iterable[tuple[str, str, Task]]) -> Pictures:
        pictures = {}
        for name, layer, draw in looks:
            with self._going_on(f"draw {name} of {layer}", "pictures are missing"):
                pictures[name, layer] = draw()
        return pictures

    def _write(self, scores: Scores, pictures: Pictures) -> None:
        with self._going_on("write events", "steps are missing in TensorBoard"):
            if self._events is None:
                self._events = tensorboard.EventFile(self._directory)
                self._events.write(scores.step, [tensorboard.layout(self._history[0])])
            diagnosis = diagnose(self._history, self._alarms)
            self._events.write(
                scores.step, tensorboard.values(scores, pictures, self._alarms, diagnosis)
            )

    @contextmanager
    def _going_on(self, task: str, loss: str) -> Iterator[None]:
        """Whatever goes wrong in here is said once, and training goes on."""
        try:
            yield
        except Exception as error:
            self._warn(f"could not {task}", f"{loss} ({type(error).__name__}: {error})")

    def _say(self, words: str) -> None:
        with self._going_on("print", "some of what FilterWatch says is missing"):
            print(words)

    def _warn(self, what: str, loss: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"FilterWatch: {what}: {loss}. Training goes on.", stacklevel=2)


def _has_weights(model: keras.Model) -> bool:
    """Whether they are there before the first batch: under TensorFlow, Keras may wait for it."""
    if keras.backend.backend() != "tensorflow":
        return True
    parts_built = all(layer.built for layer in model._flatten_layers(include_self=False))
    return bool(model.weights) and (model.built or parts_built)


def _numbers(logs: Mapping[str, Any] | None) -> dict[str, float]:
    """What of the logs is a number."""
    return {
        name: float(value)
        for name, value in (logs or {}).items()
        if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiub"
    }


def _learning_rate(model: keras.Model) -> dict[str, float]:
    """Of the optimizer, where it has one."""
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    return {} if rate is None else {"learning_rate": float(keras.ops.convert_to_numpy(rate))}
