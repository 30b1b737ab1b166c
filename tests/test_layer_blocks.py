"""Blocks: layers that belong together by their names, in their order, and as few as asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_filterwatch.blocks import blocks

WORDS = st.sampled_from(["conv", "block1", "block2", "2", "stage", "conv2d", "a", "/", "_", "-"])
NAMES = st.lists(st.lists(WORDS, min_size=1, max_size=6).map("".join), unique=True, max_size=60)


def resnet50():
    """The names of its 54 kernels, as Keras gives them."""
    names = ["conv1_conv"]
    for stage, count in ((2, 3), (3, 4), (4, 6), (5, 3)):
        for block in range(1, count + 1):
            places = (1, 2, 0, 3) if block == 1 else (1, 2, 3)
            names += [f"conv{stage}_block{block}_{place}_conv" for place in places]
    return [*names, "predictions"]


def names_of(groups):
    return [name for name, _ in groups]


@given(NAMES, st.none() | st.integers(1, 70))
def test_every_layer_is_in_one_block_and_the_order_stays(names, most):
    assert [layer for _, layers in blocks(names, most) for layer in layers] == names


@given(NAMES, st.integers(1, 70))
def test_there_are_at_most_as_many_blocks_as_asked_for(names, most):
    assert len(blocks(names, most)) <= most


@given(NAMES, st.none() | st.integers(1, 70))
def test_a_layer_that_stands_alone_has_its_own_name(names, most):
    assert all(name == layers[0] for name, layers in blocks(names, most) if len(layers) == 1)


@given(st.lists(st.text(max_size=30), max_size=20), st.none() | st.integers(1, 5))
def test_any_names_have_blocks(names, most):
    assert [layer for _, layers in blocks(names, most) for layer in layers] == names


def test_resnet50_has_its_sixteen_blocks_and_two_single_layers():
    expected = [
        f"conv{s}_block{b}" for s, n in ((2, 3), (3, 4), (4, 6), (5, 3)) for b in range(1, n + 1)
    ]
    assert names_of(blocks(resnet50())) == ["conv1_conv", *expected, "predictions"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (
            [f"backbone/stage{i}/conv2d_{j}" for i in (1, 2) for j in (0, 1)] + ["head"],
            ["backbone/stage1", "backbone/stage2", "head"],
        ),
        (
            [f"block_{i}_{part}" for i in (1, 12) for part in ("expand", "project")],
            ["block_1", "block_12"],
        ),
        (
            [f"block{i}_conv{j}" for i in (1, 2) for j in (1, 2)] + ["fc1", "fc2"],
            ["block1", "block2", "fc1", "fc2"],
        ),
        (["block1a_dwconv", "block1a_se_reduce", "top_conv"], ["block1a", "top_conv"]),
        (["conv2d", "conv2d_1", "conv2d_2", "dense"], ["conv2d", "conv2d_1", "conv2d_2", "dense"]),
        (["depthwise_conv2d_1", "conv1d_1_a"], ["depthwise_conv2d_1", "conv1d_1_a"]),
    ],
    ids=["paths", "MobileNet", "VGG", "EfficientNet", "plain names", "digits of dimensions"],
)
def test_blocks_follow_the_names(names, expected):
    assert names_of(blocks(names)) == expected


def test_too_many_blocks_are_put_together_within_their_stage():
    groups = blocks(resnet50(), most=10)
    assert names_of(groups)[:3] == ["conv1_conv", "conv2", "conv3_block1 … block3"]
    assert all(len({layer.split("_")[0] for layer in layers}) == 1 for _, layers in groups)


def test_stages_are_put_together_where_there_are_fewer_blocks_than_stages():
    assert len(blocks(resnet50(), most=3)) == 3


def test_plain_names_are_divided_evenly():
    groups = blocks([f"conv2d_{i}" for i in range(500)], most=64)
    assert groups[0] == ("conv2d_0 … conv2d_7", [f"conv2d_{i}" for i in range(8)])
    assert {len(layers) for _, layers in groups[:-1]} == {8}


def test_a_part_of_hundreds_of_layers_is_divided_where_there_is_room():
    groups = blocks([f"backbone/conv2d_{i}" for i in range(500)], most=64)
    assert len(groups) == 63
    assert names_of(groups)[0] == "backbone/conv2d_0 … conv2d_7"


def test_blocks_as_there_are_stay_where_there_is_room():
    assert blocks(resnet50(), most=64) == blocks(resnet50())


def test_no_layers_have_no_blocks():
    assert blocks([]) == blocks([], most=1) == []


@pytest.mark.parametrize("most", [0, -1])
def test_no_blocks_at_all_cannot_be_asked_for(most):
    with pytest.raises(ValueError, match="at least 1"):
        blocks(["conv"], most)


def test_what_was_returned_can_be_changed():
    blocks(["a_1_x", "a_1_y"])[0][1].clear()
    assert blocks(["a_1_x", "a_1_y"]) == [("a_1", ["a_1_x", "a_1_y"])]
