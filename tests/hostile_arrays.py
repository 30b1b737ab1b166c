"""Files of NumPy and safetensors that would run code, reach out of the file, or claim too much."""

import json
import zipfile

import numpy as np
from hostile_case import Hostile
from hostile_configs import pickled_command

from benchmarks.fuzz.formats.contents import arrays
from benchmarks.fuzz.formats.numpy_archive import npy, npy_of_header, write_npz
from benchmarks.fuzz.formats.safetensors import safetensors_header, write_safetensors


def _header(descr="'<f4'", order="False", shape="(3, 3, 3, 4)"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def npz_with(data, name="conv/kernel.npy", compression=zipfile.ZIP_STORED):
    """A builder: an archive of NumPy with such a member; `data` may be a function of the path."""

    def build(path):
        members = {f"{each}.npy": npy(array) for each, array in arrays().items()}
        members[name] = data(path) if callable(data) else data
        write_npz(path, members, compression)

    return build


def _object_array(path):
    """An array of objects whose pickle makes the file `ran`."""
    return npy_of_header(_header("'|O'"), pickled_command(path))


def _saved_by_keras(path):
    """Weights in an archive of NumPy, as Keras has once saved them: a dict in an array."""
    value = np.empty((), object)
    value[()] = {"0": np.zeros((3, 3, 3, 4), "f4")}
    return npy(value)


def _patched_header(**changes):
    """A builder: the convolution's entry in the header of a `.safetensors` file is otherwise."""

    def build(path):
        header = safetensors_header()
        header["conv/kernel"] |= changes
        write_safetensors(path, header)

    return build


def _safetensors(header=None, length=None):
    return lambda path: write_safetensors(path, header, length)


def _many_entries(path):
    entry = {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}
    write_safetensors(path, {f"x{i}": entry for i in range(50_000)})


def _index(places):
    """A builder: an index of shards of safetensors."""

    def build(path):
        write_safetensors(path.with_name("shard.safetensors"))
        path.write_text(json.dumps({"metadata": {}, "weight_map": places}))

    return build


DATA = np.zeros((3, 3, 3, 4), "f4").tobytes()
_N, _S, _I = ".npz", ".safetensors", ".safetensors.index.json"
_DAMAGED = "damaged"
_NAMES = list(arrays())

NUMPY = {
    "an array of objects that runs a command": Hostile(
        npz_with(_object_array), _N, None, skipped_because="pickled objects"
    ),
    "an array of objects of one number": Hostile(
        npz_with(lambda path: npy_of_header(_header("'|O'", shape="()"), pickled_command(path))),
        _N,
        None,
        skipped_because="pickled objects",
    ),
    "objects within a compound array": Hostile(
        npz_with(
            lambda path: npy_of_header(
                _header("[('a', '<f4'), ('b', '|O')]"), pickled_command(path)
            )
        ),
        _N,
        None,
        skipped_because="fields",
    ),
    "a dict in an array": Hostile(
        npz_with(_saved_by_keras), _N, None, skipped_because="pickled objects"
    ),
    "a member that is a pickle": Hostile(
        npz_with(pickled_command, "conv/kernel.npy"), _N, _DAMAGED
    ),
    "a pickle beside the arrays": Hostile(npz_with(pickled_command, "other.pkl"), _N, None),
    "an array of a huge shape": Hostile(
        npz_with(npy_of_header(_header(shape="(1000000, 1000000, 1000000)"), DATA)), _N, _DAMAGED
    ),
    "an array whose size overflows": Hostile(
        npz_with(npy_of_header(_header(shape=f"({2**62}, 4, 1, 1)"), DATA)), _N, _DAMAGED
    ),
    "an array of a shape with many digits": Hostile(
        npz_with(npy_of_header(_header(shape=f"({'9' * 5000}, 1, 1, 1)"), DATA)), _N, _DAMAGED
    ),
    "an array of a negative shape": Hostile(
        npz_with(npy_of_header(_header(shape="(-3, -3, 3, 4)"), DATA)), _N, _DAMAGED
    ),
    "an array of 10,000 axes": Hostile(
        npz_with(npy_of_header(_header(shape=f"({'1, ' * 10_000})"), DATA)), _N, _DAMAGED
    ),
    "a shape that is no tuple": Hostile(
        npz_with(npy_of_header(_header(shape="'abc'"), DATA)), _N, _DAMAGED
    ),
    "a header of 10 MB": Hostile(
        npz_with(npy_of_header(_header() + " " * 10**7, DATA)), _N, "header"
    ),
    "a header that claims 4 GB": Hostile(
        npz_with(b"\x93NUMPY\x02\0\xff\xff\xff\xff" + _header().encode()), _N, "header"
    ),
    "a header that is code": Hostile(
        npz_with(npy_of_header("__import__('os').system('ls')\n", DATA)), _N, "header"
    ),
    "a header that is deep": Hostile(
        npz_with(npy_of_header("{'descr': " + "(" * 9000 + ")" * 9000 + "}\n")), _N, "header"
    ),
    "a header without keys": Hostile(npz_with(npy_of_header("{}\n", DATA)), _N, "header"),
    "an array of the format 9": Hostile(
        npz_with(npy_of_header(_header(), DATA, version=9)), _N, _DAMAGED
    ),
    "an array with too few numbers": Hostile(
        npz_with(npy_of_header(_header(), DATA[:-4])), _N, _DAMAGED
    ),
    "an array with too many numbers": Hostile(
        npz_with(npy_of_header(_header(), DATA + b"1234")), _N, None
    ),
    "an array of numbers of a gigabyte each": Hostile(
        npz_with(npy_of_header(_header("'|V1000000000'"), DATA)),
        _N,
        None,
        skipped_because="no type",
    ),
    "an array of texts": Hostile(
        npz_with(npy(np.array([["a", "b"]]))), _N, None, skipped_because="dtype"
    ),
    "an array of an unknown kind": Hostile(
        npz_with(npy_of_header(_header("'<q99'"), DATA)), _N, None, skipped_because="dtype"
    ),
    "an array of dates": Hostile(
        npz_with(npy(np.zeros((3, 3, 3, 4), "M8[s]"))), _N, None, skipped_because="dtype"
    ),
    "an array of complex numbers": Hostile(
        npz_with(npy(np.zeros((3, 3, 3, 4), "c8"))), _N, None, skipped_because="dtype"
    ),
    "an array of no bytes at all": Hostile(npz_with(b""), _N, _DAMAGED),
    "zeros packed as an array": Hostile(
        npz_with(npy(np.zeros((3, 3, 1000, 1000), "f4")), compression=zipfile.ZIP_DEFLATED),
        _N,
        "expand",
        True,
    ),
    "names of arrays that are odd": Hostile(
        npz_with(npy(np.ones((3, 3, 1, 8))), "\x1b[31m|<b>.npy"), _N, None
    ),
}

SAFETENSORS = {
    "a header of 2**63 bytes": Hostile(_safetensors(length=2**63), _S, "shorter|damaged|not"),
    "a header of 100 MB": Hostile(_safetensors(length=10**8), _S, "shorter|damaged|bytes"),
    "a header of 0 bytes": Hostile(_safetensors(length=0), _S, ""),
    "a header that is cut": Hostile(_safetensors(length=100), _S, _DAMAGED),
    "a header that is a list": Hostile(_safetensors("[]"), _S, ""),
    "a header that is no JSON": Hostile(_safetensors("{'a'"), _S, _DAMAGED),
    "a header 100,000 levels deep": Hostile(
        _safetensors('{"a":' * 100_000 + "1" + "}" * 100_000), _S, _DAMAGED
    ),
    "a header that is no UTF-8": Hostile(_safetensors(b'{"\xff": 1}'), _S, _DAMAGED),
    "a header with a name twice": Hostile(
        _safetensors(json.dumps(safetensors_header()).replace("head/bias", "conv/bias")),
        _S,
        _DAMAGED,
    ),
    "a header with metadata that are a list": Hostile(
        _safetensors({"__metadata__": [1], **safetensors_header()}), _S, _DAMAGED
    ),
    "50,000 tensors": Hostile(_many_entries, _S, "", is_large=True),
    "a tensor that overlaps another": Hostile(_patched_header(data_offsets=[4, 436]), _S, _DAMAGED),
    "a tensor behind the end of the file": Hostile(
        _patched_header(data_offsets=[10**9, 10**9 + 432]), _S, _DAMAGED
    ),
    "a tensor before the begin of the file": Hostile(
        _patched_header(data_offsets=[-432, 0]), _S, _DAMAGED
    ),
    "a tensor that ends before it begins": Hostile(
        _patched_header(data_offsets=[432, 0]), _S, _DAMAGED
    ),
    "a tensor at a place that is no number": Hostile(
        _patched_header(data_offsets=["0", None]), _S, _DAMAGED
    ),
    "a tensor at places that are truth values": Hostile(
        _patched_header(data_offsets=[False, True]), _S, _DAMAGED
    ),
    "a tensor of a huge shape": Hostile(_patched_header(shape=[10**6] * 3), _S, _DAMAGED),
    "a tensor of a shape of huge numbers": Hostile(_patched_header(shape=[10**400, 1]), _S, ""),
    "a tensor of a negative shape": Hostile(_patched_header(shape=[-3, -3, 3, 4]), _S, _DAMAGED),
    "a tensor of a broken shape": Hostile(_patched_header(shape=[3, 3, 3, 4.0]), _S, ""),
    "a tensor of 100 axes": Hostile(_patched_header(shape=[1] * 99 + [108]), _S, ""),
    "a tensor of objects": Hostile(_patched_header(dtype="O"), _S, None, skipped_because="dtype O"),
    "a tensor of a dtype that is a list": Hostile(_patched_header(dtype=["F32"]), _S, _DAMAGED),
    "a tensor of half the numbers": Hostile(_patched_header(dtype="F16"), _S, _DAMAGED),
    "a shard that climbs": Hostile(_index({"conv": "../outside/secret.bin"}), _I, "shard", True),
    "a shard at a path of its own": Hostile(_index({"conv": "/etc/passwd"}), _I, "shard", True),
    "a shard that is missing": Hostile(_index({"conv": "nowhere.safetensors"}), _I, "missing"),
    "a shard that is a number": Hostile(_index({"conv": 7}), _I, _DAMAGED),
    "a shard without the tensor": Hostile(_index({"nothing": "shard.safetensors"}), _I, _DAMAGED),
    "no list of shards": Hostile(lambda path: path.write_text("{}"), _I, _DAMAGED),
    "a shard that is the index": Hostile(
        _index(dict.fromkeys(_NAMES, "model.safetensors.index.json")), _I, ""
    ),
}
