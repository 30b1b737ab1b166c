"""The situations that a layer can be in, as its scores tell, and what is said of each.

They are one ordered table, `SITUATIONS`. To add one, write what it says, add its row, and its test
to tests/test_sentences.py.
"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from keras_filterwatch.metrics import noise
from keras_filterwatch.metrics.motion import AT_REST
from keras_filterwatch.metrics.redundancy import ONE_DIRECTION
from keras_filterwatch.sentences.phrases import (
    MANY,
    Layers,
    change_of_noise,
    count_text,
    flatness_text,
    kept_text,
    knows_start,
    noise_text,
    range_text,
    units_text,
    verb_for,
    where_to_look,
    windows_needed,
)

if TYPE_CHECKING:
    from keras_filterwatch.scores import LayerScores

KINDS = ("fault", "open", "fine", "nothing")
ACCURATE_NETWORKS, ROUGH_SHARE = "133", "2 %"  # of these, with a first layer above .8: claims.md
_LIKE_NOISE = 0.1  # from a noise score of 1, at least, where chance alone can be less


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


def _has_equal_filters(layer: "LayerScores") -> bool:
    return layer.get("duplicates") == 1 and layer.get("effective_rank", math.inf) < ONE_DIRECTION


def _has_noise_score(layer: "LayerScores") -> bool:
    return "noise" in layer


def _looks_random(layer: "LayerScores") -> bool:
    return layer.verdict == "untrained" and _has_noise_score(layer)


def _is_random_and_frozen(layer: "LayerScores") -> bool:
    return _looks_random(layer) and not layer.trainable


def _is_random_and_unchanged(layer: "LayerScores") -> bool:
    known = _looks_random(layer) and knows_start(layer)
    return known and layer.get("rotation", math.inf) < AT_REST


def _has_few_slices(layer: "LayerScores") -> bool:
    if not _has_noise_score(layer) or layer.verdict != "undetermined":
        return False
    return layer.get("slices", math.inf) <= noise.slices_needed(layer.shape[:-2])


def _near_noise(layer: "LayerScores") -> float:
    """Returns how far a noise score must be from 1 to be called another than that of noise."""
    error = noise.noise_error(layer.shape[:-2], layer.get("slices", math.inf))
    return max(_LIKE_NOISE, noise.FAR * error)


def _is_as_rough_as_noise(layer: "LayerScores") -> bool:
    return _has_noise_score(layer) and abs(layer["noise"] - 1) <= _near_noise(layer)


def _is_rougher_than_noise(layer: "LayerScores") -> bool:
    return _has_noise_score(layer) and layer["noise"] - 1 > _near_noise(layer)


def _is_later_and_as_rough_as_noise(layer: "LayerScores") -> bool:
    return _is_as_rough_as_noise(layer) and knows_start(layer) and not layer.reads_images


def _is_undetermined(layer: "LayerScores") -> bool:
    return _has_noise_score(layer) and layer.verdict == "undetermined"


# Sentences, each of which fits one layer and several


def _diverged(layers: Layers) -> str:
    bad = sum(int((~np.isfinite(layer.filters["norm"])).sum()) for layer in layers)
    total = sum(layer.shape[-1] for layer in layers)
    return (
        f"{bad} of {total} filters {'has' if bad == 1 else 'have'} weights that are NaN or "
        "infinite: training diverged. Look at the inputs and at the learning rate, not at the "
        "picture."
    )


def _never_active(layers: Layers) -> str:
    return (
        "every unit is zero for every probe input, so nothing is passed on. Look at the learning "
        "rate and at the inputs, not at the picture."
    )


def _rarely_active(layers: Layers) -> str:
    units, verb = count_text(layers, "dead_units", "units"), ("is", "are")
    return (
        f"{units} {verb_for(layers, 'dead_units', *verb)} zero for every probe input. If the "
        "network learns, it does without them; if not, look at the learning rate."
    )


def _next_to_no_weight(layers: Layers) -> str:
    filters, verb = count_text(layers, "dead", "filters"), ("has", "have")
    return (
        f"{filters} {verb_for(layers, 'dead', *verb)} next to no weight, so their pictures show "
        "nothing. If training did that, look at the strength of the regularisation and at the "
        "learning rate."
    )


def _equal_filters(layers: Layers) -> str:
    return (
        "all filters are the same, so they learn the same. If they were from the start, "
        "initialise the layer at random, as Keras does by default."
    )


def _random_and_frozen(layers: Layers) -> str:
    return (
        f"like random weights, and frozen: {noise_text(layers)}, where 1 is noise, and training "
        "does not change that. Looking at the picture is fruitless. If trained weights were "
        "loaded, this can be normal; if not, the layer never learns."
    )


def _random_and_unchanged(layers: Layers) -> str:
    return (
        f"like random weights, as at the start: {noise_text(layers)}, where 1 is noise, and "
        f"training has hardly changed the weights so far (rotation "
        f"{range_text(layers, 'rotation', '.1g')}). Look at the loss and the learning rate rather "
        "than at the picture."
    )


def _as_rough_as_noise(layers: Layers) -> str:
    return f"as rough as noise: {_noise_and_start(layers)} {where_to_look(layers)}"


def _random_although_trained(layers: Layers) -> str:
    return f"still like random weights: {_noise_and_start(layers)} {_if_random(layers)}"


def _random(layers: Layers) -> str:
    return (
        f"like random weights: {noise_text(layers)}, where 1 is noise, as weights are before "
        f"training. {_if_random(layers)}"
    )


def _if_random(layers: Layers) -> str:
    """Returns what it means that layers look random; of first convolutions, as was measured."""
    if all(layer.reads_images and layer.kind != "dense" for layer in layers):
        return (
            f"Of {ACCURATE_NETWORKS} accurate networks that were measured, {ROUGH_SHARE} had a "
            "first layer above 0.8 (docs/claims.md). So look at the validation accuracy: probably "
            "too little is learnt yet."
        )
    return (
        "If the network does its task well, that is harmless, and the picture says nothing more; "
        "if it does not, no pattern has formed here yet."
    )


def _too_few_slices(layers: Layers) -> str:
    looking = where_to_look(layers, "Looking at the picture is fruitless")
    return (
        f"too few weights to tell whether they are random.{kept_text(layers)} "
        f"{windows_needed(layers)} {looking}"
    )


def _a_little_structure(layers: Layers) -> str:
    looking = where_to_look(layers, "The picture shows little")
    return f"hard to tell from random weights: {_noise_and_start(layers)} {looking}"


def _noise_and_start(layers: Layers) -> str:
    return f"{noise_text(layers)}, where 1 is noise.{kept_text(layers)}"


def _checkered(layers: Layers) -> str:
    return (
        f"rougher than noise: {noise_text(layers)}, where 1 is noise and more is like a "
        f"checkerboard, since neighbouring weights tend to differ.{_more(layers)} "
        f"{where_to_look(layers)}"
    )


def _rough_structure(layers: Layers) -> str:
    return (
        f"not random, although as rough as noise: {noise_text(layers)}, where 1 is noise. The "
        "windows share a pattern or a sign, which this score does not measure."
        f"{_more(layers)} {where_to_look(layers)}"
    )


def _structure(layers: Layers) -> str:
    return f"not random. {change_of_noise(layers)}{_more(layers)} {where_to_look(layers)}"


def _more(layers: Layers) -> str:
    return units_text(layers) + flatness_text(layers) + kept_text(layers)


def _saturated(layers: Layers) -> str:
    units, verb = count_text(layers, "saturated_units", "units"), ("stays", "stay")
    return (
        f"{units} {verb_for(layers, 'saturated_units', *verb)} at the ends of the range for all "
        "probe inputs. That is right in an output layer; in a hidden one, such units hardly learn."
    )


def _no_window(layers: Layers) -> str:
    return (
        "no picture and no noise score, since nothing says that images are read here. If the "
        "inputs are flattened images, pass window={name: (height, width, channels)}."
    )


def _no_noise_score(layers: Layers) -> str:
    if all(math.prod(layer.shape[:-2]) == 1 for layer in layers):
        return "no picture and no noise score: a window of one weight has no neighbours."
    return "no noise score: the windows have too few weights, or their weights do not differ."


SITUATIONS = (
    Situation("diverged", _has_diverged, _diverged, "fault"),
    Situation("never active", _is_at_least("dead_units", 1.0), _never_active, "fault"),
    Situation("rarely active", _is_at_least("dead_units", MANY), _rarely_active, "fault"),
    Situation("next to no weight", _is_at_least("dead", MANY), _next_to_no_weight, "fault"),
    Situation("equal filters", _has_equal_filters, _equal_filters, "fault"),
    Situation("random and frozen", _is_random_and_frozen, _random_and_frozen, "open"),
    Situation("random and unchanged", _is_random_and_unchanged, _random_and_unchanged, "open"),
    Situation("as rough as noise", _is_later_and_as_rough_as_noise, _as_rough_as_noise, "open"),
    Situation(
        "random although trained",
        lambda layer: _looks_random(layer) and knows_start(layer),
        _random_although_trained,
        "open",
        True,
    ),
    Situation("random", _looks_random, _random, "open", True),
    Situation("too few slices", _has_few_slices, _too_few_slices, "open", True),
    Situation("a little structure", _is_undetermined, _a_little_structure, "open", True),
    Situation("checkered", _is_rougher_than_noise, _checkered, "fine", True),
    Situation("rough structure", _is_as_rough_as_noise, _rough_structure, "fine", True),
    Situation("structure", _has_noise_score, _structure, "fine", True),
    Situation("saturated", _is_at_least("saturated_units", MANY), _saturated, "nothing"),
    Situation("no window", lambda layer: len(layer.shape) == 2, _no_window, "nothing"),
    Situation("no noise score", lambda layer: True, _no_noise_score, "nothing"),
)
