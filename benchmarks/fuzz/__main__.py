"""`python -m benchmarks.fuzz --cases 500`: random trainings, each with and without FilterWatch.

With the callback a fit may raise no exception that it does not raise without it, the weights are
the same bit by bit, the event files can be read, and no problem is recorded where nothing was
wrong on purpose. `--seed` repeats a run, `--processes` shares the cases among processes.
"""

import argparse
import multiprocessing
import os
import time
from collections import Counter

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3"}
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras

from benchmarks.fuzz.checks import fuzz


def main() -> None:
    """Checks as many cases as the command line says, and prints what happened in them.

    Raises:
        AssertionError: a case failed; Hypothesis prints it.
    """
    parser = argparse.ArgumentParser("python -m benchmarks.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    started = time.time()
    share = -(-options.cases // options.processes)
    tasks = [(share, options.seed + i) for i in range(options.processes)]
    if options.processes == 1:
        results = [fuzz(*tasks[0])]
    else:
        with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
            results = pool.starmap(fuzz, tasks)
    total: Counter[str] = sum(results, Counter())
    minutes = (time.time() - started) / 60
    print(f"seed {options.seed}, Keras on {keras.backend.backend()}, {minutes:.1f} minutes")
    for name, count in total.items():
        print(f"{count:8} {name}")


if __name__ == "__main__":
    main()
