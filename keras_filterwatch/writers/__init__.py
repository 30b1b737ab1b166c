"""Writers: what takes the report of each step: TensorBoard, trackers, or the user's own object."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from keras_filterwatch.report import Report

if TYPE_CHECKING:
    from keras_filterwatch.writers.mlflow import MLflow
    from keras_filterwatch.writers.trackio import Trackio
    from keras_filterwatch.writers.wandb import WandB

__all__ = ["MLflow", "Trackio", "WandB", "Writer"]

_MODULES = {"MLflow": "mlflow", "Trackio": "trackio", "WandB": "wandb"}


class Writer(Protocol):
    """What a writer has to have: `FilterWatch(..., writers=[writer])` takes any such object.

    Example:
        >>> class Printer:
        ...     def write(self, report):
        ...         print(report.scores.step, report.diagnosis.cause)
        ...
        ...     def close(self):
        ...         print("closed")
    """

    def write(self, report: Report) -> None:
        """Takes the report of one step. It runs beside training, in FilterWatch's thread."""

    def close(self) -> None:
        """Is called at the end of each fit; another fit may write again."""


def __getattr__(name: str) -> Any:
    """Loads a tracker's writer when it is asked for."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}.")


def __dir__() -> list[str]:
    return __all__
