"""The faults: each changes a built and compiled `Training` in place, as a user's mistake would.

Parameters are drawn at random from the ranges in this file. A fault that cannot be applied to a
training raises `NotApplicableError`.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import initializers, regularizers
from keras.optimizers import schedules
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.faults import changes, items
from benchmarks.faults.changes import NotApplicableError
from benchmarks.faults.labels import LABELS, Label
from benchmarks.faults.program import Training

_MOST_EPOCHS = 60  # where fewer items give smaller epochs


@dataclass(frozen=True)
class Fault:
    """A mistake.

    Attributes:
        name: that of the function `apply`.
        apply: changes a training, with parameters drawn at random.
        label: which causes are right, and whether an outcome agrees.
    """

    name: str
    apply: Callable[[Training, Generator], None]
    label: Label


def log_uniform(random: Generator, low: float, high: float) -> float:
    """Returns a number between the two, whose logarithm is uniformly distributed."""
    return float(math.exp(random.uniform(math.log(low), math.log(high))))


# The learning rate


def rate_too_low(training: Training, random: Generator) -> None:
    """Makes the learning rate 500 to 100,000 times smaller."""
    changes.scale_rate(training, log_uniform(random, 1e-5, 2e-3))


def rate_too_high(training: Training, random: Generator) -> None:
    """Makes the learning rate 60 to 500 times larger, 20 to 100 times that of SGD.

    Of other optimizers than SGD it is 0.03 at least, also in fine-tuning at a tiny rate. Networks
    with normalisation layers tolerate more, so their rates are ten times higher still.
    """
    kinds = (keras.layers.BatchNormalization, keras.layers.GroupNormalization)
    bears = 10 if any(isinstance(each, kinds) for each in changes.leaves(training.model)) else 1
    low, high = (20, 100) if _has_sgd(training) else (60, 500)
    factor = log_uniform(random, low, high)
    if not _has_sgd(training):
        updates = training.epochs * items.updates_per_epoch(training)
        rates = (changes.highest_rate(each, updates) for each in changes.optimizers(training.model))
        factor = max(factor, 0.03 / max(rates))
    changes.scale_rate(training, bears * factor)


def _has_sgd(training: Training) -> bool:
    return any(type(each).__name__ == "SGD" for each in changes.optimizers(training.model))


def schedule_at_zero(training: Training, random: Generator) -> None:
    """Gives a schedule whose rate is next to 0 in nearly all of the training.

    It is a cosine or a decay over epochs where updates were meant, or far too long a warm-up.
    """
    changes.without_rate_callbacks(training)
    updates = training.epochs * items.updates_per_epoch(training)
    for optimizer in changes.optimizers(training.model):
        rate = changes.highest_rate(optimizer, updates)
        made = (
            schedules.CosineDecay(rate, int(random.integers(1, 4))),
            schedules.ExponentialDecay(rate, 1, random.uniform(0.2, 0.5)),
            schedules.CosineDecay(
                0.0, 10_000, warmup_target=rate, warmup_steps=int(log_uniform(random, 1e7, 1e9))
            ),
        )
        optimizer.learning_rate = made[random.integers(len(made))]


def clipped_to_nothing(training: Training, random: Generator) -> None:
    """Clips gradients to next to nothing, by their norms or by their values."""
    ways = ("clipnorm", "global_clipnorm", "clipvalue")
    for optimizer in changes.optimizers(training.model):
        for way in ways:
            setattr(optimizer, way, None)
        setattr(optimizer, str(random.choice(ways)), log_uniform(random, 1e-10, 1e-8))


def adadelta_default(training: Training, random: Generator) -> None:
    """Takes Adadelta with Keras's default learning rate of 0.001."""
    changes.without_rate_callbacks(training)
    changes.compile_again(training.model, optimizer=keras.optimizers.Adadelta())


def exploding(training: Training, random: Generator) -> None:
    """Takes SGD at a rate of 1e3 to 1e6, and units that cannot die."""
    changes.without_rate_callbacks(training)
    with contextlib.suppress(NotApplicableError):
        changes.activate_hidden(training.model, "leaky_relu")
    rate = log_uniform(random, 1e3, 1e6)
    optimizer = keras.optimizers.SGD(rate, momentum=float(random.choice([0.0, 0.9])))
    changes.compile_again(training.model, optimizer=optimizer)


# Inputs and targets


def nan_inputs(training: Training, random: Generator) -> None:
    """Makes one number in each of 3 to 30 % of the items NaN."""
    share = log_uniform(random, 0.03, 0.3)

    def change(array: NDArray[Any]) -> NDArray[Any]:
        if not np.issubdtype(np.asarray(array).dtype, np.floating):
            return array
        array = np.array(array)
        flat = array.reshape(len(array), -1)
        hit = np.flatnonzero(random.random(len(flat)) < share)
        flat[hit, random.integers(flat.shape[1], size=len(hit))] = np.nan
        return array

    _change_inputs(training, change)


def raw_inputs(training: Training, random: Generator) -> None:
    """Leaves inputs in 0..255 or 0..10,000, or far from 0.

    0..255 is for SGD only: optimizers that scale each gradient compensate for it.
    """
    hurts = ["bytes", "large", "shifted"] if _has_sgd(training) else ["large", "shifted"]
    _raw(training, str(random.choice(hurts)), random)


def raw_inputs_bounded(training: Training, random: Generator) -> None:
    """Feeds 0..255 into sigmoid or tanh units."""
    changes.activate_hidden(training.model, str(random.choice(["sigmoid", "tanh"])))
    _raw(training, "bytes", random)


def _raw(training: Training, how: str, random: Generator) -> None:
    items.use_arrays(training)
    arrays = [array for array in keras.tree.flatten(training.x) if array.dtype.kind == "f"]
    if not arrays:
        raise NotApplicableError("no input has numbers of its own scale")
    low, high = min(array.min() for array in arrays), max(array.max() for array in arrays)
    size, shift = {
        "bytes": (255.0, 0.0),
        "large": (1e4, 0.0),
        "shifted": (10.0, log_uniform(random, 100, 1_000)),
    }[how]

    def change(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind != "f":
            return array
        return (size * (array - low) / (high - low) + shift).astype(array.dtype)

    _change_inputs(training, change)


def random_labels(training: Training, random: Generator) -> None:
    """Shuffles the targets of all items, of which 100 to 200 are trained on, in small batches."""
    training.batch = min(training.batch, 16)
    _take(training, int(random.integers(100, 201)))
    if training.y is None:
        raise NotApplicableError("there are no targets")
    training.y = _shuffled(training.y, random)
    if training.validation is not None:
        x, y, *weights = training.validation
        training.validation = (x, _shuffled(y, random), *weights)
    training.held_out = (training.held_out[0], _shuffled(training.held_out[1], random))


def _shuffled(y: Any, random: Generator) -> Any:
    order = random.permutation(items.count(y))
    return items.map_arrays(lambda array: array[order], y)


def tiny_training_set(training: Training, random: Generator) -> None:
    """Trains on 20 to 40 items."""
    training.batch = min(training.batch, 8)
    _take(training, int(random.integers(20, 41)))


def _take(training: Training, size: int) -> None:
    """Keeps the first items only, and gives as many updates as before in more epochs."""
    items.use_arrays(training)
    updates = training.epochs * items.updates_per_epoch(training)
    training.arguments.pop("steps_per_epoch", None)
    training.x = items.first_items(training.x, size)
    training.y = items.first_items(training.y, size)
    if "sample_weight" in training.arguments:
        weights = items.first_items(training.arguments["sample_weight"], size)
        training.arguments["sample_weight"] = weights
    training.probe = None  # the training items are other ones
    epochs = math.ceil(updates / items.updates_per_epoch(training))
    training.epochs = max(min(epochs, _MOST_EPOCHS), training.epochs, 20)


def _change_inputs(training: Training, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Changes the inputs for training and validation, those held out, and those of the probe."""
    items.use_arrays(training)
    training.x = items.map_arrays(change, training.x)
    training.held_out = (items.map_arrays(change, training.held_out[0]), training.held_out[1])
    if training.validation is not None:
        x, *others = training.validation
        training.validation = (items.map_arrays(change, x), *others)
    if isinstance(training.probe, tuple) and training.y is not None:
        x, *others = training.probe
        training.probe = (items.map_arrays(change, x), *others)
    elif training.probe is not None:
        training.probe = items.map_arrays(change, training.probe)


# Weights and layers


def saturated_by_weights(training: Training, random: Generator) -> None:
    """Initialises hidden layers of sigmoid or tanh units with a deviation of 2 to 10."""
    model = training.model
    changes.activate_hidden(model, str(random.choice(["sigmoid", "tanh"])))
    deviation = log_uniform(random, 2, 10)
    for layer in changes.hidden(model):
        changes.initialise(
            layer,
            lambda kernel: random.normal(0, deviation, kernel.shape),
            initializers.RandomNormal(stddev=deviation),
        )


def vanishing_gradient(training: Training, random: Generator) -> None:
    """Takes sigmoid units and Glorot's initialisation in a deep stack of hidden layers."""
    changes.activate_hidden(training.model, "sigmoid")
    for layer in changes.hidden(training.model):
        _initialise_anew(layer, initializers.GlorotUniform, random)


def zero_initialisation(training: Training, random: Generator) -> None:
    """Initialises all kernels with zeros."""
    for layer in changes.with_kernel(training.model):
        changes.initialise(layer, lambda k: np.zeros(k.shape), initializers.Zeros())


def constant_initialisation(training: Training, random: Generator) -> None:
    """Initialises all kernels with one value of 0.1 to 1."""
    value = log_uniform(random, 0.1, 1)
    for layer in changes.with_kernel(training.model):
        changes.initialise(layer, lambda k: np.full(k.shape, value), initializers.Constant(value))


def dead_at_start(training: Training, random: Generator) -> None:
    """Makes the biases of all hidden layers -10 to -100: their units are 0 for every input."""
    value = -log_uniform(random, 10, 100)
    last = list(changes.ends(training.model))
    changed = False
    for layer in changes.leaves(training.model):
        if layer in last:
            continue
        for name in ("bias", "beta"):
            bias = getattr(layer, name, None)
            if isinstance(bias, keras.Variable):
                bias.assign(np.full(bias.shape, value))
                setattr(layer, f"{name}_initializer", initializers.Constant(value))
                changed = True
    if not changed:
        raise NotApplicableError("no hidden layer has a bias")


def frozen_at_random(training: Training, random: Generator) -> None:
    """Freezes layers that were not trained: the first ones, or all but those of the outputs.

    A base that is frozen already loses what it had learnt.
    """
    model = training.model
    frozen = [layer for layer in changes.leaves(model) if not layer.trainable]
    for layer in frozen:
        _initialise_anew(layer, None, random)
    if any(changes.kernels(layer) for layer in frozen):
        return
    hidden = changes.hidden(model)
    if not hidden:
        raise NotApplicableError("there is no hidden layer")
    ends = list(changes.ends(model))
    places = [layer for layer in changes.leaves(model) if layer.weights and layer not in ends]
    if random.random() < 0.5:
        last = hidden[max(1, len(hidden) // 3) - 1]
        places = places[: places.index(last) + 1]
    for layer in places:
        layer.trainable = False
    changes.compile_again(model)


def _initialise_anew(layer: keras.Layer, kind: Any, random: Generator) -> None:
    """Gives a layer random weights, by its own initialisers or by one of a kind."""
    for kernel in changes.kernels(layer):
        name = changes.argument_name(layer, kernel, "initializer")
        own = initializers.get(getattr(layer, name)) if kind is None else kind()
        config = {**own.get_config(), "seed": int(random.integers(2**31))}
        initialiser = type(own).from_config(config)
        kernel.assign(initialiser(kernel.shape, kernel.dtype))
        setattr(layer, name, initialiser)
    plain = {"bias": 0, "beta": 0, "gamma": 1, "moving_mean": 0, "moving_variance": 1}
    for variable in changes.own_variables(layer):
        if kind is None and variable.name in plain:
            variable.assign(np.full(variable.shape, plain[variable.name]))


def over_regularised(training: Training, random: Generator) -> None:
    """Regularises all kernels far too strongly: by L2, by L1 or by the optimizer's decay.

    The decay takes 5 to 40 % of each weight in an update.
    """
    way = str(random.choice(["l2", "l1", "decay"]))
    if way == "decay" or type(training.model).train_step is not keras.Model.train_step:
        updates = training.epochs * items.updates_per_epoch(training)
        for optimizer in changes.optimizers(training.model):
            share = log_uniform(random, 0.05, 0.4)
            optimizer.weight_decay = share / changes.highest_rate(optimizer, updates)
        return
    if way == "l2":
        regulariser: Any = regularizers.L2(log_uniform(random, 0.3, 10))
    else:
        regulariser = regularizers.L1(log_uniform(random, 0.03, 1))
    for layer in changes.with_kernel(training.model):
        changes.regularise(layer, regulariser)


def dropout_too_strong(training: Training, random: Generator) -> None:
    """Drops 97 to 99.5 % at every Dropout layer; inserts one before the output if there is none."""
    rate = float(random.uniform(0.97, 0.995))
    kinds = (
        keras.layers.Dropout,
        keras.layers.SpatialDropout1D,
        keras.layers.SpatialDropout2D,
        keras.layers.SpatialDropout3D,
    )
    dropouts = [each for each in changes.leaves(training.model) if isinstance(each, kinds)]
    dropouts = [layer for layer in dropouts if layer.rate > 0]
    for layer in dropouts:
        layer.rate = rate
    if not dropouts:
        changes.insert_before_outputs(training, lambda: keras.layers.Dropout(rate))


# Loss and output


def wrong_sign(training: Training, random: Generator) -> None:
    """Minimises the negative loss."""
    losses = changes.losses(training.model)
    changes.set_losses(training.model, {key: _negative(loss) for key, loss in losses.items()})


def _negative(loss: Any) -> Callable[[Any, Any], Any]:
    known = keras.losses.get(loss)
    per_item = known.call if isinstance(known, keras.losses.Loss) else known

    def negative_loss(true: Any, predicted: Any) -> Any:
        return -per_item(true, predicted)

    return negative_loss


def relu_output(training: Training, random: Generator) -> None:
    """Puts a ReLU behind an output, before a cross-entropy or for targets below 0."""
    losses = changes.losses(training.model)
    key, loss = next(iter(losses.items()))
    changes.activate_output(training.model, key, "relu")
    changes.set_losses(training.model, {**losses, key: _of_probabilities(loss)})


def loss_does_not_fit(training: Training, random: Generator) -> None:
    """Takes a loss, or an output, that the other does not go with.

    - classes as numbers: their squared error, or a cross-entropy of outputs without softmax;
    - one-hot classes: a cross-entropy of outputs without softmax;
    - one unit of two classes: the cross-entropy of exclusive classes;
    - numbers: softmax over one unit, or sigmoid for targets beyond 0 and 1.
    """
    model = training.model
    losses = changes.losses(model)
    key, loss = next(iter(losses.items()))
    kind = _class_name(keras.losses.get(loss))
    has_one_unit = changes.units(changes.ends_of(model, key)) == 1
    if kind == "BinaryCrossentropy" and has_one_unit:
        losses[key] = "categorical_crossentropy"
    elif kind == "SparseCategoricalCrossentropy" and random.random() < 0.5:
        losses[key] = "mean_squared_error"
        _as_columns(training)
    elif kind.endswith("Crossentropy"):
        changes.activate_output(model, key, "linear")
        losses[key] = _of_probabilities(loss)
    else:
        changes.activate_output(model, key, "softmax" if has_one_unit else "sigmoid")
    changes.set_losses(model, losses)


def _as_columns(training: Training) -> None:
    """Makes class numbers `(items, 1)`, as data sets of Keras have them: Keras takes them so."""

    def column(array: NDArray[Any]) -> NDArray[Any]:
        return array[:, None] if array.ndim == 1 else array

    items.use_arrays(training)
    training.y = items.map_arrays(column, training.y)
    if training.validation is not None:
        x, y, *weights = training.validation
        training.validation = (x, items.map_arrays(column, y), *weights)
    if isinstance(training.probe, tuple):
        x, y = training.probe
        training.probe = (x, items.map_arrays(column, y))


def _class_name(loss: Any) -> str:
    """Returns the class of a loss, also where it was given as a function or by name."""
    if isinstance(loss, keras.losses.Loss):
        return type(loss).__name__
    return "".join(part.capitalize() for part in str(loss.__name__).split("_"))


def _of_probabilities(loss: Any) -> Any:
    """Returns the same loss with `from_logits=False`."""
    if isinstance(loss, keras.losses.Loss) and "from_logits" in loss.get_config():
        return type(loss).from_config({**loss.get_config(), "from_logits": False})
    return loss


FAULTS: Mapping[str, Fault] = {
    apply.__name__: Fault(apply.__name__, apply, LABELS[apply.__name__])
    for apply in (
        rate_too_low,
        rate_too_high,
        schedule_at_zero,
        clipped_to_nothing,
        adadelta_default,
        exploding,
        nan_inputs,
        raw_inputs,
        raw_inputs_bounded,
        random_labels,
        tiny_training_set,
        saturated_by_weights,
        vanishing_gradient,
        zero_initialisation,
        constant_initialisation,
        dead_at_start,
        frozen_at_random,
        over_regularised,
        dropout_too_strong,
        wrong_sign,
        relu_output,
        loss_does_not_fit,
    )
}
