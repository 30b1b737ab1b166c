"""Trains what has no record yet, several at a time, and says how far it is."""

import contextlib
import fnmatch
import io
import math
import multiprocessing
import time
import traceback
import warnings
from functools import partial
from pathlib import Path

import tensorflow as tf

from benchmarks.faults.runs import Run, all_runs, keep


def train(folder: Path, half: str, only: str, processes: int, minutes: float | None) -> None:
    """Trains the runs whose names match, and begins none after so many minutes.

    Failures stand in `failures.txt`, and trainings of the unseen half are not named.

    Args:
        folder: of the records.
        half: of the programs.
        only: pattern of names.
        processes: how many trainings at a time, each on one core.
        minutes: None for no end.
    """
    wanted = [run for run in all_runs(half) if fnmatch.fnmatch(run.name, only)]
    todo = [run for run in wanted if not (folder / f"{run.name}.json.gz").exists()]
    print(f"{len(wanted)} runs, {len(wanted) - len(todo)} of them recorded already.", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.time()
    work = partial(_one, folder, math.inf if minutes is None else started + 60 * minutes)
    # spawned, as TensorFlow does not bear forks, and anew now and then, as it gives no memory back
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, _alone_on_a_core, maxtasksperchild=40) as pool:
        for done, line in enumerate(pool.imap_unordered(work, todo), 1):
            if line:
                spent = (time.time() - started) / 60
                left = spent / done * (len(todo) - done)
                if minutes is not None:
                    left = min(left, max(minutes - spent, 0))
                said = "" if half == "unseen" else line
                print(f"{done}/{len(todo)}  {spent:.1f} min, {left:.1f} left  {said}", flush=True)


def _alone_on_a_core() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # what it saves in so short a training it costs before
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _one(folder: Path, until: float, run: Run) -> str:
    """Trains unless time is up; returns what became of it."""
    if time.time() > until:
        return ""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FilterWatch speaks to users here
        try:
            record = keep(run, folder)
        except Exception as error:  # the others need not wait for its repair
            with (folder / "failures.txt").open("a") as failures:
                failures.write(f"{run.name}\n{traceback.format_exc()}\n")
            return f"{run.name}: FAILED, {error!r}"
    outcome, mark = record["outcome"], ", borderline" if record["borderline"] else ""
    return (
        f"{run.name}: {record['seconds']:.1f} s, training {outcome['train']:.2f}, "
        f"held out {outcome['held_out']:.2f}{mark}"
    )
