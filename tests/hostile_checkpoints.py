"""Checkpoints of TensorFlow that lead elsewhere, or claim more than they hold."""

import numpy as np
from hostile_case import Hostile, outside, secret

from benchmarks.fuzz.formats.tensorflow_bundle import (
    BUNDLE_HEADER,
    bundle,
    bundle_entry,
    index_block,
    index_file,
    varint,
    write_bundle,
)

KERNEL = b"conv/kernel/.ATTRIBUTES/VARIABLE_VALUE"
SHAPE = (3, 3, 3, 4)


def with_entry(*arguments, key=KERNEL, **named):
    """A builder: a checkpoint in which an entry is another one."""

    def build(path):
        entries, _ = bundle()
        entries[key] = bundle_entry(*arguments, bytes(4), **named)
        write_bundle(path, index_file(dict(sorted(entries.items()))))

    return build


def with_bytes(data, key=KERNEL):
    """A builder: a checkpoint in which an entry has such bytes."""

    def build(path):
        entries, _ = bundle()
        entries[key] = data
        write_bundle(path, index_file(dict(sorted(entries.items()))))

    return build


def _index(make):
    """A builder: a checkpoint whose index is what a function of the sound entries makes."""
    return lambda path: write_bundle(path, make(bundle()[0]))


def _changed(change):
    """A builder: a checkpoint whose index a function changes as bytes."""

    def build(path):
        write_bundle(path)
        path.write_bytes(change(path.read_bytes()))

    return build


def _without_data(path):
    write_bundle(path)
    path.with_name("model.data-00000-of-00001").unlink()


def _data_that_are_a_link(path):
    write_bundle(path)
    data = path.with_name("model.data-00000-of-00001")
    data.unlink()
    data.symlink_to(secret(path))


def _data_that_are_a_folder(path):
    write_bundle(path)
    data = path.with_name("model.data-00000-of-00001")
    data.unlink()
    data.mkdir()


def _folder(state):
    """A builder: a folder whose file `checkpoint` names another checkpoint."""

    def build(path):
        write_bundle(outside(path) / "model.index")
        path.mkdir()
        write_bundle(path / "model.index")
        text = state(path) if callable(state) else state
        (path / "checkpoint").write_bytes(text)

    return build


def _state(prefix):
    return f'model_checkpoint_path: "{prefix}"\nall_model_checkpoint_paths: "{prefix}"\n'.encode()


def _saved_model(graph, link=False):
    """A builder: the folder of a SavedModel."""

    def build(path):
        path.mkdir()
        (path / "saved_model.pb").write_bytes(graph)
        if link:
            write_bundle(outside(path) / "variables.index")
            (path / "variables").symlink_to(outside(path))
        else:
            (path / "variables").mkdir()
            write_bundle(path / "variables" / "variables.index")

    return build


def _shared_prefix(entries):
    """The first key of a block shares 2**60 bytes with the key before it."""
    block = index_block(entries)
    data = varint(2**60) + varint(1) + varint(1) + b"ab"
    return index_file(entries).replace(block, (data + block)[: len(block)])


def _restarts(entries):
    """A block claims 2**32 - 1 restarts."""
    block = index_block(entries)
    return index_file(entries).replace(block, block[:-4] + b"\xff" * 4)


def _many_entries(path):
    entries, data = bundle()
    size = 4 * int(np.prod(SHAPE))
    for number in range(10_000):
        entries[b"x%05d" % number] = bundle_entry(SHAPE, 0, size, bytes(4))
    write_bundle(path, index_file(dict(sorted(entries.items()))), data)


def _huge_text(path):
    """A tensor of texts that claims a text of 2**60 bytes."""
    entries, data = bundle()
    entries[KERNEL] = bundle_entry((2**20,), 0, 100, bytes(4), dtype=7)
    write_bundle(path, index_file(entries), varint(2**60) * 20 + data)


_I = ".index"
_BAD = "damaged|cannot be read|refused|beyond|short|needs"
_LEADS = "leads|outside|refused|folder|link"
_SIZE = 4 * 108

CHECKPOINTS = {
    "an entry behind the end of the data": Hostile(with_entry(SHAPE, 2**40, _SIZE), _I, _BAD),
    "an entry at 2**63": Hostile(with_entry(SHAPE, 2**63, _SIZE), _I, _BAD),
    "an entry of 2**63 bytes": Hostile(with_entry(SHAPE, 0, 2**63), _I, _BAD),
    "an entry of another size": Hostile(with_entry(SHAPE, 0, 7), _I, _BAD),
    "an entry of 2**62 numbers": Hostile(with_entry((2**31, 2**31), 0, _SIZE), _I, _BAD),
    "an entry of a negative shape": Hostile(with_entry((2**64 - 3, 3, 3, 4), 0, _SIZE), _I, _BAD),
    "an entry of 1,000 axes": Hostile(with_entry((1,) * 999 + (108,), 0, _SIZE), _I, ""),
    "an entry in shard 99,999": Hostile(with_entry(SHAPE, 0, _SIZE, shard=99_999), _I, _BAD),
    "an entry of type 200": Hostile(with_entry(SHAPE, 0, _SIZE, dtype=200), _I, ""),
    "an entry of texts": Hostile(_huge_text, _I, ""),
    "an entry with a wrong checksum": Hostile(with_entry(SHAPE, 0, _SIZE), _I, ""),
    "an entry that is no message": Hostile(with_bytes(b"\xff" * 50), _I, _BAD),
    "an entry that is empty": Hostile(with_bytes(b""), _I, None),
    "an entry with a number without end": Hostile(with_bytes(b"\x08" + b"\x80" * 10_000), _I, _BAD),
    "an entry with a field of 2**60 bytes": Hostile(with_bytes(b"\x12" + varint(2**60)), _I, _BAD),
    "an entry of groups within groups": Hostile(with_bytes(b"\x0b" * 100_000), _I, ""),
    "an entry of messages within messages": Hostile(with_bytes(b"\x12\x7f" * 5000), _I, ""),
    "a header that is missing": Hostile(
        _index(lambda entries: index_file({k: v for k, v in entries.items() if k})), _I, _BAD
    ),
    "a header with 2**31 shards": Hostile(
        with_bytes(b"\x08" + varint(2**31) + BUNDLE_HEADER[2:], b""), _I, ""
    ),
    "a header of big-endian numbers": Hostile(
        with_bytes(BUNDLE_HEADER + b"\x10\x01", b""), _I, None
    ),
    "a name that climbs": Hostile(
        with_entry(SHAPE, 0, _SIZE, key=b"../../outside/ran/.ATTRIBUTES/VARIABLE_VALUE"), _I, ""
    ),
    "a name that is no text": Hostile(with_entry(SHAPE, 0, _SIZE, key=b"\xff\xfe\0"), _I, ""),
    "a name of 1,000,000 letters": Hostile(with_entry(SHAPE, 0, _SIZE, key=b"x" * 10**6), _I, ""),
    "10,000 entries at one place": Hostile(_many_entries, _I, "", is_large=True),
    "a block behind the end": Hostile(
        _index(lambda entries: index_file(entries, (2**40, 1000))), _I, _BAD
    ),
    "a block of 2**60 bytes": Hostile(
        _index(lambda entries: index_file(entries, (0, 2**60))), _I, _BAD
    ),
    "a block of no bytes": Hostile(_index(lambda entries: index_file(entries, (0, 0))), _I, _BAD),
    "a block that is its own list": Hostile(
        _index(lambda entries: index_file(entries, (len(index_block(entries)) + 5, 8))), _I, ""
    ),
    "a block packed by snappy": Hostile(
        _index(lambda entries: index_file(entries, compression=1)), _I, ""
    ),
    "a block packed by an unknown method": Hostile(
        _index(lambda entries: index_file(entries, compression=77)), _I, ""
    ),
    "a key that shares 2**60 bytes": Hostile(_index(_shared_prefix), _I, _BAD),
    "a block of 2**32 restarts": Hostile(_index(_restarts), _I, _BAD),
    "a footer of other places": Hostile(
        _changed(lambda data: data[:-48] + b"\xff" * 40 + data[-8:]), _I, _BAD
    ),
    "nothing but a footer": Hostile(_changed(lambda data: data[-48:]), _I, _BAD),
    "nothing but the end of a footer": Hostile(_changed(lambda data: data[-8:]), _I, _BAD),
    "an index without its begin": Hostile(_changed(lambda data: data[100:]), _I, _BAD),
    "a checkpoint without data": Hostile(_without_data, _I, "data|missing"),
    "data that are a link outside": Hostile(_data_that_are_a_link, _I, "link|outside|refused"),
    "data that are a folder": Hostile(_data_that_are_a_folder, _I, ""),
    "a folder whose checkpoint climbs": Hostile(_folder(_state("../../outside/model")), "", _LEADS),
    "a folder whose checkpoint is elsewhere": Hostile(
        _folder(lambda path: _state(outside(path) / "model")), "", ""
    ),
    "a folder whose checkpoint is missing": Hostile(_folder(_state("nowhere")), "", ""),
    "a folder whose checkpoint has no name": Hostile(_folder(b"model_checkpoint_path"), "", ""),
    "a folder whose checkpoint is no text": Hostile(_folder(b"\xff\xfe\0" * 100), "", ""),
    "a folder whose checkpoint has 20,000 lines": Hostile(
        _folder(_state("x" * 100) * 10_000), "", ""
    ),
    "a SavedModel of random bytes": Hostile(_saved_model(b"\xff" * 1000), "", None),
    "a SavedModel without a graph": Hostile(_saved_model(b""), "", None),
    "a SavedModel of messages within messages": Hostile(
        _saved_model(b"\x12" + b"\x7f" * 5000), "", None
    ),
    "a SavedModel whose variables are a link outside": Hostile(
        _saved_model(b"\x08\x01", link=True), "", _LEADS
    ),
}
