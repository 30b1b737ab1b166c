"""`python -m benchmarks.fuzz.records --cases 10000`: records with random damage are read.

A made-up record is damaged: bytes are flipped, cut, doubled, parts swapped or removed, files
renamed; in half of the cases the checksums fit again, so that the damage is in what a part says:
other types, huge numbers, deep nesting, parts that unpack to far more than they are. `fw.read` must
say what is wrong, or return what can be read; then all that a `Run` offers must work. No case may
take more than 20 seconds or 500 MB.
"""

import argparse
import random
import resource
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import keras_filterwatch as fw
from benchmarks.fuzz.record_damage import Files, damaged
from keras_filterwatch.alarms import Judgement, follow
from keras_filterwatch.history import History
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.record.documents import as_recorded
from keras_filterwatch.storage import folder_of

_SECONDS, _MEGABYTES = 20, 500


def write_record(directory: Path) -> None:
    """Writes the record of a made-up training of six steps, in two files."""
    noise = np.random.default_rng(0)
    layers = {"conv": (5, 5, 3, 8), "deep/conv": (3, 3, 8, 4), "head": (16, 3)}
    start = {name: noise.standard_normal(shape) for name, shape in layers.items()}
    facts = ModelFacts(
        outputs=(OutputFacts("head", 3, "softmax", "categorical_crossentropy"),),
        optimizer="SGD",
        learning_rate=1e30,
        activations=dict.fromkeys(layers, "relu"),
        epochs=5,
    )
    steps: list[fw.Scores] = []
    judgement, first, previous = Judgement(), None, None
    writer = RecordWriter(folder_of(directory), "epoch")
    for step in range(6):
        if step == 3:
            writer.close()
            writer = RecordWriter(folder_of(directory), "epoch", continues_after=2)
        arrays = {name: array * (1 + step) for name, array in start.items()}
        if step in (2, 3):
            arrays["conv"] = arrays["conv"] * np.nan  # alarms that begin and end
        kernels = tuple(fw.Kernel(name, "Conv2D", array) for name, array in arrays.items())
        snapshot = fw.Snapshot(step, kernels, {"norm": "no kernel"})
        scores = as_recorded(fw.score(snapshot, first=first, previous=previous))
        logs = {"loss": 1.1, "accuracy": 0.3, "learning_rate": 1e30}
        steps.append(fw.Scores(step, step, scores.layers, scores.skipped, logs, 100 * step))
        first, previous = first or snapshot, snapshot
        history = History(steps, facts)
        judgement = follow(fw.default_rules(), history, judgement.raised)
        diagnosis = fw.diagnose(history, judgement.holding)
        quantised = {kernel.name: QuantisedKernel.of(kernel) for kernel in kernels}
        writer.write(StepToRecord(steps[-1], judgement, diagnosis, facts, quantised, 100 * step))
    writer.close()


def use(run: fw.Run, counts: Counter[str]) -> None:
    """Asks a Run for all that it offers; kernels may say that they cannot be read."""
    assert run.steps == sorted(set(run.steps)) == [scores.step for scores in run.history]
    str(run), run.history.logged, run.alarms, run.notes, run.model, run.diagnosis, run.has_ended
    for scores in run.history:
        str(scores), scores.filter_noise, scores.dead_filters, run.facts_at(scores.step)
        for layer in scores.values():
            assert len(layer.descriptions) == layer.shape[-1] or not layer.filters
    with np.errstate(all="ignore"):
        fw.judge(run)
    asked: list[Callable[[], Any]] = [
        lambda: run.snapshot,
        lambda: [run.snapshot_at(step) for step in run.steps],
        lambda: [run.kernels(layer) for layer in run.drawn_layers],
        lambda: run.film_strips,
        lambda: fw.draw.film_strip(run),
        lambda: fw.draw.filters(run),
        lambda: fw.draw.filters(run, "conv", step=run.steps[0]),
    ]
    for function in asked if run.steps else []:
        try:
            function()
        except (ValueError, OSError) as error:
            _check_message(error)
            counts["kernels that cannot be read or drawn, with a message"] += 1
            break
    counts["runs that were read"] += 1
    counts["of these with a problem named"] += bool(run.problems)
    counts["steps that were read"] += len(run.steps)


def _check_message(error: Exception) -> None:
    assert len(str(error).split()) >= 4, f"no sentence: {error!r}"


def check(files: Files, counts: Counter[str]) -> None:
    """Reads files as a record.

    Raises:
        Exception: reading raised something else than an error with a sentence, or took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        for name, data in files.items():
            Path(folder, name).write_bytes(data)
        signal.alarm(_SECONDS)
        try:
            run = fw.read(folder)
        except (ValueError, OSError) as error:
            _check_message(error)
            counts["errors with a sentence"] += 1
        else:
            use(run, counts)
        finally:
            signal.alarm(0)


def _too_long(*_: Any) -> None:
    raise RuntimeError(f"it takes more than {_SECONDS} seconds")


def main() -> None:
    """Reads as many damaged records as the command line says, and prints what happened.

    Raises:
        SystemExit: cases failed, which are printed.
    """
    parser = argparse.ArgumentParser("python -m benchmarks.fuzz.records", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("error")
    signal.signal(signal.SIGALRM, _too_long)
    began, counts, failures = time.time(), Counter[str](), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        write_record(Path(folder))
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    check(files, counts)  # undamaged, and what is loaded when it is needed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in range(options.cases):
        try:
            check(damaged(files, random.Random(f"{options.seed} {case}")), counts)
        except Exception:
            *_, last = traceback.format_exc().strip().splitlines()
            if not failures[last]:
                print(f"case {case}:\n{traceback.format_exc()}", flush=True)
            failures[last] += 1
        most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1000
        if most > _MEGABYTES:
            raise SystemExit(f"case {case} took {most:.0f} MB")
    print(f"{options.cases} cases, seed {options.seed}, {(time.time() - began) / 60:.1f} minutes")
    for name, count in counts.items():
        print(f"{count:8} {name}")
    print(f"{most:8.0f} MB at most, {_MEGABYTES} allowed")
    if failures:
        raise SystemExit(f"{sum(failures.values())} cases failed: {dict(failures)}")


if __name__ == "__main__":
    main()
