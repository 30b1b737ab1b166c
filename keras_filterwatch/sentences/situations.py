"""The situations that a layer can be in, as its scores tell, and what is said of each.

They are one ordered table, `SITUATIONS`. To add one, write what it says, add its row, and its test
to tests/test_sentences.py.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_filterwatch.metrics import noise
from keras_filterwatch.sentences.phrases import (
    MANY,
    Layers,
    extras,
    fall,
    filters,
    knows_start,
    look,
    noise_score,
    part,
    reads_pixels,
    rest_of_the_start,
    span,
    windows_needed,
)

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores

KINDS = ("fault", "open", "fine", "nothing")
_AT_REST = 2e-4  # rotation below which training did not change a layer


class Situation(NamedTuple):
    """What can be said of a layer.

    Attributes:
        name: of the situation.
        applies: tells whether a layer is in it, if it is in none before it in the table.
        sentence: says it of one layer, or of several that are in it.
        kind: one of `KINDS`: a fault, an open question, nothing wrong, or nothing to say, which is
            only said where there is nothing else.
        names_window: True if the sentence says what the layers' windows can show, so that it is
            one for layers with the same window only.
    """

    name: str
    applies: Callable[["LayerScores"], bool]
    sentence: Callable[[Layers], str]
    kind: str
    names_window: bool = False


# Conditions


def _has_diverged(layer: "LayerScores") -> bool:
    norms = layer.filters.get("norm")
    return norms is not None and not np.isfinite(norms).all()


def _is_at_least(score: str, share: float) -> Callable[["LayerScores"], bool]:
    return lambda layer: layer.get(score, 0.0) >= share


def _is_one_filter(layer: "LayerScores") -> bool:
    return layer.get("duplicates") == 1 and layer.get("effective_rank", math.inf) < 1.5


def _has_window(layer: "LayerScores") -> bool:
    return "noise" in layer


def _looks_random(layer: "LayerScores") -> bool:
    return layer.verdict == "untrained" and _has_window(layer)


def _is_frozen_at_random(layer: "LayerScores") -> bool:
    return _looks_random(layer) and not layer.trainable


def _is_random_and_trained(layer: "LayerScores") -> bool:
    return _looks_random(layer) and knows_start(layer) and "rotation" in layer


def _is_random_and_at_rest(layer: "LayerScores") -> bool:
    return _is_random_and_trained(layer) and layer["rotation"] < _AT_REST


def _has_few_slices(layer: "LayerScores") -> bool:
    if not _has_window(layer) or layer.verdict != "undetermined":
        return False
    return layer.get("slices", math.inf) <= noise.slices_needed(layer.shape[:-2])


def _is_between(layer: "LayerScores") -> bool:
    return _has_window(layer) and layer.verdict == "undetermined"


def _is_not_smooth(layer: "LayerScores") -> bool:
    """True if a layer's filters are about as rough as noise, or rougher."""
    if not _has_window(layer):
        return False
    error = noise.noise_error(layer.shape[:-2], layer.get("slices", math.inf))
    return layer["noise"] > 1 - max(0.1, noise.FAR * error)


def _is_rough_and_deeper(layer: "LayerScores") -> bool:
    """True if a trained layer behind others, whose filters need not be smooth, has rough ones."""
    return _is_not_smooth(layer) and knows_start(layer) and not reads_pixels(layer)


# Sentences, each of which fits one layer and several


def _diverged(layers: Layers) -> str:
    bad = sum(int((~np.isfinite(layer.filters["norm"])).sum()) for layer in layers)
    return (
        f"{bad} of {filters(layers)} filters have weights that are NaN or infinite: training "
        "diverged. Look at the inputs and at the learning rate, not at the picture."
    )


def _never_active(layers: Layers) -> str:
    return (
        "every unit is zero for every probe input, so nothing gets through. Look at the learning "
        "rate and at the inputs, not at the picture."
    )


def _rarely_active(layers: Layers) -> str:
    return (
        f"{part(layers, 'dead_units')} units are zero for every probe input. If the network "
        "learns, the layer is wider than it needs to be; if not, look at the learning rate."
    )


def _next_to_no_weight(layers: Layers) -> str:
    return (
        f"{part(layers, 'dead')} filters have next to no weight. Look at the strength of the "
        "regularisation and at the learning rate; the pictures of these filters show nothing."
    )


def _one_filter(layers: Layers) -> str:
    return (
        "all filters are the same, so they learn the same. Initialise the layer at random, as "
        "Keras does by default."
    )


def _frozen_at_random(layers: Layers) -> str:
    return (
        f"random and frozen: {noise_score(layers)}, where 1 is noise, and training does not "
        "change the weights. Looking at the picture is fruitless: it shows the initialisation."
    )


def _random_at_rest(layers: Layers) -> str:
    return (
        f"random, as at the start: {noise_score(layers)}, where 1 is noise, and training has "
        f"hardly changed the weights (rotation {span(layers, 'rotation', '.1g')}). Look at the "
        "learning rate and the loss: the picture shows the initialisation."
    )


def _random_although_trained(layers: Layers) -> str:
    return f"still like random weights: {_noise_and_start(layers)} {_IF_RANDOM}"


def _random(layers: Layers) -> str:
    return (
        f"like random weights: {noise_score(layers)}, where 1 is noise, as before training. "
        f"{_IF_RANDOM}"
    )


_IF_RANDOM = (
    "If the validation accuracy is good, that is harmless, and the picture says nothing more; if "
    "it is not, the layer has learnt too little."
)


def _saturated(layers: Layers) -> str:
    return (
        f"{part(layers, 'saturated_units')} units stay at the ends of their range for all probe "
        "inputs. That is right in an output layer; in a hidden one, such units hardly learn."
    )


def _too_few_slices(layers: Layers) -> str:
    looking = look(layers, "Looking at the picture is fruitless")
    return (
        f"too few weights to tell whether they are random.{rest_of_the_start(layers)} "
        f"{windows_needed(layers)} {looking}"
    )


def _rough_and_deeper(layers: Layers) -> str:
    return f"hard to tell from random weights: {_noise_and_start(layers)} {look(layers)}"


def _a_little_structure(layers: Layers) -> str:
    looking = look(layers, "The picture shows little")
    return f"hard to tell from random weights: {_noise_and_start(layers)} {looking}"


def _noise_and_start(layers: Layers) -> str:
    return f"{noise_score(layers)}, where 1 is noise.{rest_of_the_start(layers)}"


def _rough_structure(layers: Layers) -> str:
    return (
        f"not random, but not smooth: {noise_score(layers)}, where 1 is noise. The filters share "
        f"patterns or a sign, which this score does not measure.{extras(layers)} {look(layers)}"
    )


def _structure(layers: Layers) -> str:
    return f"not random. {fall(layers)}{extras(layers)} {look(layers)}"


def _no_window(layers: Layers) -> str:
    if all(layer.kind == "dense" for layer in layers):
        return (
            "no picture and no noise score, since nothing says that it reads an image. If it reads "
            "one flattened, pass window={name: (height, width, channels)}."
        )
    return "no picture and no noise score: its window has no neighbouring weights."


SITUATIONS = (
    Situation("diverged", _has_diverged, _diverged, "fault"),
    Situation("never active", _is_at_least("dead_units", 1.0), _never_active, "fault"),
    Situation("rarely active", _is_at_least("dead_units", MANY), _rarely_active, "fault"),
    Situation("next to no weight", _is_at_least("dead", MANY), _next_to_no_weight, "fault"),
    Situation("one filter", _is_one_filter, _one_filter, "fault"),
    Situation("random and frozen", _is_frozen_at_random, _frozen_at_random, "fault"),
    Situation("random at rest", _is_random_and_at_rest, _random_at_rest, "fault"),
    Situation("rough and deeper", _is_rough_and_deeper, _rough_and_deeper, "open"),
    Situation("random although trained", _is_random_and_trained, _random_although_trained, "open"),
    Situation("random", _looks_random, _random, "open"),
    Situation("too few slices", _has_few_slices, _too_few_slices, "open", True),
    Situation("a little structure", _is_between, _a_little_structure, "open", True),
    Situation("rough structure", _is_not_smooth, _rough_structure, "fine", True),
    Situation("structure", _has_window, _structure, "fine", True),
    Situation("saturated", _is_at_least("saturated_units", MANY), _saturated, "nothing"),
    Situation("no window", lambda layer: True, _no_window, "nothing"),
)
