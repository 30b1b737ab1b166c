"""What one saved file can be accused of: alarms that need no history, and the cause if it shows.

A wrong accusation is worse than silence: what a network may be by its initialisation is no alarm
unless it is known that the network was trained.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from keras_filterwatch.alarms import Alarm, follow
from keras_filterwatch.diagnosis import CANNOT_TELL, NO_FAULT, Diagnosis, diagnose
from keras_filterwatch.history import History
from keras_filterwatch.metrics.redundancy import ONE_DIRECTION
from keras_filterwatch.model_facts import ModelFacts
from keras_filterwatch.rules.filters import frozen_at_random
from keras_filterwatch.rules.setup import (
    linear_stack,
    output_mismatch,
    strong_dropout,
    strong_penalty,
    unusual_rate,
)
from keras_filterwatch.rules.training import diverged
from keras_filterwatch.scores import LayerScores, Scores

_ENOUGH_UPDATES = 100  # after which a layer that gets a gradient has left its initial weights
_MANY_DEAD = 0.5  # share of a layer's filters, as in the rule `dead`
# score `coverage` that weights of these initialisers exceed
_OF_NORMAL, _OF_UNIFORM = 0.8, 0.95
_CONSTANTS = ("Zeros", "Ones", "Constant")
_SETUP = (output_mismatch, strong_dropout, strong_penalty, linear_stack)

_WATCH = "use FilterWatch while it trains, or keras-filterwatch series on its checkpoints"
_WEIGHTS_ALONE = (
    "Weights alone do not tell the cause: a learning rate that was too high, a penalty that was "
    f"too strong, the initial weights or pruning can all leave this. To find it, {_WATCH}."
)
_NO_HISTORY = (
    "Weights alone can show only a few faults, and none of them was found. To see whether the "
    f"network learnt its task, {_WATCH}."
)
_ONLY_NOTES = (
    "Weights alone can show only a few faults. What the notes say is odd may be meant. To see "
    f"whether the network learnt its task, {_WATCH}."
)
_TRAIN = f"Train the network, then look again. To see what happens meanwhile, {_WATCH}."
_USELESS = "Weights that are NaN never recover: take an earlier checkpoint."


@dataclass(frozen=True)
class FileJudgement:
    """What the weights of one step tell.

    Attributes:
        alarms: errors and warnings.
        notes: what is odd but may be meant, or may be harmless.
        diagnosis: the likely cause of the alarms; says so where weights alone cannot tell it.
    """

    alarms: tuple[Alarm, ...]
    notes: tuple[Alarm, ...]
    diagnosis: Diagnosis


def judge_single_step(scores: Scores, facts: ModelFacts) -> FileJudgement:
    """Returns what the weights of one step tell, without anything from before.

    Args:
        scores: of a saved file; `updates` are those of its optimizer, None if unknown.
        facts: what the file tells about the model.

    Example:
        >>> norms = {"norm": np.array([1.0, np.nan])}
        >>> layer = LayerScores("Conv2D", (3, 3, 1, 2), "undetermined", {}, norms)
        >>> judgement = judge_single_step(Scores(0, 0, {"conv": layer}), ModelFacts())
        >>> judgement.alarms[0].rule, judgement.diagnosis.cause
        ('diverged', 'diverged')
    """
    history = History([scores], facts)
    raised = [
        *(replace(alarm, message=_of_file(alarm.message)) for alarm in diverged(history)),
        *_without_effect(scores, facts),
        *_frozen(scores, facts),
        *follow((*_SETUP, unusual_rate), history).raised,
    ]
    raised = [alarm for alarm in raised if not _is_decayed_rate(alarm, scores)]
    alarms = tuple(alarm for alarm in raised if alarm.level != "note")
    notes = tuple(alarm for alarm in raised if alarm.level == "note")
    return FileJudgement(alarms, notes, _diagnosis(history, alarms, notes))


def was_trained(scores: Scores, facts: ModelFacts) -> bool | None:
    """Returns whether a network was trained; None if its file does not show it.

    It was if a bias or BatchNormalization has left its initial values, if its optimizer has made a
    hundred updates, or if a layer is structured.

    Example:
        >>> was_trained(Scores(0, 0, {}, updates=5000), ModelFacts())
        True
    """
    is_structured = any(layer.verdict == "structured" for layer in scores.values())
    if is_structured or any(facts.was_trained.values()):
        return True
    if scores.updates is None or 0 < scores.updates < _ENOUGH_UPDATES:
        return None
    return scores.updates > 0


def _of_file(message: str) -> str:
    """Returns a message of the rule `diverged` with advice about a file, not about a training."""
    what, stop, _ = message.partition("Stop training:")
    return what + _USELESS if stop else message


def _is_decayed_rate(alarm: Alarm, scores: Scores) -> bool:
    """Returns True for a question about a low rate: schedules and callbacks end with one."""
    return alarm.rule == "unusual_rate" and alarm.value < alarm.threshold and scores.updates != 0


def _without_effect(scores: Scores, facts: ModelFacts) -> list[Alarm]:
    """Returns alarms about layers that do no more than one filter, or nothing.

    A warning where the layer was trained and the file tells which layers training changes, else a
    note. Nothing about layers that are frozen or were not trained: their initialiser may mean it.
    """
    names, alarms = list(scores), []
    for name, layer in scores.items():
        norms, dead = layer.filters.get("norm", np.zeros(0)), layer.get("dead", 0.0)
        trained = _was_layer_trained(name, scores, facts)
        if trained is False or not layer.trainable or not norms.size:
            continue
        is_certain = trained is True and bool(facts.activations or facts.initialisers)
        is_head = name == names[-1] and len(layer.shape) == 2
        is_constant = facts.initialisers.get(name) in _CONSTANTS
        if not is_head and _has_one_filter(layer) and (norms.any() or is_constant):
            alarms.append(_symmetric(name, scores, is_certain))
        elif dead == 1 or (dead >= _MANY_DEAD and not is_head):
            blocks_all = is_certain and dead == 1 and _has_no_shortcuts(facts)
            alarms.append(_dead(name, scores, blocks_all))
    return alarms


def _was_layer_trained(name: str, scores: Scores, facts: ModelFacts) -> bool | None:
    """Returns whether training had its chance to change a layer; None if that is not known.

    A new layer may stand in a network that was trained before.
    """
    updates = scores.updates
    if facts.was_trained.get(name) or (updates is not None and updates >= _ENOUGH_UPDATES):
        return True
    return False if updates == 0 else None


def _has_one_filter(layer: LayerScores) -> bool:
    """Returns True if a layer has several filters, and all are the same.

    False for depthwise kernels: each of their filters reads a channel of its own.
    """
    norms = layer.filters["norm"]
    if layer.shape[-1] < 2 or layer.kind == "depthwise" or not np.isfinite(norms).all():
        return False
    is_one = layer.get("duplicates") == 1 and layer.get("effective_rank", math.inf) < ONE_DIRECTION
    return is_one or not norms.any()


def _symmetric(name: str, scores: Scores, is_certain: bool) -> Alarm:
    layer = scores[name]
    same = "the same" if layer.filters["norm"].any() else "zero"
    message = (
        f"All {layer.shape[-1]} filters of {name} are {same}: the layer can do no more than one "
        "filter. "
        + (
            "Filters that begin the same stay the same."
            if is_certain
            else "If it is not frozen, and was trained, it began so and cannot leave it."
        )
    )
    filters, rank = tuple(range(layer.shape[-1])), layer.get("effective_rank", 0.0)
    level = "warning" if is_certain else "note"
    return Alarm("symmetric", name, scores.step, rank, ONE_DIRECTION, filters, message, level)


def _dead(name: str, scores: Scores, blocks_all: bool) -> Alarm:
    layer = scores[name]
    filters = tuple(np.flatnonzero(layer.filters.get("dead", np.zeros(0)) == 1).tolist())
    count = round(layer["dead"] * layer.shape[-1])
    if blocks_all:
        meaning = (
            "The layer returns the same whatever it gets. No branch goes past it, so what the "
            "network returns does not depend on its inputs."
        )
    elif layer["dead"] == 1:
        meaning = (
            "The layer returns the same whatever it gets, which is harmless if it began so and is "
            "not trained yet, or if other branches go past it."
        )
    else:
        meaning = "This is harmless if the network does its task without them."
    message = (
        f"{count} of {layer.shape[-1]} filters of {name} are dead: they have next to no weight. "
        + meaning
    )
    level = "warning" if blocks_all else "note"
    return Alarm("dead", name, scores.step, layer["dead"], _MANY_DEAD, filters, message, level)


def _has_no_shortcuts(facts: ModelFacts) -> bool:
    """Returns True if it is known that no branches of the model are added or concatenated."""
    return bool(facts.activations) and not facts.has_shortcuts


def _frozen(scores: Scores, facts: ModelFacts) -> list[Alarm]:
    """Returns alarms about frozen layers that are as they were initialised, in a trained network.

    Bias or BatchNormalization are at their initial values, and the weights are as random as the
    initialiser makes them.
    """
    if not was_trained(scores, facts):
        return []
    # training leaves a frozen layer as it is: what the rule is to see is the same an epoch later
    later = replace(scores, step=scores.step + 1, epoch=scores.epoch + 1)
    return [
        replace(alarm, step=scores.step)
        for alarm in frozen_at_random(History([scores, later], facts))
        if facts.was_trained.get(alarm.layer) is False
        and _is_random(scores[alarm.layer], facts.initialisers.get(alarm.layer, ""))
    ]


def _is_random(layer: LayerScores, initialiser: str) -> bool:
    """Returns True if weights look as an initialiser makes them, not like a table of constants."""
    if initialiser in (*_CONSTANTS, "Identity", "IdentityInitializer"):
        return False
    bound = _OF_NORMAL if "Normal" in initialiser else _OF_UNIFORM
    return layer.verdict == "untrained" or layer.get("coverage", 0.0) > bound


def _diagnosis(history: History, alarms: Sequence[Alarm], notes: Sequence[Alarm]) -> Diagnosis:
    """Returns the likely cause of the alarms, as far as weights alone can tell it."""
    scores, facts = history[-1], history.facts
    if not scores.layers:
        return Diagnosis(
            CANNOT_TELL, ("No kernel was scored.",), "Look at what was skipped, and why."
        )
    if not alarms:
        trained = was_trained(scores, facts)
        if trained is False:
            what = "Its optimizer has made no update, and no weight shows that it was trained."
            return Diagnosis(CANNOT_TELL, (what,), _TRAIN)
        unknown = ("Nothing shows whether the network was trained.",) if trained is None else ()
        return Diagnosis(NO_FAULT, unknown, _ONLY_NOTES if notes else _NO_HISTORY)
    explicable = [alarm for alarm in alarms if _shows_cause(alarm, facts)]
    penalties = [alarm for alarm in (*alarms, *notes) if alarm.rule == "strong_penalty"]
    if explicable:
        return diagnose(history, explicable)
    if penalties:  # next to no weight, under a penalty that pulls weights to zero
        dead = [alarm for alarm in alarms if alarm.rule == "dead"]
        return diagnose(history, [*penalties, *dead])
    return Diagnosis(CANNOT_TELL, tuple(alarm.message for alarm in alarms[:3]), _WEIGHTS_ALONE)


def _shows_cause(alarm: Alarm, facts: ModelFacts) -> bool:
    """Returns True for an alarm whose cause is known from the weights of one step.

    Of filters that are the same it is known only with an initialiser that is a constant: weights
    may have been set by hand, and penalties lead to zero too.
    """
    if alarm.rule == "symmetric":
        return facts.initialisers.get(alarm.layer) in _CONSTANTS
    return alarm.rule != "dead"
