"""Frames of a record: what goes in comes out, and bytes of another form are refused."""

import json
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from keras_filterwatch.record.frames import (
    VERSION,
    DamagedRecordError,
    check_start,
    contents,
    frame,
    frames,
    is_torn,
    start_of_file,
)

DOCUMENTS = st.dictionaries(
    st.text().filter(lambda name: name != "arrays"),
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.lists(st.integers(), max_size=3),
    max_size=4,
)
ARRAYS = st.sampled_from(["?", "i1", "u1", "<i4", "<i8", "<f2", "<f4", "<f8"]).flatmap(
    lambda dtype: arrays.arrays(dtype, arrays.array_shapes(min_dims=1, min_side=0, max_side=4))
)


def packed(body, length=None, kind=b"STEP"):
    """A frame with the right checksum over any body; the length that it claims may be wrong."""
    stored = zlib.compress(body)
    length = len(body) if length is None else length
    head = struct.pack("<4sIII", kind, len(stored), length, 0)
    checksum = zlib.crc32(stored, zlib.crc32(head))
    return struct.pack("<4sIII", kind, len(stored), length, checksum) + stored


def body(document, numbers=b""):
    """The body of a frame with this document."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return struct.pack("<I", len(text)) + text + numbers


@settings(deadline=None)
@given(DOCUMENTS, st.lists(ARRAYS, max_size=3))
def test_documents_and_arrays_come_back(document, several):
    back, back_arrays = contents(frame("STEP", document, several))
    assert back == document
    assert [each.dtype for each in back_arrays] == [each.dtype for each in several]
    for before, after in zip(several, back_arrays, strict=True):
        np.testing.assert_array_equal(before, after)


def test_arrays_in_any_memory_order_come_back():
    array = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[:, ::-1]
    np.testing.assert_array_equal(contents(frame("KERN", {}, [array]))[1][0], array)


def test_frames_of_a_file_come_in_its_order():
    parts = [frame(kind, {"number": n}) for n, kind in enumerate(["OPEN", "STEP", "DONE"])]
    data = start_of_file() + b"".join(parts)
    found = list(frames(data))
    assert [part.kind for part in found] == ["OPEN", "STEP", "DONE"]
    assert [data[part.start : part.stop] for part in found] == parts


def test_a_frame_that_was_cut_ends_the_frames():
    first = start_of_file() + frame("STEP", {"step": 0})
    data = first + frame("STEP", {"step": 1})
    for end in range(len(first), len(data)):
        assert [part.stop for part in frames(data[:end])] == [len(first)]
        assert is_torn(data[:end], len(first))


def test_each_flipped_bit_is_noticed():
    start = len(start_of_file())
    data = start_of_file() + frame("STEP", {"step": 0}, [np.arange(3.0)])
    for place in range(start, len(data)):
        for bit in range(8):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            assert not list(frames(bytes(flipped)))
            with pytest.raises(DamagedRecordError):
                contents(bytes(flipped[start:]))


@pytest.mark.parametrize("data", [b"", b"FWRECORD", b"PK" + bytes(20), b"FWRECORe\1\0\0\0"])
def test_files_of_another_kind_are_refused(data):
    with pytest.raises(DamagedRecordError, match="no record of FilterWatch"):
        check_start(data)


def test_a_newer_version_is_refused_with_the_remedy():
    newer = struct.pack("<8sI", b"FWRECORD", VERSION + 1)
    with pytest.raises(DamagedRecordError, match=f"version {VERSION + 1}.*install a newer one"):
        check_start(newer)


@pytest.mark.parametrize(
    "bad",
    [
        packed(b""),
        packed(body({"step": 0})),  # without arrays
        packed(body([1, 2])),
        packed(body(b"not JSON")),
        packed(body(b"[" * 100_000)),
        packed(body(b'{"arrays": ' + b"9" * 5000 + b"}")),
        packed(struct.pack("<I", 2**31) + b"{}"),
        packed(body({"arrays": [["<f4", [4]]]}, bytes(15))),
        packed(body({"arrays": [["<f4", [-1]]]}, bytes(16))),
        packed(body({"arrays": [["<f4", [10**30, 0]]]})),
        packed(body({"arrays": [["<f4", [2.0]]]}, bytes(16))),
        packed(body({"arrays": [["|O", [1]]]}, bytes(16))),
        packed(body({"arrays": [["<f4", [1] * 100]]}, bytes(16))),
        packed(body({"arrays": 5})),
        packed(body({"arrays": []}), length=2),  # the head says less than there is
        packed(body({"arrays": []}), length=2**31),
        frame("STEP", {})[:-4],
    ],
)
def test_a_body_of_another_form_is_refused(bad):
    with pytest.raises(DamagedRecordError):
        contents(bad)


def test_no_more_is_unpacked_than_the_head_says():
    bomb = packed(bytes(10**7), length=100)
    assert len(bomb) < 20_000
    with pytest.raises(DamagedRecordError):
        contents(bomb)


def test_a_text_that_could_not_be_read_back_is_not_written():
    with pytest.raises(ValueError, match="too many for a part of a record"):
        frame("STEP", {"text": "x" * 2**23})
