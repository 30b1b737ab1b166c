"""What probing costs: its time over that of `model.predict` on the same inputs, side by side.

`KERAS_BACKEND=jax python benchmarks/probe.py`; the aim is at most 1.3. Last figures, on two cores
(Python 3.11, Keras 3.15; runs differ by up to 0.3, most of it the cost of new memory):

              small        MobileNetV2  ResNet50
    TensorFlow 0.34, 0.35  0.95, 1.32   1.24, 1.21
    JAX        1.27, 1.17  0.98, 0.98   1.05, 1.05
    PyTorch    1.09, 1.08  1.31, 1.55   1.14, 1.29

With targets, a backward pass follows, which has no such aim: on JAX, ResNet50 took 0.8 times as
long as for training on the same inputs. Last figures, on two cores that other work shared:

              small        MobileNetV2  ResNet50
    TensorFlow 0.28, 0.48  3.32         3.28
    JAX        3.06, 4.90  7.69         7.40
    PyTorch    2.58, 2.99  3.51         2.81

PyTorch runs MobileNetV2 in little more time than reading its outputs takes: three sums over them
cost a quarter of a pass, and half when memory is slow.
"""

import time
from collections.abc import Callable
from statistics import median

import keras
import numpy as np
from keras import layers

from keras_filterwatch.model import find
from keras_filterwatch.model.probe import Probe

INPUTS, ROUNDS = 64, 15


def small() -> keras.Model:
    """Three convolutions on 32x32 images."""
    parts = [layers.Conv2D(32, 3), layers.BatchNormalization(), layers.ReLU()]
    parts += [layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D()]
    parts += [layers.Conv2D(64, 3, activation="relu"), layers.Flatten(), layers.Dense(10)]
    return keras.Sequential([layers.Input((32, 32, 3)), *parts])


def application(name: str) -> keras.Model:
    """One of Keras's own, with random weights, for 128x128 images."""
    return getattr(keras.applications, name)(weights=None, input_shape=(128, 128, 3))


def seconds(task: Callable[[], object]) -> float:
    """How long it takes once."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def ratios(model: keras.Model) -> list[float]:
    """Without and with targets: medians over rounds in which all take turns."""
    x = np.random.default_rng(0).random((INPUTS, *model.input_shape[1:])).astype("float32")
    y = np.arange(INPUTS) % model.output_shape[-1]
    watched = find.find(model)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    probes = [Probe(model, watched, x), Probe(model, watched, x, y)]
    tasks = [lambda: model.predict(x, verbose=0), *(probe.run for probe in probes)]
    rounds = [[seconds(task) for task in tasks] for _ in range(ROUNDS + 1)][1:]  # one compiles
    return [median(turn[place] / turn[0] for turn in rounds) for place in (1, 2)]


def main() -> None:
    """Prints a line for each network."""
    networks = {"small": small(), **{k: application(k) for k in ("MobileNetV2", "ResNet50")}}
    for name, model in networks.items():
        without, with_targets = ratios(model)
        print(
            f"{keras.backend.backend()}  {name}: {without:.2f} times predict, "
            f"{with_targets:.2f} with targets",
            flush=True,
        )


if __name__ == "__main__":
    main()
