"""Rules about a training as a whole: it diverged, gets nowhere, stands still or memorises."""

import math
from itertools import pairwise

import numpy as np

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History, Steps
from keras_filterwatch.metrics.motion import AT_REST
from keras_filterwatch.progress import HALF_WAY, NOTHING, SIGNIFICANT
from keras_filterwatch.trends import chance_of_rise, scatter
from keras_filterwatch.yardsticks import (
    Yardstick,
    guessing_loss,
    known_yardsticks,
    output_of,
    yardsticks,
)

_LOSSES = {"loss", "probe_loss"}
_LONG_ENOUGH = 10  # epochs of a trend
_MAY_RISE = 0.2  # chance below which validation is taken to improve still
_NEVER_NEGATIVE = ("crossentropy", "mean_squared", "mean_absolute", "hinge", "huber", "log_cosh")


def diverged(history: Steps) -> list[Alarm]:
    """Raises an error about each layer with NaN or infinite filters, or else about the loss.

    A filter is judged by its weights as the BatchNormalization behind it scales them. Where all
    filters are finite, the error is about a loss that is not.
    """
    history = History.of(history)
    last = history[-1]
    alarms = []
    for name, layer in last.items():
        norms = layer.filters.get("norm", np.zeros(0))
        filters = tuple(np.flatnonzero(~np.isfinite(norms)).tolist())
        if filters:
            first = ", ".join(map(str, filters[:8])) + (", ..." if len(filters) > 8 else "")
            message = (
                f"{name} diverged: {len(filters)} of {layer.shape[-1]} filters ({first}) are NaN "
                "or infinite, in their weights or in the BatchNormalization behind them. Stop "
                "training: weights that are NaN never recover."
            )
            alarms.append(
                Alarm("diverged", name, last.step, len(filters), 0, filters, message, "error")
            )
    loss = last.logs.get("loss", 0.0)
    if not math.isfinite(loss) and not alarms:
        message = (
            f"The loss is {loss} at epoch {last.epoch}: training diverged, and to go on is of no "
            "use."
        )
        alarms.append(Alarm("diverged", "", last.step, loss, 0, (), message, "error"))
    return alarms


def gets_nowhere(history: Steps) -> list[Alarm]:
    """Raises an alarm about a network that learns nothing, after time enough to learn something.

    The history gets nowhere (`keras_filterwatch.progress.learning`) and has logs of twice
    `history.patience` epochs. Rules that know a probable reason wait only once as long; this one
    waits longer, since some networks begin to learn late. Abstains where guessing is not known.
    """
    history = History.of(history)
    known = known_yardsticks(history, history.facts)
    if not known or not history.gets_nowhere or len(history.logged) < 2 * history.patience:
        return []
    last = history.logged[-1]
    curve = next((each for each in known if each.name in last.logs), known[0])
    value = last.logs.get(curve.name, math.nan)
    updates = "" if last.updates is None else f" and {last.updates} updates"
    message = (
        f"The network gets nowhere: after {last.epoch} epochs{updates} its {curve.name} is "
        f"{value:.3g}, and {curve.guess:.3g} is what guessing gives. At this pace it would stay "
        "there: look at the learning rate, the loss and the labels."
    )
    return [Alarm("gets_nowhere", "", history[-1].step, value, curve.guess, (), message)]


def stalled(history: Steps) -> list[Alarm]:
    """Raises an alarm about a network whose layers all stand still, and that learns nothing.

    The history is at rest (`History.is_at_rest`) and gets nowhere. There is no alarm about a
    network that was trained before, since it may be tuned in small steps.
    """
    history = History.of(history)
    if not history.is_at_rest or not history.gets_nowhere:
        return []
    last, rotation = history[-1], history.largest_rotation
    rate = last.logs.get("learning_rate")
    message = (
        f"No layer moves: at epoch {last.epoch} the largest rotation since the start is "
        f"{rotation:.1g} (0 is not at all)"
        + ("" if rate is None else f", at a learning rate of {rate:.3g}")
        + ". Nothing is learnt: the rate is too low, or no gradient reaches the layers."
    )
    return [Alarm("stalled", "", last.step, rotation, AT_REST, (), message)]


def overfitting(history: Steps, gap: float = 0.2) -> list[Alarm]:
    """Raises an alarm if training is far ahead of validation, and validation improves no more.

    Training came at least half way from guessing to perfection, and validation improves no more.
    At each of the last epochs (`history.patience`, 3 at least) training was ahead by more than
    `gap`, a share of that way. Every loss but a squared error whose guessing is known has to be
    worse than its own best on the validation data by so much instead. Abstains without validation
    data, and where BatchNormalization may be what holds validation back.
    """
    history = History.of(history)
    curve = history.yardstick
    if curve is None:
        return []
    both = [
        (curve.way(each.logs[curve.name]), curve.way(each.logs[f"val_{curve.name}"]))
        for each in history.logged
        if curve.name in each.logs and f"val_{curve.name}" in each.logs
    ]
    both = [pair for pair in both if all(map(math.isfinite, pair))]
    epochs = max(history.patience, 3)
    if len(both) <= epochs:
        return []
    training, validation = zip(*both, strict=True)
    if max(training) < HALF_WAY:
        return []
    if chance_of_rise(validation[-2 * epochs :]) < _MAY_RISE:
        return []
    if _may_rise_alone(curve, history):
        fell = validation[-1] < max(validation) - 3 * scatter(validation)
        behind = [max(validation) - each if fell else 0.0 for each in validation[-epochs:]]
    else:
        behind = [t - v for t, v in zip(training[-epochs:], validation[-epochs:], strict=True)]
    if not min(behind) > gap or not _is_ahead_in_inference(history, epochs, gap):
        return []
    message = (
        f"The network memorises: by its {curve.name} it came {training[-1]:.0%} of the way from "
        f"guessing to perfection on the training data, and {max(0.0, validation[-1]):.0%} on the "
        "validation data, where it improves no more. Longer training alone would not change that."
    )
    return [Alarm("overfitting", "", history[-1].step, behind[-1], gap, (), message)]


def _is_ahead_in_inference(history: History, epochs: int, gap: float) -> bool:
    """Returns False if validation may lag because BatchNormalization does not follow in inference.

    With a probe of training data and targets, its loss is measured in inference as validation is,
    and has to be ahead too. Without one, statistics that average over more than an epoch lag while
    the network changes: training has to stand still by then.
    """
    facts, logged = history.facts, history.logged
    losses = [each for each in yardsticks(history, facts) if each.name == "loss"]
    recent = [each.logs for each in logged[-epochs:]]
    if losses and not facts.regularisers and all("probe_loss" in logs for logs in recent):
        pairs = [(logs["probe_loss"], logs.get("val_loss", math.inf)) for logs in recent]
        return all(losses[0].way(probe) - losses[0].way(loss) > gap for probe, loss in pairs)
    updates = history[-1].updates
    slowest = max(facts.batch_norm_momentum.values(), default=0.0)
    if not updates or not 0 < slowest < 1 or history.yardstick is None:
        return True
    lag = len(logged) / updates / (1 - slowest)  # in epochs
    changes = history.yardstick.ways(logged)[-math.ceil(3 * lag) :]
    return lag < 1 or max(changes) - min(changes) < NOTHING / 2


def _may_rise_alone(curve: Yardstick, history: History) -> bool:
    """Returns True for a loss that can get worse on validation data while guesses stay as good.

    A cross-entropy is one: being sure and wrong costs ever more. Of a squared error the gap
    counts, if it is known where guessing lies.
    """
    output = output_of(curve.name, history.facts)
    is_squared = output is not None and output.loss == "mean_squared_error"
    return curve.name.endswith("loss") and not (is_squared and curve.knows_guess)


def contradiction(history: Steps) -> list[Alarm]:
    """Raises an alarm about a loss that contradicts the accuracy, or its own sign.

    The loss improves while the accuracy stays at guessing; or it is negative although Keras's
    formula cannot be, if targets and outputs fit it; or it runs away to minus infinity; or it is
    one's own and negative from the start, which is asked as a note while the network learns.
    Abstains about the sign where the model has its own `train_step`.
    """
    history = History.of(history)
    last, facts = history[-1], history.facts
    names = [each.loss for each in facts.outputs if each.loss]
    is_bounded = all(any(part in name for part in _NEVER_NEGATIVE) for name in names)
    loss = last.logs.get("loss", 0.0)
    if names and is_bounded and loss < -1e-3 and not facts.has_own_train_step:
        message = (
            f"The loss is {loss:.3g}: {' and '.join(sorted(set(names)))} cannot be negative where "
            "targets and outputs fit it. Do the targets lie where this loss needs them?"
        )
        return [Alarm("contradiction", "", last.step, loss, 0, (), message)]
    if not facts.has_own_train_step and _runs_away(history):
        message = (
            f"The loss fell below zero ever faster, and is {loss:.3g} now: nothing bounds it. Does "
            "it have the wrong sign?"
        )
        return [Alarm("contradiction", "", last.step, loss, 0, (), message)]
    known = known_yardsticks(history, facts)
    accuracy = next((each for each in known if not each.name.endswith("loss")), None)
    contradicted = [] if accuracy is None else _contradicted(history, accuracy)
    return contradicted or _negative_from_the_start(history)


def _negative_from_the_start(history: History) -> list[Alarm]:
    """Asks about a loss of one's own that begins negative, though its output has classes.

    A warning where training struggles.
    """
    facts, step = history.facts, history[-1].step
    losses = [logs[name] for logs in (each.logs for each in history) for name in _LOSSES & {*logs}]
    if len(facts.outputs) != 1 or facts.has_own_train_step or not losses or not losses[0] < 0:
        return []
    output = facts.outputs[0]
    if output.trains_as or output.axes != 2 or output.activation not in ("softmax", "sigmoid"):
        return []
    message = (
        f"The loss {output.loss} is {losses[0]:.3g} at first, and the output ends with "
        f"{output.activation}: losses of classes are positive. Does it have the wrong sign?"
    )
    level = "warning" if history.struggles else "note"
    return [Alarm("contradiction", "", step, losses[0], 0, (), message, level)]


def _runs_away(history: History) -> bool:
    """Returns True if the loss is negative, far below where it began, and falls ever faster.

    It did so at each of the last epochs (the history's patience, three at least), or was negative
    before it became infinite or NaN.
    """
    losses = [each.logs["loss"] for each in history.logged if "loss" in each.logs]
    finite = [each for each in losses if math.isfinite(each)]
    if finite and not math.isfinite(losses[-1]):
        return finite[-1] < 0 and finite[-1] <= finite[0]
    epochs = max(3, history.patience)
    falls = [early - late for early, late in pairwise(losses[-epochs - 1 :])]
    is_far = len(falls) == epochs and losses[-1] < min(0.0, losses[0]) - 10 * abs(losses[0])
    return is_far and falls[0] > 0 and all(late > early for early, late in pairwise(falls))


def _contradicted(history: History, accuracy: Yardstick) -> list[Alarm]:
    """Returns an alarm if the loss fell far while the accuracy of its output stayed at guessing.

    Or if one gets steadily better and the other steadily worse, by Mann and Kendall's test. Far
    is below half of that of guessing, or of its first value where that is not known.
    """
    facts, logged = history.facts, history.logged
    output = output_of(accuracy.name, facts)
    name = f"{output.name}_loss" if output and len(facts.outputs) > 1 else "loss"
    losses = [each.logs[name] for each in logged if name in each.logs]
    if len(losses) < max(3, history.patience):
        return []
    ways = accuracy.ways(logged)
    fell_by = max(ways[-_LONG_ENOUGH:]) - ways[-1]
    got_worse = (
        fell_by > NOTHING and chance_of_rise([-w for w in ways[-_LONG_ENOUGH:]]) < SIGNIFICANT
    )
    improved = chance_of_rise([-each for each in losses[-_LONG_ENOUGH:]]) < SIGNIFICANT
    value = logged[-1].logs.get(accuracy.name, math.nan)
    if got_worse and improved and name == "loss" and not facts.regularisers:
        message = (
            f"Loss and {accuracy.name} contradict each other: the loss improves steadily, and the "
            f"{accuracy.name} gets steadily worse, {value:.3g} now. Does the loss have the wrong "
            "sign, or do both measure other labels?"
        )
        return [Alarm("contradiction", "", history[-1].step, value, accuracy.guess, (), message)]
    guess = guessing_loss(output, facts) if output else 0.0
    fell = losses[-1] < min(0.0, losses[0]) or 0 <= losses[-1] < 0.5 * (guess or losses[0])
    if not fell or max(ways[-3:]) >= NOTHING or chance_of_rise(ways) < SIGNIFICANT:
        return []
    message = (
        f"Loss and {accuracy.name} contradict each other: the loss went from {losses[0]:.3g} to "
        f"{losses[-1]:.3g}, the {accuracy.name} is {value:.3g}, as by guessing. Do both measure "
        "the same labels?"
    )
    return [Alarm("contradiction", "", history[-1].step, value, accuracy.guess, (), message)]
