"""Rules about the units of a layer: they are dead or saturated, or no gradient reaches them.

Dead and saturated units of a network that learns are a note. They become a warning where the
network gets nowhere.
"""

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History, Steps
from keras_filterwatch.scores import LayerScores

# Outputs of a unit that the probe has to show. A unit that is above zero 1 time in 20 is zero so
# many times in a row by chance in 5 % of cases.
_OBSERVATIONS = 60
_BOUNDED = ("sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh")
_LARGE_NORM = 3 * math.sqrt(2)  # of a filter; He initialisation, the largest, gives sqrt(2)
_SIGMOIDS = ("sigmoid", "hard_sigmoid")  # their slope is 1/4 at most
_VANISHED = 1e-3  # gradient of the first layer, relative to the largest one
_MANY_SIGMOIDS = 5  # layers that end with one: 1/4 to the fifth is less than `_VANISHED`
_SATURABLE = (  # score, what it is the share of, and where these are
    ("saturated_units", "units", "an end of their range, where hardly any gradient passes"),
    ("rail", "weights", "a bound of their constraint"),
)
_MEANING = {  # by level
    "note": "This is harmless as long as the network learns.",
    "warning": "Look at the learning rate, the inputs' range and the first weights.",
}


def dead(history: Steps, share: float = 0.5, epochs: int | None = None) -> list[Alarm]:
    """Raises an alarm about a hidden layer of which `share` or more is dead for `epochs` epochs.

    With a probe that shows each unit often enough, a dead unit is zero for every input. Otherwise
    a filter is dead that no epoch changes at all, since a dead unit gets no gradient; or that has
    next to no weight.

    A note, since networks learn with dead units. A warning where the network gets nowhere, where
    no kernel of it changes any more, or where all units of a layer are dead in a network without
    shortcuts: its outputs then do not depend on its inputs. Abstains about frozen layers.

    Args:
        history: the `Scores` of each step, oldest first.
        share: of the layer's units or filters, 0 to 1.
        epochs: for how many of the last epochs; None for `history.patience`.
    """
    history = History.of(history)
    ends = history.epoch_ends
    epochs = history.patience if epochs is None else epochs
    alarms = []
    for name, layer in ends.hidden_layers():
        if not layer.trainable or len(ends) <= epochs:
            continue
        for shares, flags, reason in _signs_of_death(name, ends, epochs):
            if len(shares) < epochs or min(shares) < share:
                continue
            filters = tuple(np.flatnonzero(flags).tolist())
            step, value = ends[-1].step, shares[-1]
            blocks_all = min(shares) == 1 and _has_no_shortcuts(history)
            is_certain = blocks_all or _no_kernel_changes(ends[-epochs:])
            level = "warning" if is_certain else _level(history)
            message = f"{len(filters)} of {layer.shape[-1]} {reason}. {_MEANING[level]}"
            alarms.append(Alarm("dead", name, step, value, share, filters, message, level))
            break
    return alarms


def _signs_of_death(
    name: str, ends: History, epochs: int
) -> Iterator[tuple[list[float], NDArray[np.bool_], str]]:
    """Yields evidence that filters of a layer are dead, the most certain first.

    Each is the dead share at the last epochs, a flag for each filter that is dead now, and the end
    of a sentence that says why.
    """
    recent = ends[-epochs:]
    layer = recent[-1][name]
    if "dead_units" in layer and layer.get("observations", math.inf) >= _OBSERVATIONS:
        reason = f"units of {name} are dead: they are zero for every input of the probe"
        yield recent.values(name, "dead_units"), _is_set(layer, "dead_units"), reason
        return
    updates = [each[name].filters.get("update") for each in recent if name in each]
    shares = [float((each == 0).mean()) for each in updates if each is not None]
    has_rate = all(each.logs.get("learning_rate", 1.0) > 0 for each in recent)
    # with bounded non-linearities, a gradient may vanish although no unit is dead
    if updates[-1] is not None and has_rate and not _bounded_layers(recent):
        reason = (
            f"filters of {name} do not change at all: no gradient reaches them, just as with "
            "dead units"
        )
        yield shares, updates[-1] == 0, reason
        if _only_shrinks(name, ends):
            reason = f"filters of {name} do nothing but shrink: no gradient reaches them"
            yield [1.0] * len(recent), np.ones(layer.shape[-1], np.bool_), reason
    reason = f"filters of {name} are dead: they have next to no weight"
    yield recent.values(name, "dead"), _is_set(layer, "dead"), reason


def _only_shrinks(name: str, ends: History) -> bool:
    """Returns True if a layer became smaller in its first direction, as by weight decay alone.

    Updates of this size in other directions would turn it by up to half their sum squared.
    """
    total, norms = sum(ends.values(name, "update")), ends.values(name, "norm")
    shrank = len(norms) > 1 and norms[-1] < norms[0]
    return shrank and 0 < total < 1 and ends[-1][name].get("rotation", 1.0) < 1e-3 * total**2 / 2


def _has_no_shortcuts(history: History) -> bool:
    """Returns True if it is known that no branches of the model are added or concatenated."""
    facts = history.facts
    return bool(facts.activations) and not facts.has_shortcuts


def _no_kernel_changes(recent: History) -> bool:
    """Returns True if no kernel that may train changed at all, at a learning rate above zero."""
    updates = [
        layer.get("update")
        for each in recent
        for layer in each.values()
        if layer.trainable and each.logs.get("learning_rate", 0.0) > 0
    ]
    return bool(updates) and all(update == 0 for update in updates)


def _is_set(layer: LayerScores, score: str, least: float = 1e-9) -> NDArray[np.bool_]:
    """Returns a flag for each filter with a score of `least` or more.

    Empty if the history does not keep the score of each filter.
    """
    return np.asarray(layer.filters.get(score, np.empty(0)) >= least)


def saturated(history: Steps, share: float = 0.5) -> list[Alarm]:
    """Raises an alarm about a hidden layer of which `share` or more is saturated for two epochs.

    Saturated are units whose outputs stay at an end of their range (a rail), which a probe shows
    for bounded non-linearities; and weights that a constraint holds at its bounds, if fewer than
    `share` were there at the start. If no layer shows either, weights count that were so large at
    the start that their bounded units must have been saturated.

    A note, since a unit that separates classes may be saturated. A warning where the network gets
    nowhere, or where training struggles and the units were saturated as it began. Abstains about
    frozen layers.
    """
    history = History.of(history)
    ends = history.epoch_ends
    alarms = []
    for name, layer in ends.hidden_layers():
        for score, parts, place in _SATURABLE:
            shares = ends.values(name, score)
            if len(shares) < 3 or min(shares[-2:]) < share or not layer.trainable:
                continue
            at_start = shares[0] >= share
            if score == "rail" and at_start:
                continue
            filters = tuple(np.flatnonzero(_is_set(layer, score, share)).tolist())
            step, value = ends[-1].step, shares[-1]
            level = "warning" if at_start and history.struggles else _level(history)
            message = (
                f"{shares[-1]:.0%} of the {parts} of {name} are saturated: they stay at {place}. "
                + ("They were so at the start already. " if at_start else "")
                + _MEANING[level]
            )
            alarms.append(Alarm("saturated", name, step, value, share, filters, message, level))
    return alarms or list(_saturated_by_weights(history))


def _saturated_by_weights(history: History) -> Iterator[Alarm]:
    """Yields alarms about weights so large at the start that bounded units must be saturated."""
    facts, first = history.facts, history[0]
    for name, layer in history.hidden_layers():
        norm = first[name].get("norm", 0.0) if name in first else 0.0
        is_bounded = facts.activations.get(name) in _BOUNDED
        if "saturated_units" in layer or not is_bounded or not layer.trainable:
            continue
        if norm > _LARGE_NORM and name not in facts.batch_norm_momentum and history.epochs > 0:
            level = "warning" if history.struggles else "note"
            message = (
                f"The filters of {name} had a norm of {norm:.3g} at the start, where he_normal "
                "gives 1.4: its units were probably saturated, at the ends of the range of "
                f"{facts.activations[name]}. {_MEANING[level]}"
            )
            step = history[-1].step
            yield Alarm("saturated", name, step, norm, _LARGE_NORM, (), message, level)


def vanishing(history: Steps, share: float = _VANISHED) -> list[Alarm]:
    """Raises an alarm if the first layer hardly gets a gradient and the network gets nowhere.

    With a probe of inputs and targets, its gradient was below `share` of that of the layer with
    the largest one at every step. Otherwise five or more layers before the last end with a
    sigmoid, in a network without normalisation and shortcuts.
    """
    history = History.of(history)
    if not history.gets_nowhere:
        return []
    step = history[-1].step
    first = next((name for name, layer in history[-1].items() if layer.trainable), "")
    ratios = list(_gradient_ratios(history, first))
    if ratios:
        if not max(ratios) < share:
            return []
        message = (
            f"The gradient of {first} is {ratios[-1]:.1g} of the largest one of all layers: it "
            "hardly learns, so that the layers behind it work on random features."
        )
        return [Alarm("vanishing", first, step, ratios[-1], share, (), message)]
    facts = history.facts
    bounded = [name for name in _bounded_layers(history) if facts.activations[name] in _SIGMOIDS]
    if len(bounded) < _MANY_SIGMOIDS or facts.normalisations or facts.has_shortcuts:
        return []
    message = (
        f"{len(bounded)} layers end with a sigmoid, without normalisation or shortcuts, and each "
        "passes on a quarter of the gradient at most: the first layers hardly learn."
    )
    return [Alarm("vanishing", first, step, len(bounded), _MANY_SIGMOIDS, (), message)]


def _bounded_layers(history: History) -> list[str]:
    """Returns the layers before the last one that end with a bounded non-linearity."""
    activations = history.facts.activations
    return [name for name in [*history[-1]][:-1] if activations.get(name) in _BOUNDED]


def _gradient_ratios(history: History, layer: str) -> Iterator[float]:
    """Yields the gradient of a layer relative to the largest one, at each step that has it."""
    for scores in history:
        gradients = {name: each["gradient"] for name, each in scores.items() if "gradient" in each}
        largest = max(gradients.values(), default=0.0)
        if layer in gradients and largest > 0:
            yield gradients[layer] / largest


def _level(history: History) -> str:
    """Returns `"warning"` if the network gets nowhere, else `"note"`."""
    return "warning" if history.gets_nowhere else "note"
