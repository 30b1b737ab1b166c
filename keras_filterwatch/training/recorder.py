"""Recorder: scores, judges, draws and writes each step, in a thread beside training."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial

from keras_filterwatch.alarms import Alarm, Judgement, Rule, follow
from keras_filterwatch.diagnosis import CANNOT_TELL, Diagnosis, diagnose
from keras_filterwatch.draw.catalogue import Drawing, PictureCatalogue, Pictures
from keras_filterwatch.draw.film_strip import FilmStrip
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Snapshot
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.report import Report
from keras_filterwatch.scores import Scores
from keras_filterwatch.scoring import ScoringFailure, UserMetric, full_scores
from keras_filterwatch.text import listed, printable
from keras_filterwatch.training.notices import Notices
from keras_filterwatch.training.retention import with_step, without_oldest
from keras_filterwatch.training.worker import Worker
from keras_filterwatch.writers import Writer

_MOST_PRINTED = 3  # times that an alarm which comes and goes is printed
_MOST_LAYERS = 3  # alarms of one rule that are printed at a step


@dataclass(frozen=True, eq=False)
class Record:
    """What is known of a training after its last finished step.

    Attributes:
        history: the scores of each step, oldest first.
        judgement: what the rules say at the last step.
    """

    history: History = field(default_factory=History)
    judgement: Judgement = field(default_factory=Judgement)


class Recorder:
    """Scores, judges, draws and writes one step after the other.

    Args:
        metrics: the user's own metrics, by name.
        rules: functions `history -> alarms`.
        writers: objects that get the report of each step.
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
        self._writers = writers
        self._notices = notices
        self._worker = Worker(on_error=self._step_failed)
        self._record = Record()

    @property
    def record(self) -> Record:
        """What is known now.

        In the training's own thread this waits until the last step is finished. Other threads get
        the last finished step at once, since a metric or rule may be waiting for them.
        """
        self._worker.finish()
        return self._record

    @property
    def film_strips(self) -> dict[str, FilmStrip]:
        """Copies of the histories of the layers that are drawn; waits as `record` does."""
        self._worker.finish()
        return {name: copy(strip) for name, strip in list(self.catalogue.film_strips.items())}

    def wait(self) -> None:
        """Waits until every step is finished, in whichever thread."""
        self._worker.wait()

    def add(self, quick: Scores, snapshot: Snapshot, first: Snapshot, pictures: Pictures) -> None:
        """Starts processing one step. Do not modify `snapshot` or `first` until `wait` returns.

        Args:
            quick: the quick scores of `snapshot`.
            snapshot: the kernels at this step.
            first: the kernels at the start.
            pictures: those that needed the model and are drawn already.
        """
        self._worker.submit(partial(self._add, quick, snapshot, first, pictures))

    def amend(self, quick: Scores) -> None:
        """Starts processing the last step again, with the epoch and logs that Keras gave later."""
        self._worker.submit(partial(self._amend, quick))

    def close(self) -> None:
        """Waits until every step is finished and closes the writers; a further step may follow."""
        # by the worker, since another fit that shares the callback may go on writing
        self._worker.submit(self._close_writers)
        self._worker.close()

    def _close_writers(self) -> None:
        for writer in self._writers:
            with self._notices.guard(
                f"{_name(writer)} could not be closed", "Its last steps may be missing"
            ):
                writer.close()

    def pictures(self, drawings: Iterable[Drawing], step: int) -> Pictures:
        """Draws pictures; one that fails is a problem and left out."""
        pictures = {}
        for name, layer, draw in drawings:
            with self._notices.guard(
                f"the picture {name!r} could not be drawn",
                "The picture is missing",
                where=f"layer {layer!r}",
                step=step,
            ):
                pictures[name, layer] = draw()
        return pictures

    def _add(self, quick: Scores, snapshot: Snapshot, first: Snapshot, pictures: Pictures) -> None:
        start = self._record.history[0] if self._record.history else None
        scores, failures = full_scores(quick, snapshot, first, self._metrics, start)
        self._report_failures(failures, scores.step)
        self._judge(with_step(self._record.history, scores))
        with self._notices.guard(
            "the history of the filters could not be kept",
            "Film strips lack the step",
            step=scores.step,
        ):
            self.catalogue.add_step(snapshot, scores)
        drawings = self.catalogue.of_kernels(snapshot, scores)
        self._write({**pictures, **self.pictures(drawings, scores.step)})

    def _amend(self, quick: Scores) -> None:
        history = self._record.history
        if history and history[-1].step == quick.step:
            last = replace(history[-1], epoch=quick.epoch, logs=quick.logs)
            self._judge([*history[:-1], last])
            self._write({})

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
        earlier = without_oldest(self._record.judgement.raised)
        judgement = follow(self._rules, history, earlier)
        for failure in judgement.failures:
            self._notices.warn_once(
                f"rule {failure.rule!r} {failure.what}",
                "The rule is skipped at each step where it fails",
                failure.reason,
                history[-1].step,
            )
        for message in _messages(judgement, first_step=history[0].step):
            self._notices.say(f"\n{message}")
        self._record = Record(history, judgement)

    def _write(self, pictures: Pictures) -> None:
        record = self._record
        alarms, notes = record.judgement.alarms, record.judgement.notes
        report = Report(record.history[-1], pictures, alarms, self.diagnosis(record), notes)
        for writer in self._writers:
            with self._notices.guard(
                f"{_name(writer)} could not write a step",
                "The step is missing there",
                step=report.scores.step,
            ):
                writer.write(report)

    def diagnosis(self, record: Record) -> Diagnosis:
        """Returns the most probable cause of the alarms that hold. Never raises."""
        with self._notices.guard("the alarms could not be diagnosed", "There is no diagnosis"):
            return diagnose(record.history, record.judgement.holding)
        return Diagnosis(CANNOT_TELL, (), "See the alarms.")

    def _step_failed(self, error: BaseException) -> None:
        self._notices.failed(error, "a step could not be processed", "The step is missing")


def _name(writer: Writer) -> str:
    return type(writer).__name__


def _messages(judgement: Judgement, first_step: int) -> Iterator[str]:
    """Yields the messages to print about a step: which alarms began, and which ended.

    Notes are printed only at the first step, where they are about the set-up. An alarm that comes
    and goes is printed three times, and of those that one rule begins at a step the first three.
    """
    now = {(alarm.rule, alarm.layer): alarm for alarm in judgement.new}
    for alarm in judgement.ended:
        again = now.get((alarm.rule, alarm.layer))
        is_over = alarm.level != "note" and (again is None or again.level == "note")
        if is_over and _count(alarm, judgement) < _MOST_PRINTED:
            rule, layer = printable(alarm.rule), printable(alarm.layer or "the whole network")
            end = f"is only a note now: {printable(again.message)}" if again else "is over."
            yield f"FilterWatch: alarm ({rule}) about {layer}, raised at step {alarm.step}, {end}"
    by_rule: Counter[str] = Counter()
    for alarm in judgement.new:
        rule, message = printable(alarm.rule), printable(alarm.message)
        by_rule[rule] += alarm.level != "note"
        if by_rule[rule] > _MOST_LAYERS and alarm.level != "note":
            continue
        if alarm.level == "note":
            if alarm.step == first_step:
                yield f"FilterWatch note ({rule}): {message}"
        elif _count(alarm, judgement) < _MOST_PRINTED:
            yield f"FilterWatch alarm ({rule}): {message}"
        elif _count(alarm, judgement) == _MOST_PRINTED:
            yield (
                f"FilterWatch alarm ({rule}): {message} It comes and goes: from now on it is not "
                "printed any more, and watch.alarms has it."
            )
    for rule, count in by_rule.items():
        if count > _MOST_LAYERS:
            yield (
                f"FilterWatch alarm ({rule}): the same about {count - _MOST_LAYERS} more layers; "
                "watch.alarms has them."
            )


def _count(alarm: Alarm, judgement: Judgement) -> int:
    """Returns how many alarms with the same rule and layer were raised so far."""
    return sum((each.rule, each.layer) == (alarm.rule, alarm.layer) for each in judgement.alarms)
