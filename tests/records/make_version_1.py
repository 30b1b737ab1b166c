"""Writes the record of `version-1` as it is kept; run once, when version 1 was current.

The numbers are made up, and `test_runs.py` names them. Later versions of FilterWatch must go on
reading the file as it is, so nobody runs this again.
"""

import sys

import numpy as np

from keras_filterwatch.alarms import Alarm, Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.kernels import Kernel
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of

FACTS = ModelFacts(
    backend="jax",
    outputs=(OutputFacts("head", 3, "linear", "mean_squared_error", trains_as="linear", axes=2),),
    optimizer="SGD",
    learning_rate=0.25,
    activations={"conv2d": "relu", "head": "linear"},
    epochs=2,
)
ALARM = Alarm("too_large", "head", 1, 11.5, 10.0, (0, 2), "A weight of head is 11.5.")
NOTE = Alarm("odd", "", 2, float("nan"), float("nan"), (), "It is odd.", "note")
JUDGEMENTS = [
    Judgement(),
    Judgement((ALARM,), (ALARM,)),
    Judgement(
        (Alarm(**{**vars(ALARM), "ended": 2}), NOTE),
        (NOTE,),
        (Alarm(**{**vars(ALARM), "ended": 2}),),
    ),
]


def kernel(*levels):
    """A 3x3 kernel with two filters: the first begins with a number, the second ends with one."""
    array = np.zeros((3, 3, 1, 2), np.float32)
    array[0, 0, 0, 0], array[2, 2, 0, 1] = levels
    return QuantisedKernel.of(Kernel("conv2d", "Conv2D", array, kind="conv"))


def scores(step):
    """The scores of a network of two layers."""
    norms = np.array([1, 2], np.float32)
    first = LayerScores(
        *("Conv2D", (3, 3, 1, 2), "undetermined", {"norm": 1.5, "noise": 1.0 / (1 + step)}),
        {"norm": norms, "labels": np.array(["edge", ""])},
        kind="conv",
        reads_images=True,
        noise_at_start=1.0,
    )
    missing = np.full(3, np.nan, np.float32)
    head = LayerScores("Dense", (2, 3), "structured", {"norm": 0.5}, {"noise": missing})
    logs = {"loss": 2.0 / 4**step, "learning_rate": 0.25} if step else {}
    layers = {"conv2d": first, "head": head}
    return Scores(step, step, layers, {"bn": "no kernel"}, logs, 4 * step)


def main():
    """Writes three steps."""
    writer = RecordWriter(folder_of(sys.argv[1]), "epoch")
    for step, judgement in enumerate(JUDGEMENTS):
        diagnosis = Diagnosis("no fault found", (), "There is no reason to stop.")
        kernels = {"conv2d": kernel(-127, 63.5 if step else 127)}
        writer.write(
            StepToRecord(scores(step), judgement, diagnosis, FACTS, kernels, 4 * step, {"head": 7})
        )
    writer.close()


if __name__ == "__main__":
    main()
