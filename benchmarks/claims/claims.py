"""The claims in order: what is said, who says it, and the function that measures it."""

from collections.abc import Callable
from typing import NamedTuple

from benchmarks.claims import accuracy, shapes, smoothness, units
from benchmarks.claims.reading import Records
from benchmarks.claims.result import Result

_CS231N = "[CS231n](https://cs231n.github.io/understanding-cnn/)"
_ANSWER = "[Stack Overflow](https://stackoverflow.com/questions/41496842)"


class Claim(NamedTuple):
    """One claim.

    Attributes:
        key: names its pictures and its place on the page.
        text: what is said.
        source: who says it, as Markdown.
        measure: what computes the result.
    """

    key: str
    text: str
    source: str
    measure: Callable[[Records], Result]


CLAIMS = (
    Claim(
        "smooth",
        "Well-trained networks have smooth first-layer filters",
        _CS231N,
        smoothness.smooth_when_trained,
    ),
    Claim(
        "undertrained",
        "Noisy filters mean too little training",
        _CS231N,
        smoothness.noisy_when_undertrained,
    ),
    Claim(
        "regularised",
        "Noisy filters mean too little regularisation, and overfitting",
        f"{_CS231N}; [Data Science](https://datascience.stackexchange.com/questions/13629): "
        '"dropout or L2 ... much smoother"',
        smoothness.noisy_when_not_regularised,
    ),
    Claim(
        "dead",
        "Dead filters are a symptom of high learning rates",
        _CS231N,
        units.dead_at_high_rates,
    ),
    Claim(
        "sparse",
        "Activations become sparser and more localised as training goes on",
        _CS231N,
        units.sparser_maps,
    ),
    Claim(
        "turned",
        "Many filters are copies of each other, turned by 90 degrees",
        "[Chollet 2016]"
        "(https://blog.keras.io/how-convolutional-neural-networks-see-the-world.html)",
        shapes.turned_copies,
    ),
    Claim(
        "saturated",
        'Saturation shows in the weights: "a bunch of 1s and 0s"',
        _ANSWER,
        units.saturation_in_weights,
    ),
    Claim(
        "small",
        "Oriented edges are hard to see in 3x3 windows",
        _ANSWER,
        shapes.edges_in_small_windows,
    ),
    Claim(
        "second",
        "Second-layer weights are less interpretable, but still smooth",
        _CS231N,
        shapes.second_layer,
    ),
    Claim(
        "path",
        "The strongest hidden unit says little about a class, the top few more, the path most",
        "asked on [Cross Validated](https://stats.stackexchange.com/questions/255525)",
        units.units_behind_classes,
    ),
    Claim(
        "accuracy",
        "Weights alone tell the accuracy",
        "[Unterthiner et al. 2020](https://arxiv.org/abs/2002.11448)",
        accuracy.accuracy_from_weights,
    ),
)
