"""Snapshot in, scores out: every metric of every watched kernel."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_filterwatch.kernels import Array, Kernel, Snapshot, nearest
from keras_filterwatch.metrics import (
    activity,
    appearance,
    comparison,
    dead,
    filterdb,
    motion,
    noise,
    redundancy,
    saturation,
    spread,
)
from keras_filterwatch.metrics.blocks import beyond_single_precision

Metric = Callable[[Array], ArrayLike]

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
_ALWAYS = ("norm", "dead", "labels")
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
            raise KeyError(f"no kernel is called {name!r}; {nearest(name, self)}.")
        return self.layers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def __repr__(self) -> str:
        return _table(self)


def score(
    source: Any,
    *,
    first: Snapshot | None = None,
    previous: Snapshot | None = None,
    metrics: Mapping[str, Metric] | None = None,
    epoch: int | None = None,
    outputs: Mapping[str, activity.Outputs] | None = None,
    logs: Mapping[str, float] | None = None,
    on_failure: Callable[[str, ValueError], None] | None = None,
) -> Scores:
    """Scores a network's kernels.

    Args:
        source: a Keras model, the path of one saved as `.keras` or `.h5`, a `Snapshot`, or a dict
            `{name: array}` of kernels with axes `(*spatial, channels, filters)`.
        first: the snapshot that `rotation` is measured from.
        previous: the snapshot that `update` is measured from.
        metrics: more scores, name -> function of the kernel's array that returns a number, or
            one number per filter (the layer then gets their mean).
        epoch: epochs completed; the snapshot's step if not given.
        outputs: layer name -> what its units did for probe inputs.
        logs: what Keras logged at this step.
        on_failure: what to do about one of `metrics` that fails on a kernel, given its name and
            the error; the score is then absent. None raises the error.

    Raises:
        TypeError, ValueError: what came is no model, or has no weights yet, or is no kernel; or
            one of `metrics` failed.
    """
    snapshot = snapshot_of(source)
    seen = glance(snapshot, previous, epoch, outputs, logs)
    return complete(seen, snapshot, first, metrics or {}, on_failure)


def glance(
    snapshot: Snapshot,
    previous: Snapshot | None = None,
    epoch: int | None = None,
    outputs: Mapping[str, activity.Outputs] | None = None,
    logs: Mapping[str, float] | None = None,
) -> Scores:
    """What `score` tells soonest: noise, norms, update and activity, without verdicts."""
    before = _arrays(previous)
    layers = {
        kernel.name: _glance(kernel, before.get(kernel.name), (outputs or {}).get(kernel.name))
        for kernel in snapshot.kernels
    }
    epoch = snapshot.step if epoch is None else epoch
    return Scores(snapshot.step, epoch, layers, snapshot.skipped, dict(logs or {}))


def complete(
    seen: Scores,
    snapshot: Snapshot,
    first: Snapshot | None,
    metrics: Mapping[str, Metric],
    on_failure: Callable[[str, ValueError], None] | None = None,
) -> Scores:
    """All that `score` tells, from what a `glance` at the same snapshot told."""
    at_first = _arrays(first)
    layers = {
        kernel.name: _complete(
            kernel, seen[kernel.name], at_first.get(kernel.name), metrics, on_failure
        )
        for kernel in snapshot.kernels
    }
    return replace(seen, layers=layers)


def _arrays(snapshot: Snapshot | None) -> dict[str, Array]:
    return {kernel.name: kernel.array for kernel in snapshot.kernels} if snapshot else {}


def snapshot_of(source: Any, layers: Any = None) -> Snapshot:
    """What `score` takes, as a snapshot; of a model, only these layers if any are given."""
    if isinstance(source, Snapshot):
        return source
    if isinstance(source, Mapping):
        kernels = [Kernel(str(name), "", np.asarray(array)) for name, array in source.items()]
        return Snapshot(0, tuple(kernels))
    # Keras is imported here, and nowhere earlier, for those who bring a model
    from keras_filterwatch import extraction

    if isinstance(source, str | os.PathLike):
        source = extraction.load(source)
    return extraction.snapshot(source, wanted=layers)


def not_watched(skipped: Mapping[str, str]) -> list[str]:
    """A line for each reason, with the layers that it keeps from being watched."""
    lines = []
    for reason in dict.fromkeys(skipped.values()):
        names = [name for name, why in skipped.items() if why == reason]
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"not watched: {', '.join(names[:_NAMED])}{more} ({reason})")
    return lines


def _glance(kernel: Kernel, before: Array | None, outputs: activity.Outputs | None) -> LayerScores:
    array, norms = _readable(kernel)
    norms = dead.effective_norms(norms, kernel.gain)
    finite = np.isfinite(norms)
    is_dead = dead.dead_filters(norms)
    numbers, filters = noise.roughness(_of_filters(array, finite))
    filters = {name: _scattered(each, finite) for name, each in filters.items()}
    numbers["norm"] = float(np.median(norms[finite])) if finite.any() else np.nan
    numbers["dead"] = float(is_dead.mean()) if len(norms) else np.nan
    filters |= {"norm": norms, "dead": is_dead}
    if before is not None:
        numbers["update"], filters["update"] = motion.update_ratio(array, before)
    if outputs is not None:
        of_units, units = activity.measure(outputs)
        numbers |= of_units
        filters |= units
    shape, trainable = array.shape, kernel.trainable
    seen = LayerScores(kernel.layer_type, shape, "undetermined", numbers, filters, trainable)
    return _defined(seen)


def _complete(
    kernel: Kernel,
    seen: LayerScores,
    first: Array | None,
    metrics: Mapping[str, Metric],
    on_failure: Callable[[str, ValueError], None] | None,
) -> LayerScores:
    # what is left of a layer that diverged is scored without the filters that did
    finite = np.isfinite(seen.filters["norm"])
    whole = _readable(kernel)[0]
    array = _of_filters(whole, finite)
    held = None if kernel.held is None else kernel.held[finite]
    nowhere = np.full(finite.shape, np.nan)
    dc, geary_c = (seen.filters.get(name, nowhere)[finite] for name in ("dc", "geary_c"))
    compared = comparison.compare(array)
    varied = spread.spread(array, compared)
    numbers, filters = dict(seen.numbers), dict(seen.filters)
    for more, of_filters in (
        noise.shared(varied),
        saturation.measure(array, held),
        appearance.measure(array, seen.filters["dead"][finite], dc, geary_c),
        redundancy.measure(array, compared),
        (filterdb.measure(array, compared.cosines, varied), {}),
    ):
        numbers |= more
        filters |= {name: _scattered(each, finite) for name, each in of_filters.items()}
    if first is not None:
        numbers["rotation"], filters["rotation"] = motion.rotation(whole, first)
    for name, metric in metrics.items():
        try:
            numbers[name], filters[name] = _extra(name, metric, kernel)
        except ValueError as error:
            if on_failure is None:
                raise
            on_failure(name, error)
    verdict = noise.verdict(numbers, array.shape) if finite.all() else "undetermined"
    return _defined(replace(seen, verdict=verdict, numbers=numbers, filters=filters))


def _readable(kernel: Kernel) -> tuple[Array, Array]:
    """The kernel in a precision that can square its weights, and the norms of its filters."""
    array, norms = kernel.array, dead.filter_norms(kernel.array)
    if beyond_single_precision(array, norms):
        array = array.astype(np.float64)
        norms = dead.filter_norms(array)
    return array, norms


def _of_filters(array: Array, places: Array) -> Array:
    return array if places.all() else array[..., places]


def _defined(layer: LayerScores) -> LayerScores:
    """Without what is undefined for the layer."""
    numbers = {name: value for name, value in layer.numbers.items() if np.isfinite(value)}
    filters = {
        name: each
        for name, each in layer.filters.items()
        if name in _ALWAYS or not np.isnan(each).all()
    }
    return replace(layer, numbers=numbers, filters=filters)


def _scattered(each: Array, places: Array) -> Array:
    """Of some filters, as of all: NaN where there is nothing, and no label."""
    if places.all():
        return each
    result = (
        np.full(places.shape, np.nan)
        if each.dtype.kind == "f"
        else np.full(places.shape, "", each.dtype)
    )
    result[places] = each
    return result


def _extra(name: str, metric: Metric, kernel: Kernel) -> tuple[float, Array]:
    try:
        result = metric(kernel.array)
        if result is None:
            raise TypeError("it returned nothing")
        result = np.array(result, float)  # a copy: it may be a part of the kernel
    except Exception as error:
        raise ValueError(f"metric {name!r} failed on kernel {kernel.name!r}: {error!r}") from error
    if result.ndim == 0:
        return float(result), np.full(kernel.filters, np.nan)
    if result.shape == (kernel.filters,):
        return float(result.mean()) if result.size else np.nan, result
    raise ValueError(
        f"metric {name!r} returned shape {result.shape} for kernel {kernel.name!r} of shape "
        f"{kernel.array.shape}: it must return a number, or one per filter, ({kernel.filters},)."
    )


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
