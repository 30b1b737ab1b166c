"""Keras's constraints in NumPy, against Keras's own."""

import keras
import numpy as np
import pytest
from small_models import noise

from keras_filterwatch.files.layers.constraints import constrained_share, parse_constraint

CONSTRAINTS = {
    "NonNeg": keras.constraints.NonNeg(),
    "MaxNorm": keras.constraints.MaxNorm(1.5, axis=[0, 1, 2]),
    "MaxNorm of columns": keras.constraints.MaxNorm(0.5),
    "UnitNorm": keras.constraints.UnitNorm(axis=[0, 1]),
    "MinMaxNorm": keras.constraints.MinMaxNorm(0.2, 1.1, 0.7, axis=2),
}


@pytest.mark.parametrize("constraint", CONSTRAINTS.values(), ids=CONSTRAINTS)
@pytest.mark.parametrize("is_old", [False, True], ids=["Keras 3", "Keras 2"])
def test_weights_are_limited_as_keras_limits_them(constraint, is_old):
    weights = noise((3, 3, 4, 5))
    config = keras.constraints.serialize(constraint)
    if is_old:
        config = {key: config[key] for key in ("class_name", "config")}
    expected = keras.ops.convert_to_numpy(constraint(keras.ops.convert_to_tensor(weights)))
    limited = parse_constraint(config).apply(weights)
    np.testing.assert_allclose(limited, expected, rtol=1e-5, atol=1e-7)


def test_constraints_of_keras_1_are_known():
    apply = parse_constraint({"name": "maxnorm", "m": 2, "axis": 0}).apply
    np.testing.assert_allclose(apply(np.array([[3.0], [4.0]])), [[1.2], [1.6]], rtol=1e-6)


def test_the_share_counts_the_weights_that_cannot_grow():
    apply = parse_constraint("non_neg").apply
    weights = np.array([[-1.0, 1.0], [-2.0, 3.0], [4.0, 5.0]])
    assert constrained_share(weights, apply, lambda array: array).tolist() == [2 / 3, 0]


@pytest.mark.parametrize(
    "config",
    [
        3,
        "mine",
        {"class_name": "function", "config": "mine"},
        {
            "module": "mine",
            "class_name": "MaxNorm",
            "config": {},
            "registered_name": "mine>MaxNorm",
        },
        {"class_name": "MaxNorm", "config": {"axis": "x"}},
        {"class_name": "MaxNorm", "config": {"max_value": None}},
        {"class_name": "MinMaxNorm", "config": {"rate": []}},
        {"class_name": []},
    ],
)
def test_a_constraint_that_keras_does_not_have_is_not_applied(config):
    parsed = parse_constraint(config)
    assert parsed.apply is None
    assert parsed.unknown
