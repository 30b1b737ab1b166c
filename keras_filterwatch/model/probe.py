"""Sends a probe through a model, to measure its units' outputs, its loss and its gradients."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model import backends
from keras_filterwatch.model.loss import InferenceLoss
from keras_filterwatch.model.selection import short
from keras_filterwatch.model.trace import recording_calls
from keras_filterwatch.model.unit_outputs import by_unit, call_model
from keras_filterwatch.model.watched_kernel import WatchedKernel, WatchedLayers

_MOST_INPUTS = 256  # that are kept of a probe

# kernel name -> number of outputs of a unit, and for each unit the sums that `Outputs` is made of
Sums = dict[str, list[Any]]


@dataclass(frozen=True)
class ProbeData:
    """What a probe sends through a model.

    Attributes:
        inputs: arrays in the structure that the model is called with.
        targets: arrays in the structure that the model's loss takes; None if there are none.
    """

    inputs: Any
    targets: Any = None


@dataclass(frozen=True)
class ProbeResults:
    """What a model does with a probe and its present weights.

    Attributes:
        outputs: kernel name -> the outputs of its units; kernels that have none are absent.
        gradients: kernel name -> the gradient of `loss` by the kernel, frozen or not, in the
            kernel's shape; empty without targets.
        loss: the mean of `model.loss.InferenceLoss` over the probe; None without targets.
        gradient_error: why gradients and loss are missing although there are targets.
    """

    outputs: dict[str, Outputs]
    gradients: dict[str, Array] = field(default_factory=dict)
    loss: float | None = None
    gradient_error: Exception | None = None


def take_probe(probe: Any) -> ProbeData:
    """Returns the first 256 inputs of a probe, with their targets if it has any.

    Floating-point numbers become `keras.config.floatx()`, as in training.

    Args:
        probe: an array, or a list or dict of arrays, as `model.predict` takes them; a tuple
            `(x, y)` of such inputs and their targets; or a `tf.data.Dataset`, a generator or a
            `keras.utils.PyDataset` of batches of any of these. Sample weights, as in
            `(x, y, sample_weight)`, are not used.

    Raises:
        TypeError: something that has no inputs, or inputs or targets that are no numbers.
        ValueError: no inputs, or parts with different numbers of items.

    Example:
        >>> import numpy as np
        >>> data = take_probe((np.zeros((1000, 8, 8, 1)), np.zeros(1000)))
        >>> data.inputs.shape, data.targets.shape
        ((256, 8, 8, 1), (256,))
    """
    if isinstance(probe, list | dict) or _is_array(probe):
        return _checked(probe, None)
    if isinstance(probe, tuple):
        x, y, _ = keras.utils.unpack_x_y_sample_weight(probe)
        return _checked(x, y)
    if isinstance(probe, keras.utils.PyDataset):
        probe = map(probe.__getitem__, range(probe.num_batches or 1))
    if not isinstance(probe, Iterable):
        raise TypeError(
            f"probe: an array, a dataset or a generator of inputs is needed; got {short(probe)}."
        )
    inputs: list[Any] = []
    targets: list[Any] = []
    count = 0
    for batch in probe:
        is_pair = isinstance(batch, tuple)
        x, y, _ = keras.utils.unpack_x_y_sample_weight(batch) if is_pair else (batch, None, None)
        inputs.append(keras.tree.map_structure(backends.to_numpy, x))
        if y is not None:
            targets.append(keras.tree.map_structure(backends.to_numpy, y))
        count += len(keras.tree.flatten(inputs[-1])[0])
        if count >= _MOST_INPUTS:
            break
    if not inputs:
        raise ValueError("probe: it has no inputs (a generator can be used once only).")
    return _checked(_joined(inputs), _joined(targets) if targets else None)


def take_inputs(probe: Any) -> Any:
    """Returns the first 256 inputs of a probe, in the structure that the model is called with.

    The argument and the errors are those of `take_probe`.

    Example:
        >>> import numpy as np
        >>> take_inputs(np.zeros((1000, 8, 8, 1))).shape
        (256, 8, 8, 1)
    """
    return take_probe(probe).inputs


def batches(inputs: Any) -> Iterator[Any]:
    """Yields inputs in batches of the size that the backend runs well."""
    size = backends.batch_size()
    for start in range(0, len(keras.tree.flatten(inputs)[0]), size):
        yield keras.tree.map_structure(lambda x, at=start: x[at : at + size], inputs)


class Probe:
    """Inputs that are sent through a model again and again, to see what its units return.

    With targets, a backward pass follows, to see how strongly the model's loss acts on each kernel.
    The passes are those of inference and compiled as the backend does it. They change neither the
    model, its metrics and optimizer, nor the random numbers of its training.

    Args:
        model: any built Keras model.
        watched: its kernels. Those without outputs of their own have gradients only.
        inputs, targets: those of `ProbeData`.
    """

    def __init__(
        self, model: keras.Model, watched: WatchedLayers, inputs: Any, targets: Any = None
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._targets = targets
        self._watched = watched.kernels
        self._kernels = {kernel.name: kernel for kernel in watched.kernels if kernel.output_sites}
        self._at_site: dict[tuple[int, int], list[WatchedKernel]] = {}
        for kernel in self._kernels.values():
            for site in kernel.output_sites:
                self._at_site.setdefault((id(site.layer), site.number), []).append(kernel)
        self._variables = {
            id(kernel.variable): kernel.variable
            for kernel in watched.kernels
            if keras.backend.is_float_dtype(kernel.variable.dtype)  # not of quantized layers
        }
        self._run_forward = backends.compiled(model, lambda batch: self._forward(batch)[1])
        self._run_backward: Callable[..., Any] | None = None
        self._compile_loss: Any = None  # of the model, as `_run_backward` was made
        self._gradient_error: Exception | None = None

    def run(self) -> ProbeResults:
        """Returns what the model does with the probe and its present weights.

        Where the loss or its gradients cannot be computed, they are missing, and are not tried
        again until the model is compiled anew.

        Raises:
            Exception: whatever the model raises for these inputs.
        """
        if self._targets is not None:
            compile_loss = getattr(self._model, "_compile_loss", None)
            if self._run_backward is None or compile_loss is not self._compile_loss:
                self._run_backward = self._compiled_backward()
                self._compile_loss = compile_loss
                self._gradient_error = None
            if self._gradient_error is None:
                try:
                    return self._results_with_gradients(self._run_backward)
                except Exception as error:
                    # its traceback would keep all tensors in memory
                    self._gradient_error = error.with_traceback(None)
        sums = [
            self._run_forward(batch) for batch in batches(self._inputs)
        ]  # the backend may compute them in parallel
        return ProbeResults(self._outputs(sums), gradient_error=self._gradient_error)

    def _results_with_gradients(self, run: Callable[..., Any]) -> ProbeResults:
        """Returns outputs, gradients and loss."""
        count = len(keras.tree.flatten(self._inputs)[0])
        scale = backends.loss_scale(self._model)
        sums, losses, gradients = [], [], None
        for inputs, targets in batches([self._inputs, self._targets]):
            share = len(keras.tree.flatten(inputs)[0]) / count
            (batch_sums, loss), parts = run(inputs, targets, np.float32(share * scale))
            sums.append(batch_sums)
            losses.append((share, loss))
            gradients = _add(gradients, parts)
        arrays = {
            variable: backends.to_numpy(gradient) / scale
            if scale != 1
            else backends.to_numpy(gradient)
            for variable, gradient in zip(self._variables, gradients or [], strict=True)
        }
        return ProbeResults(
            self._outputs(sums),
            {
                kernel.name: kernel.arrange(arrays[id(kernel.variable)])
                for kernel in self._watched
                if id(kernel.variable) in arrays
            },
            float(sum(share * float(backends.to_numpy(loss)) for share, loss in losses)),
        )

    def _outputs(self, results: list[Sums]) -> dict[str, Outputs]:
        """Returns the outputs of the units, from the sums over them in each batch."""
        totals: Sums = {}
        for result in results:
            for name, sums in result.items():
                arrays = [np.asarray(backends.to_numpy(each), np.float64) for each in sums]
                totals[name] = _add(totals.get(name), arrays)
        return {
            name: Outputs(int(count), zeros, total, squares, _bounds(self._kernels[name]), *outward)
            for name, (count, zeros, total, squares, *outward) in totals.items()
        }

    def _compiled_backward(self) -> Callable[..., Any]:
        """Returns a compiled function of inputs, targets and a factor.

        It returns the sums over the units' outputs with the loss, and the loss's gradients times
        the factor.
        """
        inference_loss = InferenceLoss(self._model)

        def forward(inputs: Any, targets: Any, factor: Any) -> tuple[Any, Any]:
            outputs, sums = self._forward(inputs)
            loss = inference_loss(inputs, targets, outputs)
            return loss * factor, (sums, ops.stop_gradient(loss))

        variables = list(self._variables.values())
        return backends.compiled_with_gradients(self._model, variables, forward)

    def _forward(self, inputs: Any) -> tuple[Any, Sums]:
        """Returns the outputs of the model, and the sums over those of each kernel's units."""
        numbers: dict[int, int] = {}
        sums: Sums = {}

        def record(layer: keras.Layer, _: Any, outputs: Any) -> None:
            number = numbers.get(id(layer), 0)
            numbers[id(layer)] = number + 1
            for kernel in self._at_site.get((id(layer), number), ()):
                units = by_unit(ops.stop_gradient(keras.tree.flatten(outputs)[0]), kernel)
                for part in [] if units is None else backends.split(units):
                    sums[kernel.name] = _add(sums.get(kernel.name), _sums_of(part, kernel))

        with recording_calls(record):
            return call_model(self._model, inputs), sums


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
    return hasattr(value, "__getitem__") and len(getattr(value, "shape", ())) > 0


def _joined(batches: list[Any]) -> Any:
    """Returns batches of one structure as one structure of longer arrays."""
    return keras.tree.map_structure(lambda *parts: np.concatenate(parts), *batches)


def _checked(inputs: Any, targets: Any) -> ProbeData:
    """Returns the first 256 inputs and targets, after checking that their numbers agree."""
    sizes = _sizes(inputs, "inputs")
    if len(sizes) != 1 or sizes == {0}:
        raise ValueError(f"probe: inputs of one number, above 0, are needed; got {sorted(sizes)}.")
    first_inputs = _first(inputs, "inputs")
    if targets is None:
        return ProbeData(first_inputs)
    if _sizes(targets, "targets") != sizes:
        raise ValueError(
            f"probe: as many targets as inputs are needed; got {sorted(_sizes(targets, 'targets'))}"
            f" targets for {sorted(sizes)} inputs."
        )
    return ProbeData(first_inputs, _first(targets, "targets"))


def _sizes(structure: Any, what: str) -> set[int]:
    """Returns the numbers of items of all arrays; `what` they are stands in the error message."""
    parts = keras.tree.flatten(structure)
    for part in parts:
        if not _is_array(part):
            raise TypeError(
                f"probe: {what}: an array, or a list or dict of arrays, is needed; got "
                f"{short(part)}."
            )
    return {int(part.shape[0]) for part in parts}


def _first(structure: Any, what: str) -> Any:
    """Returns the first 256 items of all arrays, copied to NumPy."""

    def first(part: Any) -> Array:
        array = np.array(backends.to_numpy(part[:_MOST_INPUTS]))
        if array.dtype.kind not in "fiub":
            raise TypeError(f"probe: {what}: numbers are needed; got dtype {array.dtype}.")
        with np.errstate(all="ignore"):  # what overflows here does so in training
            return array.astype(keras.config.floatx()) if array.dtype.kind == "f" else array

    return keras.tree.map_structure(first, structure)
