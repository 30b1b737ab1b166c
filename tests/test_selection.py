"""The choice of layers: what can choose, what it selects, and the answers to wrong choices."""

import keras
import numpy as np
import pytest
from keras import layers
from small_models import sequential, shapes

import keras_filterwatch as fw
from keras_filterwatch.model.find import find, snapshot
from keras_filterwatch.model.selection import parse_layers, short


@pytest.fixture(scope="module")
def network():
    return sequential(
        layers.Conv2D(4, 3, name="conv_a"),
        layers.BatchNormalization(name="norm"),
        layers.Conv2D(4, 3, name="conv_b"),
        layers.SeparableConv2D(4, 3, name="separable"),
        layers.Flatten(),
        layers.Dense(2, name="dense"),
        shape=(12, 12, 3),
    )


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("conv_a", ["conv_a"]),
        (["dense", "conv_a"], ["conv_a", "dense"]),
        (np.array(["dense", "conv_a"]), ["conv_a", "dense"]),
        ("conv_*", ["conv_a", "conv_b"]),
        ("separable", ["separable/depthwise_kernel", "separable/pointwise_kernel"]),
        ("*/pointwise_kernel", ["separable/pointwise_kernel"]),
        (lambda layer: isinstance(layer, layers.Dense), ["dense"]),
    ],
    ids=["name", "names", "array of names", "glob", "owner", "glob with path", "function"],
)
def test_a_choice_selects_its_layers_in_the_order_of_use(network, choice, names):
    assert list(shapes(network, layers=choice)) == names


def test_a_layer_selects_all_that_it_contains(network):
    assert list(shapes(network, layers=network.get_layer("separable"))) == [
        "separable/depthwise_kernel",
        "separable/pointwise_kernel",
    ]


def test_a_pattern_matches_the_own_names_of_nested_layers():
    inner = keras.Sequential(
        [layers.Input((9, 9, 3)), layers.Conv2D(4, 3, name="conv"), layers.Conv2D(4, 3, name="c2")],
        name="inner",
    )
    model = sequential(inner, layers.Conv2D(5, 3, name="conv"), shape=(9, 9, 3))
    assert list(shapes(model, layers="c*")) == ["inner/conv", "inner/c2", "conv"]
    assert list(shapes(model, layers="c?")) == ["inner/c2"]


def test_layers_that_are_not_chosen_are_named(network):
    skipped = snapshot(network, layers="conv_a").skipped
    assert skipped["conv_b"] == "not among the chosen layers"


def test_an_unknown_name_is_a_problem_and_the_others_are_watched(network):
    watched = find(network, ["conv_a", "conv_c"])
    assert [kernel.name for kernel in watched.kernels] == ["conv_a"]
    (problem,) = watched.problems
    assert problem.what.startswith("layers: no kernel is called 'conv_c'; did you mean 'conv_b'")


@pytest.mark.parametrize(
    ("choice", "consequence"),
    [
        (["nowhere"], "Nothing is watched"),
        (["nowhere", "dense"], "Only 'dense' is watched"),
        (["dense", "nowhere", "conv_a"], "Only 'conv_a', 'dense' are watched"),
    ],
)
def test_a_problem_says_what_is_watched_instead(network, choice, consequence):
    (problem,) = find(network, choice).problems
    assert problem.consequence == consequence


def test_a_problem_has_the_reason_why_a_layer_cannot_be_watched(network):
    (problem,) = find(network, ["norm", "dense"]).problems
    assert str(problem) == (
        "FilterWatch: layers: 'norm' cannot be watched (BatchNormalization has no kernel, only "
        "gamma, beta, moving_mean, moving_variance). Only 'dense' is watched."
    )


def test_all_problems_of_a_choice_are_in_the_error_of_a_snapshot(network):
    with pytest.raises(ValueError, match=r"'norm' cannot be watched: .*variance\. .*'conv_c'; did"):
        snapshot(network, layers=["norm", "conv_c"])


def test_a_snapshot_of_an_unknown_name_is_refused_with_the_nearest(network):
    with pytest.raises(ValueError, match=r"no kernel is called 'conv_c'; did you mean 'conv_b'"):
        snapshot(network, layers=["conv_a", "conv_c"])


def test_a_layer_that_cannot_be_watched_is_refused_with_the_reason(network):
    with pytest.raises(ValueError, match="'norm' cannot be watched: BatchNormalization has no"):
        snapshot(network, layers="norm")


def test_a_function_that_selects_nothing_is_a_short_problem():
    model = sequential(*(layers.Dense(2) for _ in range(50)), shape=(2,))
    (problem,) = find(model, lambda layer: False).problems
    assert "matches no kernel of this model" in problem.what
    assert "and 38 more" in problem.what


# What can choose.


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (3, "layers: 3 is neither a name, a glob pattern, a layer nor a function"),
        ([1.5, 2.5], "layers: 1.5 is neither a name"),
        (np.zeros((64, 12, 12, 3)), r"layers: ndarray of shape \(64, 12, 12, 3\) is neither"),
        (np.array(3), "layers: array.3. is neither"),
        (keras.ops.zeros((3, 4)), r"of shape \(3, 4\) is neither"),
        (["conv", b"conv" * 1000], "is neither a name"),
        (layers.Dense, "Dense is a class; for its layers take `lambda layer: isinstance"),
    ],
    ids=["number", "numbers", "array", "scalar", "tensor", "bytes", "class"],
)
def test_a_wrong_choice_is_refused_in_one_short_line(choice, message):
    with pytest.raises(TypeError, match=message) as caught:
        parse_layers(choice)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_an_empty_choice_is_refused():
    with pytest.raises(ValueError, match="nothing is chosen; None stands for every kernel"):
        parse_layers([])


def test_a_long_unknown_name_is_shortened(network):
    (problem,) = find(network, "x" * 5000).problems
    assert len(problem.what) < 300


def test_a_value_whose_repr_fails_is_described_too():
    class Broken:
        def __repr__(self):
            raise RuntimeError("no")

    assert "Broken" in short(Broken())


# What draw functions select.


def test_a_nested_layer_is_drawn_by_its_own_name_and_as_an_object():
    inner = keras.Sequential(
        [layers.Input((9, 9, 3)), layers.Conv2D(4, 3, name="conv")], name="inner"
    )
    model = sequential(inner, layers.Conv2D(5, 3, name="conv"), shape=(9, 9, 3))
    by_path = np.asarray(fw.draw.filters(model, "inner/conv"))
    np.testing.assert_array_equal(fw.draw.filters(model, inner.get_layer("conv")), by_path)
    assert np.asarray(fw.draw.filters(model, model.get_layer("conv"))).shape != by_path.shape


def test_of_a_separable_convolution_the_windows_are_drawn(network):
    by_owner = np.asarray(fw.draw.filters(network, "separable"))
    by_kernel = fw.draw.filters(network, "separable/depthwise_kernel")
    np.testing.assert_array_equal(by_owner, by_kernel)


def test_a_layer_without_a_kernel_is_not_drawn_and_the_reason_is_said(network):
    with pytest.raises(ValueError, match="'norm' cannot be watched: BatchNormalization has no"):
        fw.draw.filters(network, "norm")


def test_a_model_is_drawn_by_name_or_by_layer(network):
    by_name = fw.draw.filters(network, "conv_b")
    np.testing.assert_array_equal(by_name, fw.draw.filters(network, network.get_layer("conv_b")))
    np.testing.assert_array_equal(fw.draw.filters(network), fw.draw.filters(network, "conv_a"))
