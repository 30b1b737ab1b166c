"""What the other tools look at, measured each epoch; their rules stand in baselines.py."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_BATCH = 128
_RAILS = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
_AT_5 = {"sigmoid": (1 / (1 + np.exp(5)), 1 / (1 + np.exp(-5))), "tanh": (-np.tanh(5), np.tanh(5))}


class Measures(keras.callbacks.Callback):
    """Measures before training and after each epoch, on one batch, what the tools look at.

    Gradients and the update are those of a training step, which is undone afterwards. A unit is a
    channel, seen over all items and positions.

    Attributes:
        epochs: a dict of numbers for each epoch, the first for the initial state.
    """

    def __init__(self, x: NDArray, y: NDArray) -> None:
        super().__init__()
        self.epochs: list[dict[str, Any]] = []
        self._x, self._y = tf.constant(x[:_BATCH]), tf.constant(y[:_BATCH])

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """The initial state."""
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)
        self._active = [layer for layer in self.model.layers if _activation(layer)]
        self._outputs = keras.Model(self.model.inputs, [layer.output for layer in self._active])
        self._kernels = [v for v in self.model.trainable_variables if "kernel" in v.name]
        self._look = tf.function(self._step, jit_compile=False)
        self._measure()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """The state after an epoch."""
        self._measure()

    def _step(self) -> tuple[Any, Any, Any, Any]:
        """Kernels, gradients, kernels after a training step, outputs of the non-linearities."""
        model, optimizer = self.model, self.model.optimizer
        outputs = self._outputs(self._x, training=False)
        state = [*model.variables, *optimizer.variables]
        saved = [tf.identity(variable.value) for variable in state]
        before = [tf.identity(kernel.value) for kernel in self._kernels]
        with tf.GradientTape() as tape:
            predicted = model(self._x, training=True)
            loss = model.compute_loss(self._x, self._y, predicted)
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)
        after = [tf.identity(kernel.value) for kernel in self._kernels]
        for variable, value in zip(state, saved, strict=True):
            variable.assign(value)
        return before, gradients, after, outputs

    def _measure(self) -> None:
        before, gradients, after, outputs = (
            [tensor.numpy() for tensor in tf.nest.flatten(part)] for part in self._look()
        )
        names = [v.name for v in self.model.trainable_variables]
        of_kernels = [g for g, name in zip(gradients, names, strict=True) if "kernel" in name]
        with np.errstate(all="ignore"):
            self.epochs.append(
                {
                    "learning_rate": float(self.model.optimizer.learning_rate),
                    "zero_gradients": _share([g == 0 for g in gradients]),
                    "gradient_norms": [float(np.linalg.norm(g)) for g in of_kernels],
                    "gradient_means": [float(np.abs(g).mean()) for g in of_kernels],
                    "weight_means": [float(w.mean()) for w in before],
                    "weight_variances": [float(w.var()) for w in before],
                    "updates": [_ratio(b, a) for b, a in zip(before, after, strict=True)],
                    "outputs": [
                        _output(_activation(layer), values)
                        for layer, values in zip(self._active, outputs, strict=True)
                    ],
                }
            )


def _activation(layer: keras.Layer) -> str:
    """The name of a layer's non-linearity; empty if it has none."""
    name = getattr(getattr(layer, "activation", None), "__name__", "")
    return "" if name in ("linear", "softmax") else name


def _share(flags: list[NDArray]) -> float:
    return float(np.concatenate([each.ravel() for each in flags]).mean())


def _ratio(before: NDArray, after: NDArray) -> float:
    """Size of one step's update, relative to the weights."""
    return float(np.linalg.norm(after - before) / np.linalg.norm(before))


def _output(activation: str, values: NDArray) -> dict[str, Any]:
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


def _phi(scaled: NDArray, bins: int = 10) -> NDArray:
    """Rakitianskaia & Engelbrecht's (2015) saturation of each unit; 1 is at the rails."""
    places = np.clip((scaled + 1) * bins / 2, 0, bins - 1).astype(int)
    sums = [np.abs(np.where(places == b, scaled, 0).sum(axis=0)) for b in range(bins)]
    return np.sum(sums, axis=0) / len(scaled)
