"""Scores and LayerScores: the numbers of a network at one step, and their table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.text import suggestion

MEASURES = {  # the scores' names, and what they say in a line
    "noise": "Noise score: 1 is noise, 0 the smoothest pattern that the window can carry.",
    "geary_c": "Geary's C of neighbouring weights: 1 is noise, towards 0 is smooth.",
    "noise_z": "Standard errors between Geary's C and that of noise.",
    "slices": "Effective number of slices that the noise score rests on.",
    "dc": "Share of the energy in the slices' means: 1/n is noise, 1 a flat kernel.",
    "anisotropy": "What the slices share: 0 is noise, 1 one pattern in all of them.",
    "norm": "Median norm of the filters, as a BatchNormalization behind them leaves it.",
    "dead": "Share of the filters whose norm is below a tenth of the median.",
    "update": "Size of the change since the last step, relative to the weights.",
    "rotation": "1 - cosine to the weights at the start: 0 is where they began.",
    "rail": "Share of the weights at the end of a constraint's range: 0 is good.",
    "coverage": "How evenly the weights use their range: 1 is even; judge its change.",
    "effective_rank": "Directions that the filters use: at most as many as filters or inputs.",
    "stable_rank": "The same, where small directions count less.",
    "duplicates": "Share of the filters with a copy in the same pose: 0 is good.",
    "rotated": "Share of the filters with a turned or mirrored copy: healthy.",
    "inverted": "Share of the filters with a copy of the opposite sign: healthy.",
    "coherence": "How much the filters have one direction: 0 none, 1 one.",
    "chroma": "Share of the filters' energy that is colour: 2/3 is noise, 0 grey.",
    "sparsity": "CNN Filter DB: share of the 3x3 slices that are empty.",
    "variance_entropy": "CNN Filter DB: how evenly the 3x3 slices vary in all directions.",
    "variance_entropy_norm": "The same, relative to noise: about .9 is good, above 1 random.",
    "orthogonality": "CNN Filter DB: 1 - mean |cosine| between filters: 1 is orthogonal.",
    "apoz": "Share of zeros in the units' outputs: healthy deep layers reach .9.",
    "dead_units": "Share of the units that are zero for every probe input: 0 is good.",
    "saturated_units": "Share of the units whose outputs stay at a rail: 0 is good.",
    "activation_mean": "Mean output of the units for the probe inputs.",
    "activation_std": "Standard deviation of each unit's outputs, mean over the units.",
}
_NAMED = 8  # layers of one reason; `Scores.skipped` has them all
_COLUMNS = (
    *("noise", "noise_z", "slices", "dc", "anisotropy"),
    *("dead", "dead_units", "saturated_units", "update", "rotation"),
)


@dataclass(frozen=True, eq=False, repr=False)
class LayerScores(Mapping[str, float]):
    """The numbers of one layer, by name; a name that is undefined for the layer is absent.

    Attributes:
        layer_type: the Keras class, such as `"Conv2D"`; `""` if unknown.
        shape: of the kernel, `(*spatial, channels, filters)`.
        verdict: `"structured"`, `"untrained"` or `"undetermined"`.
        numbers: name -> number; `layer["noise"]` is short for `layer.numbers["noise"]`.
        filters: name -> the number of each filter, `(filters,)`, NaN where undefined. Empty in
            older looks of a `FilterWatch` at a large network.
        trainable: whether training may change the layer.
    """

    layer_type: str
    shape: tuple[int, ...]
    verdict: str
    numbers: dict[str, float]
    filters: dict[str, Array]
    trainable: bool = True

    def __getitem__(self, name: str) -> float:
        if name not in self.numbers:
            raise KeyError(f"no score {name!r}: unknown, or undefined here; there are {[*self]}.")
        return self.numbers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.numbers)

    def __len__(self) -> int:
        return len(self.numbers)

    def __repr__(self) -> str:
        numbers = ", ".join(f"{name}={value:.4g}" for name, value in self.numbers.items())
        return f"LayerScores({self.layer_type} {self.shape}, {self.verdict}: {numbers})"


@dataclass(frozen=True, eq=False, repr=False)
class Scores(Mapping[str, LayerScores]):
    """The scores of a network at one step, by layer name; prints as a table.

    Attributes:
        step: 0 is the initial state, `e + 1` the state after epoch `e`; batches seen where
            the callback's `freq` counts batches.
        epoch: epochs completed.
        layers: layer name -> its scores, in the order in which the network uses them.
        skipped: layer name -> why a layer with weights is not watched.
        logs: what Keras logged for the epoch that ended here: loss, learning rate, ...
    """

    step: int
    epoch: int
    layers: dict[str, LayerScores]
    skipped: Mapping[str, str] = field(default_factory=dict)
    logs: Mapping[str, float] = field(default_factory=dict)

    @property
    def filter_noise(self) -> float:
        """Mean noise score of the layers that have one; NaN where none has."""
        scores = [layer["noise"] for layer in self.layers.values() if "noise" in layer]
        return float(np.mean(scores)) if scores else float("nan")

    @property
    def dead_filters(self) -> float:
        """Share of dead filters among all watched ones, 0 to 1; NaN without filters.

        By their activity where probe inputs showed it, else by their weights.
        """
        filters = [layer.shape[-1] for layer in self.layers.values()]
        shares = [s.get("dead_units", s.get("dead", 0.0)) for s in self.layers.values()]
        # the flags themselves may be gone: old looks have no numbers of filters
        dead = sum(round(share * each) for share, each in zip(shares, filters, strict=True))
        return dead / sum(filters) if sum(filters) else float("nan")

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


def not_watched(skipped: Mapping[str, str]) -> list[str]:
    """A line for each reason, with the layers that it keeps from being watched."""
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        names = [name for name, why in skipped.items() if why == reason]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"not watched: {', '.join(names[:_NAMED])}{more} ({reason})")
    return lines


def _table(scores: Scores) -> str:
    shown = [column for column in _COLUMNS if any(column in s for s in scores.values())]
    rows = [["layer", "kernel", *shown, "verdict"]]
    for name, layer in scores.items():
        numbers = [f"{layer[column]:.3g}" if column in layer else "-" for column in shown]
        rows.append([name, "x".join(map(str, layer.shape)), *numbers, layer.verdict])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if i in (0, 1, len(row) - 1) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines + not_watched(scores.skipped))
