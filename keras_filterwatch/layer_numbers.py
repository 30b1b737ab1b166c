"""Names of layers without the counter that Keras adds for each layer made before in a process."""

import re
from collections.abc import Callable, Sequence


def without_counter(
    layers: Sequence[tuple[str, str]], is_of_keras: Callable[[str, int], bool]
) -> list[str]:
    """Returns the names of a model's layers, those of each class counted anew.

    Names that users gave stay. So do all names of a class if two of its layers have one name, or if
    its new names would be those of layers of other classes.

    Args:
        layers: name and class of each layer.
        is_of_keras: takes the begin of a name and the number behind it, such as `"conv2d"` and 3,
            and returns whether Keras itself may have given this name.

    Example:
        >>> layers = [("conv2d_3", "Conv2D"), ("conv2d_4", "Conv2D"), ("head", "Dense")]
        >>> without_counter(layers, lambda begin, number: True)
        ['conv2d', 'conv2d_1', 'head']
    """
    names = [name for name, _ in layers]
    counted: dict[str, list[tuple[int, int]]] = {}  # begin of names -> numbers and places
    for place, (name, class_name) in enumerate(layers):
        begin = snake_case(class_name)
        # Bidirectional puts a word before the names of its two layers
        automatic = re.fullmatch(rf"((?:forward_|backward_)?{begin})(?:_(\d+))?", name)
        if begin and automatic and is_of_keras(begin, int(automatic[2] or 0)):
            counted.setdefault(automatic[1], []).append((int(automatic[2] or 0), place))
    new_names = list(names)
    for begin, numbers in counted.items():
        counted_anew = [f"{begin}_{i}" if i else begin for i in range(len(numbers))]
        members = {place for _, place in numbers}
        others = {name for place, name in enumerate(names) if place not in members}
        if len({number for number, _ in numbers}) == len(numbers) and others.isdisjoint(
            counted_anew
        ):
            for (_, place), new_name in zip(sorted(numbers), counted_anew, strict=True):
                new_names[place] = new_name
    return new_names


def snake_case(name: str) -> str:
    """Returns the name of a class as Keras begins the names of its layers.

    Example:
        >>> snake_case("Conv2DTranspose")
        'conv2d_transpose'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
