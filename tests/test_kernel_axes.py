"""The axes of kernels in checkpoints: by the names of layers, and by shapes and biases."""

import re

import numpy as np
import pytest

from keras_filterwatch.files.layers.kernel_axes import arrangement, class_of_name
from keras_filterwatch.files.layers.named_kernels import NamedVariable, kernels_of_variables
from keras_filterwatch.files.stored import StoredArray


def variables(shapes, owner=None, attribute=""):
    """Variables, name -> shape; their layers are their owners."""
    return [
        NamedVariable(
            name,
            StoredArray(name, shape, np.dtype("f4"), lambda shape=shape: np.ones(shape, "f4")),
            name.rpartition("/")[0] if owner is None else owner,
            attribute and (attribute if name.endswith("kernel") else "bias"),
        )
        for name, shape in shapes.items()
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("conv2d", "Conv2D"),
        ("conv2d_12", "Conv2D"),
        ("separable_conv2d_1", "SeparableConv2D"),
        ("conv1d_transpose", "Conv1DTranspose"),
        ("conv2d_first", ""),
        ("", ""),
    ],
)
def test_a_name_that_keras_gave_tells_the_class(name, expected):
    assert class_of_name(name) == expected


@pytest.mark.parametrize(
    ("layer", "role", "stored", "bias", "expected", "kind"),
    [
        # Keras's own names
        ("conv2d", "kernel", (3, 3, 8, 4), 4, (3, 3, 8, 4), "conv"),
        ("conv2d_transpose", "kernel", (3, 3, 8, 4), 8, (3, 3, 4, 8), "transposed"),
        ("conv2d_transpose", "kernel", (3, 3, 4, 4), 4, (3, 3, 4, 4), "transposed"),
        ("conv1d_transpose_1", "kernel", (3, 8, 4), None, (3, 4, 8), "transposed"),
        ("depthwise_conv2d", "kernel", (3, 3, 8, 2), 16, (3, 3, 1, 16), "depthwise"),
        ("depthwise_conv2d", "depthwise_kernel", (3, 3, 8, 2), 16, (3, 3, 1, 16), "depthwise"),
        ("separable_conv2d", "depthwise_kernel", (3, 3, 8, 2), 5, (3, 3, 1, 16), "depthwise"),
        ("separable_conv2d", "pointwise_kernel", (1, 1, 16, 5), 5, (1, 1, 16, 5), "conv"),
        ("dense_3", "kernel", (8, 4), 4, (8, 4), "dense"),
        # names of the user's own
        ("mine", "kernel", (3, 3, 8, 4), 4, (3, 3, 8, 4), "unknown"),
        ("mine", "kernel", (3, 3, 8, 4), None, (3, 3, 8, 4), "unknown"),
        ("mine", "kernel", (3, 3, 8, 4), 8, (3, 3, 4, 8), "transposed"),
        ("mine", "kernel", (3, 3, 8, 4), 32, (3, 3, 1, 32), "depthwise"),
        ("mine", "kernel", (3, 3, 8, 1), 8, (3, 3, 1, 8), "unknown"),
        ("mine", "depthwise_weights", (3, 3, 8, 2), None, (3, 3, 1, 16), "depthwise"),
        ("mine", "weights", (8, 4), 4, (8, 4), "unknown"),
        # a layer whose name does not fit its shapes has not got it from Keras
        ("conv2d", "kernel", (3, 3, 8, 4), 8, (3, 3, 4, 8), "transposed"),
        ("conv2d", "kernel", (8, 4), 4, (8, 4), "unknown"),
    ],
)
def test_names_and_biases_tell_the_axes(layer, role, stored, bias, expected, kind):
    found = arrangement(layer, role, stored, bias=bias)
    assert (found.reason, found.shape(stored), found.kind) == ("", expected, kind)


@pytest.mark.parametrize(
    ("layer", "stored", "bias", "reason"),
    [
        ("mine", (3, 3, 8, 1), None, "of a depthwise convolution, or of one with a single filter"),
        ("mine", (3, 3, 8, 4), 5, r"a bias of 5 entries fits no order of its axes \(3, 3, 8, 4\)"),
        ("upsample_deconv", (3, 3, 4, 4), 4, "may be a transposed convolution"),
        ("Conv_transpose", (3, 3, 8, 4), None, "may be a transposed convolution"),
        ("mine", (8, 4), 8, "look like OI"),
        ("mine", (64, 3, 7, 7), None, "look like OIHW"),
        ("einsum_dense", (4, 2, 3), None, "an EinsumDense, whose equation the file does not have"),
    ],
)
def test_what_can_be_read_in_two_ways_is_skipped(layer, stored, bias, reason):
    found = arrangement(layer, "kernel", stored, bias=bias)
    assert re.search(reason, found.reason)


def test_the_heads_of_attention_are_no_window():
    shapes = {f"attention/{name}/kernel": (4, 2, 3) for name in ("query", "key", "value")}
    shapes["attention/attention_output/kernel"] = (2, 3, 4)
    kernels, skipped = kernels_of_variables(variables(shapes))
    assert [kernel.shape for kernel in kernels] == [(4, 6), (4, 6), (4, 6), (6, 4)]
    assert not skipped


def test_keras_3_tells_ordinary_layers_by_the_names_of_their_attributes():
    ordinary = variables({"one/kernel": (3, 3, 4, 4), "one/bias": (4,)}, "one", "_kernel")
    other = variables({"two/kernel": (3, 3, 4, 8), "two/bias": (4,)}, "two", "kernel")
    unclear = variables({"three/kernel": (3, 3, 4, 4)}, "three", "kernel")
    kernels, skipped = kernels_of_variables([*ordinary, *other, *unclear])
    assert {kernel.name: kernel.kind for kernel in kernels} == {
        "one": "unknown",
        "two": "transposed",
    }
    assert "of a transposed convolution or of a depthwise one" in skipped["three"]


@pytest.mark.parametrize(
    ("names", "skipped"),
    [
        (
            ["lstm/lstm_cell/kernel", "lstm/lstm_cell/recurrent_kernel"],
            {"lstm/lstm_cell": "recurrent"},
        ),
        (["rnn/gru_cell/gates/kernel"], {"rnn/gru_cell/gates": "recurrent"}),
        (["words/embeddings"], {"words": "an embedding"}),
        (["bert/word_embeddings"], {"bert": "an embedding"}),
        (["norm/gamma", "norm/beta"], {"norm": "no kernel, only gamma, beta"}),
    ],
)
def test_layers_without_filters_are_skipped_as_a_whole(names, skipped):
    shapes = {name: (5, 8) if "kernel" in name or "embed" in name else (8,) for name in names}
    kernels, reasons = kernels_of_variables(variables(shapes))
    assert not kernels
    assert [*reasons] == [*skipped]
    for name, reason in skipped.items():
        assert reasons[name].startswith(reason)


def test_names_of_kernels_are_unique():
    shapes = {"conv/kernel": (3, 3, 2, 2), "conv": (3, 3, 2, 2)}
    kernels, _ = kernels_of_variables(variables(shapes))
    assert sorted(kernel.name for kernel in kernels) == ["conv", "conv/kernel"]
