"""`python -m benchmarks.resume --kills 50`: a training that is killed again and again goes on.

A small convnet trains with a BackupAndRestore and FilterWatch. Its process is killed by SIGKILL at
random moments and started again until the training has come to its end; this is repeated until so
many processes were killed. Then the record and TensorBoard, by each of its two readers, must hold
each step once and equal those of a training that nobody interrupted: every score, alarm, fact,
kernel, curve, histogram and picture, pixel by pixel. The first difference ends the benchmark with
an error.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import numpy as np

import keras_filterwatch as fw

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # for what its tests compare too

from same_runs import assert_same_runs
from viewer import READERS, ask, read, serving

EPOCHS = 8
_BEGINS = "an epoch begins"  # what a process prints
_MOST_EPOCHS = 3  # of a process before it is killed


def atomic_backup(directory: Path) -> Any:
    """Returns a BackupAndRestore that, if it is killed while it saves, leaves the backup before.

    Keras's own leaves a file that cannot be loaded, or weights with the number of another epoch.
    """
    import keras

    class AtomicBackup(keras.callbacks.BackupAndRestore):
        def __init__(self) -> None:
            *_, newest = sorted(directory.glob("epoch-*")) or [directory / "none"]
            super().__init__(newest, delete_checkpoint=False)

        def _save_model(self) -> None:
            part = directory / "part"
            shutil.rmtree(part, ignore_errors=True)
            self.backup_dir = part
            self._weights_path = str(part / "latest.weights.h5")
            self._training_metadata_path = str(part / "training_metadata.json")
            super()._save_model()
            part.rename(directory / f"epoch-{self._current_epoch:03}")

    return AtomicBackup()


def train(directory: Path) -> None:
    """Trains, from the last backup in the directory if there is one."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    noise = np.random.default_rng(0)
    x = noise.random((384, 28, 28, 1), np.float32)
    y = noise.integers(10, size=384)
    model = keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu", name="first"),
            layers.BatchNormalization(name="norm"),
            layers.Conv2D(16, 3, strides=2, activation="relu", name="second"),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="head"),
        ]
    )
    # a rate at which alarms come and go
    model.compile(
        keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    watch = fw.FilterWatch(directory / "logs", probe=x[:32])
    epoch_begins = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: print(_BEGINS, flush=True)
    )
    model.fit(
        *(x, y),
        batch_size=32,
        epochs=EPOCHS,
        shuffle=False,
        validation_data=(x[:64], y[:64]),
        callbacks=[watch, atomic_backup(directory / "backup"), epoch_begins],
        verbose=0,
    )
    assert not watch.problems, watch.problems


def run_process(directory: Path, epoch: int = 0, delay: float | None = None) -> tuple[bool, float]:
    """Starts a process that trains; kills it some seconds after its epoch began, if it still runs.

    Args:
        directory: of the training.
        epoch: counted from 0 in each process.
        delay: in seconds; None to let the process come to its end.

    Returns:
        Whether it was killed, and how long it ran after its epoch began.
    """
    command = [sys.executable, "-m", "benchmarks.resume", "--train", str(directory)]
    with (directory / "output.txt").open("a") as output:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_DETERMINISTIC_OPS": "1"},
        )
        assert process.stdout
        for line in process.stdout:
            epoch -= _BEGINS in line
            if epoch < 0:
                break
        began = time.monotonic()
        try:
            rest, _ = process.communicate(timeout=delay)
            output.write(rest)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise AssertionError(f"a process failed: {(directory / 'output.txt').read_text()[-3000:]}")
    return process.returncode != 0, time.monotonic() - began


def interrupted_training(
    directory: Path, kills: int, epoch_duration: float, moments: random.Random
) -> list[int]:
    """Trains to the end with at most so many kills; returns the steps that each kill left."""
    directory.mkdir(parents=True)
    left: list[int] = []
    while True:
        epoch, delay = moments.randrange(_MOST_EPOCHS), moments.uniform(0, 1.5 * epoch_duration)
        killed, _ = run_process(directory, epoch, delay if len(left) < kills else None)
        if not killed:
            return left
        try:
            left.append(len(fw.read(directory / "logs").steps))
        except FileNotFoundError:
            left.append(0)


def compare_records(expected: Path, directory: Path) -> None:
    """Demands the same record.

    Raises:
        AssertionError: they differ.
    """
    names = sorted(path.name for path in (directory / "logs").iterdir())
    assert names == ["filterwatch"], f"there are {names}"
    ours, theirs = fw.read(expected / "logs"), fw.read(directory / "logs")
    assert theirs.has_ended
    assert ours.steps == theirs.steps == list(range(EPOCHS + 1))
    assert_same_runs(ours, theirs)
    assert all(ours.facts_at(step) == theirs.facts_at(step) for step in ours.steps)
    for step in ours.steps:
        kernels = theirs.snapshot_at(step).kernels
        for one, other in zip(ours.snapshot_at(step).kernels, kernels, strict=True):
            np.testing.assert_array_equal(one.array, other.array, f"step {step} {one.name}")


def compare_points(ours: dict[str, Any], theirs: dict[str, Any], reader: str) -> int:
    """Demands the same points (step, value) of the same tags; returns how many there are.

    The text of alarms is written at each step at which it changes, and at the first one of a
    process; so a point may be there that repeats the one before.

    Raises:
        AssertionError: they differ.
    """
    assert ours.keys() == theirs.keys(), f"{reader}: {ours.keys() ^ theirs.keys()}"
    for tag, points in theirs.items():
        steps = [step for step, _ in points]
        assert steps == sorted(set(steps)), f"{reader}: {tag} has the steps {steps}"
        expected = dict(ours[tag])
        if tag == "alarms":
            last = None
            for step in range(EPOCHS + 1):
                last = expected.get(step, last)
                np.testing.assert_array_equal(dict(points).get(step, last), last, f"{reader} {tag}")
        elif "custom_scalars" not in tag:  # a page without steps
            assert steps == list(expected), f"{reader}: {tag} has the steps {steps}"
            for step, value in points:
                np.testing.assert_array_equal(value, expected[step], f"{reader} {tag} {step}")
    return sum(map(len, theirs.values()))


def served_points(server: str, run: str) -> dict[str, Any]:
    """tag -> its points (step, value) of a run, as the page of TensorBoard gets them."""
    found: dict[str, Any] = {}
    for plugin in ("scalars", "images", "histograms", "text"):
        for tag in json.loads(ask(server, f"{plugin}/tags")).get(run, []):
            points = json.loads(ask(server, f"{plugin}/{plugin}", run=run, tag=tag, sample=0))
            if plugin == "images":
                found[tag] = [
                    (
                        point["step"],
                        ask(
                            server, "images/individualImage", **dict(parse_qsl(point["query"]))
                        ).hex(),
                    )
                    for point in points
                ]
            elif plugin == "text":
                found[tag] = [(point["step"], point["text"]) for point in points]
            else:
                found[tag] = [(step, value) for _, step, value in points]
    return found


def compare_readers(expected: Path, directories: Sequence[Path]) -> Counter[str]:
    """Demands the same in TensorBoard, by each reader; returns how many points each has.

    Raises:
        AssertionError: they differ.
    """
    counts: Counter[str] = Counter()
    ours = read(expected / "logs" / "filterwatch")
    for directory in directories:
        theirs = read(directory / "logs" / "filterwatch")
        counts["slow reader, loaded"] += compare_points(ours, theirs, "slow reader, loaded")
    for reader, fast in READERS.items():
        with serving(expected.parent, "--load_fast", fast) as server:
            shown = {
                directory: served_points(server, f"{directory.name}/logs/filterwatch")
                for directory in (expected, *directories)
            }
        for directory in directories:
            name = f"{reader}, served"
            counts[name] += compare_points(shown[expected], shown[directory], name)
    return counts


def main() -> None:
    """Kills as many processes as the command line says, compares, and prints a table.

    Raises:
        AssertionError: a training that was interrupted differs.
    """
    parser = argparse.ArgumentParser("python -m benchmarks.resume", description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--kills-each", type=int, default=10, help="of one training, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", type=Path, help="only train; the benchmark starts this itself")
    options = parser.parse_args()
    if options.train:
        train(options.train)
        return
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        expected = Path(folder, "expected")
        expected.mkdir()
        _, duration = run_process(expected, epoch=2)  # the first ones compile
        duration /= EPOCHS - 2
        raised = fw.judge(fw.read(expected / "logs")).raised
        print(f"uninterrupted: {duration:.2f} s an epoch, {len(raised)} alarms and notes")
        print(f"{'training':>8} {'kills':>5}  steps that were recorded when it was killed")
        kills, directories = 0, []
        while kills < options.kills:
            directory = Path(folder, f"training-{len(directories) + 1}")
            most = min(options.kills_each, options.kills - kills)
            left = interrupted_training(directory, most, duration, moments)
            compare_records(expected, directory)
            kills += len(left)
            if len(left) < most:  # the machine is faster than it was
                duration /= 1.5
            directories.append(directory)
            print(f"{len(directories):8} {len(left):5}  {left}", flush=True)
        points = compare_readers(expected, directories)
        print(f"{len(directories)} trainings, {kills} kills: the records are the same")
        for name, count in points.items():
            print(f"{count:8} points are the same: {name}")


if __name__ == "__main__":
    main()
