"""The rules: each is a function `history -> alarms` that abstains without evidence.

A rule takes a `History` or any sequence of `Scores`, oldest first, and judges its last step.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from keras_filterwatch.alarms import Alarm, Rule
from keras_filterwatch.history import UNMOVED, History
from keras_filterwatch.metrics import noise
from keras_filterwatch.scores import LayerScores, Scores

Steps = Sequence[Scores]

# Rotations, from trainings on digits, MNIST and photographs: layers whose learning rate is far too
# low stay below UNMOVED; healthy layers that learn without a visible pattern lie in between.
_TURNED = 0.3

# Coverage of new weights: uniform ones exceed the first, truncated normal ones the second.
_EVENLY_SPREAD, _SPREAD = 0.95, 0.8
_ONE_DIRECTION = 1.05  # effective rank of filters that are all the same


def default_rules() -> list[Rule]:
    """Returns the rules that a `FilterWatch` follows when it is given none.

    Example:
        >>> [rule.__name__ for rule in default_rules()][:2]
        ['diverged', 'symmetric']
    """
    return [rule for rule, _ in RULES.values()]


def noisy(history: Steps, patience: int = 5) -> list[Alarm]:
    """Raises an alarm about a layer that still looks untrained after `patience` epochs.

    The layer looked untrained at every step of the last `patience` epochs, with slices enough to
    tell (`metrics.noise.verdict`), and either kept its first direction or turned far from it
    without forming a pattern. A layer that turned a little raises no alarm, since wide layers
    of healthy networks learn without a visible pattern; nor does a network that was pretrained, or
    a frozen part of one. Of a frozen layer with few slices, weights that fill their range as evenly
    as new ones are evidence enough.
    """
    history = History.of(history)
    last = history[-1]
    if history.epochs < patience or history.was_pretrained():
        return []
    recent = [scores for scores in history if scores.epoch > last.epoch - patience]
    frozen = [layer for layer in last.values() if not layer.trainable and "noise" in layer]
    base_is_pretrained = not all(map(_looks_untrained, frozen))
    alarms = []
    for name, layer in last.items():
        if base_is_pretrained and not layer.trainable:
            continue
        if not all(name in scores and _looks_untrained(scores[name]) for scores in recent):
            continue
        rotation = layer.get("rotation", 0.0)
        if UNMOVED <= rotation < _TURNED:
            continue
        bound = 1 - noise.NEAR * noise.noise_error(layer.shape[:-2], layer["slices"])
        message = (
            f"{name} still looks untrained after {last.epoch} epochs: noise score "
            f"{layer['noise']:.2f} (1 is noise, below {bound:.2f} would be structure), "
            f"rotation {rotation:.2g} since the start (0 is not at all)."
            + ("" if layer.trainable else " It is frozen: trainable is False.")
        )
        alarms.append(Alarm("noisy", name, last.step, layer["noise"], bound, (), message))
    return alarms


def _looks_untrained(layer: LayerScores) -> bool:
    if layer.trainable or "noise" not in layer:
        return layer.verdict == "untrained"
    # A frozen layer may be rough and trained: only weights as evenly spread as new ones count.
    bound = {"untrained": _SPREAD, "undetermined": _EVENLY_SPREAD}.get(layer.verdict, 1.0)
    return layer.get("coverage", 0.0) > bound


def getting_noisier(history: Steps, rise: float = 0.15) -> list[Alarm]:
    """Raises an alarm about a layer whose noise score rose clearly above its own minimum.

    By `rise` at least, and by five standard errors, at the ends of the last two epochs.
    """
    ends = History.of(history).epoch_ends
    alarms = []
    for name, layer, scores in ends.layers_with("noise"):
        if len(scores) < 3:
            continue
        lowest = min(scores)
        error = noise.noise_error(layer.shape[:-2], layer["slices"])
        bound = lowest + max(rise, noise.FAR * error)
        if min(scores[-2:]) > bound:
            message = (
                f"{name} gets noisier: noise score {scores[-1]:.2f}, after {lowest:.2f} at its "
                "smoothest."
            )
            alarms.append(
                Alarm("getting_noisier", name, ends[-1].step, scores[-1], bound, (), message)
            )
    return alarms


def dead(history: Steps, share: float = 0.5, epochs: int = 4) -> list[Alarm]:
    """Raises an alarm about a hidden layer of which `share` or more is dead for `epochs` epochs.

    By the units' activity where probe inputs show it, else by the filters' weights. Units that
    die while training begins often come back. A layer that is frozen, or was dead at the start,
    raises no alarm.
    """
    ends = History.of(history).epoch_ends
    alarms = []
    for name, layer in ends.hidden_layers():
        score = "dead_units" if "dead_units" in layer else "dead"
        shares = ends.values(name, score)
        if len(shares) <= epochs or min(shares[-epochs:]) < share:
            continue
        if shares[0] >= share or not layer.trainable:
            continue
        filters = tuple(np.flatnonzero(layer.filters[score] > 0).tolist())
        reason = "never answer to the probe" if score == "dead_units" else "have next to no weight"
        message = f"{len(filters)} of {layer.shape[-1]} filters of {name} are dead: they {reason}."
        alarms.append(Alarm("dead", name, ends[-1].step, shares[-1], share, filters, message))
    return alarms


def saturated(history: Steps, share: float = 0.5) -> list[Alarm]:
    """Raises an alarm about a hidden layer of which `share` or more is at a rail for two epochs.

    A rail is an end of the range that values can have. What counts are its units' outputs, where
    probe inputs show them and the non-linearity is bounded; or its weights, if a constraint keeps
    more of them at a rail than at the start. A frozen layer
    raises no alarm.
    """
    ends = History.of(history).epoch_ends
    alarms = []
    for name, layer in ends.hidden_layers():
        for score, parts in (("saturated_units", "units"), ("rail", "weights")):
            shares = ends.values(name, score)
            if len(shares) < 3 or min(shares[-2:]) < share or not layer.trainable:
                continue
            if score == "rail" and shares[0] >= share:
                continue
            message = (
                f"{shares[-1]:.0%} of the {parts} of {name} are saturated: they stay at an end of "
                "their range."
            )
            filters = tuple(np.flatnonzero(layer.filters[score] >= share).tolist())
            alarms.append(
                Alarm("saturated", name, ends[-1].step, shares[-1], share, filters, message)
            )
    return alarms


def symmetric(history: Steps) -> list[Alarm]:
    """Raises an alarm about a hidden layer whose filters are all the same since the start.

    All zero is the same too. The layer trains, and an epoch has passed.
    """
    history = History.of(history)
    first, last = history[0], history[-1]
    if last.epoch == first.epoch:
        return []
    alarms = []
    for name, layer in history.hidden_layers():
        if not layer.trainable or name not in first:
            continue
        if _one_filter(layer) and _one_filter(first[name]):
            same = "zero" if layer.get("norm", 0) == 0 else "the same"
            message = (
                f"All {layer.shape[-1]} filters of {name} are {same}, as they were at the start: "
                "what they learn is the same too."
            )
            filters = tuple(range(layer.shape[-1]))
            rank = layer.get("effective_rank", 0.0)
            alarms.append(
                Alarm("symmetric", name, last.step, rank, _ONE_DIRECTION, filters, message)
            )
    return alarms


def _one_filter(layer: LayerScores) -> bool:
    """Returns True if there are several filters, and all are the same."""
    norms = layer.filters.get("norm")
    if norms is None or layer.shape[-1] < 2 or not np.isfinite(norms).all():
        return False
    rank = layer.get("effective_rank", math.inf)
    return not norms.any() or (layer.get("duplicates") == 1 and rank < _ONE_DIRECTION)


def stalled(history: Steps, patience: int = 5, at_rest: float = 0.003) -> list[Alarm]:
    """Raises an alarm about first layers that have not moved in `patience` epochs.

    Their rotation since the start is below `at_rest`, and the loss did not fall either. A network
    that was pretrained raises no alarm, since it may be tuned in small steps; nor does one whose
    loss falls, or one that logs none.
    """
    history = History.of(history)
    last, logged = history[-1], history.logged
    if len(logged) < patience or history.was_pretrained():
        return []
    first_loss = logged[0].logs["loss"]
    loss_drop = 1 - logged[-1].logs["loss"] / first_loss if first_loss > 0 else math.nan
    if not loss_drop < 0.1 or history.progress() > 0.5:
        return []
    alarms = []
    for name, layer in last.items():
        rotation = layer.get("rotation", math.nan)
        if not layer.trainable:
            continue
        if not rotation < at_rest:
            break
        message = (
            f"{name} has not moved in {history.epochs} epochs: rotation {rotation:.1g} since the "
            f"start, and the loss fell by {loss_drop:.0%} only."
        )
        alarms.append(Alarm("stalled", name, last.step, rotation, at_rest, (), message))
    return alarms


def exploding(history: Steps, growth: float = 10.0) -> list[Alarm]:
    """Raises an alarm about a layer whose filters grew, while training gets nowhere.

    By the median norm, as a BatchNormalization behind the layer leaves it, which is more than
    `growth` times that at the start.
    """
    return _resized("exploding", history, growth, "grew", lambda times: times > growth)


def shrinking(history: Steps, share: float = 0.2) -> list[Alarm]:
    """Raises an alarm about a layer whose filters shrank, while training gets nowhere.

    The median norm is less than `share` of that at the start.
    """
    return _resized("shrinking", history, share, "shrank", lambda times: times < share)


def _resized(
    rule: str, history: Steps, bound: float, verb: str, is_beyond: Callable[[float], bool]
) -> list[Alarm]:
    history = History.of(history)
    return [
        Alarm(
            rule=rule,
            layer=name,
            step=history[-1].step,
            value=times,
            threshold=bound,
            filters=(),
            message=f"The filters of {name} {verb} to {times:.3g} times their size at the start, "
            "and training gets nowhere.",
        )
        for name, times in _growth(history)
        if is_beyond(times)
    ]


def _growth(history: History) -> Iterator[tuple[str, float]]:
    """Yields each layer's norm over that at the start, if training gets nowhere."""
    if history.gets_nowhere():
        for name, _, norms in history.layers_with("norm"):
            if norms[0] > 0:
                yield name, norms[-1] / norms[0]


def overfitting(history: Steps, gap: float = 0.2, epochs: int = 4) -> list[Alarm]:
    """Raises an alarm if training is ahead of validation by more than `gap` for `epochs` epochs.

    Both are measured as the way from guessing to perfection. Abstains without validation. The
    alarm stands at the first layer.
    """
    history = History.of(history)
    validated = history.up_to_validations()
    gaps = [part.gap() for part in validated[-epochs:]]
    if len(gaps) < epochs or not all(each > gap for each in gaps) or not history[-1].layers:
        return []
    training, validation = validated[-1].progress(), validated[-1].progress("val_")
    if training < 0.5:
        return []
    message = (
        f"The network memorises: it came {training:.0%} of the way from guessing to perfection on "
        f"its training data, {validation:.0%} on the validation data."
    )
    first = next(iter(history[-1]))
    return [Alarm("overfitting", first, history[-1].step, gaps[-1], gap, (), message)]


def diverged(history: Steps) -> list[Alarm]:
    """Raises an alarm about a layer with filters that are NaN or infinite.

    By their weights, or by the BatchNormalization behind them.
    """
    last = history[-1]
    alarms = []
    for name, layer in last.items():
        norms = layer.filters.get("norm", np.zeros(0))
        filters = tuple(np.flatnonzero(~np.isfinite(norms)).tolist())
        if filters:
            first = ", ".join(map(str, filters[:8])) + (", ..." if len(filters) > 8 else "")
            message = (
                f"{name} diverged: {len(filters)} of {layer.shape[-1]} filters are not finite any "
                f"more, by their weights or the BatchNormalization behind them (filters {first})."
            )
            alarms.append(Alarm("diverged", name, last.step, len(filters), 0, filters, message))
    return alarms


# name -> the rule, and when it raises an alarm: the table in docs/alarms.md
RULES: dict[str, tuple[Rule, str]] = {
    "diverged": (
        diverged,
        "filters are NaN or infinite, by their weights or the BatchNormalization behind them",
    ),
    "symmetric": (symmetric, "all filters of a layer are the same, or zero, since the start"),
    "saturated": (
        saturated,
        "at least half of a hidden layer's units stay at the ends of their range (needs "
        "`probe`), or its weights at the ends of their constraint's range",
    ),
    "dead": (
        dead,
        "at least half of a hidden layer's units are dead for four epochs (surer with `probe`)",
    ),
    "stalled": (stalled, "the first layers have not moved in five epochs, nor has the loss"),
    "noisy": (
        noisy,
        "a layer looked untrained during the last five epochs, and either stayed where it was "
        "initialised or turned far without forming a pattern; or it is frozen with random weights",
    ),
    "getting_noisier": (getting_noisier, "the noise score rose clearly above its own minimum"),
    "exploding": (exploding, "filters grew tenfold, and training gets nowhere"),
    "shrinking": (shrinking, "filters shrank to a fifth, and training gets nowhere"),
    "overfitting": (
        overfitting,
        "training is far ahead of validation for four epochs (needs validation data)",
    ),
}
