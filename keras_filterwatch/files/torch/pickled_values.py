"""What a pickle of `torch.save` says, as plain values: no class is looked up, no function called.

A pickle is a list of operations on a stack. Those that make plain values and tensors are done here,
by hand; a name that would be imported is looked up in closed lists of texts, and all others are
refused.
"""

import io
import pickletools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from keras_filterwatch.files import limits
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.torch.pickled_tensors import (
    REBUILD_FUNCTIONS,
    TENSOR_CLASSES,
    TENSOR_NAMES,
    GlobalName,
    OtherValue,
    PickledStorage,
    rebuilt,
    storage,
)
from keras_filterwatch.text import described, listed, printable

_MOST_OPERATIONS = 4 * limits.ENTRIES
_NEWEST_PROTOCOL = 5
_DICTS = ("collections.OrderedDict", "collections.defaultdict")
_FROM_TYPE = "torch._tensor._rebuild_from_type_v2"
_PATHS = ("pathlib", "pathlib._local")  # the second in Python 3.13
_HARMLESS = {  # names of classes and functions that only hold or convert data
    *_DICTS,
    _FROM_TYPE,
    "collections.Counter",
    "argparse.Namespace",
    "_codecs.encode",
    *(f"builtins.{name}" for name in ("set", "frozenset", "list", "dict", "tuple", "int", "float")),
    *(f"builtins.{name}" for name in ("str", "bool", "bytes", "bytearray", "complex", "slice")),
    *(f"{module}.{kind}Path" for module in _PATHS for kind in ("Posix", "Windows", "PurePosix")),
    *(f"datetime.{name}" for name in ("date", "datetime", "timedelta", "timezone")),
    *(f"numpy.{name}" for name in ("dtype", "ndarray")),
    *(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core")),
    *(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core")),
}
_PYTHON_2 = {"__builtin__": "builtins"}  # protocol 2 writes the modules' names of Python 2
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_ARGUMENTS = {  # operations that push their own argument
    *("BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "BINFLOAT", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "UNICODE"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BINSTRING", "SHORT_BINSTRING"),
}
_WITHOUT_EFFECT = {"PROTO", "FRAME"}
_RUN_CODE = {"INST", "OBJ", "EXT1", "EXT2", "EXT4"}


class Pickle(NamedTuple):
    """A pickle.

    Attributes:
        value: its value, made of dicts, lists, tuples, texts, numbers and tensors, which may hold
            themselves. Tensors are `PickledTensor`. What is none of these is an `OtherValue`, which
            says what it would be.
        storages: key -> storage that it refers to.
    """

    value: Any
    storages: Mapping[str, PickledStorage]


def read_pickle(file: io.BytesIO, what: str) -> Pickle:
    """Returns the pickle that begins at the place of a file, and leaves the file behind its end.

    Args:
        file: the file, in memory.
        what: how messages call it.

    Raises:
        UnsafeFileError: it names a class or function that is not in the closed lists.
        UnreadableFileError: it is damaged.

    Example:
        >>> read_pickle(io.BytesIO(b"\\x80\\x02}K\\x01K\\x03s."), "last.pt").value
        {1: 3}
        >>> read_pickle(io.BytesIO(b"cos\\nsystem\\nX\\x02\\x00\\x00\\x00ls\\x85R."), "last.pt")
        Traceback (most recent call last):
        keras_filterwatch.files.errors.UnsafeFileError: last.pt is refused: besides tensors it \
names 'os.system', and loading it would run that code. Ask for the weights alone, saved by \
torch.save(model.state_dict(), path) or as safetensors.
    """
    machine = _Machine(what)
    try:
        return Pickle(machine.value(file), machine.storages)
    finally:  # what it would run matters more than what else is wrong with it
        if machine.refused:
            names = listed((printable(name) for name in machine.refused), 5)
            raise UnsafeFileError(
                f"{what} is refused: besides tensors it names {names}, and loading it would run "
                "that code. Ask for the weights alone, saved by torch.save(model.state_dict(), "
                "path) or as safetensors."
            )


class _Machine:
    """The stack of a pickle, and the values that it refers back to."""

    def __init__(self, what: str) -> None:
        self.refused: dict[str, None] = {}
        self.storages: dict[str, PickledStorage] = {}
        self._what = what
        self._stack: list[Any] = []
        self._below: list[list[Any]] = []  # for each open mark, the stack under it
        self._memo: dict[int, Any] = {}
        self._operations: dict[str, Callable[[Any], object]] = {
            "MARK": self._mark,
            "POP": lambda _: self._drop(),
            "POP_MARK": lambda _: self._items(),
            "DUP": lambda _: self._push(self._top()),
            "EMPTY_LIST": lambda _: self._push([]),
            "EMPTY_DICT": lambda _: self._push({}),
            "EMPTY_SET": lambda _: self._push(OtherValue("a set")),
            "BYTEARRAY8": lambda data: self._push(bytes(data)),
            "TUPLE": lambda _: self._push(tuple(self._items())),
            "TUPLE1": lambda _: self._push(self._last(1)),
            "TUPLE2": lambda _: self._push(self._last(2)),
            "TUPLE3": lambda _: self._push(self._last(3)),
            "LIST": lambda _: self._push(self._items()),
            "DICT": self._dict,
            "FROZENSET": lambda _: self._push(OtherValue(f"a set of {len(self._items())}")),
            "APPEND": lambda _: self._append(self._last(1)),
            "APPENDS": lambda _: self._append(self._items()),
            "ADDITEMS": lambda _: self._append(self._items()),
            "SETITEM": lambda _: self._set(self._last(2)),
            "SETITEMS": lambda _: self._set(self._items()),
            **dict.fromkeys(("BINPUT", "LONG_BINPUT", "PUT"), self._remember),
            "MEMOIZE": lambda _: self._remember(len(self._memo)),
            **dict.fromkeys(("BINGET", "LONG_BINGET", "GET"), self._recall),
            "GLOBAL": lambda text: self._name(*text.split(" ", 1)),
            "STACK_GLOBAL": lambda _: self._name(*self._last(2)),
            "REDUCE": lambda _: self._call(*self._last(2)),
            "NEWOBJ": lambda _: self._call(*self._last(2)),
            "NEWOBJ_EX": lambda _: self._call(*self._last(3)[:2]),
            "BUILD": lambda _: self._drop(),  # attributes, such as `_metadata` of a state dict
            "BINPERSID": self._storage,
        }

    def value(self, file: io.BytesIO) -> Any:
        """Returns what the pickle leaves on the stack.

        Raises:
            UnreadableFileError: it is damaged.
        """
        for name, argument in self._read(file):
            if name == "STOP":
                return self._last(1)[0]
            if name in _ARGUMENTS:
                self._stack.append(argument)
            elif name in _CONSTANTS:
                self._stack.append(_CONSTANTS[name])
            elif name in self._operations:
                self._operations[name](argument)
            elif name in _RUN_CODE:
                self.refused[str(argument).replace(" ", ".")] = None  # a name, or a number of one
                raise self._damaged(f"the operation {name} runs code")
            elif name not in _WITHOUT_EFFECT:
                raise self._damaged(f"the operation {name} is not one of torch.save")
            elif name == "PROTO" and argument > _NEWEST_PROTOCOL:
                raise self._damaged(f"it has protocol {argument}")
        raise self._damaged("it does not end")

    def _read(self, file: io.BytesIO) -> Iterator[tuple[str, Any]]:
        """Yields the name and the argument of each operation."""
        operations = pickletools.genops(file)
        for _ in range(_MOST_OPERATIONS):
            try:
                operation, argument, _ = next(operations)
            except StopIteration:
                return
            except Exception as error:  # of bytes that are no operations
                raise self._damaged(described(error)) from error
            yield operation.name, argument
        raise UnsafeFileError(
            f"{self._what} is refused: its pickle has more than {_MOST_OPERATIONS} operations."
        )

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _top(self) -> Any:
        if not self._stack:
            raise self._damaged("a value is missing")
        return self._stack[-1]

    def _drop(self) -> None:
        self._top()
        self._stack.pop()

    def _last(self, count: int) -> tuple[Any, ...]:
        """Takes values from the stack."""
        if len(self._stack) < count:
            raise self._damaged("a value is missing")
        values = tuple(self._stack[-count:])
        del self._stack[-count:]
        return values

    def _mark(self, _: object) -> None:
        self._below.append(self._stack)
        self._stack = []

    def _items(self) -> list[Any]:
        """Takes the values above the last mark."""
        if not self._below:
            raise self._damaged("a mark is missing")
        items, self._stack = self._stack, self._below.pop()
        return items

    def _dict(self, _: object) -> None:
        items = self._items()
        self._push({})
        self._set(items)

    def _append(self, values: Any) -> None:
        target = self._top()
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, OtherValue):
            raise self._damaged("something is appended to what is no list")

    def _set(self, values: Any) -> None:
        """Sets the entries of a dict; `values` are keys and values in turn."""
        target = self._top()
        if len(values) % 2:
            raise self._damaged("a key of a dict has no value")
        if isinstance(target, dict):
            for at in range(0, len(values), 2):
                target[_key(values[at])] = values[at + 1]
        elif not isinstance(target, OtherValue):
            raise self._damaged("an entry is set in what is no dict")

    def _remember(self, index: int) -> None:
        self._memo[index] = self._top()

    def _recall(self, index: int) -> None:
        if index not in self._memo:
            raise self._damaged("it refers to a value that it does not have")
        self._push(self._memo[index])

    def _storage(self, _: object) -> None:
        """Pushes the storage that the last value refers to."""
        each = storage(self._last(1)[0], self._damaged)
        self.storages[each.key] = each
        self._push(each)

    def _name(self, module: Any, name: Any = None) -> None:
        """Pushes the name of a class or function; notes it if it is not in the closed lists."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise self._damaged("the name of a class is no text")
        full_name = f"{_PYTHON_2.get(module, module)}.{name}"
        if full_name not in TENSOR_NAMES and full_name not in _HARMLESS:
            self.refused[full_name] = None
        self._push(GlobalName(full_name))

    def _call(self, function: Any, arguments: Any) -> None:
        """Pushes what stands for the result of a call."""
        if not isinstance(function, GlobalName) or not isinstance(arguments, tuple):
            raise self._damaged("something is called that is no function")
        if function.text == _FROM_TYPE and len(arguments) >= 3:
            # a tensor with attributes of its own: function, class, arguments, attributes
            function, of_class, arguments = arguments[:3]
            is_tensor = isinstance(of_class, GlobalName) and of_class.text in TENSOR_CLASSES
            if not is_tensor or not isinstance(function, GlobalName):
                raise self._damaged("a tensor has an unknown class")
        if not isinstance(arguments, tuple):
            raise self._damaged("the arguments of a call are no tuple")
        if function.text in REBUILD_FUNCTIONS:
            self._push(rebuilt(function.text, arguments, self._damaged))
        elif function.text in _DICTS:
            self._push({})
        elif function.text == "torch.Size" and len(arguments) == 1:
            self._push(arguments[0])
        else:
            self._push(OtherValue(f"of {function.text}"))

    def _damaged(self, reason: str) -> UnreadableFileError:
        return UnreadableFileError(
            f"{self._what} is damaged: its pickle cannot be read ({reason}). Copy or save it again."
        )


def _key(value: Any) -> Any:
    """Returns a value as the key of a dict; one that would take long to hash becomes another."""
    is_short_number = isinstance(value, int) and abs(value) < 2**63
    return value if value is None or is_short_number or type(value) is str else OtherValue("a key")
