"""The outputs of a layer's units, recorded while the model is called."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import keras
from keras import ops

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.backends import stateless, to_numpy
from keras_filterwatch.model.trace import innermost, recording_calls, symbolic_inputs
from keras_filterwatch.model.watched_kernel import WatchedKernel


def unit_outputs(
    kernel: WatchedKernel, call: Callable[[], Any], before_activation: bool = False
) -> Any:
    """Returns what the units of a layer return while the model is called.

    Args:
        kernel: the kernel, with a site where its outputs can be recorded. Of a layer that is used
            several times, its first use counts.
        call: calls the model.
        before_activation: whether to return what goes into the units' non-linearity instead,
            where that can be recorded.

    Returns:
        A float32 tensor, `(inputs, *positions, units)`.

    Raises:
        ValueError: the outputs are not one number per unit and position.
    """
    site = kernel.output_sites[0]
    is_own = innermost(site.layer) is kernel.layer
    after: list[Any] = []
    before: list[Any] = []

    def record(layer: keras.Layer, inputs: Any, outputs: Any) -> None:
        if layer is site.layer:
            after.append(keras.tree.flatten(outputs)[0])
            if not is_own:
                before.append(keras.tree.flatten(inputs)[0])

    of_own = _recording_activation(site.layer, before)
    with recording_calls(record), of_own if before_activation and is_own else nullcontext():
        call()
    # a layer without a non-linearity of its own has nothing before it
    tensors = before if before_activation and len(before) == len(after) else after
    outputs = tensors[site.number]
    units = by_unit(outputs, kernel)
    if units is None or units.shape[0] != outputs.shape[0]:
        raise ValueError(
            f"{kernel.name!r} returns {tuple(outputs.shape)}: there is no last axis with its "
            f"{kernel.shape[-1]} units. Choose another layer."
        )
    return units


def predicted_outputs(model: keras.Model, kernel: WatchedKernel, inputs: Any) -> Array:
    """Returns the outputs of a layer's units for one batch, `(inputs, *positions, units)`."""
    with stateless():  # layers may draw random numbers, also in inference
        return to_numpy(unit_outputs(kernel, lambda: call_model(model, inputs)))


def call_model(model: keras.Model, inputs: Any) -> Any:
    """Calls a model as in inference.

    One array is given to it in the structure that it was built with, such as a dict: Keras warns
    of another one.
    """
    if not isinstance(inputs, list | tuple | dict):
        try:
            structure = symbolic_inputs(model)
        except ValueError:  # it does not say what it is called with
            return model(inputs, training=False)
        if len(keras.tree.flatten(structure)) == 1:
            args, kwargs = keras.tree.pack_sequence_as(structure, [inputs])
            return model(*args, training=False, **kwargs)
    return model(inputs, training=False)


def by_unit(outputs: Any, kernel: WatchedKernel) -> Any:
    """Returns outputs as `(inputs, *positions, units)` in float32.

    None if they are not those of the kernel's filters.
    """
    units = kernel.shape[-1]
    if kernel.channels_first and len(outputs.shape) > 2:
        outputs = ops.moveaxis(outputs, 1, -1)
    axes = range(1, len(outputs.shape))
    if not axes or outputs.shape[-1] != units:  # such as heads x size
        if not any(math.prod(outputs.shape[axis:]) == units for axis in axes):
            return None
        outputs = ops.reshape(outputs, (-1, units))
    return ops.cast(outputs, "float32")


@contextmanager
def _recording_activation(layer: keras.Layer, tensors: list[Any]) -> Iterator[None]:
    """Appends what the layer's own non-linearity is called with, if it has one."""
    activation = vars(layer).get("activation")
    if not callable(activation):
        yield
        return

    def recorded_activation(x: Any, *args: Any, **kwargs: Any) -> Any:
        tensors.append(x)
        return activation(x, *args, **kwargs)

    vars(layer)["activation"] = recorded_activation  # past what Keras tracks
    try:
        yield
    finally:
        vars(layer)["activation"] = activation
