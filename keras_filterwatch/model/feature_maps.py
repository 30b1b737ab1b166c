"""Model and images in, feature maps out: what each filter of a layer returns."""

import os
import reprlib
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.model.find import selected_kernel
from keras_filterwatch.model.probe import batches, take_inputs
from keras_filterwatch.model.selection import short
from keras_filterwatch.model.unit_outputs import predicted_outputs
from keras_filterwatch.model.watched_kernel import WatchedKernel


def model_of(source: Any) -> Any:
    """Returns the model that a callback watches, or the source itself if it is no callback.

    Raises:
        TypeError: the source is the path of a file, which is never loaded as a model that runs.
        ValueError: the callback has no model yet.
    """
    if isinstance(source, str | os.PathLike):
        raise TypeError(
            f"{os.fspath(source)!r} is a file, and outputs need a model that runs. Loading one can "
            "run code that is in the file: if you trust it, pass "
            "keras.saving.load_model(path)."
        )
    if not isinstance(source, keras.callbacks.Callback):
        return source
    if source.model is None:
        raise ValueError(
            f"this {type(source).__name__} has no model: pass it to model.fit(..., "
            "callbacks=[...]) first, or pass the model."
        )
    return source.model


def feature_maps(model: keras.Model, layer: Any, inputs: Any) -> Array:
    """Returns what each filter of a layer returns for some inputs, behind its non-linearity.

    Args:
        model: any built Keras model.
        layer: its name, a pattern or the layer; None for the first with a window larger than 1.
            Of a layer that is used several times, its first use counts.
        inputs: what `model.predict` takes; the first 256 are used.

    Returns:
        float32, `(inputs, height, width, filters)`.

    Raises:
        TypeError, ValueError: no such layer, no inputs, or outputs without image axes.
    """
    return _maps(model, selected_kernel(model, layer), take_inputs(inputs))


def maps_and_images(model: keras.Model, layer: Any, inputs: Any) -> tuple[str, Array, Array | None]:
    """Returns a kernel's name, its feature maps, and the images that they were made of.

    The images are `(inputs, height, width, channels)`; None if the inputs are something else.
    Takes and raises what `feature_maps` does.
    """
    kernel = selected_kernel(model, layer)
    inputs = take_inputs(inputs)
    parts = keras.tree.flatten(inputs)
    images = parts[0] if len(parts) == 1 and parts[0].ndim == 4 else None
    if images is not None and kernel.channels_first:
        images = np.moveaxis(images, 1, -1)
    return kernel.name, _maps(model, kernel, inputs), images


def _maps(model: keras.Model, kernel: WatchedKernel, inputs: Any) -> Array:
    parts = [predicted_outputs(model, kernel, batch) for batch in batches(inputs)]
    maps = np.concatenate(parts)
    if maps.ndim != 4:
        raise ValueError(
            f"the outputs of {kernel.name!r} have no image axes: for each input there are "
            f"{maps.shape[1:]}, not (height, width, filters). Choose a layer that returns images."
        )
    return maps


def filter_numbers(filters: int | Iterable[int] | None, count: int, name: str) -> list[int]:
    """Returns the numbers of the filters that are asked for.

    Args:
        filters: one number or several; None for all.
        count: how many filters there are.
        name: the kernel's name, for the messages.

    Raises:
        TypeError: something else than numbers.
        ValueError: there is no such filter.

    Example:
        >>> filter_numbers(None, 3, "conv")
        [0, 1, 2]
        >>> filter_numbers([0, 3], 3, "conv")
        Traceback (most recent call last):
        ...
        ValueError: filters: 'conv' has filters 0 to 2; got [3].
    """
    if filters is None:
        return list(range(count))
    numbers = [filters] if isinstance(filters, int | np.integer) else filters
    if isinstance(numbers, str) or not isinstance(numbers, Iterable):
        raise TypeError(f"filters: numbers of filters are needed; got {short(filters)}.")
    numbers = list(numbers)
    if not all(isinstance(number, int | np.integer) for number in numbers):
        raise TypeError(f"filters: numbers of filters are needed; got {short(filters)}.")
    wrong = [int(number) for number in numbers if not 0 <= number < count]
    if wrong or not numbers:
        raise ValueError(
            f"filters: {name!r} has filters 0 to {count - 1}; got {reprlib.repr(wrong)}."
        )
    return [int(number) for number in numbers]
