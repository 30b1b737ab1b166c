"""Writes and reads a record of a training: all that rules and diagnosis need to be tried again."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from keras_filterwatch.history import History
from keras_filterwatch.model_facts import InputFacts, ModelFacts, OutputFacts, TargetFacts
from keras_filterwatch.scores import LayerScores, Scores

# the scores that need a probe
_PROBED = {
    *("apoz", "dead_units", "saturated_units", "activation_mean", "activation_std"),
    *("gradient", "observations"),
}
_PROBED_LOGS = {"probe_loss"}


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record; a process that is killed leaves none, or a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(gzip.compress(json.dumps(_plain(record)).encode(), mtime=0))
    unfinished.rename(path)


def read(path: Path) -> dict[str, Any]:
    """Returns a record as plain values; `history` makes a `History` of it."""
    return json.loads(gzip.decompress(path.read_bytes()))


def history(record: Mapping[str, Any], probed: bool = True) -> History:
    """Returns the history of a record.

    Args:
        record: as `read` returns it.
        probed: False leaves out all that `probe` has added.
    """
    steps = history_from_json(record["history"])
    facts = facts_from_json(record["facts"])
    return History(steps, facts) if probed else without_probe(History(steps, facts))


def without_probe(history: History) -> History:
    """Returns a history as it would be if the callback had no `probe`."""
    facts = {field.name: getattr(history.facts, field.name) for field in fields(ModelFacts)}
    return History(
        [
            Scores(
                **{
                    **_fields(scores),
                    "layers": {name: _unprobed(layer) for name, layer in scores.items()},
                    "logs": {k: v for k, v in scores.logs.items() if k not in _PROBED_LOGS},
                }
            )
            for scores in history
        ],
        ModelFacts(**{**facts, "inputs": (), "targets": ()}),
    )


def history_to_json(history: Sequence[Scores]) -> list[dict[str, Any]]:
    """Returns a history as lists, dicts and numbers."""
    return [
        _fields(scores) | {"layers": {name: _fields(layer) for name, layer in scores.items()}}
        for scores in history
    ]


def history_from_json(history: Sequence[Mapping[str, Any]]) -> list[Scores]:
    """Returns what `history_to_json` was given."""
    return [
        Scores(**{**scores, "layers": {k: _layer(v) for k, v in scores["layers"].items()}})
        for scores in history
    ]


def facts_from_json(facts: Mapping[str, Any]) -> ModelFacts:
    """Returns the facts that `dataclasses.asdict` was given."""
    known = {field.name for field in fields(ModelFacts)}
    content = {name: value for name, value in facts.items() if name in known}
    for name, kind in (("outputs", OutputFacts), ("inputs", InputFacts), ("targets", TargetFacts)):
        content[name] = tuple(kind(**each) for each in content.get(name, ()))
    for name, value in content.items():
        content[name] = tuple(value) if isinstance(value, list) else value
    return ModelFacts(**content)


def _unprobed(layer: LayerScores) -> LayerScores:
    kept = {
        name: {k: v for k, v in getattr(layer, name).items() if k not in _PROBED}
        for name in ("numbers", "filters")
    }
    return LayerScores(**{**_fields(layer), **kept})


def _layer(content: Mapping[str, Any]) -> LayerScores:
    filters = {name: np.asarray(values) for name, values in content["filters"].items()}
    return LayerScores(**{**content, "shape": tuple(content["shape"]), "filters": filters})


def _fields(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in fields(instance)}


def _plain(value: Any) -> Any:
    """Returns arrays as lists, and numbers with six digits, which takes a third of the space."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
