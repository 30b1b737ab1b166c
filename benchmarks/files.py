"""What auditing saved files costs: whole processes, beside one that loads the model with Keras.

`python -m benchmarks.files` measures all; names such as `large help` only these. `--out PAGE` puts
the table on a page, `--check` fails if something is far above its aim (a busy machine is allowed
for).
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

import keras
import numpy as np
from keras import layers

from benchmarks.measured import Row, measure

ROUNDS = 3
CHECKPOINTS = 200
FRAMEWORKS = {"keras", "tensorflow", "tf_keras", "torch", "jax", "tensorboard"}
AUDIT = ("-m", "keras_filterwatch", "audit")
LOAD = "import sys, keras; keras.saving.load_model(sys.argv[1], compile=False)"


class Process(NamedTuple):
    """What a process took.

    Attributes:
        seconds: from its start to its end.
        memory: at its highest, in bytes.
        errors: what it wrote to its standard error.
    """

    seconds: float
    memory: float
    errors: str


# a process of its own, since the memory that a new process begins with is that of its parent
MEASURE = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
process = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
seconds = time.perf_counter() - started
memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([process.returncode, seconds, memory, process.stderr]))
"""


def run(*arguments: str | Path) -> Process:
    """Runs Python with these arguments.

    Raises:
        RuntimeError: it ends with another status than 0.
    """
    command = [sys.executable, "-c", MEASURE, sys.executable, *map(str, arguments)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    status, seconds, memory, errors = json.loads(output)
    if status:
        raise RuntimeError(f"{arguments} ended with {status}: {errors[-2000:]}")
    return Process(seconds, memory * (1024 if sys.platform == "linux" else 1), errors)


def large(directory: Path) -> Iterator[Row]:
    """A model with 25 million weights, saved in each format of Keras."""
    model = vgg_like()
    for ending in (".h5", ".keras", ".weights.h5"):
        path = directory / f"model{ending}"
        if ending == ".weights.h5":
            model.save_weights(path)
        else:
            model.save(path)
        size = path.stat().st_size
        what = f"{size / 1e6:.0f} MB {ending}"
        ours, kerass = [], []
        for _ in range(ROUNDS):
            ours.append(run(*AUDIT, path))
            if ending != ".weights.h5":  # without the model's code, Keras cannot load these
                kerass.append(run("-c", LOAD, path))
        yield Row(f"{what}: audit", median(each.seconds for each in ours), "s", 1.5, 4.5)
        if kerass:
            pairs = zip(ours, kerass, strict=True)
            ratio = median(theirs.seconds / our.seconds for our, theirs in pairs)
            yield Row(f"{what}: load_model alone takes longer", ratio, "times", 2.5, 1)
        memory = max(each.memory for each in ours) - run("-c", "import numpy").memory
        yield Row(f"{what}: memory of the audit, of the file", memory / size, "", 1.5, 3)
        frameworks = imported_frameworks(run("-X", "importtime", *AUDIT, path).errors)
        yield Row(f"{what}: frameworks that the audit imports", len(frameworks), "", 0, 0)


def vgg_like() -> keras.Model:
    """Thirteen convolutions and two Dense layers, 25 million weights."""
    model = keras.Sequential([layers.Input((224, 224, 3))])
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(400, activation="relu"))
    model.add(layers.Dense(1000, activation="softmax"))
    return model


def imported_frameworks(times: str) -> set[str]:
    """Which of the frameworks are among the modules that `-X importtime` lists."""
    modules = {line.rpartition("|")[2].strip().split(".")[0] for line in times.splitlines()}
    return modules & FRAMEWORKS


def many(directory: Path) -> Iterator[Row]:
    """200 checkpoints of 1 MB."""
    filters = 160  # two layers 3x3 of so many make 1 MB
    model = keras.Sequential(
        [
            layers.Input((32, 32, 3)),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10),
        ]
    )
    random = np.random.default_rng(0)
    paths = [directory / f"epoch-{epoch:03d}.keras" for epoch in range(1, CHECKPOINTS + 1)]
    for path in paths:
        model.save(path)
        for weight in model.trainable_weights:
            noise = 0.01 * random.standard_normal(weight.shape).astype("float32")
            weight.assign(weight + noise)
    size = np.mean([path.stat().st_size for path in paths]) / 1e6
    what = f"{CHECKPOINTS} checkpoints of {size:.2g} MB"
    audit = run(*AUDIT, *paths)
    yield Row(f"{what}: audit", audit.seconds, "s", 20, 60)
    series = run("-m", "keras_filterwatch", "series", directory, "--log-dir", directory / "logs")
    yield Row(f"{what}: series", series.seconds, "s", 20, 60)
    seconds = run("-c", LOAD_ALL, directory).seconds
    yield Row(f"{what}: load_model alone takes longer", seconds / audit.seconds, "times")


LOAD_ALL = """
import pathlib, sys, keras
for path in pathlib.Path(sys.argv[1]).glob("*.keras"):
    keras.saving.load_model(path, compile=False)
"""


def usage(directory: Path) -> Iterator[Row]:
    """`--help`, beside a process of Python that does nothing."""
    ours, nothing = [], []
    for _ in range(5 * ROUNDS):
        ours.append(1000 * run("-m", "keras_filterwatch", "--help").seconds)
        nothing.append(1000 * run("-c", "pass").seconds)
    yield Row("--help", median(ours), "ms", 150, 450)
    yield Row("python -c pass", median(nothing), "ms")
    ratio = median(our / other for our, other in zip(ours, nothing, strict=True))
    yield Row("--help over python -c pass", ratio, "times", 5, 15)


TASKS = {"large": large, "many": many, "help": usage}


ABOUT = (
    "Each is a whole process, from its start to its end, on files that are in the system's cache; "
    "the audit and `keras.saving.load_model(path, compile=False)` take turns in one run. Memory is "
    "the process's at its highest, beyond one that only imports NumPy. `python -m benchmarks.files "
    "--out benchmarks/RESULTS.md` writes this part."
)

if __name__ == "__main__":
    sys.exit(
        measure(
            __doc__, TASKS, "Files: what an audit costs", ("tensorflow", "keras", "h5py"), ABOUT
        )
    )
