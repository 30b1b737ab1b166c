"""One of several processes that train together; prints what became of its training as JSON.

    python train_together.py INDEX COUNT PORT LOG_DIR SCENARIO

`test_together.py` starts them. With JAX they train one model on parts of each batch, with PyTorch
each a model of its own, as with DistributedDataParallel made by hand.
"""

import json
import os
import sys
import warnings

if "kernels" in sys.argv[5]:  # each process has two devices
    os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"

import keras
import numpy as np
from keras import layers

import keras_filterwatch as fw

INDEX, COUNT, PORT, LOG_DIR, SCENARIO = int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]
EPOCHS = 4


def connect():
    """Joins the other processes."""
    if keras.backend.backend() == "jax":
        import jax

        # a process that dies is noticed after 10 seconds without a sign of life, not after 100
        jax.distributed.initialize(f"127.0.0.1:{PORT}", COUNT, INDEX, heartbeat_timeout_seconds=10)
        keras.distribution.set_distribution(distribution())
    else:
        import torch

        address = f"tcp://127.0.0.1:{PORT}"
        torch.distributed.init_process_group("gloo", address, rank=INDEX, world_size=COUNT)


def distribution():
    """How the processes divide their work and, in two scenarios, the kernels."""
    devices = keras.distribution.list_devices()
    if "kernels" not in SCENARIO:
        return keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False)
    shape = (COUNT, 2) if SCENARIO == "whole kernels in each" else (1, 2 * COUNT)
    mesh = keras.distribution.DeviceMesh(shape, ("batch", "model"), devices)
    layout = keras.distribution.LayoutMap(mesh)
    layout[".*conv2d/kernel"] = (None, None, None, "model")
    parallel = keras.distribution.ModelParallel(layout_map=layout, batch_dim_name="batch")
    parallel.auto_shard_dataset = False
    return parallel


def asks(history):
    """Raises an alarm after the second epoch, in the last process only."""
    if INDEX == COUNT - 1 and history[-1].step >= 2:
        return [fw.Alarm("asks", "", history[-1].step, 1.0, 0.0, (), "Stop, please.")]
    return []


class Die(keras.callbacks.Callback):
    """Ends the process as `kill -9` does, at the end of the second epoch."""

    def on_epoch_end(self, epoch, logs=None):
        if epoch == 1:
            os._exit(9)


def callbacks():
    """What the scenario gives this process."""
    watch = fw.FilterWatch(LOG_DIR, probe=(X[:4], Y[:4]), rules=[asks], stop_on=["asks"])
    if SCENARIO == "one watches":
        return [watch] if INDEX == 0 else []
    if SCENARIO == "one dies" and INDEX == 1:
        return [Die(), watch]
    return [watch]


connect()
X = np.random.default_rng(0).normal(size=(8, 6, 6, 1)).astype("float32")
Y = np.zeros((8, 1), "float32")
keras.utils.set_random_seed(1)
model = keras.Sequential(
    [layers.Input((6, 6, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(1)]
)
model.compile("sgd", "mse")
given = callbacks()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    epochs = model.fit(X, Y, epochs=EPOCHS, batch_size=4, verbose=0, callbacks=given).epoch
watch = given[0] if given else None
result = {
    "epochs": len(epochs),
    "noise": [scores["conv2d"]["noise"] for scores in watch.history] if watch else [],
    "steps": [scores.step for scores in watch.history] if watch else [],
    "problems": watch and [str(problem) for problem in watch.problems],
}
print(f"\n{json.dumps(result)}", flush=True)
