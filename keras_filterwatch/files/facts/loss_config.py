"""The losses that a saved model was compiled with, from its config."""

from collections.abc import Mapping, Sequence
from typing import Any

from keras_filterwatch.files.facts.optimizer_config import bare_name
from keras_filterwatch.losses import CompiledLoss, loss_name

# the names of Keras's losses
LOSSES = frozenset(
    {
        *("binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"),
        *("categorical_focal_crossentropy", "sparse_categorical_crossentropy"),
        *("mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error"),
        *("mean_squared_logarithmic_error", "kl_divergence", "poisson", "cosine_similarity"),
        *("hinge", "squared_hinge", "categorical_hinge", "huber", "log_cosh", "tversky", "dice"),
        *("circle", "ctc", "categorical_generalized_cross_entropy"),
    }
)
_OTHER_NAMES = {
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "kld": "kl_divergence",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
}
_NO_MEAN = ("sum", "none", None)  # reductions


def losses_by_output(loss: Any, names: Sequence[str]) -> list[Any]:
    """Returns the serialised loss of each output; None for none, or if it is not known.

    Args:
        loss: that of the config: one for all, a list, an object by output, or None.
        names: names of the model's outputs.

    Example:
        >>> losses_by_output({"digit": "mse"}, ["digit", "colour"])
        ['mse', None]
        >>> losses_by_output({"class_name": "Huber", "config": {}}, ["out"])
        [{'class_name': 'Huber', 'config': {}}]
    """
    if isinstance(loss, Mapping) and not _is_object(loss):
        if len(names) == len(loss) == 1:
            return list(loss.values())
        return [loss.get(name) for name in names]
    if isinstance(loss, list):
        return loss if len(loss) == len(names) else [None] * len(names)
    return [loss] * len(names)


def describe_saved_loss(loss: Any, units: int | None = None) -> CompiledLoss:
    """Describes one serialised loss.

    Args:
        loss: its name, or the config of an object.
        units: size of the last axis of the output; None if it is not known.

    Example:
        >>> describe_saved_loss("mse").name
        'mean_squared_error'
        >>> config = {"from_logits": True, "reduction": "sum"}
        >>> describe_saved_loss({"class_name": "BinaryCrossentropy", "config": config})
        CompiledLoss(name='binary_crossentropy', is_of_keras=True, from_logits=True, \
keeps_outputs=True, is_mean=False)
    """
    config: Mapping[str, Any] = {}
    if isinstance(loss, Mapping):
        own, module = loss.get("config"), loss.get("module")
        is_function = loss.get("class_name") == "function"
        config = own if isinstance(own, Mapping) else {}
        is_registered = ">" in f"{loss.get('class_name')}{loss.get('registered_name')}"
        is_own = not is_function and (
            is_registered or (module is not None and not f"{module}.".startswith("keras."))
        )
        loss = bare_name(loss)
    elif isinstance(loss, str):
        is_own = False
    else:
        return CompiledLoss()
    if loss.lower() in ("crossentropy", "ce"):
        return CompiledLoss("binary_crossentropy" if units == 1 else "crossentropy", True)
    if loss == "__lambda__":
        return CompiledLoss()
    name = loss_name(loss)
    name = _OTHER_NAMES.get(name, name)
    return CompiledLoss(
        name,
        name in LOSSES and not is_own,
        bool(config.get("from_logits", False)),
        config.get("ignore_class") is None,
        config.get("reduction", "mean") not in _NO_MEAN,
    )


def _is_object(value: Mapping[str, Any]) -> bool:
    """Returns True for a serialised object, False for objects by the names of outputs."""
    return isinstance(value.get("class_name"), str) and "config" in value
