"""compare: how the layers of two networks differ, in numbers, sentences and a table."""

import csv
import io
import math

import keras
import numpy as np
import pytest
from keras import layers

import keras_filterwatch as fw
from keras_filterwatch.comparison import compare
from keras_filterwatch.comparison.kernel_change import kernel_change
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.runs import read


def kernel(*shape, seed=0):
    """Normal numbers, always the same."""
    return np.random.default_rng(seed).standard_normal(shape)


def smooth(*shape):
    """The smoothest windows: each is a ramp from left to right."""
    return np.broadcast_to(np.arange(float(shape[1]))[:, None, None], shape) - shape[1] / 2


def one_minus_cosine(a, b):
    return 1 - np.sum(a * b) / math.sqrt(np.sum(a * a) * np.sum(b * b))


def kept(*arrays, name="conv"):
    """The arrays as a record keeps them, in 8 bits."""
    return [QuantisedKernel.of(fw.Kernel(name, "", array)).kernel().array for array in arrays]


# Kernels


def test_the_rotation_is_one_minus_the_cosine_of_all_weights():
    a, b = kernel(3, 3, 4, 8), kernel(3, 3, 4, 8) + kernel(3, 3, 4, 8, seed=1)
    assert compare({"c": a}, {"c": b})["c"].rotation == pytest.approx(one_minus_cosine(a, b))


def test_each_filter_has_its_own_rotation():
    a, b = kernel(3, 3, 4, 8), kernel(3, 3, 4, 8, seed=1)
    rotations = [one_minus_cosine(a[..., f], b[..., f]) for f in range(8)]
    assert compare({"c": a}, {"c": b})["c"].filter_rotations == pytest.approx(rotations)


def test_filters_that_changed_stand_in_the_order_of_their_rotations():
    a = kernel(3, 3, 4, 4)
    b = a + kernel(3, 3, 4, 4, seed=1) * [0.1, 0.0, 2.0, 0.5]
    assert compare({"c": a}, {"c": b})["c"].changed_filters == (2, 3, 0)


def test_a_filter_that_lost_its_weights_changed_most():
    a = kernel(3, 3, 4, 3)
    b = np.stack([-a[..., 0], a[..., 1], a[..., 2] * 0], axis=-1)
    assert compare({"c": a}, {"c": b})["c"].changed_filters == (2, 0)


def test_a_filter_that_was_only_scaled_changed_least():
    a = kernel(3, 3, 4, 3)
    b = a * [2.0, 1.0, -1.0]
    assert compare({"c": a}, {"c": b})["c"].changed_filters == (2, 0)


def test_a_layer_that_was_only_scaled_is_not_unchanged():
    a = kernel(3, 3, 4, 3)
    layer = compare({"c": a}, {"c": a / 2})["c"]
    assert (layer.rotation, layer.is_unchanged) == (pytest.approx(0, abs=1e-12), False)


def test_equal_layers_are_unchanged():
    layer = compare({"c": kernel(3, 3, 4, 3)}, {"c": kernel(3, 3, 4, 3)})["c"]
    assert (layer.rotation, layer.is_unchanged, layer.changed_filters) == (0, True, ())


def test_a_copy_in_half_precision_is_another():
    a = kernel(3, 3, 4, 3)
    assert not compare({"c": a}, {"c": a.astype("float16")})["c"].is_unchanged


def test_a_copy_in_single_precision_is_unchanged():
    a = kernel(3, 3, 4, 3)
    assert compare({"c": a}, {"c": a.astype("float32")})["c"].is_unchanged


def test_layers_of_zeros_are_unchanged_and_have_no_rotation():
    layer = compare({"c": np.zeros((3, 3, 4, 3))}, {"c": np.zeros((3, 3, 4, 3))})["c"]
    assert layer.is_unchanged
    assert math.isnan(layer.rotation)


def test_weights_that_are_not_finite_have_no_rotation_and_a_reason():
    diverged = compare({"c": kernel(3, 3, 4, 3)}, {"c": np.full((3, 3, 4, 3), np.nan)})
    assert math.isnan(diverged["c"].rotation)
    assert "no rotation, since weights that are all zero or not finite" in str(diverged)


def test_scores_of_both_are_subtracted():
    a, b = {"c": kernel(3, 3, 4, 8)}, {"c": smooth(3, 3, 4, 8)}
    expected = fw.score(b)["c"]["noise"] - fw.score(a)["c"]["noise"]
    assert compare(a, b)["c"].differences["noise"] == pytest.approx(expected)


# Weights of a record


def test_what_8_bits_explain_is_no_change():
    a = kernel(3, 3, 4, 64)
    change = kernel_change(*kept(a, a * (1 + 1e-4)), recorded=(True, True))
    assert (change.is_unchanged, change.rotation, change.changed_filters) == (True, 0, ())


def test_a_recorded_kernel_is_that_of_the_model_it_was_recorded_from():
    a = kernel(3, 3, 4, 64)
    assert kernel_change(kept(a)[0], a, recorded=(True, False)).is_unchanged


def test_a_change_above_that_of_8_bits_is_one():
    a = kernel(3, 3, 4, 64)
    b = a + 0.05 * kernel(3, 3, 4, 64, seed=1)
    change = kernel_change(*kept(a, b), recorded=(True, True))
    assert not change.is_unchanged
    # a step of 3 / 127 standard deviations, squared / 12 / 2: each rounding adds about 3e-5
    assert change.rotation == pytest.approx(one_minus_cosine(a, b), abs=1e-4)


def test_only_the_filters_that_both_have_are_compared():
    a = kernel(3, 3, 4, 8)
    change = kernel_change(a[..., :3], a * [1, 1, -1, -1, -1, -1, -1, -1])
    assert change.changed_filters == (2,)


# Layers that belong together


def test_layers_are_matched_by_their_names():
    a = {"one": kernel(4, 4), "two": kernel(4, 4, seed=1)}
    comparison = compare(a, dict(reversed(a.items())))
    assert all(layer.is_unchanged for layer in comparison.values())


def test_networks_that_count_from_other_numbers_are_matched_by_place():
    a = {"conv": kernel(3, 3, 4, 8), "conv_1": kernel(3, 3, 4, 8, seed=1)}
    b = {"conv_1": a["conv"], "conv_2": a["conv_1"]}
    comparison = compare(a, b)
    assert all(layer.is_unchanged for layer in comparison.values())
    assert "matched by their places, as the names differ: conv with conv_1" in str(comparison)


def test_layers_that_only_one_has_are_named():
    comparison = compare(
        {"a": kernel(4, 4), "c": kernel(4, 4)}, {"b": kernel(4, 5), "c": kernel(4, 4)}
    )
    assert (comparison.only_in_a, comparison.only_in_b) == (["a"], ["b"])
    assert "only in a: a\nonly in b: b" in str(comparison)


def test_a_layer_of_another_shape_is_compared_by_its_scores_alone():
    comparison = compare({"c": kernel(3, 3, 4, 8)}, {"c": kernel(3, 3, 4, 9)})
    assert "noise" in comparison["c"].differences
    assert "3x3x4x8 -> 3x3x4x9         -" in str(comparison)
    assert "no rotation, since its kernels have other shapes: c" in str(comparison)


def test_of_many_layers_in_a_line_the_first_eight_are_named():
    a = {f"layer{i}": kernel(4, 4) for i in range(10)}
    names = ", ".join(f"layer{i}" for i in range(8))
    assert str(compare(a, {"b": kernel(4, 5)})).splitlines()[4] == f"only in a: {names} and 2 more"


def test_networks_without_a_layer_in_common_have_no_table():
    text = str(compare({"a": kernel(4, 4)}, {"b": kernel(4, 5)}))
    why = "No layer of a has a counterpart in b: nothing can be compared."
    assert text == f"a and b\n\n{why}\n\nonly in a: a\nonly in b: b"


def test_layers_that_were_asked_for_are_compared():
    network = {"block1": kernel(4, 4), "block2": kernel(4, 4), "head": kernel(4, 2)}
    assert list(compare(network, network, layers="block*")) == ["block1", "block2"]
    assert list(compare(network, network, layers=["head"])) == ["head"]


def test_the_name_of_a_block_means_its_layers():
    network = {"block/a": kernel(4, 4), "block/b": kernel(4, 4), "blocks": kernel(4, 2)}
    assert list(compare(network, network, layers="block")) == ["block/a", "block/b"]


def test_an_unknown_layer_that_was_asked_for_is_refused():
    network = {"conv": kernel(4, 4)}
    with pytest.raises(ValueError, match="no layer is called 'cnv'; did you mean 'conv'"):
        compare(network, network, layers="cnv")


def test_a_layer_that_was_not_compared_is_refused_with_similar_names():
    network = {"conv": kernel(4, 4)}
    with pytest.raises(KeyError, match="did you mean 'conv'"):
        compare(network, network)["cnv"]


# Sentences and tables


def test_the_layer_that_changed_most_comes_first_with_its_noise_score():
    a = {"conv": kernel(5, 5, 3, 8), "head": kernel(8, 2)}
    b = {"conv": 0.5 * a["conv"] + smooth(5, 5, 3, 8), "head": a["head"]}
    comparison = compare(a, b)
    rotation = one_minus_cosine(a["conv"], b["conv"])
    before, after = (fw.score(each)["conv"]["noise"] for each in (a, b))
    assert comparison.sentences[:2] == [
        f"conv changed most: rotation {rotation:.2g}; its noise score fell from {before:.2f} to "
        f"{after:.2f}.",
        "head did not change.",
    ]


def test_many_unchanged_layers_are_counted():
    a = {f"dense{i}": kernel(4, 4) for i in range(5)}
    b = {**a, "dense0": kernel(4, 4) + 0.1 * kernel(4, 4, seed=1)}
    assert "4 layers did not change." in compare(a, b).sentences


def test_another_verdict_is_told():
    comparison = compare({"c": kernel(5, 5, 4, 32)}, {"c": smooth(5, 5, 4, 32)})
    assert "The verdict on c is 'structured' in b and 'untrained' in a." in comparison.sentences


def test_networks_of_other_random_weights_are_said_to_have_nothing_in_common():
    (sentence,) = compare({"c": kernel(3, 3, 4, 8)}, {"c": kernel(3, 3, 4, 8, seed=1)}).sentences
    assert sentence.startswith("The kernels of a and b have nothing in common")


def test_a_network_with_an_unchanged_layer_is_related():
    a = {"c": kernel(3, 3, 4, 8), "frozen": kernel(3, 3, 4, 8)}
    sentences = compare(a, {**a, "c": kernel(3, 3, 4, 8, seed=1)}).sentences
    assert sentences[0].startswith("c changed most")


def test_rows_of_the_table_begin_with_the_most_changed_layer():
    a = {"still": kernel(4, 4), "little": kernel(4, 4), "much": kernel(4, 4)}
    b = {"still": a["still"], "little": a["little"] + 0.01, "much": -a["much"]}
    lines = str(compare(a, b)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("---")) + 1
    assert [line.split()[0] for line in lines[start : start + 3]] == ["much", "little", "still"]


def test_what_is_not_watched_is_named():
    a = {"layer": {"kernel": kernel(4, 4), "bias": np.zeros(4)}}
    assert "not watched: layer/bias (a bias)" in str(compare(a, a))


def test_html_shows_foreign_names_as_text():
    page = compare({"<b>": kernel(4, 4)}, {"<b>": kernel(4, 4)})._repr_html_()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page


def test_csv_has_the_scores_of_both(tmp_path):
    a, b = {"c": kernel(3, 3, 4, 8)}, {"c": smooth(3, 3, 4, 8)}
    compare(a, b).to_csv(tmp_path / "comparison.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "comparison.csv").read_text(encoding="utf-8")))
    assert float(row["noise_a"]) == fw.score(a)["c"]["noise"]
    assert float(row["noise_b"]) == fw.score(b)["c"]["noise"]
    assert float(row["rotation"]) == compare(a, b)["c"].rotation


def test_the_axes_of_arrays_are_ordered_as_layout_says():
    torch_order = {"conv": kernel(8, 3, 5, 5)}
    assert compare(torch_order, torch_order, layout="OIHW")["conv"].a.shape == (5, 5, 3, 8)


def test_names_that_were_given_are_shown():
    network = {"c": kernel(4, 4)}
    assert str(compare(network, network, names=("before", "after"))).startswith(
        "a: before; b: after\n"
    )


# Sources


@pytest.mark.parametrize("b", [3, {"c": np.zeros(3)}], ids=["3", "vector"])
def test_a_source_without_kernels_is_refused(b):
    with pytest.raises((TypeError, ValueError)):
        compare({"c": kernel(4, 4)}, b)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"model\.keras' does not exist"):
        compare({"c": kernel(4, 4)}, tmp_path / "model.keras")


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="has no record of a training"):
        compare({"c": kernel(4, 4)}, tmp_path)


def test_weights_that_are_the_same_in_memory_are_said_to_be():
    array = kernel(4, 4)
    assert "take fw.snapshot_of(model)" in str(compare({"c": array}, {"c": array}))
    assert "take fw.snapshot_of(model)" not in str(compare({"c": array}, {"c": array.copy()}))


def test_one_network_alone_is_refused():
    with pytest.raises(TypeError, match="one dict came, which has a single step: pass a second"):
        compare({"c": kernel(4, 4)})


def test_steps_of_what_has_no_steps_are_refused():
    with pytest.raises(ValueError, match="steps: dict has a single step"):
        compare({"c": kernel(4, 4)}, {"c": kernel(4, 4)}, steps=(0, 1))


@pytest.mark.parametrize("names", ["ab", 3, ("a",), (1, 2), ("a", "b", "c")])
def test_names_that_are_no_pair_of_texts_are_refused(names):
    with pytest.raises(TypeError, match="names: two texts are needed"):
        compare({"c": kernel(4, 4)}, {"c": kernel(4, 4)}, names=names)


def network():
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(4, 3, name="conv"),
            layers.Conv2D(4, 3, name="frozen", trainable=False),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, name="head"),
        ]
    )
    model.compile(keras.optimizers.SGD(0.5), "mse")
    return model


def test_two_saved_models_are_compared_under_the_names_of_their_files(tmp_path):
    for name, factor in (("before", 1), ("after", -1)):
        model = network()
        model.layers[0].set_weights([factor * each for each in model.layers[0].get_weights()])
        model.save(tmp_path / f"{name}.keras")
    comparison = compare(tmp_path / "before.keras", tmp_path / "after.keras")
    assert comparison.names == ("before.keras", "after.keras")
    assert comparison["conv"].rotation == pytest.approx(2)
    assert comparison["head"].is_unchanged


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A fit of three epochs: the folder, the callback, and the kernels after each epoch."""
    folder, model = tmp_path_factory.mktemp("run"), network()
    kernels = []

    def keep(*_):
        kernels.append(
            {layer.name: np.array(layer.kernel) for layer in model.layers if layer.weights}
        )

    keep()
    watch = fw.FilterWatch(folder)
    x, y = kernel(16, 8, 8, 1).astype("float32"), kernel(16, 2).astype("float32")
    each_epoch = keras.callbacks.LambdaCallback(on_epoch_end=keep)
    model.fit(x, y, epochs=3, verbose=0, callbacks=[each_epoch, watch])
    return folder, watch, kernels


def test_a_run_alone_is_compared_with_its_start(training):
    folder, _, kernels = training
    comparison = compare(folder)
    rotation = one_minus_cosine(kernels[0]["conv"], kernels[3]["conv"])
    assert comparison["conv"].rotation == pytest.approx(rotation, rel=1e-4)
    assert comparison["frozen"].is_unchanged
    assert comparison.names == (f"{folder}, epoch 0", "epoch 3")


def test_rotations_from_the_start_are_not_those_of_8_bits(training):
    assert "8 bits" not in str(compare(training[0]))


def test_two_later_steps_of_a_run_are_compared_by_recorded_weights(training):
    folder, _, kernels = training
    comparison = compare(read(folder), steps=(1, 3))
    rotation = one_minus_cosine(kernels[1]["conv"], kernels[3]["conv"])
    assert comparison["conv"].rotation == pytest.approx(rotation, abs=1e-4)
    assert comparison["frozen"].is_unchanged
    assert "rotation of recorded weights, in 8 bits each: conv" in str(comparison)


def test_scores_of_a_run_are_those_of_its_history(training):
    folder, watch, _ = training
    scores = compare(folder, steps=(1, 2))["conv"]
    assert scores.a["norm"] == pytest.approx(watch.history[1]["conv"]["norm"])
    assert scores.b["norm"] == pytest.approx(watch.history[2]["conv"]["norm"])


def test_a_step_that_a_run_does_not_have_is_refused(training):
    with pytest.raises(
        ValueError, match="steps: 7 is not among the 4 steps of this Run, from 0 to"
    ):
        compare(training[0], steps=(0, 7))


@pytest.mark.parametrize("more", [{"layout": "OIHW"}, {"window": {"head": (2, 2, 1)}}])
def test_a_layout_or_window_of_a_training_is_refused(training, more):
    with pytest.raises(ValueError, match="layout, window: a training has its own"):
        compare(training[1], **more)


@pytest.mark.parametrize("steps", [3, (1,), ("a", "b"), (0.5, 1)])
def test_steps_that_are_no_pair_of_whole_numbers_are_refused(training, steps):
    with pytest.raises(TypeError, match="steps: two whole numbers are needed"):
        compare(training[1], steps=steps)


def test_a_callback_alone_is_compared_with_its_start(training):
    _, watch, kernels = training
    rotation = one_minus_cosine(kernels[0]["head"], kernels[3]["head"])
    assert compare(watch)["head"].rotation == pytest.approx(rotation, rel=1e-4)


def test_of_earlier_steps_a_callback_has_no_weights_and_says_who_has(training):
    comparison = compare(training[1], steps=(1, 2))
    assert math.isnan(comparison["conv"].rotation)
    assert "what fw.read returns has recorded ones" in str(comparison)


def test_a_run_and_its_callback_are_the_same(training):
    folder, watch, _ = training
    assert compare(folder, watch).sentences == ["No layer changed."]
