"""Reads `ModelFacts` from a Keras model: what is certain about it and how it was compiled."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from keras_filterwatch.model import backends, graph_facts, optimizer_facts
from keras_filterwatch.model.data_facts import input_facts, target_facts
from keras_filterwatch.model.layer_names import layer_names
from keras_filterwatch.model.output_facts import output_facts, output_names
from keras_filterwatch.model.recording import DROPOUTS
from keras_filterwatch.model.trace import Flow, flow_of
from keras_filterwatch.model.watched_kernel import Note, WatchedLayers
from keras_filterwatch.model.weights import direct_weights
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.text import described, listed

_CONSTANTS = {keras.initializers.Zeros: 0, keras.initializers.Ones: 1}


def model_facts(
    model: keras.Model,
    watched: WatchedLayers,
    inputs: Any = None,
    targets: Any = None,
    problems: list[Note] | None = None,
) -> ModelFacts:
    """Returns what is certain about a model and how it was compiled. Never raises.

    The directions of its metrics are left out: see `metric_directions`.

    Args:
        model: a built Keras model.
        watched: its kernels, as `find` returns them.
        inputs: what a probe sends through the model; None without a probe.
        targets: the probe's targets; None if there are none.
        problems: a list to which a note is appended if some facts could not be read.

    Returns:
        The facts; what is unknown or could not be read is empty or None.

    Example:
        >>> from keras_filterwatch.model.find import find
        >>> dense = keras.layers.Dense(1, activation="sigmoid")
        >>> model = keras.Sequential([keras.layers.Input((4,)), dense])
        >>> model.compile(keras.optimizers.SGD(0.1), loss="binary_crossentropy")
        >>> facts = model_facts(model, find(model))
        >>> facts.optimizer, facts.learning_rate, facts.outputs[0].loss
        ('SGD', 0.1, 'binary_crossentropy')
    """
    facts: dict[str, Any] = {"backend": keras.backend.backend()}
    failures: dict[str, Exception] = {}

    def read(name: str, function: Callable[..., Any], *args: Any) -> None:
        try:
            facts[name] = function(*args)
        except Exception as error:  # layers, losses and optimizers of the user's own run here
            failures[name] = error

    names = layer_names(model._flatten_layers())
    try:
        flow = flow_of(model)
    except Exception:  # `find` has reported it already
        flow = None
    else:
        read("normalises_inputs", graph_facts.normalises_inputs, flow, model, names)
        read("has_shortcuts", graph_facts.has_shortcuts, flow)
        read("is_linear", graph_facts.is_linear, flow)
    read("outputs", output_facts, model, flow, targets)
    rescaling = (1.0, 0.0) if flow is None else graph_facts.fixed_rescaling(flow)
    read("inputs", lambda: input_facts(inputs, _input_names(model), *rescaling))
    read("targets", lambda: target_facts(targets, output_names(model)))
    read("optimizer", optimizer_facts.name, model)
    read("learning_rate", optimizer_facts.learning_rate, model)
    read("schedule", optimizer_facts.schedule, model)
    read("momentum", optimizer_facts.momentum, model)
    read("clipping", optimizer_facts.clipping, model)
    read("weight_decay", optimizer_facts.weight_decay, model)
    read("has_own_train_step", optimizer_facts.has_own_train_step, model)
    read("regularisers", _regularisers, model, names)
    read("dropout", _dropout, model, names)
    read("normalisations", _normalisations, model, names)
    read("batch_norm_momentum", _batch_norm_momentum, watched)
    read("activations", _activations, watched, flow)
    read("initialisers", _initialisers, watched)
    read("was_trained", _was_trained, watched)
    read("guessed_images", _guessed_images, watched)
    if failures and problems is not None:
        what = f"facts about the model could not be read: {listed(failures)}"
        error = next(iter(failures.values()))
        problems.append(
            Note(what, "Rules and causes that need them are left out", described(error))
        )
    return ModelFacts(**facts)


def metric_directions(model: keras.Model) -> dict[str, str]:
    """Returns which direction of each metric is better, as far as Keras knows. Never raises.

    Keras builds its metrics in the first epoch: call this at its end.

    Returns:
        Name in the logs, without `val_` -> `"up"` if higher is better, else `"down"`. Metrics of
        unknown direction are absent.
    """
    directions = {"loss": "down"}
    try:
        for metric in model.metrics:
            for name, part in _named_metrics(metric):
                direction = getattr(part, "_direction", None)
                if direction in ("up", "down"):
                    directions[name] = direction
        for metric in getattr(getattr(model, "_compile_loss", None), "metrics", ()):
            directions[metric.name] = "down"
    except Exception:  # metrics of the user's own run here
        return directions
    return directions


def _named_metrics(metric: Any) -> list[tuple[str, Any]]:
    """Returns the metrics that a metric of a model consists of, each with its name in the logs."""
    parts = getattr(metric, "metrics", None)
    if not isinstance(parts, list):
        return [(metric.name, metric)]
    # Keras's CompileMetrics holds those of all outputs: its results are named and ordered as these
    names = list(metric.result()) if parts else []
    return list(zip(names, parts, strict=True))


def _input_names(model: keras.Model) -> list[str]:
    """Returns the names of a model's inputs; none where they are not known."""
    return [str(tensor.name) for tensor in getattr(model, "inputs", None) or ()]


def _regularisers(model: keras.Model, names: Mapping[int, str]) -> dict[str, dict[str, float]]:
    """Returns layer name -> `"l1"` and `"l2"` -> the largest strength among its weights."""
    strengths: dict[str, dict[str, float]] = {}
    for layer in model._flatten_layers():
        for weight in direct_weights(layer):
            for kind, strength in optimizer_facts.penalties(weight).items():
                of_layer = strengths.setdefault(names[id(layer)], {})
                of_layer[kind] = max(strength, of_layer.get(kind, 0.0))
    return strengths


def _dropout(model: keras.Model, names: Mapping[int, str]) -> dict[str, float]:
    """Returns the name of each Dropout layer -> its rate."""
    return {
        names[id(layer)]: float(layer.rate)
        for layer in model._flatten_layers()
        if isinstance(layer, DROPOUTS)
    }


def _normalisations(model: keras.Model, names: Mapping[int, str]) -> tuple[str, ...]:
    """Returns the names of the normalisation layers."""
    parts = model._flatten_layers()
    return tuple(names[id(part)] for part in parts if isinstance(part, graph_facts.NORMALISERS))


def _batch_norm_momentum(watched: WatchedLayers) -> dict[str, float]:
    """Returns kernel name -> the largest momentum of the BatchNormalizations behind it."""
    return {
        kernel.name: max(float(norm.momentum) for norm in kernel.batch_norms)
        for kernel in watched.kernels
        if kernel.batch_norms
    }


def _activations(watched: WatchedLayers, flow: Flow | None) -> dict[str, str]:
    """Returns kernel name -> the non-linearity behind it, where it is known."""
    names = {
        kernel.name: graph_facts.activation_behind(flow, kernel.layer)
        for kernel in watched.kernels
        if kernel.output_sites or flow is None
    }
    return {kernel: name for kernel, name in names.items() if name}


def _initialisers(watched: WatchedLayers) -> dict[str, str]:
    """Returns kernel name -> class of its initialiser, or the name of a function."""
    names = {}
    for kernel in watched.kernels:
        kinds = ("depthwise",) if kernel.kind == "depthwise" else ("pointwise", "kernel")
        values = [getattr(kernel.layer, f"{kind}_initializer", None) for kind in kinds]
        value = next((value for value in values if value is not None), None)
        if value is not None:
            value = keras.initializers.get(value)
            names[kernel.name] = getattr(value, "__name__", type(value).__name__)
    return names


def _was_trained(watched: WatchedLayers) -> dict[str, bool]:
    """Returns kernel name -> whether its bias or BatchNormalization has left its initial values.

    Only those that were initialised with a constant can be judged; kernels without any are absent.
    """
    changes: dict[int, list[bool]] = {}  # a layer that several kernels share is read once
    results = {}
    for kernel in watched.kernels:
        known: list[bool] = []
        for layer in (kernel.layer, *kernel.batch_norms):
            if id(layer) not in changes:
                changes[id(layer)] = _changes(layer)
            known += changes[id(layer)]
        if known:
            results[kernel.name] = any(known)
    return results


def _guessed_images(watched: WatchedLayers) -> tuple[str, ...]:
    """Returns the names of the kernels that may read an image, where the probe does not say."""
    return tuple(name for name, guess in watched.guesses.items() if not guess.is_confirmed)


def _changes(layer: keras.Layer) -> list[bool]:
    """Returns, for each bias or statistic that began with a constant, whether it has changed."""
    changes = []
    for name in ("bias", "beta", "gamma", "moving_mean", "moving_variance"):
        variable = getattr(layer, name, None)
        initial = _constant(getattr(layer, f"{name}_initializer", None))
        if variable is not None and initial is not None:
            values = backends.to_numpy(variable)
            changes.append(not np.all(values == np.asarray(initial, values.dtype)))
    return changes


def _constant(initialiser: Any) -> Any:
    """Returns the constant that an initialiser sets; None for others."""
    if isinstance(initialiser, keras.initializers.Constant):
        return backends.to_numpy(initialiser.value)
    return next(
        (value for kind, value in _CONSTANTS.items() if isinstance(initialiser, kind)), None
    )
