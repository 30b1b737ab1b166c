"""The layers of an HDF5 file of Keras 1 or 2: one group each, with the names of its weights."""

from collections.abc import Iterator
from typing import NamedTuple

from keras_filterwatch.files.errors import UnreadableFileError
from keras_filterwatch.files.hdf5 import Group
from keras_filterwatch.files.limits import ENTRIES
from keras_filterwatch.files.stored import StoredArray
from keras_filterwatch.text import printable

TOP_LEVEL = "top_level_model_weights"  # the group of the weights that no layer owns


class SavedWeight(NamedTuple):
    """A weight as the file names it.

    Attributes:
        name: such as `"conv2d/kernel:0"` (Keras 2) or `"convolution2d_1_W"` (Keras 1).
        array: its values.
    """

    name: str
    array: StoredArray


class SavedLayer(NamedTuple):
    """The group of a layer, or of a model within the model.

    Attributes:
        name: the layer's name.
        weights: its weights, and those of all layers in it, in the order of the file.
    """

    name: str
    weights: tuple[SavedWeight, ...]


def has_layer_names(group: Group) -> bool:
    """Returns True for a group that holds the weights of a model, one group a layer."""
    return any(name in group.attributes for name in ("layer_names", "layer_names0", "nb_layers"))


def text_attribute(group: Group, name: str) -> str:
    """Returns an attribute that is a text; `""` if there is none.

    Raises:
        UnreadableFileError: it is something else.
    """
    value = group.attributes.get(name, "")
    if not isinstance(value, str):
        raise UnreadableFileError(f"attribute {name!r} holds {type(value).__name__}, no text.")
    return value


def saved_layers(group: Group) -> list[SavedLayer]:
    """Returns the layers whose weights a group holds, in the order of the model.

    Layers without weights are among them.

    Raises:
        UnreadableFileError: the file names a layer or a weight that it does not hold.
    """
    if "nb_layers" in group.attributes and not has_names(group, "layer_names"):
        return list(_numbered_layers(group))
    names = _texts(group, "layer_names")
    if len(set(names)) < len(names):
        raise UnreadableFileError("attribute 'layer_names' names a layer more than once.")
    return [SavedLayer(name, _weights(_subgroup(group, name))) for name in names]


def top_level_weights(group: Group) -> tuple[SavedWeight, ...]:
    """Returns the weights that the model holds itself."""
    own = group.group(TOP_LEVEL)
    return _weights(own) if own else ()


def has_names(group: Group, name: str) -> bool:
    """Returns True if a list of names is there, in one attribute or split over several."""
    return name in group.attributes or f"{name}0" in group.attributes


def weight_names(group: Group) -> list[str]:
    """Returns the names of the arrays of a group, as its attributes have them."""
    return _texts(group, "weight_names")


def _weights(group: Group) -> tuple[SavedWeight, ...]:
    names = weight_names(group)
    if len(set(names)) < len(names):
        raise UnreadableFileError(f"{_shown(group)} names a weight more than once.")
    return tuple(SavedWeight(name, _array(group, name)) for name in names)


def _numbered_layers(group: Group) -> Iterator[SavedLayer]:
    """Yields the layers of Keras 0, which have numbers in place of names."""
    for place in range(_count(group, "nb_layers")):
        layer = _subgroup(group, f"layer_{place}")
        names = [f"param_{i}" for i in range(_count(layer, "nb_params"))]
        weights = tuple(SavedWeight(name, _array(layer, name)) for name in names)
        yield SavedLayer(f"layer_{place}", weights)


def _count(group: Group, name: str) -> int:
    value = group.attributes.get(name, 0)
    if type(value) is not int or not 0 <= value <= ENTRIES:
        raise UnreadableFileError(f"{_shown(group)}: attribute {name!r} is no number of groups.")
    return value


def _texts(group: Group, name: str) -> list[str]:
    """Returns a list of texts, which HDF5 may have made Keras split: `name0`, `name1`, ..."""
    if name in group.attributes:
        return _checked(group, name)
    texts: list[str] = []
    part = 0
    while f"{name}{part}" in group.attributes:
        texts += _checked(group, f"{name}{part}")
        part += 1
        if len(texts) > ENTRIES or part > ENTRIES:
            raise UnreadableFileError(f"{_shown(group)} has too many {name}.")
    return texts


def _checked(group: Group, name: str) -> list[str]:
    value = group.attributes[name]
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise UnreadableFileError(f"{_shown(group)}: attribute {name!r} is no list of names.")
    return value


def _subgroup(group: Group, name: str) -> Group:
    found = group.group(name)
    if found is None:
        raise UnreadableFileError(
            f"the file names a layer {printable(name)!r:.80} that it does not hold."
        )
    return found


def _array(group: Group, name: str) -> StoredArray:
    found = group.array(name)
    if found is None:
        raise UnreadableFileError(
            f"{_shown(group)} names a weight {printable(name)!r:.80} that it does not hold."
        )
    return found


def _shown(group: Group) -> str:
    return f"group {printable(group.path or '/')!r:.80}"
