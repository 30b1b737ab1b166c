"""A training on the devices that the first argument names; prints its scores as JSON.

Devices can only be chosen before a backend starts: `test_devices.py` runs this in processes of
its own.
"""

import json
import os
import sys
import tempfile
from contextlib import nullcontext

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=8"

import keras
import numpy as np
from keras import layers

import keras_filterwatch as fw


def distribution(name):
    """What `keras.distribution` offers on eight devices; None for a single one."""
    devices = keras.distribution.list_devices()
    assert len(devices) == 8
    if name == "DataParallel":
        return keras.distribution.DataParallel(devices=devices)
    if name == "ModelParallel":
        mesh = keras.distribution.DeviceMesh((2, 4), ("batch", "model"), devices)
        layout = keras.distribution.LayoutMap(mesh)
        layout[".*conv/kernel"] = (None, None, None, "model")
        layout[".*norm/(gamma|moving_variance)"] = ("model",)
        layout[".*head/kernel"] = (None, "model")
        return keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
    return None


def scope(name):
    """What a model is made in; with TensorFlow, a strategy on two devices."""
    if keras.backend.backend() == "jax":
        keras.distribution.set_distribution(distribution(name))
        return nullcontext()
    import tensorflow as tf

    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    devices = ["CPU:0", "CPU:1"]
    return tf.distribute.MirroredStrategy(devices).scope() if name == "Mirrored" else nullcontext()


def kernel_parts(model):
    """On how many devices the first kernel has different parts."""
    value = model.get_layer("conv").kernel.value
    parts = {str(shard.index) for shard in getattr(value, "addressable_shards", ())}
    return max(1, len(parts))


def numbers(scores):
    """The scores of all layers, and the loss of the probe."""
    by_layer = {f"{layer} {key}": scores[layer][key] for layer in scores for key in scores[layer]}
    return by_layer | {"probe_loss": scores.logs["probe_loss"]}


def train(name):
    """Trains a model and returns what FilterWatch had to say about it."""
    with scope(name):
        keras.utils.set_random_seed(1)
        parts = [
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            # TensorFlow's replicas normalise their own parts of a batch, so that training differs
            *([layers.BatchNormalization(name="norm")] if keras.backend.backend() == "jax" else []),
            layers.Flatten(),
            layers.Dense(4, name="head"),
        ]
        model = keras.Sequential([layers.Input((8, 8, 3)), *parts])
        model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    x = random.normal(size=(32, 8, 8, 3)).astype("float32")
    y = random.normal(size=(32, 4)).astype("float32")
    pictures = ["filters", "activations", "favourites"]
    watch = fw.FilterWatch(
        tempfile.mkdtemp(), probe=(x[:10], y[:10]), images=pictures, layers=["conv", "head"]
    )
    model.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0, callbacks=[watch])
    return {
        "parts": kernel_parts(model),
        "problems": [str(problem) for problem in watch.problems],
        "scores": [numbers(scores) for scores in watch.history],
        "kernels": {k.name: k.array.tolist() for k in watch.snapshot.kernels},
        "weights": {n: model.get_layer(n).get_weights()[0].tolist() for n in ("conv", "head")},
        "maximized": fw.maximize(model, "conv", [0], steps=2).tolist(),
    }


if __name__ == "__main__":
    result = train(sys.argv[1])
    print(json.dumps(result))
