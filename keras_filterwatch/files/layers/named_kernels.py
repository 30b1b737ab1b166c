"""Which variables are kernels, and in which order their axes are, by their names and shapes alone.

Keras and TensorFlow give the variables of a layer known names, but checkpoints do not tell the
classes of layers. What follows from the name of the layer, its other variables and the shapes is
used; what could be read in two ways is skipped. One thing is assumed, and the notes say so: a
layer with a name of the user's own is an ordinary one unless something tells otherwise.
"""

import re
from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from keras_filterwatch.files.layers.kernel_axes import Arrangement, arrangement, class_of_name
from keras_filterwatch.files.stored import StoredArray, StoredKernel
from keras_filterwatch.kernel_layouts import RECURRENT
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.sources.arrays import EMBEDDING

_RECURRENT_REASON = "recurrent: its kernel holds gates, not filters"
_KERNELS = (
    *("kernel", "weights", "w"),
    *("depthwise_kernel", "depthwise_weights", "pointwise_kernel", "pointwise_weights"),
)
_NAMED_BY_LAYER = ("kernel", "depthwise_kernel")  # where they are alone
_BIASES = ("bias", "biases", "b")
_EMBEDDINGS = re.compile(r"(.*_)?embeddings?(_table|_weights|_matrix)?|(.*_)?tokens?|pos_embed")
_RECURRENT_PART = re.compile(r"(.*_)?(lstm|gru|rnn)(_cell)?(_\d+)?")  # of TensorFlow 1


class NamedVariable(NamedTuple):
    """A variable of a layer.

    Attributes:
        name: such as `"block/conv2d/kernel"`, unique.
        array: its values.
        owner: the same for all variables of a layer.
        attribute: what the layer calls it, such as `"_kernel"`; `""` if the file does not tell.
        trainable: whether training may change it, as far as the file tells.
        node: the number of its object; -1 in files that have names alone.
    """

    name: str
    array: StoredArray
    owner: Hashable
    attribute: str = ""
    trainable: bool = True
    node: int = -1

    @property
    def layer(self) -> str:
        """The name of its layer, with the path to it."""
        return self.name.rpartition("/")[0]

    @property
    def role(self) -> str:
        """What it is in its layer, such as `"kernel"`."""
        return self.name.rpartition("/")[2]


def kernels_of_variables(
    variables: Sequence[NamedVariable],
) -> tuple[list[StoredKernel], dict[str, str]]:
    """Returns the kernels among variables, in their order, and why the others are none.

    A kernel that is the only one of its layer has the name of the layer, as `fw.score(model)` has.

    Example:
        >>> import numpy as np
        >>> array = StoredArray("a", (3, 3, 1, 8), np.dtype("f4"), lambda: np.ones((3, 3, 1, 8)))
        >>> kernels, skipped = kernels_of_variables([NamedVariable("conv2d/kernel", array, 0)])
        >>> kernels[0].name, kernels[0].layer_type, kernels[0].kind
        ('conv2d', 'Conv2D', 'conv')
    """
    layers: dict[Hashable, dict[str, NamedVariable]] = {}
    for variable in variables:
        layer = layers.setdefault(variable.owner, {})
        layer[variable.name if variable.role in layer else variable.role] = variable
    # Keras 3 calls the kernels of its ordinary layers so, and those of other layers "kernel"
    has_lora = any(
        variable.attribute == "_kernel" and len(variable.array.shape) > 2 for variable in variables
    )
    is_alone = {
        owner: sum(role in _KERNELS for role in layer) == 1 for owner, layer in layers.items()
    }
    names = {variable.name for variable in variables}
    kernels: list[StoredKernel] = []
    reasons: dict[str, str] = {}
    for variable in variables:
        layer = layers[variable.owner]
        reason = _why_no_kernel(variable, layer)
        found = None if reason else _arrangement(variable, layer, names, has_lora)
        if found is None or found.reason:
            reasons[variable.name] = found.reason if found else reason
        else:
            may_be_layer = is_alone[variable.owner] and variable.role in _NAMED_BY_LAYER
            is_free = may_be_layer and variable.layer and variable.layer not in names
            name = variable.layer if is_free else variable.name
            kernels.append(_stored_kernel(variable, name, found))
    skipped: dict[str, str] = {}
    for layer in layers.values():
        skipped |= _skipped(layer, reasons)
    return kernels, skipped


def _skipped(layer: Mapping[str, NamedVariable], reasons: Mapping[str, str]) -> dict[str, str]:
    """Returns what is said about the variables of a layer that are no kernels.

    Vectors beside a kernel are not worth a word; a layer without any kernel is named as a whole.
    """
    variables = [each for each in layer.values() if each.name in reasons]
    large = [each for each in variables if len(each.array.shape) > 1]
    name = variables[0].layer if variables else ""
    if len(variables) < len(layer) or not name:
        listed = variables if not name else large
        return {each.name: reasons[each.name] for each in listed}
    if large:
        return {name: reasons[large[0].name]}
    return {name: f"no kernel, only {', '.join(each.role for each in variables)}"}


def _why_no_kernel(variable: NamedVariable, layer: Mapping[str, NamedVariable]) -> str:
    """Returns why a variable is no kernel; `""` if it may be one."""
    axes = len(variable.array.shape)
    classes = {class_of_name(part) for part in variable.layer.split("/")}
    if "recurrent_kernel" in layer or classes & {*RECURRENT}:
        return _RECURRENT_REASON
    if not variable.attribute and any(map(_RECURRENT_PART.fullmatch, variable.layer.split("/"))):
        return _RECURRENT_REASON
    if variable.role in _BIASES and variable.role != "b":
        return "a bias"
    if axes < 2:
        return "a vector, not a kernel" if axes else "a single number"
    if _EMBEDDINGS.fullmatch(variable.role) and variable.layer:
        return EMBEDDING
    if variable.role not in _KERNELS and "kernel" in layer:
        return "its layer has a kernel beside it"
    if axes > 5:
        return f"it has {axes} axes; 2 to 5 can be read"
    if variable.array.dtype.kind != "f" and variable.array.dtype.name != "bfloat16":
        return f"its numbers are of dtype {variable.array.dtype}, not real numbers"
    return ""


def _arrangement(
    variable: NamedVariable,
    layer: Mapping[str, NamedVariable],
    names: set[str],
    has_lora: bool,
) -> Arrangement:
    bias = next((layer[role].array.shape for role in _BIASES if role in layer), ())
    parent = variable.layer.rpartition("/")[0]
    return arrangement(
        variable.layer,
        variable.role,
        variable.array.shape,
        bias=bias[0] if len(bias) == 1 else None,
        is_in_attention=all(f"{parent}/{each}/kernel" in names for each in ("query", "value")),
        is_ordinary=variable.attribute == "_kernel" if has_lora else None,
    )


def _stored_kernel(variable: NamedVariable, name: str, found: Arrangement) -> StoredKernel:
    return StoredKernel(
        name,
        found.layer_type,
        found.shape(variable.array.shape),
        partial(_read, variable, name, found),
        found.kind,
        variable.trainable,
        variable.layer.rpartition("/")[2],
        (variable.name,) if name != variable.name else (),
    )


def _read(variable: NamedVariable, name: str, found: Arrangement) -> Kernel:
    array = found.arrange(variable.array.read())
    return Kernel(name, found.layer_type, array, trainable=variable.trainable, kind=found.kind)
