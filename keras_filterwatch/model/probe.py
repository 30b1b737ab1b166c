"""Keras model and probe inputs in, what the units do out: one forward pass, counted as it goes."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model.find import Source, Watched
from keras_filterwatch.model.trace import Outlet, hearing, innermost

_INPUTS = 256  # that are kept of the probe
_AT_ONCE = 2**20  # outputs that are summed at once where each sum makes copies

Sums = dict[str, list[Any]]  # kernel name -> count, zeros, total, squares, outward of each unit


def take(probe: Any) -> Any:
    """The first few hundred inputs of a probe, in the structure that the model is called with.

    Args:
        probe: an array, or a list or dict of arrays, as `model.predict` takes them; or a
            `tf.data.Dataset`, a generator or a `keras.utils.PyDataset` of batches of these, alone
            or with targets `(x, y)`.

    Raises:
        TypeError, ValueError: what has no inputs.
    """
    if isinstance(probe, tuple):
        probe = keras.utils.unpack_x_y_sample_weight(probe)[0]
    if isinstance(probe, list | dict) or _is_array(probe):
        return _checked(keras.tree.map_structure(lambda part: np.array(part[:_INPUTS]), probe))
    if isinstance(probe, keras.utils.PyDataset):
        probe = map(probe.__getitem__, range(probe.num_batches or 1))
    if not isinstance(probe, Iterable):
        raise TypeError(
            f"probe: an array, a dataset or a generator of inputs is needed; got {probe!r}."
        )
    batches: list[Any] = []
    count = 0
    for batch in probe:
        x = keras.utils.unpack_x_y_sample_weight(batch)[0] if isinstance(batch, tuple) else batch
        batches.append(keras.tree.map_structure(_to_numpy, x))
        count += len(keras.tree.flatten(batches[-1])[0])
        if count >= _INPUTS:
            break
    if not batches:
        raise ValueError("probe: it has no inputs (a generator can be used once only).")
    joined = keras.tree.map_structure(lambda *parts: np.concatenate(parts)[:_INPUTS], *batches)
    return _checked(joined)


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__")


def _to_numpy(part: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(part))


def _checked(inputs: Any) -> Any:
    sizes = {len(part) for part in keras.tree.flatten(inputs)}
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(f"probe: inputs of one number, above 0, are needed; got {sorted(sizes)}.")
    for part in keras.tree.flatten(inputs):
        if part.dtype.kind not in "fiub":
            raise TypeError(f"probe: numbers are needed; got an array of dtype {part.dtype}.")
    return inputs


class Probe:
    """Probe inputs that are sent through a model again and again.

    The pass is compiled as the backend does it, and returns a few sums for each unit.
    """

    def __init__(self, model: keras.Model, watched: Watched, inputs: Any) -> None:
        self._inputs = inputs
        self._sources = {source.name: source for source in watched.sources if source.outlets}
        self._wanted: dict[tuple[int, int], list[Source]] = {}
        for source in self._sources.values():
            for outlet in source.outlets:
                self._wanted.setdefault((id(outlet.layer), outlet.number), []).append(source)
        self._run = _compiled(model, self._sums)

    def measure(self) -> dict[str, Outputs]:
        """Kernel name -> what its units do now; kernels without outputs of their own are absent."""
        totals: Sums = {}
        runs = [self._run(batch) for batch in batches(self._inputs)]  # before one is waited for
        for of_batch in runs:
            for name, sums in of_batch.items():
                parts = [np.asarray(ops.convert_to_numpy(part), np.float64) for part in sums]
                totals[name] = _added(totals.get(name), parts)
        return {
            name: Outputs(int(number), zeros, total, squares, _bounds(self._sources[name]), *rest)
            for name, (number, zeros, total, squares, *rest) in totals.items()
        }

    def _sums(self, call: Callable[[], Any]) -> Sums:
        """Sums over what is heard while the model is called."""
        calls: dict[int, int] = {}
        sums: Sums = {}

        def listen(layer: keras.Layer, _: Any, outputs: Any) -> None:
            number = calls.get(id(layer), 0)
            calls[id(layer)] = number + 1
            for source in self._wanted.get((id(layer), number), ()):
                units = _by_unit(keras.tree.flatten(outputs)[0], source)
                for piece in [] if units is None else _pieces(units):
                    sums[source.name] = _added(sums.get(source.name), _parts(piece, source))

        with hearing(listen):
            call()
        return sums


def units_of(source: Source, call: Callable[[], Any], linear: bool = False) -> Any:
    """What the units return while the model is called, `(inputs, *positions, units)`.

    Of a layer that is used several times, in its first use. Linear: what goes into their
    non-linearity instead, where that can be heard.

    Raises:
        ValueError: its outputs are not one number per unit and position.
    """
    outlet = source.outlets[0]
    own = innermost(outlet.layer) is source.layer
    heard: list[Any] = []
    before: list[Any] = []

    def listen(layer: keras.Layer, given: Any, outputs: Any) -> None:
        if layer is outlet.layer:
            heard.append(keras.tree.flatten(outputs)[0])
            if linear and not own:
                before.append(keras.tree.flatten(given)[0])

    with hearing(listen), _overheard(outlet, before if linear and own else None):
        call()
    if linear and len(before) == len(heard):
        heard = before
    units = _by_unit(heard[outlet.number], source)
    if units is None or units.shape[0] != heard[outlet.number].shape[0]:
        raise ValueError(
            f"{source.name!r} returns {tuple(heard[outlet.number].shape)}: there is no last axis "
            f"with its {source.shape[-1]} units. Choose another layer."
        )
    return units


@contextmanager
def _overheard(outlet: Outlet, heard: list[Any] | None) -> Iterator[None]:
    """Appends what the layer's own non-linearity is given."""
    activation = vars(outlet.layer).get("activation")
    if heard is None or not callable(activation):
        yield
        return

    def listening(given: Any, *args: Any, **kwargs: Any) -> Any:
        heard.append(given)
        return activation(given, *args, **kwargs)

    vars(outlet.layer)["activation"] = listening  # past what Keras tracks
    try:
        yield
    finally:
        vars(outlet.layer)["activation"] = activation


def batches(inputs: Any) -> Iterator[Any]:
    """The inputs, as many at once as the backend runs well."""
    size = _batch_size()
    for start in range(0, len(keras.tree.flatten(inputs)[0]), size):
        yield keras.tree.map_structure(lambda x, at=start: x[at : at + size], inputs)


def _added(old: list[Any] | None, new: list[Any]) -> list[Any]:
    return new if old is None else [a + b for a, b in zip(old, new, strict=True)]


def _bounds(source: Source) -> tuple[float, float] | None:
    return source.outlets[0].bounds


def _by_unit(outputs: Any, source: Source) -> Any:
    """Outputs as `(inputs, *positions, units)`; None if they are not those of the filters."""
    units = source.shape[-1]
    if getattr(source.layer, "data_format", "") == "channels_first" and len(outputs.shape) > 2:
        outputs = ops.moveaxis(outputs, 1, -1)
    axes = range(1, len(outputs.shape))
    if not axes or outputs.shape[-1] != units:  # such as heads x size
        if not any(math.prod(outputs.shape[axis:]) == units for axis in axes):
            return None
        outputs = ops.reshape(outputs, (-1, units))
    return ops.cast(outputs, "float32")


def _pieces(units: Any) -> Iterable[Any]:
    """The outputs, a few inputs at a time where nothing fuses the sums: new memory is slow."""
    if keras.backend.backend() != "torch":
        return [units]
    return units.split(max(1, _AT_ONCE // max(1, math.prod(units.shape[1:]))))


def _parts(units: Any, source: Source) -> list[Any]:
    """The sums that `Outputs` is made of, in its order."""
    axes = tuple(range(len(units.shape) - 1))
    parts = [
        ops.convert_to_tensor(ops.size(units) / units.shape[-1]),
        ops.sum(_is_zero(units), axis=axes),
        ops.sum(units, axis=axes),
        ops.sum(ops.square(units), axis=axes),
    ]
    bounds = _bounds(source)
    if bounds:
        middle, half = (bounds[0] + bounds[1]) / 2, (bounds[1] - bounds[0]) / 2
        parts.append(ops.sum(ops.abs(units - middle), axis=axes) / half)
    return parts


def _is_zero(units: Any) -> Any:
    """1.0 where an output is zero, else 0.0."""
    if keras.backend.backend() == "torch":
        import torch

        # by way of bool it takes five times as long
        return torch.eq(units, 0, out=torch.empty_like(units))
    return ops.cast(ops.equal(units, 0), "float32")


def _batch_size() -> int:
    """Inputs of a pass: few where XLA on a CPU can't fuse the pass whole because we listen."""
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return 8
    return 32


def _compiled(
    model: keras.Model, sums: Callable[[Callable[[], Any]], Sums]
) -> Callable[[Any], Sums]:
    """`inputs -> sums`, as fast as the backend runs it."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(
            lambda inputs: sums(lambda: model(inputs, training=False)), autograph=False
        )
    if backend == "jax":
        import jax

        def run(values: Any, inputs: Any) -> Sums:
            with keras.StatelessScope(zip(model.variables, values, strict=True)):
                return sums(lambda: model(inputs, training=False))

        compiled = jax.jit(run)
        return lambda inputs: compiled([variable.value for variable in model.variables], inputs)
    if backend == "torch":
        import torch

        def unrecorded(inputs: Any) -> Sums:
            with torch.no_grad():
                return sums(lambda: model(inputs, training=False))

        return unrecorded
    return lambda inputs: sums(lambda: model(inputs, training=False))
