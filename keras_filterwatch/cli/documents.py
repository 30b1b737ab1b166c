"""Layers, alarms and diagnoses as the JSON of the command has them: see docs/cli.md."""

import math
from typing import TYPE_CHECKING, Any

from keras_filterwatch.cli.states import state_of

if TYPE_CHECKING:
    from keras_filterwatch.alarms import Alarm
    from keras_filterwatch.diagnosis import Diagnosis
    from keras_filterwatch.scores import LayerScores


def layer_document(name: str, layer: "LayerScores") -> dict[str, Any]:
    """Returns what is known of a layer.

    Example:
        >>> from keras_filterwatch.scores import LayerScores
        >>> layer = LayerScores("Conv2D", (1, 1, 4, 8), "undetermined", {"norm": 0.5}, {})
        >>> layer_document("conv", layer)["scores"]
        {'norm': 0.5}
    """
    return {
        "name": name,
        "layer_type": layer.layer_type,
        "kind": layer.kind,
        "shape": [int(size) for size in layer.shape],
        "trainable": bool(layer.trainable),
        "state": state_of(layer),
        "verdict": layer.verdict,
        "sentence": layer.sentence,
        "scores": scores_document(layer),
    }


def scores_document(layer: "LayerScores") -> dict[str, float]:
    """Returns the scores of a layer that are finite."""
    return {name: float(number) for name, number in layer.items() if math.isfinite(number)}


def alarm_document(alarm: "Alarm") -> dict[str, Any]:
    """Returns an alarm, without when it began and ended."""
    return {
        "rule": alarm.rule,
        "layer": alarm.layer,
        "level": alarm.level,
        "value": finite(alarm.value),
        "threshold": finite(alarm.threshold),
        "filters": [int(number) for number in alarm.filters],
        "message": alarm.message,
    }


def diagnosis_document(diagnosis: "Diagnosis") -> dict[str, Any]:
    """Returns a diagnosis."""
    return {
        "cause": diagnosis.cause,
        "evidence": list(diagnosis.evidence),
        "advice": diagnosis.advice,
    }


def finite(number: float) -> float | None:
    """Returns a number as JSON can hold it: None for NaN and infinity.

    Example:
        >>> finite(0.5), finite(float("nan"))
        (0.5, None)
    """
    return float(number) if math.isfinite(number) else None
