"""HDF5 files of old versions of Keras, for their tests."""

import gzip
from contextlib import ExitStack
from pathlib import Path

import h5py
import numpy as np

from keras_filterwatch.files.hdf5 import open_hdf5
from keras_filterwatch.files.legacy.keras_legacy import read_keras_legacy

FOLDER = Path(__file__).with_name("saved_models")


class LegacyFile:
    """What a file is read as, with all its kernels read."""

    def __init__(self, path, architecture=None):
        with ExitStack() as stack:
            self.file = read_keras_legacy(open_hdf5(path, stack), path, stack, architecture)
            self.kernels = {kernel.name: kernel.read() for kernel in self.file.kernels}
        self.stored = {kernel.name: kernel for kernel in self.file.kernels}

    @property
    def shapes(self):
        """Kernel name -> shape."""
        return {name: kernel.array.shape for name, kernel in self.kernels.items()}


def unpacked(name, folder):
    """The path of a file that an old version of Keras wrote, without compression."""
    path = folder / f"{name}.h5"
    path.write_bytes(gzip.decompress((FOLDER / f"{name}.h5.gz").read_bytes()))
    return path


def counted(*shape):
    """The weights of a variable in these files: 0, 1, 2, ..., divided by their number."""
    size = int(np.prod(shape))
    return (np.arange(size).reshape(shape) / size).astype("float32")


def write_weights(path, layers, **attributes):
    """Writes weights alone in the layout of Keras 1 and 2.

    Args:
        path: the file.
        layers: layer name -> weight name -> array.
        attributes: of the root, such as `keras_version`; Keras 1 wrote none.
    """
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [name.encode() for name in layers]
        file.attrs.update(attributes)
        for name, weights in layers.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [weight.encode() for weight in weights]
            for weight, array in weights.items():
                group[weight] = array
    return path


def assert_same_kernels(kernels, expected):
    """The kernels of a file, name -> kernel, are those of its model, in the model's order."""
    assert [*kernels] == [kernel.name for kernel in expected]
    for kernel, other in zip(kernels.values(), expected, strict=True):
        np.testing.assert_array_equal(kernel.array, other.array, strict=True)
        for attribute in ("layer_type", "kind", "trainable", "image_is_guess"):
            assert getattr(kernel, attribute) == getattr(other, attribute), kernel.name
        for attribute in ("gain", "constrained_share"):
            numbers, others = getattr(kernel, attribute), getattr(other, attribute)
            assert (numbers is None) == (others is None), (kernel.name, attribute)
            if numbers is not None:
                np.testing.assert_allclose(numbers, others, rtol=1e-6)
