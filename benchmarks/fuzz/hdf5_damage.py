"""Random damage of HDF5 files by the library itself: links, shapes, types, filters, attributes."""

import contextlib
import io
import json
import random
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np

from benchmarks.fuzz.record_damage import changed

SECRET = "../outside/secret.bin"  # what links and storage elsewhere lead to
_NAMES = ["..", ".", "0", "1", "vars", "layers", "conv2d", "a\nb", "\x1b[31m", "x" * 300, "é\u202e"]
_SHAPES = [(), (0,), (1,), (3, 3), (3, 3, 0, 4), (3, 3, 3, 4), (1,) * 32, (2**20, 1), (144, 2)]
_TYPES = ["f2", ">f4", "f8", "i1", "u8", "?", "S3", "c8", "V2", "f4"]

_MOST = 10**6  # numbers in an array that is read or written here


def _names(file: h5py.File) -> list[str]:
    """Returns the paths of all groups and arrays."""
    names: list[str] = []
    file.visit(names.append)
    return names


def _pick(file: h5py.File, chance: random.Random) -> str:
    return chance.choice(_names(file) or ["/"])


def _delete(file: h5py.File, chance: random.Random) -> None:
    del file[_pick(file, chance)]


def _move(file: h5py.File, chance: random.Random) -> None:
    place = _pick(file, chance)
    file.move(place, f"{place.rpartition('/')[0]}/{chance.choice(_NAMES)}")


def _link(file: h5py.File, chance: random.Random) -> None:
    """Puts a link in place of an object, or beside the others."""
    target = _pick(file, chance)
    link: Any = chance.choice(
        [
            h5py.SoftLink(f"/{target}"),
            h5py.SoftLink("nowhere"),
            h5py.ExternalLink(SECRET, "/"),
            h5py.ExternalLink("other.h5", f"/{target}"),
            file[target],
        ]
    )
    place = _pick(file, chance)
    if chance.random() < 0.6:
        del file[place]
        file[place] = link
    else:
        file[f"{place.rpartition('/')[0]}/{chance.choice(_NAMES)}"] = link


def _array(file: h5py.File, chance: random.Random) -> str:
    objects = {name: file[name] for name in _names(file)}
    return chance.choice(
        [name for name, each in objects.items() if getattr(each, "size", None) in range(_MOST)]
    )


def _reshape(file: h5py.File, chance: random.Random) -> None:
    place = _array(file, chance)
    shape = chance.choice([*_SHAPES, tuple(chance.choice([0, 1, 2, 3, 5]) for _ in range(4))])
    kind = np.dtype(chance.choice(_TYPES))
    del file[place]
    file.create_dataset(place, shape, kind)[...] = np.zeros(shape, kind)


def _store_elsewhere(file: h5py.File, chance: random.Random) -> None:
    place = _array(file, chance)
    shape = file[place].shape or (4,)
    del file[place]
    if chance.random() < 0.5:
        file.create_dataset(place, shape, "f4", external=[(SECRET, 0, h5py.h5f.UNLIMITED)])
    else:
        layout = h5py.VirtualLayout(shape, "f4")
        layout[...] = h5py.VirtualSource(chance.choice([SECRET, "."]), place, shape)
        file.create_virtual_dataset(place, layout)


def _pack(file: h5py.File, chance: random.Random) -> None:
    place = _array(file, chance)
    array = file[place][()]
    filters: dict[str, Any] = chance.choice(
        [
            {"compression": "gzip", "shuffle": True},
            {"compression": "lzf", "fletcher32": True},
            {"scaleoffset": 2},
            {"compression": "szip"},
            {"fillvalue": 1e30, "maxshape": (None,) * np.ndim(array)},
        ]
    )
    del file[place]
    file.create_dataset(place, data=array, chunks=True, **filters)


def _expand(file: h5py.File, chance: random.Random) -> None:
    place = _array(file, chance)
    shape = tuple(chance.choice([1, 3, 1000, 10**6, 2**31]) for _ in range(4))
    del file[place]
    file.create_dataset(place, shape, "f4", chunks=(1, 1, 1, 1))


def _numbers(file: h5py.File, chance: random.Random) -> None:
    """Puts numbers that are not finite, or huge, into an array."""
    array = file[_array(file, chance)]
    if array.shape and array.dtype.kind == "f":
        values = np.array([np.nan, np.inf, -np.inf, 3e38, 1e-45, 0], "f4")
        array[...] = np.asarray(chance.choices(values, k=array.size)).reshape(array.shape)


def _set_attribute(file: h5py.File, chance: random.Random) -> None:
    """Gives an attribute another value, or adds one."""
    holder = file[chance.choice(["/", *_names(file)])]
    name = chance.choice(
        [*holder.attrs, "layer_names", "weight_names", "model_config", "name", "layer_names0"]
    )
    old = holder.attrs.get(name)
    holder.attrs[name] = chance.choice(
        [
            *(1, 2.5, "", "conv", "{}", b"\xff\xfe", [1, 2], ["conv"], [b"../head", b"conv"]),
            *(np.zeros((2, 2)), np.zeros(0), h5py.Empty("f4"), "x" * 60_000, [b"conv"] * 1000),
            *([old] * 3 if old is not None else []),
        ]
    )


def _delete_attribute(file: h5py.File, chance: random.Random) -> None:
    holder = file[chance.choice(["/", *_names(file)])]
    if len(holder.attrs):
        del holder.attrs[chance.choice(list(holder.attrs))]


def _shuffle_names(file: h5py.File, chance: random.Random) -> None:
    """Removes, doubles or renames a layer or a weight in the list of them."""
    name = chance.choice(["layer_names", "weight_names"])
    holders = [each for each in ["/", *_names(file)] if name in file[each].attrs]
    if holders:
        holder = file[chance.choice(holders)]
        values = [str(value) for value in holder.attrs[name]] or ["x"]
        place = chance.randrange(len(values))
        values[place : place + 1] = chance.choice(
            [[], [values[place]] * 2, [chance.choice(values)], ["a/../b"], ["/"], [""]]
        )
        holder.attrs[name] = np.array(values, h5py.string_dtype())


def _change_config(file: h5py.File, chance: random.Random) -> None:
    """Changes a value in the config of the model or of its training."""
    name = chance.choice(["model_config", "model_config", "training_config"])
    if name in file.attrs:
        config = json.loads(file.attrs[name])
        for _ in range(chance.choice([1, 1, 2, 5])):
            config = changed(config, chance)
        file.attrs[name] = json.dumps(config).encode("utf-8", "surrogatepass")


_KINDS: list[Callable[[h5py.File, random.Random], None]] = [
    *(_delete, _move, _link, _link, _reshape, _reshape, _store_elsewhere, _pack, _expand, _numbers),
    *(_set_attribute, _set_attribute, _delete_attribute, _shuffle_names, _shuffle_names),
    *(_change_config, _change_config, _change_config),
]


def damaged_hdf5(data: bytes, chance: random.Random) -> bytes:
    """Returns a sound HDF5 file with one to three kinds of damage."""
    memory = io.BytesIO(data)
    with h5py.File(memory, "r+") as file:
        for _ in range(chance.choice([1, 1, 2, 3])):
            # not each kind can be done to each file
            with contextlib.suppress(Exception):
                chance.choice(_KINDS)(file, chance)
    return memory.getvalue()
