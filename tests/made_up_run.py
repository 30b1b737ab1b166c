"""MadeUpRun: a record of any size without a training, written as a training writes it."""

import math

import numpy as np

import keras_filterwatch as fw
from keras_filterwatch.alarms import Judgement
from keras_filterwatch.quantised import QuantisedKernel
from keras_filterwatch.record import RecordWriter, StepToRecord
from keras_filterwatch.scores import LayerScores, Scores
from keras_filterwatch.storage import folder_of

LAST = 100  # steps over which the made-up scores fall


class MadeUpRun:
    """A run that is recorded step by step; `close` ends it.

    Args:
        folder: the `log_dir`.
        shapes: layer -> shape of its kernel, `(*window, channels, filters)`.
        has_weights: whether kernels with a window are recorded at each step.
        message: what the alarm about the last layer and the diagnosis say.
    """

    def __init__(self, folder, shapes, has_weights=True, message="It looks like noise."):
        self._shapes = shapes
        self._has_weights = has_weights
        self._message = message
        self._writer = RecordWriter(folder_of(str(folder / "filterwatch")), "epoch")
        self._kernels = {
            name: np.random.default_rng(i).standard_normal((2, *shape)).astype(np.float32)
            for i, (name, shape) in enumerate(shapes.items())
            if has_weights and _has_window(shape)
        }

    def write(self, step):
        """Records one step: scores that fall with it, and kernels that turn from noise to noise."""
        scores = {
            name: LayerScores(
                *("Conv2D", shape, "untrained" if step < LAST / 2 else "structured"),
                *(self._numbers(i, step, shape), self._filters(step, shape)),
            )
            for i, (name, shape) in enumerate(self._shapes.items())
        }
        logs = {"loss": 2 * math.exp(-step / LAST), "accuracy": 1 - 0.9 * math.exp(-step / LAST)}
        now = Scores(step, step, scores, logs=logs if step else {}, updates=100 * step)
        alarm = fw.Alarm("noisy", [*scores][-1], 1, 0.9, 0.5, (0,), self._message)
        diagnosis = fw.Diagnosis(self._message if step else "no fault found", (), self._message)
        judgement = Judgement(new=(alarm,)) if step == 1 else Judgement()
        kernels = {
            name: QuantisedKernel.of(fw.Kernel(name, "Conv2D", self._turned(both, step)))
            for name, both in self._kernels.items()
        }
        self._writer.write(StepToRecord(now, judgement, diagnosis, kernels=kernels))

    def close(self):
        self._writer.close()

    def _turned(self, both, step):
        angle = step / LAST
        return both[0] * math.cos(angle) + both[1] * math.sin(angle)

    def _numbers(self, layer, step, shape):
        share = math.exp(-step / LAST * (1 + layer % 7))
        names = ("norm", "dead", "dead_units", "update", "rotation", "effective_rank", "noise")
        names = names if _has_window(shape) else names[:-1]
        return {name: share / (1 + place) for place, name in enumerate(names)}

    def _filters(self, step, shape):
        noise = np.linspace(0, 1, shape[-1], dtype=np.float32) * math.exp(-step / LAST)
        return {"noise": noise, "norm": 1 + noise} if _has_window(shape) else {"norm": 1 + noise}


def _has_window(shape):
    return any(size > 1 for size in shape[:-2])
