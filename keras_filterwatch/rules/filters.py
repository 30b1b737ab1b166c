"""Rules about the filters of a layer: they stay at random, are all the same, or lose their size."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import UNMOVED, History, Steps
from keras_filterwatch.metrics import noise
from keras_filterwatch.metrics.redundancy import ONE_DIRECTION
from keras_filterwatch.scores import LayerScores

# Rotation above which a layer turned far. Healthy layers that learn without a visible pattern
# turned less, in trainings on digits, MNIST and photographs.
_TURNED = 0.3

# Score `coverage`, which weights that are new exceed: uniform ones the first, truncated normal
# ones the second.
_EVENLY_SPREAD, _SPREAD = 0.95, 0.8


def noisy(history: Steps, patience: int | None = None) -> list[Alarm]:
    """Raises an alarm about a layer that still looks untrained after `patience` epochs.

    The layer's verdict was `"untrained"` at every step of the last `patience` epochs (by default
    `history.patience`), and it either kept its first direction or turned far from it without
    forming a pattern. A note, since networks learn with layers that stay near their start; a
    warning where the whole network stands still and gets nowhere. Abstains about frozen layers,
    about layers of which it is a guess that they read an image, and about a model that was trained
    before.
    """
    history = History.of(history)
    last = history[-1]
    patience = history.patience if patience is None else patience
    if history.epochs < patience or history.was_pretrained():
        return []
    recent = [scores for scores in history if scores.epoch > last.epoch - patience]
    alarms = []
    for name, layer in last.items():
        if not layer.trainable or "noise" not in layer or name in history.facts.guessed_images:
            continue
        if not all(name in each and each[name].verdict == "untrained" for each in recent):
            continue
        rotation = layer.get("rotation", 0.0)
        if UNMOVED <= rotation < _TURNED:
            continue
        bound = 1 - noise.NEAR * noise.noise_error(layer.shape[:-2], layer["slices"])
        # a network that begins to learn late has such layers too, until then
        level = "warning" if history.is_at_rest and history.gets_nowhere else "note"
        meaning = (
            "This is harmless as long as the network learns."
            if level == "note"
            else "The whole network stands still: the learning rate may be too low."
        )
        message = (
            f"{name} still looks untrained at epoch {last.epoch}: noise score "
            f"{layer['noise']:.2f} (1 is noise, below {bound:.2f} would be structure), "
            f"rotation {rotation:.2g} since the start (0 is not at all). {meaning}"
        )
        alarms.append(Alarm("noisy", name, last.step, layer["noise"], bound, (), message, level))
    return alarms


def frozen_at_random(history: Steps) -> list[Alarm]:
    """Raises an alarm about frozen layers whose weights are those of their initialisation.

    The layer has not moved in an epoch and shows no structure, and its bias and the
    BatchNormalization behind it are at their initial values. For a layer that has neither bias nor
    BatchNormalization, weights that fill their range as evenly as new ones are evidence enough.
    Abstains about all layers if any frozen one was trained: all were then probably loaded.
    """
    history = History.of(history)
    last = history[-1]
    if history.epochs < 1:
        return []
    frozen = {name: layer for name, layer in last.items() if not layer.trainable}
    if any(history.facts.was_trained.get(name) for name in frozen):
        return []
    looks_random = {name: _looks_random(name, layer, history) for name, layer in frozen.items()}
    if any(is_random is False for is_random in looks_random.values()):
        return []
    alarms = []
    for name, layer in frozen.items():
        if not looks_random[name] or layer.get("rotation", 0.0) > 1e-6:
            continue
        message = (
            f"{name} is frozen (trainable is False) with the random weights of its initialisation. "
            "It never learns, and the layers behind it get random features: was it meant to be "
            "frozen?"
        )
        alarms.append(Alarm("frozen_at_random", name, last.step, math.nan, 0, (), message))
    return alarms


def _looks_random(name: str, layer: LayerScores, history: History) -> bool | None:
    """Returns whether a frozen layer is as it was initialised; None if that cannot be told."""
    if layer.verdict == "structured":
        return False
    if history.facts.was_trained.get(name) is False:
        return True
    is_noise = layer.verdict == "untrained" and name not in history.facts.guessed_images
    bound = _SPREAD if is_noise else _EVENLY_SPREAD
    if "noise" not in layer:
        return None
    return layer.get("coverage", 0.0) > bound


def getting_noisier(history: Steps, rise: float = 0.15) -> list[Alarm]:
    """Raises a note about a layer whose noise score rose clearly above its own minimum.

    It was above the minimum by more than `rise`, and by more than five standard errors, at the
    ends of the last two epochs. Abstains about layers of which it is a guess that they read an
    image.
    """
    ends = History.of(history).epoch_ends
    alarms = []
    for name, layer, scores in ends.layers_with("noise"):
        if len(scores) < 3 or name in ends.facts.guessed_images:
            continue
        lowest = min(scores)
        error = noise.noise_error(layer.shape[:-2], layer["slices"])
        bound = lowest + max(rise, noise.FAR * error)
        if min(scores[-2:]) > bound:
            message = (
                f"{name} gets noisier: noise score {scores[-1]:.2f}, after {lowest:.2f} at its "
                "smoothest. Alone this says little: look at the validation loss."
            )
            step = ends[-1].step
            alarms.append(
                Alarm("getting_noisier", name, step, scores[-1], bound, (), message, "note")
            )
    return alarms


def symmetric(history: Steps) -> list[Alarm]:
    """Raises an alarm about a hidden layer whose filters are all the same since the start.

    Filters that are all zero are the same too. Abstains about frozen layers, and in the first
    epoch.
    """
    history = History.of(history)
    first, last = history[0], history[-1]
    if last.epoch == first.epoch:
        return []
    alarms = []
    for name, layer in history.hidden_layers():
        if not layer.trainable or name not in first:
            continue
        if _is_one_filter(layer) and _is_one_filter(first[name]):
            same = "zero" if layer.get("norm", 0) == 0 else "the same"
            message = (
                f"All {layer.shape[-1]} filters of {name} are {same}, as they were at the start. "
                "What they learn is the same too, so that the layer can do no more than one filter."
            )
            filters = tuple(range(layer.shape[-1]))
            rank = layer.get("effective_rank", 0.0)
            alarms.append(
                Alarm("symmetric", name, last.step, rank, ONE_DIRECTION, filters, message)
            )
    return alarms


def _is_one_filter(layer: LayerScores) -> bool:
    """Returns True if a layer has several filters, and all are the same."""
    norms = layer.filters.get("norm")
    if norms is None or layer.shape[-1] < 2 or not np.isfinite(norms).all():
        return False
    rank = layer.get("effective_rank", math.inf)
    return not norms.any() or (layer.get("duplicates") == 1 and rank < ONE_DIRECTION)


def exploding(history: Steps, growth: float = 10.0) -> list[Alarm]:
    """Raises an alarm about a layer whose filters grew, while the network gets nowhere.

    The median norm of its filters, as the BatchNormalization behind the layer scales them, is more
    than `growth` times that at the start.
    """
    hint = "The learning rate may be too high."
    return _resized("exploding", history, growth, "grew", hint, lambda times: times > growth)


def shrinking(history: Steps, share: float = 0.2) -> list[Alarm]:
    """Raises an alarm about a layer whose filters shrank, while the network gets nowhere.

    The median norm of its filters, as the BatchNormalization behind the layer scales them, is less
    than `share` of that at the start.
    """
    hint = "A penalty on the weights may be too strong."
    return _resized("shrinking", history, share, "shrank", hint, lambda times: times < share)


def _resized(
    rule: str,
    history: Steps,
    bound: float,
    verb: str,
    hint: str,
    is_beyond: Callable[[float], bool],
) -> list[Alarm]:
    """Returns an alarm for each layer whose filters changed their size beyond a bound."""
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
            f"and the network gets nowhere. {hint}",
        )
        for name, times in _growth(history)
        if is_beyond(times)
    ]


def _growth(history: History) -> Iterator[tuple[str, float]]:
    """Yields each layer's norm relative to that at the start, if the network gets nowhere.

    With a BatchNormalization behind the layer, the start is the step at which its moving variance
    has settled: it begins at 1, whatever the layer returns.
    """
    if not history.gets_nowhere:
        return
    momentum = history.facts.batch_norm_momentum
    for name in history[-1]:
        # after that many updates, 5 % (e to the -3) of the first variance is left
        needed = 3 / (1 - momentum[name]) if momentum.get(name, 1.0) < 1 else 0
        settled = [each for each in history if (each.updates or 0) >= needed or not needed]
        norms = History(settled).values(name, "norm")
        if len(norms) > 1 and norms[0] > 0:
            yield name, norms[-1] / norms[0]
