"""The document `run`: what holds for a run as a whole."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.blocks import blocks
from keras_filterwatch.run import Run
from keras_filterwatch.score_facts import ScoreFacts
from keras_filterwatch.view.event_pictures import PictureSteps
from keras_filterwatch.view.model_texts import model_texts
from keras_filterwatch.view.values import Value, as_value, logs_as_values, rounded


def run_document(
    run: Run, columns: Sequence[int], scores: Sequence[ScoreFacts], pictures: Sequence[PictureSteps]
) -> dict[str, Any]:
    """Returns the document `run`.

    Args:
        run: which is described; it may have no step yet.
        columns: those of its steps that the heat map and curves show.
        scores: what is known of the scores that some layer has, each with a range.
        pictures: which were drawn while it trained.
    """
    steps = run.steps
    return {
        "name": run.location,
        "version": run.version,
        "unit": run.unit,
        "hasEnded": run.has_ended,
        "read": run.share_read,
        "problems": list(run.problems),
        "steps": steps,
        "columns": list(columns),
        "weightSteps": run.weight_steps,
        "layers": _layers(run),
        "skipped": dict(run.scores_at(steps[-1]).skipped) if steps else {},
        "scores": [_score(facts) for facts in scores],
        "logs": _logs(run),
        "alarms": [_alarm(alarm) for alarm in alarms_and_notes(run)],
        "diagnoses": [
            {
                "step": step,
                "cause": diagnosis.cause,
                "evidence": list(diagnosis.evidence),
                "advice": diagnosis.advice,
            }
            for step, diagnosis in run.diagnoses
        ],
        "model": model_texts(run.model),
        "pictures": [dataclasses.asdict(picture) for picture in pictures],
        "leftOut": "",
    }


def alarms_and_notes(run: Run) -> list[Alarm]:
    """Returns all alarms and notes of a run, oldest first."""
    return sorted([*run.alarms, *run.notes], key=lambda alarm: alarm.step)


def _logs(run: Run) -> dict[str, list[Value]]:
    logs = [run.logs_at(step) for step in run.steps]
    return {name: logs_as_values([each.get(name) for each in logs]) for name in run.logs}


def _layers(run: Run) -> list[dict[str, Any]]:
    block_of = {name: block for block, names in blocks([*run.layers]) for name in names}
    try:
        drawn = {*run.quantised_kernels(run.weight_steps[-1])} if run.weight_steps else set()
    except (OSError, ValueError):  # weights that are damaged: all else can be shown
        drawn = set()
    return [
        {
            "name": name,
            "type": layer.layer_type,
            "kind": layer.kind,
            "shape": list(layer.shape),
            "block": block_of.get(name, ""),
            "trainable": layer.trainable,
            "drawn": name in drawn,
        }
        for name, layer in run.layers.items()
    ]


def _score(facts: ScoreFacts) -> dict[str, Any]:
    ends = [facts.low or 0.0, 1.0 if facts.high is None else facts.high]
    low, high = rounded(np.array(ends)).tolist()
    return {
        "name": facts.name,
        "about": facts.about,
        "low": low,
        "high": high if math.isfinite(high) else low,
        "better": facts.better,
    }


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {
        "rule": alarm.rule,
        "layer": alarm.layer,
        "step": alarm.step,
        "ended": alarm.ended,
        "level": alarm.level,
        "value": as_value(alarm.value),
        "threshold": as_value(alarm.threshold),
        "filters": list(alarm.filters),
        "message": alarm.message,
    }
