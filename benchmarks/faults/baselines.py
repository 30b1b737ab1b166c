"""The published rules of other tools, applied to the measures of a record.

They are written from the tools' definitions, with their default thresholds. A tool names a symptom;
`CAUSES` has the true causes for which a symptom counts as right, in doubt in the tool's favour. A
tool says nothing about what could not be measured, such as the accuracy of a training without one.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

Record = Mapping[str, Any]
Measured = Mapping[str, Any]

_LOW = {"rate too low", "clipped to nothing", "vanishing gradient"}
_HIGH = {"rate too high", "inputs not normalised"}
_NO_OUTPUT = {"symmetric initialisation", "over-regularised", "dead at the start"}
CAUSES: Mapping[str, set[str]] = {
    "dead": {"rate too high", *_NO_OUTPUT},
    "vanishing": {"vanishing gradient", "saturated", "dead at the start"},
    "exploding": {"diverged", *_HIGH},
    "not finite": {"diverged", "inputs not finite"},
    "saturated": {"saturated"},
    "slow": _LOW,
    "oscillating": _HIGH,
    "update too small": {*_LOW, "frozen at random", "dead at the start"},
    "update too large": _HIGH,
    "unchanged": {*_LOW, "frozen at random", "dead at the start"},
    "variance too small": {"symmetric initialisation", "over-regularised"},
    "variance too large": {"saturated", "rate too high"},
}
_ACCURACIES = ("acc", "top", "f1", "auc", "dice", "iou", "precision", "recall")


def first_alarm(tool: str, record: Record) -> tuple[int, set[str]] | None:
    """Returns the epoch of a tool's first alarm, 0 before training, and its symptoms; else None."""
    for epoch in range(len(record["measures"])):
        symptoms = set(TOOLS[tool](record, epoch))
        if symptoms:
            return epoch, symptoms
    return None


def is_right(symptoms: Collection[str], causes: Collection[str]) -> bool:
    """Returns True if any symptom is one of a right cause."""
    return any(CAUSES[symptom] & set(causes) for symptom in symptoms)


def accuracy_names(record: Record) -> list[str]:
    """Returns the names in the logs of a training's first accuracy-like metric and of its `val_`.

    Those that are not logged are absent.
    """
    names = list(record["logs"][0]) if record["logs"] else []
    first = next(
        (
            name
            for name in names
            if not name.startswith("val_") and any(part in name for part in _ACCURACIES)
        ),
        None,
    )
    return [name for name in (first, f"val_{first}") if name in names]


def _sagemaker(record: Record, epoch: int) -> Iterator[str]:
    """SageMaker Debugger: dead_relu, vanishing_gradient, weight_update_ratio, exploding_tensor."""
    now = record["measures"][epoch]
    if not _finite(now):
        yield "not finite"
    if any(output["inactive"] > 0.5 for output in _relus(now)):
        yield "dead"
    if any(mean < 1e-7 for mean in now.get("gradient_means", ())):
        yield "vanishing"
    yield from _update(now, 1e-8, 10)


def _autotrainer(record: Record, epoch: int) -> Iterator[str]:
    """AutoTrainer (Zhang et al., ICSE 2021).

    It judges accuracies once 30 % of the epochs are over, and looks for the reason among the
    gradients only where the accuracy is below .7 or rises too slowly.
    """
    now, logs = record["measures"][epoch], record["logs"][:epoch]
    if not _finite(now) or not np.isfinite([log.get("loss", 0.0) for log in logs]).all():
        yield "not finite"
        return
    names = accuracy_names(record)
    if not names or "gradient_norms" not in now:
        return
    if epoch < max(0.3 * record["epochs"], 2):
        return
    curves = [[log[name] for log in logs] for name in names]
    slow = all(np.diff(curve).max() < 0.01 for curve in curves)
    if slow or any(max(curve) < 0.7 for curve in curves):
        first, last = now["gradient_norms"][0], now["gradient_norms"][-1]
        if now["zero_gradients"] >= 0.7:
            yield "dead"
        elif first > 70 * last:
            yield "exploding"
        elif first < 1e-3 * last and first < 1e-4:
            yield "vanishing"
        elif slow:
            yield "slow"
    elif _swings(curves[0], 0.03) >= 0.2 * len(logs):
        yield "oscillating"


def _swings(curve: Sequence[float], size: float) -> int:
    """Returns how many pairs of a peak and the trough of the same number differ by `size`."""
    inner = range(1, len(curve) - 1)
    peaks = [curve[i] for i in inner if curve[i] >= max(curve[i - 1], curve[i + 1])]
    troughs = [curve[i] for i in inner if curve[i] <= min(curve[i - 1], curve[i + 1])]
    return sum(peak - trough >= size for peak, trough in zip(peaks, troughs, strict=False))


def _deepdiagnosis(record: Record, epoch: int) -> Iterator[str]:
    """DeepDiagnosis (Wardat et al., ICSE 2022)."""
    now = record["measures"][epoch]
    if not _finite(now):
        yield "not finite"
    if any(output["not_positive"] >= 0.7 for output in _relus(now)):
        yield "dead"
    if any(output.get("beyond_5", 0) > 0.5 for output in now.get("outputs", ())):
        yield "saturated"
    if any(variance < 1e-5 for variance in now.get("weight_variances", ())):
        yield "variance too small"
    if any(variance > 10 for variance in now.get("weight_variances", ())):
        yield "variance too large"
    if epoch >= 5 and "weight_means" in now:
        past = [measured["weight_means"] for measured in record["measures"][epoch - 5 : epoch]]
        if any(
            set(means) == {mean} for *means, mean in zip(*past, now["weight_means"], strict=True)
        ):
            yield "unchanged"


def _thedeepchecker(record: Record, epoch: int) -> Iterator[str]:
    """TheDeepChecker (Ben Braiek & Khomh, 2023)."""
    now = record["measures"][epoch]
    if not _finite(now):
        yield "not finite"
    if any(output["low"] > 0.5 for output in now.get("outputs", ())):
        yield "dead"
    if any(output.get("saturated", 0) > 0.5 for output in now.get("outputs", ())):
        yield "saturated"
    yield from _update(now, 1e-4, 1e-1)


def _finite(now: Measured) -> bool:
    return bool(
        np.isfinite([*now.get("weight_means", ()), *now.get("gradient_means", ())]).all()
        and all(output["finite"] for output in now.get("outputs", ()))
    )


def _relus(now: Measured) -> list[Measured]:
    return [output for output in now.get("outputs", ()) if output["activation"] == "relu"]


def _update(now: Measured, low: float, high: float) -> Iterator[str]:
    if any(ratio < low for ratio in now.get("updates", ())):
        yield "update too small"
    if any(ratio > high for ratio in now.get("updates", ())):
        yield "update too large"


TOOLS: dict[str, Callable[[Record, int], Iterator[str]]] = {
    "SageMaker Debugger": _sagemaker,
    "AutoTrainer": _autotrainer,
    "DeepDiagnosis": _deepdiagnosis,
    "TheDeepChecker": _thedeepchecker,
}
