"""The list of all trainings, which half each belongs to, and doing one."""

import gc
import tempfile
import time
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

import keras_filterwatch as fw
from benchmarks.faults import cases, records
from benchmarks.faults.cases import CASES, Outcome, Plan
from benchmarks.faults.data import Data, load, names
from benchmarks.faults.measures import Measures
from benchmarks.faults.networks import Hidden, build

SEEDS = (0, 1, 2)
_STEPS_AT_ONCE, _PRETRAINING = 8, 12


@dataclass(frozen=True)
class Run:
    """One training: what decides all that is random about it."""

    case: str
    data: str
    architecture: str
    seed: int

    @property
    def key(self) -> str:
        """Its name, also of its record."""
        return f"{self.case}-{self.data}-{self.architecture}-{self.seed}"

    @property
    def number(self) -> int:
        """The seed of everything in it."""
        return zlib.crc32(self.key.encode())

    @property
    def half(self) -> str:
        """`tuning` or `unseen`: MNIST is unseen, and so is the last seed of the other data."""
        return "unseen" if self.data == "mnist" or self.seed == SEEDS[-1] else "tuning"

    def plan(self) -> Plan:
        """How it is to train."""
        return CASES[self.case].draw(np.random.default_rng(self.number), self.architecture)


def all_runs() -> list[Run]:
    """In an order of which every part has a bit of everything."""
    runs = [
        Run(case.name, data, architecture, seed)
        for case in CASES.values()
        for data in names()
        for architecture in case.architectures
        for seed in SEEDS
    ]
    return sorted(runs, key=lambda run: run.number)


def train(run: Run) -> dict[str, Any]:
    """Trains, watches and measures; returns the record."""
    started = time.perf_counter()
    plan, case = run.plan(), CASES[run.case]
    keras.backend.clear_session()
    gc.collect()
    keras.utils.set_random_seed(run.number)
    data = load(run.data, run.seed)
    model, data = _prepared(plan, run.architecture, _as_planned(plan, data, run.number))
    measures = Measures(data.x_train, data.y_train)
    with tempfile.TemporaryDirectory() as folder:
        watch = fw.FilterWatch(folder, images=False, probe=data.x_train[:256])
        logs = _fit(model, data, plan, plan.epochs, [watch, measures])
    outcome = Outcome(
        logs[-1]["loss"],
        logs[-1]["accuracy"],
        logs[-1]["val_accuracy"],
        max(log["val_accuracy"] for log in logs),
    )
    return {
        **asdict(run),
        "cause": case.cause,
        "half": run.half,
        "plan": asdict(plan),
        "epochs": plan.epochs,
        "classes": data.classes,
        "outcome": asdict(outcome),
        "borderline": cases.borderline(case, outcome, run.data, data.classes),
        "seconds": time.perf_counter() - started,
        "logs": logs,
        "measures": measures.epochs,
        "history": records.history_to_json(watch.history),
    }


def keep(run: Run, folder: Path) -> dict[str, Any]:
    """Trains and writes the record."""
    record = train(run)
    records.write(folder / f"{run.key}.json.gz", record)
    return record


def _as_planned(plan: Plan, data: Data, seed: int) -> Data:
    """The data as the plan wants them."""
    random = np.random.default_rng(seed)
    mean, deviation = data.x_train.mean(), data.x_train.std()

    def pixels(x: NDArray) -> NDArray:
        return 255 * x if plan.pixels == "raw" else (x - mean) / deviation

    x, y, x_val, y_val, classes = data
    if plan.labels == "random":
        y, y_val = random.permutation(y), random.permutation(y_val)
    items = plan.items or len(x)
    return Data(pixels(x[:items]), y[:items], pixels(x_val), y_val, classes)


def _prepared(plan: Plan, architecture: str, data: Data) -> tuple[keras.Sequential, Data]:
    """The network before training, and the task."""
    model = _network(plan, architecture, data)
    if not plan.pretrained:
        return model, data
    base = replace(plan, optimizer="adam", rate=2e-3, l2=0.0)
    _fit(model, data, base, _PRETRAINING, [])
    if plan.pretrained == "tuned":  # the same task, on images with other noise
        random = np.random.default_rng(len(data.x_train))
        noisy = [x + random.normal(0, 0.3, x.shape).astype("float32") for x in data[::2][:2]]
        return model, data._replace(x_train=noisy[0], x_val=noisy[1])
    task = data._replace(
        y_train=data.y_train // 2, y_val=data.y_val // 2, classes=data.classes // 2
    )
    other = _network(plan, architecture, task)
    for old, new in zip(model.layers[:-1], other.layers[:-1], strict=True):
        new.set_weights(old.get_weights())
        new.trainable = False
    return other, task


def _network(plan: Plan, architecture: str, data: Data) -> keras.Sequential:
    hidden = Hidden(plan.activation, _initializer(plan), plan.l2, plan.depth)
    return build(
        architecture,
        data.x_train.shape[1:],
        data.classes,
        hidden,
        dropout=plan.dropout,
        first_trainable=plan.first_trainable,
    )


def _initializer(plan: Plan) -> Callable[[], Any]:
    known = {
        "glorot_uniform": keras.initializers.GlorotUniform,
        "zeros": keras.initializers.Zeros,
        "constant": lambda: keras.initializers.Constant(plan.initial),
        "normal": lambda: keras.initializers.RandomNormal(stddev=plan.initial),
    }
    return known[plan.initializer]


def _fit(
    model: keras.Sequential, data: Data, plan: Plan, epochs: int, callbacks: list[Any]
) -> list[dict[str, float]]:
    """Trains; what Keras logged, epoch by epoch."""
    rate: Any = plan.rate
    if plan.schedule == "cosine":
        steps = -(-len(data.x_train) // plan.batch) * epochs
        rate = keras.optimizers.schedules.CosineDecay(plan.rate, steps)
    optimizers = {
        "adam": keras.optimizers.Adam,
        "rmsprop": keras.optimizers.RMSprop,
        "sgd": lambda rate: keras.optimizers.SGD(rate, momentum=0.9),
    }
    model.compile(
        optimizers[plan.optimizer](rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        steps_per_execution=_STEPS_AT_ONCE,
    )
    kept = model.fit(
        _batches(data.x_train, data.y_train, plan.batch),
        epochs=epochs,
        validation_data=_batches(data.x_val, data.y_val),
        callbacks=callbacks,
        verbose=0,
    ).history
    return [dict(zip(kept, values, strict=True)) for values in zip(*kept.values(), strict=True)]


def _batches(x: NDArray, y: NDArray, size: int = 0) -> tf.data.Dataset:
    """Shuffled batches, or all at once; twice as fast as Keras's own for data this small."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.threading.private_threadpool_size = 1
    options.experimental_optimization.apply_default_optimizations = False
    items = tf.data.Dataset.from_tensor_slices((x, y)).with_options(options)
    return items.shuffle(len(x)).batch(size) if size else items.batch(len(x))
