"""HDF5 files whose attributes or groups are too many, too large, too deep or of a wrong type."""

import json
import struct

import h5py
import numpy as np
from hostile_case import Hostile
from hostile_links import legacy_with, weights_with

from benchmarks.fuzz.formats.keras_2 import fill_legacy, legacy_config, write_legacy


def _attribute(group, name, value):
    """A change: a group of a model of Keras 2 has such an attribute."""

    def change(file, path):
        file[group].attrs[name] = value

    return change


def _without_texts(file):
    """The group of the weights, its attributes as bytes, as Keras 2 wrote them, without names."""
    group = file["model_weights"]
    for name in ("backend", "keras_version"):
        group.attrs[name] = np.bytes_(group.attrs[name])
    del group.attrs["layer_names"]
    return group


def _ten_million_names(file, path):
    group = _without_texts(file)
    group.attrs["layer_names"] = np.full(10**7, b"a", "S1")


def _names_in_many_parts(file, path):
    group = _without_texts(file)
    for number in range(3000):
        group.attrs[f"layer_names{number}"] = np.array([b"conv"])


def _names_that_share_a_text(path, size=4 * 2**20 + 7):
    """4,000 names: each leads to the same text of 4 MB, in a file of 4 MB."""
    with h5py.File(path, "w") as file:
        fill_legacy(file)
        group = file["model_weights"]
        del group.attrs["layer_names"]
        names = np.array(["x" * size, *("y" * 9 for _ in range(3999))], object)
        group.attrs.create("layer_names", names, dtype=h5py.string_dtype())
    data = path.read_bytes()
    begin = data.index(struct.pack("<I", size))  # the length of the text, then its place
    assert data[begin + 16 : begin + 20] == struct.pack("<I", 9)
    path.write_bytes(data[:begin] + data[begin : begin + 16] * 4000 + data[begin + 16 * 4000 :])


def _heap_without_end(path):
    """The heap of the texts has a part without length, at which some versions read on for ever."""
    with h5py.File(path, "w") as file:
        fill_legacy(file)
        file["model_weights"].attrs["layer_names"] = ["conv", "norm", "head"]
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    size = struct.unpack_from("<Q", data, heap + 8)[0]
    place = 16
    while data[heap + place]:  # the number of a part; that of the free rest is 0
        place += 16 + -(-struct.unpack_from("<Q", data, heap + place + 8)[0] // 8) * 8
    assert place + 16 <= size
    struct.pack_into("<Q", data, heap + place + 8, 0)
    path.write_bytes(bytes(data))


def _names_elsewhere(path):
    """The layer names lie in another place than the header of their group."""
    with h5py.File(path, "w", libver="latest") as file:
        fill_legacy(file)
        group = file["model_weights"]
        for number in range(20):
            group.attrs[f"note{number}"] = number
        group.attrs["layer_names"] = ["conv", "norm", "head"]


def _large_config(path):
    config = json.dumps(legacy_config())
    write_legacy(path, config[:-1] + ', "note": "' + "x" * (70 * 2**20) + '"}')


def _huge_attribute(path):
    """An attribute claims to be larger than the file can be."""
    mark = 48611
    with h5py.File(path, "w", libver="latest") as file:
        fill_legacy(file)
        file["model_weights"].attrs["layer_names"] = np.full(mark, b"conv")
    data, old = path.read_bytes(), struct.pack("<Q", mark)
    path.write_bytes(data.replace(old, struct.pack("<Q", 2**40)))


def _deep(start):
    def change(file, path):
        group = file[start]
        for _ in range(5000):
            group = group.create_group("layers")
        group["vars/0"] = np.zeros((3, 3, 3, 4), "f4")

    return change


def _many_groups(file, path):
    for number in range(5000):
        file.create_group(f"layers/conv2d_{number + 1}")


def _odd_names(file, path):
    for name in ("..", "../conv2d", "a\nb", "\x1b[31mred", "\u202e", "x" * 5000, "a b", "%s{0}"):
        file.create_group(f"layers/{name.replace('/', '|')}/vars")["0"] = np.ones((3, 3, 3, 4))


def _name_that_is_no_text(path):
    """A group's name is no UTF-8."""
    with h5py.File(path, "w") as file:
        fill_legacy(file)
    path.write_bytes(path.read_bytes().replace(b"conv", b"co\xff\xfe"))


def _weight_names(value):
    return legacy_with(_attribute("model_weights/conv", "weight_names", value))


def _layer_names(value):
    return legacy_with(_attribute("model_weights", "layer_names", value))


def _config(value):
    return legacy_with(_attribute("/", "model_config", value))


def _reference(file, path):
    file.attrs.create("model_config", file["model_weights"].ref, dtype=h5py.ref_dtype)


_H, _W = ".h5", ".weights.h5"

ATTRIBUTES = {
    "10,000,000 layer names": Hostile(
        legacy_with(_ten_million_names, libver="latest"), _H, "10000000 entries", True
    ),
    "layer names in 3,000 parts": Hostile(
        legacy_with(_names_in_many_parts, libver="latest"), _H, "layer_names|names"
    ),
    "layer names that share a text": Hostile(_names_that_share_a_text, _H, "layer_names|expand"),
    "a heap of texts without end": Hostile(_heap_without_end, _H, "damaged"),
    "layer names outside their group's header": Hostile(_names_elsewhere, _H, "way that is not"),
    "layer names that claim 2**40 entries": Hostile(_huge_attribute, _H, ""),
    "a config of 70 MB": Hostile(_large_config, _H, "model_config|bytes", True),
    "groups 5,000 levels deep": Hostile(
        weights_with(_deep("layers/conv2d")), _W, "deep", is_large=True
    ),
    "groups of a model 5,000 levels deep": Hostile(
        legacy_with(_deep("model_weights/conv")), _H, None, is_large=True
    ),
    "5,000 empty layers": Hostile(weights_with(_many_groups), _W, None, is_large=True),
    "layers with odd names": Hostile(weights_with(_odd_names), _W, None),
    "names that are no text": Hostile(_name_that_is_no_text, _H, ""),
    "layer names that climb": Hostile(_layer_names([b"../conv", b"/", b".", b""]), _H, ""),
    "layer names that are numbers": Hostile(_layer_names([1, 2, 3]), _H, "layer_names"),
    "layer names that are one number": Hostile(_layer_names(7.5), _H, "layer_names"),
    "layer names in a table": Hostile(_layer_names([[b"conv", b"norm"]] * 2), _H, ""),
    "layer names that are missing in the file": Hostile(_layer_names([b"nowhere"]), _H, ""),
    "layer names that come twice": Hostile(_layer_names([b"conv", b"conv"]), _H, ""),
    "weight names that climb": Hostile(
        _weight_names([b"../head/head/kernel:0", b"/model_weights/head/head/kernel:0"]), _H, ""
    ),
    "weight names that are missing in the file": Hostile(_weight_names([b"x", b"y"]), _H, ""),
    "weight names that name a group": Hostile(_weight_names([b"conv", b"conv"]), _H, ""),
    "weight names that are numbers": Hostile(_weight_names([1, 2]), _H, "weight_names"),
    "weight names without kernel": Hostile(_weight_names([b"conv/bias:0"]), _H, None),
    "5,000 parts in a weight name": Hostile(_weight_names([b"conv/" * 5000]), _H, "deep"),
    "a config that is a number": Hostile(_config(1), _H, "model_config"),
    "a config that is a list": Hostile(_config([b"{", b"}"]), _H, "model_config"),
    "a config that is empty": Hostile(_config(""), _H, None),
    "a config that is no JSON": Hostile(_config("{]"), _H, "model_config|JSON"),
    "a config that is no UTF-8": Hostile(_config(np.bytes_(b'{"a": "\xff"}')), _H, ""),
    "a config that is null": Hostile(_config("null"), _H, "model_config"),
    "a config that is a reference": Hostile(legacy_with(_reference), _H, "text nor numbers"),
    "a config that is Empty": Hostile(_config(h5py.Empty("f4")), _H, "model_config"),
    "a version that is a list": Hostile(
        legacy_with(_attribute("/", "keras_version", [1, 2])), _H, None
    ),
    "a backend that is a number": Hostile(legacy_with(_attribute("/", "backend", 5)), _H, None),
}
