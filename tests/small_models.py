"""Small models, arrays and questions that the tests of keras_filterwatch.model share."""

import inspect
import sys
from contextlib import contextmanager

import keras
import numpy as np
from keras import layers

from keras_filterwatch.model.find import snapshot


def sequential(*parts, shape):
    """A Sequential model of these layers."""
    return keras.Sequential([layers.Input(shape), *parts])


def noise(shape, seed=0):
    """Normal numbers in float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def shapes(model, **choice):
    """Kernel name -> shape, in the order in which the model uses them."""
    return {kernel.name: kernel.array.shape for kernel in snapshot(model, **choice).kernels}


def kernel_of(model, name=None):
    """The kernel of this name, or the model's first."""
    kernels = {kernel.name: kernel for kernel in snapshot(model).kernels}
    return kernels[name] if name else next(iter(kernels.values()))


def randomize_batch_norms(model):
    """Gives the BatchNormalizations of a model weights as after some training."""
    random = np.random.default_rng(1)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            for weight in layer.weights:
                weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return model


class Block(keras.layers.Layer):
    """Its layers are used in another order than they are made."""

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.last = layers.Conv2D(filters, 1, name="last")
        self.conv = layers.Conv2D(filters, 3, padding="same", name="conv")
        self.norm = layers.BatchNormalization(name="norm")
        self.more = [layers.Conv2D(filters, 1, name="more")]

    def call(self, x):
        x = self.norm(self.conv(x))
        for layer in self.more:
            x = layer(x)
        return self.last(x)


class TwoBlocks(keras.Model):
    """A subclassed model with two blocks of the same name."""

    def __init__(self):
        super().__init__()
        self.first = Block(4, name="block")
        self.second = Block(4, name="block")
        self.head = layers.Dense(2, name="head")

    def call(self, x):
        return self.head(keras.ops.mean(self.second(self.first(x)), axis=(1, 2)))


def two_blocks():
    """A TwoBlocks that was called on images of 8x8 pixels."""
    model = TwoBlocks()
    model(noise((1, 8, 8, 3)))
    return model


class SharedActivation(keras.Model):
    """One activation layer, used twice, as many write it."""

    def __init__(self):
        super().__init__()
        self.first = layers.Conv2D(5, 3, name="first")
        self.second = layers.Conv2D(4, 3, name="second")
        self.norms = [layers.BatchNormalization(), layers.BatchNormalization()]
        self.relu = layers.ReLU()
        self.head = layers.Dense(2, name="head")

    def hidden(self, x):
        """The outputs of both convolutions behind the activation."""
        one = self.relu(self.norms[0](self.first(x)))
        return one, self.relu(self.norms[1](self.second(one)))

    def call(self, x):
        return self.head(keras.ops.mean(self.hidden(x)[1], axis=(1, 2)))


class Stubborn(keras.Model):
    """A model that can be used, until `willing` is False: then its calls fail."""

    def __init__(self):
        super().__init__()
        self.conv = layers.Conv2D(4, 3, name="conv")
        self.norm = layers.BatchNormalization(name="norm")
        self.willing = True
        self.message = "not now"

    def call(self, x):
        if not self.willing:
            raise RuntimeError(self.message)
        return self.norm(self.conv(x))


def stubborn(message="not now"):
    """A built Stubborn that cannot be traced."""
    model = Stubborn()
    model(noise((1, 8, 8, 3)))
    model.willing, model.message = False, message
    return model


class ManyDense(keras.Model):
    """Many Dense layers of one name, one after the other."""

    def __init__(self, count):
        super().__init__()
        self.parts = [layers.Dense(2, name="dense") for _ in range(count)]

    def build(self, shape):
        for part in self.parts:
            part.build(shape)

    def call(self, x):
        for part in self.parts:
            x = part(x)
        return x


class Level(keras.layers.Layer):
    """A Dense layer, and another Level inside."""

    def __init__(self, inner):
        super().__init__(name="level")
        self.dense = layers.Dense(2, name="dense")
        self.inner = inner

    def build(self, shape):
        self.dense.build(shape)

    def call(self, x):
        x = self.dense(x)
        return x if self.inner is None else self.inner(x)


def levels(depth):
    """Levels within levels."""
    level = None
    for _ in range(depth):
        level = Level(level)
        level.build((None, 2))
    return level


@contextmanager
def short_stack():
    """Leaves Python's stack about 100 frames."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
