"""Files in the format safetensors, written by hand as its specification says."""

import json

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_files import arrays, read_or_name_unreadable, skipped

import keras_filterwatch as fw
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.open_file import open_file
from keras_filterwatch.files.safetensors import read_safetensors

NAMES = {"f": "F", "i": "I", "u": "U"}


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def with_header(header, content=b""):
    """The bytes of a file with this header, which may be text."""
    text = header if isinstance(header, str) else json.dumps(header)
    return len(text.encode()).to_bytes(8, "little") + text.encode() + content


def packed(weights, dtypes=(), **metadata):
    """The bytes of a file; `dtypes` has the names of those that NumPy has not."""
    header, content = {}, b""
    for name, array in weights.items():
        dtype = NAMES.get(array.dtype.kind, "") + str(8 * array.itemsize)
        end = len(content) + array.nbytes
        header[name] = entry(dict(dtypes).get(name, dtype), array.shape, len(content), end)
        content += array.tobytes()
    return with_header(header | ({"__metadata__": metadata} if metadata else {}), content)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


OF_KERAS = {"conv/kernel": normal(5, 5, 3, 8), "conv/bias": normal(8)}
OF_TORCH = {"conv.weight": normal(8, 3, 5, 5), "conv.bias": normal(8)}


def test_arrays_of_keras_have_the_kernels_and_scores_of_the_dict(path):
    path.write_bytes(packed(OF_KERAS))
    np.testing.assert_array_equal(arrays(path)["conv/kernel"], OF_KERAS["conv/kernel"])
    assert skipped(path) == fw.snapshot_of(OF_KERAS).skipped
    expected = dict(fw.score(OF_KERAS)["conv/kernel"])
    assert dict(fw.score(path)["conv/kernel"]) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("metadata", [{}, {"format": "pt"}], ids=["by its names", "by its format"])
def test_tensors_of_pytorch_are_in_its_order_of_axes(path, metadata):
    path.write_bytes(packed(OF_TORCH, **metadata))
    expected = OF_TORCH["conv.weight"].transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(arrays(path)["conv.weight"], expected)
    with open_file(path) as file:
        assert file.channels_first


def test_the_format_counts_more_than_the_names(path):
    weights = {"conv": normal(8, 3, 5, 5), "other.weight": normal(2, 3)}
    path.write_bytes(packed(weights, format="pt"))
    assert arrays(path)["conv"].shape == (5, 5, 3, 8)
    path.write_bytes(packed({"conv.weight": normal(5, 5, 3, 8)}, format="flax"))
    assert arrays(path)["conv.weight"].shape == (5, 5, 3, 8)


def test_arrays_of_mlx_have_their_channels_last(path):
    weights = {"conv.weight": normal(8, 5, 5, 3), "fc.weight": normal(2, 6)}
    path.write_bytes(packed(weights, format="mlx"))
    read = arrays(path)
    np.testing.assert_array_equal(read["conv.weight"], weights["conv.weight"].transpose(1, 2, 3, 0))
    np.testing.assert_array_equal(read["fc.weight"], weights["fc.weight"].T)


def test_a_layout_is_taken(path):
    path.write_bytes(packed({"conv": normal(64, 3, 7, 7)}))
    with pytest.raises(UnreadableFileError, match="looks like OIHW"):
        arrays(path)
    with open_file(path, layout="OIHW") as file:
        assert file.kernels[0].shape == (7, 7, 3, 64)


@pytest.mark.parametrize("dtype", ["f8", "f4", "f2", "i8", "i1", "u2"])
def test_numbers_of_each_type_are_read(path, dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    path.write_bytes(packed({"fc": array}))
    np.testing.assert_array_equal(arrays(path)["fc"], array)


SHORT_TYPES = {
    "BF16": ml_dtypes.bfloat16,
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
}


@pytest.mark.parametrize("name", SHORT_TYPES)
def test_short_types_keep_each_of_their_values(path, name):
    dtype = np.dtype(SHORT_TYPES[name])
    count = 2 ** (8 * dtype.itemsize)
    values = np.arange(count).astype(f"u{dtype.itemsize}").view(dtype).reshape(1, -1)
    path.write_bytes(packed({"fc": values}, {"fc": name}))
    read = arrays(path)["fc"]
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, values.astype(np.float32))


def test_types_that_cannot_be_read_are_skipped_with_the_reason(path):
    weights = {"fc": normal(2, 3), "small": np.zeros((4, 2), np.uint8)}
    path.write_bytes(packed(weights, {"small": "F4"}))
    assert skipped(path) == {"small": "its numbers are of dtype F4, which cannot be read"}


@pytest.mark.parametrize("end", [None, "   "], ids=["no space", "spaces"])
def test_a_header_may_end_with_spaces(path, end):
    text = json.dumps({"fc": entry("F32", (2, 3), 0, 24)}) + (end or "")
    path.write_bytes(with_header(text, bytes(24)))
    assert arrays(path)["fc"].shape == (3, 2)[::-1]


FC = entry("F32", (2, 3), 0, 24)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x05\x00\x00\x00\x00\x00\x00\x00{", "shorter than its header"),
        (b"\xff" * 7 + b"\x7f{}", "shorter than its header"),
        (with_header("{"), "is not the JSON"),
        (with_header("{" * 5000), "is not the JSON"),
        (with_header('{"a":' + "[" * 100_000), "is not the JSON"),
        (with_header('{"fc": {}, "fc": {}}'), "a name comes twice"),
        (with_header({"__metadata__": []}), "metadata"),
        (with_header({"fc": 5}), "missing"),
        (with_header({"fc": {"dtype": "F32", "shape": [2, 3]}}), "missing"),
        (with_header({"fc": entry("F32", (-2, 3), 0, 24)}, bytes(24)), "missing"),
        (with_header({"fc": entry("F32", (2.0, 3), 0, 24)}, bytes(24)), "missing"),
        (with_header({"fc": entry("F32", (True, 6), 0, 24)}, bytes(24)), "missing"),
        (with_header({"fc": entry("F32", (1,) * 65, 0, 4)}, bytes(4)), "missing"),
        (with_header({"fc": entry("F32", (2, 3), 24, 0)}, bytes(24)), "end before they begin"),
        (with_header({"fc": entry("F32", (2, 4), 0, 24)}, bytes(24)), "do not fit its shape"),
        (with_header({"fc": entry("F32", (2, 3), 4, 28)}, bytes(28)), "overlap or have gaps"),
        (with_header({"a": FC, "b": FC}, bytes(24)), "overlap or have gaps"),
        (with_header({"fc": FC}, bytes(20)), "length is not that"),
        (with_header({"fc": FC}, bytes(28)), "length is not that"),
        (with_header({"fc": entry("F32", (0, 2**62), 0, 0)}), "its shape would be"),
        (with_header('{"\\ud800": ' + json.dumps(FC) + "}", bytes(24)), "is no text"),
    ],
)
def test_damage_is_named(path, content, message):
    path.write_bytes(content)
    with pytest.raises(UnreadableFileError, match=f"is damaged: .*{message}"):
        arrays(path)


def test_a_header_beyond_the_limit_is_refused(path):
    with path.open("wb") as file:  # a file with a hole, which takes no room on the disk
        file.write((2**27).to_bytes(8, "little") + b"{")
        file.truncate(2**27 + 8)
    with pytest.raises(UnsafeFileError, match="its header would have"):
        arrays(path)


def test_a_header_of_too_many_entries_is_refused(path):
    path.write_bytes(with_header('{"a":' + "{" * 300_000))
    with pytest.raises(UnsafeFileError, match="too many entries"):
        arrays(path)


@pytest.fixture
def index(tmp_path):
    """Writes an index of shards: tensor -> file."""

    def write(**places):
        path = tmp_path / "model.safetensors.index.json"
        names = {name.replace("_", "."): file for name, file in places.items()}
        path.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": names}))
        return path

    return write


def test_shards_are_one_file_in_the_order_of_their_index(tmp_path, index):
    first, second = {"a.weight": normal(2, 3)}, {"b.weight": normal(3, 4), "c.weight": normal(4, 5)}
    (tmp_path / "1.safetensors").write_bytes(packed(first, format="pt"))
    (tmp_path / "2.safetensors").write_bytes(packed(second, format="pt"))
    path = index(b_weight="2.safetensors", a_weight="1.safetensors")
    read = arrays(path)
    assert list(read) == ["b.weight", "a.weight"]
    np.testing.assert_array_equal(read["a.weight"], first["a.weight"].T)
    assert skipped(path) == {"c.weight": "model.safetensors.index.json does not list it"}


@pytest.mark.parametrize("name", ["../x.safetensors", "/x", "a/b", "..", "", "C:x", "a\\b", "a\0"])
def test_shards_in_other_folders_are_refused(index, name):
    with pytest.raises(UnsafeFileError, match="no file in the same folder"):
        arrays(index(a_weight=name))


def test_links_to_other_folders_are_refused(tmp_path, index):
    other = tmp_path / "other"
    other.mkdir()
    (other / "x").write_bytes(packed(OF_TORCH))
    (tmp_path / "1.safetensors").symlink_to(other / "x")
    with pytest.raises(UnsafeFileError, match="a link to another folder"):
        arrays(index(conv_weight="1.safetensors"))


def test_the_links_of_a_cache_of_downloads_are_followed(tmp_path, index):
    # Hugging Face's cache keeps files under other names in one folder, with links to them
    blobs, links = tmp_path / "blobs", tmp_path / "links"
    blobs.mkdir()
    links.mkdir()
    (blobs / "1").write_bytes(packed(OF_TORCH))
    index(conv_weight="1.safetensors").rename(blobs / "0")
    (links / "1.safetensors").symlink_to(blobs / "1")
    (links / "model.safetensors.index.json").symlink_to(blobs / "0")
    assert list(arrays(links / "model.safetensors.index.json")) == ["conv.weight"]


def test_a_shard_or_a_tensor_that_is_missing_is_named(tmp_path, index):
    path = index(conv_weight="1.safetensors", other_weight="1.safetensors")
    with pytest.raises(UnreadableFileError, match=r"'1.safetensors' is missing"):
        arrays(path)
    (tmp_path / "1.safetensors").write_bytes(packed(OF_TORCH))
    with pytest.raises(UnreadableFileError, match=r"'other.weight' is not in 1.safetensors"):
        arrays(path)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": 1}}']
)
def test_an_index_that_is_none_is_damage(tmp_path, text):
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(text)
    with pytest.raises(UnreadableFileError, match="is damaged"):
        arrays(path)


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    return tmp_path_factory.mktemp("changed") / "model.safetensors"


SMALL = packed({"a.weight": normal(2, 3), "b": normal(3, 1, 2)})


@settings(deadline=None)
@given(st.data())
def test_changed_and_cut_files_are_read_or_named_unreadable(changed, data):
    content = bytearray(SMALL)
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    changed.write_bytes(content[: data.draw(st.integers(0, len(content)) | st.none())])
    read_or_name_unreadable(read_safetensors, changed)
