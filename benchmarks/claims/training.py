"""Runs the trainings that have no record yet, several at a time, and prints the progress."""

import contextlib
import fnmatch
import io
import multiprocessing
import os
import tempfile
import time
import traceback
import warnings
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import keras
import numpy as np
from numpy.typing import NDArray

import keras_filterwatch as fw
from benchmarks.claims.measures import MapShapes, explanations, weight_statistics
from benchmarks.claims.networks import network
from benchmarks.claims.plan import Simulation, Training, all_tasks
from benchmarks.claims.power import simulate
from benchmarks.faults import records

_BATCH, _PROBE = 64, 128
_KEPT = ("labels", "noise", "coherence", "dead", "dead_units", "rotated", "duplicates")
_MOST_WEIGHTS = 20_000  # of a kernel that is kept, unless the training is a first of its kind


class Data(Protocol):
    """Images `(items, height, width, channels)` and their classes, as `faults.data` loads them."""

    x_train: NDArray[np.float32]
    y_train: NDArray[np.int32]
    x_val: NDArray[np.float32]
    y_val: NDArray[np.int32]
    classes: int


def train_all(folder: Path, only: str, processes: int, minutes: float | None) -> None:
    """Does the tasks whose names match, and begins none after so many minutes.

    Failures are written to `failures.txt`.
    """
    from benchmarks.faults.data import names

    tasks = [each for each in all_tasks(names()) if fnmatch.fnmatch(each.name, only)]
    missing = [each for each in tasks if not path_of(folder, each.name).exists()]
    print(f"{len(tasks)} tasks, {len(tasks) - len(missing)} of them done already.", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.time()
    work = partial(_one, folder, None if minutes is None else started + 60 * minutes)
    # TensorFlow breaks in forked processes, and never frees memory: processes are replaced
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, _alone_on_a_core, maxtasksperchild=150) as pool:
        for done, line in enumerate(pool.imap_unordered(work, missing), 1):
            if line:
                spent = (time.time() - started) / 60
                left = spent / done * (len(missing) - done)
                print(
                    f"{done}/{len(missing)}  {spent:.1f} min, {left:.1f} left  {line}", flush=True
                )


def path_of(folder: Path, name: str) -> Path:
    """Returns the path of a record."""
    return folder / f"{name}.json.gz"


def _alone_on_a_core() -> None:
    """Limits TensorFlow to one thread of each kind."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # optimising the graph takes longer than it saves in so short a training
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _one(folder: Path, until: float | None, task: Training | Simulation) -> str:
    """Does a task unless time is up, and returns its result as a line; `""` if it was."""
    if until is not None and time.time() > until:
        return ""
    started = time.process_time()
    try:
        record = _record(task)
    except Exception as error:  # the other trainings go on
        with (folder / "failures.txt").open("a") as failures:
            failures.write(f"{task.name}\n{traceback.format_exc()}\n")
        return f"{task.name}: FAILED, {error!r}"
    seconds = time.process_time() - started
    records.write(path_of(folder, task.name), {**record, "seconds": seconds})
    accuracy = f", {record['logs'][-1]['val_accuracy']:.3f}" if "logs" in record else ""
    return f"{task.name}: {seconds:.1f} s{accuracy}"


def _record(task: Training | Simulation) -> dict[str, Any]:
    if isinstance(task, Simulation):
        return {"name": task.name, "study": "power", **asdict(task), **simulate(task)}
    from benchmarks.faults.data import load

    return train(task, load(task.data, task.seed, *task.items))


def train(training: Training, data: Data) -> dict[str, Any]:
    """Trains, watches and measures one network; returns the record.

    The record has the fields of the training and: `logs` of each epoch; `steps`, the scores of
    each step by layer, with the verdict; `filters`, scores of single filters before and after;
    `kernels`, before and after; `maps`, the `map_shape` of each step; `drawn_maps`, maps of one
    input; `explained`, what `explanations` says; `weights`, the statistics of the final weights.
    """
    x, y, x_val = _prepared(training, data)
    model = network(training, x.shape[1:], data.classes)
    start = _kernels(model)
    maps = [MapShapes(x_val)] if training.window else []
    with (
        tempfile.TemporaryDirectory() as folder,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # FilterWatch's messages are for users
        watch = fw.FilterWatch(folder, images=False, probe=x_val[:_PROBE], rules=[])
        fitted = model.fit(
            x,
            y,
            batch_size=_BATCH,
            epochs=training.epochs,
            validation_data=(x_val, data.y_val),
            validation_batch_size=500,
            callbacks=[watch, *maps],
            verbose=0,
        )
        history = watch.history
    logs = [
        {name: float(values[epoch]) for name, values in fitted.history.items()}
        for epoch in range(training.epochs)
    ]
    return {
        **asdict(training),
        "name": training.name,
        "guess": 1 / data.classes,
        "logs": logs,
        "steps": [
            {name: {**layer.numbers, "verdict": layer.verdict} for name, layer in scores.items()}
            for scores in history
        ],
        "filters": {
            name: {when: _of_filters(scores[name]) for when, scores in _ends(history).items()}
            for name in ("first", "second")
            if name in history[-1]
        },
        "kernels": {"start": _small(start, training), "end": _small(_kernels(model), training)},
        "maps": maps[0].epochs if maps else [],
        "drawn_maps": maps[0].drawn if maps and _is_first(training) else {},
        "explained": explanations(model, x_val) if np.isfinite(logs[-1]["loss"]) else None,
        "weights": weight_statistics(model),
        "problems": [str(problem) for problem in watch.problems],
    }


def _prepared(training: Training, data: Data) -> tuple[NDArray, NDArray, NDArray]:
    """Returns standardised training images, their labels, and standardised validation images."""
    x, y = data.x_train, data.y_train
    mean, scale = x.mean(), training.scale / x.std()
    if training.distinct:
        x, y = x[: training.distinct], y[: training.distinct]
    if training.random_labels:
        y = np.random.default_rng(training.seed).integers(data.classes, size=len(y))
    if training.distinct:
        rows = np.arange(len(data.x_train)) % training.distinct
        x, y = x[rows], y[rows]
    return (x - mean) * scale, y, (data.x_val - mean) * scale


def _ends(history: fw.History) -> dict[str, fw.Scores]:
    return {"start": history[0], "end": history[-1]}


def _of_filters(layer: Any) -> dict[str, Any]:
    return {name: layer.filters[name] for name in _KEPT if name in layer.filters}


def _kernels(model: keras.Model) -> dict[str, NDArray]:
    return {
        layer.name: keras.ops.convert_to_numpy(layer.kernel)
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def _small(kernels: dict[str, NDArray], training: Training) -> dict[str, NDArray]:
    """Returns the kernels to keep: small ones, and the Dense ones of one network."""
    keep_all = training.study == "dense" and _is_first(training)
    return {
        name: kernel
        for name, kernel in kernels.items()
        if keep_all or (name in ("first", "second") and kernel.size < _MOST_WEIGHTS)
    }


def _is_first(training: Training) -> bool:
    """True if a network may be drawn: pictures are of the first seed."""
    return training.seed == 0
