"""State dicts of PyTorch whose pickle runs code, grows without limit, or leaves the file."""

import io
import json
import pickle
import zipfile

from hostile_case import Hostile, ran, secret
from hostile_configs import pickled_command

from benchmarks.fuzz.formats.torch_archive import (
    pickled_integer,
    pickled_integers,
    pickled_state_dict,
    pickled_storage,
    pickled_tensor,
    pickled_text,
    torch_arrays,
    write_torch,
)

FLOATS = bytes(4 * 108)
SHAPE = (4, 3, 3, 3)


def pickle_of(make):
    """A builder: a state dict whose pickle is `make`, or what that makes of the path."""
    return lambda path: write_torch(path, make(path) if callable(make) else make)


def entry_of(make):
    """A builder: a state dict with one more entry, whose opcodes `make` makes of the path."""

    def build(path):
        tensors = {
            name: pickled_tensor(str(i), array.shape)
            for i, (name, array) in enumerate(torch_arrays().items())
        }
        extra = make(path) if callable(make) else make
        write_torch(path, pickled_state_dict({**tensors, "more": extra}))

    return build


def kernel_of(*arguments, storages=None, **named):
    """A builder: a state dict with one tensor."""

    def build(path):
        pickled = pickled_state_dict({"conv.weight": pickled_tensor("0", *arguments, **named)})
        write_torch(path, pickled, {"0": FLOATS} if storages is None else storages)

    return build


def call(module, name, *arguments):
    """The opcodes that call a function with texts."""
    pushed = b"".join(map(pickled_text, arguments))
    return f"c{module}\n{name}\n".encode() + b"(" + pushed + b"tR"


def _touch(path):
    return f"touch '{ran(path)}'"


def _open(path):
    return f"open({str(ran(path))!r}, 'w')"


def _torch_load(path):
    """A pickle that loads another one, with what it would run."""
    inner = path.with_name("inner.pt")
    inner.write_bytes(pickled_command(path))
    return call("torch", "load", str(inner))


def _by_stack(path):
    return (
        pickled_text("os") + pickled_text("system") + b"\x93(" + pickled_text(_touch(path)) + b"tR"
    )


def _by_inst(path):
    return b"(" + pickled_text(_touch(path)) + b"ios\nsystem\n"


def _by_object(path):
    return b"(cos\nsystem\n" + pickled_text(_touch(path)) + b"o"


def _by_build(path):
    """Sets attributes of a harmless object to what would run."""
    return b"ccollections\nOrderedDict\n)R}" + pickled_text("__class__") + b"cos\nsystem\nsb"


def _by_getattr(path):
    import_os = call("builtins", "__import__", "os")
    return (
        b"cbuiltins\ngetattr\n("
        + import_os
        + pickled_text("system")
        + b"tR("
        + pickled_text(_touch(path))
        + b"tR"
    )


def _dotted(path):
    return b"\x8c\x06pickle\x8c\x11loads.__globals__\x93"


def _laughs(levels, width):
    """A list of lists of ... : each level holds the one before so many times."""
    body = b"]q\x000"
    for level in range(levels):
        body += b"](" + (b"h" + bytes([level])) * width + b"eq" + bytes([level + 1]) + b"0"
    return body + b"h" + bytes([levels])


def _tuples(levels):
    """Tuples, each of the one before twice."""
    return b")" + b"2\x86" * levels


def _nested(levels):
    return b"]" * levels + b"a" * (levels - 1)


def _nested_dicts(levels):
    return b"}" + (pickled_text("a") + b"}") * levels + b"s" * levels


def _raw(make):
    """A builder: a pickle without an archive, as PyTorch once saved them."""
    return lambda path: path.write_bytes(make(path))


def _old_format(path):
    parts = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(pickle.dumps(part, 2) for part in parts) + pickled_command(path)


def _torchscript(path):
    write_torch(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("model/code/__torch__.py", f"import os\nos.system({_touch(path)!r})")
        archive.writestr("model/constants.pkl", b"\x80\x02).")


def _two_pickles(path):
    write_torch(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("other/data.pkl", pickled_command(path))


def _storage_in_another_folder(path):
    key = "../../outside/secret.bin"
    write_torch(path, pickled_state_dict({"conv.weight": pickled_tensor(key, SHAPE)}), {})


def _storage_at_a_path(path):
    key = str(secret(path))
    write_torch(path, pickled_state_dict({"conv.weight": pickled_tensor(key, SHAPE)}), {})


def _rebuilt_from(arguments):
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + arguments + b"tR"


def _sparse(path):
    return call("torch._utils", "_rebuild_sparse_tensor", "x")


def _legacy_tar(path):
    import tarfile

    with tarfile.open(path, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            data = pickled_command(path)
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def _json_in_place_of_pickle(path):
    write_torch(path, json.dumps({"a": 1}).encode())


_P = ".pt"
_NAMES = "would run|names"
_DAMAGED = "damaged|refused|cannot be read|no state dict"
_OUT = "beyond|out of|damaged|refused"

PICKLES = {
    "a pickle that calls os.system": Hostile(
        entry_of(lambda path: call("os", "system", _touch(path))), _P, _NAMES, True
    ),
    "a pickle that calls posix.system": Hostile(
        entry_of(lambda path: call("posix", "system", _touch(path))), _P, _NAMES, True
    ),
    "a pickle that calls eval": Hostile(
        entry_of(lambda path: call("builtins", "eval", _open(path))), _P, _NAMES, True
    ),
    "a pickle of Python 2 that calls eval": Hostile(
        entry_of(lambda path: call("__builtin__", "eval", _open(path))), _P, _NAMES, True
    ),
    "a pickle that calls torch.load": Hostile(entry_of(_torch_load), _P, _NAMES, True),
    "a pickle that opens a web page": Hostile(
        entry_of(call("webbrowser", "open", "http://localhost")), _P, _NAMES, True
    ),
    "a pickle that starts a program": Hostile(
        entry_of(lambda path: call("subprocess", "getoutput", _touch(path))), _P, _NAMES, True
    ),
    "a pickle that reads a file by NumPy": Hostile(
        entry_of(lambda path: call("numpy", "fromfile", str(secret(path)))), _P, _NAMES, True
    ),
    "a pickle that runs code by runpy": Hostile(
        entry_of(lambda path: call("runpy", "run_path", str(secret(path)))), _P, _NAMES, True
    ),
    "a pickle that names a function by the stack": Hostile(entry_of(_by_stack), _P, _NAMES, True),
    "a pickle that calls by INST": Hostile(entry_of(_by_inst), _P, _NAMES, True),
    "a pickle that calls by OBJ": Hostile(entry_of(_by_object), _P, _NAMES, True),
    "a pickle that calls by BUILD": Hostile(entry_of(_by_build), _P, _NAMES, True),
    "a pickle that calls by getattr": Hostile(entry_of(_by_getattr), _P, _NAMES, True),
    "a pickle that names an attribute of an attribute": Hostile(
        entry_of(_dotted), _P, _NAMES, True
    ),
    "a pickle that uses an extension's number": Hostile(entry_of(b"\x82\x01"), _P, "", True),
    "a pickle that is nothing but a command": Hostile(pickle_of(pickled_command), _P, _NAMES, True),
    "a pickle without an archive": Hostile(_raw(pickled_command), _P, ""),
    "a pickle in PyTorch's old format": Hostile(_raw(_old_format), _P, ""),
    "an archive of tar of PyTorch's oldest format": Hostile(_legacy_tar, _P, ""),
    "a program of TorchScript": Hostile(_torchscript, _P, "TorchScript|program", True),
    "two pickles": Hostile(_two_pickles, _P, "data.pkl|pickle"),
    "lists that hold each other a billion times": Hostile(
        entry_of(_laughs(30, 10)), _P, None, skipped_because="no tensor"
    ),
    "tuples that double 5,000 times": Hostile(
        entry_of(_tuples(5000)), _P, None, skipped_because="no tensor"
    ),
    "lists 100,000 levels deep": Hostile(
        entry_of(_nested(100_000)), _P, None, skipped_because="no tensor"
    ),
    "dicts 100,000 levels deep": Hostile(entry_of(_nested_dicts(100_000)), _P, ""),
    "a dict that holds itself": Hostile(
        entry_of(b"}q\x63" + pickled_text("a") + b"h\x63s"), _P, ""
    ),
    "a text of 4 GB": Hostile(entry_of(b"X\xff\xff\xff\xffabc"), _P, _DAMAGED),
    "a text of 2**63 bytes": Hostile(entry_of(b"\x8d" + b"\xff" * 8 + b"abc"), _P, _DAMAGED),
    "bytes of 2**62 bytes": Hostile(entry_of(b"\x8e" + b"\xff" * 7 + b"\x3fabc"), _P, _DAMAGED),
    "a number of 100,000 bytes": Hostile(
        entry_of(b"\x8b" + (100_000).to_bytes(4, "little") + b"\x7f" * 100_000),
        _P,
        None,
        skipped_because="no tensor",
    ),
    "a number of 1,000,000 digits": Hostile(entry_of(b"L" + b"9" * 10**6 + b"L\n"), _P, ""),
    "a number that is no number": Hostile(entry_of(b"Iabc\n"), _P, _DAMAGED),
    "a memo at 2**31": Hostile(entry_of(b"Nr\xff\xff\xff\x7f"), _P, None),
    "a memo that was never made": Hostile(entry_of(b"h\xee"), _P, _DAMAGED),
    "a stack that is empty": Hostile(pickle_of(b"\x80\x02."), _P, _DAMAGED),
    "a mark that is missing": Hostile(pickle_of(b"\x80\x02t."), _P, _DAMAGED),
    "a pickle without an end": Hostile(pickle_of(b"\x80\x02}"), _P, _DAMAGED),
    "a pickle without a begin": Hostile(pickle_of(b""), _P, _DAMAGED),
    "a pickle of protocol 200": Hostile(pickle_of(b"\x80\xc8}."), _P, _DAMAGED),
    "an unknown operation": Hostile(pickle_of(b"\x80\x02\xff."), _P, _DAMAGED),
    "a state dict that is a list": Hostile(pickle_of(b"\x80\x02]."), _P, _DAMAGED),
    "a state dict that is a number": Hostile(pickle_of(b"\x80\x02K\x01."), _P, _DAMAGED),
    "a state dict that is a text": Hostile(pickle_of(b"\x80\x02\x8c\x01a."), _P, _DAMAGED),
    "a state dict that is empty": Hostile(pickle_of(b"\x80\x02}."), _P, ""),
    "a state dict with a list as a key": Hostile(pickle_of(b"\x80\x02}]Ns."), _P, "no array"),
    "a state dict in JSON": Hostile(_json_in_place_of_pickle, _P, _DAMAGED),
    "1,000,000 operations without effect": Hostile(
        entry_of(b"N" + b"N0" * 500_000), _P, None, skipped_because="no tensor", is_large=True
    ),
    "a tensor with strides out of its storage": Hostile(
        kernel_of(SHAPE, (10**6, 9, 3, 1), count=108), _P, _OUT
    ),
    "a tensor with strides of 2**62": Hostile(
        kernel_of(SHAPE, (2**62, 9, 3, 1), count=108), _P, _OUT
    ),
    "a tensor with negative strides": Hostile(
        kernel_of(SHAPE, (-27, 9, 3, 1), count=108), _P, _OUT
    ),
    "a tensor with an offset out of its storage": Hostile(
        kernel_of(SHAPE, offset=10**9, count=108), _P, _OUT
    ),
    "a tensor with a negative offset": Hostile(kernel_of(SHAPE, offset=-100, count=108), _P, _OUT),
    "a tensor of one number a trillion times": Hostile(
        kernel_of((10**6, 10**6, 3, 3), (0, 0, 0, 0), count=108), _P, "expand|refused"
    ),
    "a tensor that is larger than its storage": Hostile(
        kernel_of((10**4, 3, 3, 3), count=108), _P, _OUT
    ),
    "a tensor of a negative shape": Hostile(
        kernel_of((-4, 3, 3, 3), (27, 9, 3, 1), count=108), _P, _OUT
    ),
    "a tensor of a shape of 2**70": Hostile(
        kernel_of((2**70, 3, 3, 3), (27, 9, 3, 1), count=108), _P, _OUT
    ),
    "a tensor of 100 axes": Hostile(kernel_of((1,) * 99 + (108,), (1,) * 100, count=108), _P, ""),
    "a tensor with too few strides": Hostile(kernel_of(SHAPE, (1, 1), count=108), _P, _OUT),
    "a storage of 2**62 numbers": Hostile(kernel_of(SHAPE, count=2**62), _P, _OUT),
    "a storage that is missing": Hostile(kernel_of(SHAPE, storages={}), _P, "missing|damaged"),
    "a storage that is empty": Hostile(kernel_of(SHAPE, storages={"0": b""}), _P, _OUT),
    "a storage of an unknown class": Hostile(
        kernel_of(SHAPE, class_name="SystemStorage"), _P, "SystemStorage|refused|damaged"
    ),
    "a storage that climbs out of the archive": Hostile(
        _storage_in_another_folder, _P, "missing|damaged|refused"
    ),
    "a storage at a path of the system": Hostile(_storage_at_a_path, _P, "missing|damaged|refused"),
    "a tensor without a storage": Hostile(
        entry_of(
            _rebuilt_from(
                pickled_text("x") + pickled_integer(0) + pickled_integers(SHAPE) * 2 + b"\x89N"
            )
        ),
        _P,
        "",
    ),
    "a tensor without arguments": Hostile(entry_of(_rebuilt_from(b"")), _P, ""),
    "a tensor with texts as its shape": Hostile(
        entry_of(
            _rebuilt_from(
                pickled_storage("0", 108)
                + pickled_integer(0)
                + (b"(" + pickled_text("3") * 4 + b"t") * 2
                + b"\x89N"
            )
        ),
        _P,
        "",
    ),
    "a sparse tensor with texts": Hostile(entry_of(_sparse), _P, None, skipped_because="sparse"),
    "a storage's place that is a number": Hostile(entry_of(b"K\x07Q"), _P, ""),
}
