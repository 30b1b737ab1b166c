"""What is known of each score beside its values: what it says, its range, and which end is better.

The page and the picture `overview` colour scores by it. docs/scores.md says more about each score.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from keras_filterwatch.kernels import Array
from keras_filterwatch.metrics import DESCRIPTIONS

Better = Literal["low", "high", ""]

_OUTLIERS = 2  # percent of the numbers at each end that do not widen a range


@dataclass(frozen=True)
class ScoreFacts:
    """What is known of a score.

    Attributes:
        name: as `scores[layer]` has it.
        about: what it says, in a line; `""` for a metric of the user's own.
        low, high: the range that colours cover; None where only the numbers of a run tell it.
        better: the end that is better; `""` if neither is.
    """

    name: str
    about: str
    low: float | None = None
    high: float | None = None
    better: Better = ""

    def with_range(self, numbers: Array) -> "ScoreFacts":
        """Returns the same with a range: its own, or that of the numbers without outliers.

        Example:
            >>> facts = score_facts("norm").with_range(np.array([1.0, np.nan, 1.0]))
            >>> facts.low, facts.high
            (1.0, 2.0)
        """
        if self.low is not None and self.high is not None:
            return self
        finite = numbers[np.isfinite(numbers)]
        if not finite.size:
            return replace(self, low=0.0, high=1.0)
        low, high = map(float, np.percentile(finite, [_OUTLIERS, 100 - _OUTLIERS]))
        # of numbers that are all the same, nothing can be said but that they are
        return replace(self, low=low, high=high if high > low else low + (abs(low) or 1.0))


_SHARE = (0.0, 1.0)
_LARGEST_ENTROPY = math.log10(9)  # of the variances along the nine axes of a 3x3 window

# Score -> its range and the end that is better. A score describes a layer, and has no better end,
# where high and low values both occur in good layers.
_RANGES: dict[str, tuple[float | None, float | None, Better]] = {
    "noise": (*_SHARE, "low"),
    "dead_units": (*_SHARE, "low"),
    "dead": (*_SHARE, "low"),
    "update": (None, None, ""),
    "rotation": (*_SHARE, ""),
    "norm": (None, None, ""),
    "gradient": (None, None, ""),
    "geary_c": (*_SHARE, "low"),
    "noise_z": (None, None, ""),
    "slices": (None, None, ""),
    "dc": (*_SHARE, ""),
    "anisotropy": (*_SHARE, ""),
    "rail": (*_SHARE, "low"),
    "coverage": (*_SHARE, ""),
    "effective_rank": (None, None, "high"),
    "stable_rank": (None, None, "high"),
    "duplicates": (*_SHARE, "low"),
    "rotated": (*_SHARE, ""),
    "inverted": (*_SHARE, ""),
    "coherence": (*_SHARE, ""),
    "chroma": (*_SHARE, ""),
    "orientation": (0.0, math.pi, ""),
    "labels": (*_SHARE, ""),  # words: only the filters have them
    "sparsity": (*_SHARE, "low"),
    "variance_entropy": (0.0, _LARGEST_ENTROPY, ""),
    "variance_entropy_norm": (*_SHARE, ""),
    "orthogonality": (*_SHARE, "high"),
    "apoz": (*_SHARE, ""),
    "saturated_units": (*_SHARE, "low"),
    "activation_mean": (None, None, ""),
    "activation_std": (None, None, ""),
    "observations": (None, None, ""),
}

# Score -> what is known of it, in the order of importance.
SCORE_FACTS = {
    name: ScoreFacts(name, DESCRIPTIONS[name], *values) for name, values in _RANGES.items()
}
_MOST_IMPORTANT = 7  # scores that come before metrics of the user's own


def score_facts(name: str) -> ScoreFacts:
    """Returns what is known of a score; of a metric of the user's own, its name only.

    Example:
        >>> score_facts("dead").better, score_facts("my own").about
        ('low', '')
    """
    return SCORE_FACTS.get(name) or ScoreFacts(name, "")


def by_importance(names: Iterable[str]) -> list[str]:
    """Returns the names of scores, the most important first.

    Metrics of the user's own come behind the scores whose curves are written by default, and before
    all other scores.

    Example:
        >>> by_importance(["geary_c", "my own", "noise"])
        ['noise', 'my own', 'geary_c']
    """
    places = {name: place for place, name in enumerate(SCORE_FACTS)}
    own = _MOST_IMPORTANT - 0.5
    return sorted(set(names), key=lambda name: (places.get(name, own), name))
