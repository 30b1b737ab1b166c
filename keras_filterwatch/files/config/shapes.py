"""The shapes of tensors between the layers of a saved model, where the file does not have them."""

import math

from keras_filterwatch.files.config.inbound_nodes import Shape, parse_shape
from keras_filterwatch.files.config.layer_config import LayerConfig

_KEEPS_SHAPE = frozenset(
    {
        *("Activation", "ActivityRegularization", "AlphaDropout", "BatchNormalization"),
        *("Dropout", "ELU", "GaussianDropout", "GaussianNoise", "Identity", "LayerNormalization"),
        *("LeakyReLU", "Masking", "Normalization", "PReLU", "ReLU", "Rescaling", "Softmax"),
        *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D", "ThresholdedReLU"),
        "UnitNormalization",
    }
)


def is_channels_first(layer: LayerConfig) -> bool | None:
    """Returns whether the images of a layer have their channels first; None if it does not say.

    Example:
        >>> is_channels_first(LayerConfig("flatten", "Flatten", config={"data_format": None}))
    """
    data_format = layer.config.get("data_format", layer.config.get("dim_ordering"))
    known = {"channels_first": True, "th": True, "channels_last": False, "tf": False}
    return known.get(data_format) if isinstance(data_format, str) else None


def shape_after(layer: LayerConfig, shape: Shape | None) -> Shape | None:
    """Returns the shape of what a layer returns; None if that is not known.

    Args:
        layer: the layer.
        shape: of its input, the batch included.

    Example:
        >>> shape_after(LayerConfig("flatten", "Flatten"), (None, 28, 28, 1))
        (None, 784)
    """
    if shape is None or not layer.is_of_keras or layer.is_operation:
        return None
    if layer.class_name in _KEEPS_SHAPE:
        return shape
    sizes = [size for size in shape[1:] if size is not None]
    if len(sizes) != len(shape) - 1:
        return None
    if layer.class_name == "Flatten":
        return (shape[0], math.prod(sizes))
    target = parse_shape(layer.config.get("target_shape"))
    if layer.class_name == "Reshape" and target is not None and None not in target:
        return (shape[0], *target)
    return None
