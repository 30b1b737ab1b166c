"""Keras model and probe inputs in, sums over its units' outputs out: one compiled forward pass."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model import backends
from keras_filterwatch.model.selection import short
from keras_filterwatch.model.trace import recording_calls
from keras_filterwatch.model.unit_outputs import by_unit, call_model
from keras_filterwatch.model.watched_kernel import WatchedKernel, WatchedLayers

_MOST_INPUTS = 256  # that are kept of a probe

Sums = dict[str, list[Any]]  # kernel name -> count, and of each unit zeros, total, squares, outward


def take_inputs(probe: Any) -> Any:
    """Returns the first 256 inputs of a probe, in the structure that the model is called with.

    Args:
        probe: an array, or a list or dict of arrays, as `model.predict` takes them; or a
            `tf.data.Dataset`, a generator or a `keras.utils.PyDataset` of batches of these, alone
            or with targets `(x, y)`.

    Raises:
        TypeError: something that has no inputs, or inputs that are no numbers.
        ValueError: no inputs, or parts with different numbers of inputs.

    Example:
        >>> import numpy as np
        >>> take_inputs(np.zeros((1000, 8, 8, 1))).shape
        (256, 8, 8, 1)
    """
    if isinstance(probe, tuple):
        probe = keras.utils.unpack_x_y_sample_weight(probe)[0]
    if isinstance(probe, list | dict) or _is_array(probe):
        return _check_inputs(
            keras.tree.map_structure(lambda part: np.array(part[:_MOST_INPUTS]), probe)
        )
    if isinstance(probe, keras.utils.PyDataset):
        probe = map(probe.__getitem__, range(probe.num_batches or 1))
    if not isinstance(probe, Iterable):
        raise TypeError(
            f"probe: an array, a dataset or a generator of inputs is needed; got {short(probe)}."
        )
    parts: list[Any] = []
    count = 0
    for batch in probe:
        x = keras.utils.unpack_x_y_sample_weight(batch)[0] if isinstance(batch, tuple) else batch
        parts.append(keras.tree.map_structure(backends.to_numpy, x))
        count += len(keras.tree.flatten(parts[-1])[0])
        if count >= _MOST_INPUTS:
            break
    if not parts:
        raise ValueError("probe: it has no inputs (a generator can be used once only).")
    joined = keras.tree.map_structure(lambda *arrays: np.concatenate(arrays)[:_MOST_INPUTS], *parts)
    return _check_inputs(joined)


def batches(inputs: Any) -> Iterator[Any]:
    """Yields inputs in batches of the size that the backend runs well."""
    size = backends.batch_size()
    for start in range(0, len(keras.tree.flatten(inputs)[0]), size):
        yield keras.tree.map_structure(lambda x, at=start: x[at : at + size], inputs)


class Probe:
    """Inputs that are sent through a model again and again, to see what its units return.

    The forward pass is compiled as the backend does it. It returns a few sums for each unit.

    Args:
        model: any built Keras model.
        watched: its kernels. Those without outputs of their own are left out.
        inputs: what `take_inputs` returns.
    """

    def __init__(self, model: keras.Model, watched: WatchedLayers, inputs: Any) -> None:
        self._inputs = inputs
        self._kernels = {kernel.name: kernel for kernel in watched.kernels if kernel.output_sites}
        self._at_site: dict[tuple[int, int], list[WatchedKernel]] = {}
        for kernel in self._kernels.values():
            for site in kernel.output_sites:
                self._at_site.setdefault((id(site.layer), site.number), []).append(kernel)
        self._run = backends.compiled(
            model, lambda batch: self._sums(lambda: call_model(model, batch))
        )

    def measure(self) -> dict[str, Outputs]:
        """Returns kernel name -> what its units return for the inputs, by the weights as they are.

        Raises:
            Exception: whatever the model raises for these inputs.
        """
        totals: Sums = {}
        results = [
            self._run(batch) for batch in batches(self._inputs)
        ]  # the backend may compute them in parallel
        for result in results:
            for name, sums in result.items():
                arrays = [np.asarray(backends.to_numpy(each), np.float64) for each in sums]
                totals[name] = _add(totals.get(name), arrays)
        return {
            name: Outputs(int(count), zeros, total, squares, _bounds(self._kernels[name]), *outward)
            for name, (count, zeros, total, squares, *outward) in totals.items()
        }

    def _sums(self, call: Callable[[], Any]) -> Sums:
        """Returns the sums over the outputs of each kernel's units while the model is called."""
        numbers: dict[int, int] = {}
        sums: Sums = {}

        def record(layer: keras.Layer, _: Any, outputs: Any) -> None:
            number = numbers.get(id(layer), 0)
            numbers[id(layer)] = number + 1
            for kernel in self._at_site.get((id(layer), number), ()):
                units = by_unit(keras.tree.flatten(outputs)[0], kernel)
                for part in [] if units is None else backends.split(units):
                    sums[kernel.name] = _add(sums.get(kernel.name), _sums_of(part, kernel))

        with recording_calls(record):
            call()
        return sums


def _sums_of(units: Any, kernel: WatchedKernel) -> list[Any]:
    """Returns the sums that `Outputs` is made of, in its order."""
    axes = tuple(range(len(units.shape) - 1))
    sums = [
        ops.convert_to_tensor(ops.size(units) / units.shape[-1]),
        ops.sum(backends.is_zero(units), axis=axes),
        ops.sum(units, axis=axes),
        ops.sum(ops.square(units), axis=axes),
    ]
    bounds = _bounds(kernel)
    if bounds:
        middle, half = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
        sums.append(ops.sum(ops.abs(units - middle), axis=axes) / half)
    return sums


def _add(old: list[Any] | None, new: list[Any]) -> list[Any]:
    return new if old is None else [a + b for a, b in zip(old, new, strict=True)]


def _bounds(kernel: WatchedKernel) -> tuple[float, float] | None:
    return kernel.output_sites[0].bounds


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__")


def _check_inputs(inputs: Any) -> Any:
    parts: list[Array] = keras.tree.flatten(inputs)
    sizes = {len(part) for part in parts}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(f"probe: inputs of one number, above 0, are needed; got {sorted(sizes)}.")
    for part in parts:
        if part.dtype.kind not in "fiub":
            raise TypeError(f"probe: numbers are needed; got an array of dtype {part.dtype}.")
    return inputs
