"""How many slices does a verdict take? Layers of edges with noise, made up and scored."""

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import keras_filterwatch as fw
from benchmarks.claims.plan import LAYERS, SLICES, Simulation

_FILTERS = 16  # the slices of a layer are shared among so many
_SINGLE = 1_000  # filters that are judged one by one


def simulate(simulation: Simulation) -> dict[str, Any]:
    """Returns the verdicts on layers of so many slices, and what single filters look like.

    `structured` and `untrained`: for each of `SLICES`, the share of layers with that verdict.
    `single`: the noise scores and the coherence of single filters of one channel.
    """
    random = np.random.default_rng([simulation.window, round(100 * simulation.share)])
    structured, untrained = [], []
    for slices in SLICES:
        filters = min(slices, _FILTERS)
        verdicts = []
        for _ in range(LAYERS):
            kernel = edges(random, simulation.window, slices, simulation.share)
            kernel = kernel.reshape(*kernel.shape[:2], slices // filters, filters)
            verdicts.append(fw.score({"layer": kernel})["layer"].verdict)
        structured.append(verdicts.count("structured") / LAYERS)
        untrained.append(verdicts.count("untrained") / LAYERS)
    single = edges(random, simulation.window, _SINGLE, simulation.share)[:, :, np.newaxis]
    scores = fw.score({"layer": single})["layer"]
    return {
        "slices": list(SLICES),
        "structured": structured,
        "untrained": untrained,
        "noise": scores["noise"],
        "single": {name: scores.filters[name] for name in ("noise", "coherence")},
        "examples": single[..., :16],
    }


def edges(random: Generator, window: int, count: int, share: float) -> NDArray[np.float64]:
    """Returns slices `(window, window, count)` of edges in any direction, and of noise.

    An edge or a bar: a wave with a period of 1.2 to 2.4 windows at any angle and phase, without
    its mean. `share` of the energy is the edge's. Both parts have unit energy on average.

    Example:
        >>> slices = edges(np.random.default_rng(0), 5, 1000, 0.5)
        >>> slices.shape, bool(abs(np.square(slices).sum(axis=(0, 1)).mean() - 1) < 0.05)
        ((5, 5, 1000), True)
    """
    side = (np.arange(window) - (window - 1) / 2) / window
    y, x = side[:, np.newaxis, np.newaxis], side[np.newaxis, :, np.newaxis]
    angle, phase = random.uniform(0, 2 * np.pi, (2, count))
    along = x * np.cos(angle) + y * np.sin(angle)
    wave = np.sin(2 * np.pi * along / random.uniform(1.2, 2.4, count) + phase)
    wave -= wave.mean(axis=(0, 1))
    wave /= np.sqrt(np.square(wave).sum(axis=(0, 1)))
    noise = random.standard_normal((window, window, count)) / window
    return np.sqrt(share) * wave + np.sqrt(1 - share) * noise
