"""What users pass as a source: what is read, and the answers to what cannot be."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from keras import layers
from small_models import noise, sequential

from keras_filterwatch import FilterWatch
from keras_filterwatch.kernels import Kernel, Snapshot
from keras_filterwatch.sources import frameworks, snapshot_of
from keras_filterwatch.sources.array_layouts import arranged, layout_of_rank, other_layout
from keras_filterwatch.sources.arrays import has_channels_first


def numbered(*shape):
    """An array in which each entry is its own number."""
    return np.arange(np.prod(shape), dtype="float32").reshape(shape)


def shapes(snapshot):
    return {kernel.name: kernel.array.shape for kernel in snapshot.kernels}


def test_arrays_become_kernels_of_their_names():
    array = np.ones((3, 3, 1, 2))
    (kernel,) = snapshot_of({"conv": array}).kernels
    assert (kernel.name, kernel.array.shape) == ("conv", (3, 3, 1, 2))
    assert np.shares_memory(kernel.array, array)


def test_lists_of_numbers_become_kernels():
    (kernel,) = snapshot_of({"dense": [[1, 2, 3], [4, 5, 6]]}).kernels
    assert kernel.array.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_snapshot_is_its_own_source():
    snapshot = Snapshot(3, (Kernel("conv", "Conv2D", np.ones((3, 3, 1, 2))),))
    assert snapshot_of(snapshot) is snapshot


def test_what_has_a_snapshot_as_filterwatch_has_is_a_source():
    snapshot = Snapshot(3, (Kernel("conv", "Conv2D", np.ones((3, 3, 1, 2))),))
    assert snapshot_of(SimpleNamespace(snapshot=snapshot)) is snapshot


def test_a_filterwatch_is_a_source_of_its_last_step(tmp_path):
    model = sequential(layers.Conv2D(4, 3, name="conv"), shape=(6, 6, 3))
    model.compile("sgd", "mse")
    watch = FilterWatch(tmp_path, images=False)
    model.fit(noise((4, 6, 6, 3)), noise((4, 4, 4, 4)), epochs=2, verbose=0, callbacks=[watch])
    snapshot = snapshot_of(watch)
    (weights,) = (kernel.array for kernel in snapshot_of(model).kernels)
    assert snapshot.step == 2
    np.testing.assert_array_equal(snapshot.kernels[0].array, weights)


# Nested dicts, and what in them is no kernel.


def test_the_names_in_nested_dicts_are_joined():
    flax = {
        "params": {
            "Conv_0": {"kernel": numbered(3, 3, 1, 4), "bias": numbered(4)},
            "Dense_0": {"kernel": numbered(16, 10), "bias": numbered(10)},
        }
    }
    snapshot = snapshot_of(flax)
    assert shapes(snapshot) == {
        "params/Conv_0/kernel": (3, 3, 1, 4),
        "params/Dense_0/kernel": (16, 10),
    }
    assert snapshot.skipped == {"params/Conv_0/bias": "a bias", "params/Dense_0/bias": "a bias"}


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("bn.running_mean", numbered(4), "a vector, not a kernel"),
        ("bn.num_batches_tracked", np.array(3), "a single number"),
        ("mha/query/bias", numbered(2, 4), "a bias"),
        ("embed/embedding", numbered(9, 4), "an embedding: its rows are the entries of a table"),
        ("embedding/embeddings:0", numbered(9, 4), "an embedding"),
        ("lstm.weight_ih_l0", numbered(8, 4), "recurrent: it holds gates, not filters"),
        ("lstm.weight_hh_l1_reverse", numbered(8, 4), "recurrent"),
        ("cell.weight_hh", numbered(8, 4), "recurrent"),
        ("lstm_cell/recurrent_kernel", numbered(4, 8), "recurrent"),
        ("vit/register_tokens", numbered(9, 4), "a part of an embedding"),
        ("vit.mask_token", numbered(9, 4), "a part of an embedding"),
        ("encoder/position_embeddings", numbered(9, 4), "a part of an embedding"),
        ("fourier", np.ones((2, 2), complex), "its numbers are of dtype complex128"),
        ("words", np.array([["a", "b"]]), "its numbers are of dtype <U1"),
        ("deep", np.ones((1, 1, 1, 1, 2, 2)), "it has 6 axes; 2 to 5 can be read"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_what_is_no_kernel_is_skipped_with_its_reason(name, array, reason):
    snapshot = snapshot_of({"conv": numbered(3, 3, 1, 4), name: array})
    assert list(shapes(snapshot)) == ["conv"]
    assert snapshot.skipped[name].startswith(reason)


def test_a_kernel_that_a_user_calls_embedding_is_a_kernel():
    patches = {"embedding": numbered(4, 4, 3, 8)}
    assert shapes(snapshot_of(patches)) == {"embedding": (4, 4, 3, 8)}


def test_the_heads_of_attention_as_flax_stores_them_are_no_window():
    # flax.linen.MultiHeadDotProductAttention: 6 inputs, 2 heads of size 3
    projection = {"kernel": numbered(6, 2, 3), "bias": numbered(2, 3)}
    attention = dict.fromkeys(("query", "key", "value"), projection)
    attention["out"] = {"kernel": numbered(2, 3, 6), "bias": numbered(6)}
    snapshot = snapshot_of({"params": {"attention": attention}})
    assert set(shapes(snapshot).values()) == {(6, 6)}
    query, *_, out = snapshot.kernels
    np.testing.assert_array_equal(query.array, numbered(6, 6))
    np.testing.assert_array_equal(out.array, numbered(6, 6))


def test_three_axes_outside_of_attention_are_a_window():
    assert shapes(snapshot_of({"query": {"kernel": numbered(6, 2, 3)}})) == {
        "query/kernel": (6, 2, 3)
    }


def test_a_dict_without_a_kernel_is_refused_with_what_came():
    with pytest.raises(ValueError, match=r"none of the arrays is a kernel: 'conv/bias' \(a bias\)"):
        snapshot_of({"conv": {"bias": numbered(4)}})


@pytest.mark.parametrize(("count", "end"), [(8, "(a bias). A"), (9, "(a bias), .... A")])
def test_of_many_arrays_without_a_kernel_eight_are_named(count, end):
    with pytest.raises(ValueError, match="none of the arrays is a kernel") as caught:
        snapshot_of({f"layer{i}/bias": numbered(4) for i in range(count)})
    assert str(caught.value).count("(a bias)") == 8
    assert f"'layer7/bias' {end} kernel has" in str(caught.value)


def test_an_empty_dict_has_no_kernels():
    assert snapshot_of({}).kernels == ()


@pytest.mark.parametrize(
    ("value", "name"),
    [("resnet", "str"), (None, "NoneType"), ([{"lr": 0.1}], "list"), (object(), "object")],
    ids=["text", "None", "list", "object"],
)
def test_what_is_no_array_is_refused_with_its_type(value, name):
    message = f"arrays are needed; 'arch' is of type {name}. Of a checkpoint, pass the dict of"
    with pytest.raises(TypeError, match=message):
        snapshot_of({"state_dict": {"conv": numbered(3, 3, 1, 4)}, "arch": value})


# The order of axes.


@pytest.mark.parametrize(
    ("layout", "axes"),
    [  # as numpy.transpose takes them: where depth, height, width, channels and filters are
        ("OIHW", (2, 3, 1, 0)),
        ("oihw", (2, 3, 1, 0)),
        ("IOHW", (2, 3, 0, 1)),
        ("OHWI", (1, 2, 3, 0)),
        ("HWIO", (0, 1, 2, 3)),
        ("HWOI", (0, 1, 3, 2)),
        ("OIWH", (3, 2, 1, 0)),
        ("OI", (1, 0)),
        ("IO", (0, 1)),
        ("OIW", (2, 1, 0)),
        ("OWI", (1, 2, 0)),
        ("WIO", (0, 1, 2)),
        ("OIDHW", (2, 3, 4, 1, 0)),
        ("ODHWI", (1, 2, 3, 4, 0)),
    ],
)
def test_a_layout_says_where_each_axis_is(layout, axes):
    array = numbered(*range(2, 2 + len(layout)))
    (kernel,) = snapshot_of({"k": array}, layout=layout).kernels
    np.testing.assert_array_equal(kernel.array, array.transpose(axes))


def test_one_layout_serves_arrays_of_every_number_of_axes():
    arrays = {
        "conv2d": np.ones((8, 3, 5, 7)),
        "conv1d": np.ones((8, 3, 5)),
        "conv3d": np.ones((8, 3, 2, 5, 7)),
        "dense": np.ones((10, 8)),
        "bias": np.ones(10),
    }
    assert shapes(snapshot_of(arrays, layout="OIHW")) == {
        "conv2d": (5, 7, 3, 8),
        "conv1d": (5, 3, 8),
        "conv3d": (2, 5, 7, 3, 8),
        "dense": (8, 10),
    }


def test_layouts_by_name_and_pattern_leave_the_other_arrays_as_they_are():
    arrays = {
        "a": {"w": np.ones((8, 3, 5, 7))},
        "up.0": np.ones((3, 8, 5, 7)),
        "up.1": np.ones((3, 8, 5, 7)),
        "keras": np.ones((5, 7, 3, 8)),
    }
    snapshot = snapshot_of(arrays, layout={"a": "OIHW", "up.*": "IOHW"})
    assert set(shapes(snapshot).values()) == {(5, 7, 3, 8)}


@pytest.mark.parametrize("names", [("up.0", "up.1.weight"), ("up/a/kernel", "up/b/kernel")])
def test_a_layout_for_a_block_is_that_of_all_arrays_in_it(names):
    arrays = {name: np.ones((3, 8, 5, 7)) for name in names}
    snapshot = snapshot_of(arrays | {"upper": np.ones((5, 7, 3, 8))}, layout={"up": "IOHW"})
    assert set(shapes(snapshot).values()) == {(5, 7, 3, 8)}


@pytest.mark.parametrize(
    ("layout", "first"),
    [
        *[("OIHW", True), ("IOHW", True), ("IHWO", True), ("oiw", True), ("OIDHW", True)],
        *[("HWIO", False), ("OHWI", False), ("HWOI", False), ("WIO", False), (None, False)],
        *[({"a": "HWIO", "b": "IOHW"}, True), ({"a": "HWIO", "b": "OHWI"}, False)],
    ],
    ids=str,
)
def test_channels_come_first_where_their_axis_does_in_the_layout(layout, first):
    assert has_channels_first({"a": np.ones((8, 3, 5, 5))}, layout) == first


@pytest.mark.parametrize(
    ("layout", "error", "message"),
    [
        ("OHW", ValueError, "layout: 'OHW' cannot be read. A layout has a letter for each axis"),
        ("OIHH", ValueError, "layout: 'OIHH' cannot be read"),
        ("O I", ValueError, "layout: 'O I' cannot be read"),
        (4, TypeError, "layout: 4 is no text such as 'OIHW'"),
        ("OI", ValueError, "'OI' does not say how 4 axes are ordered; 'OIHW' and 'HWIO' do"),
        ({"cnv": "OIHW"}, ValueError, "no array is called 'cnv'; did you mean 'conv'"),
    ],
)
def test_a_layout_that_cannot_be_read_is_refused(layout, error, message):
    with pytest.raises(error, match=message):
        snapshot_of({"conv": np.ones((3, 3, 1, 2))}, layout=layout)


def test_a_layout_is_refused_where_the_order_is_known():
    snapshot = Snapshot(0, (Kernel("conv", "", np.ones((3, 3, 1, 2))),))
    with pytest.raises(ValueError, match="a file of them, takes one; how the axes of Snapshot"):
        snapshot_of(snapshot, layout="OIHW")


# Weights of PyTorch: the first layers of ResNet, AlexNet, VGG, LeNet, ConvNeXt, R3D and the like
OF_TORCH = [
    *[(64, 3, 7, 7), (64, 3, 11, 11), (64, 3, 3, 3), (192, 64, 5, 5), (256, 384, 3, 3)],
    *[(32, 3, 3, 3), (32, 1, 3, 3), (64, 64, 3, 3), (16, 6, 5, 5), (6, 3, 5, 5), (8, 1, 5, 5)],
    *[(96, 3, 4, 4), (768, 3, 3, 3), (64, 3, 3, 3, 3), (45, 64, 3, 3, 3)],
]
# Kernels of Keras: ResNet, VGG, Inception, EfficientNet, ConvNeXt, ViT, text and speech; and what
# may be of either
NOT_CERTAINLY_OF_TORCH = [
    *[(7, 7, 3, 64), (3, 3, 3, 64), (3, 3, 64, 64), (1, 1, 64, 64), (1, 7, 128, 128)],
    *[(7, 1, 128, 192), (5, 5, 3, 48), (4, 4, 3, 96), (16, 16, 3, 768), (14, 14, 3, 1024)],
    *[(3, 3, 3, 3), (1, 1, 3, 3), (28, 28, 1, 10), (28, 28, 1, 1), (2, 3, 1, 1), (5, 1, 3, 3)],
    *[(11, 5, 1, 32), (20, 8, 1, 64), (3, 300, 1, 100), (3, 1, 1, 64, 64), (1, 3, 3, 3, 45)],
    *[(5, 5, 3, 3), (4, 5, 1, 2), (3, 3, 3, 3, 3), (64, 64, 1, 1), (7, 64, 3), (10, 784)],
    *[(64, 3, 2, 2), (64, 3, 13, 13), (1, 7, 3, 3), (64, 3, 7)],  # other kernels of odd sizes
]


@pytest.mark.parametrize("shape", OF_TORCH, ids=str)
def test_shapes_that_only_pytorch_has_are_asked_about(shape):
    assert other_layout(shape, "HWIO") == "OIHW"
    assert other_layout(shape, "OIHW") == ""
    turned = arranged(np.zeros(shape, bool), layout_of_rank("OIHW", len(shape))).shape
    assert other_layout(turned, "OIHW") == "HWIO"


@pytest.mark.parametrize("shape", NOT_CERTAINLY_OF_TORCH, ids=str)
def test_shapes_that_keras_may_have_are_not_asked_about(shape):
    assert other_layout(shape, "HWIO") == ""


@pytest.mark.parametrize(
    ("shape", "biases", "layout"),
    [
        ((3, 3, 64, 7), 7, ""),  # as many as the last axis: no doubt is left
        ((64, 3, 3, 3), 3, "OIHW"),  # more than one axis has three
        ((64, 3, 3, 7), 7, ""),
        ((64, 3, 7, 7), 64, "OIHW"),
        ((64, 10), 64, "OIHW"),
        ((64, 10), 10, ""),
        ((10, 10), 10, ""),
        ((64, 32, 3, 3, 8), 8, ""),
    ],
)
def test_the_biases_decide_if_one_axis_alone_has_as_many_entries(shape, biases, layout):
    assert other_layout(shape, "HWIO", biases) == layout


def test_the_question_names_the_array_and_both_answers():
    arrays = {"fc.weight": np.ones((10, 64)), "conv1.weight": np.ones((64, 3, 7, 7))}
    with pytest.raises(ValueError, match="layout") as caught:
        snapshot_of(arrays)
    assert str(caught.value) == (
        "'conv1.weight' of shape (64, 3, 7, 7) looks like OIHW. Pass layout='OIHW' to fw.score or "
        "fw.snapshot_of, or layout='HWIO' if it is as it is: O is the axis of the filters, I that "
        "of their channels."
    )
    assert shapes(snapshot_of(arrays, layout="OIHW"))["fc.weight"] == (64, 10)
    assert shapes(snapshot_of(arrays, layout="HWIO"))["fc.weight"] == (10, 64)


def test_a_bias_as_long_as_the_first_axis_says_that_it_has_the_filters():
    with pytest.raises(ValueError, match=r"'fc.weight' of shape \(10, 784\) looks like OI. Pass"):
        snapshot_of({"fc.weight": np.ones((10, 784)), "fc.bias": np.ones(10)})


@pytest.mark.parametrize(
    ("shape", "biases"),
    [((784, 10), 10), ((10, 10), 10), ((3, 3, 3, 1), 3), ((3, 3, 64, 1), 64), ((4, 4, 8, 3), 8)],
    ids=["dense", "square", "depthwise of 3", "depthwise", "transposed"],
)
def test_a_bias_of_another_length_says_nothing(shape, biases):
    assert snapshot_of({"k/kernel": np.ones(shape), "k/bias": np.ones(biases)}).kernels


# Windows of dense kernels.


def test_a_window_gives_a_dense_kernel_the_axes_of_its_image():
    snapshot = snapshot_of({"dense": numbered(12, 5)}, window={"dense": (2, 2, 3)})
    np.testing.assert_array_equal(snapshot.kernels[0].array, numbered(2, 2, 3, 5))


def test_where_channels_come_first_the_image_was_flattened_so_too():
    weights = numbered(5, 12)  # 5 units, each for 3 channels of 2x2 pixels, as PyTorch has them
    snapshot = snapshot_of({"fc": weights}, layout="OIHW", window={"fc": (2, 2, 3)})
    expected = weights.reshape(5, 3, 2, 2).transpose(2, 3, 1, 0)
    np.testing.assert_array_equal(snapshot.kernels[0].array, expected)


# What cannot be a source.


@pytest.mark.parametrize("source", ["conv2d", Path("conv2d")], ids=["text", "path"])
def test_the_name_of_a_layer_in_the_place_of_the_model_is_refused_with_the_order(source):
    with pytest.raises(ValueError, match="is no saved model") as caught:
        snapshot_of(source)
    assert str(caught.value) == (
        "source: 'conv2d' is no saved model, such as 'model.keras'. The model comes first, the "
        "layer second, such as filters(model, 'conv2d')."
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
        "^a Keras model, the path of a saved one, a Snapshot, a FilterWatch, a torch.nn.Module or "
        f"a dict {{name: array}} is needed; got {name}"
    )
    with pytest.raises(TypeError, match=message):
        snapshot_of(source)


def test_a_missing_file_of_a_saved_model_is_named():
    with pytest.raises(FileNotFoundError, match=r"'nowhere\.keras' does not exist"):
        snapshot_of("nowhere.keras")


@pytest.mark.parametrize(
    ("module", "package"),
    [
        ("tf_keras.src.engine.training", "tf_keras"),
        ("tensorflow.python.keras.engine.base_layer", "tensorflow.python.keras"),
        ("keras.src.engine.training", "keras 2"),
    ],
)
def test_a_model_of_keras_2_is_refused_by_its_package(module, package):
    model = type("Model", (), {"__module__": module})()
    with pytest.raises(TypeError, match=f"this Model is one of {package} "):
        frameworks.check_is_keras_3(model)


def test_tokens_and_positions_of_a_transformer_are_no_kernels():
    arrays = {"pos_embed": np.ones((1, 197, 64)), "cls_token": np.ones((1, 1, 64))}
    patches = {"patch_embed.proj.weight": np.ones((16, 3, 8, 8))}
    snapshot = snapshot_of(arrays | patches, layout="OIHW")
    assert [kernel.name for kernel in snapshot.kernels] == ["patch_embed.proj.weight"]
    assert set(snapshot.skipped) == set(arrays)
