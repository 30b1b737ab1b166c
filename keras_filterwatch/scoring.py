"""Snapshot in, scores out: every metric of every watched kernel."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import (
    activity,
    appearance,
    covariance,
    dead,
    filterdb,
    motion,
    noise,
    redundancy,
    saturation,
    similarity,
)
from keras_filterwatch.metrics.blocks import beyond_single_precision
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.sources import snapshot_of

Metric = Callable[[Array], ArrayLike]

_ALWAYS = ("norm", "dead", "labels")


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
    held = None if kernel.constrained_share is None else kernel.constrained_share[finite]
    nowhere = np.full(finite.shape, np.nan)
    dc, geary_c = (seen.filters.get(name, nowhere)[finite] for name in ("dc", "geary_c"))
    compared = similarity.compare(array)
    varied = covariance.spread(array, compared)
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
