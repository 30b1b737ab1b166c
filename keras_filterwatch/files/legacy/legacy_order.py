"""Which variables a layer has, and in which order HDF5 files of Keras 1 and 2 hold them."""

from collections.abc import Sequence
from typing import NamedTuple

from keras_filterwatch.files.config.class_names import may_learn
from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.kernel_layouts import RECURRENT

_ONE_KERNEL = (
    *("Dense", "TimeDistributedDense", "Conv1D", "Conv2D", "Conv3D"),
    *("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose"),
    *("DepthwiseConv1D", "DepthwiseConv2D", "LocallyConnected1D", "LocallyConnected2D"),
)
_NORMALIZERS = ("BatchNormalization", "LayerNormalization", "GroupNormalization")
# of the gates, in the order of their variables in Keras 1
_GATES = {"LSTM": "icfo", "GRU": "zrh", "ConvLSTM2D": "icfo"}


class OwnedVariable(NamedTuple):
    """A variable that a layer should have.

    Attributes:
        layer: the layer that owns it.
        variable: its name, as Keras has it today.
        is_trainable: whether training may change it.
    """

    layer: LayerConfig
    variable: str
    is_trainable: bool


def saved_order(layer: LayerConfig, keras: int) -> list[OwnedVariable] | None:
    """Returns the variables of a layer, and of all layers in it, in the order of the file.

    Those that training may change come first. None if the variables of a layer are not known.

    Args:
        layer: a layer, or a model within the model.
        keras: the version of Keras that wrote the file, such as 2.

    Example:
        >>> dense = LayerConfig("dense", "Dense")
        >>> [each.variable for each in saved_order(dense, keras=2) or ()]
        ['kernel', 'bias']
    """
    variables = _all_variables(layer, keras)
    if variables is None:
        return None
    first = [each for each in variables if each.is_trainable]
    return first + [each for each in variables if not each.is_trainable]


def _all_variables(layer: LayerConfig, keras: int) -> list[OwnedVariable] | None:
    """Returns the variables of a layer with those of the layers in it, layer by layer."""
    names = _own_variables(layer, keras)
    if names is None:
        return None
    trainable, others = names
    variables = [OwnedVariable(layer, name, True) for name in trainable]
    variables += [OwnedVariable(layer, name, False) for name in others]
    for inner in () if layer.class_name in RECURRENT else layer.layers:
        of_inner = _all_variables(inner, keras)
        if of_inner is None:
            return None
        variables += of_inner
    if layer.trainable:
        return variables
    if keras < 3:  # those of a frozen model stay in the order that they had before
        first = [each for each in variables if each.is_trainable]
        variables = first + [each for each in variables if not each.is_trainable]
    return [each._replace(is_trainable=False) for each in variables]


def _own_variables(layer: LayerConfig, keras: int) -> tuple[Sequence[str], Sequence[str]] | None:
    """Returns the names of the trainable variables of a layer, and of others; None if unknown."""
    kind, config = layer.class_name, layer.config
    bias = ["bias"] if config.get("use_bias", config.get("bias", True)) is not False else []
    if layer.has_graph or kind in ("Functional", "Sequential"):
        return (), ()
    if not layer.is_of_keras and kind not in ("TimeDistributed", "Bidirectional"):
        return None
    if kind in _ONE_KERNEL:
        return ["kernel", *bias], ()
    if kind.startswith("SeparableConv"):
        return ["depthwise_kernel", "pointwise_kernel", *bias], ()
    if kind in _NORMALIZERS:
        names = [
            *(["gamma"] if config.get("scale") is not False else []),
            *(["beta"] if config.get("center") is not False else []),
        ]
        moving = ["moving_mean", "moving_variance"] if kind == "BatchNormalization" else []
        return None if config.get("renorm") else (names, moving)
    if kind in RECURRENT:
        gates = _GATES.get(kind, "")
        if keras == 1 and gates and config.get("consume_less") != "gpu":
            return [f"{each}_{gate}" for gate in gates for each in "WUb"], ()
        return ["kernel", "recurrent_kernel", *bias], ()
    if kind == "Embedding":
        return ["kernel" if keras == 1 else "embeddings"], ()
    if kind == "PReLU":
        return ["alpha"], ()
    if kind in ("TimeDistributed", "Bidirectional", "Merge"):
        return (), ()
    return None if may_learn(kind) or kind == "Normalization" else ((), ())
