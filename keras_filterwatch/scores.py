"""Scores and LayerScores: the numbers of a network at one step, and their table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable, suggestion

_LISTED_LAYERS = 8  # of those skipped for one reason; `Scores.skipped` has them all
_COLUMNS = (
    *("noise", "noise_z", "slices", "dc", "anisotropy"),
    *("dead", "dead_units", "saturated_units", "update", "rotation"),
)


@dataclass(frozen=True, eq=False, repr=False)
class LayerScores(Mapping[str, float]):
    """The numbers of one layer, by name; a name that is undefined for the layer is absent.

    It cannot be changed: the mappings and the arrays in it are read-only.

    Attributes:
        layer_type: the Keras class, such as `"Conv2D"`; `""` if unknown.
        shape: of the kernel, `(*spatial, channels, filters)`.
        verdict: `"structured"`, `"untrained"` or `"undetermined"`.
        numbers: name -> number; `layer["noise"]` is short for `layer.numbers["noise"]`.
        filters: name -> the number of each filter, `(filters,)`, NaN where undefined. Empty in
            older steps of a `FilterWatch` that watches a large network.
        trainable: whether training may change the layer.

    Example:
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {"noise": 1.01}, {})
        >>> layer["noise"], layer.get("rotation"), layer.verdict
        (1.01, None, 'untrained')
    """

    layer_type: str
    shape: tuple[int, ...]
    verdict: str
    numbers: Mapping[str, float]
    filters: Mapping[str, Array]
    trainable: bool = True

    def __post_init__(self) -> None:
        arrays = {name: _read_only(values) for name, values in self.filters.items()}
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))
        object.__setattr__(self, "filters", MappingProxyType(arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), _field_values(self)

    def __getitem__(self, name: str) -> float:
        if name not in self.numbers:
            raise KeyError(f"no score {name!r}: unknown, or undefined here; there are {[*self]}.")
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{printable(name)}={self[name]:.4g}" for name in self)
        return f"LayerScores({self.layer_type} {self.shape}, {self.verdict}: {numbers})"


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Mapping[str, LayerScores]):
    """The scores of a network at one step, by layer name; prints as a table.

    It cannot be changed: the mappings in it are read-only.

    Attributes:
        step: 0 is the initial state, `e + 1` the state after epoch `e`; the number of batches so
            far where the callback's `freq` counts batches.
        epoch: epochs completed.
        layers: layer name -> its scores, in the order in which the network uses them.
        skipped: layer name -> why a layer with weights is not watched.
        logs: what Keras logged for the epoch that ended here: loss, learning rate, ...
        updates: updates that the optimizer has made so far; None if unknown.

    Example:
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 8), "untrained", {"noise": 1.01}, {})
        >>> Scores(0, 0, {"conv": layer}, skipped={"bn": "no kernel"})
        layer  kernel   noise  verdict
        --------------------------------
        conv   3x3x1x8   1.01  untrained
        not watched: bn (no kernel)
    """

    step: int
    epoch: int
    layers: Mapping[str, LayerScores]
    skipped: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, float] = field(default_factory=dict)
    updates: int | None = None

    def __post_init__(self) -> None:
        for name in ("layers", "skipped", "logs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), _field_values(self)

    @property
    def filter_noise(self) -> float:
        """Mean noise score of the layers that have one; NaN where none has."""
        scores = [layer["noise"] for layer in self.layers.values() if "noise" in layer]
        return float(np.mean(scores)) if scores else float("nan")

    @property
    def dead_filters(self) -> float:
        """Share of dead filters among all watched ones, 0 to 1; NaN without filters.

        A layer's filters are judged by their outputs for the probe inputs if it has such scores,
        and by their weights otherwise.
        """
        filters = sum(layer.shape[-1] for layer in self.layers.values())
        # older steps keep the layers' shares only, so the dead filters are counted from these
        dead = sum(
            round(layer.get("dead_units", layer.get("dead", 0.0)) * layer.shape[-1])
            for layer in self.layers.values()
        )
        return dead / filters if filters else float("nan")

    def __getitem__(self, name: str) -> LayerScores:
        if name not in self.layers:
            raise KeyError(f"no kernel is called {name!r}; {suggestion(name, self)}.")
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return _table(self)


def skipped_lines(skipped: Mapping[str, str]) -> list[str]:
    """Returns a line for each reason, with the layers that are not watched because of it.

    Example:
        >>> skipped_lines({"bn": "no kernel", "pool": "no kernel"})
        ['not watched: bn, pool (no kernel)']
    """
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        names = [printable(name) for name, why in skipped.items() if why == reason]
        rest = len(names) - _LISTED_LAYERS
        more = f" and {rest} more" if rest > 0 else ""
        listed = ", ".join(names[:_LISTED_LAYERS])
        lines.append(f"not watched: {listed}{more} ({printable(reason)})")
    return lines


def _read_only(values: Array) -> Array:
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def _field_values(scores: LayerScores | Scores) -> tuple[Any, ...]:
    """Returns the values of all fields, with mappings as dicts, which can be pickled and copied."""
    values = (getattr(scores, one_field.name) for one_field in fields(scores))
    return tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)


def _table(scores: Scores) -> str:
    columns = [name for name in _COLUMNS if any(name in layer for layer in scores.values())]
    rows = [["layer", "kernel", *columns, "verdict"]]
    for name, layer in scores.items():
        numbers = [f"{layer[column]:.3g}" if column in layer else "-" for column in columns]
        shape = "x".join(map(str, layer.shape))
        rows.append([printable(name), shape, *numbers, layer.verdict])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i in (0, 1, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines + skipped_lines(scores.skipped))
