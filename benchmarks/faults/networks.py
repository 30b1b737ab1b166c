"""The networks: each usable on every data set, with what a fault must change as arguments."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
from keras import layers

CROSSED = ("plain", "batch_norm", "separable")  # what a case is trained with, if it can be
UNNORMALISED = ("plain", "separable", "dense")  # for faults that BatchNormalization would heal


@dataclass(frozen=True)
class Hidden:
    """How the hidden layers are made: `depth` counts those beyond the usual ones."""

    activation: str = "relu"
    initializer: Callable[[], Any] = keras.initializers.GlorotUniform
    l2: float = 0.0
    depth: int = 0

    def kernel(self, name: str = "kernel") -> dict[str, Any]:
        """Arguments for a layer's kernel."""
        regularizer = keras.regularizers.L2(self.l2) if self.l2 else None
        return {f"{name}_initializer": self.initializer(), f"{name}_regularizer": regularizer}

    def active(self) -> dict[str, Any]:
        """Arguments for a layer that is followed by the non-linearity."""
        return {"activation": self.activation, **self.kernel()}

    def conv(self, filters: int, window: int, stride: int = 1) -> keras.Layer:
        """A convolution of images."""
        return layers.Conv2D(filters, window, strides=stride, padding="same", **self.active())

    def separable(self, filters: int) -> keras.Layer:
        """A depthwise-separable convolution."""
        kernels = self.kernel("depthwise") | self.kernel("pointwise")
        return layers.SeparableConv2D(
            filters, 3, padding="same", activation=self.activation, **kernels
        )


def build(
    architecture: str,
    shape: tuple[int, ...],
    classes: int,
    hidden: Hidden,
    dropout: float = 0.0,
    first_trainable: bool = True,
) -> keras.Sequential:
    """A network that gives logits, with `dropout` before its last layer."""
    last = [layers.Dropout(dropout)] if dropout else []
    last.append(layers.Dense(classes, **hidden.kernel()))
    model = keras.Sequential([layers.Input(shape), *ARCHITECTURES[architecture](shape, hidden)])
    for layer in last:
        model.add(layer)
    next(layer for layer in model.layers if layer.weights).trainable = first_trainable
    return model


def _plain(shape: tuple[int, ...], hidden: Hidden, window: int) -> Iterator[keras.Layer]:
    yield hidden.conv(32, window, _stride(shape))
    yield layers.MaxPooling2D()
    for _ in range(hidden.depth):
        yield hidden.conv(24, 3)
    yield hidden.conv(48, 3)
    yield layers.Flatten()


def _batch_norm(shape: tuple[int, ...], hidden: Hidden) -> Iterator[keras.Layer]:
    conv = {"padding": "same", "use_bias": False, **hidden.kernel()}
    yield layers.Conv2D(32, 3, strides=_stride(shape), **conv)
    yield layers.BatchNormalization(momentum=0.9)
    yield layers.Activation(hidden.activation)
    yield layers.MaxPooling2D()
    yield layers.Conv2D(48, 3, **conv | hidden.kernel())
    yield layers.BatchNormalization(momentum=0.9)
    yield layers.Activation(hidden.activation)
    yield layers.Flatten()


def _separable(shape: tuple[int, ...], hidden: Hidden) -> Iterator[keras.Layer]:
    yield hidden.conv(32, 3, _stride(shape))
    yield hidden.separable(48)
    yield layers.MaxPooling2D()
    for _ in range(hidden.depth + 1):
        yield hidden.separable(48)
    yield layers.Flatten()


def _dense(shape: tuple[int, ...], hidden: Hidden) -> Iterator[keras.Layer]:
    yield layers.Flatten()
    yield layers.Dense(96, **hidden.active())
    for _ in range(hidden.depth + 1):
        yield layers.Dense(48, **hidden.active())


def _conv1d(shape: tuple[int, ...], hidden: Hidden) -> Iterator[keras.Layer]:
    height, width, channels = shape
    yield layers.Reshape((height, width * channels))
    yield layers.Conv1D(48, 5, padding="same", **hidden.active())
    yield layers.MaxPooling1D()
    yield layers.Conv1D(48, 3, padding="same", **hidden.active())
    yield layers.Flatten()


def _stride(shape: tuple[int, ...]) -> int:
    """2 in the first layer where images are large enough, to spare time."""
    return 1 if shape[0] < 16 else 2


ARCHITECTURES: dict[str, Callable[..., Iterator[keras.Layer]]] = {
    "plain": partial(_plain, window=5),
    "batch_norm": _batch_norm,
    "separable": _separable,
    "dense": _dense,
    "conv1d": _conv1d,
    "window_3": partial(_plain, window=3),
    "window_5": partial(_plain, window=5),
    "window_7": partial(_plain, window=7),
}
