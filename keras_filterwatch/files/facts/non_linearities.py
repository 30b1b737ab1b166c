"""Which non-linearity a layer of a saved model applies: as `model.non_linearities` finds them.

A layer class that Keras does not ship may do anything.
"""

from collections.abc import Mapping
from typing import Any

from keras_filterwatch.files.config.flow import innermost
from keras_filterwatch.files.config.layer_config import LayerConfig

_SPATIAL = tuple(f"SpatialDropout{axes}D" for axes in (1, 2, 3))
DROPOUTS = ("Dropout", "GaussianDropout", "AlphaDropout", *_SPATIAL)
NORMALISERS = (
    *("BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization"),
    "RMSNormalization",
)
MERGES = ("Add", "Subtract", "Average", "Concatenate")
MERGING_OPERATIONS = ("Add", "Subtract", "Concatenate", "Stack")
ARITHMETIC = ("Add", "Subtract", "Multiply", "Divide", "TrueDivide")  # of a tensor and a constant
MAX_POOLINGS = ("MaxPooling1D", "MaxPooling2D", "MaxPooling3D")
_ACTIVATIONS = ("ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "ThresholdedReLU")
_AVERAGES = tuple(f"{kind}AveragePooling{axes}D" for kind in ("", "Global") for axes in (1, 2, 3))
# layers that move, scale, average or drop numbers, without weights and non-linearity
_PASSIVE = (
    *DROPOUTS,
    *("GaussianNoise", "ActivityRegularization", "Identity", "Flatten", "Reshape", "Permute"),
    *("RepeatVector", "Rescaling", "Normalization", *_AVERAGES),
    *(f"{kind}{axes}D" for kind in ("ZeroPadding", "Cropping", "UpSampling") for axes in (1, 2, 3)),
)
_PASSIVE_OPERATIONS = (
    *("Reshape", "Transpose", "Squeeze", "ExpandDims", "GetItem", "Cast", "Identity", "Pad"),
    *("Mean", "Sum", "Flip", "Negative", "Moveaxis", "Swapaxes", "Ravel", "Repeat", "Tile"),
)
# layers with an `activation` that is linear by default
_LINEAR_BY_DEFAULT = ("Dense", "EinsumDense", "Activation")
_CONVOLUTIONS = ("Conv1D", "Conv2D", "Conv3D", "SeparableConv", "DepthwiseConv", "LocallyConnected")
_RECURRENT = ("LSTM", "GRU", "SimpleRNN", "ConvLSTM", "LSTMCell", "GRUCell", "SimpleRNNCell")
# the names of `keras.activations`
ACTIVATIONS = frozenset(
    {
        *("celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu"),
        *("hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "prelu"),
        *("relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus"),
        *("softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh"),
        *("tanh_shrink", "threshold"),
    }
)
_OTHER_NAMES = {
    "softmax_v2": "softmax",
    "log_softmax_v2": "log_softmax",
    "swish": "silu",
    "hard_swish": "hard_silu",
}
_BY_CLASS = {name.replace("_", ""): name for name in ACTIVATIONS}


def non_linearity(layer: LayerConfig) -> str:
    """Returns the name of the non-linearity that a layer applies to its outputs.

    Returns:
        A name as in `keras.activations`, `"linear"` for none, `""` if it is not known.

    Example:
        >>> non_linearity(LayerConfig("head", "Dense", config={"activation": "softmax"}))
        'softmax'
        >>> non_linearity(LayerConfig("end", "ReLU")), non_linearity(LayerConfig("flat", "Flatten"))
        ('relu', 'linear')
        >>> non_linearity(LayerConfig("own", "Lambda"))
        ''
    """
    layer = innermost(layer)
    kind = layer.class_name
    if layer.is_operation:
        is_linear = kind in (*_PASSIVE_OPERATIONS, *ARITHMETIC, *MERGING_OPERATIONS)
        return "linear" if is_linear else _BY_CLASS.get(kind.lower(), "")
    if not layer.is_of_keras:
        return ""
    if kind in _ACTIVATIONS:
        return _BY_CLASS.get(kind.lower(), "")
    if kind in (*_PASSIVE, *MERGES, "BatchNormalization"):
        return "linear"
    has_default = kind in _LINEAR_BY_DEFAULT or kind.startswith(_CONVOLUTIONS)
    if has_default or kind.startswith(_RECURRENT):
        return activation_name(layer.config.get("activation", "linear" if has_default else ""))
    return ""


def activation_name(value: Any) -> str:
    """Returns the name of what a config has as an `activation`; `""` if it is not known.

    Example:
        >>> activation_name("swish"), activation_name(None)
        ('silu', 'linear')
        >>> activation_name({"class_name": "LeakyReLU", "config": {"negative_slope": 0.3}})
        'leaky_relu'
    """
    while isinstance(value, Mapping):
        kind, config = value.get("class_name"), value.get("config")
        module = value.get("module")
        if kind == "Activation" and isinstance(config, Mapping):
            value = config.get("activation", "")
        elif kind == "function":
            value = config
        elif isinstance(kind, str) and kind in _ACTIVATIONS and module in ("keras.layers", None):
            value = _BY_CLASS.get(kind.lower(), "")
        else:
            return ""
    if value is None:
        return "linear"
    name = _OTHER_NAMES.get(value, value) if isinstance(value, str) else ""
    return name if name in ACTIVATIONS else ""


def is_passive(layer: LayerConfig) -> bool:
    """Returns True for layers and operations that only move, scale, average or drop numbers.

    They have neither weights that are trained nor a non-linearity.

    Example:
        >>> is_passive(LayerConfig("drop", "Dropout")), is_passive(LayerConfig("head", "Dense"))
        (True, False)
    """
    layer = innermost(layer)
    if layer.is_operation:
        return layer.class_name in (*_PASSIVE_OPERATIONS, *ARITHMETIC)
    if layer.is_of_keras and layer.class_name == "Activation":
        return non_linearity(layer) == "linear"
    return layer.is_of_keras and layer.class_name in _PASSIVE


def is_average(layer: LayerConfig) -> bool:
    """Returns True for layers and operations that average over positions."""
    layer = innermost(layer)
    return layer.class_name == "Mean" if layer.is_operation else layer.class_name in _AVERAGES


def is_separate(layer: LayerConfig) -> bool:
    """Returns True for layers and operations that are a non-linearity and nothing else."""
    layer = innermost(layer)
    return layer.is_operation or (
        layer.is_of_keras and layer.class_name in (*_ACTIVATIONS, "Activation")
    )
