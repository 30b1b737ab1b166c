"""Kernels and scores are the same on one device and on several, whole or in parts."""

import json

import keras
import numpy as np
import pytest
from many_processes import finish, last_line, start

MANY = {"jax": ["DataParallel", "ModelParallel"], "tensorflow": ["Mirrored"]}.get(
    keras.backend.backend(), []
)
pytestmark = pytest.mark.skipif(not MANY, reason="Keras trains on one device with this backend")


@pytest.fixture(scope="module")
def results():
    """What a training on each kind of devices returned."""
    kinds = ["one", *MANY]
    processes = [start("on_devices.py", kind) for kind in kinds]
    outputs = finish(processes)
    lines = map(last_line, processes, outputs)
    return {kind: json.loads(line) for kind, line in zip(kinds, lines, strict=True)}


def trains_differently_on_replicas():
    """True for Keras 3.5 on TensorFlow, whose weights after training are others on two replicas."""
    version = tuple(map(int, keras.__version__.split(".")[:2]))
    return keras.backend.backend() == "tensorflow" and version < (3, 6)


@pytest.mark.parametrize("kind", MANY)
def test_nothing_goes_wrong_on_several_devices(results, kind):
    assert results[kind]["problems"] == []


@pytest.mark.parametrize("kind", MANY)
def test_all_scores_are_those_of_one_device(results, kind):
    several_steps, one_steps = results[kind]["scores"], results["one"]["scores"]
    if trains_differently_on_replicas():
        several_steps, one_steps = several_steps[:1], one_steps[:1]
    for several, one in zip(several_steps, one_steps, strict=True):
        # sums of float32 over other parts of a batch differ in the last digits
        assert several == pytest.approx(one, rel=2e-3, abs=2e-5)


@pytest.mark.parametrize("kind", MANY)
def test_the_snapshot_has_the_weights_as_keras_returns_them(results, kind):
    weights = results[kind]["weights"]
    for name, kernel in results[kind]["kernels"].items():
        np.testing.assert_array_equal(np.reshape(kernel, np.shape(weights[name])), weights[name])


@pytest.mark.parametrize("kind", MANY)
def test_maximize_finds_the_same_input_on_several_devices(results, kind):
    several, one = results[kind]["maximized"], results["one"]["maximized"]
    np.testing.assert_allclose(several, one, atol=0.02)


@pytest.mark.skipif("ModelParallel" not in MANY, reason="kernels are whole on every device")
def test_the_kernels_of_model_parallel_training_stand_on_several_devices(results):
    assert results["ModelParallel"]["parts"] == 4
