"""Snapshot in, scores out."""

import math
import threading
import warnings

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch import scoring
from keras_filterwatch.metrics import DESCRIPTIONS, activity
from keras_filterwatch.scoring import full_scores, quick_scores


def noise_kernel(shape=(3, 3, 16, 32), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def snapshot(array, step=0, **kernel):
    return fw.Snapshot(step, (fw.Kernel("conv", "Conv2D", array, **kernel),))


def test_a_dict_of_arrays_is_scored_layer_by_layer():
    scores = fw.score({"a": noise_kernel(), "b": noise_kernel((64, 10))})
    assert list(scores) == ["a", "b"]
    assert scores["a"]["noise"] == pytest.approx(1, abs=0.15)
    assert scores["a"].filters["noise"].shape == (32,)


def test_a_network_to_compare_with_has_to_be_named():
    kernel = {"conv": np.ones((3, 3, 1, 4))}
    with pytest.raises(TypeError, match="positional argument"):
        fw.score(kernel, fw.Snapshot(0, ()))


def test_what_is_undefined_is_absent():
    dense = fw.score({"dense": noise_kernel((64, 10))})["dense"]
    assert {"noise", "geary_c", "noise_z", "slices", "dc"}.isdisjoint(dense)
    assert {"update", "rotation"}.isdisjoint(dense)  # nothing to compare with
    assert "noise" not in dense.filters


def test_every_score_has_a_description():
    now = snapshot(noise_kernel((3, 3, 3, 32)))  # a 3x3 kernel of three channels has them all
    units = np.ones(32)
    outputs = activity.Outputs(4, units, units, units, (-1.0, 1.0), units)
    scores = fw.score(
        now, first=now, previous=now, outputs={"conv": outputs}, gradients={"conv": noise_kernel()}
    )["conv"]
    assert set(scores) | set(scores.filters) == set(DESCRIPTIONS)
    assert set(DESCRIPTIONS) - set(scores) == {"orientation", "labels"}  # of filters only


def test_update_is_measured_from_the_previous_and_rotation_from_the_first():
    array = noise_kernel()
    scores = fw.score(snapshot(array), first=snapshot(-array), previous=snapshot(array / 2))
    assert scores["conv"]["update"] == pytest.approx(1)
    assert scores["conv"]["rotation"] == pytest.approx(2)


def test_the_noise_score_at_the_start_is_that_of_the_first_snapshot():
    now, first = noise_kernel((7, 7, 3, 32)).cumsum(axis=0), noise_kernel((7, 7, 3, 32), seed=1)
    scores = fw.score(snapshot(now), first=snapshot(first))["conv"]
    assert scores.noise_at_start == fw.score(snapshot(first))["conv"]["noise"]


def test_where_the_first_snapshot_has_no_noise_score_that_of_the_start_is_not_known():
    now = snapshot(noise_kernel())
    assert math.isnan(fw.score(now)["conv"].noise_at_start)
    assert math.isnan(fw.score(now, first=fw.Snapshot(0, ()))["conv"].noise_at_start)
    constant = snapshot(np.ones((3, 3, 16, 32)))
    assert math.isnan(fw.score(now, first=constant)["conv"].noise_at_start)


@pytest.mark.parametrize(
    ("shape", "kind", "reads"),
    [
        ((5, 5, 1, 8), "conv", True),
        ((5, 5, 4, 8), "conv", True),  # colour and transparency
        ((5, 5, 5, 8), "conv", False),
        ((2, 2, 3, 8), "conv", True),
        ((1, 9, 3, 8), "conv", False),  # such as of a series of numbers
        ((9, 1, 3, 8), "conv", False),
        ((9, 3, 8), "conv", False),
        ((5, 5, 5, 3, 8), "conv", False),
        ((5, 5, 3, 1), "depthwise", False),
        ((28, 28, 1, 10), "dense", True),
    ],
)
def test_a_2d_window_over_at_most_four_channels_reads_images(shape, kind, reads):
    assert fw.score(snapshot(noise_kernel(shape), kind=kind))["conv"].reads_images == reads


def test_only_the_first_layer_with_a_window_reads_images():
    shapes = {"dense": (64, 8), "deep": (3, 3, 8, 3), "narrow": (5, 5, 3, 8)}
    scores = fw.score({name: noise_kernel(shape) for name, shape in shapes.items()})
    assert not any(layer.reads_images for layer in scores.values())  # "deep" is the first


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


def test_the_norms_say_that_all_filters_diverged():
    layer = fw.score({"conv": np.full((3, 3, 16, 32), np.nan)})["conv"]
    assert np.isnan(layer.filters["norm"]).all()
    assert layer.sentence.startswith("32 of 32 filters have weights that are NaN or infinite")


def test_quick_scores_are_those_that_training_waits_for():
    now = snapshot(noise_kernel((3, 3, 3, 32)))
    units = np.ones(32)
    outputs = {"conv": activity.Outputs(4, units, units, units, (-1.0, 1.0), units)}
    quick = quick_scores(
        now,
        previous=now,
        epoch=7,
        outputs=outputs,
        logs={"loss": 0.5},
        gradients={"conv": now.kernels[0].array},
        updates=42,
    )
    noise = {"noise", "geary_c", "noise_z", "slices", "dc"}
    of_units = {"apoz", "dead_units", "saturated_units", "activation_mean", "activation_std"}
    of_probe = of_units | {"observations", "gradient"}
    assert set(quick["conv"]) == noise | {"norm", "dead", "update"} | of_probe
    assert quick["conv"].verdict == "undetermined"
    assert (quick.epoch, quick.logs, quick.updates) == (7, {"loss": 0.5}, 42)


def test_full_scores_add_to_the_quick_ones_and_leave_them_as_they_are():
    now = snapshot(noise_kernel())
    quick = quick_scores(now)
    before = dict(quick["conv"])
    full, failures = full_scores(quick, now, now, {})
    assert dict(quick["conv"]) == before
    assert before.items() < dict(full["conv"]).items()
    assert full["conv"]["rotation"] == pytest.approx(0, abs=1e-7)
    assert not failures


def test_full_scores_of_a_copy_are_those_of_the_weights():
    array = noise_kernel()
    now = snapshot(array)
    expected = fw.score(now)["conv"]
    quick, copy = quick_scores(now), now.copied()
    array[:] = 0
    assert dict(full_scores(quick, copy, None, {})[0]["conv"]) == dict(expected)


HUGE, TINY = np.float32(3e38), np.float32(1e-44)  # near the ends of what float32 can represent


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (3, 3, 96, 128), (9, 3, 4), (64, 10), (300, 300)])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, HUGE, TINY, 0, 1])
@pytest.mark.parametrize("everywhere", [True, False])
def test_no_value_makes_a_score_warn(shape, value, everywhere):
    array = np.full(shape, value, "float32") if everywhere else noise_kernel(shape)
    array[..., 0] = value
    now = snapshot(array, gain=np.linspace(0, 2, shape[-1]))
    zeros = np.zeros(shape[-1])
    outputs = {"conv": activity.Outputs(0, zeros, zeros, zeros, (0.0, 1.0), zeros)}
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        scores = fw.score(now, first=now, previous=now, outputs=outputs, gradients={"conv": array})
    assert all(np.isfinite(number) for number in scores["conv"].values())


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 3, 0, 4), (3, 3, 4, 0), (0, 3, 2, 2)])
def test_an_empty_kernel_makes_no_score_warn(shape):
    now = snapshot(np.zeros(shape, "float32"))
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        scores = fw.score(now, first=now, previous=now, metrics={"sum": np.sum})
    assert scores["conv"]["sum"] == 0


def test_a_users_metric_may_return_a_number_or_one_per_filter():
    metrics = {
        "peak": lambda array: np.abs(array).max(),
        "mean": lambda array: array.mean(axis=(0, 1, 2)),
        "positive": lambda array: [bool(weight > 0) for weight in array[0, 0, 0]],
    }
    array = noise_kernel()
    layer = fw.score({"conv": array}, metrics=metrics)["conv"]
    assert layer["peak"] == pytest.approx(np.abs(array).max())
    assert "peak" not in layer.filters
    assert layer.filters["mean"] == pytest.approx(array.mean(axis=(0, 1, 2)))
    assert layer["mean"] == pytest.approx(array.mean())
    assert layer["positive"] == pytest.approx((array[0, 0, 0] > 0).mean())


@pytest.mark.parametrize("result", [np.nan, np.inf])
def test_a_users_metric_that_is_not_finite_is_undefined(result):
    layer = fw.score({"conv": noise_kernel()}, metrics={"odd": lambda array: result})["conv"]
    assert "odd" not in layer


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            np.zeros(3),
            r"returned ndarray of shape \(3,\) and dtype float64; a number, or an array",
        ),
        (np.zeros((1, 32)), r"returned ndarray of shape \(1, 32\)"),
        (None, "returned None"),
        ("0.5", "returned str"),
        (1j, "returned complex"),
        ([None] * 32, "returned list"),
        (["0.5"] * 32, "returned list"),
        ({"a": 1}, "returned dict"),
        ([1, [2, 3]], "inhomogeneous shape"),
    ],
    ids=repr,
)
def test_a_users_metric_that_returns_no_numbers_is_named(result, message):
    with pytest.raises(ValueError, match=f"metric 'odd' failed on kernel 'conv': .*{message}"):
        fw.score({"conv": noise_kernel()}, metrics={"odd": lambda array: result})


def test_an_error_of_a_users_metric_is_the_cause_of_that_of_score():
    error = ZeroDivisionError("nothing to divide by")

    def broken(array):
        raise error

    with pytest.raises(ValueError, match="'broken' failed on kernel 'conv': Zero") as raised:
        fw.score({"conv": noise_kernel()}, metrics={"broken": broken})
    assert raised.value.__cause__ is error


def test_failures_of_users_metrics_are_data_of_full_scores():
    def fragile(array):
        if array.ndim == 2:
            raise ArithmeticError
        return 1

    kernels = [fw.Kernel(n, "", noise_kernel(s)) for n, s in (("a", (3, 3, 1, 4)), ("b", (5, 4)))]
    both = fw.Snapshot(0, tuple(kernels))
    metrics = {"fragile": fragile, "none": lambda array: None}
    scores, failures = full_scores(quick_scores(both), both, None, metrics)
    assert [(f.metric, f.kernel, type(f.error)) for f in failures] == [
        ("none", "a", TypeError),
        ("fragile", "b", ArithmeticError),
        ("none", "b", TypeError),
    ]
    assert scores["a"]["fragile"] == 1
    assert "fragile" not in scores["b"]
    assert "effective_rank" in scores["b"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_interruption_of_a_users_metric_passes(interruption):
    def interrupted(array):
        raise interruption

    with pytest.raises(interruption):
        fw.score({"conv": noise_kernel()}, metrics={"interrupted": interrupted})


def test_users_metrics_cannot_change_the_weights():
    array = noise_kernel()

    def greedy(kernel):
        kernel.flags.writeable = True
        kernel[:] = 0
        return 0

    fw.score({"conv": array}, metrics={"greedy": greedy})
    np.testing.assert_array_equal(array, noise_kernel())
    with pytest.raises(ValueError, match="read-only"):
        fw.score({"conv": array}, metrics={"careless": lambda kernel: kernel.sort()})


def test_an_array_that_a_users_metric_keeps_stays_as_it_was():
    array, kept = noise_kernel(), []

    def keeps(kernel):
        kept.append(kernel)
        return 0

    fw.score({"conv": array}, metrics={"keeps": keeps, "too": keeps})
    array[:] = 0
    np.testing.assert_array_equal(kept[0], noise_kernel())
    assert kept[0] is kept[1]  # the metrics of a kernel share one copy


def test_a_part_of_the_kernel_that_a_users_metric_returns_is_copied():
    parts = []

    def corner(kernel):
        kernel.flags.writeable = True
        parts.append(kernel[0, 0, 0])
        return parts[0]

    array = np.random.default_rng(0).standard_normal((3, 3, 2, 4))
    scores = fw.score({"conv": array}, metrics={"corner": corner})["conv"]
    parts[0][:] = 0
    assert scores.filters["corner"].tolist() == array[0, 0, 0].tolist()


def test_scores_of_two_threads_do_not_disturb_each_other():
    arrays = [noise_kernel(seed=seed) for seed in range(8)]
    results = {}

    def run(number):
        results[number] = fw.score({"conv": arrays[number]})["conv"]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, array in enumerate(arrays):
        assert dict(results[number]) == dict(fw.score({"conv": array})["conv"])


def large_snapshot():
    random = np.random.default_rng(0)
    kernels = [
        fw.Kernel(f"conv{i}", "", random.standard_normal((3, 3, 128, 256), np.float32))
        for i in range(5)
    ]
    return fw.Snapshot(0, tuple(kernels))


def threads_of_quick_scores(snapshot, monkeypatch):
    threads = set()
    measure = scoring._measurements

    def spy(facts, quick):
        threads.add(threading.get_ident())
        return measure(facts, quick)

    monkeypatch.setattr(scoring, "_measurements", spy)
    scores = scoring.quick_scores(snapshot)
    return threads, scores


def test_many_weights_are_scored_in_other_threads_with_the_same_numbers(monkeypatch):
    snapshot = large_snapshot()
    threads, scores = threads_of_quick_scores(snapshot, monkeypatch)
    assert threading.get_ident() not in threads
    assert list(scores) == [kernel.name for kernel in snapshot.kernels]
    for kernel in snapshot.kernels:
        alone = scoring.quick_scores(fw.Snapshot(0, (kernel,)))[kernel.name]
        assert dict(scores[kernel.name]) == dict(alone)


def test_few_weights_are_scored_in_the_calling_thread(monkeypatch):
    threads, _ = threads_of_quick_scores(fw.Snapshot(0, large_snapshot().kernels[:1]), monkeypatch)
    assert threads == {threading.get_ident()}


def test_many_weights_are_scored_where_no_thread_can_be_had(monkeypatch):
    def none_left(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", none_left)
    threads, scores = threads_of_quick_scores(large_snapshot(), monkeypatch)
    assert threads == {threading.get_ident()}
    assert len(scores) == 5


def test_noise_in_an_image_that_is_a_guess_is_no_evidence_that_a_layer_is_untrained():
    weights = np.random.default_rng(0).standard_normal((28, 28, 1, 100))
    verdicts = {
        is_guess: fw.score(
            fw.Snapshot(0, (fw.Kernel("dense", "Dense", weights, image_is_guess=is_guess),))
        )["dense"].verdict
        for is_guess in (False, True)
    }
    assert verdicts == {False: "untrained", True: "undetermined"}


def test_structure_in_an_image_that_is_a_guess_is_evidence():
    smooth = np.random.default_rng(0).standard_normal((28, 28, 1, 100)).cumsum(axis=0)
    assert fw.score(snapshot(smooth, image_is_guess=True))["conv"].verdict == "structured"
