"""Says which non-linearity a layer applies to its outputs, and which layers apply none."""

from typing import Any

import keras
from keras import layers

from keras_filterwatch.model.recording import DROPOUTS
from keras_filterwatch.model.trace import innermost

MERGES = (layers.Add, layers.Subtract, layers.Average, layers.Concatenate)
MERGING_OPERATIONS = ("Add", "Subtract", "Concatenate", "Stack")
_ACTIVATIONS = (layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU, layers.Softmax)
_AVERAGES = (
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D),
)
# layers that move, scale, average or drop numbers, without weights and non-linearity
_PASSIVE = (
    *DROPOUTS,
    *(layers.GaussianNoise, layers.ActivityRegularization),
    *(layers.Identity, layers.Flatten, layers.Reshape, layers.Permute, layers.RepeatVector),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
    *(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D),
    *(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D),
    *(layers.Rescaling, layers.Normalization, *_AVERAGES),
)
_PASSIVE_OPERATIONS = (
    *("Reshape", "Transpose", "Squeeze", "ExpandDims", "GetItem", "Cast", "Identity", "Pad"),
    *("Mean", "Sum", "Flip", "Negative", "Moveaxis", "Swapaxes", "Ravel", "Repeat", "Tile"),
)
# passive ones too, of a tensor and a constant
_ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")
# TensorFlow's names of functions that Keras calls otherwise
_OTHER_NAMES = {"softmax_v2": "softmax", "log_softmax_v2": "log_softmax", "swish": "silu"}
# the names of `keras.activations`, by the names that their operations and layers have
_BY_CLASS = {
    name.replace("_", ""): name
    for name in (*vars(keras.activations), "prelu")
    if not name.startswith("_") and name not in ("get", "serialize", "deserialize")
}


def non_linearity(layer: keras.Operation) -> str:
    """Returns the name of the non-linearity that a layer applies to its outputs.

    Args:
        layer: a layer, or an operation of a functional model.

    Returns:
        A name as in `keras.activations`, `"linear"` for none, `""` if it is not known.

    Example:
        >>> non_linearity(layers.Dense(3, activation="relu"))
        'relu'
        >>> non_linearity(layers.Flatten())
        'linear'
        >>> non_linearity(layers.Lambda(lambda x: x))
        ''
    """
    layer = innermost(layer)
    kind = type(layer).__name__
    if not isinstance(layer, keras.Layer):
        is_linear = kind in (*_PASSIVE_OPERATIONS, *_ARITHMETIC, *MERGING_OPERATIONS)
        return "linear" if is_linear else _BY_CLASS.get(kind.lower(), "")
    if isinstance(layer, _ACTIVATIONS):
        return _BY_CLASS.get(kind.lower(), "")
    if isinstance(layer, (*_PASSIVE, *MERGES, layers.BatchNormalization)):
        return "linear"
    return _name(getattr(layer, "activation", None))


def is_passive(layer: keras.Operation) -> bool:
    """Returns True for layers and operations that only move, scale, average or drop numbers.

    They have neither weights that are trained nor a non-linearity.

    Example:
        >>> is_passive(layers.Dropout(0.5)), is_passive(layers.Activation("linear"))
        (True, True)
        >>> is_passive(layers.Dense(3)), is_passive(layers.ReLU())
        (False, False)
    """
    layer = innermost(layer)
    if not isinstance(layer, keras.Layer):
        return type(layer).__name__ in (*_PASSIVE_OPERATIONS, *_ARITHMETIC)
    if isinstance(layer, layers.Activation):
        return non_linearity(layer) == "linear"
    return isinstance(layer, _PASSIVE)


def is_average(layer: keras.Operation) -> bool:
    """Returns True for layers and operations that average over positions."""
    layer = innermost(layer)
    return isinstance(layer, _AVERAGES) or type(layer).__name__ == "Mean"


def is_separate(layer: keras.Operation) -> bool:
    """Returns True for layers and operations that are a non-linearity and nothing else."""
    layer = innermost(layer)
    return not isinstance(layer, keras.Layer) or isinstance(
        layer, (*_ACTIVATIONS, layers.Activation)
    )


def _name(activation: Any) -> str:
    """Returns the name of what a layer has as its `activation`; `""` if it is not known."""
    if isinstance(activation, keras.Layer):
        return non_linearity(activation)
    function = getattr(activation, "func", activation)  # of functools.partial
    name = getattr(function, "__name__", "")
    name = _OTHER_NAMES.get(name, name)
    return name if name in _BY_CLASS.values() else ""
