"""Snapshot in, scores out."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.metrics import activity
from keras_filterwatch.scores import MEASURES


def noise_kernel(shape=(3, 3, 16, 32), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def snapshot(array, step=0, **kernel):
    return fw.Snapshot(step, (fw.Kernel("conv", "Conv2D", array, **kernel),))


def test_a_dict_of_arrays_is_scored_layer_by_layer():
    scores = fw.score({"a": noise_kernel(), "b": noise_kernel((64, 10))})
    assert list(scores) == ["a", "b"]
    assert scores["a"]["noise"] == pytest.approx(1, abs=0.15)
    assert scores["a"].filters["noise"].shape == (32,)


def test_what_is_undefined_is_absent():
    dense = fw.score({"dense": noise_kernel((64, 10))})["dense"]
    assert {"noise", "geary_c", "noise_z", "slices", "dc"}.isdisjoint(dense)
    assert {"update", "rotation"}.isdisjoint(dense)  # nothing to compare with
    assert "noise" not in dense.filters


def test_every_number_is_documented():
    now = snapshot(noise_kernel((3, 3, 3, 32)))  # a 3x3 kernel of three channels has them all
    units = np.ones(32)
    outputs = activity.Outputs(4, units, units, units, (-1.0, 1.0), units)
    scores = fw.score(now, first=now, previous=now, outputs={"conv": outputs})["conv"]
    assert set(scores) == set(MEASURES)


def test_update_is_measured_from_the_previous_and_rotation_from_the_first():
    array = noise_kernel()
    scores = fw.score(snapshot(array), first=snapshot(-array), previous=snapshot(array / 2))
    assert scores["conv"]["update"] == pytest.approx(1)
    assert scores["conv"]["rotation"] == pytest.approx(2)


def test_the_gain_decides_which_filter_is_dead():
    gain = np.ones(32)
    gain[3] = 0  # gamma is 0: dead, however large its weights
    array = noise_kernel()
    array[..., 5] *= 1e-3
    gain[5] = 1e3  # BatchNormalization brings it back: alive
    layer = fw.score(snapshot(array, gain=gain))["conv"]
    assert np.flatnonzero(layer.filters["dead"]).tolist() == [3]
    assert layer["dead"] == pytest.approx(1 / 32)


def test_filters_that_diverged_have_no_label():
    broken = noise_kernel()
    broken[0, 0, 0, 7] = np.nan
    labels = fw.score({"conv": broken})["conv"].filters["labels"]
    assert labels[7] == ""
    assert "" not in np.delete(labels, 7)


def test_filters_that_diverged_are_left_out_of_the_layer_and_nan_themselves():
    array = noise_kernel()
    broken = array.copy()
    broken[0, 0, 0, 7] = np.nan
    layer = fw.score({"conv": broken})["conv"]
    rest = fw.score({"conv": np.delete(array, 7, axis=-1)})["conv"]
    assert layer["noise"] == pytest.approx(rest["noise"])
    assert np.flatnonzero(np.isnan(layer.filters["noise"])).tolist() == [7]
    assert layer.verdict == "undetermined"


def test_filter_noise_is_the_mean_over_layers_that_have_one():
    scores = fw.score({"a": noise_kernel(), "b": noise_kernel(seed=1), "c": noise_kernel((9, 4))})
    assert scores.filter_noise == pytest.approx((scores["a"]["noise"] + scores["b"]["noise"]) / 2)


def test_dead_filters_are_those_of_the_units_where_they_are_known():
    few = np.ones((3, 3, 1, 4))
    zeros = np.array([10, 10, 3, 0])  # of ten outputs
    outputs = {"few": activity.Outputs(10, zeros, np.ones(4), np.ones(4))}
    scores = fw.score({"few": few, "many": np.ones((3, 12))}, outputs=outputs)
    assert scores.dead_filters == pytest.approx(2 / 16)


def test_dead_filters_is_the_share_over_all_filters():
    few = np.ones((3, 3, 1, 4))
    few[..., 0] = 0
    assert fw.score({"few": few, "many": np.ones((3, 12))}).dead_filters == pytest.approx(1 / 16)


def test_an_own_metric_may_return_a_number_or_one_per_filter():
    metrics = {
        "peak": lambda array: np.abs(array).max(),
        "mean": lambda array: array.mean(axis=(0, 1, 2)),
    }
    array = noise_kernel()
    layer = fw.score({"conv": array}, metrics=metrics)["conv"]
    assert layer["peak"] == pytest.approx(np.abs(array).max())
    assert layer.filters["mean"] == pytest.approx(array.mean(axis=(0, 1, 2)))
    assert layer["mean"] == pytest.approx(array.mean())


def test_an_own_metric_of_a_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"metric 'odd' returned shape \(3,\) for kernel 'conv'"):
        fw.score({"conv": noise_kernel()}, metrics={"odd": lambda array: np.zeros(3)})


def test_a_name_that_is_not_there_is_answered_with_the_nearest():
    scores = fw.score({"conv2d": noise_kernel(), "head": noise_kernel((64, 10))})
    with pytest.raises(KeyError, match="no kernel is called 'conv'; did you mean 'conv2d'"):
        scores["conv"]
    with pytest.raises(KeyError, match="no score 'noise': unknown, or undefined here; there are"):
        scores["head"]["noise"]
    assert scores["head"].get("noise") is None


def test_many_layers_of_one_reason_are_counted():
    kernel = fw.Kernel("conv", "Conv2D", noise_kernel())
    norms = {f"norm{i}": "no kernel" for i in range(30)}
    scores = fw.score(fw.Snapshot(0, (kernel,), norms))
    assert str(scores).endswith("norm6, norm7 and 22 more (no kernel)")
    assert len(scores.skipped) == 30


def test_scores_print_as_a_table_with_what_is_not_watched():
    watched = fw.Snapshot(3, (fw.Kernel("conv", "Conv2D", noise_kernel()),), {"bn": "no kernel"})
    scores = fw.score(watched)
    header, _, row, skipped = str(scores).splitlines()
    columns = dict(zip(header.split(), row.split(), strict=True))
    assert columns["layer"] == "conv"
    assert columns["kernel"] == "3x3x16x32"
    assert columns["noise"] == f"{scores['conv']['noise']:.3g}"
    assert columns["verdict"] == "untrained"
    assert skipped == "not watched: bn (no kernel)"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(3), r"kernel 'x' has shape \(3,\): a kernel needs at least the axes"),
        (np.zeros((3, 3), complex), "kernel 'x' has dtype complex128: real numbers are needed"),
        (np.array([["a", "b"]]), "kernel 'x' has dtype <U1: real numbers are needed"),
    ],
)
def test_what_is_no_kernel_is_refused_with_the_reason(array, message):
    with pytest.raises(ValueError, match=message):
        fw.score({"x": array})


def test_a_gain_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match="has 32 filters, its gain has shape"):
        fw.Kernel("conv", "", noise_kernel(), gain=np.ones(3))


def test_kernels_of_one_name_are_refused():
    kernel = fw.Kernel("conv", "", noise_kernel())
    with pytest.raises(ValueError, match="these came more than once \\['conv'\\]"):
        fw.Snapshot(0, (kernel, kernel))


def test_a_kernel_is_a_view_that_cannot_be_written_to():
    array = noise_kernel()
    kernel = fw.Kernel("conv", "", array)
    assert np.shares_memory(kernel.array, array)
    with pytest.raises(ValueError, match="read-only"):
        kernel.array[0] = 0
    array[0] = 0  # its owner still may


def test_a_copied_snapshot_stays_as_it_was():
    array = noise_kernel()
    copy = snapshot(array).copied()
    array[:] = 0
    assert copy.kernels[0].array.any()


def test_a_metric_that_returns_a_part_of_the_kernel_is_kept_as_it_was():
    array = np.random.default_rng(0).standard_normal((3, 3, 2, 4))
    scores = fw.score({"conv": array}, metrics={"corner": lambda kernel: kernel[0, 0, 0]})["conv"]
    before = array[0, 0, 0].copy()
    array[:] = 0
    assert scores.filters["corner"].tolist() == before.tolist()
