"""Metrics: one question about a kernel per file, and the table of all of them.

A metric is a function `(facts: KernelFacts) -> Measurements`. To add one, write it and the
descriptions of its scores into the file of its question, test it, and add its row to `METRICS`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from keras_filterwatch.metrics import (
    activity,
    appearance,
    dead,
    filterdb,
    gradient,
    motion,
    noise,
    redundancy,
    saturation,
)
from keras_filterwatch.metrics.facts import KernelFacts, Measurement, Measurements

__all__ = [
    "DESCRIPTIONS",
    "METRICS",
    "KernelFacts",
    "Measurement",
    "Measurements",
    "Metric",
    "activity",
    "appearance",
    "dead",
    "filterdb",
    "gradient",
    "motion",
    "noise",
    "redundancy",
    "saturation",
]


class Metric(NamedTuple):
    """One row of the table of metrics.

    Attributes:
        measure: measures one or more scores of a kernel; what is undefined is NaN or absent.
        descriptions: name of each score that it can return -> what the score says, in one line.
        quick: True if training waits for it; the others follow while training goes on.
    """

    measure: Callable[[KernelFacts], Measurements]
    descriptions: Mapping[str, str]
    quick: bool = False


METRICS = (
    Metric(noise.measure_roughness, noise.ROUGHNESS, quick=True),
    Metric(noise.measure_anisotropy, noise.ANISOTROPY),
    Metric(dead.measure, dead.DESCRIPTIONS, quick=True),
    Metric(motion.measure_update, motion.UPDATE, quick=True),
    Metric(motion.measure_rotation, motion.ROTATION),
    Metric(saturation.measure, saturation.DESCRIPTIONS),
    Metric(redundancy.measure, redundancy.DESCRIPTIONS),
    Metric(appearance.measure, appearance.DESCRIPTIONS),
    Metric(filterdb.measure, filterdb.DESCRIPTIONS),
    Metric(activity.measure, activity.DESCRIPTIONS, quick=True),
    Metric(gradient.measure, gradient.DESCRIPTIONS, quick=True),
)

# name of a score -> what it says in one line; `orientation` and `labels` exist per filter only
DESCRIPTIONS = {score: text for metric in METRICS for score, text in metric.descriptions.items()}
