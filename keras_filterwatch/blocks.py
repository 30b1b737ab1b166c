"""Blocks: which layers of a network belong together, by their names alone."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

_LARGEST_BLOCK = 12  # more layers under one name are a part of the network, not a block
_MOST_LEVELS = 16  # of a name; hostile names may have thousands
_SEPARATOR = re.compile(r"[/_.\-]")
_DIMENSIONS = re.compile(r"(?:.*\D)?[123]d", re.IGNORECASE)  # the digit of "conv2d" counts nothing


def blocks(names: Sequence[str], most: int | None = None) -> list[tuple[str, list[str]]]:
    """Returns consecutive layers grouped by block: the name of each block and its layers.

    A block is what a name says before a `/`, or up to a number: `conv2_block1` of
    `conv2_block1_1_conv`, `backbone/stage1` of `backbone/stage1/conv2d_3`. Blocks are as small as
    their names allow while they have two layers each on average. A layer that stands alone is a
    block of its own, with its own name. The order of the layers stays, and each is in one block.

    Args:
        names: the layers' names, in the network's order.
        most: how many blocks there may be, at least 1; None for any number. Where there are more,
            neighbours are put together, if possible within one part of the network, and the block
            is named after its first and last part. Blocks of more than 12 layers are divided as
            far as this number allows.

    Raises:
        ValueError: `most` is below 1.

    Example:
        >>> blocks(["conv1", "conv2_block1_1_conv", "conv2_block1_2_conv", "conv2_block2_1_conv"])
        [('conv1', ['conv1']), ('conv2', ['conv2_block1_1_conv', 'conv2_block1_2_conv', \
'conv2_block2_1_conv'])]
        >>> blocks(["conv2d", "conv2d_1", "conv2d_2", "conv2d_3"], most=2)
        [('conv2d … conv2d_1', ['conv2d', 'conv2d_1']), ('conv2d_2 … conv2d_3', ['conv2d_2', \
'conv2d_3'])]
    """
    if most is not None and most < 1:
        raise ValueError(f"most: a number of blocks of at least 1 is needed; got {most}.")
    return [(name, list(layers)) for name, layers in _blocks(tuple(names), most)]


class _Part(NamedTuple):
    """Layers that belong together, and the name of what they are a part of."""

    name: str
    layers: tuple[str, ...]
    parent: str


@lru_cache(maxsize=16)  # a training asks for the same at each step
def _blocks(names: tuple[str, ...], most: int | None) -> list[tuple[str, tuple[str, ...]]]:
    parts = _natural_blocks(names)
    if most is not None and (
        len(parts) > most or max(map(_size, parts), default=0) > _LARGEST_BLOCK
    ):
        parts = _at_most(parts, most)
    return [(part.name, part.layers) for part in parts]


def _natural_blocks(names: tuple[str, ...]) -> list[_Part]:
    """Returns the blocks as the names have them."""
    parts: list[_Part] = []
    waiting = [(_Part("", names, ""), 0)]  # the last one comes next; with its level in the names
    prefixes = {name: _prefixes(name) for name in names}
    while waiting:
        part, level = waiting.pop()

        def child_name(layer: str, level: int = level) -> str:
            return prefixes[layer][level] if level < len(prefixes[layer]) else layer

        children = [
            _Part(name, tuple(layers), part.name)
            for name, layers in groupby(part.layers, child_name)
        ]
        ends = len(part.layers) < 2 or all(level >= len(prefixes[name]) for name in part.layers)
        if level and (ends or 2 * len(children) > len(part.layers)):
            name = part.layers[0] if len(part.layers) == 1 else part.name
            parts.append(part._replace(name=name))
        else:
            waiting += [(child, level + 1) for child in reversed(children)]
    return parts


def _prefixes(name: str) -> list[str]:
    """Returns the beginnings of a name that may name a block, the shortest first."""
    prefixes, start = [], 0
    for separator in _SEPARATOR.finditer(name):
        word = name[start : separator.start()]
        counts = any(map(str.isdigit, word)) and not _DIMENSIONS.fullmatch(word)
        if word and (separator[0] == "/" or counts):
            prefixes.append(name[: separator.start()])
        start = separator.end()
    return prefixes[:_MOST_LEVELS]


def _at_most(parts: list[_Part], most: int) -> list[_Part]:
    """Returns at most so many parts: large ones are divided, and small neighbours put together."""
    count = sum(map(_size, parts))
    runs_of_parents = sum(1 for _ in groupby(part.parent for part in parts))
    for within_parents in (True, False) if runs_of_parents <= most else (False,):
        size = math.ceil(count / most)
        while size < 2 * count:
            joined = _joined(_divided(parts, size), size, within_parents)
            if len(joined) <= most:
                return joined
            size += 1 + size // 16  # few attempts, also where a network has thousands of layers
    return []  # no layers


def _divided(parts: list[_Part], size: int) -> list[_Part]:
    """Returns the parts; those of more layers than a block has are divided into single layers."""
    divided: list[_Part] = []
    for part in parts:
        if _size(part) > max(_LARGEST_BLOCK, size):
            divided += [_Part(layer, (layer,), part.name) for layer in part.layers]
        else:
            divided.append(part)
    return divided


def _joined(parts: list[_Part], size: int, within_parents: bool) -> list[_Part]:
    """Returns neighbours put together to at most `size` layers, if asked only within a parent."""
    groups: list[list[_Part]] = []
    for part in parts:
        group = groups[-1] if groups else []
        fits = group and sum(map(_size, group)) + _size(part) <= size
        if fits and (not within_parents or group[0].parent == part.parent):
            group.append(part)
        else:
            groups.append([part])
    wholes = Counter(part.parent for part in parts)
    return [_union(group, wholes) for group in groups]


def _union(group: list[_Part], wholes: Counter[str]) -> _Part:
    """Returns several parts as one; all parts of one parent together get the parent's name."""
    first, last, parent = group[0], group[-1], group[0].parent
    if len(group) == 1:
        return first
    within_parent = bool(parent) and last.parent == parent
    if within_parent and wholes[parent] == len(group):
        name = parent
    else:
        end = last.name[len(parent) + 1 :] if within_parent else last.name
        name = f"{first.name} … {end}"
    return _Part(name, tuple(layer for part in group for layer in part.layers), parent)


def _size(part: _Part) -> int:
    return len(part.layers)
