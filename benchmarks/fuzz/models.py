"""Random networks: a description that Hypothesis draws, and the Keras model built from it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from hypothesis import strategies as st
from keras import layers

ODD_NAMES = ("a>b", "a\\b", "0", "CONV-2_d", "a" * 200)  # the backends refuse odder ones


@keras.saving.register_keras_serializable("fuzz")
class Patchify(layers.Layer):
    """A custom layer with a kernel of four axes."""

    def build(self, shape: tuple[int, ...]) -> None:
        """Adds the kernel."""
        self.kernel = self.add_weight(shape=(2, 2, shape[-1], 4), name="kernel")

    def call(self, x: Any) -> Any:
        """Returns one output for each patch of 2x2."""
        return keras.ops.conv(x, self.kernel, strides=2)


@keras.saving.register_keras_serializable("fuzz")
class SubclassedModel(keras.Model):
    """A subclassed model that calls another one."""

    def __init__(self, body: keras.Model) -> None:
        super().__init__()
        self.body = body

    def call(self, x: Any) -> Any:
        """Returns what the other model returns."""
        return self.body(x)


def _residual(filters: int) -> Callable[[Any], Any]:
    def block(x: Any) -> Any:
        y = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        y = layers.Conv2D(x.shape[-1], 3, padding="same")(y)
        return layers.Add()([x, y])

    return block


def _attention(x: Any) -> Any:
    return layers.MultiHeadAttention(2, 3)(x, x)


IMAGE_LAYERS: dict[str, Callable[[], Any]] = {
    "conv": lambda: layers.Conv2D(5, 3, padding="same", activation="relu"),
    "wide conv": lambda: layers.Conv2D(8, 5, padding="same"),
    "1x1 conv": lambda: layers.Conv2D(6, 1, activation="tanh"),
    "oblong conv": lambda: layers.Conv2D(4, (1, 3), padding="same", activation="sigmoid"),
    "zeros conv": lambda: layers.Conv2D(4, 3, padding="same", kernel_initializer="zeros"),
    "clipped conv": lambda: layers.Conv2D(
        4, 3, padding="same", kernel_constraint=keras.constraints.MaxNorm(0.1)
    ),
    "depthwise": lambda: layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2),
    "separable": lambda: layers.SeparableConv2D(4, 3, padding="same"),
    "transposed": lambda: layers.Conv2DTranspose(4, 3, padding="same", activation="elu"),
    "residual": lambda: _residual(4),
    "normalised": lambda: layers.BatchNormalization(),
    "relu": lambda: layers.ReLU(),
    "pooled": lambda: layers.MaxPooling2D(2, padding="same"),
    "dropout": lambda: layers.Dropout(0.3),
    "patches": lambda: Patchify(),
    "nested": lambda: keras.Sequential(
        [layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
    ),
}
SEQUENCE_LAYERS: dict[str, Callable[[], Any]] = {
    "conv": lambda: layers.Conv1D(4, 3, padding="same", activation="relu"),
    "separable": lambda: layers.SeparableConv1D(4, 3, padding="same"),
    "transposed": lambda: layers.Conv1DTranspose(4, 3, padding="same"),
    "attention": lambda: _attention,
    "wrapped": lambda: layers.TimeDistributed(layers.Dense(3)),
    "einsum": lambda: layers.EinsumDense("abc,cd->abd", output_shape=(7, 3)),
    "recurrent": lambda: layers.GRU(3, return_sequences=True),
    "normalised": lambda: layers.LayerNormalization(),
    "dropout": lambda: layers.SpatialDropout1D(0.2),
}
FLAT_LAYERS: dict[str, Callable[[], Any]] = {
    "dense": lambda: layers.Dense(6, activation="relu"),
    "one unit": lambda: layers.Dense(1, activation="tanh"),
    "regularised": lambda: layers.Dense(4, kernel_regularizer="l2"),
    "normalised": lambda: layers.BatchNormalization(),
    "dropout": lambda: layers.Dropout(0.5),
}
SHAPES = {"image": (8, 8, 3), "grey image": (8, 8, 1), "sequence": (7, 2), "flat": (9,)}


@dataclass(frozen=True)
class Network:
    """What a model is built from."""

    data: str
    body: tuple[str, ...]
    head: tuple[str, ...]
    style: str
    frozen: bool
    name: str


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Draws the description of a network."""
    data = draw(st.sampled_from(list(SHAPES)))
    kinds = IMAGE_LAYERS if "image" in data else SEQUENCE_LAYERS if data == "sequence" else {}
    body = draw(st.lists(st.sampled_from(list(kinds)), max_size=3)) if kinds else []
    return Network(
        data,
        tuple(body),
        tuple(draw(st.lists(st.sampled_from(list(FLAT_LAYERS)), max_size=2))),
        draw(st.sampled_from(["functional", "sequential", "built late", "subclassed"])),
        draw(st.booleans()),
        draw(st.sampled_from(["head", *ODD_NAMES])),
    )


def build(network: Network) -> keras.Model:
    """Builds the model; it has two outputs."""
    kinds = IMAGE_LAYERS if "image" in network.data else SEQUENCE_LAYERS
    parts: list[Any] = [kinds[kind]() for kind in network.body]
    parts += [layers.Flatten()] if len(SHAPES[network.data]) > 1 else []
    parts += [FLAT_LAYERS[kind]() for kind in network.head]
    parts += [layers.Dense(2, name=network.name)]
    if network.frozen and hasattr(parts[0], "trainable"):
        parts[0].trainable = False
    functions = any(not isinstance(part, keras.Layer) for part in parts)
    if network.style in ("sequential", "built late") and not functions:
        inputs = [] if network.style == "built late" else [layers.Input(SHAPES[network.data])]
        return keras.Sequential([*inputs, *parts])
    x = inputs = layers.Input(SHAPES[network.data])
    for part in parts:
        x = part(x)
    model = keras.Model(inputs, x)
    return SubclassedModel(model) if network.style == "subclassed" else model


def data_of(network: Network, count: int, spoiled: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns inputs and targets at random, some of them spoiled."""
    random = np.random.default_rng(0)
    x = random.standard_normal((count, *SHAPES[network.data])).astype("float32")
    y = random.standard_normal((count, 2)).astype("float32")
    if spoiled == "nan":
        x[0] = np.nan
    elif spoiled == "huge":
        x *= 1e30
    elif spoiled == "zero":
        x[:] = 0
    return x, y
