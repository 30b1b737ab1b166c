"""The argument `layer` that all pictures have: its check, and the kernel that it names."""

import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from os import PathLike
from typing import Any

from keras_filterwatch.image_windows import Window
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.sources import shared_snapshot_of
from keras_filterwatch.sources.frameworks import is_keras_layer
from keras_filterwatch.text import listed, suggestion


def check_layer(function: Callable[..., Any], layer: Any) -> None:
    """Raises TypeError if `layer` cannot name a layer: such as inputs in the place of a layer.

    Args:
        function: the public function that was called; the message names it and its arguments.
        layer: what came as its `layer`. A name, a pattern, a layer, a function that picks layers,
            several of these and None can name layers.

    Example:
        >>> import numpy as np
        >>> def picture(source, layer=None, inputs=None): ...
        >>> check_layer(picture, "conv")
        >>> check_layer(picture, np.zeros((2, 8)))
        Traceback (most recent call last):
        ...
        TypeError: picture: layer must be a name, a pattern, a layer or None; got ndarray of shape \
(2, 8). The arguments are picture(source, layer=None, inputs=None). Write picture(..., \
inputs=...) if inputs were meant.
    """
    if layer is None or _names_a_layer(layer) or _names_layers(layer):
        return
    shape = f" of shape {layer.shape}" if hasattr(layer, "shape") else ""
    signature = inspect.signature(function)
    arguments = [
        argument.replace(annotation=inspect.Parameter.empty)
        for argument in signature.parameters.values()
    ]
    name, plain_signature = function.__name__, inspect.Signature(arguments)
    third = next((a.name for a in arguments[2:] if a.name in ("inputs", "classes", "filters")), "")
    remedy = f" Write {name}(..., {third}=...) if {third} were meant." if third else ""
    raise TypeError(
        f"{name}: layer must be a name, a pattern, a layer or None; got "
        f"{type(layer).__name__}{shape}. The arguments are {name}{plain_signature}.{remedy}"
    )


def _names_a_layer(value: Any) -> bool:
    return isinstance(value, str) or callable(value)  # Keras layers can be called


def _names_layers(value: Any) -> bool:
    if not isinstance(value, Collection) or isinstance(value, Mapping) or hasattr(value, "shape"):
        return False
    return all(map(_names_a_layer, value))


def named_kernels(
    source: Any, layer: Any = None, window: Mapping[str, Window] | None = None
) -> tuple[Kernel, ...]:
    """Returns the kernels of a source that `layer` names, or all of them if it is None.

    A kernel of exactly this name comes before others that a pattern or the name of a block finds.

    Args:
        source, layer: as the pictures take them.
        window: the images that layers read flattened, as `score` takes them.

    Raises:
        TypeError, ValueError: the source has no kernel of that name, or `window` does not fit.
    """
    kernels = shared_snapshot_of(source, layer, window=window).kernels
    if layer is None:
        return kernels
    same_name = tuple(kernel for kernel in kernels if kernel.name == layer)
    is_model = is_keras_layer(source) or isinstance(source, str | PathLike)
    if not same_name and not is_model:
        names = [kernel.name for kernel in kernels]
        raise ValueError(f"no kernel is called {layer!r}; {suggestion(layer, names)}.")
    return same_name or kernels  # of a model, the snapshot has only what `layer` names


def window_kernel(
    source: Any, layer: Any = None, window: Mapping[str, Window] | None = None
) -> Kernel:
    """Returns the kernel that `layer` names; of several, the first with a window larger than 1.

    The arguments are those of `named_kernels`.

    Example:
        >>> import numpy as np
        >>> window_kernel({"dense": np.ones((4, 4)), "conv": np.ones((3, 3, 1, 2))}).name
        'conv'

    Raises:
        ValueError: the source has no kernel of that name, or none with a window.
    """
    kernels = named_kernels(source, layer, window)
    for kernel in kernels:
        if kernel.has_window:
            return kernel
    raise ValueError(
        f"there is nothing to draw: no kernel among [{listed(kernel.name for kernel in kernels)}] "
        "has a window larger than 1. A Dense layer has one where it reads an image through a "
        f"Flatten layer; of another one that reads an image, say its size: {example_of(kernels)}."
    )


def example_of(kernels: Sequence[Kernel]) -> str:
    """Returns how `window` is passed for the first of some kernels.

    Example:
        >>> import numpy as np
        >>> example_of([Kernel("dense", "Dense", np.ones((784, 10)))])
        "window={'dense': (height, width, channels)}"
    """
    name = kernels[0].name if kernels else "dense"
    return f"window={{{name!r}: (height, width, channels)}}"
