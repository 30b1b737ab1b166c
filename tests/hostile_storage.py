"""HDF5 files whose arrays are packed, typed or placed so that reading them does harm."""

import struct
import zlib

import h5py
import numpy as np
from hostile_case import Hostile
from hostile_links import KERNEL, legacy_with, weights_with

from benchmarks.fuzz.formats.contents import CONV, weights
from benchmarks.fuzz.formats.keras_3 import fill_keras_weights, keras_weights

SHAPE = (3, 3, 3, 4)
MARK = 48611  # a size that no other number in a file equals


def _kernel(**arguments):
    """A change: the kernel is packed in some way."""

    def change(file, path):
        del file[KERNEL]
        file.create_dataset(KERNEL, data=weights()[CONV]["kernel"], chunks=SHAPE, **arguments)

    return change


def _typed(make):
    """A change: the kernel is another array, as a function of float32 numbers makes it."""

    def change(file, path):
        del file[KERNEL]
        file[KERNEL] = make(weights()[CONV]["kernel"])

    return change


def _filters(*numbers, shape=SHAPE, chunk=SHAPE, stored=b"x" * 100):
    """A change: the kernel has these filters, and its only chunk these bytes."""

    def change(file, path):
        del file[KERNEL]
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(chunk)
        for number in numbers:
            if number == h5py.h5z.FILTER_DEFLATE:
                properties.set_deflate(9)
            elif number == h5py.h5z.FILTER_NBIT:
                properties.set_filter(number, h5py.h5z.FLAG_MANDATORY)
            else:
                properties.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        place, name = KERNEL.rsplit("/", 1)
        space = h5py.h5s.create_simple(shape)
        dataset = h5py.h5d.create(
            file[place].id, name.encode(), h5py.h5t.IEEE_F32LE, space, properties
        )
        if stored:
            dataset.write_direct_chunk((0,) * len(shape), stored)

    return change


def _zeros(megabytes, times):
    """Zeros that are packed by gzip so many times."""
    data, packer = b"", zlib.compressobj(9)
    part = bytes(2**20)
    for _ in range(megabytes):
        data += packer.compress(part)
    data += packer.flush()
    for _ in range(times - 1):
        data = zlib.compress(data, 9)
    return data


def _packed_zeros(file, path):
    shape = (3, 3, 2**17, 8)
    _filters(h5py.h5z.FILTER_DEFLATE, shape=shape, chunk=shape, stored=_zeros(36, 1))(file, path)


def _twice_packed_zeros(file, path):
    shape = (3, 3, 2**17, 8)
    gzip = h5py.h5z.FILTER_DEFLATE
    _filters(gzip, gzip, shape=shape, chunk=shape, stored=_zeros(36, 2))(file, path)


def _more_than_its_chunk(file, path):
    _filters(h5py.h5z.FILTER_DEFLATE, stored=_zeros(32, 1))(file, path)


def _never_written(shape):
    def change(file, path):
        del file[KERNEL]
        file.create_dataset(KERNEL, shape, "f4", chunks=(1,) * (len(shape) - 1) + (16,))

    return change


def _not_allocated(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (10**6, 10**6, 10**6), "f4")  # of CVE-2026-0897


def _many_never_written(file, path):
    for number in range(300):
        group = file.create_group(f"layers/conv2d_{number + 1}/vars")
        group.create_dataset("0", (3, 3, 1000, 1000), "f4")


def _sized(filters):
    """A builder: the kernel claims so many filters."""

    def build(path):
        with h5py.File(path, "w") as file:
            fill_keras_weights(file)
            del file[KERNEL]
            file.create_dataset(KERNEL, (3, 3, 3, MARK), "f4", fillvalue=0)
        old, data = struct.pack("<Q", MARK), path.read_bytes()
        assert old in data
        path.write_bytes(data.replace(old, struct.pack("<Q", filters)))

    return build


def _rank(path):
    """The rank in the kernel's dataspace message becomes 255."""
    data = keras_weights()
    dims = struct.pack("<4Q", *SHAPE)
    place = data.index(dims)
    assert data[place - 8 : place - 6] == b"\x01\x04"  # version and rank
    path.write_bytes(data[: place - 7] + b"\xff" + data[place - 6 :])


def _overlapping(path):
    """300 kernels of 4 MB, all in the same place."""
    shape, small_shape = (3, 3, 256, 434), (5, 7, 11, 13)
    size, small_size = (4 * int(np.prod(each)) for each in (shape, small_shape))
    with h5py.File(path, "w") as file:
        fill_keras_weights(file)
        places = []
        for number in range(300):
            group = file.create_group(f"layers/conv2d_{number + 1}/vars")
            group["0"] = np.full(small_shape, number, "f4")
            places.append(group["0"].id.get_offset())
        del file[KERNEL]
        file[KERNEL] = np.ones(shape, "f4")
        place = file[KERNEL].id.get_offset()
    data = path.read_bytes()
    rest, data = (
        data[place:],
        data[:place].replace(struct.pack("<4Q", *small_shape), struct.pack("<4Q", *shape)),
    )
    data = bytearray(data)
    for each in places:
        at = data.index(struct.pack("<QQ", each, small_size))
        struct.pack_into("<QQ", data, at, place, size)
    path.write_bytes(bytes(data) + rest)


def _beyond_the_end(path):
    """The kernel's data begin behind the end of the file."""
    with h5py.File(path, "w") as file:
        fill_keras_weights(file)
        place = file[KERNEL].id.get_offset()
    data = path.read_bytes()
    old = struct.pack("<QQ", place, int(np.prod(SHAPE)) * 4)
    assert data.count(old) == 1
    path.write_bytes(data.replace(old, struct.pack("<QQ", 2**40, int(np.prod(SHAPE)) * 4)))


def _compound(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, SHAPE, np.dtype([("a", "f4"), ("b", "i4")]))[:] = 0


def _texts(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, SHAPE, h5py.string_dtype())[:] = "text"


def _lists(file, path):
    del file[KERNEL]
    lists = file.create_dataset(KERNEL, SHAPE, h5py.vlen_dtype("f4"))
    lists[0, 0, 0, 0] = np.zeros(5, "f4")


def _arrays_within(file, path):
    del file[KERNEL]
    file.create_dataset(KERNEL, (3, 3), np.dtype(("f4", (3, 4))))[:] = np.zeros(SHAPE)


def _dates(file, path):
    del file[KERNEL]
    dates = np.zeros(SHAPE, "M8[s]")
    file[KERNEL] = dates.astype(h5py.opaque_dtype(dates.dtype))


def _many_axes(file, path):
    del file[KERNEL]
    file[KERNEL] = np.ones((1,) * 28 + SHAPE, "f4")


def _scalar(file, path):
    del file[KERNEL]
    file[KERNEL] = np.float32(1)


def _null(file, path):
    del file[KERNEL]
    file[KERNEL] = h5py.Empty("f4")


def _truncated(path):
    path.write_bytes(keras_weights()[:9000])


def _as_group(file, path):
    del file[KERNEL]
    file.create_group(KERNEL)


def _group_as_array(file, path):
    del file["layers/conv2d"]
    file["layers/conv2d"] = np.zeros(SHAPE, "f4")


_EXPANDS = "would expand|more than|too large|expand"
_DAMAGED = "damaged|cannot be read"
_W = ".weights.h5"
_FILTER = "filter"

STORAGE = {
    "a kernel packed by lzf": Hostile(weights_with(_kernel(compression="lzf")), _W, None),
    "a kernel packed by gzip, shuffled, with checksums": Hostile(
        weights_with(_kernel(compression="gzip", shuffle=True, fletcher32=True)), _W, None
    ),
    "a kernel packed by szip": Hostile(
        weights_with(_filters(h5py.h5z.FILTER_SZIP)), _W, _FILTER, True
    ),
    "a kernel packed by scaleoffset": Hostile(
        weights_with(_kernel(scaleoffset=3)), _W, _FILTER, True
    ),
    "a kernel packed by nbit": Hostile(
        weights_with(_filters(h5py.h5z.FILTER_NBIT, stored=b"")), _W, _FILTER, True
    ),
    "a kernel packed by blosc": Hostile(weights_with(_filters(32001)), _W, _FILTER, True),
    "a kernel packed by an unknown filter": Hostile(
        weights_with(_filters(60000)), _W, _FILTER, True
    ),
    "36 MB of zeros packed by gzip": Hostile(
        weights_with(_packed_zeros), _W, _EXPANDS, True, is_large=True
    ),
    "zeros packed by gzip twice": Hostile(
        weights_with(_twice_packed_zeros), _W, _FILTER, True, is_large=True
    ),
    "a chunk that expands to more than it should": Hostile(
        weights_with(_more_than_its_chunk), _W, "chunk|expand", True, is_large=True
    ),
    "a kernel that was never written": Hostile(
        weights_with(_never_written((10**4, 10**4, 10**4, 64))), _W, _EXPANDS, True
    ),
    "a kernel that was never allocated": Hostile(weights_with(_not_allocated), _W, _EXPANDS, True),
    "300 kernels that were never written": Hostile(
        weights_with(_many_never_written), _W, _EXPANDS, True
    ),
    "kernels that overlap": Hostile(_overlapping, _W, "overlap|more bytes|claim", is_large=True),
    "a kernel behind the end of the file": Hostile(_beyond_the_end, _W, _DAMAGED),
    "a kernel with 2**63 filters": Hostile(_sized(2**63), _W, ""),
    "a kernel with 2**64 - 1 filters": Hostile(_sized(2**64 - 1), _W, ""),
    "a kernel with 2**40 filters": Hostile(_sized(2**40), _W, ""),
    "a kernel of 255 axes": Hostile(_rank, _W, _DAMAGED),
    "a kernel of 32 axes": Hostile(
        weights_with(_many_axes), _W, None, skipped_because="needs 4 axes"
    ),
    "a kernel of compound numbers": Hostile(
        weights_with(_compound), _W, None, skipped_because="not of real numbers"
    ),
    "a kernel of texts": Hostile(
        weights_with(_texts), _W, None, skipped_because="not of real numbers"
    ),
    "a kernel of lists": Hostile(
        weights_with(_lists), _W, None, skipped_because="not of real numbers"
    ),
    "a kernel of arrays": Hostile(
        weights_with(_arrays_within), _W, None, skipped_because="needs 4 axes"
    ),
    "a kernel of opaque bytes": Hostile(
        weights_with(_typed(lambda a: a.view("V4"))),
        _W,
        None,
        skipped_because="not of real numbers",
    ),
    "a kernel of fixed texts": Hostile(
        weights_with(_typed(lambda a: a.view("S4"))),
        _W,
        None,
        skipped_because="not of real numbers",
    ),
    "a kernel of complex numbers": Hostile(
        weights_with(_typed(lambda a: a.astype("c8"))),
        _W,
        None,
        skipped_because="not of real numbers",
    ),
    "a kernel of dates": Hostile(
        weights_with(_dates), _W, None, skipped_because="not of real numbers"
    ),
    "a kernel of big-endian numbers": Hostile(
        weights_with(_typed(lambda a: a.astype(">f8"))), _W, None
    ),
    "a kernel of half numbers": Hostile(weights_with(_typed(lambda a: a.astype("f2"))), _W, None),
    "a kernel of infinite numbers": Hostile(weights_with(_typed(lambda a: a * np.inf)), _W, None),
    "a kernel of huge numbers": Hostile(
        weights_with(_typed(lambda a: a.astype("f8") * 1e300)), _W, None
    ),
    "a kernel without channels": Hostile(weights_with(_typed(lambda a: a[:, :, :0])), _W, None),
    "a kernel that is one number": Hostile(
        weights_with(_scalar), _W, None, skipped_because="needs 4 axes"
    ),
    "a kernel without numbers": Hostile(weights_with(_null), _W, ""),
    "a kernel that is a group": Hostile(
        weights_with(_as_group), _W, None, skipped_because="needs 4 axes"
    ),
    "a layer that is an array": Hostile(weights_with(_group_as_array), _W, None),
    "weights behind a block of the user's": Hostile(
        weights_with(lambda file, path: None, userblock_size=512), _W, None
    ),
    "weights in HDF5's newest format": Hostile(
        weights_with(lambda file, path: None, libver="latest"), _W, None
    ),
    "a model of Keras 2 in HDF5's newest format": Hostile(
        legacy_with(lambda file, path: None, libver="latest"), ".h5", None
    ),
    "weights that end early": Hostile(_truncated, _W, _DAMAGED),
}
