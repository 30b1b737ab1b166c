"""Names of the layers of a saved model without the counter of the process that made it.

In that process `fw.score(model)` leaves the counter out too (`model/layer_names.py`), and compares
it with what Keras has counted. A file lacks this count. That other models were made before shows in
the number of an input or of the model itself, and that Keras gave the names of a class shows in
numbers without a gap.
"""

import re
from collections.abc import Iterable, Iterator

from keras_filterwatch.files.config.layer_config import LayerConfig
from keras_filterwatch.layer_numbers import snake_case, without_counter

# Keras 2 begins with 1, and with other words
_LATER_MODEL = re.compile(r"(input_layer|functional)_\d+")


def names_without_counter(
    layers: Iterable[LayerConfig], is_later: bool = False
) -> dict[object, str]:
    """Returns the identity of each layer of a model -> its name.

    Args:
        layers: all layers of a model, those inside of others too, and the model itself.
        is_later: whether it is known that other models were made before.

    Example:
        >>> layers = [LayerConfig("input_layer_2", "InputLayer"), LayerConfig("dense_5", "Dense")]
        >>> list(names_without_counter(layers).values())
        ['input_layer', 'dense']
    """
    layers = list({layer.identity: layer for layer in layers}.values())
    named = [(layer.name, layer.saved_class or layer.class_name) for layer in layers]
    numbers: dict[str, list[int]] = {}  # begin of names -> numbers behind it
    for name, class_name in named:
        begin = snake_case(class_name)
        match = re.fullmatch(rf"{begin}(?:_(\d{{1,9}}))?", name)
        if match:
            numbers.setdefault(begin, []).append(int(match[1] or 0))
    is_later = is_later or any(_LATER_MODEL.fullmatch(name) for name, _ in named)
    without_gap = {
        begin
        for begin, each in numbers.items()
        if max(each) - min(each) < len(each) == len(set(each))
    }
    names = without_counter(named, lambda begin, number: is_later and begin in without_gap)
    return {layer.identity: name for layer, name in zip(layers, names, strict=True)}


def layers_in(model: LayerConfig) -> Iterator[LayerConfig]:
    """Yields a model, its layers, and those in them.

    Example:
        >>> model = LayerConfig("net", "Sequential", layers=(LayerConfig("head", "Dense"),))
        >>> [layer.name for layer in layers_in(model)]
        ['net', 'head']
    """
    waiting = [model]
    while waiting:
        layer = waiting.pop()
        yield layer
        waiting.extend(reversed(layer.layers))
