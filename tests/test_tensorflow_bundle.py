"""The bundle of a checkpoint of TensorFlow: types, parts, damage, and what is refused."""

import contextlib
import re
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_models import read_kernels, write_checkpoint

from benchmarks.fuzz.formats.tensorflow_bundle import (
    BUNDLE_HEADER,
    bundle_entry,
    index_file,
    varint,
    write_bundle,
)
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.tensorflow.saved_model import read_saved_model
from keras_filterwatch.files.tensorflow.sorted_table import read_table
from keras_filterwatch.files.tensorflow.tensorflow_bundle import GRAPH_KEY, read_bundle
from keras_filterwatch.writers.crc import crc32c, masked

FILES = Path(__file__).parent / "saved_models/tensorflow/files.zip"
FLOAT32, TEXT, BFLOAT16, FLOAT16, INT8 = 1, 7, 14, 19, 6  # numbers of TensorFlow's types
KERNEL = np.ones((3, 3, 3, 8), "f4")
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
METADATA = "keras_metadata.pb"


# --- numbers and parts ----------------------------------------------------------------------------


def test_numbers_of_16_bits_are_read(tmp_path):
    numbers = np.arange(-8, 8, dtype="f4").reshape(4, 4)
    bfloat16 = (numbers.view("u4") >> 16).astype("u2")  # the upper half of the bits
    tensors = {"a/w": (bfloat16, BFLOAT16), "b/w": (numbers.astype("f2"), FLOAT16)}
    write_checkpoint(tmp_path / "model.index", tensors)
    kernels, _ = read_kernels(tmp_path / "model.index")
    for name in tensors:
        np.testing.assert_array_equal(kernels[name].array.astype("f4"), numbers)


def test_numbers_of_big_endian_computers_are_read(tmp_path):
    numbers = np.arange(6, dtype=">f4").reshape(2, 3)
    header = BUNDLE_HEADER + b"\x10\x01"
    write_checkpoint(tmp_path / "model.index", {"a/w": (numbers, FLOAT32)}, header)
    kernels, _ = read_kernels(tmp_path / "model.index")
    np.testing.assert_array_equal(kernels["a/w"].array, numbers)


@pytest.mark.parametrize(
    ("dtype", "reason"),
    [
        (TEXT, "text, not numbers"),
        (INT8, "its numbers are of dtype int8, not real numbers"),
        (99, "its numbers are of a type that cannot be read here: number 99 in .*"),
        (2, "its shape needs another number of bytes than are stored.*"),
    ],
    ids=["text", "int8", "unknown", "wrong size"],
)
def test_a_tensor_that_is_no_kernel_is_skipped_with_its_reason(tmp_path, dtype, reason):
    array = np.ones((3, 3), "i1" if dtype == INT8 else "f4")
    tensors = {"a/kernel": (array, dtype), "b/kernel": (KERNEL, FLOAT32)}
    write_checkpoint(tmp_path / "model.index", tensors)
    kernels, file = read_kernels(tmp_path / "model.index")
    assert [*kernels] == ["b"]
    assert re.fullmatch(reason, *file.skipped.values())


def _slice(*extents):
    """The message of a part: start and length for each axis."""
    message = b""
    for start, length in extents:
        extent = b"\x08" + varint(start) + b"\x10" + varint(length)
        message += b"\x0a" + varint(len(extent)) + extent
    return b"\x3a" + varint(len(message)) + message


def _slice_key(name, *extents):
    """The key of a part; numbers from 0 to 63 have one byte."""
    numbers = bytes(0x80 ^ number for extent in extents for number in extent)
    return b"\0" + name + b"\0\1" + bytes([1, len(extents)]) + numbers


@pytest.mark.parametrize(
    ("parts", "is_read"),
    [
        ([((0, 2), (0, 3)), ((2, 2), (0, 3))], True),
        ([((2, 2), (0, 3)), ((0, 2), (0, 3))], True),
        ([((0, 4), (1, 2)), ((0, 4), (0, 1))], True),
        ([((0, 2), (0, 3)), ((1, 3), (0, 3))], False),
        ([((0, 2), (0, 3))], False),
        ([((0, 2), (0, 1)), ((2, 2), (1, 2))], False),
    ],
    ids=["in order", "in another order", "columns", "overlapping", "missing", "along two axes"],
)
def test_parts_are_joined_if_they_make_up_the_whole(tmp_path, parts, is_read):
    whole = np.arange(12, dtype="f4").reshape(4, 3)
    entries, data = {b"": BUNDLE_HEADER}, b""
    for part in parts:
        (row, rows), (column, columns) = part
        stored = whole[row : row + rows, column : column + columns]
        entry = bundle_entry(stored.shape, len(data), stored.nbytes, bytes(4))
        entries[_slice_key(b"a/kernel", *part)] = entry
        data += stored.tobytes()
    slices = b"".join(_slice(*part) for part in parts)
    entries[b"a/kernel"] = bundle_entry((4, 3), 0, 0, bytes(4)) + slices
    entries[b"b/kernel"] = bundle_entry((2, 2), len(data), 16, bytes(4))
    entries = dict(sorted(entries.items()))
    write_bundle(tmp_path / "model.index", index_file(entries), data + bytes(16))
    kernels, file = read_kernels(tmp_path / "model.index")
    if is_read:
        np.testing.assert_array_equal(kernels["a"].array, whole)
    else:
        assert (
            file.skipped["a/kernel"] == "it is stored in parts that cannot be joined along one axis"
        )


# --- the table of the index -----------------------------------------------------------------------


def _sealed(block, compression=b"\0"):
    return block + compression + masked(crc32c(block + compression)).to_bytes(4, "little")


def _table(block, compression=b"\0"):
    """A table with one block of entries."""
    data, end = _sealed(block, compression), bytes(4) + b"\1\0\0\0"
    handle = b"\0" + varint(len(block))
    index = b"\0\1" + varint(len(handle)) + b"z" + handle + end
    footer = (b"\0\0" + varint(len(data)) + varint(len(index))).ljust(40, b"\0")
    return data + _sealed(index) + footer + bytes.fromhex("57fb808b247547db")


def test_keys_share_their_beginning_with_the_ones_before():
    entries = [(0, b"conv1/bias", b"a"), (6, b"kernel", b"b"), (4, b"2", b"c")]
    block = b"".join(bytes([shared, len(own), 1]) + own + value for shared, own, value in entries)
    table = read_table(_table(block + bytes(4) + b"\1\0\0\0"), "a table")
    assert table == {b"conv1/bias": b"a", b"conv1/kernel": b"b", b"conv2": b"c"}


def test_keys_that_are_out_of_order_are_damage():
    block = b"\0\1\1b-" + b"\0\1\1a-" + bytes(4) + b"\1\0\0\0"
    with pytest.raises(UnreadableFileError, match="damaged"):
        read_table(_table(block), "a table")


def test_a_compressed_table_is_refused_with_what_to_do():
    with pytest.raises(UnreadableFileError, match=r"Snappy.*[Ll]oad the\s+checkpoint where it was"):
        read_table(_table(b"\0\1\1b-" + bytes(4) + b"\1\0\0\0", b"\1"), "a table")


def test_a_wrong_checksum_is_damage():
    table = bytearray(_table(b"\0\1\1b-" + bytes(4) + b"\1\0\0\0"))
    table[4] ^= 1
    with pytest.raises(UnreadableFileError, match="damaged"):
        read_table(bytes(table), "a table")


# --- the files beside the index, and the folder ---------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint of one kernel in a folder with a file `checkpoint`."""
    write_checkpoint(tmp_path / "model.index", {"conv/kernel": (KERNEL, FLOAT32)})
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "model"\n')
    return tmp_path


def _cut(folder):
    (folder / "model.data-00000-of-00001").write_bytes(bytes(100))


def _remove(folder):
    (folder / "model.data-00000-of-00001").unlink()


def _link(folder):
    _remove(folder)
    (folder / "model.data-00000-of-00001").symlink_to(__file__)


def _share(folder):
    entry = bundle_entry((3, 3, 3, 8), 0, 864, bytes(4))
    entries = {b"": BUNDLE_HEADER, b"a/kernel": entry, b"b/kernel": entry}
    write_bundle(folder / "model.index", index_file(entries), bytes(864))


@pytest.mark.parametrize(
    ("damage", "error", "message"),
    [
        (_cut, UnreadableFileError, "has 100 bytes, and its index needs 864"),
        (_remove, UnreadableFileError, "is missing, which belongs to the file"),
        (_link, UnsafeFileError, "is a link"),
        (_share, UnsafeFileError, "share bytes"),
    ],
    ids=["cut off", "missing", "a link", "shared bytes"],
)
def test_wrong_data_files_are_refused(checkpoint, damage, error, message):
    damage(checkpoint)
    with pytest.raises(error, match=message):
        read_kernels(checkpoint / "model.index")


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        (
            "../model",
            UnsafeFileError,
            r"outside of its folder: '../model'\. If .* may be .*model.in",
        ),
        ("/elsewhere/model", UnsafeFileError, "outside of its folder: '/elsewhere/model'"),
        ("missing", UnreadableFileError, r"'missing' .* not there.*Pass .* 'model.index'"),
        ("link/model", UnsafeFileError, "outside of its folder"),
    ],
)
def test_a_folder_may_name_only_checkpoints_in_it(checkpoint, name, error, message):
    (checkpoint / "link").symlink_to("/")
    (checkpoint / "checkpoint").write_text(f'model_checkpoint_path: "{name}"\n')
    with pytest.raises(error, match=message):
        read_kernels(checkpoint)


@pytest.mark.parametrize("name", ["model", "./model", r"mod\145l", "{folder}/model"])
def test_a_folder_names_its_latest_checkpoint(checkpoint, name):
    name = name.format(folder=checkpoint)
    (checkpoint / "checkpoint").write_text(f'model_checkpoint_path: "{name}"\n')
    assert [*read_kernels(checkpoint)[0]] == ["conv"]


def test_a_folder_with_several_checkpoints_says_which_was_read(checkpoint):
    lines = "".join(f'all_model_checkpoint_paths: "{name}"\n' for name in ("old", "model"))
    (checkpoint / "checkpoint").write_text(f'model_checkpoint_path: "model"\n{lines}')
    _, file = read_kernels(checkpoint)
    assert "2 checkpoints, of which the latest, 'model', was read" in file.notes[0]
    assert "keras-filterwatch series" in file.notes[0]


# --- damaged bytes --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def saved_model():
    """The files of a SavedModel, name -> bytes."""
    with zipfile.ZipFile(FILES) as archive:
        names = [name for name in archive.namelist() if name.startswith("keras_2/")]
        return {
            name.removeprefix("keras_2/"): archive.read(name)
            for name in names
            if not name.endswith("/")
        }


def check(files):
    """Reads a SavedModel; nothing but the errors of files may come, and quickly."""
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            path = Path(folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
        begin = time.monotonic()
        with contextlib.suppress(UnreadableFileError, OSError):
            read_kernels(Path(folder), read_saved_model)
        assert time.monotonic() - begin < 5


edits = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True), st.integers(0, 3), st.binary(min_size=1, max_size=9)
    ),
    min_size=1,
    max_size=3,
)


def edited(data, edits):
    """Bytes in which some are replaced, inserted, or cut out."""
    for place, kind, new in edits:
        begin = int(place * len(data))
        end = begin + (len(new) if kind != 1 else 0)
        data = data[:begin] + (new if kind < 2 else b"") + (data[end:] if kind < 3 else b"")
    return data


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from([INDEX, DATA, METADATA]), edits=edits)
def test_damaged_files_raise_no_other_errors(saved_model, name, edits):
    check({**saved_model, name: edited(saved_model[name], edits)})


@settings(max_examples=100, deadline=None)
@given(place=st.integers(0, 100), edits=edits)
def test_damaged_entries_with_right_checksums_raise_no_other_errors(saved_model, place, edits):
    entries = read_table(saved_model[INDEX], "the index")
    key = [*entries][place % len(entries)]
    entries[key] = edited(entries[key], edits)
    check({**saved_model, INDEX: index_file(entries)})


def _graph(files):
    """The message that tells which object holds which variable."""
    with tempfile.TemporaryDirectory() as folder:
        for name in (INDEX, DATA):
            Path(folder, Path(name).name).write_bytes(files[name])
        return read_bundle(Path(folder, "variables")).graph


@settings(max_examples=100, deadline=None)
@given(edits=edits)
def test_damaged_graphs_of_objects_with_right_checksums_raise_no_other_errors(saved_model, edits):
    entries = read_table(saved_model[INDEX], "the index")
    data = saved_model[DATA]
    text = edited(_graph(saved_model), edits)
    length = masked(crc32c(len(text).to_bytes(4, "little"))).to_bytes(4, "little")
    stored = varint(len(text)) + length + text
    checksum = masked(crc32c(len(text).to_bytes(4, "little") + length + text)).to_bytes(4, "little")
    entries[GRAPH_KEY.encode()] = bundle_entry((), len(data), len(stored), checksum, dtype=TEXT)
    check({**saved_model, INDEX: index_file(entries), DATA: data + stored})
