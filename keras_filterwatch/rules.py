"""History of scores in, alarms out: each rule is a function that abstains without evidence."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from keras_filterwatch import logs
from keras_filterwatch.metrics import noise
from keras_filterwatch.scores import LayerScores, Scores


@dataclass(frozen=True)
class Alarm:
    """Something is probably wrong.

    Attributes:
        rule: the rule's name, as `stop_on` takes it.
        layer: the layer it is about.
        step: the step at which it was raised.
        value: what was measured.
        threshold: what it would have to be for silence.
        filters: indices of the filters it is about; empty if it is about the whole layer.
        message: the same in a sentence.
    """

    rule: str
    layer: str
    step: int
    value: float
    threshold: float
    filters: tuple[int, ...]
    message: str


# Rotations, from runs on digits, MNIST and photographs: layers with a rate far too low stay below
# the first; healthy ones that learn without a visible pattern lie in between.
_AT_REST, _TURNED = 0.01, 0.3

# coverage of fresh weights: uniform ones pass the first, truncated normal ones the second
_FRESH, _SPREAD = 0.95, 0.8
_COLLAPSED = 1.05  # effective rank of filters that are all one

History = Sequence[Scores]
Rule = Callable[[History], Iterable[Alarm]]


def default_rules() -> list[Rule]:
    """The rules that a `FilterWatch` follows when it is given none."""
    return [
        diverged,
        symmetric,
        saturated,
        dead,
        stalled,
        noisy,
        getting_noisier,
        exploding,
        shrinking,
        overfitting,
    ]


def noisy(history: History, patience: int = 5) -> list[Alarm]:
    """A layer that still looks untrained after `patience` epochs.

    It looked untrained at every step of the last `patience` epochs, with slices enough to tell
    (`metrics.noise.verdict`), and either kept its initial direction or turned far from it without
    forming anything. A layer that has turned a little is left alone: wide layers of healthy
    networks learn without a visible pattern; so is a network that came trained, and a frozen part
    of one. Of a frozen layer with few slices, weights that fill their range as evenly as a fresh
    one's are evidence enough.
    """
    last = history[-1]
    if last.epoch - history[0].epoch < patience or _came_trained(history):
        return []
    recent = [scores for scores in history if scores.epoch > last.epoch - patience]
    frozen = [layer for layer in last.values() if not layer.trainable and "noise" in layer]
    base_came_trained = not all(map(_looks_untrained, frozen))
    alarms = []
    for name, layer in last.items():
        if base_came_trained and not layer.trainable:
            continue
        if not all(name in past and _looks_untrained(past[name]) for past in recent):
            continue
        turned = layer.get("rotation", 0.0)
        if _AT_REST <= turned < _TURNED:
            continue
        bound = 1 - noise.NEAR * noise.noise_error(layer.shape[:-2], layer["slices"])
        message = (
            f"{name} still looks untrained after {last.epoch} epochs: noise score "
            f"{layer['noise']:.2f} (1 is noise, below {bound:.2f} would be structure), "
            f"rotation {turned:.2g} since the start (0 is not at all)."
            + ("" if layer.trainable else " It is frozen: trainable is False.")
        )
        alarms.append(Alarm("noisy", name, last.step, layer["noise"], bound, (), message))
    return alarms


def _looks_untrained(layer: LayerScores) -> bool:
    if layer.trainable or "noise" not in layer:
        return layer.verdict == "untrained"
    # a frozen layer may be rough and trained: only weights spread as a fresh one's speak against it
    bound = {"untrained": _SPREAD, "undetermined": _FRESH}.get(layer.verdict, 1.0)
    return layer.get("coverage", 0.0) > bound


def getting_noisier(history: History, rise: float = 0.15) -> list[Alarm]:
    """A layer whose noise score rose clearly above its own minimum.

    By `rise` at least, and by five standard errors, at the ends of the last two epochs.
    """
    history = _epoch_ends(history)
    alarms = []
    for name, layer, past in _with(history, "noise"):
        if len(past) < 3:
            continue
        lowest = min(past)
        error = noise.noise_error(layer.shape[:-2], layer["slices"])
        bound = lowest + max(rise, noise.FAR * error)
        if min(past[-2:]) > bound:
            message = (
                f"{name} gets noisier: noise score {past[-1]:.2f}, after {lowest:.2f} at its "
                "smoothest."
            )
            alarm = Alarm("getting_noisier", name, history[-1].step, past[-1], bound, (), message)
            alarms.append(alarm)
    return alarms


def dead(history: History, share: float = 0.5, epochs: int = 4) -> list[Alarm]:
    """A hidden layer of which `share` and more is dead, at the end of so many epochs in a row.

    By the units' activity where probe inputs show it; else by the filters' weights. Units that
    die while training begins often come back. A layer that is frozen, or came dead, is left alone.
    """
    history = _epoch_ends(history)
    alarms = []
    for name, layer in _hidden(history[-1]):
        by = "dead_units" if "dead_units" in layer else "dead"
        past = _values(history, name, by)
        if len(past) <= epochs or min(past[-epochs:]) < share:
            continue
        if past[0] >= share or not layer.trainable:
            continue
        filters = tuple(np.flatnonzero(layer.filters[by] > 0).tolist())
        what = "never answer to the probe" if by == "dead_units" else "have next to no weight"
        message = f"{len(filters)} of {layer.shape[-1]} filters of {name} are dead: they {what}."
        alarms.append(Alarm("dead", name, history[-1].step, past[-1], share, filters, message))
    return alarms


def saturated(history: History, share: float = 0.5) -> list[Alarm]:
    """A hidden layer of which `share` and more sits at a rail, at the ends of two epochs in a row.

    Its units' outputs, where probe inputs show them and the non-linearity is bounded; or its
    weights, if more of them sit at their constraint's rail than at the start. A frozen layer is
    left alone.
    """
    history = _epoch_ends(history)
    alarms = []
    for name, layer in _hidden(history[-1]):
        for by, what in (("saturated_units", "units"), ("rail", "weights")):
            past = _values(history, name, by)
            if len(past) < 3 or min(past[-2:]) < share or not layer.trainable:
                continue
            if by == "rail" and past[0] >= share:
                continue
            message = f"{past[-1]:.0%} of the {what} of {name} are saturated: they stay at a rail."
            filters = tuple(np.flatnonzero(layer.filters[by] >= share).tolist())
            step = history[-1].step
            alarms.append(Alarm("saturated", name, step, past[-1], share, filters, message))
    return alarms


def symmetric(history: History) -> list[Alarm]:
    """A hidden layer that trains, whose filters are all the same, or zero, since the start."""
    if history[-1].epoch == history[0].epoch:
        return []
    alarms = []
    for name, layer in _hidden(history[-1]):
        if not layer.trainable or name not in history[0]:
            continue
        if _one_filter(layer) and _one_filter(history[0][name]):
            same = "zero" if layer.get("norm", 0) == 0 else "the same"
            message = (
                f"all {layer.shape[-1]} filters of {name} are {same}, as they were at the start: "
                "what they learn is the same too."
            )
            filters = tuple(range(layer.shape[-1]))
            rank = layer.get("effective_rank", 0.0)
            step = history[-1].step
            alarms.append(Alarm("symmetric", name, step, rank, _COLLAPSED, filters, message))
    return alarms


def _one_filter(layer: LayerScores) -> bool:
    if layer.shape[-1] < 2 or not np.isfinite(layer.filters["norm"]).all():
        return False
    zero = layer.get("norm", 1.0) == 0 and not layer.filters["norm"].any()
    rank = layer.get("effective_rank", math.inf)
    return zero or (layer.get("duplicates") == 1 and rank < _COLLAPSED)


def stalled(history: History, patience: int = 5, at_rest: float = 0.003) -> list[Alarm]:
    """The first layers that train have not moved in `patience` epochs, nor has the loss.

    Their rotation since the start is below `at_rest`. A network that came trained is left alone: it
    may be tuned in small steps; so is one whose loss is falling, and one that logs none.
    """
    last, logged = history[-1], logs.epochs(history)
    if len(logged) < patience or _came_trained(history):
        return []
    at_first = logged[0].logs["loss"]
    fallen = 1 - logged[-1].logs["loss"] / at_first if at_first > 0 else math.nan
    if not fallen < 0.1 or logs.progress(history) > 0.5:
        return []
    alarms = []
    for name, layer in last.items():
        turned = layer.get("rotation", math.nan)
        if not layer.trainable:
            continue
        if not turned < at_rest:
            break
        message = (
            f"{name} has not moved in {last.epoch - history[0].epoch} epochs: rotation "
            f"{turned:.1g} since the start, and the loss fell by {fallen:.0%} only."
        )
        alarms.append(Alarm("stalled", name, last.step, turned, at_rest, (), message))
    return alarms


def exploding(history: History, growth: float = 10.0) -> list[Alarm]:
    """A layer whose filters grew `growth` times since the start, in a network that does not learn.

    By the median norm, as BatchNormalization leaves it.
    """
    return [
        _resized("exploding", history, name, times, growth, "grew")
        for name, times in _growth(history)
        if times > growth
    ]


def shrinking(history: History, share: float = 0.2) -> list[Alarm]:
    """A layer whose filters shrank to `share` of their norm, in a network that does not learn."""
    return [
        _resized("shrinking", history, name, times, share, "shrank")
        for name, times in _growth(history)
        if times < share
    ]


def _growth(history: History) -> Iterator[tuple[str, float]]:
    """Each layer's norm over that at the start, in a network that does not learn."""
    if _struggles(history):
        for name, _, norms in _with(history, "norm"):
            if norms[0] > 0:
                yield name, norms[-1] / norms[0]


def _resized(
    rule: str, history: History, layer: str, times: float, bound: float, verb: str
) -> Alarm:
    message = (
        f"the filters of {layer} {verb} to {times:.3g} times their size at the start, and training "
        "gets nowhere."
    )
    return Alarm(rule, layer, history[-1].step, times, bound, (), message)


def overfitting(history: History, gap: float = 0.2, epochs: int = 4) -> list[Alarm]:
    """A network that does much better on its own data than on others, at so many epochs in a row.

    Its way from guessing to perfection is longer by `gap` there. Abstains without validation.
    """
    ends = [end for end, scores in enumerate(history, 1) if "val_loss" in scores.logs]
    gaps = [logs.gap(history[:end]) for end in ends[-epochs:]]
    if len(gaps) < epochs or not all(each > gap for each in gaps) or not history[-1].layers:
        return []
    own, others = logs.progress(history[: ends[-1]]), logs.progress(history[: ends[-1]], "val_")
    if own < 0.5:
        return []
    message = (
        f"the network memorises: it came {own:.0%} of the way from guessing to perfection on its "
        f"own data, {others:.0%} on others."
    )
    first = next(iter(history[-1]))
    return [Alarm("overfitting", first, history[-1].step, gaps[-1], gap, (), message)]


def diverged(history: History) -> list[Alarm]:
    """A layer with weights that are NaN or infinite, or that BatchNormalization makes so."""
    last = history[-1]
    alarms = []
    for name, layer in last.items():
        filters = tuple(np.flatnonzero(~np.isfinite(layer.filters["norm"])).tolist())
        if filters:
            some = ", ".join(map(str, filters[:8])) + (", ..." if len(filters) > 8 else "")
            message = (
                f"{name} diverged: {len(filters)} of {layer.shape[-1]} filters are not finite any "
                f"more, by their weights or the BatchNormalization behind them (filters {some})."
            )
            alarms.append(Alarm("diverged", name, last.step, len(filters), 0, filters, message))
    return alarms


def _hidden(scores: Scores) -> list[tuple[str, LayerScores]]:
    """All layers but a dense last one, whose units answer for themselves."""
    layers = list(scores.items())
    return layers[:-1] if layers and len(layers[-1][1].shape) == 2 else layers


def _epoch_ends(history: History) -> History:
    """The looks at the start and at the ends of epochs, where there are looks between."""
    before = [None, *history]
    return [now for now, past in zip(history, before, strict=False) if _ends(now, past)]


def _ends(now: Scores, past: Scores | None) -> bool:
    return past is None or now.epoch > past.epoch


def _values(history: History, layer: str, name: str) -> list[float]:
    return [past[layer][name] for past in history if layer in past and name in past[layer]]


def _with(history: History, name: str) -> Iterator[tuple[str, LayerScores, list[float]]]:
    """Layers that have this score now, with all that it was."""
    for layer, scores in history[-1].items():
        if name in scores:
            yield layer, scores, _values(history, layer, name)


def _came_trained(history: History) -> bool:
    """Whether it does well without having moved, or had structure and does not do badly."""
    if any(layer.verdict == "structured" for layer in history[0].values()):
        return not logs.accuracy(history) <= 0.5
    turned = [layer["rotation"] for layer in history[-1].values() if "rotation" in layer]
    return max(turned, default=1.0) < _AT_REST and logs.progress(history) > 0.5


def _struggles(history: History, epochs: int = 3) -> bool:
    """Whether training gets nowhere: below half way, and no further than some epochs before."""
    ends = [end for end, scores in enumerate(history, 1) if "loss" in scores.logs]
    if len(ends) < epochs:
        return False
    before, now = (logs.progress(history[:end]) for end in (ends[-epochs], ends[-1]))
    return now < 0.5 and now - before < 0.05
