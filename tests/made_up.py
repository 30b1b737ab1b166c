"""Made-up histories for the tests of rules: from arrays, from layers' scores, or from logs."""

import numpy as np
import pytest

import keras_filterwatch as fw
from keras_filterwatch.alarms import Judgement, follow
from keras_filterwatch.history import History
from keras_filterwatch.metrics.activity import Outputs
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.scores import LayerScores, Scores

CLASSES = 10
# of ten classes, guessing has an accuracy of 1/10 and a loss of ln 10 = 2.303
POOR = {"loss": 2.3, "accuracy": 0.1}
GOOD = {"loss": 0.2, "accuracy": 0.95}
UPDATES = 100  # of the optimizer in each epoch, unless a test says otherwise


# What is known about the model.


def output(
    units=CLASSES, loss="sparse_categorical_crossentropy", last="softmax", name="out", **others
):
    """An output with one row of units for each input, that trains as it ends."""
    return OutputFacts(name, units, last, loss, **{"trains_as": last, "axes": 2, **others})


def facts(*outputs, epochs=10, **others):
    """A classifier of ten classes in ten epochs, so that rules wait for two of them."""
    return ModelFacts(outputs=outputs or (output(),), epochs=epochs, **others)


# Histories of layers' scores and logs.


def layer(shape=(3, 3, 4, 8), verdict="undetermined", trainable=True, filters=None, **numbers):
    """The scores of one layer, of which no filter is dead."""
    filters = {"dead": np.zeros(shape[-1])} | (filters or {})
    return LayerScores("", shape, verdict, {"dead": 0.0} | numbers, filters, trainable)


def network(**numbers):
    """The layers `conv`, which turned by .1 unless told otherwise, and `head` of ten units."""
    rotated = {"rotation": 0.1}
    return {"conv": layer(**rotated | numbers), "head": layer((8, CLASSES), **rotated)}


def of_layers(layers, logs=(), known=None, updates=UPDATES, first_epoch=0):
    """A step for each of these layers, an epoch each; `logs` begin with the second step's.

    The first step is the initial state. `updates` are those of each epoch; None if unknown.
    """
    logged = dict(enumerate(logs, 1))
    return History(
        (
            Scores(
                step=first_epoch + i,
                epoch=first_epoch + i,
                layers=each,
                logs=logged.get(i, {}),
                updates=None if updates is None else updates * i,
            )
            for i, each in enumerate(layers)
        ),
        known,
    )


def of_logs(logs, known=None, updates=UPDATES, **numbers):
    """The initial state, and a step for each of these logs, of a network that turned by .1."""
    logs = list(logs)
    layers = network(**numbers)
    return of_layers([layers] * (len(logs) + 1), logs, known or facts(), updates)


def curves(**values):
    """The logs of epochs in which each of these curves took these values."""
    return [dict(zip(values, each, strict=True)) for each in zip(*values.values(), strict=True)]


# Histories of arrays, which are scored.


def scored(layers, logs=(), known=None, outputs=None, frozen=(), first_epoch=0, updates=UPDATES):
    """Scores of layers, a step an epoch; the first one is the initial state, which has no logs.

    `layers` are the arrays of `conv`, or `{name: arrays}`, and `outputs` `{name: Outputs}`, one
    of each at each step; `logs` begin with the first epoch's.
    """
    layers = layers if isinstance(layers, dict) else {"conv": layers}
    snapshots = [
        fw.Snapshot(
            first_epoch + i,
            tuple(
                fw.Kernel(name, "", array, trainable=name not in frozen)
                for name, array in zip(layers, arrays, strict=True)
            ),
        )
        for i, arrays in enumerate(zip(*layers.values(), strict=True))
    ]
    scores = [
        fw.score(
            now,
            first=snapshots[0],
            previous=before,
            outputs={name: steps[i] for name, steps in (outputs or {}).items()},
        )
        for i, (now, before) in enumerate(zip(snapshots, [None, *snapshots], strict=False))
    ]
    return of_layers(scores, logs, known, updates, first_epoch)


def noise_kernel(seed=0, shape=(3, 3, 16, 32)):
    return np.random.default_rng(seed).standard_normal(shape)


def smooth(array):
    """Filters that each repeat one value over the window's columns: edges."""
    return np.broadcast_to(array[:, :1], array.shape) + 0.1 * array


START, FORMED = noise_kernel(), smooth(noise_kernel())
SMALL = noise_kernel(shape=(3, 3, 4, 8))  # for what does not need many slices


def turned(array, rotation):
    """The array turned by so much, 1 - cosine, at its norm, towards noise at right angles."""
    aside = noise_kernel(99, array.shape)
    aside -= array * (aside * array).sum() / np.square(array).sum()
    aside *= np.linalg.norm(array) / np.linalg.norm(aside)
    return (1 - rotation) * array + np.sqrt(1 - (1 - rotation) ** 2) * aside


def trained(start, now, count):
    """An array at the start, and another one so many times, each with a little noise of its own.

    Each differs from the one before by .0014 of its size, as by training.
    """
    size = 0.001 * np.sqrt(np.square(now).mean())
    return [start] + [now + size * noise_kernel(100 + i, now.shape) for i in range(count)]


def rough(noise, shape=(3, 3, 16, 32)):
    """Slices that all have this noise score, 0 to 1.

    They mix two eigenvectors of the grid's Laplacian, of eigenvalues 1 and 3. Of n = 9 taps and
    12 pairs, C is 8/24 times the mix's eigenvalue: 1/3, the smoothest, and 1, noise.
    """
    window = np.sqrt(1 - noise) * np.array([1, 0, -1]) / np.sqrt(2)
    window = window + np.sqrt(noise) * np.array([1, -2, 1]) / np.sqrt(6)
    return np.broadcast_to(window[:, None, None, None], shape)


def with_head(arrays, rotation=0.1):
    """Layers `conv` and `head`, which turns so far and tells `CLASSES` classes apart."""
    start = noise_kernel(9, (8, CLASSES))
    return {"conv": arrays, "head": [start] + [turned(start, rotation)] * (len(arrays) - 1)}


def units(affected, bounds=None, count=32, observations=100):
    """Outputs that are zero in the first few units; or, within bounds, at a rail."""
    flags = observations * (np.arange(count) < affected)
    rest = observations - flags
    if bounds is None:
        return Outputs(observations, flags, rest, rest)
    return Outputs(observations, np.zeros(count), flags, flags, bounds, flags)


def probed(affected, bounds=None, name="conv", logs=(), known=None, observations=100):
    """A network whose layer has so many dead or saturated units at each step."""
    count = 32 if name == "conv" else CLASSES
    outputs = [units(some, bounds, count, observations) for some in affected]
    layers = with_head([noise_kernel(seed, (3, 3, 4, 32)) for seed in range(len(affected))])
    return scored(layers, logs, known, outputs={name: outputs})


# What is said about them.


def says(alarms, rule, step, value, threshold, words, layer="conv", filters=(), level="warning"):
    """One alarm, with all that."""
    (alarm,) = alarms
    assert (alarm.rule, alarm.layer, alarm.step, alarm.level) == (rule, layer, step, level)
    assert (alarm.value, alarm.threshold) == pytest.approx((value, threshold), nan_ok=True)
    assert alarm.filters == tuple(filters)
    assert words in alarm.message


def judged(history):
    """What the default rules say of a history, followed step by step."""
    judgement = Judgement()
    for end in range(1, len(history) + 1):
        judgement = follow(fw.default_rules(), history[:end], judgement.raised)
        assert not judgement.failures
    return judgement


def names(alarms):
    """The rules that raised these alarms."""
    return {alarm.rule for alarm in alarms}


def diagnosed(history):
    """The diagnosis of what holds at the end of a history."""
    return fw.diagnose(history, judged(history).holding)
