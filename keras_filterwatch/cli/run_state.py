"""RunState: what a recorded training says at one of its steps, as text and as values for JSON."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from keras_filterwatch import sentences
from keras_filterwatch.alarms import Alarm
from keras_filterwatch.cli.documents import (
    alarm_document,
    diagnosis_document,
    finite,
    layer_document,
)
from keras_filterwatch.cli.errors import UsageError
from keras_filterwatch.cli.markdown_table import more_layers
from keras_filterwatch.cli.states import state_of
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.history import History
from keras_filterwatch.run import Run
from keras_filterwatch.scores import Scores
from keras_filterwatch.summary import summary
from keras_filterwatch.text import markdown, printable

_SHOWN_LOGS = ("loss", "val_loss", "accuracy", "val_accuracy", "learning_rate")
_SHOWN_SCORES = ("noise", "dead", "dead_units", "update", "rotation")  # in Markdown
_MOST_ROWS = 20  # of a table in Markdown


@dataclass(frozen=True, eq=False)
class RunState:
    """What a recorded training says at one of its steps.

    Attributes:
        run: the training.
        scores: those of the step.
        alarms: errors, warnings and notes that were raised up to the step, oldest first.
        diagnosis: at the step.
    """

    run: Run
    scores: Scores
    alarms: tuple[Alarm, ...]
    diagnosis: Diagnosis

    @property
    def raised(self) -> list[Alarm]:
        """The errors and warnings, also those that ended."""
        return [alarm for alarm in self.alarms if alarm.level != "note"]

    @property
    def notes(self) -> list[Alarm]:
        """The notes, also those that ended."""
        return [alarm for alarm in self.alarms if alarm.level == "note"]

    @property
    def progress(self) -> str:
        """How far the training is, in a line."""
        run, step = self.run, self.scores.step
        planned = run.facts_at(step).epochs
        first = run.steps[0]
        of = f" of {first + planned}" if planned is not None and run.unit == "epoch" else ""
        last = "" if step == run.steps[-1] else f" (the last one is {run.steps[-1]})"
        end = f"the recording has {'' if run.has_ended else 'not '}ended"
        logs = "".join(f", {text}" for text in logs_in_words(self.scores.logs))
        return f"{run.location}: {run.unit} {step}{of}{last}{logs}; {end}"


def state_at(run: Run, step: int | None = None) -> RunState:
    """Returns what a recorded training says at a step.

    Args:
        run: with at least one step.
        step: one of its steps; None for the last one.

    Raises:
        UsageError: there is no such step.
        ValueError, OSError: it cannot be read any more.

    Example:
        >>> from keras_filterwatch.runs import read
        >>> print(state_at(read("tests/records/version-1"), 1).progress)
        tests/records/version-1: epoch 1 of 2 (the last one is 2), loss 0.5, learning_rate 0.25; \
the recording has ended
    """
    number = run.steps[-1] if step is None else step
    if number not in run.steps:
        steps = f"{len(run.steps)} from {run.steps[0]} to {run.steps[-1]}"
        raise UsageError(f"--step {number}: the run in {run.location} has no such step; {steps}.")
    alarms = [
        replace(alarm, ended=None) if (alarm.ended or 0) > number else alarm
        for alarm in (*run.alarms, *run.notes)
        if alarm.step <= number
    ]
    diagnosis = [each for start, each in run.diagnoses if start <= number][-1]
    in_order = sorted(alarms, key=lambda alarm: alarm.step)
    return RunState(run, run.scores_at(number), tuple(in_order), diagnosis)


def logs_in_words(logs: Mapping[str, float]) -> list[str]:
    """Returns the losses, the accuracies and the learning rate.

    Example:
        >>> logs_in_words({"val_loss": 0.52345, "other": 1.0, "loss": 0.5})
        ['loss 0.5', 'val_loss 0.5234']
    """
    return [f"{name} {logs[name]:.4g}" for name in _SHOWN_LOGS if name in logs]


def as_lines(state: RunState) -> list[str]:
    """Returns what people read on a console."""
    history = History([state.scores], state.run.facts_at(state.scores.step))
    lines = [printable(state.progress), ""]
    lines += summary(history, state.raised, state.notes, state.diagnosis)
    return [*lines, *(f"problem: {printable(problem)}" for problem in state.run.problems)]


def as_document(state: RunState) -> dict[str, Any]:
    """Returns all that is known at a step, as docs/cli.md describes it field by field."""
    run, scores = state.run, state.scores
    return {
        "location": run.location,
        "unit": run.unit,
        "step": scores.step,
        "steps": run.steps,
        "epochs": run.facts_at(scores.step).epochs,
        "has_ended": run.has_ended,
        "logs": {name: finite(value) for name, value in scores.logs.items()},
        "sentences": sentences.overview(scores) if scores else [],
        "layers": [layer_document(name, layer) for name, layer in scores.items()],
        "skipped": dict(scores.skipped),
        "alarms": [_alarm(alarm) for alarm in state.raised],
        "notes": [_alarm(alarm) for alarm in state.notes],
        "diagnosis": diagnosis_document(state.diagnosis),
        "problems": run.problems,
    }


def as_markdown(state: RunState) -> str:
    """Returns what people read in a pull request."""
    scores = state.scores
    lines = [f"### {markdown(state.progress)}", ""]
    lines += [f"- {markdown(line)}" for line in (sentences.overview(scores) if scores else [])]
    columns = [name for name in _SHOWN_SCORES if any(name in layer for layer in scores.values())]
    if scores:
        lines += ["", _cells(["layer", "kernel", *columns, "state"])]
        lines += [_cells(["---", "---", *["---:"] * len(columns), "---"])]
    for name, layer in list(scores.items())[:_MOST_ROWS]:
        numbers = [f"{layer[each]:.3g}" if each in layer else "-" for each in columns]
        kernel = "x".join(map(str, layer.shape))
        lines.append(_cells([markdown(name), kernel, *numbers, state_of(layer)]))
    if len(scores) > _MOST_ROWS:
        lines += ["", f"and {more_layers(len(scores) - _MOST_ROWS)}"]
    lines += ["", *(f"- {markdown(line)}" for line in _alarm_lines(state.raised))]
    return "\n".join([*lines, f"- diagnosis: {markdown(state.diagnosis)}"])


def as_audited_file(state: RunState) -> dict[str, Any]:
    """Returns the state as the conditions of `--fail-on` take it: with what holds at the step."""
    return {
        **as_document(state),
        "file": state.run.location,
        "error": None,
        "alarms": [_alarm(alarm) for alarm in state.raised if alarm.ended is None],
        "notes_that_hold": [_alarm(alarm) for alarm in state.notes if alarm.ended is None],
    }


def _alarm_lines(alarms: Iterable[Alarm]) -> list[str]:
    return [
        f"alarm at step {alarm.step}"
        + ("" if alarm.ended is None else f" (ended at step {alarm.ended})")
        + f": {alarm.message}"
        for alarm in alarms
    ]


def _alarm(alarm: Alarm) -> dict[str, Any]:
    ended = None if alarm.ended is None else int(alarm.ended)
    return {**alarm_document(alarm), "step": int(alarm.step), "ended": ended}


def _cells(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
