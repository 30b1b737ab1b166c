"""Random damage of a record's files: in their bytes, in what their parts say, in their names."""

import contextlib
import copy
import json
import math
import random
import struct
import zlib
from typing import Any

from keras_filterwatch.record.frames import frames, start_of_file

_HEAD = struct.Struct("<4sIII")
Files = dict[str, bytes]


# Damage of bytes: functions of a file's bytes and a source of random numbers.


def _flip(data: bytes, chance: random.Random) -> bytes:
    flipped = bytearray(data)
    for _ in range(chance.choice([1, 1, 3, 30])):
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(flipped)


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def _cut_out(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:first] + data[last:]


def _double(data: bytes, chance: random.Random) -> bytes:
    first, last = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:last] + data[first:last] + data[last:]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + chance.randbytes(chance.choice([1, 100, 5000])) + data[place:]


# Damage of parts: functions of a list of parts, head included.


def _swap(parts: list[bytes], chance: random.Random) -> None:
    one, other = (chance.randrange(len(parts)) for _ in range(2))
    parts[one], parts[other] = parts[other], parts[one]


def _remove(parts: list[bytes], chance: random.Random) -> None:
    del parts[chance.randrange(len(parts))]


def _repeat(parts: list[bytes], chance: random.Random) -> None:
    parts.insert(chance.randrange(len(parts)), chance.choice(parts))


def _rename(parts: list[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(parts))
    kind = chance.choice([b"OPEN", b"FACT", b"KERN", b"STEP", b"DONE", b"MORE"])
    parts[place] = _packed(kind, _unpacked(parts[place]))


def _change_document(parts: list[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(parts))
    body = _unpacked(parts[place])
    (length,) = struct.unpack_from("<I", body)
    document = json.loads(body[4 : 4 + length])
    for _ in range(chance.choice([1, 1, 2, 5])):
        document = changed(document, chance)
    text = json.dumps(document).encode()
    parts[place] = _packed(
        parts[place][:4], struct.pack("<I", len(text)) + text + body[4 + length :]
    )


def _change_numbers(parts: list[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(parts))
    body = bytearray(_unpacked(parts[place]))
    for _ in range(chance.choice([1, 10, 1000])):
        body[chance.randrange(len(body))] = chance.choice([0, 0x7F, 0x80, 0xFF, 0x22, 0x5B])
    parts[place] = _packed(parts[place][:4], bytes(body))


def _bomb(parts: list[bytes], chance: random.Random) -> None:
    place = chance.randrange(len(parts))
    text = chance.choice(
        [
            b"[" * 10**6,
            b'{"a":' * 10**6,
            b'{"arrays":[' + b"[]," * 2_500_000 + b"[]]}",
            b"[" + b"{}," * 2_500_000 + b"{}]",
            b'{"arrays":[],"scores":' + b"9" * 10**6 + b"}",
            b'{"arrays":[["<f4",[1000000000000]]]}',
            b'{"arrays":[["<f8",[20000000]]]}' + bytes(160_000_000),
        ]
    )
    length = len(text) if b"\0" not in text else text.index(b"\0")
    body = struct.pack("<I", length) + text
    claimed = chance.choice([len(body), len(body), 100, 2**32 - 1, 2**27])
    parts[place] = _packed(parts[place][:4], body, claimed)


def _unpacked(part: bytes) -> bytes:
    return zlib.decompress(part[_HEAD.size :])


def _packed(kind: bytes, body: bytes, length: int | None = None) -> bytes:
    stored = zlib.compress(body, 1)
    length = len(body) if length is None else length
    head = _HEAD.pack(kind, len(stored), length, 0)
    checksum = zlib.crc32(stored, zlib.crc32(head))
    return _HEAD.pack(kind, len(stored), length, checksum) + stored


_VALUES: list[Any] = [
    *(None, True, False, 0, -1, 3, 1e308, -1e308, math.nan, math.inf, -math.inf, 0.5, 2**31),
    *(
        2**53,
        2**64,
        10**400,
        -(10**18),
        "",
        "1",
        "conv",
        "\ud800",
        "\x1b[31m",
        "|<b>\n",
        "x" * 9999,
    ),
    *([], {}, [[]], [1, 2, 3], [0] * 1000, {"conv": 1}, {"": None}, [None], ["a", 1]),
]


def changed(document: Any, chance: random.Random) -> Any:
    """Returns a document in which one value, at any depth, is another one."""
    if not isinstance(document, dict | list) or not document or chance.random() < 0.05:
        return copy.deepcopy(chance.choice(_VALUES))
    document = copy.copy(document)
    key = chance.choice([*document] if isinstance(document, dict) else range(len(document)))
    if chance.random() < 0.05:
        del document[key]
    elif isinstance(document, dict) and chance.random() < 0.05:
        document[chance.choice(["", "conv", "noise", "norm", "labels", "x" * 300])] = document[key]
    else:
        document[key] = changed(document[key], chance)
    return document


# Damage of files.


def _rename_files(files: Files, chance: random.Random) -> None:
    name = chance.choice(sorted(files))
    new = chance.choice(["record-0001.fwr", "record-0002.fwr", "record-0007.fwr", "record-1.fwr"])
    files[new] = files.pop(name)


def _remove_file(files: Files, chance: random.Random) -> None:
    del files[chance.choice(sorted(files))]


def _copy_file(files: Files, chance: random.Random) -> None:
    files[f"record-{chance.randrange(10**5):04}.fwr"] = files[chance.choice(sorted(files))]


def _other_file(files: Files, chance: random.Random) -> None:
    files[chance.choice(sorted(files))] = chance.choice(
        [b"", b"FWREC", b"PK\3\4" + bytes(50), b"FWRECORD\2\0\0\0", b"FWRECORD" + bytes(400)]
    )


OF_BYTES = [_flip, _cut, _cut_out, _double, _insert]
OF_PARTS = [
    *(_swap, _remove, _repeat, _rename, _change_numbers),
    *([_change_document] * 6),
]
OF_FILES = [_rename_files, _remove_file, _copy_file, _other_file]


def damaged(files: Files, chance: random.Random) -> Files:
    """Returns files with one to three kinds of damage."""
    files = dict(files)
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        kind = chance.random()
        if not files:
            break
        if kind < 0.1:
            chance.choice(OF_FILES)(files, chance)
            continue
        name = chance.choice(sorted(files))
        data = files[name]
        parts = [data[part.start : part.stop] for part in frames(data)]
        if kind < 0.4 and data:
            files[name] = chance.choice(OF_BYTES)(data, chance)
        elif parts:
            damage = _bomb if kind > 0.98 else chance.choice(OF_PARTS)
            with contextlib.suppress(zlib.error, ValueError, struct.error):  # damaged before
                damage(parts, chance)
            files[name] = start_of_file() + b"".join(parts)
    return files
