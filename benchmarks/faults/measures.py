"""Measures at each epoch what the rules of other tools need (`baselines.py`)."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from benchmarks.faults import changes, items

_BATCH = 128
_RAILS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_AT_5 = {"sigmoid": (1 / (1 + np.exp(5)), 1 / (1 + np.exp(-5))), "tanh": (-np.tanh(5), np.tanh(5))}


class Measures(keras.callbacks.Callback):
    """Measures what the tools need on one batch, before training and after each epoch.

    Gradients and the update are those of the model's own training step, which is undone
    afterwards. A unit is a channel, seen over all items and positions.

    Attributes:
        epochs: a dict of numbers for each epoch, the first of them before training; empty where
            nothing could be measured.
        problem: why nothing could be measured; `""` if it could.
    """

    def __init__(self, probe: Any) -> None:
        super().__init__()
        self.epochs: list[dict[str, Any]] = []
        self.problem = ""
        batch = probe if isinstance(probe, tuple) else (probe,)
        self._batch = items.map_arrays(lambda array: tf.constant(array[:_BATCH]), batch)
        self._traced_step: Callable[[], Any] | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Measures the state before training."""
        try:
            self._begin()
            self._measure()
        except Exception as error:  # a training that cannot be measured is recorded as such
            self.problem = f"{type(error).__name__}: {error}"
            self._traced_step = None
            self.epochs.append({})

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Measures the state after an epoch."""
        if self._traced_step:
            self._measure()
        else:
            self.epochs.append({})

    def _begin(self) -> None:
        """Traces a forward pass and a training step, so that all their variables exist."""
        self._active = [(each, _activation(each)) for each in changes.leaves(self.model)]
        self._active = [(layer, name) for layer, name in self._active if name]
        self._kinds: list[str] = []
        self._trained: list[keras.Variable] = []
        for each in _optimizers(self.model):
            if hasattr(each, "inner_optimizer") and not each.built:
                each.build(self.model.trainable_variables)  # its scale is to be read while tracing
        self._traced_step = tf.function(self._step, jit_compile=False).get_concrete_function()
        kernels = {
            id(v) for layer in changes.with_kernel(self.model) for v in changes.kernels(layer)
        }
        self._kernels = [v for v in self._trained if id(v) in kernels]
        self._state = _state(self.model)

    def _step(self) -> tuple[Any, Any]:
        """Returns the outputs of the non-linearities, and the gradients of a training step."""
        with _captured(self._active) as captured:
            self.model(self._batch[0], training=False)
        self._kinds = [name for name, _ in captured]
        gradients: dict[int, Any] = {}
        with _applied(_optimizers(self.model)) as applied:
            self.model.train_step(self._batch)
        for gradient, variable in applied:
            if gradient is not None:
                gradients[id(variable)] = (tf.convert_to_tensor(gradient), variable)
        self._trained = [variable for _, variable in gradients.values()]
        return [output for _, output in captured], [gradient for gradient, _ in gradients.values()]

    def _measure(self) -> None:
        saved = [tf.identity(variable.value) for variable in self._state]
        before = [_numbers(kernel) for kernel in self._kernels]
        outputs, gradients = ([_numbers(each) for each in part] for part in self._traced_step())
        after = [_numbers(kernel) for kernel in self._kernels]
        for variable, value in zip(self._state, saved, strict=True):
            variable.assign(value)
        kernels = {id(kernel) for kernel in self._kernels}
        of_kernels = [
            gradient
            for gradient, variable in zip(gradients, self._trained, strict=True)
            if id(variable) in kernels
        ]
        with np.errstate(all="ignore"):
            self.epochs.append(
                {
                    "zero_gradients": _share([g == 0 for g in gradients]),
                    "gradient_norms": [float(np.linalg.norm(g)) for g in of_kernels],
                    "gradient_means": [float(np.abs(g).mean()) for g in of_kernels],
                    "weight_means": [float(w.mean()) for w in before],
                    "weight_variances": [float(w.var()) for w in before],
                    "updates": [_ratio(b, a) for b, a in zip(before, after, strict=True)],
                    "outputs": [
                        _output(name, values)
                        for name, values in zip(self._kinds, outputs, strict=True)
                    ],
                }
            )


@contextlib.contextmanager
def _captured(layers: list[tuple[keras.Layer, str]]) -> Iterator[list[tuple[str, Any]]]:
    """Collects the outputs of layers, each time that they are called, for the time of a block."""
    captured: list[tuple[str, Any]] = []

    def capturing(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def captured_call(*arguments: Any, **named: Any) -> Any:
            output = call(*arguments, **named)
            captured.append((name, output))
            return output

        return captured_call

    with _patched({layer: ("call", capturing(layer.call, name)) for layer, name in layers}):
        yield captured


@contextlib.contextmanager
def _applied(optimizers: list[keras.optimizers.Optimizer]) -> Iterator[list[tuple[Any, Any]]]:
    """Collects the gradients that optimizers apply, with their variables, for that of a block."""
    applied: list[tuple[Any, Any]] = []

    def applying(optimizer: Any) -> Callable[..., Any]:
        apply = optimizer.apply

        def captured_apply(gradients: Any, trainable_variables: Any = None) -> Any:
            gradients, variables = list(gradients), list(trainable_variables or [])
            seen = gradients
            if hasattr(optimizer, "dynamic_scale"):  # a float32, as are the gradients
                scale = tf.convert_to_tensor(optimizer.dynamic_scale)
                seen = [None if g is None else tf.convert_to_tensor(g) / scale for g in gradients]
            applied.extend(zip(seen, variables, strict=False))
            return apply(gradients, variables or None)

        return captured_apply

    with _patched({each: ("apply", applying(each)) for each in optimizers}):
        yield applied


@contextlib.contextmanager
def _patched(methods: dict[Any, tuple[str, Callable[..., Any]]]) -> Iterator[None]:
    """Gives objects other methods for the time of a block."""
    for instance, (name, method) in methods.items():
        object.__setattr__(instance, name, method)
    try:
        yield
    finally:
        for instance, (name, _) in methods.items():
            object.__delattr__(instance, name)


def _optimizers(model: keras.Model) -> list[keras.optimizers.Optimizer]:
    """Returns all optimizers of a model; those that wrap another, whose `apply` is in a branch."""
    own = [getattr(model, "optimizer", None), *vars(model).values()]
    return [each for each in own if isinstance(each, keras.optimizers.Optimizer)]


def _state(model: keras.Model) -> list[keras.Variable]:
    """Returns all variables that a training step may change, random generators included."""
    optimizers = _optimizers(model)
    shared = keras.src.random.seed_generator.global_seed_generator().state
    variables = [
        *model.variables,
        *model.metrics_variables,
        *(variable for each in optimizers for variable in each.variables),
        shared,
    ]
    return list({id(variable): variable for variable in variables}.values())


def _numbers(values: Any) -> NDArray[Any]:
    return np.asarray(tf.cast(getattr(values, "value", values), "float32"))


def _activation(layer: keras.Layer) -> str:
    """Returns the name of a layer's non-linearity; `""` if it has none."""
    if isinstance(layer, keras.layers.ReLU):
        return "relu"
    name = changes.activation(layer)
    return "" if name in ("linear", "softmax") else name


def _share(flags: list[NDArray[Any]]) -> float:
    return float(np.concatenate([each.ravel() for each in flags]).mean()) if flags else 0.0


def _ratio(before: NDArray[Any], after: NDArray[Any]) -> float:
    """Returns the size of one step's update, relative to the weights."""
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def _output(activation: str, values: NDArray[Any]) -> dict[str, Any]:
    units = values.reshape(-1, values.shape[-1])
    numbers = {
        "activation": activation,
        "finite": bool(np.isfinite(units).all()),
        "inactive": float((units == 0).all(axis=0).mean()),  # units
        "not_positive": float((units <= 0).mean()),  # values
        "low": float(((np.abs(units) >= 1e-5).mean(axis=0) < 0.05).mean()),  # 95th percentile
    }
    if activation in _RAILS:
        low, high = _AT_5[activation]
        numbers["beyond_5"] = float(((units <= low) | (units >= high)).mean())
        bottom, top = _RAILS[activation]
        scaled = 2 * (units - bottom) / (top - bottom) - 1
        numbers["saturated"] = float((_phi(scaled) > 0.85).mean())  # units
    return numbers


def _phi(scaled: NDArray[Any], bins: int = 10) -> NDArray[Any]:
    """Returns Rakitianskaia & Engelbrecht's (2015) saturation of each unit; 1 is at the rails."""
    with np.errstate(all="ignore"):
        places = np.clip(np.nan_to_num((scaled + 1) * bins / 2), 0, bins - 1).astype(int)
    sums = [np.abs(np.where(places == b, scaled, 0).sum(axis=0)) for b in range(bins)]
    return np.sum(sums, axis=0) / len(scaled)
