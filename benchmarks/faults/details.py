"""Describes one recorded training by step: its logs, alarms, causes and scores."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import ours, records
from benchmarks.faults.labels import LABELS
from keras_filterwatch.history import History
from keras_filterwatch.scores import LayerScores

_SCORES = ("noise", "rotation", "update", "norm", "dead_units", "saturated_units", "gradient")


def details(results: Path, name: str, probed: bool = True) -> str:
    """Returns the logs of a training, and the alarms, notes, causes and scores of each step.

    Args:
        results: the folder of the records.
        name: of the training.
        probed: False leaves out all that needs `probe`.
    """
    path = next(iter(results.glob(f"*/{name}.json.gz")), None)
    if path is None:
        return f"There is no record called {name!r} in {results}.\n"
    record = records.read(path)
    history = records.history(record, probed)
    label = LABELS[record["fault"]] if record["fault"] else None
    outcome = ", ".join(f"{key} {value}" for key, value in record["outcome"].items())
    lines = [
        f"{name}: family {record['family']}, right: {label.right(probed) if label else 'silence'}",
        f"outcome: {outcome}{', BORDERLINE' if record['borderline'] else ''}",
        f"{record['epochs']} epochs of {record['updates'] // record['epochs']} updates",
        f"facts: {history.facts}",
        *_logs(history),
        *_alarms(history),
        *_layers(history),
    ]
    return "\n".join(lines) + "\n"


def _logs(history: History) -> Iterator[str]:
    yield "\nlogs, by epoch"
    names = dict.fromkeys(name for scores in history for name in scores.logs)
    for name in names:
        values = (scores.logs.get(name) for scores in history.epoch_ends)
        yield f"  {name:20} " + " ".join("-" if v is None else f"{v:.3g}" for v in values)


def _alarms(history: History) -> Iterator[str]:
    yield "\ncause, alarms and (notes) that hold, by step"
    for step in ours.steps(history):
        cause = step.cause if step.holding else "-"
        alarms = [f"{alarm.rule} {alarm.layer}".strip() for alarm in step.holding]
        notes = [f"({note.rule} {note.layer})".replace(" )", ")") for note in step.notes]
        yield f"  epoch {step.epoch:2}  {cause:28} {', '.join([*alarms, *notes])}"
    for step in ours.steps(history)[-1:]:
        yield from (f"    {alarm.level}: {alarm.message}" for alarm in step.holding)
        yield from (f"    note: {note.message}" for note in step.notes)


def _layers(history: History) -> Iterator[str]:
    yield "\nscores, by step"
    for name, layer in history[-1].items():
        yield f"  {name} {_shape(layer)}{'' if layer.trainable else ', frozen'}"
        for score in _SCORES:
            values = history.values(name, score)
            if values:
                yield f"    {score:16} " + " ".join(f"{value:.3g}" for value in values)


def _shape(layer: LayerScores) -> str:
    return f"{layer.layer_type} {'x'.join(map(str, layer.shape))}, {layer.verdict}"
