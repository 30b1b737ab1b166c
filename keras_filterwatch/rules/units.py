"""Rules about the units of a layer: they are dead or saturated, or no gradient reaches them.

What is odd about a layer of a network that learns is a note. It becomes a warning where the
network gets nowhere.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History
from keras_filterwatch.scores import LayerScores, Scores

Steps = Sequence[Scores]

_OBSERVATIONS = 60  # zeros in a row that a unit shows by chance in 5 % if it answers 1 time in 20
_BOUNDED = ("sigmoid", "tanh", "softsign", "hard_sigmoid", "hard_tanh")
_LARGE_NORM = 3 * math.sqrt(2)  # of a filter; He initialisation, the largest, gives sqrt(2)
_SIGMOIDS = ("sigmoid", "hard_sigmoid")  # their slope is 1/4 at most
_VANISHED = 1e-3  # gradient of the first layer, relative to the largest one
_MANY_SIGMOIDS = 5  # layers: 1/4 to the fifth is less than that


def dead(history: Steps, share: float = 0.5, epochs: int | None = None) -> list[Alarm]:
    """Tells of a hidden layer of which `share` or more is dead for `epochs` epochs.

    With a probe that shows each unit often enough: units that are zero for every input. Without
    one: filters that no epoch changed at all, since a dead unit gets no gradient; or filters with
    next to no weight. A note, since networks learn with dead units; a warning where the network
    gets nowhere, where no kernel of it changes any more, or where all units of a layer are dead
    that no shortcut goes around: then the outputs do not depend on the inputs. A frozen layer is
    left out.
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
            message = f"{len(filters)} of {layer.shape[-1]} {reason}."
            step, value = ends[-1].step, shares[-1]
            blocks_all = min(shares) == 1 and _is_a_chain(history)
            is_certain = blocks_all or _no_kernel_changes(ends[-epochs:])
            level = "warning" if is_certain else _level(history)
            alarms.append(Alarm("dead", name, step, value, share, filters, message, level))
            break
    return alarms


def _signs_of_death(
    name: str, ends: History, epochs: int
) -> Iterator[tuple[list[float], NDArray[np.bool_], str]]:
    """Yields the dead share of a layer at the last epochs, its dead filters now, and why."""
    recent = ends[-epochs:]
    layer = recent[-1][name]
    if "dead_units" in layer and layer.get("observations", math.inf) >= _OBSERVATIONS:
        reason = f"units of {name} are dead: they are zero for every input of the probe"
        yield recent.values(name, "dead_units"), _is_set(layer, "dead_units"), reason
        return
    updates = [each[name].filters.get("update") for each in recent if name in each]
    shares = [float((each == 0).mean()) for each in updates if each is not None]
    has_rate = all(each.logs.get("learning_rate", 1.0) > 0 for each in recent)
    # through bounded units a gradient may vanish without any unit that is dead
    if updates[-1] is not None and has_rate and not _bounded_layers(recent):
        reason = (
            f"filters of {name} do not change at all: no gradient comes to them, as to those of "
            "dead units"
        )
        yield shares, updates[-1] == 0, reason
        if _only_shrinks(name, ends):
            reason = f"filters of {name} do nothing but shrink: no gradient comes to them"
            yield [1.0] * len(recent), np.ones(layer.shape[-1], np.bool_), reason
    reason = f"filters of {name} are dead: they have next to no weight"
    yield recent.values(name, "dead"), _is_set(layer, "dead"), reason


def _only_shrinks(name: str, ends: History) -> bool:
    """Returns True if a layer kept its direction, however far it went, as by weight decay alone.

    Steps in other directions turn it by up to half their length squared.
    """
    way, norms = sum(ends.values(name, "update")), ends.values(name, "norm")
    shrank = len(norms) > 1 and norms[-1] < norms[0]
    return shrank and 0 < way < 1 and ends[-1][name].get("rotation", 1.0) < 1e-3 * way**2 / 2


def _is_a_chain(history: History) -> bool:
    """Returns True if what the model returns goes through every layer, one after the other."""
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
    """Returns which filters have a score of `least` or more; none if it is not kept by filter."""
    return np.asarray(layer.filters.get(score, np.empty(0)) >= least)


def saturated(history: Steps, share: float = 0.5) -> list[Alarm]:
    """Tells of a hidden layer of which `share` or more is at a rail for two epochs.

    A rail is an end of the range that values can have. What counts are its units' outputs, where
    probe inputs show them and the non-linearity is bounded, or else weights so large at the start
    that its units must be there; or its weights, if a constraint keeps more of them at a rail
    than at the start.

    A note, since a unit that separates classes may be saturated; a warning where the network gets
    nowhere, or where training struggles and the units were saturated as it began. A frozen layer
    is left out.
    """
    history = History.of(history)
    ends = history.epoch_ends
    alarms = []
    for name, layer in ends.hidden_layers():
        for score, parts in (("saturated_units", "units"), ("rail", "weights")):
            shares = ends.values(name, score)
            if len(shares) < 3 or min(shares[-2:]) < share or not layer.trainable:
                continue
            at_start = shares[0] >= share
            if score == "rail" and at_start:
                continue
            message = (
                f"{shares[-1]:.0%} of the {parts} of {name} are saturated: they stay at an end of "
                "their range."
            ) + (" So they were at the start." if at_start else "")
            filters = tuple(np.flatnonzero(_is_set(layer, score, share)).tolist())
            step, value = ends[-1].step, shares[-1]
            level = "warning" if at_start and history.struggles else _level(history)
            alarms.append(Alarm("saturated", name, step, value, share, filters, message, level))
    return alarms or list(_saturated_by_weights(history))


def _saturated_by_weights(history: History) -> Iterator[Alarm]:
    """Yields layers whose weights were so large at the start that bounded units are at a rail."""
    facts, first = history.facts, history[0]
    for name, layer in history.hidden_layers():
        norm = first[name].get("norm", 0.0) if name in first else 0.0
        is_bounded = facts.activations.get(name) in _BOUNDED
        if "saturated_units" in layer or not is_bounded or not layer.trainable:
            continue
        if norm > _LARGE_NORM and name not in facts.batch_norm_momentum and history.epochs > 0:
            message = (
                f"The filters of {name} had a norm of {norm:.3g} at the start, where he_normal "
                f"gives 1.4: its units are at the ends of the range of {facts.activations[name]}."
            )
            level = "warning" if history.struggles else "note"
            step = history[-1].step
            yield Alarm("saturated", name, step, norm, _LARGE_NORM, (), message, level)


def vanishing(history: Steps, share: float = _VANISHED) -> list[Alarm]:
    """Tells of first layers that hardly get a gradient, while the network gets nowhere.

    With a probe of inputs and targets: the gradient of the first layer was below `share` of the
    largest one at every step. Without one: five or more layers end with a sigmoid, without
    normalisation and shortcuts between them.
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
            f"The gradient of {first} is {ratios[-1]:.1g} of the largest one: hardly anything of "
            "the loss comes down to it."
        )
        return [Alarm("vanishing", first, step, ratios[-1], share, (), message)]
    facts = history.facts
    bounded = [name for name in _bounded_layers(history) if facts.activations[name] in _SIGMOIDS]
    if len(bounded) < _MANY_SIGMOIDS or facts.normalisations or facts.has_shortcuts:
        return []
    message = (
        f"{len(bounded)} layers end with a sigmoid, without normalisation or shortcuts, and each "
        "leaves a quarter of the gradient at most: hardly anything comes down to the first ones."
    )
    return [Alarm("vanishing", first, step, len(bounded), _MANY_SIGMOIDS, (), message)]


def _bounded_layers(history: History) -> list[str]:
    """Returns the layers before the last one that end with a bounded non-linearity."""
    activations = history.facts.activations
    return [name for name in [*history[-1]][:-1] if activations.get(name) in _BOUNDED]


def _gradient_ratios(history: History, layer: str) -> Iterator[float]:
    """Yields the gradient of a layer over the largest one of all, at each step that has it."""
    for scores in history:
        gradients = {name: each["gradient"] for name, each in scores.items() if "gradient" in each}
        largest = max(gradients.values(), default=0.0)
        if layer in gradients and largest > 0:
            yield gradients[layer] / largest


def _level(history: History) -> str:
    """Returns how serious it is that something is odd about a layer."""
    return "warning" if history.gets_nowhere else "note"
