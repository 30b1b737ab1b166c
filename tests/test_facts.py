"""What several metrics need to know about a kernel, and the table of metrics."""

from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

from keras_filterwatch.kernels import Kernel
from keras_filterwatch.metrics import DESCRIPTIONS, METRICS, KernelFacts, facts
from keras_filterwatch.metrics.activity import Outputs

LARGE = (3, 3, 96, 128)  # more than 65,536 weights


def normal(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def facts_of(array, **kernel):
    return KernelFacts(Kernel("layer", "Conv2D", array, **kernel))


def test_norms_are_those_that_batch_normalization_leaves():
    array, gain = normal((3, 3, 2, 4)), np.array([0.0, 1.0, 2.5, 0.1])
    expected = np.linalg.norm(array.reshape(-1, 4), axis=0)
    assert facts_of(array).norms == pytest.approx(expected)
    assert facts_of(array, gain=gain).norms == pytest.approx(expected * gain)


def test_filters_that_diverged_are_left_out_of_the_finite_weights():
    array = normal((3, 3, 2, 5))
    array[0, 0, 0, 1], array[2, 1, 1, 3] = np.nan, np.inf
    gain = np.array([1, 1, 1, 1, np.nan])
    diverged = facts_of(array, gain=gain)
    assert diverged.finite.tolist() == [True, False, True, False, False]
    np.testing.assert_array_equal(diverged.finite_weights, array[..., [0, 2]])
    assert diverged.for_all_filters(np.array(["a", "b"])).tolist() == ["a", "", "b", "", ""]
    assert diverged.for_all_filters(np.array([True, True])).tolist() == [1, 0, 1, 0, 0]
    numbers = diverged.for_all_filters(np.array([1.0, 2.0]))
    assert numbers == pytest.approx([1, np.nan, 2, np.nan, np.nan], nan_ok=True)


def test_finite_weights_are_a_view_where_all_filters_are_finite():
    array = normal((3, 3, 2, 5))
    assert np.shares_memory(facts_of(array).finite_weights, array)


@pytest.mark.parametrize(
    ("shape", "size", "dtype"),
    [
        (LARGE, 1e-25, "float64"),
        (LARGE, 1e20, "float64"),
        (LARGE, 1, "float32"),
        ((3, 3, 2, 4), 1e-25, "float32"),  # small kernels are read in float64 in any case
    ],
)
def test_weights_whose_squares_float32_loses_are_converted(shape, size, dtype):
    array = normal(shape) * np.float32(size)
    assert facts_of(array).weights.dtype == dtype
    expected = np.linalg.norm(array.reshape(-1, shape[-1]).astype(float), axis=0)
    assert facts_of(array).norms == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("fact", ["filter_similarity", "slice_covariance"])
def test_a_fact_that_several_metrics_need_is_computed_once(fact, monkeypatch):
    original, calls = getattr(facts, fact), []

    def counted(*args):
        calls.append(fact)
        return original(*args)

    monkeypatch.setattr(facts, fact, counted)
    shared = facts_of(normal((3, 3, 2, 4)))
    for metric in METRICS:
        metric.measure(shared)
    assert calls == [fact]


def test_scores_that_are_known_are_not_measured_again(monkeypatch):
    kernel = Kernel("layer", "Conv2D", normal((3, 3, 2, 4)), gain=np.ones(4))
    quick = KernelFacts(kernel)
    known = {
        name: score.filters
        for metric in METRICS
        if metric.quick
        for name, score in metric.measure(quick).items()
    }
    full = KernelFacts(kernel, known=known)
    assert full.norms is known["norm"]
    monkeypatch.setattr("keras_filterwatch.metrics.noise._sums", None)
    labels = [metric.measure(full).get("labels") for metric in METRICS if not metric.quick]
    assert any(labels)


def test_known_scores_are_those_that_would_be_measured():
    kernel = Kernel("layer", "Conv2D", normal((5, 5, 3, 12)))
    quick = {
        name: score.filters
        for metric in METRICS
        for name, score in metric.measure(KernelFacts(kernel)).items()
        if metric.quick
    }
    for metric in METRICS:
        if not metric.quick:
            alone = metric.measure(KernelFacts(kernel))
            for name, score in metric.measure(KernelFacts(kernel, known=quick)).items():
                np.testing.assert_array_equal(score.number, alone[name].number)
                np.testing.assert_array_equal(score.filters, alone[name].filters)


def test_every_metric_returns_what_it_describes_for_all_filters():
    array = normal((3, 3, 3, 8))
    array[0, 0, 0, 5] = np.nan
    units = np.ones(8)
    outputs = Outputs(4, units, units, units, (-1.0, 1.0), units)
    kernel = Kernel("layer", "Conv2D", array)
    diverged = KernelFacts(kernel, previous=array, first=array, outputs=outputs, gradient=array)
    for metric in METRICS:
        scores = metric.measure(diverged)
        assert scores.keys() == metric.descriptions.keys()
        for score in scores.values():
            assert isinstance(score.number, float)
            assert score.filters is None or score.filters.shape == (8,)


def test_no_two_metrics_describe_one_score():
    assert len(DESCRIPTIONS) == sum(len(metric.descriptions) for metric in METRICS)


def test_descriptions_are_single_sentences():
    for text in DESCRIPTIONS.values():
        assert text.endswith(".")
        assert len(text) <= 80


@pytest.mark.parametrize("fact", ["self", "kernel", "outputs", "similarity", "covariance"])
def test_what_metrics_are_given_cannot_be_replaced_and_equals_itself_only(fact):
    def given():
        units = np.ones(4)
        outputs = Outputs(4, units, units, units)
        kernel_facts = KernelFacts(Kernel("layer", "", normal((3, 3, 2, 4))), outputs=outputs)
        return kernel_facts if fact == "self" else getattr(kernel_facts, fact)

    assert given() != given()
    for field in fields(given()):
        with pytest.raises(FrozenInstanceError):
            setattr(given(), field.name, None)
