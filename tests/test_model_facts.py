"""What is certain about a model: models as users write them in, facts out."""

import pickle

import keras
import numpy as np
import pytest
from keras import layers, ops, optimizers
from small_models import noise, sequential, stubborn, two_blocks

from keras_filterwatch.model.facts import metric_directions, model_facts
from keras_filterwatch.model.find import find
from keras_filterwatch.model_facts import ModelFacts


def facts_of(model, *data):
    """The facts about a model; a fact that cannot be read fails the test."""
    problems = []
    facts = model_facts(model, find(model), *data, problems)
    assert problems == []
    return facts


def compiled(model, optimizer="sgd", loss="mse", **options):
    model.compile(optimizer, loss, **options)
    return model


def dense(*parts, units=3, shape=(4,), **options):
    """A Dense layer `last` that reads what others make of the input."""
    return sequential(*parts, layers.Dense(units, name="last", **options), shape=shape)


def last_output(*parts, **options):
    (output,) = facts_of(sequential(*parts, shape=(4,)), **options).outputs
    return output


# The last non-linearity.


def bent(x):
    return x * abs(x)


@pytest.mark.parametrize(
    ("parts", "activation"),
    [
        ([layers.Dense(3)], "linear"),
        ([layers.Dense(3, activation="softmax")], "softmax"),
        ([layers.Dense(3, activation=keras.activations.linear)], "linear"),
        ([layers.Dense(3, activation=keras.activations.tanh)], "tanh"),
        ([layers.Dense(3, activation=layers.LeakyReLU())], "leaky_relu"),
        ([layers.Dense(3), layers.Activation("sigmoid")], "sigmoid"),
        ([layers.Dense(3), layers.ReLU()], "relu"),
        ([layers.Dense(3), layers.Softmax()], "softmax"),
        ([layers.Dense(4, activation="relu"), layers.Reshape((2, 2)), layers.Flatten()], "relu"),
        ([layers.Dense(3, activation="tanh"), layers.Activation("linear")], "tanh"),
        ([layers.Dense(3, activation="sigmoid"), layers.Rescaling(255.0)], "sigmoid"),
        ([layers.Dense(3, activation="relu"), layers.Dense(3)], "linear"),
        ([layers.Dense(3, activation="relu"), layers.BatchNormalization()], "linear"),
        ([layers.Dense(3, activation=bent)], ""),
        ([layers.Dense(3, activation=lambda x: x)], ""),
        ([layers.Dense(3), layers.Lambda(bent)], ""),
        ([layers.Dense(3), layers.LayerNormalization()], ""),
    ],
)
def test_the_last_non_linearity_is_known(parts, activation):
    assert last_output(*parts).activation == activation


@pytest.mark.parametrize("scaled", [False, True], ids=["last", "scaled behind"])
def test_the_non_linearity_of_an_operation_is_known(scaled):
    inputs = layers.Input((4,))
    outputs = ops.sigmoid(layers.Dense(1)(inputs))
    model = keras.Model(inputs, 2 * outputs - 1 if scaled else outputs)
    assert facts_of(model).outputs[0].activation == "sigmoid"


def test_the_non_linearity_at_the_end_of_a_nested_model_is_known():
    inner = sequential(layers.Dense(3, activation="softmax"), shape=(4,))
    model = sequential(layers.Dense(4), inner, shape=(4,))
    assert facts_of(model).outputs[0].activation == "softmax"


@pytest.mark.parametrize(
    ("second", "activation"), [("sigmoid", "sigmoid"), ("linear", "")], ids=["same", "other"]
)
def test_branches_that_are_joined_have_a_non_linearity_if_it_is_the_same(second, activation):
    inputs = layers.Input((4,))
    branches = [layers.Dense(2, activation=name)(inputs) for name in ("sigmoid", second)]
    model = keras.Model(inputs, layers.Concatenate()(branches))
    assert facts_of(model).outputs[0].activation == activation


class Subclassed(keras.Model):
    """A model with code of its own between its layers."""

    def __init__(self, end=None, scale=None):
        super().__init__(name="own")
        self.first = layers.Conv2D(4, 3, name="first", activation="relu")
        self.flatten = layers.Flatten()
        self.head = layers.Dense(3, name="head", activation="softmax")
        self.end, self.scale = end, scale

    def call(self, x):
        x = x / self.scale if self.scale else x
        outputs = self.head(self.flatten(self.first(x)))
        return self.end(outputs) if self.end else outputs


def subclassed(**options):
    model = Subclassed(**options)
    model(noise((1, 8, 8, 1)))
    return model


def test_the_output_of_a_subclassed_model_is_known_where_a_layer_makes_it():
    (output,) = facts_of(subclassed()).outputs
    assert (output.name, output.units, output.activation) == ("", 3, "softmax")


def test_the_output_of_a_subclassed_model_is_not_known_where_its_own_code_makes_it():
    (output,) = facts_of(subclassed(end=lambda x: x * x)).outputs
    assert (output.units, output.activation) == (3, "")


# Outputs, their names and losses.


def two_outputs(as_dict=False):
    """A functional model with outputs `digit` and `colour`."""
    inputs = layers.Input((4,), name="x")
    digit = layers.Dense(3, activation="softmax", name="digit")(inputs)
    colour = layers.Dense(1, activation="sigmoid", name="colour")(inputs)
    return keras.Model(inputs, {"d": digit, "c": colour} if as_dict else [digit, colour])


def names_and_losses(model, *data):
    return {each.name: each.loss for each in facts_of(model, *data).outputs}


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (["mse", "mae"], ["mean_squared_error", "mean_absolute_error"]),
        ({"colour": "mae", "digit": "mse"}, ["mean_squared_error", "mean_absolute_error"]),
        ("mse", ["mean_squared_error", "mean_squared_error"]),
        (keras.losses.Huber(), ["huber", "huber"]),
        (["mse", None], ["mean_squared_error", ""]),
        (None, ["", ""]),
    ],
    ids=["list", "dict", "one", "object", "with None", "none"],
)
def test_each_output_has_its_loss(loss, expected):
    model = compiled(two_outputs(), loss=loss)
    assert names_and_losses(model) == dict(zip(["digit", "colour"], expected, strict=True))


def test_outputs_in_a_dict_have_its_names():
    model = compiled(two_outputs(as_dict=True), loss={"d": "mse", "c": "mae"})
    losses = names_and_losses(model)
    assert losses == {"c": "mean_absolute_error", "d": "mean_squared_error"}


def test_a_model_that_is_not_compiled_has_outputs_without_loss():
    facts = facts_of(two_outputs())
    assert [(each.name, each.units, each.loss) for each in facts.outputs] == [
        ("digit", 3, ""),
        ("colour", 1, ""),
    ]
    assert facts.optimizer == ""


def test_the_output_of_a_sequential_model_is_named_after_its_last_layer():
    assert names_and_losses(compiled(dense())) == {"last": "mean_squared_error"}


@pytest.mark.parametrize(
    ("targets", "loss"),
    [
        (np.zeros(8), "sparse_categorical_crossentropy"),
        (np.zeros((8, 1)), "sparse_categorical_crossentropy"),
        (np.eye(3)[[0] * 8], "categorical_crossentropy"),
    ],
    ids=["numbers", "a column", "one-hot"],
)
def test_crossentropy_is_what_the_targets_make_of_it(targets, loss):
    model = compiled(dense(activation="softmax"), loss="crossentropy")
    assert names_and_losses(model, noise((8, 4)), targets) == {"last": loss}


def test_targets_by_name_belong_to_their_outputs():
    model = compiled(two_outputs(), loss="crossentropy")
    targets = {"colour": np.zeros((8, 1)), "digit": np.zeros(8)}
    assert names_and_losses(model, noise((8, 4)), targets) == {
        "digit": "sparse_categorical_crossentropy",
        "colour": "binary_crossentropy",
    }


def test_the_number_of_axes_of_an_output_is_known():
    (output,) = facts_of(sequential(layers.Conv2D(5, 3), shape=(8, 8, 1))).outputs
    assert (output.axes, output.units) == (4, 5)


@pytest.mark.parametrize(
    ("parts", "rate"),
    [
        ([layers.Dense(3, activation="softmax"), layers.Dropout(0.3)], 0.3),
        ([layers.Dense(3), layers.Dropout(0.3), layers.Softmax()], 0.3),
        ([layers.Dense(3), layers.Dropout(0.3), layers.Activation("softmax")], 0.3),
        ([layers.Dense(3, activation="softmax"), layers.Dropout(0.0)], 0.0),
        ([layers.Dense(8, activation="relu"), layers.Dropout(0.3), layers.Dense(3)], 0.0),
    ],
    ids=["on the output", "before Softmax", "before Activation", "of rate 0", "before the head"],
)
def test_dropout_on_the_output_or_its_logits_is_found(parts, rate):
    assert last_output(*parts).dropout == rate


def test_dropout_beside_the_output_does_not_act_on_it():
    inputs = layers.Input((4,))
    main = layers.Dense(3, activation="relu", name="main")(inputs)
    side = layers.Dense(2, name="side")(layers.Dropout(0.5)(main))
    rates = {
        each.name: each.dropout for each in facts_of(keras.Model(inputs, [main, side])).outputs
    }
    assert rates == {"main": 0.0, "side": 0.0}


# What rescales the inputs.


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([], ""),
        ([layers.Rescaling([1.0, 2.0, 3.0], name="scale")], "scale"),
        ([layers.Normalization(mean=[0.0] * 3, variance=[1.0] * 3, name="scale")], "scale"),
        ([layers.BatchNormalization(name="scale")], "scale"),
        ([layers.LayerNormalization(name="scale")], "scale"),
        ([layers.Lambda(lambda x: x / 255, name="own_code")], "own_code"),
        ([layers.RandomFlip(), layers.ZeroPadding2D(1)], ""),
        ([layers.ZeroPadding2D(1), layers.BatchNormalization(name="scale")], "scale"),
        ([layers.Rescaling(2.0), layers.BatchNormalization(name="scale")], "scale"),
        ([layers.Rescaling(1 / 255)], ""),  # its factor is in the range of the inputs
        ([layers.Conv2D(3, 1), layers.BatchNormalization()], ""),
        ([layers.TimeDistributed(layers.Dense(3))], ""),
    ],
    ids=str,
)
def test_the_layer_that_rescales_the_inputs_is_known(parts, name):
    model = sequential(*parts, layers.Conv2D(4, 3), shape=(8, 8, 3))
    assert facts_of(model).normalises_inputs == name


def test_the_range_of_the_inputs_is_that_behind_fixed_rescaling_before_the_first_kernel():
    before = [layers.Rescaling(1 / 127.5, offset=-1.0), layers.Rescaling(-2.0)]
    model = dense(*before, layers.Dense(4), layers.Rescaling(255.0), shape=(2,))
    (facts,) = facts_of(model, np.array([[0.0, 255.0]], "float32"), None).inputs
    # 0 and 255 become -1 and 1, then 2 and -2
    assert (facts.minimum, facts.maximum) == pytest.approx((-2.0, 2.0))
    assert (facts.mean, facts.std) == pytest.approx((0.0, 2.0), abs=1e-6)


def test_an_embedding_rescales_the_inputs():
    model = dense(layers.Embedding(9, 5, name="words"), layers.Flatten())
    assert facts_of(model).normalises_inputs == "words"


def test_recurrent_layers_do_not_rescale_the_inputs():
    assert facts_of(dense(layers.LSTM(3), shape=(5, 2))).normalises_inputs == ""


def test_an_operation_may_rescale_the_inputs():
    inputs = layers.Input((4,))
    scaled = inputs / 255
    model = keras.Model(inputs, layers.Dense(3)(scaled))
    assert facts_of(model).normalises_inputs == scaled._keras_history.operation.name


def test_a_nested_model_may_rescale_the_inputs():
    inner = sequential(layers.BatchNormalization(name="scale"), layers.Dense(4), shape=(4,))
    assert facts_of(dense(inner)).normalises_inputs == "scale"
    plain = sequential(layers.Dense(4), shape=(4,))
    assert facts_of(dense(plain)).normalises_inputs == ""


def test_a_model_whose_own_code_changes_the_inputs_may_rescale_them():
    assert facts_of(subclassed(scale=255.0)).normalises_inputs == "own"
    assert facts_of(subclassed()).normalises_inputs == ""


# How it is trained.


def optimizer_facts(optimizer):
    return facts_of(compiled(dense(), optimizer))


@pytest.mark.parametrize(
    ("optimizer", "name", "rate", "momentum"),
    [
        (optimizers.SGD(0.1, momentum=0.9), "SGD", 0.1, 0.9),
        (optimizers.RMSprop(3e-4, momentum=0.5), "RMSprop", 3e-4, 0.5),
        (optimizers.Adam(), "Adam", 1e-3, 0.0),
        (optimizers.LossScaleOptimizer(optimizers.SGD(0.1, momentum=0.9)), "SGD", 0.1, 0.9),
        ("adadelta", "Adadelta", 1e-3, 0.0),
    ],
    ids=["SGD", "RMSprop", "Adam", "scaled", "by name"],
)
def test_the_optimizer_is_known(optimizer, name, rate, momentum):
    facts = optimizer_facts(optimizer)
    assert (facts.optimizer, facts.learning_rate, facts.momentum) == (name, rate, momentum)
    assert facts.schedule == ""


def test_the_schedule_of_the_learning_rate_is_known():
    schedule = optimizers.schedules.ExponentialDecay(0.2, 10, 0.5)
    facts = optimizer_facts(optimizers.SGD(schedule))
    assert (facts.schedule, facts.learning_rate) == ("ExponentialDecay", 0.2)


@pytest.mark.parametrize("name", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_clipping_is_known(name):
    assert optimizer_facts(optimizers.SGD(**{name: 0.5})).clipping == {name: 0.5}
    assert optimizer_facts(optimizers.SGD()).clipping == {}


def test_weight_decay_is_known():
    assert optimizer_facts(optimizers.AdamW(weight_decay=0.02)).weight_decay == 0.02
    assert optimizer_facts(optimizers.Adam()).weight_decay == 0.0


def test_an_average_of_the_weights_changes_no_fact():
    assert optimizer_facts(optimizers.SGD(0.1, use_ema=True)) == optimizer_facts(
        optimizers.SGD(0.1)
    )


class Adversarial(keras.Model):
    """A model with two optimizers of its own."""

    def __init__(self):
        super().__init__()
        self.head = layers.Dense(3, name="head")

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def call(self, x):
        return self.head(x)

    def train_step(self, *args):
        return {}


def test_a_default_optimizer_that_the_model_does_not_use_is_not_told():
    model = Adversarial()
    model(noise((1, 4)))
    model.compile(optimizers.SGD(), optimizers.Adam())
    facts = facts_of(model)
    assert (facts.optimizer, facts.learning_rate) == ("", None)
    assert facts.has_own_train_step


class OwnLoss(keras.Model):
    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return ops.mean(y_pred)


def test_an_own_train_step_or_loss_is_found():
    inputs = layers.Input((4,))
    assert facts_of(OwnLoss(inputs, layers.Dense(3)(inputs))).has_own_train_step
    assert not facts_of(dense()).has_own_train_step
    assert not facts_of(two_outputs()).has_own_train_step
    assert not facts_of(subclassed()).has_own_train_step


# What its layers are.


def test_regularisers_are_known_with_their_strength():
    model = sequential(
        layers.Conv2D(4, 3, kernel_regularizer="l2", name="conv"),
        layers.DepthwiseConv2D(3, depthwise_regularizer=keras.regularizers.L1(0.5), name="deep"),
        layers.Flatten(),
        layers.Dense(
            3,
            kernel_regularizer=keras.regularizers.L1L2(0.25, 0.125),
            bias_regularizer=keras.regularizers.L2(0.5),
            name="head",
        ),
        shape=(8, 8, 1),
    )
    assert facts_of(model).regularisers == {
        "conv": {"l2": pytest.approx(0.01)},
        "deep": {"l1": 0.5},
        "head": {"l1": 0.25, "l2": 0.5},
    }


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dropout(0.25, name="drop"),
        layers.GaussianDropout(0.25, name="drop"),
        layers.AlphaDropout(0.25, name="drop"),
        layers.SpatialDropout1D(0.25, name="drop"),
        sequential(layers.Dense(4), layers.Dropout(0.25, name="drop"), shape=(6, 4)),
        layers.TimeDistributed(layers.Dropout(0.25, name="drop")),
    ],
    ids=["Dropout", "Gaussian", "Alpha", "Spatial", "nested", "wrapped"],
)
def test_dropout_rates_are_known(layer):
    assert facts_of(dense(layer, shape=(6, 4))).dropout == {"drop": 0.25}


def test_normalisation_layers_are_known_in_nested_layers_too():
    assert facts_of(two_blocks()).normalisations == ("norm", "norm")
    facts = facts_of(dense(layers.LayerNormalization(name="ln"), layers.Rescaling(2.0)))
    assert facts.normalisations == ("ln",)


def test_the_momentum_of_the_batch_normalization_behind_a_kernel_is_known():
    model = sequential(
        layers.Conv2D(4, 3, name="conv"),
        layers.BatchNormalization(momentum=0.8),
        layers.Flatten(),
        layers.Dense(2),
        shape=(8, 8, 1),
    )
    assert facts_of(model).batch_norm_momentum == {"conv": 0.8}


@pytest.mark.parametrize(
    ("behind", "activation"),
    [
        ([], "linear"),
        ([layers.ReLU()], "relu"),
        ([layers.BatchNormalization(), layers.Activation("tanh")], "tanh"),
        ([layers.LayerNormalization(), layers.Dropout(0.5), layers.Softmax()], "softmax"),
        ([layers.MaxPooling2D(), layers.LeakyReLU()], "leaky_relu"),
        ([layers.Conv2D(4, 1), layers.ReLU()], "linear"),
        ([layers.Activation(bent)], None),
    ],
    ids=str,
)
def test_the_non_linearity_behind_a_kernel_is_known(behind, activation):
    model = sequential(
        layers.Conv2D(4, 3, name="conv"),
        *behind,
        layers.Flatten(),
        layers.Dense(2, name="head", activation="sigmoid"),
        shape=(8, 8, 1),
    )
    activations = facts_of(model).activations
    assert (activations.get("conv"), activations["head"]) == (activation, "sigmoid")


def test_the_non_linearity_behind_an_addition_or_of_an_operation_is_that_of_the_kernel():
    inputs = layers.Input((8, 8, 1))
    first = layers.Conv2D(4, 3, padding="same", name="first")(inputs)
    second = layers.Conv2D(4, 3, padding="same", name="second")(ops.relu(first))
    outputs = layers.Activation("tanh")(layers.Add()([first, second]))
    facts = facts_of(keras.Model(inputs, outputs))
    assert facts.activations == {"first": "relu", "second": "tanh"}


def test_a_kernel_that_only_own_code_reads_has_no_known_non_linearity():
    activations = facts_of(two_blocks()).activations
    assert activations["block/conv"] == "linear"
    assert "block_1/last" not in activations  # the model averages what it returns


def test_initialisers_are_known():
    model = sequential(
        layers.SeparableConv2D(
            4, 3, depthwise_initializer="he_normal", pointwise_initializer="zeros", name="sep"
        ),
        layers.DepthwiseConv2D(3, depthwise_initializer="ones", name="deep"),
        layers.Flatten(),
        layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(), name="head"),
        shape=(8, 8, 1),
    )
    assert facts_of(model).initialisers == {
        "sep/depthwise_kernel": "HeNormal",
        "sep/pointwise_kernel": "Zeros",
        "deep": "Ones",
        "head": "RandomNormal",
    }


# Traces of training.


def network():
    return compiled(
        sequential(
            layers.Conv2D(4, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(3, bias_initializer=keras.initializers.Constant(0.1), name="head"),
            layers.Dense(2, use_bias=False, name="plain"),
            shape=(8, 8, 1),
        )
    )


def test_a_new_model_was_not_trained():
    assert facts_of(network()).was_trained == {"conv": False, "head": False}


def test_a_model_that_was_fitted_was_trained():
    model = network()
    model.fit(noise((8, 8, 8, 1)), noise((8, 2)), verbose=0)
    assert facts_of(model).was_trained == {"conv": True, "head": True}


@pytest.mark.parametrize("weight", ["gamma", "beta", "moving_mean", "moving_variance"])
def test_one_weight_of_a_batch_normalization_tells_that_it_was_trained(weight):
    model = network()
    variable = getattr(model.layers[1], weight)
    variable.assign(variable + np.array([0, 0, 0, 1e-3], "float32"))
    assert facts_of(model).was_trained == {"conv": True, "head": False}


def test_a_bias_that_began_at_random_tells_nothing():
    assert facts_of(dense(bias_initializer="random_normal")).was_trained == {}


# The graph.


def with_branches(join):
    inputs = layers.Input((4,))
    branch = layers.Dense(4)(inputs)
    return keras.Model(inputs, layers.Dense(3)(join(inputs, branch)))


@pytest.mark.parametrize(
    "join",
    [
        lambda a, b: layers.Add()([a, b]),
        lambda a, b: layers.Concatenate()([a, b]),
        lambda a, b: a + b,
        lambda a, b: ops.concatenate([a, b]),
    ],
    ids=["Add", "Concatenate", "plus", "operation"],
)
def test_shortcuts_are_found(join):
    assert facts_of(with_branches(join)).has_shortcuts


@pytest.mark.parametrize(
    "join",
    [lambda a, b: b, lambda a, b: b + 1.0, lambda a, b: b + np.ones((1, 4), "float32")],
    ids=["none", "constant", "constants"],
)
def test_a_chain_of_layers_has_no_shortcuts(join):
    assert not facts_of(with_branches(join)).has_shortcuts


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([layers.Dense(4)], True),
        ([layers.Dense(4), layers.BatchNormalization(), layers.Dropout(0.5)], True),
        ([layers.Rescaling(2.0), layers.Dense(4, activation="linear")], True),
        ([layers.Dense(4, activation="relu")], False),
        ([layers.Dense(4), layers.ReLU()], False),
        ([layers.Dense(4), layers.LayerNormalization()], False),
        ([layers.Dense(4), layers.Lambda(bent)], False),
        ([layers.Embedding(9, 4), layers.Flatten()], False),
    ],
    ids=str,
)
def test_a_stack_without_non_linearity_is_linear(parts, expected):
    assert facts_of(dense(*parts, activation="softmax")).is_linear is expected


def test_the_last_non_linearity_may_be_a_layer_of_its_own():
    model = sequential(layers.Dense(4), layers.Dense(3), layers.Softmax(), shape=(4,))
    assert facts_of(model).is_linear


@pytest.mark.parametrize("activation", ["linear", "relu"])
def test_branches_are_linear_if_all_are(activation):
    model = with_branches(lambda a, b: layers.Add()([a, layers.Dense(4, activation)(b)]))
    assert facts_of(model).is_linear is (activation == "linear")


def test_a_model_whose_own_code_is_not_known_is_not_called_linear():
    assert not facts_of(two_blocks()).is_linear


def test_a_hidden_output_is_a_non_linearity_between():
    inputs = layers.Input((4,))
    hidden = layers.Dense(4, activation="relu")(inputs)
    model = keras.Model(inputs, [hidden, layers.Dense(3)(hidden)])
    assert not facts_of(model).is_linear


# Data.


def test_the_probe_is_described_with_the_names_of_inputs_and_outputs():
    first, second = layers.Input((2,), name="first"), layers.Input((2,), name="second")
    both = layers.Concatenate()([first, second])
    outputs = [layers.Dense(1, name="a")(both), layers.Dense(1, name="b")(both)]
    model = keras.Model([first, second], outputs)
    facts = facts_of(
        model, [np.zeros((4, 2)), np.full((4, 2), 255.0)], [np.zeros((4, 1)), np.ones((4, 1))]
    )
    assert {each.name: each.maximum for each in facts.inputs} == {"first": 0.0, "second": 255.0}
    assert {each.name: each.maximum for each in facts.targets} == {"a": 0.0, "b": 1.0}


# Directions of metrics.


def directions(model, targets, **options):
    """The directions that are known after an epoch, and the names in the logs."""
    model.compile("sgd", **options)
    logs = model.fit(noise((8, 4)), targets, verbose=0).history
    return metric_directions(model), set(logs)


def test_metrics_have_the_direction_that_keras_knows():
    metrics = ["accuracy", keras.metrics.AUC(name="area"), "mae", keras.metrics.TruePositives()]
    targets = np.zeros((8, 1))
    known, names = directions(
        dense(units=1, activation="sigmoid"), targets, loss="binary_crossentropy", metrics=metrics
    )
    (counts,) = names - known.keys()
    assert counts.startswith("true_positives")
    known = {name.removesuffix("_1"): direction for name, direction in known.items()}
    area, error = known.pop("area"), known.pop("mae", None) or known.pop("mean_absolute_error")
    assert (area, error) == ("up", "down")
    assert known == {"loss": "down", "accuracy": "up"}


def test_metrics_of_several_outputs_are_named_as_in_the_logs():
    known, names = directions(
        two_outputs(),
        [np.zeros(8), np.zeros((8, 1))],
        loss=["sparse_categorical_crossentropy", "mse"],
        metrics={"digit": ["accuracy"], "colour": ["accuracy", "mse"]},
    )
    assert known.keys() == names
    assert {name for name, direction in known.items() if direction == "up"} == {
        "digit_accuracy",
        "colour_accuracy",
    }


def test_a_metric_that_occurs_twice_is_named_as_in_the_logs():
    known, names = directions(
        dense(), noise((8, 3)), loss="mse", metrics=["mae"], weighted_metrics=["mae"]
    )
    assert known == dict.fromkeys(names, "down")
    assert len(names) == 3


def own_metric(targets, outputs):
    return ops.mean(outputs)


def test_a_metric_of_the_users_own_has_no_known_direction():
    known, names = directions(dense(), noise((8, 3)), loss="mse", metrics=[own_metric])
    assert names - known.keys() == {"own_metric"}


class Tracked(keras.Model):
    """A model with a metric of its own, as variational autoencoders have."""

    def __init__(self, **options):
        super().__init__(**options)
        self.tracker = keras.metrics.Mean(name="kl_loss")
        self.head = layers.Dense(3)

    def call(self, x):
        return self.head(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        self.tracker.update_state(ops.mean(y_pred))
        return ops.mean(y_pred)


def test_a_tracker_of_the_models_own_has_no_known_direction():
    known, names = directions(Tracked(), noise((8, 3)))
    assert names == {"loss", "kl_loss"}
    assert known == {"loss": "down"}


def test_before_the_first_epoch_only_the_loss_has_a_direction():
    model = compiled(dense(), metrics=["accuracy"])
    assert metric_directions(model) == {"loss": "down"}


def test_a_metric_that_fails_is_left_out():
    class Broken(keras.metrics.Mean):
        @property
        def _direction(self):
            raise RuntimeError("no direction")

    model = compiled(dense())
    model.own_metric = Broken()
    assert metric_directions(model) == {"loss": "down"}


# Failures and form.


class BrokenRegularizer(keras.regularizers.Regularizer):
    @property
    def l2(self):
        raise RuntimeError("not today")

    def __call__(self, x):
        return ops.sum(x)


def test_a_fact_that_cannot_be_read_costs_no_other_one():
    model = compiled(dense(kernel_regularizer=BrokenRegularizer()), "adam")
    problems = []
    facts = model_facts(model, find(model), problems=problems)
    assert (facts.regularisers, facts.optimizer) == ({}, "Adam")
    (problem,) = problems
    assert "regularisers" in problem.what
    assert "not today" in problem.reason


def test_without_a_list_for_problems_a_failure_is_silent():
    model = dense(kernel_regularizer=BrokenRegularizer())
    assert model_facts(model, find(model)).activations == {"last": "linear"}


def test_a_model_that_cannot_be_traced_has_the_other_facts():
    model = stubborn()
    model.compile(optimizers.SGD(0.1), "mse")
    facts = facts_of(model)
    assert (facts.optimizer, facts.outputs, facts.was_trained) == ("SGD", (), {"conv": False})


@pytest.mark.parametrize(
    "model", [lambda: compiled(two_outputs()), subclassed, two_blocks, network]
)
def test_facts_are_plain_values(model):
    facts = facts_of(model())
    assert pickle.loads(pickle.dumps(facts)) == facts
    assert isinstance(facts, ModelFacts)
    assert facts.backend == keras.backend.backend()


def test_a_model_is_left_as_it_was():
    model = subclassed(scale=255.0)
    before = dict(vars(model))
    facts_of(model)
    assert vars(model).keys() == before.keys()
    assert model.call.__func__ is Subclassed.call


def test_the_flow_that_find_traced_is_used_again(monkeypatch):
    model = dense()
    watched = find(model)
    monkeypatch.setattr("keras_filterwatch.model.trace.trace", lambda model: pytest.fail("traced"))
    assert model_facts(model, watched).outputs[0].activation == "linear"


def test_a_model_that_has_changed_since_is_traced_again():
    model = dense()
    watched = find(model)
    model_facts(model, watched)
    model.layers[-1].activation = keras.activations.tanh
    assert model_facts(model, watched).outputs[0].activation == "tanh"
