"""Archives of NumPy: the same kernels as a dict of their arrays has, and no objects."""

import io
import zipfile
from contextlib import ExitStack

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_files import arrays, read_or_name_unreadable, skipped

import keras_filterwatch as fw
from keras_filterwatch.files.errors import UnreadableFileError, UnsafeFileError
from keras_filterwatch.files.npz import read_npz
from keras_filterwatch.files.open_file import open_file


@pytest.fixture
def path(tmp_path):
    return tmp_path / "weights.npz"


def normal(*shape):
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


def member(array):
    """The bytes of an array as `numpy.save` writes them."""
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def save(path, **members):
    """Writes an archive of these bytes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return path


WEIGHTS = {"conv/kernel": normal(5, 5, 3, 8), "conv/bias": normal(8), "head/kernel": normal(8, 2)}


@pytest.mark.parametrize("save_arrays", [np.savez, np.savez_compressed])
def test_kernels_scores_and_skipped_arrays_are_those_of_the_dict(path, save_arrays):
    save_arrays(path, **WEIGHTS)
    read = arrays(path)
    assert list(read) == ["conv/kernel", "head/kernel"]
    for name, array in read.items():
        np.testing.assert_array_equal(array, WEIGHTS[name])
    assert skipped(path) == fw.snapshot_of(WEIGHTS).skipped
    scores, expected = fw.score(path), fw.score(WEIGHTS)
    for name in expected:
        assert dict(scores[name]) == pytest.approx(dict(expected[name]), nan_ok=True)


DTYPES = ["<f8", ">f4", "<f2", "i1", ">u2", "?"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_numbers_of_each_type_and_order_are_read(path, dtype, order):
    array = np.asarray(np.arange(60).reshape(3, 4, 5) % 7, dtype, order)
    read = arrays(save(path, conv=member(array)))["conv"]
    np.testing.assert_array_equal(read, array)
    assert read.dtype.isnative


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_each_version_of_the_format_is_read(path, version):
    file = io.BytesIO()
    np.lib.format.write_array(file, WEIGHTS["conv/kernel"], version)
    read = arrays(save(path, conv=file.getvalue()))["conv"]
    np.testing.assert_array_equal(read, WEIGHTS["conv/kernel"])


def with_header(text, numbers=bytes(24)):
    """The bytes of an array with this header."""
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + numbers


def test_a_header_of_another_program_is_read(path):
    header = '{"shape": (2L, 3L), "fortran_order": False, "descr": "<f4"}'  # L: of Python 2
    assert arrays(save(path, conv=with_header(header)))["conv"].shape == (2, 3)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.array([{"a": 1}], object), "it holds pickled objects"),
        (np.zeros(3, [("a", "f4"), ("b", "i4")]), "it is a table of several fields"),
        (np.zeros((2, 3), "V2"), "save them as float32"),
        (np.array([["a", "b"]]), "no weights have"),
        (np.zeros((2, 3), "c8"), "no weights have"),
        (np.zeros((2, 3), "M8[s]"), "no weights have"),
        (np.zeros((2,) * 6, "f4"), "it has 6 axes"),
        (np.float32(1), "a single number"),
    ],
    ids=["objects", "fields", "no type", "text", "complex", "dates", "axes", "number"],
)
def test_what_is_no_kernel_is_skipped_with_the_reason(path, array, reason):
    np.savez(path, conv=normal(3, 3, 1, 4), other=array)
    assert reason in skipped(path)["other"]
    assert list(arrays(path)) == ["conv"]


def test_other_members_are_skipped(path):
    np.savez(path, conv=normal(3, 3, 1, 4))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("readme.txt", "text")
    assert skipped(path) == {"readme.txt": "it is no array of NumPy (.npy)"}


def test_an_archive_of_objects_only_is_refused(path):
    np.savez(path, conv={"0": normal(3, 3, 1, 4)})  # as Keras's own .npz are
    with pytest.raises(UnsafeFileError, match=r"pickled objects.*\.weights\.h5"):
        arrays(path)


def test_an_empty_archive_says_so(path):
    np.savez(path)
    with pytest.raises(UnreadableFileError, match="has no array that can be read"):
        read_npz(path, ExitStack())


def test_axes_in_the_order_of_another_framework_are_asked_about(path):
    np.savez(path, conv=normal(64, 3, 7, 7))
    with pytest.raises(UnreadableFileError, match="looks like OIHW"):
        arrays(path)
    with open_file(path, layout="OIHW") as file:
        assert file.kernels[0].shape == (7, 7, 3, 64)
        assert file.channels_first


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (3, 2), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3), }",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3), }",
        "{'descr': '<f4', 'fortran_order': False}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 9223372036854775807), }",
        "['descr', '<f4', 'fortran_order', False, 'shape', (2, 3)]",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 40 + "), }",
        "__import__('os').mkdir('/tmp/trap')",
        "",
    ],
)
def test_headers_that_are_wrong_are_damage(path, header):
    with pytest.raises(UnreadableFileError, match="is damaged"):
        arrays(save(path, conv=with_header(header)))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"text", member(normal(3, 4))[:40], b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{}"],
    ids=["empty", "magic", "text", "cut", "long"],
)
def test_members_that_are_no_arrays_are_damage(path, content):
    with pytest.raises(UnreadableFileError, match="is damaged"):
        arrays(save(path, conv=content))


def test_an_array_that_expands_without_limit_is_refused(path):
    np.savez_compressed(path, conv=np.zeros((1, 1, 5000, 5000), np.float32))
    assert path.stat().st_size * 1000 < 5000 * 5000 * 4
    with pytest.raises(UnsafeFileError, match="would expand to"):
        arrays(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The bytes of small files, and a place for changed ones."""
    folder = tmp_path_factory.mktemp("small")
    np.savez(folder / "stored.npz", conv=np.ones((2, 1, 3), np.float32))
    np.savez_compressed(folder / "packed.npz", conv=np.ones((2, 1, 3), np.float32))
    contents = [(folder / name).read_bytes() for name in ("stored.npz", "packed.npz")]
    return contents, folder / "changed.npz"


@settings(deadline=None)
@given(st.data())
def test_changed_and_cut_files_are_read_or_named_unreadable(small, data):
    contents, path = small
    changed = bytearray(data.draw(st.sampled_from(contents)))
    for _ in range(data.draw(st.integers(0, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(changed[: data.draw(st.integers(0, len(changed)) | st.none())])
    read_or_name_unreadable(read_npz, path)


@settings(deadline=None)
@given(st.data())
def test_changed_headers_are_read_or_named_unreadable(small, data):
    changed = bytearray(member(np.ones((2, 1, 3), np.float32)))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    read_or_name_unreadable(read_npz, save(small[1], conv=bytes(changed)))
