"""The objects of a checkpoint of TensorFlow 2: which of them holds which variable."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from keras_filterwatch.files.errors import UnsafeFileError
from keras_filterwatch.files.limits import CONFIG_BYTES, ENTRIES
from keras_filterwatch.files.tensorflow.protobuf import ProtobufReader, damaged, utf8

_PATH_PARTS = 5_000_000  # of the paths to all variables together
_VARIABLE = "VARIABLE_VALUE"
_COUNTS = ("_iterations", "iterations", "iter")  # of updates; only optimizers have them
_OPTIMIZERS = ("optimizer", "_optimizer")
_METRICS = ("metrics", "_metrics", "_compile_metrics", "compiled_metrics", "_all_variables")
_LISTS = ("keras_api", "variables", "trainable_variables", "non_trainable_variables")
# attributes that hold no layers, or those that others lead to as well
NO_LAYERS = frozenset((*_OPTIMIZERS, *_METRICS, *_LISTS))


class TrackedVariable(NamedTuple):
    """A variable and the object that holds it.

    Attributes:
        key: the name of its tensor in the checkpoint.
        full_name: the name that it had in TensorFlow, such as `"conv2d/kernel"`; may be empty.
        path: the attributes that lead to it, such as `("layer_with_weights-0", "kernel")`.
        owner: the number of the object that has it as an attribute.
        node: its own number.
    """

    key: str
    full_name: str
    path: tuple[str, ...]
    owner: int
    node: int


@dataclass(eq=False, slots=True)
class _Object:
    children: dict[str, int] = field(default_factory=dict)
    key: str = ""
    full_name: str = ""
    has_slots: bool = False


@dataclass(frozen=True, eq=False)
class TrackableObjects:
    """The objects of a checkpoint, by their numbers; the first holds all others.

    Attributes:
        objects: the objects.
        slots: the numbers of variables that belong to optimizers.
    """

    objects: Sequence[_Object]
    slots: frozenset[int] = frozenset()

    def children(self, node: int) -> dict[str, int]:
        """Returns the objects that one has as attributes."""
        return self.objects[node].children

    def find(self, path: Sequence[str]) -> int | None:
        """Returns the number of the object that attributes lead to from the first one."""
        node: int | None = 0 if self.objects else None
        for name in path:
            node = None if node is None else self.children(node).get(name)
        return node

    def variable(self, node: int, path: tuple[str, ...], owner: int) -> TrackedVariable | None:
        """Returns the variable that an object is, if it is one."""
        found = self.objects[node]
        if not found.key:
            return None
        return TrackedVariable(found.key, found.full_name, path, owner, node)

    def variables(self) -> list[TrackedVariable]:
        """Returns the variables of models and modules, in the order in which these have them."""
        found = {each.node: each for each in self._walk(NO_LAYERS)}
        for each in self._walk(
            NO_LAYERS.difference(_LISTS)
        ):  # what is exported has its variables in lists alone
            found.setdefault(each.node, each)
        return [*found.values()]

    def optimizers(self) -> list[int]:
        """Returns the numbers of the objects that are optimizers."""
        return [node for node in range(len(self.objects)) if self._is_optimizer(node)]

    def _walk(self, left_out: Collection[str]) -> Iterator[TrackedVariable]:
        parents: dict[int, tuple[int, str]] = {}
        visited: set[int] = set()
        waiting = [(0, 0, "")] if self.objects else []
        parts_left, letters_left = _PATH_PARTS, CONFIG_BYTES
        while waiting:
            node, owner, name = waiting.pop()
            if node in visited or node in self.slots:
                continue
            visited.add(node)
            parents[node] = owner, name
            if self.objects[node].key:
                path = _path(parents, node, parts_left)
                parts_left -= len(path)
                letters_left -= sum(map(len, path))
                if letters_left < 0:
                    raise UnsafeFileError("the checkpoint has objects with too long names.")
                variable = self.variable(node, path, owner)
                if variable:
                    yield variable
            if not self._is_optimizer(node):
                children = reversed(self.objects[node].children.items())
                waiting += [(child, node, name) for name, child in children if name not in left_out]

    def _is_optimizer(self, node: int) -> bool:
        found = self.objects[node]
        return found.has_slots or any(
            name in _COUNTS and self.objects[child].key for name, child in found.children.items()
        )


def _path(parents: Mapping[int, tuple[int, str]], node: int, most: int) -> tuple[str, ...]:
    """Returns the attributes that lead from the first object to one.

    Raises:
        UnsafeFileError: they are more than `most`.
    """
    parts: list[str] = []
    while node:
        node, name = parents[node]
        parts.append(name)
        if len(parts) > most:
            raise UnsafeFileError("the checkpoint has objects within objects, too deep to be read.")
    return tuple(reversed(parts))


def read_objects(message: bytes, what: str) -> TrackableObjects:
    """Returns the objects of a checkpoint.

    Args:
        message: a TrackableObjectGraph of tensorflow/core/protobuf/trackable_object_graph.proto.
        what: the checkpoint, for messages to users.

    Raises:
        UnreadableFileError: the message is damaged.
        UnsafeFileError: it has too many objects.

    Example:
        >>> child, variable = bytes([8, 1, 18, 1, 119]), bytes([18, 20]) + bytes([10, 14])
        >>> variable += b"VARIABLE_VALUE" + bytes([26, 2]) + b"w1"
        >>> objects = read_objects(bytes([10, 7, 10, 5]) + child + bytes([10, 22]) + variable, "")
        >>> [(each.key, each.path) for each in objects.variables()]
        [('w1', ('w',))]
    """
    reader = ProtobufReader(what)
    objects: list[_Object] = []
    slots: set[int] = set()
    for number, value in reader.fields(message):
        if number == 1 and isinstance(value, bytes):
            objects.append(_object(reader, value, slots, what))
        if len(objects) > ENTRIES:
            raise UnsafeFileError(f"{what} has more objects than any known model: it is not read.")
    numbers = [child for each in objects for child in each.children.values()]
    if any(number >= len(objects) for number in numbers):
        raise damaged(what)
    return TrackableObjects(objects, frozenset(slots))


def _object(reader: ProtobufReader, message: bytes, slots: set[int], what: str) -> _Object:
    result = _Object()
    for number, value in reader.fields(message):
        if number not in (1, 2, 3):
            continue
        if not isinstance(value, bytes):
            raise damaged(what)
        fields = dict(reader.fields(value))
        if number == 1:
            node = fields.get(1, 0)
            if isinstance(node, bytes):
                raise damaged(what)
            result.children.setdefault(utf8(fields.get(2, b""), what), node)
        elif number == 2 and utf8(fields.get(1, b""), what) == _VARIABLE:
            result.full_name = utf8(fields.get(2, b""), what).removesuffix(":0")
            result.key = utf8(fields.get(3, b""), what)
        elif number == 3:
            result.has_slots = True
            node = fields.get(3, 0)
            if isinstance(node, bytes):
                raise damaged(what)
            slots.add(node)
    return result
