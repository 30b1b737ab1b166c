"""Which layers of two networks belong together, by their names or by their places."""

from collections.abc import Collection, Iterable, Mapping

from keras_filterwatch.kernel_names import KernelNames, matching_kernels
from keras_filterwatch.scores import LayerScores
from keras_filterwatch.text import suggestion


def matched_layers(a: Mapping[str, LayerScores], b: Mapping[str, LayerScores]) -> dict[str, str]:
    """Returns the name of each layer of a that b has too -> its name in b, in the order of a.

    Layers of the same name belong together. But where two networks have kernels of the same shapes
    in the same order, and not the same names, all layers are matched by their places: one of them
    may count its layers from another number. So are the layers whose names only one of them has,
    if their shapes are the same in the same order.

    Example:
        >>> one = LayerScores("Dense", (8, 2), "undetermined", {}, {})
        >>> matched_layers({"dense": one, "dense_1": one}, {"dense_1": one, "dense_2": one})
        {'dense': 'dense_1', 'dense_1': 'dense_2'}
    """
    if set(a) != set(b) and _shapes(a, a) == _shapes(b, b):
        return dict(zip(a, b, strict=True))
    only_a, only_b = [name for name in a if name not in b], [name for name in b if name not in a]
    by_place = {}
    if _shapes(a, only_a) == _shapes(b, only_b):
        by_place = dict(zip(only_a, only_b, strict=True))
    return {name: by_place.get(name, name) for name in a if name in by_place or name in b}


def names_to_compare(layers: str | Iterable[str], names: Collection[str]) -> set[str]:
    """Returns those of some names that a name, the name of a block or a pattern means.

    Raises:
        TypeError: one is no name.
        ValueError: one means none of the names.

    Example:
        >>> sorted(names_to_compare(["block*", "head"], ["block1", "block2", "stem", "head"]))
        ['block1', 'block2', 'head']
    """
    kernels = [KernelNames(name) for name in names]
    result: set[str] = set()
    for pattern in [layers] if isinstance(layers, str) else layers:
        if not isinstance(pattern, str):
            raise TypeError(
                "layers: names or patterns are needed, such as 'conv2d' or 'block*'; got "
                f"{pattern!r}."
            )
        matching = matching_kernels(pattern, kernels)
        if not matching:
            raise ValueError(
                f"layers: no layer is called {pattern!r}; {suggestion(pattern, names)}."
            )
        result.update(matching)
    return result


def _shapes(layers: Mapping[str, LayerScores], names: Iterable[str]) -> list[tuple[int, ...]]:
    return [layers[name].shape for name in names]
