"""HDF5 files that lead elsewhere: to other parts of the file, to other files, in circles."""

import h5py
from hostile_case import Hostile, secret

from benchmarks.fuzz.formats.keras_2 import fill_legacy
from benchmarks.fuzz.formats.keras_3 import fill_keras_weights

CONV = "layers/conv2d"
KERNEL = "layers/conv2d/vars/0"


def weights_with(change, **arguments):
    """A builder: weights of Keras 3 that a function of the open file and the path changes."""

    def build(path):
        with h5py.File(path, "w", **arguments) as file:
            fill_keras_weights(file)
            change(file, path)

    return build


def legacy_with(change, **arguments):
    """A builder: a model of Keras 2 that a function of the open file and the path changes."""

    def build(path):
        with h5py.File(path, "w", **arguments) as file:
            fill_legacy(file)
            change(file, path)

    return build


def replaced(name, make):
    """A change: what stands at a name is what a function of the path makes."""

    def change(file, path):
        del file[name]
        file[name] = make(path)

    return change


def soft(target):
    return lambda path: h5py.SoftLink(target)


def _other_file(path):
    other = path.with_name("other.h5")
    with h5py.File(other, "w") as file:
        fill_keras_weights(file)
    return h5py.ExternalLink("other.h5", "/layers/conv2d")


def _outside(path):
    return h5py.ExternalLink(str(secret(path)), "/")


def _group_in_itself(file, path):
    file["layers/conv2d/layers"] = file["layers"]


def _root_in_group(file, path):
    file["layers/conv2d/root"] = file["/"]


def _soft_cycle(file, path):
    del file["layers/conv2d"]
    file["layers/conv2d"] = h5py.SoftLink("/layers/conv2d_1")
    file["layers/conv2d_1"] = h5py.SoftLink("/layers/conv2d")


def _moved(name):
    def change(file, path):
        file.move(name, "moved")
        file[name] = h5py.SoftLink("/moved")

    return change


def _many_links_to_one(file, path):
    for number in range(2000):
        file[f"layers/conv2d_{number + 1}"] = file["layers/conv2d"]


def _external_storage(name, shape, segments):
    def change(file, path):
        del file[name]
        file.create_dataset(name, shape, "f4", external=segments(path))

    return change


def _secret(path):
    return [(str(secret(path)), 0, 432)]


def _climbing(path):
    return [("../outside/secret.bin", 0, 432)]


def _many_files(path):
    return [(f"{secret(path)}.{i}", 0, 4) for i in range(108)]


def _virtual(name):
    def change(file, path):
        layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
        layout[:] = h5py.VirtualSource(str(secret(path)), "kernel", (3, 3, 3, 4))
        del file[name]
        file.create_virtual_dataset(name, layout)

    return change


def _virtual_of_itself(file, path):
    layout = h5py.VirtualLayout((3, 3, 3, 4), "f4")
    layout[:] = h5py.VirtualSource(".", KERNEL, (3, 3, 3, 4))
    del file[KERNEL]
    file.create_virtual_dataset(KERNEL, layout)


def _reference(name, is_region):
    def change(file, path):
        if is_region:
            value, kind = file["layers/dense/vars/0"].regionref[:2], h5py.regionref_dtype
        else:
            value, kind = file["layers/dense"].ref, h5py.ref_dtype
        del file[name]
        references = file.create_dataset(name, (3, 3, 3, 4), kind)
        references[0, 0, 0, 0] = value

    return change


def _user_defined_link(path):
    """A link of a class that no reader knows: the number of a class is changed in the bytes."""
    with h5py.File(path, "w", libver="latest") as file:
        fill_keras_weights(file)
        file["layers/marked"] = h5py.ExternalLink("marked_file", "/marked_place")
        del file["layers/conv2d"]
        file["layers/conv2d"] = h5py.ExternalLink("other_file", "/other_place")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x40\x00", b"\x41\x00"))


_LEGACY = "model_weights/conv"
_LINK, _FILE = "soft link", "another file"

LINKS = {
    "a soft link as a layer's group": Hostile(
        weights_with(replaced(CONV, soft("/layers/dense"))), ".weights.h5", _LINK, True
    ),
    "a soft link to nowhere": Hostile(
        weights_with(replaced(CONV, soft("/nowhere"))), ".weights.h5", _LINK, True
    ),
    "a soft link as a kernel": Hostile(
        weights_with(replaced(KERNEL, soft("/layers/dense/vars/0"))), ".weights.h5", _LINK, True
    ),
    "a soft link as a bias": Hostile(
        weights_with(replaced("layers/conv2d/vars/1", soft("/layers/dense/vars/1"))),
        ".weights.h5",
        _LINK,
        True,
    ),
    "a soft link in the middle of a path": Hostile(
        weights_with(replaced("layers/conv2d/vars", soft("/layers/dense/vars"))),
        ".weights.h5",
        _LINK,
        True,
    ),
    "a soft link as all layers": Hostile(
        weights_with(_moved("layers")),
        ".weights.h5",
        _LINK,
        True,
    ),
    "a soft link as model_weights": Hostile(
        legacy_with(_moved("model_weights")), ".h5", _LINK, True
    ),
    "a soft link as a layer of Keras 2": Hostile(
        legacy_with(replaced(_LEGACY, soft("/model_weights/head"))), ".h5", _LINK, True
    ),
    "a soft link in the middle of a path of Keras 2": Hostile(
        legacy_with(replaced(f"{_LEGACY}/conv", soft("/model_weights/head/head"))),
        ".h5",
        _LINK,
        True,
    ),
    "a link to another file as a layer's group": Hostile(
        weights_with(replaced(CONV, _other_file)), ".weights.h5", _FILE, True
    ),
    "a link outside as a layer's group": Hostile(
        weights_with(replaced(CONV, _outside)), ".weights.h5", _FILE, True
    ),
    "a link outside as a kernel": Hostile(
        weights_with(replaced(KERNEL, _outside)), ".weights.h5", _FILE, True
    ),
    "a link outside in the middle of a path": Hostile(
        weights_with(replaced("layers/conv2d/vars", _outside)), ".weights.h5", _FILE, True
    ),
    "a link outside as model_weights": Hostile(
        legacy_with(replaced("model_weights", _outside)), ".h5", _FILE, True
    ),
    "a link outside as a kernel of Keras 2": Hostile(
        legacy_with(replaced(f"{_LEGACY}/conv/kernel:0", _outside)), ".h5", _FILE, True
    ),
    "a link of an unknown class": Hostile(
        _user_defined_link, ".weights.h5", "link|another file|damaged|cannot be read"
    ),
    "a group that holds itself": Hostile(
        weights_with(_group_in_itself), ".weights.h5", "same object", True
    ),
    "a group that holds the root": Hostile(
        weights_with(_root_in_group), ".weights.h5", "same object", True
    ),
    "two soft links that lead to each other": Hostile(
        weights_with(_soft_cycle), ".weights.h5", _LINK, True
    ),
    "2,000 names of one group": Hostile(
        weights_with(_many_links_to_one), ".weights.h5", "same object", True
    ),
    "a kernel whose data lie in another file": Hostile(
        weights_with(_external_storage(KERNEL, (3, 3, 3, 4), _secret)), ".weights.h5", _FILE, True
    ),
    "a kernel of Keras 2 whose data lie in another file": Hostile(
        legacy_with(_external_storage(f"{_LEGACY}/conv/kernel:0", (3, 3, 3, 4), _secret)),
        ".h5",
        _FILE,
        True,
    ),
    "a bias whose data lie in another file": Hostile(
        weights_with(_external_storage("layers/conv2d/vars/1", (4,), _secret)),
        ".weights.h5",
        _FILE,
        True,
    ),
    "a kernel whose data lie at a climbing path": Hostile(
        weights_with(_external_storage(KERNEL, (3, 3, 3, 4), _climbing)), ".weights.h5", _FILE, True
    ),
    "a kernel whose data lie in many files": Hostile(
        weights_with(_external_storage(KERNEL, (3, 3, 3, 4), _many_files)),
        ".weights.h5",
        _FILE,
        True,
    ),
    "a virtual kernel": Hostile(weights_with(_virtual(KERNEL)), ".weights.h5", "virtual", True),
    "a virtual kernel of Keras 2": Hostile(
        legacy_with(_virtual(f"{_LEGACY}/conv/kernel:0")), ".h5", "virtual", True
    ),
    "a virtual kernel made of itself": Hostile(
        weights_with(_virtual_of_itself), ".weights.h5", "virtual", True
    ),
    "references as a kernel": Hostile(
        weights_with(_reference(KERNEL, False)),
        ".weights.h5",
        None,
        skipped_because="not of real numbers",
    ),
    "references to regions as a kernel": Hostile(
        weights_with(_reference(KERNEL, True)),
        ".weights.h5",
        None,
        skipped_because="not of real numbers",
    ),
}
