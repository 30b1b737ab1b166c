"""Scores and LayerScores: the numbers of a network at one step, and their table."""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, overload

import numpy as np

from keras_filterwatch import score_table, sentences
from keras_filterwatch.kernels import Array
from keras_filterwatch.text import printable, suggestion


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
        kind: how the layer uses the kernel, as `Kernel.kind` says.
        reads_images: True if the layer is taken to read images: it is the first with a window, the
            window is 2-D, and it reads at most four channels.
        noise_at_start: the noise score at the first step of the training; NaN if unknown.

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
    kind: str = "unknown"
    reads_images: bool = False
    noise_at_start: float = math.nan

    def __post_init__(self) -> None:
        arrays = {name: _read_only(values) for name, values in self.filters.items()}
        object.__setattr__(self, "numbers", MappingProxyType(dict(self.numbers)))
        object.__setattr__(self, "filters", MappingProxyType(arrays))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), _field_values(self)

    @property
    def sentence(self) -> str:
        """What the scores mean in plain words, to stand behind the layer's name and a colon."""
        return sentences.sentence(self)

    @property
    def descriptions(self) -> list[str]:
        """The worst that is true of each filter: dead, duplicate, or its label; `""` if unknown.

        Example:
            >>> filters = {"dead": np.array([0.0, 1.0]), "labels": np.array(["edge", "dead"])}
            >>> LayerScores("Conv2D", (5, 5, 3, 2), "structured", {}, filters).descriptions
            ['edge', 'dead']
        """
        labels = self.filters.get("labels", np.full(self.shape[-1], ""))
        described = np.where(self.filters.get("duplicates", 0) == 1, "duplicate", labels)
        return [*map(str, np.where(self.filters.get("dead", 0) == 1, "dead", described))]

    @overload
    def __getitem__(self, name: Literal["verdict"]) -> str: ...  # type: ignore[overload-overlap]
    @overload
    def __getitem__(self, name: str) -> float: ...
    def __getitem__(self, name: str) -> float | str:
        if name == "verdict":  # a column of the table too
            return self.verdict
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
    """The scores of a network at one step, by layer name; prints as sentences and a table.

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
        >>> layer = LayerScores("Conv2D", (3, 3, 8, 64), "structured", {"noise": 0.31}, {})
        >>> Scores(0, 0, {"conv": layer}, skipped={"bn": "no kernel"})
        conv: not random. Noise score 0.31, where 1 is noise and 0 is as smooth as possible. Only \
a first layer reads the input itself; filters of later ones need not look like anything.
        <BLANKLINE>
        layer  kernel    noise  verdict
        ----------------------------------
        conv   3x3x8x64   0.31  structured
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
        return score_table.as_text(self)

    def _repr_html_(self) -> str:
        return score_table.as_html(self)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """Returns all numbers of all layers as CSV, a line for each layer; writes them to `path`.

        Columns: `layer`, `layer_type`, `kernel` (its shape), `verdict`, `sentence`, `trainable`,
        and the scores. What is undefined for a layer is an empty cell.

        Example:
            >>> layer = LayerScores("Conv2D", (1, 1, 4, 8), "undetermined", {"norm": 0.5}, {})
            >>> Scores(0, 0, {"conv": layer}).to_csv().splitlines()[0]
            'layer,layer_type,kernel,verdict,sentence,trainable,norm'
        """
        text = score_table.as_csv(self)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def to_pandas(self) -> Any:
        """Returns what `to_csv` does as a pandas DataFrame, with the layers' names as its index.

        Raises:
            ImportError: pandas is not installed.
        """
        return score_table.as_data_frame(self)


def _read_only(values: Array) -> Array:
    view = np.asarray(values).view()
    view.flags.writeable = False
    return view


def _field_values(scores: LayerScores | Scores) -> tuple[Any, ...]:
    """Returns the values of all fields, with mappings as dicts, which can be pickled and copied."""
    values = (getattr(scores, one_field.name) for one_field in fields(scores))
    return tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)
