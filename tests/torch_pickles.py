"""Files as `torch.save` writes them, made without PyTorch, for tests on every backend."""

import io
import pickle
import zipfile
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np


@dataclass(frozen=True)
class Name:
    """Stands for a class or function, by module and name; pickling one imports nothing."""

    module: str
    name: str

    def __call__(self, *arguments):
        raise AssertionError("only its name is used")


@dataclass(frozen=True, eq=False)
class Call:
    """Stands for the result of a call; `state` is what it would be given afterwards."""

    function: Name
    arguments: tuple
    state: Any = None


@dataclass(frozen=True, eq=False)
class Storage:
    """Bytes that tensors share."""

    data: bytes
    type: str = "FloatStorage"
    count: int = 0
    module: str = "torch"


class Pickler(pickle._Pickler):
    """Writes names without importing them, and storages as `torch.save` does."""

    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.keys: dict[Storage, str] = {}

    def persistent_id(self, value):
        if not isinstance(value, Storage):
            return None
        key = self.keys.setdefault(value, str(len(self.keys)))
        return "storage", Name(value.module, value.type), key, "cpu", value.count

    def reducer_override(self, value):
        if isinstance(value, Call):
            return value.function, value.arguments, value.state
        return NotImplemented

    def save_name(self, value):
        if self.proto >= 4:
            self.save(value.module)
            self.save(value.name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(f"c{value.module}\n{value.name}\n".encode())
        self.memoize(value)

    dispatch: ClassVar = {**pickle._Pickler.dispatch, Name: save_name}


TYPES = {"f4": "FloatStorage", "f8": "DoubleStorage", "f2": "HalfStorage", "i8": "LongStorage"}
REBUILD = Name("torch._utils", "_rebuild_tensor_v2")


def storage(array, order="<"):
    """A storage of the array's numbers, as they lie in memory."""
    data = array.astype(array.dtype.newbyteorder(order)).tobytes()
    return Storage(data, TYPES[array.dtype.str[1:]], array.size)


def tensor(array, offset=0, shape=None, strides=None, order="<"):
    """A tensor; `array` may be its storage, with the tensor's own place, shape and strides."""
    if isinstance(array, Storage):
        return Call(REBUILD, (array, offset, shape, strides, False, OrderedDict()))
    strides = tuple(stride // array.itemsize for stride in array.strides)
    return tensor(storage(array, order), 0, array.shape, strides)


def pickled(value, protocol=2):
    """The pickle, and key -> bytes of its storages."""
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.dump(value)
    return file.getvalue(), {key: storage.data for storage, key in pickler.keys.items()}


def save(path, value, protocol=2, order="little", members=()):
    """Writes a file; `value` may be a pickle itself. Returns the path."""
    data, storages = (value, {}) if isinstance(value, bytes) else pickled(value, protocol)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", order)
        for key, numbers in storages.items():
            archive.writestr(f"archive/data/{key}", numbers)
        archive.writestr("archive/version", "3\n")
        for name, content in dict(members).items():
            archive.writestr(name, content)
    return path


def convolution():
    """The weights of a small convolution, in PyTorch's order of axes."""
    return np.random.default_rng(0).standard_normal((8, 3, 5, 5)).astype(np.float32)
