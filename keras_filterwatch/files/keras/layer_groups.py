"""The weights of Keras 3 as HDF5 holds them: a group for each layer, its variables in `vars`."""

import sys
from collections.abc import Sequence
from functools import cached_property

from keras_filterwatch.files.hdf5 import Group
from keras_filterwatch.files.layers.kernel_choice import StoredVariable
from keras_filterwatch.files.stored import StoredArray

_VARIABLES = "vars"
_LAST = sys.maxsize  # the place of what has no weights


class LayerGroup:
    """The group of a layer, a model, or a list of layers; of several files if they are parts.

    Attributes:
        key: its name in the group around it.
        parts: the same group in each file that has it, with the number of the file.
    """

    def __init__(self, key: str, parts: Sequence[tuple[int, Group]]) -> None:
        self.key = key
        self.parts = parts

    @cached_property
    def _own(self) -> list[tuple[int, Group]]:
        """The groups of the layer's own variables."""
        return [(i, own) for i, part in self.parts if (own := part.group(_VARIABLES)) is not None]

    @property
    def path(self) -> str:
        """Its path in the file."""
        return self.parts[0][1].path

    @property
    def is_list(self) -> bool:
        """Whether it is that of a list or dict of layers, whose keys come from their classes."""
        return not self._own

    @cached_property
    def place(self) -> tuple[int, int]:
        """Where the file holds its weights: later for what was saved later."""
        number, group = self.parts[0]
        if self.variables:
            places = [each.array.place for each in self.variables]
            # addresses of groups are less certain: small groups fill gaps between others
            return number, min((place for place in places if place), default=group.address)
        return min((child.place for child in self._children.values()), default=(number, _LAST))

    @cached_property
    def name(self) -> str:
        """The name of the layer; `""` in files of Keras before 3.8, which lack it."""
        names = [group.attributes.get("name") for _, group in self._own]
        return next((name for name in names if isinstance(name, str)), "")

    @cached_property
    def variables(self) -> list[StoredVariable]:
        """The layer's own variables, in the order in which Keras saves them."""
        found: dict[str, StoredArray] = {}
        for _, group in self._own:
            for key in group.names():
                array = group.array(key)
                if array is not None:
                    found.setdefault(key, array)
        numbers = sorted((key for key in found if _is_number(key)), key=int)
        named = [StoredVariable(key, found[key]) for key in found if not _is_number(key)]
        return [*(StoredVariable("", found[key]) for key in numbers), *named]

    def child(self, key: str) -> "LayerGroup | None":
        """Returns the group with this key in it; None if there is none."""
        return self._children.get(key)

    @cached_property
    def _children(self) -> dict[str, "LayerGroup"]:
        parts: dict[str, list[tuple[int, Group]]] = {}
        for number, part in self.parts:
            for key in part.names():
                group = part.group(key) if key != _VARIABLES else None
                if group is not None:
                    parts.setdefault(key, []).append((number, group))
        return {key: LayerGroup(key, found) for key, found in parts.items()}

    @cached_property
    def children(self) -> list["LayerGroup"]:
        """The groups in it, in the order in which they were saved."""
        return sorted(self._children.values(), key=lambda child: child.place)

    def all_variables(self) -> list[StoredVariable]:
        """Returns its variables and those of all groups in it."""
        variables: list[StoredVariable] = []
        waiting = [self]
        while waiting:
            group = waiting.pop()
            variables += group.variables
            waiting.extend(reversed(group.children))
        return variables


def _is_number(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) < 7
