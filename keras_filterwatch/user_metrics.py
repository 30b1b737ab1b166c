"""Scores of the user's own: functions of a kernel's array, which may fail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from keras_filterwatch.kernels import Array, Kernel
from keras_filterwatch.metrics import Measurement, Measurements

UserMetric: TypeAlias = Callable[[Array], ArrayLike]


@dataclass(frozen=True)
class ScoringFailure:
    """One of the user's own metrics that gave no score for a kernel.

    Attributes:
        metric: the metric's name.
        kernel: the kernel's name.
        error: what the metric raised, or what is wrong with what it returned.
    """

    metric: str
    kernel: str
    error: Exception

    def __str__(self) -> str:
        return f"metric {self.metric!r} failed on kernel {self.kernel!r}: {self.error!r}"


def user_measurements(
    kernel: Kernel, metrics: Mapping[str, UserMetric]
) -> tuple[Measurements, list[ScoringFailure]]:
    """Returns what the user's own metrics measure of a kernel, and which of them failed.

    Args:
        kernel: the kernel.
        metrics: name -> function of the kernel's array, `(*spatial, channels, filters)`.

    Example:
        >>> kernel = Kernel("conv", "Conv2D", np.ones((3, 3, 1, 4)))
        >>> measurements, failures = user_measurements(kernel, {"peak": np.max})
        >>> measurements["peak"].number, failures
        (1.0, [])
    """
    measurements: Measurements = {}
    failures: list[ScoringFailure] = []
    if not metrics:
        return measurements, failures
    # their own copy: training may overwrite the weights, and a metric may keep what it was given
    array = np.array(kernel.array)
    array.flags.writeable = False
    for name, metric in metrics.items():
        try:
            measurements[name] = _user_measurement(metric(array), kernel.filters)
        except Exception as error:
            failures.append(ScoringFailure(name, kernel.name, error))
    return measurements, failures


@np.errstate(all="ignore")
def _user_measurement(result: Any, filters: int) -> Measurement:
    expected = f"a number, or an array of one number per filter, shape ({filters},), is needed"
    if result is None:
        raise TypeError(f"it returned None; {expected}.")
    values = np.asarray(result)
    if values.dtype.kind not in "biufV" or values.shape not in ((), (filters,)):
        raise TypeError(
            f"it returned {type(result).__name__} of shape {values.shape} and dtype "
            f"{values.dtype}; {expected}."
        )
    values = np.array(values, np.float64)  # a copy: the result may be a part of the array
    if values.ndim == 0:
        return Measurement(float(values))
    return Measurement(float(values.mean()) if values.size else np.nan, values)
