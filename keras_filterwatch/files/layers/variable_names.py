"""The names of the variables of Keras's layers, where a file has only their order."""

from keras_filterwatch.files.config.layer_config import LayerConfig

_NAMES = {
    "LayerNormalization": ("gamma", "beta"),
    "GroupNormalization": ("gamma", "beta"),
    "RMSNormalization": ("scale",),
    "Normalization": ("mean", "variance", "count"),
    "Embedding": ("embeddings",),
    "ReversibleEmbedding": ("embeddings", "reverse_embeddings"),
    "PReLU": ("alpha",),
    "SpectralNormalization": ("vector_u",),
    "AdditiveAttention": ("scale",),
    "Attention": ("scale",),
}
_RENORM = ("renorm_mean", "renorm_stddev", "renorm_variance")


def variable_names(layer: LayerConfig, count: int) -> list[str]:
    """Returns the names of the variables of a layer of Keras, in the order in which it saves them.

    Args:
        layer: the layer.
        count: how many variables the file has.

    Example:
        >>> variable_names(LayerConfig("norm", "BatchNormalization", config={"scale": False}), 3)
        ['beta', 'moving_mean', 'moving_variance']
        >>> variable_names(LayerConfig("mine", "Mine"), 2)
        ['2 arrays']
    """
    names = _NAMES.get(layer.class_name, ())
    switches = {"gamma": "scale", "beta": "center"}
    if layer.class_name == "BatchNormalization":
        names = ("gamma", "beta", "moving_mean", "moving_variance")
    present = [
        name for name in names if layer.config.get(switches.get(name, ""), True) is not False
    ]
    if layer.class_name == "BatchNormalization" and count > len(present):
        present += _RENORM
    if len(present) < count or not present:
        return [f"{count} array{'s' * (count != 1)}"]
    return present[:count]
