"""Watch the filters of a Keras network form: pictures, scores and alarms in TensorBoard."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras_filterwatch import draw, metrics, rules
    from keras_filterwatch.diagnosis import Diagnosis, diagnose
    from keras_filterwatch.kernels import Kernel, Snapshot
    from keras_filterwatch.model.maximize import maximize
    from keras_filterwatch.rules import Alarm, default_rules
    from keras_filterwatch.scores import Scores
    from keras_filterwatch.scoring import score
    from keras_filterwatch.training.callback import FilterWatch

__version__ = "0.1.0"

__all__ = [
    "Alarm",
    "Diagnosis",
    "FilterWatch",
    "Kernel",
    "Scores",
    "Snapshot",
    "default_rules",
    "diagnose",
    "draw",
    "maximize",
    "metrics",
    "rules",
    "score",
]

_HOMES = {
    "Alarm": "rules",
    "Diagnosis": "diagnosis",
    "FilterWatch": "training.callback",
    "Kernel": "kernels",
    "Scores": "scores",
    "Snapshot": "kernels",
    "default_rules": "rules",
    "diagnose": "diagnosis",
    "maximize": "model.maximize",
    "score": "scoring",
}


def __getattr__(name: str) -> Any:
    """Loads a public name when it is asked for: who wants the metrics need not wait for Keras."""
    if name in _HOMES:
        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}.")


def __dir__() -> list[str]:
    return __all__
