"""Data that expand: how far is known before they are expanded."""

import shutil
import zlib
from types import SimpleNamespace
from zipfile import ZIP_DEFLATED, ZipFile

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_models import noise

import keras_filterwatch as fw
from keras_filterwatch.files import limits
from keras_filterwatch.files.config.layer_config import load_json
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.lzf import lzf_length
from keras_filterwatch.score_table import csv_of_rows

KERNEL = "layers/conv2d/vars/0"


def chunked(path, data, filters, shape=(3, 3, 64, 64)):
    """Weights of Keras with one chunk, packed as they are given."""
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(shape)
        for number, values in filters:
            properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, values)
        group = file.create_group("layers/conv2d/vars")
        space = h5py.h5s.create_simple(shape)
        array = h5py.h5d.create(group.id, b"0", h5py.h5t.IEEE_F32LE, space, properties)
        array.write_direct_chunk((0,) * len(shape), data)
    return path


@given(st.lists(st.integers(0, 3), min_size=200, max_size=3000))
def test_lzf_has_the_length_of_what_was_packed(numbers):
    array = np.array(numbers, "u1")
    with h5py.File("packed.h5", "w", driver="core", backing_store=False) as file:
        packed = file.create_dataset("a", data=array, chunks=array.shape, compression="lzf")
        mask, data = packed.id.read_direct_chunk((0,))
    assert mask or lzf_length(data) == array.size  # a mask says that it was left as it is


def test_lzf_that_expands_beyond_its_chunk_is_refused(tmp_path):
    data = bytes([0, 65]) + bytes([0xE0, 255, 0]) * 40_000  # 264 bytes for each three
    path = chunked(tmp_path / "w.weights.h5", data, [(h5py.h5z.FILTER_LZF, (4, 261, 1))])
    with pytest.raises(UnsafeFileError, match="expands to more"):
        fw.score(path)


def test_gzip_that_expands_beyond_its_chunk_is_refused(tmp_path):
    data = zlib.compress(bytes(2**27), 9)  # 128 MB in 130 kB
    path = chunked(tmp_path / "w.weights.h5", data, [(h5py.h5z.FILTER_DEFLATE, (9,))])
    with pytest.raises(UnsafeFileError, match="expands to more"):
        fw.score(path)


def test_a_config_with_too_many_values_is_refused_before_it_is_parsed():
    text = b"[" + b"0," * limits.VALUES + b"0]"
    with pytest.raises(UnsafeFileError, match="more than 2,000,000 values"):
        load_json(text, "config.json")


def test_a_file_with_too_many_kernels_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "KERNELS", 2)
    np.savez(tmp_path / "w.npz", **{f"conv{i}": noise((3, 3, 1, 2)) for i in range(3)})
    with pytest.raises(UnsafeFileError, match="it has 3 kernels"):
        fw.score(tmp_path / "w.npz")


def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe():
    rows = [{"layer": name} for name in ("=1+1", "+1", "-1", "@SUM(A1)", "conv")]
    assert csv_of_rows(rows) == "layer\n'=1+1\n'+1\n'-1\n'@SUM(A1)\nconv\n"


def test_a_packed_member_without_room_to_unpack_it_is_no_damaged_file(tmp_path, monkeypatch):
    with ZipFile(tmp_path / "w.keras", "w", ZIP_DEFLATED) as archive:
        archive.writestr("config.json", '{"class_name": "Sequential", "config": {"layers": []}}')
        archive.writestr("model.weights.h5", bytes(2**16))
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=2**16))
    with pytest.raises(UnreadableFileError, match=r"has no room to unpack .* set TMPDIR"):
        fw.score(tmp_path / "w.keras")
