"""Where the texts of HDF5's attributes lie is read as the library itself would read them."""

import h5py
import numpy as np
import pytest

from keras_filterwatch.files.hdf5_texts import Text, is_sound_heap, texts_of_attribute

TEXTS = {
    "names": ["conv", "", "é" * 300, "x" * 9000],
    "one": "sequential",
    "many": [f"layer_{number}" for number in range(2000)],
}
VERSIONS = ["earliest", "v108", "v110", "latest"]


def write(path, version, names):
    with h5py.File(path, "w", libver=version) as file:
        group = file.create_group("layers", track_order=version == "v110")
        for number in range(30):  # the header goes on in other blocks
            group.create_group(f"other{number}")
        for name in names:
            group.attrs[name] = TEXTS[name]
        return h5py.h5o.get_info(group.id).addr


def reader(path):
    data = path.read_bytes()
    return lambda address, size: data[address : address + size]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", TEXTS)
def test_lengths_are_those_of_the_texts(version, name, tmp_path):
    address = write(tmp_path / "file.h5", version, TEXTS)
    texts = np.ravel(TEXTS[name]).tolist()
    found = texts_of_attribute(reader(tmp_path / "file.h5"), address, name, len(texts))
    assert [text.length for text in found] == [len(text.encode()) for text in texts if text]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_heaps_of_a_sound_file_are_sound(version, tmp_path):
    address = write(tmp_path / "file.h5", version, TEXTS)
    read = reader(tmp_path / "file.h5")
    heaps = {text.heap for name in TEXTS for text in texts_of_attribute(read, address, name, 1)}
    assert len(heaps) >= 1
    assert all(is_sound_heap(read, heap) for heap in heaps)


def test_an_attribute_of_another_name_is_not_found(tmp_path):
    address = write(tmp_path / "file.h5", "earliest", ["one"])
    assert texts_of_attribute(reader(tmp_path / "file.h5"), address, "two", 1) is None


def test_an_attribute_with_fewer_texts_than_asked_for_is_not_found(tmp_path):
    address = write(tmp_path / "file.h5", "earliest", ["one"])
    assert texts_of_attribute(reader(tmp_path / "file.h5"), address, "one", 2) is None


def test_attributes_outside_the_header_are_not_found(tmp_path):
    with h5py.File(tmp_path / "file.h5", "w", libver="latest") as file:
        for number in range(20):
            file.attrs[f"note{number}"] = "text"
        address = h5py.h5o.get_info(file.id).addr
    assert texts_of_attribute(reader(tmp_path / "file.h5"), address, "note1", 1) is None


def test_a_header_that_goes_on_in_itself_comes_to_an_end():
    block = (0x10).to_bytes(2, "little") + (16).to_bytes(2, "little") + bytes(4)
    block += (16).to_bytes(8, "little") + (24).to_bytes(8, "little")  # its own place and size
    header = b"\1\0\1\0\1\0\0\0" + (24).to_bytes(4, "little") + bytes(4) + block
    read = lambda address, size: header[address : address + size]  # noqa: E731
    assert texts_of_attribute(read, 0, "name", 1) is None


def test_random_headers_raise_nothing():
    random = np.random.default_rng(0)
    for _ in range(300):
        data = bytes(random.choice([0, 1, 3, 12, 16, 255], 400).astype("u1"))
        for head in (b"OHDR", b"\1\0\0\0"):
            read = (head + data).__getitem__
            part = lambda address, size, read=read: read(slice(address, address + size))  # noqa: E731
            for text in texts_of_attribute(part, 0, "", 1) or []:
                assert isinstance(text, Text)
                is_sound_heap(part, text.heap)


@pytest.mark.parametrize(
    "part",
    [
        (0, 0),  # free, without length: it would never end
        (0, 15),  # shorter than its own head
        (1, 2**64 - 1),  # whose size overflows
        (1, 1000),  # longer than the heap
        (0, 200),
    ],
)
def test_a_heap_with_a_part_that_does_not_fit_is_not_sound(part):
    number, length = part
    heap = b"GCOL\1\0\0\0" + (80).to_bytes(8, "little")
    heap += number.to_bytes(8, "little") + length.to_bytes(8, "little") + bytes(48)
    assert not is_sound_heap(lambda address, size: heap[address : address + size], 0)
