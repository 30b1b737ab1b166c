"""The model whose files lie in saved_models/tensorflow, and checkpoints that are made by hand."""

from contextlib import ExitStack

import numpy as np

from benchmarks.fuzz.formats.tensorflow_bundle import (
    BUNDLE_HEADER,
    bundle_entry,
    index_file,
    write_bundle,
)
from keras_filterwatch.files.tensorflow.tensorflow_checkpoint import read_tensorflow_checkpoint


def ramp(shape, name):
    """Numbers from -0.5 to 0.5 that differ from name to name."""
    count = int(np.prod(shape))
    step = 2 * (sum(map(ord, name)) % 15) + 1
    return ((np.arange(count) * step % 31) / 31 - 0.5).reshape(shape).astype("float32")


def net(keras):
    """A model with the kinds of layers whose axes differ, of `keras` or `tf_keras`."""
    layers = keras.layers
    image = layers.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, name="conv")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise")(x)
    block = [layers.SeparableConv2D(5, 2, name="separable"), layers.Conv2D(4, 1, name="conv")]
    x = keras.Sequential(block, name="block")(x)
    x = layers.Conv2DTranspose(6, 2, name="up", trainable=False)(x)
    sequence = layers.LSTM(2, name="lstm")(layers.Reshape((-1, 6), name="rows")(x))
    x = layers.Dense(3, name="dense")(layers.Flatten(name="flatten")(x))
    x = layers.Dense(2, name="head")(layers.Concatenate(name="both")([x, sequence]))
    return keras.Model(image, x, name="net")


def set_ramps(model):
    """Gives each weight the numbers of its name; returns the model."""
    for name, layer in named_layers(model):
        for place, weight in enumerate(layer.weights):
            is_variance = layer.name == "norm" and place == 3
            weight.assign(ramp(weight.shape, f"{name}/{place}") + is_variance)
    return model


def named_layers(model):
    """The layers with their paths, those in models within the model too."""
    for layer in model.layers:
        inner = getattr(layer, "layers", None)
        if inner:
            yield from ((f"{layer.name}/{each.name}", each) for each in inner)
        else:
            yield layer.name, layer


def read_kernels(path, reader=read_tensorflow_checkpoint):
    """The kernels of a file by their names, and the file."""
    with ExitStack() as stack:
        file = reader(path, stack)
        return {kernel.name: kernel.read() for kernel in file.kernels}, file


def write_checkpoint(path, tensors, header=BUNDLE_HEADER):
    """Writes a checkpoint by hand: name -> (array, the number that TensorFlow has for its type)."""
    entries, data = {b"": header}, b""
    for name, (array, dtype) in sorted(tensors.items()):
        stored = array.tobytes()
        entry = bundle_entry(array.shape, len(data), len(stored), bytes(4), dtype=dtype)
        entries[name.encode()] = entry
        data += stored
    write_bundle(path, index_file(entries), data)
