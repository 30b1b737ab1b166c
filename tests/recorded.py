"""Runs that are recorded without a training, with numbers that a formula tells."""

import numpy as np

from keras_filterwatch.alarms import Judgement
from keras_filterwatch.diagnosis import Diagnosis
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of

FINE = Diagnosis("no fault found", (), "")
SHAPE = (3, 3, 1, 4)  # of every layer: window, channels, filters


def noise_of(layer, step):
    """The noise score of a layer, by its place, at a step."""
    return 1 / (3 + layer + step)


def norm_of(layer, filter_, step):
    """The norm of a filter, a number that the record keeps exactly."""
    return float(100 * layer + 10 * filter_ + step % 10)


def scores_of_layer(place, step, filters=SHAPE[-1]):
    """The scores of one layer at a step; `update` begins with step 1."""
    norms = np.array([norm_of(place, each, step) for each in range(filters)])
    numbers = {"noise": noise_of(place, step), "norm": float(np.median(norms))}
    if step:
        numbers["update"] = 0.001 * step
    return LayerScores(
        *("Conv2D", (*SHAPE[:-1], filters), "structured", numbers),
        {"norm": norms, "dead": np.arange(filters) == 1, "labels": np.array(["edge"] * filters)},
        kind="conv",
    )


def levels_of(step, shape=SHAPE):
    """Levels of a kernel, of which no two are the same within a step as far as int8 has so many."""
    return ((np.arange(np.prod(shape)) + step) % 255 - 127).astype(np.int8).reshape(shape)


def kernel_of(name, step, shape=SHAPE):
    """A recorded kernel with these levels; the scale of filter i is i + 1."""
    scales = np.arange(1, shape[-1] + 1).astype(np.float32)
    return QuantisedKernel(name, "Conv2D", shape, levels_of(step, shape), scales, "conv")


def step_of(step, layers=("first", "second"), logs=None, **others):
    """All that is recorded of one step; of the first layer, the weights."""
    if logs is None:
        logs = {"loss": 1 / (1 + step)} if step else {}
    scores = {name: scores_of_layer(place, step) for place, name in enumerate(layers)}
    kernels = {name: kernel_of(name, step) for name in list(layers)[:1]}
    given = {"judgement": Judgement(), "diagnosis": FINE, "kernels": kernels, **others}
    return StepToRecord(Scores(step, step, scores, {"norm": "no kernel"}, logs), **given)


def record(folder, steps=range(4), unit="epoch", ends=True, **others):
    """Records a run in a folder; returns its writer."""
    writer = RecordWriter(folder_of(folder), unit)
    for step in steps:
        writer.write(step_of(step, **others))
    if ends:
        writer.close()
    return writer
