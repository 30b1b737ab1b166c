"""Lists the trainings of a half, and runs one of them."""

import gc
import importlib
import math
import tempfile
import time
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_filterwatch as fw
from benchmarks.faults import changes, items, records
from benchmarks.faults.faults import FAULTS
from benchmarks.faults.labels import Outcome, borderline
from benchmarks.faults.measures import Measures
from benchmarks.faults.program import Program, Training

_LEAST_HEALTHY, _MEASURED = 5, 1_000  # seeds of a program; training items for its quality


@dataclass(frozen=True)
class Run:
    """One training: what decides all that is random about it.

    Attributes:
        half: of the programs, one of `benchmarks.faults.report.HALVES`.
        program: name of the program.
        family: of the program.
        fault: name of the fault; None for a healthy training.
        seed: tells trainings of the same program and fault apart.
    """

    half: str
    program: str
    family: str
    fault: str | None
    seed: int

    @property
    def name(self) -> str:
        """The name, also of the record."""
        return f"{self.program}-{self.fault or 'healthy'}-{self.seed}"

    @property
    def number(self) -> int:
        """The seed of everything in it."""
        return zlib.crc32(self.name.encode())


@cache
def programs(half: str) -> Mapping[str, Program]:
    """Returns the programs of a half by name."""
    module = importlib.import_module(f"benchmarks.faults.programs.{half}")
    return {program.name: program for program in module.PROGRAMS}


def all_runs(half: str) -> list[Run]:
    """Returns every training of a half: one of each family first, then the others, mixed.

    A program is trained once with each of its faults, and as often without any, so that half of
    all trainings are healthy; five times at least.
    """
    runs = [
        Run(half, program.name, program.family, fault, seed)
        for program in programs(half).values()
        for fault, seeds in [
            *((fault, 1) for fault in program.faults),
            (None, max(_LEAST_HEALTHY, len(program.faults))),
        ]
        for seed in range(seeds)
    ]
    runs.sort(key=lambda run: run.number)
    first = {run.family: run for run in reversed(runs)}.values()
    return [*first, *(run for run in runs if run not in first)]


def keep(run: Run, folder: Path) -> dict[str, Any]:
    """Trains, writes the record and returns it."""
    record = train(run)
    records.write(folder / f"{run.name}.json.gz", record)
    return record


def train(run: Run) -> dict[str, Any]:
    """Trains, watches and measures; returns the record."""
    started = time.process_time()
    training = build(run)
    probe = items.probe(training)
    measures = Measures(probe)
    with tempfile.TemporaryDirectory() as folder:
        watch = fw.FilterWatch(folder, images=False, probe=probe)
        logs = fit(training, [watch, measures])
    qualities = _qualities(training)
    outcome = _outcome(training, qualities, logs)
    return {
        **asdict(run),
        "name": run.name,
        "epochs": training.epochs,
        "updates": training.epochs * items.updates_per_epoch(training),
        "qualities": qualities,
        "guess": training.guess,
        "good": training.good,
        "outcome": asdict(outcome),
        "borderline": borderline(run.fault, outcome),
        "seconds": time.process_time() - started,
        "logs": logs,
        "measures": measures.epochs,
        "unmeasured": measures.problem,
        "problems": list(watch.problems),
        "history": records.history_to_json(watch.history),
        "facts": asdict(watch.history.facts),
    }


def build(run: Run) -> Training:
    """Returns a training as it is before `fit`, with its fault."""
    keras.backend.clear_session()
    gc.collect()
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(run.number)
    training = programs(run.half)[run.program].build(np.random.default_rng([run.number, 0]))
    if run.fault:
        FAULTS[run.fault].apply(training, np.random.default_rng([run.number, 1]))
    return training


def fit(training: Training, callbacks: list[Any]) -> list[dict[str, float]]:
    """Trains; returns what Keras logged, epoch by epoch."""
    arguments = dict(training.arguments)
    arguments["callbacks"] = [*changes.callbacks(training), *callbacks]
    if not items.is_dataset(training.x):
        arguments["batch_size"] = training.batch
    kept = training.model.fit(
        training.x,
        training.y,
        epochs=training.epochs + arguments.get("initial_epoch", 0),
        validation_data=training.validation,
        verbose=0,
        **arguments,
    ).history
    epochs = max(map(len, kept.values()), default=0)  # some names are not logged at every epoch
    return [
        {name: _number(values[i]) for name, values in kept.items() if len(values) == epochs}
        for i in range(epochs)
    ]


def _number(value: Any) -> float:
    """Returns a logged number; the mean where a metric gives several."""
    return float(np.mean(value))


def _qualities(training: Training) -> tuple[float, float]:
    """Returns how well the model does on training items and on those held out."""
    x, y, _ = items.as_arrays(training.x, training.y, math.ceil(_MEASURED / training.batch))
    x, y = items.first_items(x, _MEASURED), items.first_items(y, _MEASURED)
    if np.ndim(training.held_out[1]) == 1 and np.ndim(y) == 2:
        y = np.ravel(y)  # a fault made them columns
    return (
        float(training.quality(training.model, x, y)),
        float(training.quality(training.model, *training.held_out)),
    )


def _outcome(
    training: Training, qualities: tuple[float, float], logs: list[dict[str, float]]
) -> Outcome:
    train, held_out = (
        (quality - training.guess) / (training.good - training.guess) for quality in qualities
    )
    logged = [value for log in logs for value in log.values()]
    return Outcome(
        train=train,
        held_out=held_out,
        loss=next((v for k, v in logs[-1].items() if k.endswith("loss")), math.nan),
        is_finite=bool(
            np.isfinite(logged).all()
            and all(np.isfinite(np.asarray(v)).all() for v in training.model.weights)
        ),
    )
