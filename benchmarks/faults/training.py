"""Trains what has no record yet, several at a time, and says how far it is."""

import contextlib
import fnmatch
import io
import math
import multiprocessing
import time
import warnings
from functools import partial
from pathlib import Path

import tensorflow as tf

from benchmarks.faults.runs import Run, all_runs, keep


def train(results: Path, only: str, processes: int, minutes: float | None) -> None:
    """Trains the runs whose names match, and begins none after so many minutes."""
    wanted = [run for run in all_runs() if fnmatch.fnmatch(run.key, only)]
    todo = [run for run in wanted if not (results / f"{run.key}.json.gz").exists()]
    print(f"{len(wanted)} runs, {len(wanted) - len(todo)} of them recorded already.", flush=True)
    started = time.time()
    work = partial(_one, results, math.inf if minutes is None else started + 60 * minutes)
    # spawned, as TensorFlow does not bear forks, and anew now and then, as it gives no memory back
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, _alone_on_a_core, maxtasksperchild=60) as pool:
        for done, line in enumerate(pool.imap_unordered(work, todo), 1):
            if line:
                spent = (time.time() - started) / 60
                left = spent / done * (len(todo) - done)
                if minutes is not None:
                    left = min(left, max(minutes - spent, 0))
                print(f"{done}/{len(todo)}  {spent:.1f} min, {left:.1f} left  {line}", flush=True)


def _alone_on_a_core() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # what it saves in so short a training it costs before
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _one(results: Path, until: float, run: Run) -> str:
    """Trains unless time is up; says what became of it."""
    if time.time() > until:
        return ""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FilterWatch speaks to users here
        try:
            record = keep(run, results)
        except Exception as error:  # the others need not wait for its repair
            return f"{run.key}: FAILED, {error!r}"
    outcome, mark = record["outcome"], ", borderline" if record["borderline"] else ""
    return (
        f"{run.key}: {record['seconds']:.1f} s, accuracy {outcome['accuracy']:.2f}, "
        f"validation {outcome['val_accuracy']:.2f}{mark}"
    )
