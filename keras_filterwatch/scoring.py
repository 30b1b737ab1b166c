"""Snapshot in, scores out: every metric of every watched kernel."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from keras_filterwatch.files.open_file import open_file, warn_of_notes
from keras_filterwatch.files.stored import ModelFile, StoredKernel
from keras_filterwatch.kernels import Array, Kernel, Snapshot
from keras_filterwatch.metrics import METRICS, KernelFacts, Measurements, noise
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.sources import shared_snapshot_of
from keras_filterwatch.sources.saved_files import check_is_file, with_images
from keras_filterwatch.user_metrics import ScoringFailure, UserMetric, user_measurements

K = TypeVar("K")

_IMAGE_CHANNELS = 4  # of images in grey or colour, with transparency
_MANY_WEIGHTS = 2**20  # fewer are scored before a second thread has started


def score(
    source: Any,
    *,
    first: Snapshot | None = None,
    previous: Snapshot | None = None,
    metrics: Mapping[str, UserMetric] | None = None,
    outputs: Mapping[str, Outputs] | None = None,
    gradients: Mapping[str, Array] | None = None,
    logs: Mapping[str, float] | None = None,
    layout: str | Mapping[str, str] | None = None,
    window: Mapping[str, Any] | None = None,
) -> Scores:
    """Scores a network's kernels.

    Args:
        source: a Keras model, a PyTorch module, the path of a saved model or of weights
            (docs/files.md), a `Snapshot`, a `FilterWatch`, or a dict of arrays, which may be
            nested. A `Run` has its scores already: those of its last step are returned. Nothing in
            a file is run, and one kernel after the other is read.
        first: the snapshot that `rotation` is measured from.
        previous: the snapshot that `update` is measured from.
        metrics: more scores, name -> function of the kernel's array, `(*spatial, channels,
            filters)`, that returns a number, or one number per filter, `(filters,)`, of which the
            layer gets the mean. The array is a read-only copy.
        outputs: layer name -> the outputs of its units for probe inputs.
        gradients: layer name -> the gradient of a loss by its kernel, in the kernel's shape.
        logs: what Keras logged at this step.
        layout: of a dict, or a file of plain arrays, the order of the axes, such as `"OIHW"`; None
            for the order of the framework: `"OIHW"` for tensors of PyTorch, Keras's own for others.
        window: layer name -> `(height, width, channels)` of the image that a Dense layer reads
            flattened, such as `{"dense": (28, 28, 1)}`.

    Returns:
        The scores of each layer, which print as a table. What is undefined for a layer is absent.

    Raises:
        TypeError, ValueError: the source is no model, has no weights yet, is no kernel, or is a
            file that is refused or damaged; or one of `metrics` failed.
        OSError: the file is not there.

    Example:
        >>> import numpy as np
        >>> sobel = np.outer([1.0, 2.0, 1.0], [-1.0, 0.0, 1.0]).reshape(3, 3, 1, 1)
        >>> scores = score({"conv": sobel * np.linspace(1, 2, 32)}, metrics={"peak": np.max})
        >>> scores["conv"].verdict, float(scores["conv"]["peak"])
        ('structured', 4.0)
    """
    if hasattr(type(source), "recorded_scores"):
        # a Run: of its large kernels it has only parts, which would get other scores
        arguments = (first, previous, metrics, outputs, gradients, logs, layout, window)
        if any(argument is not None for argument in arguments):
            raise ValueError(
                "score: a Run has the scores that were recorded, and no kernels to score anew. "
                "Pass it alone, or score the model or its saved file."
            )
        recorded: Scores = source.recorded_scores
        return recorded
    of_one_step = (first, previous, outputs, gradients)
    if isinstance(source, str | os.PathLike) and all(each is None for each in of_one_step):
        check_is_file(source)
        with open_file(source, layout=layout) as file:
            warn_of_notes(file, source, stacklevel=3)
            return score_file(with_images(file, window), metrics, logs)
    snapshot = shared_snapshot_of(source, layout=layout, window=window)
    quick = quick_scores(snapshot, previous, outputs=outputs, logs=logs, gradients=gradients)
    start = quick_scores(first) if first else None
    scores, failures = full_scores(quick, snapshot, first, metrics or {}, start)
    if failures:
        raise ValueError(str(failures[0])) from failures[0].error
    return scores


def quick_scores(
    snapshot: Snapshot,
    previous: Snapshot | None = None,
    epoch: int | None = None,
    outputs: Mapping[str, Outputs] | None = None,
    logs: Mapping[str, float] | None = None,
    gradients: Mapping[str, Array] | None = None,
    updates: int | None = None,
) -> Scores:
    """Returns the scores that training waits for: noise, norms, update, outputs and gradients.

    Verdicts are still `"undetermined"`. The arguments are those of `score`; `epoch` is the number
    of completed epochs, the snapshot's step if not given; `updates` those of the optimizer so far.

    Example:
        >>> import numpy as np
        >>> kernel = Kernel("conv", "Conv2D", np.ones((3, 3, 1, 4)))
        >>> quick_scores(Snapshot(0, (kernel,)))["conv"]["norm"]
        3.0
    """
    weights_before = _weights(previous)
    first_window = next((kernel for kernel in snapshot.kernels if kernel.has_window), None)

    def layer_scores(kernel: Kernel) -> LayerScores:
        facts = KernelFacts(
            kernel,
            previous=weights_before.get(kernel.name),
            outputs=(outputs or {}).get(kernel.name),
            gradient=(gradients or {}).get(kernel.name),
        )
        numbers, filters = _defined(_measurements(facts, quick=True))
        return LayerScores(
            *(kernel.layer_type, kernel.array.shape, "undetermined", numbers, filters),
            trainable=kernel.trainable,
            kind=kernel.kind,
            reads_images=kernel is first_window and _may_read_images(kernel),
        )

    names = [kernel.name for kernel in snapshot.kernels]
    weights = sum(kernel.array.size for kernel in snapshot.kernels)
    layers = dict(zip(names, _for_each(snapshot.kernels, weights, layer_scores), strict=True))
    epoch = snapshot.step if epoch is None else epoch
    return Scores(snapshot.step, epoch, layers, snapshot.skipped, logs or {}, updates)


def _for_each(
    kernels: Sequence[K], weights: int, function: Callable[[K], LayerScores]
) -> list[LayerScores]:
    """Returns the results of a function of each kernel.

    Many weights are shared between two threads, which takes three quarters of the time: training
    waits, so the cores are free, and NumPy computes without the interpreter's lock.
    """
    if weights > _MANY_WEIGHTS:
        try:
            with ThreadPoolExecutor(2) as threads:
                return list(threads.map(function, kernels))
        except RuntimeError:  # no more threads can be had
            pass
    return [function(kernel) for kernel in kernels]


def score_file(
    file: ModelFile,
    metrics: Mapping[str, UserMetric] | None = None,
    logs: Mapping[str, float] | None = None,
) -> Scores:
    """Scores the kernels of a saved file; at most two of them are in memory at once.

    Args:
        file: the file, which has to stay open.
        metrics, logs: as for `score`; the logs add to those of the file.

    Raises:
        UnreadableFileError: a kernel cannot be read.
        ValueError: one of `metrics` failed.

    Example:
        >>> import numpy as np
        >>> kernel = Kernel("conv", "Conv2D", np.ones((3, 3, 1, 4)), kind="conv")
        >>> stored = StoredKernel("conv", "Conv2D", (3, 3, 1, 4), lambda: kernel, "conv")
        >>> score_file(ModelFile("HDF5", (stored,)))["conv"]["duplicates"]
        1.0
    """
    first_window = next((kernel for kernel in file.kernels if kernel.has_window), None)

    def layer_scores(stored: StoredKernel) -> LayerScores:
        snapshot = Snapshot(0, (stored.read(),))
        scores, failures = full_scores(quick_scores(snapshot), snapshot, None, metrics or {})
        if failures:
            raise ValueError(str(failures[0])) from failures[0].error
        (layer,) = scores.values()
        return replace(layer, reads_images=layer.reads_images and stored is first_window)

    weights = sum(math.prod(kernel.shape) for kernel in file.kernels)
    names = [kernel.name for kernel in file.kernels]
    layers = dict(zip(names, _for_each(file.kernels, weights, layer_scores), strict=True))
    return Scores(0, 0, layers, file.skipped, {**file.logs, **(logs or {})}, file.updates)


def full_scores(
    quick: Scores,
    snapshot: Snapshot,
    first: Snapshot | None,
    metrics: Mapping[str, UserMetric],
    start: Scores | None = None,
) -> tuple[Scores, list[ScoringFailure]]:
    """Returns all scores, and the failures of the user's own metrics.

    Args:
        quick: the `quick_scores` of the same snapshot, which are not computed again.
        snapshot: the kernels.
        first: the snapshot that `rotation` is measured from; None if it is not known.
        metrics: the user's own metrics, as for `score`. Where one fails, its score is absent.
        start: the scores at the first step of the training; None if they are not known.

    Example:
        >>> import numpy as np
        >>> snapshot = Snapshot(0, (Kernel("conv", "Conv2D", np.ones((3, 3, 1, 4))),))
        >>> scores, failures = full_scores(quick_scores(snapshot), snapshot, None, {"name": str})
        >>> scores["conv"]["duplicates"], len(failures)
        (1.0, 1)
    """
    first_weights = _weights(first)
    noise_at_start = {name: layer.get("noise", math.nan) for name, layer in (start or {}).items()}
    layers, failures = {}, []
    for kernel in snapshot.kernels:
        layer = quick[kernel.name]
        facts = KernelFacts(kernel, first=first_weights.get(kernel.name), known=layer.filters)
        numbers, filters = _defined(_measurements(facts, quick=False))
        numbers = {**layer.numbers, **numbers}
        verdict = noise.verdict(numbers, layer.shape)
        # what is left of a layer that diverged says little about it, and noise may be a wrong guess
        if not facts.finite.all() or (verdict == "untrained" and kernel.image_is_guess):
            verdict = "undetermined"
        measurements, failed = user_measurements(kernel, metrics)
        user_numbers, user_filters = _defined(measurements)
        layers[kernel.name] = replace(
            layer,
            verdict=verdict,
            numbers=numbers | user_numbers,
            filters={**layer.filters, **filters, **user_filters},
            noise_at_start=noise_at_start.get(kernel.name, math.nan),
        )
        failures += failed
    return replace(quick, layers=layers), failures


def _may_read_images(kernel: Kernel) -> bool:
    """True for a 2-D window over few channels: more of them are the outputs of other filters."""
    is_2d = len(kernel.spatial) == 2 and min(kernel.spatial) > 1
    return is_2d and kernel.channels <= _IMAGE_CHANNELS and kernel.kind != "depthwise"


def _weights(snapshot: Snapshot | None) -> dict[str, Array]:
    return {kernel.name: kernel.array for kernel in snapshot.kernels} if snapshot else {}


@np.errstate(all="ignore")
def _measurements(facts: KernelFacts, quick: bool) -> Measurements:
    measurements: Measurements = {}
    for metric in METRICS:
        if metric.quick == quick:
            measurements |= metric.measure(facts)
    return measurements


def _defined(measurements: Measurements) -> tuple[dict[str, float], dict[str, Array]]:
    """Returns the layer's numbers and those of its filters, without those that are undefined."""
    numbers, filters = {}, {}
    for name, (number, values) in measurements.items():
        if math.isfinite(number):
            numbers[name] = number
        # full scores read the norms, which say which filters diverged, even if all of them did
        if values is not None and (name == "norm" or not _undefined(values)):
            filters[name] = values
    return numbers, filters


def _undefined(values: Array) -> bool:
    return values.dtype.kind == "f" and bool(np.isnan(values).all())
