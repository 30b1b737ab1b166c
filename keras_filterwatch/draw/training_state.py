"""TrainingState: what is known of a training at one of its steps, from a callback or a record."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.draw.run_argument import is_run
from keras_filterwatch.history import History
from keras_filterwatch.kernels import Array
from keras_filterwatch.scores import LayerScores, Scores


@dataclass(frozen=True, eq=False)
class TrainingState:
    """All of a training up to one step that a picture of the whole network shows.

    Attributes:
        steps: the steps so far, in ascending order, at least one.
        last: the scores of the last of them; its layers are those of the network.
        numbers: takes a score's name and places in `steps`; returns the values of the score,
            `(layers, places)`, NaN where undefined.
        logs: takes places in `steps`; returns what Keras logged there: name -> its values, None
            where absent.
        raised: alarms and notes so far, ended ones included.
        diagnosis: the most probable cause of those that hold.
        unit: what the steps count, `"epoch"` or `"step"`.
    """

    steps: Sequence[int]
    last: Scores
    numbers: Callable[[str, Sequence[int]], Array]
    logs: Callable[[Sequence[int]], Mapping[str, Sequence[float | None]]]
    raised: Sequence[Alarm]
    diagnosis: Diagnosis
    unit: str = "epoch"

    @classmethod
    def of_history(
        cls,
        history: History,
        raised: Sequence[Alarm],
        diagnosis: Diagnosis,
        unit: str | None = None,
    ) -> "TrainingState":
        """Returns the state after the last step of a history, which has one or more.

        Without `unit`, steps are taken to count what they all agree with.
        """
        last = history[-1]
        names, nothing = last.layers.keys(), LayerScores("", (), "undetermined", {}, {})
        counts_epochs = all(scores.step == scores.epoch for scores in history)

        def numbers(score: str, places: Sequence[int]) -> Array:
            columns = []
            for place in places:
                layers = history[place].layers
                if layers.keys() != names:  # another fit had other layers
                    layers = {name: layers.get(name, nothing) for name in names}
                columns.append([layers[name].numbers.get(score, math.nan) for name in names])
            return np.array(columns, np.float64).reshape(len(places), len(names)).T

        def logs(places: Sequence[int]) -> dict[str, list[float | None]]:
            return _by_name([history[place].logs for place in places])

        return cls(
            [scores.step for scores in history],
            *(last, numbers, logs, raised, diagnosis),
            unit=unit or ("epoch" if counts_epochs else "step"),
        )

    @classmethod
    def of_run(cls, run: Any, step: int | None) -> "TrainingState":
        """Returns the state of a recorded training as of a step, or as of the last one.

        Raises:
            ValueError: the run has no such step, or none at all.
        """
        if step is not None:
            run.facts_at(step)  # raises a ValueError that says which steps there are
        elif not run.steps:
            raise ValueError(f"the record in {run.location} has no step yet.")
        steps = [each for each in run.steps if step is None or each <= step]
        last = run.scores_at(steps[-1])
        rows = {name: row for row, name in enumerate(run.layers)}
        selected_rows = [rows.get(name, -1) for name in last]

        def numbers(score: str, places: Sequence[int]) -> Array:
            values = run.numbers(score, [steps[place] for place in places])
            # below the rows, one for layers that the network has lost since
            values = np.vstack([values, np.full((1, len(places)), np.nan)])
            return np.asarray(values[selected_rows], np.float64)

        def logs(places: Sequence[int]) -> dict[str, list[float | None]]:
            return _by_name([run.logs_at(steps[place]) for place in places])

        return cls(
            *(steps, last, numbers, logs),
            raised=_as_of([*run.alarms, *run.notes], steps[-1]),
            diagnosis=run.diagnosis if step is None else _diagnosis_at(run, step),
            unit=run.unit,
        )


def state_of(function: Callable[..., Any], source: Any, step: int | None) -> TrainingState:
    """Returns the state of a `FilterWatch` or `Run`.

    Args:
        function: the public function that was called, for the messages.
        source: what came.
        step: of a `Run`, one of its steps; None for the last one.

    Raises:
        TypeError: the source is something else.
        ValueError: nothing was watched yet, or there is no such step.
    """
    if is_run(source):
        return TrainingState.of_run(source, step)
    if not hasattr(type(source), "film_strips"):
        raise TypeError(
            f"{function.__name__}: a FilterWatch or a Run is needed, such as "
            f'fw.read("logs/run1"); got {type(source).__name__}. It shows how a training went; '
            "fw.draw.filters shows a model as it is now."
        )
    if not source.history:
        raise ValueError(
            "there is nothing to draw: this FilterWatch has watched nothing yet. Pass it to "
            "model.fit(..., callbacks=[watch]) first."
        )
    if step is not None and step != source.history[-1].step:
        raise ValueError(
            f"step {step!r}: a FilterWatch is drawn as of its last step, "
            f"{source.history[-1].step}. fw.read(log_dir) has the earlier ones."
        )
    raised = [*source.alarms, *source.notes]
    return TrainingState.of_history(source.history, raised, source.diagnosis)


def _by_name(logs: Sequence[Mapping[str, float]]) -> dict[str, list[float | None]]:
    """Returns name -> its value in each of the logs, None where it is absent."""
    names = dict.fromkeys(name for each in logs for name in each)
    return {name: [each.get(name) for each in logs] for name in names}


def _as_of(raised: Sequence[Alarm], step: int) -> list[Alarm]:
    """Returns the alarms that had begun by a step, as they were then."""
    return [
        replace(alarm, ended=None) if alarm.ended is not None and alarm.ended > step else alarm
        for alarm in raised
        if alarm.step <= step
    ]


def _diagnosis_at(run: Any, step: int) -> Diagnosis:
    """Returns the diagnosis that held at a step."""
    diagnoses: list[tuple[int, Diagnosis]] = run.diagnoses
    return next(diagnosis for begin, diagnosis in reversed(diagnoses) if begin <= step)
