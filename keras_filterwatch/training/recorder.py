"""Recorder: scores, judges, draws, writes and records each step, in a thread beside training."""

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

from keras_filterwatch.alarms import Judgement, Rule, follow
from keras_filterwatch.diagnosis import CANNOT_TELL, Diagnosis, diagnose
from keras_filterwatch.draw.catalogue import Drawing, PictureCatalogue, Pictures
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.draw.training_state import TrainingState
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordedRun, RecordWriter, StepToRecord
from keras_filterwatch.record.documents import as_recorded
from keras_filterwatch.record.first_kernels import write_first_kernels
from keras_filterwatch.report import Report
from keras_filterwatch.retention import with_step, without_oldest
from keras_filterwatch.runs import Run
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import full_scores
from keras_filterwatch.text import listed
from keras_filterwatch.training.alarm_messages import alarm_messages
from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.run_folder import checksums
from keras_filterwatch.training.worker import Worker
from keras_filterwatch.user_metrics import ScoringFailure, UserMetric
from keras_filterwatch.writers import Writer


@dataclass(frozen=True, eq=False)
class Results:
    """What is known of a training after its last finished step.

    Attributes:
        history: the scores of each step, oldest first.
        judgement: what the rules say at the last step.
    """

    history: History = field(default_factory=History)
    judgement: Judgement = field(default_factory=Judgement)


class Recorder:
    """Scores, judges, draws, writes and records one step after the other.

    Args:
        metrics: the user's own metrics, by name.
        rules: functions `history -> alarms`.
        writers: the user's own objects that get the report of each step.
        notices: prints messages and records problems.

    Attributes:
        catalogue: the pictures to draw; none until the layers are known.
        facts: what is known about the model; nothing until the first step.
    """

    def __init__(
        self,
        metrics: Mapping[str, UserMetric],
        rules: Sequence[Rule],
        writers: Sequence[Writer],
        notices: Notices,
    ) -> None:
        self.catalogue = PictureCatalogue((), [], draw_all=False, step_unit="epoch")
        self.facts = ModelFacts()
        self._metrics = metrics
        self._rules = rules
        self._users_writers = list(writers)
        self._writers = self._users_writers
        self._record: RecordWriter | None = None
        self._batches = 0  # at the last step
        self._checksums: Mapping[str, int] = {}  # of the weights at the last step
        self._notices = notices
        self._worker = Worker(on_error=self._step_failed)
        self._results = Results()

    @property
    def results(self) -> Results:
        """What is known now.

        In the training's own thread this waits until the last step is finished. Other threads get
        the last finished step at once, since a metric or rule may be waiting for them.
        """
        self._worker.finish()
        return self._results

    @property
    def film_strips(self) -> dict[str, FilmStrip]:
        """Copies of the histories of the layers that are drawn; waits as `results` does."""
        self._worker.finish()
        return {name: copy(strip) for name, strip in list(self.catalogue.film_strips.items())}

    def wait(self) -> None:
        """Waits until every step is finished, in whichever thread."""
        self._worker.wait()

    def write_to(self, tensorboard: Writer, record: RecordWriter) -> None:
        """Sets what writes further steps, beside the user's own writers."""
        self.wait()
        self._writers = [tensorboard, *self._users_writers]
        self._record = record

    def resume(self, earlier: RecordedRun) -> None:
        """Continues a run: takes its history, alarms, facts and the histories of its filters."""
        self.wait()
        run = Run(earlier)
        history = History()
        for scores in run.history:
            history = with_step(history, scores)
        self.facts = run.model
        raised = without_oldest(earlier.raised)
        self._results = Results(History(history, self.facts), Judgement(tuple(raised)))
        with self._notices.guard(
            "the history of the filters could not be read", "Film strips start anew"
        ):
            self.catalogue.restore(run.film_strips)

    def add(
        self,
        quick: Scores,
        snapshot: Snapshot,
        first: Snapshot,
        pictures: Pictures,
        batches: int,
        full: Scores | None = None,
    ) -> None:
        """Starts processing one step. Do not modify `snapshot` or `first` until `wait` returns.

        Args:
            quick: the quick scores of `snapshot`.
            snapshot: the kernels at this step.
            first: the kernels at the start.
            pictures: those that needed the model and are drawn already.
            batches: batches completed so far.
            full: all scores of `snapshot`, if they are computed already; None if not.
        """
        self._worker.submit(partial(self._add, quick, snapshot, first, pictures, batches, full))

    def keep_first(self, first: Snapshot) -> None:
        """Starts writing the kernels at the start to the folder of the run."""
        self._worker.submit(partial(self._keep_first, first))

    def amend(self, quick: Scores) -> None:
        """Starts processing the last step again, with the epoch and logs that Keras gave later."""
        self._worker.submit(partial(self._amend, quick))

    def close(self) -> None:
        """Waits until every step is finished and closes the writers; a further step may follow."""
        # by the worker, since another fit that shares the callback may go on writing
        self._worker.submit(self._close_writers)
        self._worker.close()

    def _close_writers(self) -> None:
        # the record last: its end says that everything else is complete
        writers: list[Writer | RecordWriter] = list(self._writers)
        for writer in [*writers, self._record] if self._record else writers:
            with self._notices.guard(
                f"{type(writer).__name__} could not be closed", "Its last steps may be missing"
            ):
                writer.close()

    def pictures(self, drawings: Iterable[Drawing], step: int) -> Pictures:
        """Draws pictures; one that fails is a problem and left out."""
        pictures = {}
        for name, layer, draw in drawings:
            with self._notices.guard(
                f"the picture {name!r} could not be drawn",
                "The picture is missing",
                where=f"layer {layer!r}" if layer else "",
                step=step,
            ):
                pictures[name, layer] = draw()
        return pictures

    def _add(
        self,
        quick: Scores,
        snapshot: Snapshot,
        first: Snapshot,
        pictures: Pictures,
        batches: int,
        full: Scores | None,
    ) -> None:
        start = self._results.history[0] if self._results.history else None
        failures: list[ScoringFailure] = []
        if full is None:
            full, failures = full_scores(quick, snapshot, first, self._metrics, start)
        scores = as_recorded(full)
        self._report_failures(failures, scores.step)
        self._judge(with_step(self._results.history, scores))
        with self._notices.guard(
            "the history of the filters could not be kept",
            "Film strips lack the step",
            step=scores.step,
        ):
            self.catalogue.add_step(snapshot, scores)
        # after the judgement, since the overview shows alarms and diagnosis
        drawings = [
            *self.catalogue.of_network(self._state),
            *self.catalogue.of_kernels(snapshot, scores),
        ]
        self._write({**pictures, **self.pictures(drawings, scores.step)})
        if self._record:
            self._batches, self._checksums = batches, checksums(snapshot)
            self._record_step(self._record, self.catalogue.quantised)

    def _amend(self, quick: Scores) -> None:
        history = self._results.history
        if history and history[-1].step == quick.step:
            last = replace(history[-1], epoch=quick.epoch, logs=quick.logs)
            self._judge([*history[:-1], last])
            self._write({})
            if self._record:
                self._record_step(self._record, {})

    def _report_failures(self, failures: Iterable[ScoringFailure], step: int) -> None:
        """Records one problem for each metric that failed, with the kernels on which it did."""
        by_metric: dict[str, list[ScoringFailure]] = {}
        for failure in failures:
            by_metric.setdefault(failure.metric, []).append(failure)
        for metric, several in by_metric.items():
            self._notices.failed(
                several[0].error,
                f"metric {metric!r} failed",
                "The score is missing where it fails",
                where=f"kernel {listed(failure.kernel for failure in several)}",
                step=step,
            )

    def _judge(self, steps: Sequence[Scores]) -> None:
        history = History(steps, self.facts)
        earlier = without_oldest(self._results.judgement.raised)
        judgement = follow(self._rules, history, earlier)
        for failure in judgement.failures:
            self._notices.warn_once(
                f"rule {failure.rule!r} {failure.what}",
                "The rule is skipped at each step where it fails",
                failure.reason,
                history[-1].step,
            )
        for message in alarm_messages(judgement, first_step=history[0].step):
            self._notices.say(f"\n{message}")
        self._results = Results(history, judgement)

    def _write(self, pictures: Pictures) -> None:
        results = self._results
        alarms, notes = results.judgement.alarms, results.judgement.notes
        report = Report(results.history[-1], pictures, alarms, self.diagnosis(results), notes)
        for writer in self._writers:
            with self._notices.guard(
                f"{type(writer).__name__} could not write a step",
                "The step is missing there",
                step=report.scores.step,
            ):
                writer.write(report)

    def _state(self) -> TrainingState:
        """Returns what a picture of the whole network shows after the last step."""
        results = self._results
        return TrainingState.of_history(
            results.history,
            results.judgement.raised,
            self.diagnosis(results),
            unit=self.catalogue.step_unit,
        )

    def _record_step(self, record: RecordWriter, kernels: Mapping[str, QuantisedKernel]) -> None:
        """Appends the last step to the record, after it was written everywhere else.

        A training that was killed continues from the last recorded step, so that must be complete.
        """
        results = self._results
        step = StepToRecord(
            *(results.history[-1], results.judgement, self.diagnosis(results), self.facts, kernels),
            batches=self._batches,
            checksums=self._checksums,
        )
        with self._notices.guard(
            "a step could not be recorded",
            "The step is missing in the record, which `fw.read` and a later training read",
            step=step.scores.step,
        ):
            record.write(step)

    def _keep_first(self, first: Snapshot) -> None:
        if self._record:
            with self._notices.guard(
                "the kernels at the start could not be recorded",
                "A training that continues this run cannot measure `rotation` from its start",
            ):
                write_first_kernels(self._record.folder, first)

    def diagnosis(self, results: Results) -> Diagnosis:
        """Returns the most probable cause of the alarms that hold. Never raises."""
        with self._notices.guard("the alarms could not be diagnosed", "There is no diagnosis"):
            return diagnose(results.history, results.judgement.holding)
        return Diagnosis(CANNOT_TELL, (), "See the alarms.")

    def _step_failed(self, error: BaseException) -> None:
        self._notices.failed(error, "a step could not be processed", "The step is missing")
