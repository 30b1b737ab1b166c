"""Which kernels a layer of a model holds: the rows of `kernel_layouts` for its class."""

from functools import cache

import keras
from keras import layers

from keras_filterwatch import kernel_layouts
from keras_filterwatch.kernel_layouts import Layout


@cache
def _class(name: str) -> type:
    """Returns a layer class of Keras."""
    found: type = getattr(layers, name)
    return found


# their kernels hold gates, not filters
RECURRENT = tuple(map(_class, kernel_layouts.RECURRENT))


def layouts_of(layer: keras.Layer) -> tuple[Layout, ...]:
    """Returns the rows of `LAYOUTS` for a layer: those of the first classes that it belongs to."""
    rows = kernel_layouts.LAYOUTS
    classes = next(row.classes for row in rows if isinstance(layer, (*map(_class, row.classes),)))
    return tuple(row for row in rows if row.classes == classes)


def kernels_of(
    layer: keras.Layer, weights: list[keras.Variable]
) -> list[tuple[str, keras.Variable, Layout]]:
    """Returns `(suffix, variable, layout)` for each kernel of a layer.

    The kernel's name is the layer's name plus the suffix.

    Args:
        layer: a built layer.
        weights: its own weights. Those that are called "kernel" are kernels too, whichever
            attribute holds them.
    """
    layouts = layouts_of(layer)
    if len(layouts) > 1:
        return [
            (f"/{layout.attribute}", getattr(layer, layout.attribute), layout) for layout in layouts
        ]
    (layout,) = layouts
    attribute = getattr(layer, layout.attribute, None)
    kernels = [weight for weight in weights if weight is attribute or weight.name == "kernel"]
    suffixes = [f"/{kernel.name}_{i}" if i else "" for i, kernel in enumerate(kernels)]
    return [(suffix, kernel, layout) for suffix, kernel in zip(suffixes, kernels, strict=True)]
