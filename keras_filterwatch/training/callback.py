"""FilterWatch: when a training is looked at; what is looked for stands in the other files."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_filterwatch.diagnosis import Diagnosis, diagnose
from keras_filterwatch.draw.catalogue import Album
from keras_filterwatch.kernels import Array, Snapshot
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model import find as extraction
from keras_filterwatch.model import probe as activations
from keras_filterwatch.rules import Alarm, Rule, default_rules
from keras_filterwatch.scores import Scores, not_watched
from keras_filterwatch.scoring import Metric, glance
from keras_filterwatch.training import arguments
from keras_filterwatch.training.notices import Caution
from keras_filterwatch.training.recorder import Story


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
        images: the pictures to draw, by name (`keras_filterwatch.draw.catalogue.NAMES`); True for
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

    Training waits for the noise scores, norms and updates, and for what the probe and the pictures
    of outputs ask the model. The other scores, metrics, rules, pictures and events follow in a
    thread of their own, a look at a time; whoever asks for `history`, `alarms` or `diagnosis` waits
    for them, and so does training if `stop_on` is given.

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
        self._forget()

    def _forget(self) -> None:
        """Back to before the first step; a new model is a new story."""
        self._caution = Caution()
        self._story = Story(self._directory, self.metrics, self.rules, self._caution)
        self._watched: extraction.Watched | None = None
        self._activity: activations.Probe | None = None
        self._seen: Scores | None = None
        self._has_noise_score = False
        self._first: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._room: dict[str, Array] = {}
        self._epochs = self._epochs_before = 0
        self._batches = self._batches_before = self._looked_at = 0
        if self._every:
            # set only where it is asked for: on JAX and torch it makes training wait for batches
            self.on_train_batch_end = self._after_batch

    def _start_anew(self, why: str) -> None:
        self._story.close()
        if self._seen:
            self._caution.say(
                f"{why} than FilterWatch saw before: the story starts at step 0 again."
            )
        self._forget()

    @property
    def history(self) -> list[Scores]:
        """The `Scores` of each step, oldest first."""
        return self._story.history

    @property
    def alarms(self) -> list[Alarm]:
        """The alarms so far, oldest first."""
        return self._story.alarms

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
            self._caution.warn(
                "the model had no weights before its first batch", "step 0 is after it"
            )
        for problem in self._watched.problems if self._watched else ():
            self._caution.warn(problem, "the other layers are watched")
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
            if self._has_noise_score:
                logs["filter_noise"] = seen.filter_noise if seen else math.nan

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """Says what is probably wrong, and closes the event file; another fit opens another one."""
        if self.alarms:
            with self._caution.going_on("find the cause of the alarms", "there is no diagnosis"):
                self._caution.say(f"FilterWatch diagnosis: {self.diagnosis}")
        self._story.close()

    # The road from the model to TensorBoard.

    def _find(self) -> extraction.Watched | None:
        with self._caution.going_on("find the kernels", "nothing is watched"):
            return extraction.find(self.model, self.layers)
        return None

    def _announce(self) -> None:
        if not self._watched:
            return
        names = [source.name for source in self._watched.sources]
        windows = [source.name for source in self._watched.sources if source.has_window]
        unit = "step" if self._every else "epoch"
        album = Album(self.images, windows, self.layers is not None, unit)
        self._story.album = album
        drawn = f", draws {', '.join(album.layers)}" if album.layers else ""
        self._caution.say(
            f"FilterWatch watches {len(names)} kernel{'s' * (len(names) != 1)}{drawn}."
        )
        for line in not_watched(self._watched.skipped):
            self._caution.say(line)
        if not names:
            self._caution.warn(f"{self.model.name!r} has no kernels", "nothing is watched")
        elif not windows:
            self._caution.say(
                "No kernel has a window larger than 1, so there are no pictures, noise scores and "
                "`filter_noise`. A Dense layer that reads images has a window where a Flatten "
                "layer stands before it."
            )

    def _look(self, logs: Mapping[str, Any] | None = None) -> Scores | None:
        """One step down the road: what training waits for; None if there was nothing to see."""
        step = self._batches if self._every else self._epochs
        if self._watched is None or not self._watched.sources:
            return None
        self._story.wait()  # what it reads is written now
        with self._caution.going_on("score the kernels", "steps are missing"):
            told = _numbers(logs) | _learning_rate(self.model)
            if self._seen and self._seen.step == step:
                if self._seen.epoch < self._epochs:
                    # the batch before was the last one: an epoch of unknown length ends unforeseen
                    self._seen = replace(self._seen, epoch=self._epochs, logs=told)
                    self._story.amend(self._seen)
                    self._stop()
                return self._seen
            self._looked_at = step
            _ = self.model  # on JAX, asking for it brings its weights up to date
            snapshot = self._watched.read(step)
            seen = glance(snapshot, self._previous, self._epochs, self._outputs(), told)
            self._has_noise_score = self._has_noise_score or not math.isnan(seen.filter_noise)
            album = self._story.album
            drawn = self._story.drawn(album.of_outputs(snapshot, self.model, self.probe))
            self._previous = kept = snapshot.copied(self._room)
            first = self._first or kept
            self._first = self._first or kept.condensed()
            self._seen = seen
            self._story.add(seen, kept, first, drawn)
            self._stop()
            return seen
        return None

    def _stop(self) -> None:
        """Ends training if an alarm is in stop_on; only then training waits for alarms."""
        if not self.stop_on:
            return
        reasons = sorted(self._story.raised & set(self.stop_on))
        if reasons and not self.model.stop_training:
            self.model.stop_training = True
            for name in reasons:
                self._caution.say(f"FilterWatch ends training: {name!r} is in stop_on.")

    def _outputs(self) -> Mapping[str, Outputs] | None:
        if self.probe is not None and self._watched:
            with self._caution.going_on("probe the units", "what they do is missing"):
                if self._activity is None:
                    self._activity = activations.Probe(self.model, self._watched, self.probe)
                return self._activity.measure()
        return None


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
