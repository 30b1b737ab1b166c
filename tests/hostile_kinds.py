"""Paths that are no model: other kinds of file, folders, pipes, devices, links."""

import gzip
import os
import socket
import tarfile
from pathlib import Path

from hostile_case import Hostile

from benchmarks.fuzz.formats import PLAIN
from benchmarks.fuzz.formats.keras_3 import keras_weights, write_keras_archive
from benchmarks.fuzz.formats.numpy_archive import write_npz

SUFFIXES = (".keras", ".weights.h5", ".h5", ".npz", ".safetensors", ".pt", ".index")


def _bytes(data):
    return lambda path: path.write_bytes(data)


def _folder(path):
    path.mkdir()


def _folder_of_folders(path):
    for number in range(50):
        (path / "a" / str(number)).mkdir(parents=True)


def _pipe(path):
    os.mkfifo(path)


def _link_to(target):
    return lambda path: path.symlink_to(target(path) if callable(target) else target)


def _socket(path):
    place = Path.cwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(place)


def _link_to_a_model(path):
    real = path.with_name("real.keras")
    write_keras_archive(real)
    path.symlink_to(real)


def _unreadable(path):
    write_keras_archive(path)
    path.chmod(0)


def _tar(path):
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "x")


def _sparse(path):
    """A file of 1 TB that takes no place on the disk, and begins as HDF5."""
    with path.open("wb") as file:
        file.write(keras_weights())
        file.truncate(2**40)


def _zeros(path):
    with path.open("wb") as file:
        file.truncate(2**34)


_NOT = "not|no |unknown|empty|kind|format|suffix"
_PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)

KINDS = {
    **{f"an empty file {suffix}": Hostile(_bytes(b""), suffix, _NOT) for suffix in SUFFIXES},
    **{f"a file {suffix} of one byte": Hostile(_bytes(b"P"), suffix, _NOT) for suffix in SUFFIXES},
    **{
        f"a text with the suffix {suffix}": Hostile(_bytes(b"no model\n" * 100), suffix, _NOT)
        for suffix in SUFFIXES
    },
    **{
        f"a picture with the suffix {suffix}": Hostile(_bytes(_PNG), suffix, _NOT)
        for suffix in SUFFIXES
    },
    **{
        f"the signature of HDF5 alone, as {suffix}": Hostile(
            _bytes(b"\x89HDF\r\n\x1a\n"), suffix, "damaged|cannot be read"
        )
        for suffix in SUFFIXES[:3]
    },
    **{
        f"the signature of zip alone, as {suffix}": Hostile(
            _bytes(b"PK\3\4"), suffix, "damaged|cannot be read"
        )
        for suffix in SUFFIXES
    },
    "an empty archive": Hostile(_bytes(b"PK\5\6" + bytes(18)), ".keras", ""),
    "weights named as an archive": Hostile(PLAIN[".weights.h5"], ".keras", None),
    "an archive named as weights": Hostile(write_keras_archive, ".h5", None),
    "arrays of NumPy named as PyTorch's": Hostile(write_npz, ".pt", None),
    "PyTorch's arrays named as an archive": Hostile(PLAIN[".pt"], ".keras", None),
    "a model without a suffix": Hostile(write_keras_archive, "", None),
    "a model with a suffix in capitals": Hostile(write_keras_archive, ".KERAS", None),
    "weights packed by gzip": Hostile(
        lambda path: path.write_bytes(gzip.compress(keras_weights())), ".h5", "gzip"
    ),
    "an archive of tar": Hostile(_tar, ".keras", "tar archive"),
    "a page of HTML": Hostile(_bytes(b"<!DOCTYPE html><html>404</html>"), ".keras", _NOT),
    "the text in place of a large file": Hostile(
        _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ".keras",
        _NOT,
    ),
    "a folder": Hostile(_folder, ".keras", ""),
    "a folder of folders": Hostile(_folder_of_folders, ".keras", ""),
    "a pipe": Hostile(_pipe, ".keras", "pipe"),
    "a socket": Hostile(_socket, ".keras", "socket"),
    "a link to a device without end": Hostile(_link_to("/dev/zero"), ".keras", "device"),
    "a link to a device without bytes": Hostile(_link_to("/dev/null"), ".h5", "device"),
    "a link to nothing": Hostile(_link_to("nowhere.keras"), ".keras", "not exist|no such"),
    "a link to itself": Hostile(_link_to(lambda path: path.name), ".keras", "link|cannot"),
    "a link to a folder": Hostile(_link_to(lambda path: path.parent), ".keras", ""),
    "a link to a model": Hostile(_link_to_a_model, ".keras", None),
    "a link to a text": Hostile(_link_to(__file__), ".keras", _NOT),
    "a file of 16 GB of zeros": Hostile(_zeros, ".keras", _NOT),
    "weights and a terabyte of zeros": Hostile(_sparse, ".weights.h5", None),
}
if os.geteuid():
    KINDS["a file that may not be read"] = Hostile(_unreadable, ".keras", "permission")
else:  # who may read all
    KINDS["a file that only the system's user may read"] = Hostile(_unreadable, ".keras", None)
