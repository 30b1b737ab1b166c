"""RunRecording: scores, judges and records checkpoints as watching the training would have done."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from keras_filterwatch.checkpoints.reading import Checkpoint
from keras_filterwatch.draw.catalogue import PictureCatalogue
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.record import RecordWriter
from keras_filterwatch.record.first_kernels import read_first_kernels
from keras_filterwatch.rules import default_rules
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import full_scores, quick_scores
from keras_filterwatch.text import printable
from keras_filterwatch.training.notices import Notices, Problem
from keras_filterwatch.training.run_folder import RunFolder

if TYPE_CHECKING:
    from keras_filterwatch.training.recorder import Results

_UNIT = "epoch"


class RunRecording:
    """Records checkpoints, one after the other, in the folder of a run.

    Two checkpoints are in memory at a time, and the first one in half of its size.

    Args:
        run: where they are recorded.
        start: the first checkpoint of a new run; of a run that goes on, that of its last step.
        pictures: names of the pictures to draw.
        draws_all: whether all layers with a window are drawn, not four of them.
        epochs: what the training's argument `epochs` is; None if unknown.
        tell: prints a sentence about what goes wrong.

    Attributes:
        run: where they are recorded.
        shapes: name and shape of each kernel.
        last_step: that is recorded; None before the first one.
    """

    def __init__(
        self,
        run: RunFolder,
        start: Checkpoint,
        pictures: Sequence[str] = (),
        draws_all: bool = False,
        epochs: int | None = None,
        tell: Callable[[str], None] = print,
    ) -> None:
        # imported here: both need TensorBoard
        from keras_filterwatch.training.recorder import Recorder
        from keras_filterwatch.writers.tensorboard import TensorBoard

        self.run = run
        self.shapes = start.shapes
        self.last_step: int | None = None
        self._epochs = epochs
        self._notices = RecordingNotices(tell)
        self._recorder = Recorder({}, default_rules(), [], self._notices)
        windows = [kernel.name for kernel in start.snapshot.kernels if kernel.has_window]
        self._recorder.catalogue = PictureCatalogue(pictures, windows, draws_all, step_unit=_UNIT)
        tensorboard = TensorBoard(run.folder, self._notices.warn_once)
        tensorboard.continue_after(run.continues_after)
        self._record = RecordWriter(run.folder, _UNIT, run.continues_after)
        self._recorder.write_to(tensorboard, self._record)
        self._previous: Snapshot | None = None
        self._first: Snapshot | None = None
        self._start: Scores | None = None  # of the run
        self._last: Scores | None = None
        self._earlier_updates = 0  # of optimizers that the model had before
        if run.earlier is not None:
            self._resume(run, start.snapshot)

    @property
    def results(self) -> "Results":
        """The scores, and what the rules say, of the last step; waits until it is recorded."""
        return self._recorder.results

    @property
    def problems(self) -> list[Problem]:
        """What could not be drawn, written or recorded; waits as `results` does."""
        self.wait()
        return self._notices.problems

    def add(self, checkpoint: Checkpoint, logs: Mapping[str, float] | None = None) -> None:
        """Scores a checkpoint and starts recording it, in the background.

        Args:
            checkpoint: of a later step than all before, with the kernels of the run.
            logs: what the training logged at its step.
        """
        snapshot, first = checkpoint.snapshot, self._first or checkpoint.snapshot
        quick = quick_scores(
            snapshot,
            self._previous,
            snapshot.step,
            logs={**(logs or {}), **checkpoint.logs},
            updates=self._updates(checkpoint.updates),
        )
        # here, while the step before is still judged, drawn and written
        # of a later step, nobody knows how the training began
        start = self._start if self._start and self._start.step == 0 else None
        full, _ = full_scores(quick, snapshot, first, {}, start)
        self._start = self._start or full
        self._previous, self._last, self.last_step = snapshot, quick, snapshot.step
        self._recorder.wait()
        self._recorder.facts = self._facts(checkpoint.facts, quick)
        if self._first is None:
            self._first = snapshot.condensed()
            # before the step, since what continues the run needs them
            self._recorder.keep_first(self._first)
        self._recorder.add(quick, snapshot, first, {}, quick.updates or 0, full)

    def add_logs(self, logs: Mapping[str, float]) -> None:
        """Adds what the training logged at the last step, if it came later than its checkpoint."""
        if self._last is not None and not logs.keys() <= self._last.logs.keys():
            self._last = replace(self._last, logs={**logs, **self._last.logs})
            self._recorder.amend(self._last)

    def wait(self) -> None:
        """Waits until the last step is recorded."""
        self._recorder.wait()

    def close(self) -> None:
        """Waits until all is recorded, marks the end of the run and lets others continue it."""
        self.wait()  # until then the worker may open the file of the record
        if self.run.earlier is not None and not self.run.earlier.has_ended:
            with self._notices.guard(
                "the end of the run could not be recorded", "It seems to go on"
            ):
                self._record.open()  # there is no end without a beginning
        self._recorder.close()
        if self.run.lock is not None:
            self.run.lock.release()

    def _resume(self, run: RunFolder, snapshot: Snapshot) -> None:
        """Goes on with the history of a run, whose last step has these kernels."""
        assert run.earlier is not None
        self._recorder.resume(run.earlier)
        history = self._recorder.results.history
        self._start, self._last = history[0], history[-1]
        self.last_step = self._last.step
        self._previous = snapshot
        with self._notices.guard(
            "the kernels at the start of the run could not be read",
            f"`rotation` is measured from step {self.last_step} on",
        ):
            self._first = read_first_kernels(run.folder, snapshot)
        self._first = self._first or snapshot.condensed()

    def _facts(self, facts: ModelFacts, scores: Scores) -> ModelFacts:
        """Returns what is known about the model at a step, as a training would tell it."""
        before, history = self._recorder.facts, self.results.history
        start = history[0].step if history else scores.step
        if history:
            facts = _facts_later(before, facts)
        elif scores.step > 0:  # this training may have changed what it trains
            was_trained = {
                name: value
                for name, value in facts.was_trained.items()
                if name in scores and not scores[name].trainable
            }
            facts = replace(facts, was_trained=was_trained)
        epochs = before.epochs if self._epochs is None else self._epochs - start
        return replace(facts, epochs=epochs)

    def _updates(self, updates: int | None) -> int | None:
        """Returns the updates of all optimizers so far: a new one counts from 0 again."""
        if updates is None:
            return None
        before = (self._last.updates or 0) if self._last else 0
        if self._earlier_updates + updates < before:
            self._earlier_updates = before
        return self._earlier_updates + updates


def _facts_later(before: ModelFacts, now: ModelFacts) -> ModelFacts:
    """Returns the facts at a later step: some are those of the start, as long as a fit goes on."""
    if now == ModelFacts():
        return before
    if before == ModelFacts():
        return replace(now, was_trained={})  # which only the first step can tell
    now = replace(
        now,
        was_trained=before.was_trained,
        metric_directions=now.metric_directions or before.metric_directions,
        epochs=before.epochs,
    )
    same_fit = replace(now, learning_rate=before.learning_rate)
    # the rate of a schedule, or one that a callback sets, changes while a fit goes on
    is_same = same_fit == replace(before, metric_directions=now.metric_directions)
    return same_fit if is_same else now


class RecordingNotices(Notices):
    """Tells what goes wrong while checkpoints are recorded; what is said of alarms is left out.

    Args:
        tell: prints a sentence.

    Example:
        >>> RecordingNotices(print).warn_once("a picture failed", "It is missing", "OSError: full")
        a picture failed (OSError: full). It is missing.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(prints=False)
        self._tell = tell

    def warn_once(
        self, what: str, consequence: str, reason: str = "", step: int | None = None
    ) -> None:
        """Records a problem, and tells it the first time; the arguments are those of `Notices`."""
        what = printable(what)
        known = self._problems.get(what)
        if known:
            self._problems[what] = replace(known, count=known.count + 1)
            return
        self._problems[what] = Problem(what, printable(consequence), printable(reason), step)
        because = f" ({printable(reason)})" if reason else ""
        self._tell(f"{what}{because}. {printable(consequence)}.")
