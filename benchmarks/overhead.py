"""What watching costs, beside `keras.callbacks.TensorBoard` and a plain pass over the weights.

`python -m benchmarks.overhead` measures all, on TensorFlow, side by side in one run; names such as
`resnet import` only these. `--out PAGE` puts the table on a page, `--check` fails if something is
far above its aim (a busy machine is allowed for).
"""

import os
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
from keras import layers

import keras_filterwatch as fw
from benchmarks.measured import Row, measure
from benchmarks.small_networks import NETWORKS, Cost, cost_of_an_epoch
from keras_filterwatch import scoring
from keras_filterwatch.model import find

EPOCHS, ROUNDS = 4, 5
SIZES = (52, 128, 256, 512, 1024, 2048, 2896)  # filters of four layers 3x3: 0.1 to 302 M weights


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
            finish(callback)
            waited = seconds(partial(callback.on_epoch_end, epoch, {"loss": 1.0}))
            times.append((waited, seconds(partial(finish, callback))))
    for callback in callbacks:
        callback.on_train_end()
    return found


def finish(callback: Any) -> None:
    """Waits for what a FilterWatch does beside training."""
    if isinstance(callback, fw.FilterWatch):
        _ = callback.history


def resnet(directory: Path) -> Iterator[Row]:
    """ResNet50, all kernels, default pictures, beside Keras's callback."""
    model = application("ResNet50")
    watch = fw.FilterWatch(directory / "watch")
    tensorboard = keras.callbacks.TensorBoard(
        directory / "keras", histogram_freq=1, write_images=True, write_graph=False
    )
    ours, kerass = waits(model, watch, tensorboard)
    ratio = median(b / a for (a, _), (b, _) in zip(ours[1:], kerass[1:], strict=True))
    waited, beside = (median(times) for times in zip(*ours[1:], strict=True))
    files = [p for name in ("events*", "record*") for p in (directory / "watch").rglob(name)]
    kbytes = sum(p.stat().st_size for p in files) / 1000
    at_once, all_scores = passes(model)
    yield Row("ResNet50: Keras's callback makes training wait longer", ratio, "times", 30, 8)
    yield Row("ResNet50: training waits, per epoch", waited, "s")
    yield Row("ResNet50: goes on beside training, per epoch", beside, "s")
    yield Row("ResNet50: events and record, per epoch", kbytes / (EPOCHS + 1), "kB", 600, 600)
    yield Row("ResNet50: scores that training waits for", at_once, "plain passes", 8, 24)
    yield Row("ResNet50: all scores", all_scores, "plain passes", 8, 150)


def passes(model: keras.Model) -> list[float]:
    """The time of scores over that of a sum of squares of all weights in one array.

    Of the scores that training waits for, and of all.
    """
    snapshot = find.find(model).read(0)
    before = snapshot.copied()
    weights = np.concatenate([kernel.array.ravel() for kernel in snapshot.kernels])
    tasks = (
        partial(scoring.quick_scores, snapshot, previous=before),
        partial(fw.score, snapshot, first=before, previous=before),
        lambda: np.square(weights).sum(),
    )
    rounds = [[seconds(task) for task in tasks] for _ in range(ROUNDS + 1)][1:]
    return [median(times[i] / times[2] for times in rounds) for i in range(2)]


def vgg(directory: Path) -> Iterator[Row]:
    """VGG16, which Keras's callback does not survive on 24 GB."""
    model = application("VGG16")
    weights = sum(int(np.prod(weight.shape)) * 4 for weight in model.weights)
    tracemalloc.start()  # it sees NumPy's memory, not that of the model
    waits(model, fw.FilterWatch(directory / "memory"), epochs=2)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (ours,) = waits(model, fw.FilterWatch(directory / "vgg"), epochs=3)
    waited, beside = (median(times) for times in zip(*ours[1:], strict=True))
    yield Row("VGG16: training waits, per epoch", waited, "s", 1.5, 4.5)
    yield Row("VGG16: goes on beside training, per epoch", beside, "s")
    yield Row("VGG16: extra memory, of the weights", most / weights, "", 2, 2)


def long(directory: Path, epochs: int = 1000) -> Iterator[Row]:
    """The last of 1,000 epochs against the second, in time and in memory."""
    model = keras.Sequential(
        [layers.Input((32, 32, 3)), layers.Conv2D(32, 5), layers.Conv2D(32, 3)]
    )
    model.compile("sgd", "mse")
    watch = fw.FilterWatch(directory / "long")
    times = [sum(each) for each in waits(model, watch, epochs=epochs)[0]]
    yield Row("epoch 1,000 over epoch 2: time", median(times[-20:]) / median(times[1:21]), "", 1, 2)
    tracemalloc.start()  # apart, and without pictures, since it takes time too
    watch, kept = fw.FilterWatch(directory / "memory", images=False), []
    waits(model, watch, epochs=1)
    for begin, end in ((1, 320), (320, 960)):
        for epoch in range(begin, end):
            watch.on_epoch_end(epoch, {"loss": 1.0})
        finish(watch)
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    grown = (kept[1] - kept[0]) / 640_000
    yield Row("epochs 320 to 960: memory that each adds", grown, "kB", 0, 1)


def soak(directory: Path, epochs: int = 2000) -> Iterator[Row]:
    """A real training of 2,000 epochs: its memory, threads and open files between 500 and 2,000."""
    states: list[tuple[float, int, int]] = []

    def keep(epoch: int, logs: object) -> None:
        if epoch + 1 in (epochs // 4, epochs):
            finish(watch)
            files = len(list(Path("/proc/self/fd").iterdir()))
            states.append((tracemalloc.get_traced_memory()[0], threading.active_count(), files))

    model = keras.Sequential(
        [layers.Input((16, 16, 3)), layers.Conv2D(16, 5), layers.Flatten(), layers.Dense(2)]
    )
    model.compile("sgd", "mse")
    random = np.random.default_rng(0)
    x, y = random.random((8, 16, 16, 3), np.float32), random.random((8, 2), np.float32)
    watch = fw.FilterWatch(directory, probe=x, metrics={"peak": np.max}, writers=[Counts()])
    callbacks = [watch, keras.callbacks.LambdaCallback(on_epoch_end=keep)]
    tracemalloc.start()
    model.fit(x, y, batch_size=8, epochs=epochs, callbacks=callbacks, verbose=0)
    tracemalloc.stop()
    (memory, threads, files), (more_memory, more_threads, more_files) = states
    grown = (more_memory - memory) / 1000 / (epochs * 3 / 4)
    yield Row("soak, 2,000 epochs: memory that each adds", grown, "kB", 0, 1)
    yield Row("soak: threads more", more_threads - threads, "", 0, 0)
    yield Row("soak: open files more", more_files - files, "", 0, 0)
    yield Row("soak: problems recorded", len(watch.problems), "", 0, 0)


class Counts:
    """A writer that counts."""

    def __init__(self) -> None:
        self.reports = 0

    def write(self, report: fw.Report) -> None:
        """Counts the report."""
        self.reports += 1

    def close(self) -> None:
        """Does nothing."""


def fit(directory: Path) -> Iterator[Row]:
    """Trainings of small networks, where what goes on beside training takes its cores."""
    makers: dict[str, Callable[[Path], Any]] = {
        "FilterWatch": fw.FilterWatch,
        "FilterWatch(images=False)": partial(fw.FilterWatch, images=False),
        "Keras's callback": partial(
            keras.callbacks.TensorBoard, histogram_freq=1, write_images=True
        ),
    }
    for network, make_model in NETWORKS.items():
        model = make_model()
        cost_of_an_epoch(model, epochs=1)  # the first training of a model is slower
        rounds = [
            [cost_of_an_epoch(model)]
            + [
                cost_of_an_epoch(model, make(directory / f"{network}-{name}-{i}"))
                for name, make in makers.items()
            ]
            for i in range(ROUNDS)
        ]
        alone, *watched = (
            Cost(*(min(each) for each in zip(*costs, strict=True)))
            for costs in zip(*rounds, strict=True)
        )
        yield Row(f"{network}: an epoch without callbacks", alone.clock, "s")
        for name, cost in zip(makers, watched, strict=True):
            is_default = name == "FilterWatch"
            added = 100 * (cost.clock / alone.clock - 1)
            aim = 5 if is_default else None
            yield Row(f"{network}: {name} adds to an epoch", added, "%", aim)
            processors = 1000 * (cost.processors - alone.processors)
            aim = 40 if is_default else None
            yield Row(f"{network}: {name} takes of the processors", processors, "ms", aim)


def imports(_: Path) -> Iterator[Row]:
    """Importing the metrics alone, without Keras."""
    started = "import time; t = time.perf_counter(); import keras_filterwatch.metrics, sys; "
    code = started + "assert 'keras' not in sys.modules; print(time.perf_counter() - t)"
    took = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(ROUNDS)
    ]
    yield Row("import of keras_filterwatch.metrics", 1000 * median(took), "ms", 150, 450)


def sizes(_: Path) -> Iterator[Row]:
    """All scores over the number of weights."""
    random = np.random.default_rng(0)
    for filters in SIZES:
        kernels = {
            f"layer{i}": random.standard_normal((3, 3, filters, filters), np.float32)
            for i in range(4)
        }
        count = sum(kernel.size for kernel in kernels.values())
        took = min(seconds(partial(fw.score, kernels)) for _ in range(3))
        yield Row(
            f"all scores of {count / 1e6:.1f} M weights",
            1e9 * took / count,
            "ns a weight",
            None,
            200,
        )


def application(name: str) -> keras.Model:
    """One of Keras's own, with random weights."""
    model = getattr(keras.applications, name)(weights=None)
    model.compile("sgd", "mse")
    return model


TASKS = {
    "resnet": resnet,
    "vgg": vgg,
    "fit": fit,
    "long": long,
    "soak": soak,
    "import": imports,
    "sizes": sizes,
}


ABOUT = (
    "Networks from keras.applications with random weights. Keras's callback is "
    "`TensorBoard(histogram_freq=1, write_images=True)`; both take turns in one run. A plain pass "
    "is the sum of the squares of all weights in one array. Memory is NumPy's. `python -m "
    "benchmarks.overhead --out benchmarks/RESULTS.md` writes this part."
)

if __name__ == "__main__":
    sys.exit(
        measure(
            __doc__, TASKS, "Overhead: what watching costs", ("tensorflow", "keras", "numpy"), ABOUT
        )
    )
