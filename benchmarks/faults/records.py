"""A record of a training, as a file: all that alarms and diagnosis need, so that both can be tried
again without training."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from keras_filterwatch.scores import LayerScores, Scores


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Writes a record; a process that is killed leaves none, or a whole one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    unfinished.write_bytes(gzip.compress(json.dumps(_plain(record)).encode(), mtime=0))
    unfinished.rename(path)


def read(path: Path) -> dict[str, Any]:
    """A record; `history_from_json` makes its history what it was."""
    return json.loads(gzip.decompress(path.read_bytes()))


def history_to_json(history: Sequence[Scores]) -> list[dict[str, Any]]:
    """A history as lists, dicts and numbers."""
    return [
        _fields(scores) | {"layers": {name: _fields(layer) for name, layer in scores.items()}}
        for scores in history
    ]


def history_from_json(history: Sequence[Mapping[str, Any]]) -> list[Scores]:
    """What `history_to_json` was given."""
    return [
        Scores(**{**scores, "layers": {k: _layer(v) for k, v in scores["layers"].items()}})
        for scores in history
    ]


def _layer(content: Mapping[str, Any]) -> LayerScores:
    filters = {name: np.asarray(values) for name, values in content["filters"].items()}
    return LayerScores(**{**content, "shape": tuple(content["shape"]), "filters": filters})


def _fields(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in fields(instance)}


def _plain(value: Any) -> Any:
    """Arrays as lists, six digits of each number: a third of the size."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
