"""The losses that a model is compiled with, and the non-linearity that each trains with.

What a loss trains with is compared with real trainings: their losses are those of a formula, with
the non-linearity that FilterWatch says.
"""

import functools

import keras
import numpy as np
import pytest
from keras import layers, losses, ops

from keras_filterwatch.losses import trains_as
from keras_filterwatch.model.compiled_losses import by_output, describe_loss
from keras_filterwatch.model.facts import model_facts
from keras_filterwatch.model.find import find

BACKEND = keras.backend.backend()
LOGITS = np.array([[2.0, -1.0, 0.5], [-1.5, 0.3, 2.5], [0.1, 1.2, -2.0]], "float32")
TARGETS = np.eye(3, dtype="float32")[[2, 0, 1]]
LOSSES = {
    "binary": losses.BinaryCrossentropy,
    "categorical": losses.CategoricalCrossentropy,
    "sparse": losses.SparseCategoricalCrossentropy,
    "binary_focal": losses.BinaryFocalCrossentropy,
    "categorical_focal": losses.CategoricalFocalCrossentropy,
}
# Keras warns of softmax over one unit, of one class, and of from_logits=True behind a softmax
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*softmax over axis"),
    pytest.mark.filterwarnings("ignore:.*num_classes > 1"),
    pytest.mark.filterwarnings("ignore:.*from_logits=True"),
]


def softmax(x):
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


FUNCTIONS = {"softmax": softmax, "sigmoid": sigmoid, "linear": lambda x: x}


def applied(names, x):
    """What `"softmax(sigmoid)"` and the like return."""
    for name in reversed(names.rstrip(")").split("(")):
        x = FUNCTIONS[name](x)
    return x


def formula(loss, targets, outputs):
    """The loss of outputs that are probabilities, from Keras's documentation."""
    small = keras.config.epsilon()
    if loss.startswith("binary"):
        p = np.clip(outputs, small, 1 - small)
        p_target = targets * p + (1 - targets) * (1 - p)
        factor = (1 - p_target) ** 2 if "focal" in loss else 1
        return np.mean(-factor * np.log(p_target))
    p = np.clip(outputs / outputs.sum(axis=-1, keepdims=True), small, 1 - small)
    factor = 0.25 * (1 - p) ** 2 if "focal" in loss else 1
    return np.mean(np.sum(-factor * targets * np.log(p), axis=-1))


def identity(units, **options):
    """A Dense layer that returns what it gets, so that logits are the inputs."""
    return layers.Dense(units, kernel_initializer="identity", **options)


def trained(model, compiled_losses, x, targets):
    """The facts about each output, and its loss in a training that changes nothing."""
    model.compile(keras.optimizers.SGD(0.0), loss=compiled_losses)
    outputs = model_facts(model, find(model), x, targets).outputs
    logs = model.fit(x, targets, batch_size=len(x), verbose=0).history
    single = len(outputs) == 1
    return [(each, logs["loss" if single else f"{each.name}_loss"][0]) for each in outputs]


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("activation", ["linear", "softmax", "sigmoid"])
def test_the_loss_of_a_training_is_that_of_the_non_linearity_it_is_said_to_train_with(
    activation, units
):
    x, dense = LOGITS[:, :units], TARGETS[:, :units]
    inputs = layers.Input((units,))
    outputs, compiled_losses, targets = [], [], []
    for name, loss in LOSSES.items():
        for from_logits in (False, True):
            if activation == "linear" and not from_logits:
                continue  # logits are no probabilities
            outputs.append(
                identity(units, activation=activation, name=f"{name}_{from_logits}")(inputs)
            )
            compiled_losses.append(loss(from_logits=from_logits))
            targets.append(dense.argmax(axis=-1) if name == "sparse" else dense)
    results = trained(keras.Model(inputs, outputs), compiled_losses, x, targets)
    for output, value in results:
        if output.trains_as == "":
            assert (output.loss, BACKEND) == ("binary_focal_crossentropy", "tensorflow")
            continue
        of_classes = np.ones_like(dense) if "sparse" in output.loss and units == 1 else dense
        expected = formula(output.loss, of_classes, applied(output.trains_as, x))
        assert value == pytest.approx(expected, rel=1e-4, abs=1e-6), output


def backend_function(name):
    """The backend's own softmax or sigmoid, which Keras knows nothing of."""
    if BACKEND == "tensorflow":
        import tensorflow

        return getattr(tensorflow.nn, name)
    if BACKEND == "jax":
        import jax

        return getattr(jax.nn, name)
    import torch

    return functools.partial(torch.softmax, dim=-1) if name == "softmax" else torch.sigmoid


PLACES = {
    "own": lambda name, x: identity(3, activation=name)(x),
    "layer": lambda name, x: layers.Activation(name)(identity(3)(x)),
    "reshaped": lambda name, x: layers.Reshape((3,))(identity(3, activation=name)(x)),
    "identity": lambda name, x: layers.Identity()(identity(3, activation=name)(x)),
    "linear": lambda name, x: layers.Activation("linear")(identity(3, activation=name)(x)),
    "operation": lambda name, x: getattr(ops, name)(identity(3)(x)),
    "nested": lambda name, x: keras.Sequential([layers.Input((3,)), identity(3, activation=name)])(
        x
    ),
    "backend": lambda name, x: identity(3, activation=backend_function(name))(x),
    "rescaled": lambda name, x: layers.Rescaling(1.0)(identity(3, activation=name)(x)),
    "dropout of nothing": lambda name, x: layers.Dropout(0.0)(identity(3, activation=name)(x)),
    "noise": lambda name, x: layers.GaussianNoise(1e-9)(identity(3, activation=name)(x)),
    "float16": lambda name, x: identity(3, activation=name, dtype="mixed_float16")(x),
}


@pytest.mark.parametrize("loss", ["binary", "categorical"])
@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_what_stands_between_the_non_linearity_and_the_loss_counts(activation, loss):
    inputs = layers.Input((3,))
    outputs = [place(activation, inputs) for place in PLACES.values()]
    count = len(outputs)
    results = trained(
        keras.Model(inputs, outputs), [LOSSES[loss]()] * count, LOGITS, [TARGETS] * count
    )
    for place, (output, value) in zip(PLACES, results, strict=True):
        assert output.activation == activation, place
        expected = formula(loss, TARGETS, applied(output.trains_as, LOGITS))
        assert value == pytest.approx(expected, rel=1e-2 if place == "float16" else 1e-4), place


def test_only_tensorflow_takes_the_logits_behind_a_softmax_for_its_own_non_linearity():
    expected = "sigmoid" if BACKEND == "tensorflow" else "softmax"
    model = keras.Sequential([layers.Input((3,)), identity(3, activation="softmax")])
    ((output, _),) = trained(model, "binary_crossentropy", LOGITS, TARGETS)
    assert output.trains_as == expected


@pytest.mark.parametrize(
    ("loss", "behind", "target_shape"),
    [
        (losses.BinaryCrossentropy(), [], (4, 2, 2, 1)),
        (losses.BinaryCrossentropy(), [], (4, 2, 2)),
        (losses.BinaryCrossentropy(), [layers.Dropout(0.5)], (4, 2, 2, 1)),
    ],
    ids=["targets of the same shape", "targets without the last axis", "dropout behind"],
)
def test_a_mistaken_output_costs_as_much_as_what_the_loss_trains_with_allows(
    loss, behind, target_shape
):
    # Logits of -40 for targets of 1 cost 40; as probabilities they are clipped at epsilon.
    x, targets = np.full((4, 2, 2, 1), -40, "float32"), np.ones(target_shape, "float32")
    last = layers.Conv2D(1, 1, kernel_initializer="ones", activation="sigmoid")
    model = keras.Sequential([layers.Input((2, 2, 1)), last, *behind])
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    value = model.fit(x, targets, verbose=0).history["loss"][0]
    takes_logits = BACKEND == "tensorflow" and target_shape == x.shape and not behind
    assert value == pytest.approx(40 if takes_logits else -np.log(1e-7), rel=1e-3)
    # both is a sigmoid; behind a softmax over one unit it would be sigmoid and always 1
    model.layers[0].activation = keras.activations.softmax
    (output,) = model_facts(model, find(model), x, targets).outputs
    assert output.trains_as == ("sigmoid" if takes_logits else "softmax")


def test_a_class_to_be_ignored_keeps_the_loss_from_the_logits():
    x = np.array([[40.0, 0.0, 0.0]], "float32")
    model = keras.Sequential([layers.Input((3,)), identity(3, activation="sigmoid")])
    loss = losses.SparseCategoricalCrossentropy(ignore_class=2)
    ((output, value),) = trained(model, loss, x, np.array([1]))
    assert output.trains_as == "sigmoid"
    expected = formula("sparse", np.eye(3)[[1]], sigmoid(x.astype("float64")))
    assert value == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_other_losses_train_with_the_output_as_it_is(backend):
    assert trains_as(backend, "mean_squared_error", ["sigmoid"]) == "sigmoid"
    assert trains_as(backend, "mean_squared_error", []) == "linear"


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_a_non_linearity_before_the_last_one_is_told_too(backend):
    loss = "categorical_crossentropy"
    assert trains_as(backend, loss, ["softmax", "relu"]) == "softmax(relu)"
    assert trains_as(backend, loss, ["relu"], from_logits=True, logits_of="") == "softmax(relu)"


def test_an_unknown_non_linearity_is_not_needed_where_the_logits_are_taken():
    assert trains_as("tensorflow", "binary_crossentropy", [""]) == "sigmoid"
    assert trains_as("jax", "binary_crossentropy", [""]) == ""


# Losses as users give them.


def own_loss(targets, outputs):
    return ops.mean(ops.square(targets - outputs))


class OwnLoss(losses.Loss):
    def call(self, targets, outputs):
        return own_loss(targets, outputs)


@pytest.mark.parametrize(
    ("loss", "name"),
    [
        ("mse", "mean_squared_error"),
        ("MeanSquaredError", "mean_squared_error"),
        (losses.MeanSquaredError, "mean_squared_error"),
        (losses.SparseCategoricalCrossentropy(), "sparse_categorical_crossentropy"),
        (losses.KLDivergence(), "kl_divergence"),
        (losses.binary_crossentropy, "binary_crossentropy"),
        (functools.partial(losses.huber, delta=2.0), "huber"),
        (own_loss, "own_loss"),
        (OwnLoss(), "own_loss"),
        (lambda targets, outputs: 0.0, ""),
    ],
)
def test_a_loss_is_called_as_keras_calls_its_functions(loss, name):
    assert describe_loss(loss).name == name


@pytest.mark.parametrize("loss", [own_loss, OwnLoss()])
def test_a_loss_of_the_users_own_is_none_of_keras(loss):
    assert describe_loss("mse").is_of_keras
    assert not describe_loss(loss).is_of_keras


@pytest.mark.parametrize(
    "loss",
    [
        losses.CategoricalCrossentropy(from_logits=True),
        functools.partial(losses.categorical_crossentropy, from_logits=True),
    ],
    ids=["object", "partial"],
)
def test_from_logits_is_read(loss):
    assert describe_loss(loss).from_logits
    assert not describe_loss("categorical_crossentropy").from_logits


@pytest.mark.parametrize(
    ("units", "is_sparse", "name"),
    [
        (1, None, "binary_crossentropy"),
        (3, True, "sparse_categorical_crossentropy"),
        (3, False, "categorical_crossentropy"),
        (3, None, "crossentropy"),
    ],
)
def test_crossentropy_is_what_output_and_targets_make_of_it(units, is_sparse, name):
    assert describe_loss("crossentropy", units, is_sparse).name == name


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("mse", ["mse", "mse"]),
        (["mse", None], ["mse", None]),
        ({"b": "mae"}, [None, "mae"]),
        (None, [None, None]),
        (["mse", "mae", "huber"], [None, None]),
    ],
    ids=str,
)
def test_losses_belong_to_outputs(loss, expected):
    assert by_output(loss, ["a", "b"]) == expected


def test_a_dict_with_the_loss_of_the_only_output_need_not_name_it():
    assert by_output({"anything": "mse"}, [""]) == ["mse"]
