"""Random arguments of FilterWatch, some of them with a fault that watching has to survive."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

import keras_filterwatch as fw
from benchmarks.fuzz.models import Network, data_of

PICTURES = ("filters", "film_strip", "templates", "class_paths", "components")
PROBE_PICTURES = ("activations", "favourites")


def _fails(*_: Any) -> Any:
    raise ValueError("a fault on purpose: \ud800 | \x1b[31m")


class Keeps:
    """A writer that keeps every report."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def write(self, report: fw.Report) -> None:
        """Keeps the step."""
        self.steps.append(report.scores.step)

    def close(self) -> None:
        """Does nothing."""


class Fails:
    """A writer that fails."""

    def write(self, report: fw.Report) -> None:
        """Fails."""
        _fails()

    def close(self) -> None:
        """Fails."""
        _fails()


def _moved(history: fw.History) -> Any:
    last = history[-1]
    for name in last:
        yield fw.Alarm("moved", name, last.step, 1.0, 0.0, (), f"{name} moved.")


def _spoils(history: fw.History) -> Any:
    history[-1].layers.clear()  # type: ignore[attr-defined]


METRICS = {
    "number": (np.max, False),
    "per filter": (lambda array: array.reshape(-1, array.shape[-1]).sum(axis=0), False),
    "not finite": (lambda array: np.nan, False),
    "fails": (_fails, True),
    "text": (lambda array: "text", True),
    "wrong shape": (lambda array: np.zeros((3, 3, 3)), True),
    "a|<b>\n": (np.min, False),
}
RULES = {
    "moved": (_moved, False),
    "fails": (_fails, True),
    "nothing": (lambda history: None, True),
    "bytes": (lambda history: [b"alarm"], True),
    "spoils": (_spoils, True),
}
LAYERS = {
    "all": (None, False),
    "pattern": ("*", False),
    "unknown": ("nowhere", True),
    "function": (lambda layer: "conv" in layer.name, True),
    "failing function": (_fails, True),
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
            or "fails" in self.writers
        )


_OFTEN = {"layers": ["all"] * 6 + [*LAYERS], "probe": ["", "", "", "array", "array", "generator"]}


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
        draw(st.sampled_from([(), ("keeps",), ("keeps",), ("fails", "keeps")])),
    )


def make(given: Arguments, network: Network, directory: Path) -> fw.FilterWatch:
    """Makes the callback."""
    x, y = data_of(network, 5, "")
    probes: dict[str, Any] = {
        "": None,
        "array": x,
        "generator": ((x[i : i + 2], y[i : i + 2]) for i in range(0, 5, 2)),
        "wrong shape": np.zeros((4, 3, 3)),
    }
    own = None if given.rules is None else [RULES[rule][0] for rule in given.rules]
    return fw.FilterWatch(
        directory,
        layers=LAYERS[given.layers][0],
        freq=given.freq,
        probe=probes[given.probe],
        images=given.images,
        rules=own if own is None else [*fw.default_rules(), *own],
        metrics={name: METRICS[name][0] for name in given.metrics},
        writers=[Keeps() if name == "keeps" else Fails() for name in given.writers],
    )
