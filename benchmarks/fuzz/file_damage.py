"""Random damage of saved files: of their bytes, and of what their parts say."""

import contextlib
import io
import json
import pickletools
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

from benchmarks.fuzz.formats.tensorflow_bundle import index_file, varint
from benchmarks.fuzz.formats.torch_archive import pickled_integer, pickled_text
from benchmarks.fuzz.hdf5_damage import damaged_hdf5
from benchmarks.fuzz.record_damage import OF_BYTES, changed
from keras_filterwatch.files.tensorflow.sorted_table import read_table

Files = dict[str, bytes]
_HDF5, _ZIP = b"\x89HDF", b"PK\3\4"
_INTEGERS = [
    0,
    1,
    2,
    127,
    128,
    255,
    2**15,
    2**16 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**63,
    2**64 - 1,
]


# Damage of bytes.


def _write_integer(data: bytes, chance: random.Random) -> bytes:
    """Overwrites some bytes by an integer that may be a length, an offset or a count."""
    size = chance.choice([1, 2, 4, 8])
    number = chance.choice([*_INTEGERS, chance.randrange(2 ** (8 * size)), len(data)])
    new = (number % (1 << 8 * size)).to_bytes(size, chance.choice(["little", "little", "big"]))
    place = chance.randrange(max(1, len(data) - size + 1))
    if chance.random() < 0.6:
        place -= place % size
    return data[:place] + new + data[place + size :]


def _swap_blocks(data: bytes, chance: random.Random) -> bytes:
    size = chance.choice([1, 8, 64, 512])
    one, other = sorted(chance.randrange(len(data)) for _ in range(2))
    if one + size > other:
        return data
    left, right = data[one : one + size], data[other : other + size]
    return data[:one] + right + data[one + size : other] + left + data[other + size :]


def damaged_bytes(data: bytes, chance: random.Random) -> bytes:
    """Returns bytes with one kind of damage."""
    kinds: list[Callable[[bytes, random.Random], bytes]] = [
        *OF_BYTES,
        *([_write_integer] * 5),
        _swap_blocks,
    ]
    damage = chance.choice(kinds)
    return damage(data, chance) if data else chance.randbytes(9)


# Damage of what a part says.


def _places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the path of each value of a document."""
    pairs: Any = ()
    if isinstance(document, dict):
        pairs = document.items()
    elif isinstance(document, list):
        pairs = enumerate(document)
    return [path, *(place for key, value in pairs for place in _places(value, (*path, key)))]


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _grafted(document: Any, chance: random.Random) -> Any:
    """Puts a copy of one part of a document in the place of another."""
    places = _places(document)
    source, target = chance.choice(places), chance.choice(places)
    if not target:
        return document
    copy = json.loads(json.dumps(_at(document, source)))
    _at(document, target[:-1])[target[-1]] = copy
    return document


def damaged_json(data: bytes, chance: random.Random) -> bytes:
    """Returns a JSON text in which some values are other ones."""
    document = json.loads(data)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        change = chance.choice([changed, changed, _grafted])
        document = change(document, chance)
    if chance.random() < 0.03:
        depth = chance.choice([50, 150, 2000, 200_000])
        return b'{"config":' * depth + data + b"}" * depth
    return json.dumps(document).encode("utf-8", "surrogatepass")


def damaged_pickle(data: bytes, chance: random.Random) -> bytes:
    """Returns a pickle in which operations are removed, doubled, swapped, changed or added."""
    places = [place for *_, place in pickletools.genops(data)]
    parts = [data[i:j] for i, j in zip(places, [*places[1:], len(data)], strict=True)]
    for _ in range(chance.choice([1, 1, 2, 5])):
        place = chance.randrange(len(parts))
        new = chance.choice(
            [
                *(
                    b"(",
                    b"t",
                    b"]",
                    b"}",
                    b")",
                    b"R",
                    b"0",
                    b"2",
                    b"N",
                    b"s",
                    b"u",
                    b"e",
                    b"b",
                    b"Q",
                ),
                *(b"\x85", b"\x86", b"\x87", b"\x93", b"\x94", b"h\0", b"h\x01", b"q\0", b"."),
                *(b"o", b"\x81", b"\x92", b"\x8f", b"\x90", b"\x91", b"\x82\x01", b"a", b"1"),
                *(b"cos\nsystem\n", b"cbuiltins\neval\n", b"ctorch\nload\n", b"c\n\n"),
                *(b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n"),
                *(b"ctorch._utils\n_rebuild_parameter\n", b"ccollections\nOrderedDict\n"),
                pickled_integer(chance.choice([*_INTEGERS, -1, -(2**62), 10**30])),
                pickled_text(chance.choice(["0", "1", "storage", "conv.weight", "../x", "cpu"])),
                b"X\xff\xff\xff\x7f",
                b"G" + struct.pack(">d", chance.choice([0.0, 1e300, float("nan")])),
            ]
        )
        kind = chance.randrange(5)
        if kind == 0:
            del parts[place]
        elif kind == 1:
            parts.insert(place, chance.choice(parts))
        elif kind == 2:
            other = chance.randrange(len(parts))
            parts[place], parts[other] = parts[other], parts[place]
        elif kind == 3:
            parts[place] = new
        else:
            parts.insert(place, new)
        if not parts:
            break
    return b"".join(parts)


def damaged_table(data: bytes, chance: random.Random) -> bytes:
    """Returns the index of a checkpoint with other entries, and checksums that fit these."""
    entries = read_table(data, "the index")
    for _ in range(chance.choice([1, 1, 2])):
        key = chance.choice(sorted(entries))
        kind = chance.randrange(4)
        if kind == 0:
            del entries[key]
        elif kind == 1:
            entries[damaged_bytes(key, chance)] = entries[key]
        elif kind == 2:
            entries[key] = entries[chance.choice(sorted(entries))]
        else:
            entries[key] = damaged_bytes(entries[key], chance) + chance.choice(
                [b"", b"\x20" + varint(2**63), b"\x18\x07", b"\x12" + varint(2**40), b"\x0b" * 9]
            )
        if not entries:
            break
    return index_file(dict(sorted(entries.items())) or {b"": b""})


def damaged_safetensors(data: bytes, chance: random.Random) -> bytes:
    """Returns a `.safetensors` file with another header."""
    (length,) = struct.unpack_from("<Q", data)
    header = damaged_json(data[8 : 8 + length], chance)
    return struct.pack("<Q", len(header)) + header + data[8 + length :]


def damaged_npy(data: bytes, chance: random.Random) -> bytes:
    """Returns a file `.npy` with another header."""
    (length,) = struct.unpack_from("<H", data, 8)
    header = data[10 : 10 + length].decode("latin1")
    old, new = chance.choice(
        [
            *(("<f4", "|O"), ("<f4", ">f8"), ("<f4", "<U7"), ("'<f4'", "[('a','O')]")),
            *(("False", "True"), ("(", "(9" * 9), (", ", ", -"), ("3", "3000000000"), ("}", "")),
            *(("<f4", "|V4"), ("<f4", "<f2"), ("'shape'", "'shape': (), 'x'"), ("<f4", "<M8[s]")),
        ]
    )
    text = header.replace(old, new, 1).encode("latin1")
    return data[:8] + struct.pack("<H", len(text)) + text + data[10 + length :]


def damaged_archive(data: bytes, chance: random.Random) -> bytes:
    """Returns a zip archive of which members are other ones, with checksums that fit these."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    place = chance.randrange(len(members))
    name, content = members[place]
    kind = chance.random()
    if kind < 0.05:
        del members[place]
    elif kind < 0.1:
        new = chance.choice(
            ["../outside/ran", "/etc/x", "config.json", "model.weights.h5", "x.npy"]
        )
        members.append((chance.choice([new, name]), content))
    elif kind < 0.15:
        members[place] = (chance.choice(["data.pkl", "a/b/data.pkl", name.upper(), "x"]), content)
    else:
        members[place] = (name, damaged_part(content, chance))
    memory = io.BytesIO()
    compression = chance.choice([zipfile.ZIP_STORED] * 3 + [zipfile.ZIP_DEFLATED])
    with warnings.catch_warnings(), zipfile.ZipFile(memory, "w", compression) as archive:
        warnings.simplefilter("ignore")  # names that come twice
        for member, content in members:
            archive.writestr(member, content)
    return memory.getvalue()


def damaged_part(data: bytes, chance: random.Random) -> bytes:
    """Returns a file, or the member of an archive, with damage of the kind that it can have."""
    of_kind: Callable[[bytes, random.Random], bytes] | None = None
    if data.startswith(_HDF5):
        of_kind = damaged_hdf5
    elif data.startswith(_ZIP):
        of_kind = damaged_archive
    elif data.startswith(b"{"):
        of_kind = damaged_json
    elif data.startswith(b"\x93NUMPY"):
        of_kind = damaged_npy
    elif data.startswith(b"\x80\x02"):
        of_kind = damaged_pickle
    elif data.endswith(b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"):
        of_kind = damaged_table
    elif data[8:9] == b"{":
        of_kind = damaged_safetensors
    if of_kind is None or chance.random() < 0.2:
        return damaged_bytes(data, chance)
    with contextlib.suppress(ValueError):  # it was damaged before
        return of_kind(data, chance)
    return damaged_bytes(data, chance)


def damaged_files(files: Files, chance: random.Random) -> Files:
    """Returns files, of which one is damaged, or more."""
    files = dict(files)
    for number in range(chance.choice([1, 1, 1, 2])):
        name = chance.choice(sorted(files))
        if len(files) > 1 and chance.random() < 0.04:
            del files[name]
        elif number or chance.random() < 0.3:
            files[name] = damaged_bytes(files[name], chance)
        else:
            files[name] = damaged_part(files[name], chance)
    return files
