"""Describes the losses that a model is compiled with."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from keras_filterwatch.losses import CompiledLoss, loss_name


def by_output(loss: Any, names: Sequence[str]) -> list[Any]:
    """Returns the loss of each output, as `compile` got it; None for none, or if it is not known.

    Args:
        loss: what a model was compiled with: one loss for all, a list, a dict, or None.
        names: names of the model's outputs.

    Example:
        >>> by_output({"digit": "mse"}, ["digit", "colour"])
        ['mse', None]
    """
    count = len(names)
    if isinstance(loss, Mapping):
        if count == len(loss) == 1:
            return list(loss.values())
        return [loss.get(name) for name in names]
    if isinstance(loss, list | tuple):
        parts: list[Any] = keras.tree.flatten(list(loss))
        return parts if len(parts) == count else [None] * count
    return [loss] * count


def describe_loss(
    loss: Any, units: int | None = None, is_sparse: bool | None = None
) -> CompiledLoss:
    """Describes one loss as `compile` takes it.

    Args:
        loss: a name, a function, a class, or an object.
        units: size of the last axis of the output; None if it is not known.
        is_sparse: whether the targets are class numbers, not one-hot; None if that is not known.

    Raises:
        ValueError: Keras knows no such loss.

    Example:
        >>> describe_loss("mse").name
        'mean_squared_error'
        >>> describe_loss(keras.losses.BinaryCrossentropy(from_logits=True))[:3]
        ('binary_crossentropy', True, True)
    """
    if str(loss).lower() in ("crossentropy", "ce"):
        by_targets = {None: "crossentropy", True: "sparse_categorical_crossentropy"}
        name = by_targets.get(is_sparse, "categorical_crossentropy")
        return CompiledLoss("binary_crossentropy" if units == 1 else name, is_of_keras=True)
    options = getattr(loss, "keywords", {})  # of functools.partial
    loss = keras.losses.get(getattr(loss, "func", loss))
    known = loss if hasattr(loss, "__name__") else type(loss)
    name = known.__name__
    return CompiledLoss(
        "" if name == "<lambda>" else loss_name(name),
        getattr(keras.losses, name, None) is known,
        bool(getattr(loss, "from_logits", options.get("from_logits", False))),
        getattr(loss, "ignore_class", options.get("ignore_class")) is None,
        getattr(loss, "reduction", "mean") not in ("sum", "none", None),
    )
