"""What watching costs, beside `keras.callbacks.TensorBoard` and a plain pass over the weights.

`python benchmarks/overhead.py` prints a line for each aim, on TensorFlow, all measured side by side
in one run; `python benchmarks/overhead.py resnet import` only these.
"""

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
from keras import layers

import keras_filterwatch as fw
from keras_filterwatch import extraction, scoring

EPOCHS, ROUNDS = 4, 5


def seconds(task: Callable[[], object]) -> float:
    """How long it takes once."""
    started = time.perf_counter()
    task()
    return time.perf_counter() - started


def waits(
    model: keras.Model, *callbacks: Any, epochs: int = EPOCHS
) -> list[list[tuple[float, float]]]:
    """For each callback and epoch, how long training waits, and what goes on beside it after that.

    The callbacks take turns, and none begins before the one before has ended all its work.
    """
    for callback in callbacks:
        callback.set_params({"steps": 1, "epochs": epochs})
        callback.set_model(model)
        callback.on_train_begin()
    found: list[list[tuple[float, float]]] = [[] for _ in callbacks]
    for epoch in range(epochs):
        for callback, times in zip(callbacks, found, strict=True):
            callback.on_epoch_begin(epoch)
            rest(callback)
            waited = seconds(partial(callback.on_epoch_end, epoch, {"loss": 1.0}))
            times.append((waited, seconds(partial(rest, callback))))
    for callback in callbacks:
        callback.on_train_end()
    return found


def rest(callback: Any) -> None:
    """Waits for what a FilterWatch does beside training."""
    if isinstance(callback, fw.FilterWatch):
        _ = callback.history


def size_of(directory: Path) -> int:
    """Bytes in all files below."""
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def report(what: str, measured: str, aim: str) -> None:
    """One line, at once."""
    print(f"{what:52} {measured:>28}   aim {aim}", flush=True)


def resnet(directory: Path) -> None:
    """ResNet50 beside Keras's callback, and scores beside plain passes."""
    model = application("ResNet50")
    watch = fw.FilterWatch(directory / "watch")
    tensorboard = keras.callbacks.TensorBoard(
        directory / "keras", histogram_freq=1, write_images=True, write_graph=False
    )
    ours, keras_own = waits(model, watch, tensorboard)
    ratio = median(a / b for (a, _), (b, _) in zip(ours[1:], keras_own[1:], strict=True))
    waited, beside = (median(times) for times in zip(*ours[1:], strict=True))
    report("ResNet50: training waits, per epoch", f"{waited:.3f} s", "")
    report("ResNet50: of Keras's callback", f"1/{1 / ratio:.0f}", "1/30")
    report("ResNet50: goes on beside training", f"{beside:.2f} s", "")
    size = size_of(directory / "watch") / (EPOCHS + 1) / 1000
    report("ResNet50: events per epoch", f"{size:.0f} kB", "600 kB")
    at_once, all_scores = passes(model)
    report("ResNet50: scores that training waits for", f"{at_once:.1f} plain passes", "8")
    report("ResNet50: all scores", f"{all_scores:.1f} plain passes", "8")


def passes(model: keras.Model) -> list[float]:
    """The time that scores take, over that of a sum of squares of all weights in one array.

    Those that training waits for, and all.
    """
    snapshot = extraction.find(model).read(0)
    before = snapshot.copied()
    weights = np.concatenate([kernel.array.ravel() for kernel in snapshot.kernels])
    tasks = (
        partial(scoring.glance, snapshot, first=before, previous=before),
        partial(fw.score, snapshot, first=before, previous=before),
        lambda: np.square(weights).sum(),
    )
    rounds = [[seconds(task) for task in tasks] for _ in range(ROUNDS + 1)][1:]
    return [median(times[i] / times[2] for times in rounds) for i in range(2)]


def vgg(directory: Path) -> None:
    """VGG16, which Keras's callback does not survive on 24 GB."""
    model = application("VGG16")
    weights = sum(int(np.prod(weight.shape)) * 4 for weight in model.weights)
    tracemalloc.start()  # it sees NumPy's memory, not that of the model
    waits(model, fw.FilterWatch(directory / "memory"), epochs=2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (ours,) = waits(model, fw.FilterWatch(directory / "vgg"), epochs=3)
    waited, beside = (median(times) for times in zip(*ours[1:], strict=True))
    report("VGG16: training waits, per epoch", f"{waited:.2f} s", "1.5 s")
    report("VGG16: goes on beside training", f"{beside:.2f} s", "")
    report("VGG16: extra memory", f"{most / weights:.2f} x the weights", "2")


def long(directory: Path) -> None:
    """Epoch 1,000 against epoch 2."""
    model = keras.Sequential(
        [layers.Input((32, 32, 3)), layers.Conv2D(32, 5), layers.Conv2D(32, 3)]
    )
    times = [sum(each) for each in waits(model, fw.FilterWatch(directory / "long"), epochs=1000)[0]]
    ratio = median(times[-20:]) / median(times[1:21])
    report("epoch 1,000 over epoch 2: time", f"{ratio:.2f}", "1")
    tracemalloc.start()  # apart, since it takes time too
    watch, kept = fw.FilterWatch(directory / "memory"), []
    for _ in range(2):
        waits(model, watch, epochs=50)
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    grown = f"{(kept[1] - kept[0]) / 50_000:.1f} kB"
    report("memory kept per epoch (two layers, 64 filters)", grown, "bounded")


def imports(_: Path) -> None:
    """Importing the metrics alone."""
    started = "import time; t = time.perf_counter(); import keras_filterwatch.metrics, sys; "
    code = started + "print(time.perf_counter() - t, 'keras' in sys.modules)"
    ran = [
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        for _ in range(ROUNDS)
    ]
    took = median(float(each.stdout.split()[0]) for each in ran)
    report("import of keras_filterwatch.metrics", f"{1000 * took:.0f} ms", "150 ms, no Keras")


def sizes(_: Path) -> None:
    """Cost of the scores over the number of parameters."""
    for filters in (32, 64, 128, 256, 512, 1024):
        kernels = {
            f"layer{i}": np.random.default_rng(i).standard_normal(
                (3, 3, filters, filters), "float32"
            )
            for i in range(4)
        }
        count = sum(kernel.size for kernel in kernels.values())
        took = min(seconds(lambda given=kernels: fw.score(given)) for _ in range(3))
        report(
            f"scores of {count / 1e6:.1f} M weights",
            f"{1e9 * took / count:.1f} ns a weight",
            "level",
        )


def application(name: str) -> keras.Model:
    """One of Keras's own, with random weights."""
    model = getattr(keras.applications, name)(weights=None)
    model.compile("sgd", "mse")
    return model


TASKS = {"resnet": resnet, "vgg": vgg, "long": long, "import": imports, "sizes": sizes}


def main() -> None:
    """Measures what the command line names, or all."""
    for name in sys.argv[1:] or TASKS:
        with tempfile.TemporaryDirectory() as directory:
            TASKS[name](Path(directory))


if __name__ == "__main__":
    main()
