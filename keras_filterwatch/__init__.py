"""Watch the filters of a Keras network form: pictures, scores and alarms in TensorBoard."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from keras_filterwatch.keras_backend import explains_missing_backend

if TYPE_CHECKING:
    from keras_filterwatch import draw, metrics, rules, writers
    from keras_filterwatch.alarms import Alarm
    from keras_filterwatch.comparison import compare
    from keras_filterwatch.diagnosis import Diagnosis, diagnose
    from keras_filterwatch.history import History
    from keras_filterwatch.judging import judge
    from keras_filterwatch.kernels import Kernel, Snapshot
    from keras_filterwatch.model.maximize import maximize
    from keras_filterwatch.report import Report
    from keras_filterwatch.rules import default_rules
    from keras_filterwatch.runs import Run, read
    from keras_filterwatch.scores import Scores
    from keras_filterwatch.scoring import score
    from keras_filterwatch.sources import snapshot_of
    from keras_filterwatch.training.callback import FilterWatch

__version__ = "0.1.0"

__all__ = [
    "Alarm",
    "Diagnosis",
    "FilterWatch",
    "History",
    "Kernel",
    "Report",
    "Run",
    "Scores",
    "Snapshot",
    "compare",
    "default_rules",
    "diagnose",
    "draw",
    "judge",
    "maximize",
    "metrics",
    "read",
    "rules",
    "score",
    "snapshot_of",
    "writers",
]

_MODULES = {
    "Alarm": "alarms",
    "Diagnosis": "diagnosis",
    "FilterWatch": "training.callback",
    "History": "history",
    "Kernel": "kernels",
    "Report": "report",
    "Run": "runs",
    "Scores": "scores",
    "Snapshot": "kernels",
    "compare": "comparison",
    "default_rules": "rules",
    "diagnose": "diagnosis",
    "judge": "judging",
    "maximize": "model.maximize",
    "read": "runs",
    "score": "scoring",
    "snapshot_of": "sources",
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is asked for: metrics alone need not wait for Keras."""
    if name in _MODULES:
        with explains_missing_backend():
            return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}.")


def __dir__() -> list[str]:
    return __all__
