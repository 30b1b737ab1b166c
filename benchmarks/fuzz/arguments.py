"""Random arguments of FilterWatch, some of them with a fault that watching has to survive."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

import keras_filterwatch as fw
from benchmarks.fuzz.models import Network, data_of

PICTURES = ("overview", "filters", "film_strip", "templates", "class_paths", "components")
PROBE_PICTURES = ("activations", "favourites")


def _fail(*_: Any) -> Any:
    raise ValueError("a fault on purpose: \ud800 | \x1b[31m")


class StepCollector:
    """A writer that collects the steps of the reports."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def write(self, report: fw.Report) -> None:
        """Adds the step of a report."""
        self.steps.append(report.scores.step)

    def close(self) -> None:
        """Does nothing."""


class FailingWriter:
    """A writer whose methods raise an error."""

    def write(self, report: fw.Report) -> None:
        """Raises ValueError."""
        _fail()

    def close(self) -> None:
        """Raises ValueError."""
        _fail()


def _moved(history: fw.History) -> Any:
    last = history[-1]
    for name in last:
        yield fw.Alarm("moved", name, last.step, 1.0, 0.0, (), f"{name} moved.")


def _come_and_go(history: fw.History) -> Any:
    """Yields alarms that begin, end and change their level from step to step."""
    last = history[-1]
    for number, name in enumerate([*last, ""]):
        level = ("note", "warning", "error", None)[(last.step + number) % 4]
        if level:
            yield fw.Alarm("comes_and_goes", name, last.step, 1.0, 0.0, (), "It is so.", level)


def _spoil(history: fw.History) -> Any:
    history[-1].layers.clear()  # type: ignore[attr-defined]


@np.errstate(all="ignore")  # a warning may be an error, and weights infinite
def _sums(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1, array.shape[-1]).sum(axis=0)


METRICS = {
    "number": (np.max, False),
    "per filter": (_sums, False),
    "not finite": (lambda array: np.nan, False),
    "fails": (_fail, True),
    "text": (lambda array: "text", True),
    "wrong shape": (lambda array: np.zeros((3, 3, 3)), True),
    "a|<b>\n": (np.min, False),
}
RULES = {
    "moved": (_moved, False),
    "comes and goes": (_come_and_go, False),
    "fails": (_fail, True),
    "nothing": (lambda history: None, True),
    "bytes": (lambda history: [b"alarm"], True),
    "spoils": (_spoil, True),
}
LAYERS = {
    "all": (None, False),
    "pattern": ("*", False),
    "unknown": ("nowhere", True),
    "function": (lambda layer: "conv" in layer.name, True),
    "failing function": (_fail, True),
    "several": (["*conv*", "*dense*", "head"], True),
}


@dataclass(frozen=True)
class Arguments:
    """How FilterWatch is made; names stand for the values in the tables above."""

    layers: str
    freq: str | int
    probe: str
    images: bool | tuple[str, ...]
    rules: tuple[str, ...] | None
    metrics: tuple[str, ...]
    writers: tuple[str, ...]

    @property
    def has_fault(self) -> bool:
        """True if watching may well record a problem."""
        return (
            LAYERS[self.layers][1]
            or self.probe == "wrong shape"
            or any(RULES[rule][1] for rule in self.rules or ())
            or any(METRICS[metric][1] for metric in self.metrics)
            or "failing" in self.writers
        )


_OFTEN = {"layers": ["all"] * 6 + [*LAYERS], "probe": ["", "", "", "array", "pair", "generator"]}


@st.composite
def arguments(draw: st.DrawFn) -> Arguments:
    """Draws arguments."""
    probe = draw(st.sampled_from([*_OFTEN["probe"], "wrong shape"]))
    names = PICTURES + (PROBE_PICTURES if probe else ())
    return Arguments(
        draw(st.sampled_from(_OFTEN["layers"])),
        draw(st.sampled_from(["epoch", 1, 2, 5])),
        probe,
        draw(st.booleans() | st.lists(st.sampled_from(names), max_size=3).map(tuple)),
        draw(st.sampled_from([None, None, ("moved",), *((rule,) for rule in RULES)])),
        draw(st.sampled_from([(), (), ("number", "per filter"), *((name,) for name in METRICS)])),
        draw(st.sampled_from([(), ("collector",), ("collector",), ("failing", "collector")])),
    )


WRITERS = {"collector": StepCollector, "failing": FailingWriter}


def make(description: Arguments, network: Network, directory: Path) -> fw.FilterWatch:
    """Makes the callback from the description of its arguments."""
    x, y = data_of(network, 5, "")
    probes: dict[str, Any] = {
        "": None,
        "array": x,
        "pair": (x, y),
        "generator": ((x[i : i + 2], y[i : i + 2]) for i in range(0, 5, 2)),
        "wrong shape": np.zeros((4, 3, 3)),
    }
    rules = None
    if description.rules is not None:
        rules = [*fw.default_rules(), *(RULES[rule][0] for rule in description.rules)]
    return fw.FilterWatch(
        directory,
        layers=LAYERS[description.layers][0],
        freq=description.freq,
        probe=probes[description.probe],
        images=description.images,
        rules=rules,
        metrics={name: METRICS[name][0] for name in description.metrics},
        writers=[WRITERS[name]() for name in description.writers],
    )
