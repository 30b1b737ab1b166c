"""Zip archives that expand without limit, climb, overlap, or are damaged."""

import io
import struct
import zipfile
import zlib

import h5py
from hostile_case import Hostile, outside

from benchmarks.fuzz.formats.keras_3 import (
    fill_keras_weights,
    keras_weights,
    write_keras_archive,
)
from benchmarks.fuzz.formats.numpy_archive import write_npz
from benchmarks.fuzz.formats.torch_archive import write_torch

ZEROS = bytes(2**20)


def weights_member(change):
    """A builder: an archive of Keras 3 whose weights a function of file and path changes."""

    def build(path):
        memory = io.BytesIO()
        with h5py.File(memory, "w") as file:
            fill_keras_weights(file)
            change(file, path)
        write_keras_archive(path, stored_weights=memory.getvalue())

    return build


def with_member(write, name, data=b"x", compression=zipfile.ZIP_STORED, **attributes):
    """A builder: a sound archive with one more member."""

    def build(path):
        write(path)
        with zipfile.ZipFile(path, "a", compression) as archive:
            member = zipfile.ZipInfo(name)
            member.compress_type = compression
            for key, value in attributes.items():
                setattr(member, key, value)
            member.filename = name  # not as the system writes it
            archive.writestr(member, data)

    return build


def _bomb(write, name, megabytes=30):
    """A builder: a member has so many MB of zeros, which take a thousandth of it."""

    def build(path):
        write(path)
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each) for each in archive.namelist()}
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for each, data in members.items():
                if each != name:
                    archive.writestr(each, data)
            with archive.open(name, "w") as member:
                member.write(members.get(name, b""))
                for _ in range(megabytes):
                    member.write(ZEROS)

    return build


def _lying_bomb(path):
    """The config is said to have 300 bytes, and unpacks to 30 MB."""
    _bomb(write_keras_archive, "config.json")(path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("config.json").file_size
    path.write_bytes(data.replace(struct.pack("<I", size), struct.pack("<I", 300)))


def _nested(path):
    inner = io.BytesIO(zlib.compress(ZEROS * 50, 9))
    for _ in range(3):
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(10):
                archive.writestr(f"{number}.keras", inner.getvalue())
        inner = outer
    path.write_bytes(inner.getvalue())


def _overlapping(path):
    """500 members that are one and the same: 1 MB stands for 500."""
    write_keras_archive(path, more_members={"big": ZEROS})
    data = path.read_bytes()
    end = data.rindex(b"PK\x05\x06")
    begin = struct.unpack_from("<I", data, end + 16)[0]
    directory = data[begin:end]
    place = directory.rindex(b"PK\x01\x02")
    entry = directory[place:]
    assert entry[46:49] == b"big"
    more = b"".join(entry[:46] + f"{i:03}".encode() + entry[49:] for i in range(500))
    directory += more
    count = 4 + 500
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), begin, 0)
    path.write_bytes(data[:begin] + directory + tail)


def _twice(write, name):
    def build(path):
        import warnings

        write(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(name, b"{}")

    return build


def _patched_entry(write, name, place, new, local_place=None):
    """A builder: bytes of a member's entry in the directory, and of its local header, differ.

    `place` counts from the begin of the entry, `local_place` from that of the local header.
    """

    def build(path):
        write(path)
        data = bytearray(path.read_bytes())
        at = data.rindex(name.encode())
        entry = data.rindex(b"PK\x01\x02", 0, at)
        data[entry + place : entry + place + len(new)] = new
        if local_place is not None:
            local = data.rindex(b"PK\x03\x04", 0, data.index(name.encode()))
            data[local + local_place : local + local_place + len(new)] = new
        path.write_bytes(bytes(data))

    return build


def _zip64(size, packed_size, offset):
    """A builder: the directory says by the fields of zip64 how large the weights are."""

    def build(path):
        write_keras_archive(path)
        data = path.read_bytes()
        end = data.rindex(b"PK\x05\x06")
        begin = struct.unpack_from("<I", data, end + 16)[0]
        directory = data[begin:end]
        at = directory.rindex(b"PK\x01\x02")
        entry = bytearray(directory[at:])
        struct.pack_into("<II", entry, 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<I", entry, 42, 0xFFFFFFFF)
        struct.pack_into("<H", entry, 30, 28)
        extra = struct.pack("<HHQQQ", 1, 24, size, packed_size, offset)
        directory = directory[:at] + bytes(entry) + extra
        tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 3, 3, len(directory), begin, 0)
        path.write_bytes(data[:begin] + directory + tail)

    return build


def _without(name):
    def build(path):
        write_keras_archive(path)
        with zipfile.ZipFile(path) as archive:
            members = {each: archive.read(each) for each in archive.namelist() if each != name}
        with zipfile.ZipFile(path, "w") as archive:
            for each, data in members.items():
                archive.writestr(each, data)

    return build


def _many_members(path):
    write_keras_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(10_000):
            archive.writestr(f"assets/{number}", b"")


def _in_a_comment(path):
    """Bytes before and behind the archive, as in a file that is two kinds at once."""
    write_keras_archive(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"PK\x05\x06" + bytes(60_000)


def _cut(path):
    write_keras_archive(path)
    path.write_bytes(path.read_bytes()[:-30])


def _cut_in_the_middle(path):
    write_keras_archive(path)
    data = path.read_bytes()
    path.write_bytes(data[:4000] + data[12000:])


def _text_of_weights(path):
    write_keras_archive(path, stored_weights=b"no HDF5")


_K = ".keras"
_LEADS = "leads out"
_EXPANDS = "expand"
_DAMAGED = "damaged|cannot be read|two sizes"
_LINK = 0o120777 << 16


def _climbing(name):
    return Hostile(with_member(write_keras_archive, name), _K, _LEADS, True)


ARCHIVES = {
    "a config of 300 MB in 289 kB": Hostile(
        _bomb(write_keras_archive, "config.json", 300), _K, _EXPANDS, True, is_large=True
    ),
    "weights of 300 MB in 289 kB": Hostile(
        _bomb(write_keras_archive, "model.weights.h5", 300), _K, _EXPANDS, True, is_large=True
    ),
    "an array of 30 MB in 29 kB": Hostile(
        _bomb(write_npz, "conv/kernel.npy"), ".npz", _EXPANDS, True
    ),
    "a pickle of 30 MB in 29 kB": Hostile(
        _bomb(write_torch, "model/data.pkl"), ".pt", _EXPANDS, True
    ),
    "a storage of 30 MB in 29 kB": Hostile(
        _bomb(write_torch, "model/data/0"), ".pt", _EXPANDS, True
    ),
    "a config that unpacks to more than it says": Hostile(_lying_bomb, _K, _DAMAGED, is_large=True),
    "archives within archives": Hostile(_nested, _K, ""),
    "members that overlap": Hostile(_overlapping, _K, "more bytes|overlap", True),
    "a member that climbs": _climbing("../outside/ran"),
    "a member with the path of a system's file": _climbing("/etc/x"),
    "a member with a path of Windows": _climbing("C:\\x"),
    "a member that climbs by backslashes": _climbing("..\\outside\\ran"),
    "a member that climbs later": _climbing("assets/../../outside/ran"),
    "an array that climbs": Hostile(with_member(write_npz, "../x.npy"), ".npz", _LEADS, True),
    "a storage that climbs": Hostile(
        with_member(write_torch, "model/data/../../../x"), ".pt", _LEADS, True
    ),
    "a member that is a link": Hostile(
        lambda path: with_member(
            write_keras_archive, "assets", str(outside(path)).encode(), external_attr=_LINK
        )(path),
        _K,
        "is a link",
        True,
    ),
    "weights that are a link": Hostile(
        _patched_entry(write_keras_archive, "model.weights.h5", 38, struct.pack("<I", _LINK)),
        _K,
        "is a link",
        True,
    ),
    "a config that comes twice": Hostile(
        _twice(write_keras_archive, "config.json"), _K, "twice", True
    ),
    "an array that comes twice": Hostile(_twice(write_npz, "conv/bias.npy"), ".npz", "twice", True),
    "a pickle that comes twice": Hostile(
        _twice(write_torch, "model/data.pkl"), ".pt", "twice", True
    ),
    "an encrypted config": Hostile(
        _patched_entry(write_keras_archive, "config.json", 8, b"\x01", 6), _K, "encrypted", True
    ),
    "an encrypted array": Hostile(
        _patched_entry(write_npz, "conv/bias.npy", 8, b"\x01", 6), ".npz", "encrypted", True
    ),
    "a config packed by bzip2": Hostile(
        lambda path: write_keras_archive(path, compression=zipfile.ZIP_BZIP2), _K, "method", True
    ),
    "a config packed by lzma": Hostile(
        lambda path: write_keras_archive(path, compression=zipfile.ZIP_LZMA), _K, "method", True
    ),
    "a config packed by an unknown method": Hostile(
        _patched_entry(write_keras_archive, "config.json", 10, b"\x63", 8), _K, "method", True
    ),
    "weights with a wrong checksum": Hostile(
        _patched_entry(write_keras_archive, "model.weights.h5", 16, b"\1\2\3\4", 14),
        _K,
        _DAMAGED,
    ),
    "a config with a wrong checksum": Hostile(
        _patched_entry(write_keras_archive, "config.json", 16, b"\1\2\3\4", 14), _K, _DAMAGED
    ),
    "an array with a wrong checksum": Hostile(
        _patched_entry(write_npz, "conv/kernel.npy", 16, b"\1\2\3\4", 14), ".npz", _DAMAGED
    ),
    "a member behind the end of the file": Hostile(
        _patched_entry(write_keras_archive, "model.weights.h5", 42, struct.pack("<I", 2**31)),
        _K,
        _DAMAGED,
    ),
    "a member that lies elsewhere": Hostile(
        _patched_entry(write_keras_archive, "model.weights.h5", 42, struct.pack("<I", 0)),
        _K,
        _DAMAGED,
    ),
    "weights of 2**60 bytes": Hostile(_zip64(2**60, 2**60, 0), _K, "more bytes|damaged|two sizes"),
    "weights of 2**64 - 1 bytes": Hostile(
        _zip64(2**64 - 1, len(keras_weights()), 0), _K, "bytes|damaged|two sizes"
    ),
    "weights at a place of 2**63": Hostile(
        _zip64(len(keras_weights()), len(keras_weights()), 2**63), _K, _DAMAGED
    ),
    "an archive without config": Hostile(_without("config.json"), _K, ""),
    "an archive without weights": Hostile(_without("model.weights.h5"), _K, "model.weights.h5"),
    "an archive without metadata": Hostile(_without("metadata.json"), _K, None),
    "10,000 members": Hostile(_many_members, _K, None, is_large=True),
    "an archive with a comment that looks like its end": Hostile(_in_a_comment, _K, ""),
    "an archive without its end": Hostile(_cut, _K, ""),
    "an archive without its middle": Hostile(_cut_in_the_middle, _K, "more bytes"),
    "weights that are no HDF5": Hostile(_text_of_weights, _K, "HDF5|damaged"),
}
