"""What users pass as a source: what is read, and the answers to what cannot be."""

from pathlib import Path

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.sources import snapshot_of


def test_arrays_become_kernels_of_their_names():
    array = np.ones((3, 3, 1, 2))
    (kernel,) = snapshot_of({"conv": array}).kernels
    assert (kernel.name, kernel.array.shape) == ("conv", (3, 3, 1, 2))


def test_a_snapshot_is_its_own_source():
    snapshot = Snapshot(3, (Kernel("conv", "Conv2D", np.ones((3, 3, 1, 2))),))
    assert snapshot_of(snapshot) is snapshot


@pytest.mark.parametrize("source", ["conv2d", Path("conv2d")], ids=["text", "path"])
def test_the_name_of_a_layer_in_the_place_of_the_model_is_refused_with_the_order(source):
    with pytest.raises(ValueError, match="is no saved model") as caught:
        snapshot_of(source)
    assert str(caught.value) == (
        "source: 'conv2d' is no saved model (.keras or .h5). The model comes first, the layer "
        "second, such as filters(model, 'conv2d')."
    )


def test_a_text_that_is_too_long_for_a_path_is_refused_as_any_other():
    with pytest.raises(ValueError, match="is no saved model"):
        snapshot_of("x" * 5000)


@pytest.mark.parametrize(
    ("source", "name"),
    [([1, 2], "list"), (np.ones((3, 3, 1, 2)), "ndarray"), (None, "NoneType"), (len, "builtin_")],
    ids=["list", "array", "None", "function"],
)
def test_another_type_is_refused_with_the_types_that_can_be_read(source, name):
    message = (
        "^a Keras model, the path of a saved one, a Snapshot or a dict {name: array} is needed; "
        f"got {name}"
    )
    with pytest.raises(TypeError, match=message):
        snapshot_of(source)


def test_a_missing_file_of_a_saved_model_is_named():
    with pytest.raises(ValueError, match=r"File not found.*nowhere\.keras"):
        snapshot_of("nowhere.keras")
