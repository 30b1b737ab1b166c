"""Runs the trainings that have no record yet, several at a time, and prints the progress."""

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
    """Runs the trainings whose names match, and begins none after so many minutes.

    Failures are written to `failures.txt`. Trainings of the unseen half are not named on screen.

    Args:
        folder: of the records.
        half: of the programs.
        only: pattern of names.
        processes: how many trainings at a time, each on one core.
        minutes: None for no end.
    """
    runs = [run for run in all_runs(half) if fnmatch.fnmatch(run.name, only)]
    missing = [run for run in runs if not (folder / f"{run.name}.json.gz").exists()]
    print(f"{len(runs)} runs, {len(runs) - len(missing)} of them recorded already.", flush=True)
    folder.mkdir(parents=True, exist_ok=True)
    started = time.time()
    work = partial(_one, folder, math.inf if minutes is None else started + 60 * minutes)
    # TensorFlow breaks in forked processes, and never frees memory: processes are replaced
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes, _alone_on_a_core, maxtasksperchild=40) as pool:
        for done, line in enumerate(pool.imap_unordered(work, missing), 1):
            if line:
                spent = (time.time() - started) / 60
                left = spent / done * (len(missing) - done)
                if minutes is not None:
                    left = min(left, max(minutes - spent, 0))
                result = "" if half == "unseen" else line
                times = f"{spent:.1f} min, {left:.1f} left"
                print(f"{done}/{len(missing)}  {times}  {result}", flush=True)


def _alone_on_a_core() -> None:
    """Limits TensorFlow to one thread of each kind."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    # optimising the graph takes longer than it saves in so short a training
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def _one(folder: Path, until: float, run: Run) -> str:
    """Runs a training unless time is up, and returns its result as a line; `""` if it was."""
    if time.time() > until:
        return ""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # FilterWatch's messages are for users
        try:
            record = keep(run, folder)
        except Exception as error:  # the other trainings go on
            with (folder / "failures.txt").open("a") as failures:
                failures.write(f"{run.name}\n{traceback.format_exc()}\n")
            return f"{run.name}: FAILED, {error!r}"
    outcome, mark = record["outcome"], ", borderline" if record["borderline"] else ""
    return (
        f"{run.name}: {record['seconds']:.1f} s, training {outcome['train']:.2f}, "
        f"held out {outcome['held_out']:.2f}{mark}"
    )
