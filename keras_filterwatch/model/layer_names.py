"""Names of layers without the counter that Keras adds for each model made before in the process."""

import re
from collections.abc import Iterable, Mapping

import keras


def layer_names(layers: Iterable[keras.Layer]) -> dict[int, str]:
    """Returns the identity of each layer of a model -> its name.

    Keras names a layer by its class, and counts the layers of a process: a second model begins with
    `conv2d_3` where the first has `conv2d`. Here the layers of each class are counted anew in each
    model, in the order in which they were made. Other names stay, also those with a number that
    Keras has not come to in this process. So do all names of a class if two of its layers have one
    name, or if its new names would be those of layers of other classes.

    Args:
        layers: all layers of a model, and the model itself.

    Example:
        >>> parts = [keras.layers.Dense(2), keras.layers.Dense(2), keras.layers.ReLU(name="end")]
        >>> list(layer_names(parts).values())
        ['dense', 'dense_1', 'end']
    """
    layers = list({id(layer): layer for layer in layers}.values())
    names = {id(layer): layer.name for layer in layers}
    named_by_keras = _named_by_keras()
    counted: dict[str, list[tuple[int, int]]] = {}  # begin of names -> numbers and identities
    for layer in layers:
        prefix = _snake_case(type(layer).__name__)
        # Bidirectional puts a word before the names of its two layers
        automatic = re.fullmatch(rf"((?:forward_|backward_)?{prefix})(?:_(\d+))?", layer.name)
        if automatic and int(automatic[2] or 0) < named_by_keras.get(prefix, 0):
            numbers = counted.setdefault(automatic[1], [])
            numbers.append((int(automatic[2] or 0), id(layer)))
    for prefix, numbers in counted.items():
        new_names = [f"{prefix}_{place}" if place else prefix for place in range(len(numbers))]
        members = {identity for _, identity in numbers}
        others = {layer.name for layer in layers if id(layer) not in members}
        if len({number for number, _ in numbers}) == len(numbers) and others.isdisjoint(new_names):
            in_order = (identity for _, identity in sorted(numbers))
            names.update(zip(in_order, new_names, strict=True))
    return names


def _named_by_keras() -> Mapping[str, int]:
    """Returns the begin of a name -> how many layers Keras has named so in this process."""
    try:
        from keras.src.backend.common import global_state

        return dict(global_state.get_global_attribute("object_name_uids") or {})
    except Exception:  # another version of Keras may count in another place: then all names stay
        return {}


def _snake_case(name: str) -> str:
    """Returns the name of a class as Keras begins the names of its layers."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
