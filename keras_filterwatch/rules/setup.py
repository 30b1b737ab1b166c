"""Rules about the set-up: what model and probe show before the first epoch, as questions.

A question is a note. It becomes a warning where training struggles: then it is what is probably
wrong.
"""

import math
from collections.abc import Iterator, Sequence

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.scores import Scores
from keras_filterwatch.yardsticks import (
    guessing_loss,
)

Steps = Sequence[Scores]

# optimizer -> learning rates between which networks are usually trained with it
USUAL_RATES = {
    "SGD": (1e-4, 3.0),  # divided by 1 - momentum
    "Adam": (1e-5, 3e-2),
    "AdamW": (1e-5, 3e-2),
    "Nadam": (1e-5, 3e-2),
    "Adamax": (1e-5, 5e-2),
    "RMSprop": (1e-5, 3e-2),
    "Adagrad": (3e-3, 1.0),
    "Adadelta": (3e-2, 10.0),
    "Ftrl": (1e-3, 1.0),
    "Lion": (1e-6, 3e-3),
    "Lamb": (1e-4, 3e-2),
    "Adafactor": (1e-4, 1e-1),
}
_LARGE, _SMALL = 10.0, 0.02  # sizes of inputs, as a root mean square: usual is about 1
_HUGE_LOSS = 5.0  # times that of guessing
_STRONG_DROPOUT = 0.8
_STRONG_PENALTY, _STRONG_DECAY = 0.1, 0.5
_UNBOUNDED = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus")
_OF_NUMBERS = ("mean_squared_error", "mean_absolute_error", "huber", "log_cosh")
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "relu": (0.0, math.inf),
    "tanh": (-1.0, 1.0),
}


def output_mismatch(history: Steps) -> list[Alarm]:
    """Asks whether a loss fits the output that it is computed of, and the targets both."""
    history = History.of(history)
    outputs, alarms = history.facts.outputs, []
    for output in outputs:
        name = output.name if len(outputs) > 1 else ""
        messages = [*_mismatches(output, history.facts), *_loss_out_of_range(output, history)]
        alarms += [_question(history, "output_mismatch", each, name) for each in messages[:1]]
    return alarms


def _mismatches(output: OutputFacts, facts: ModelFacts) -> Iterator[str]:
    """Yields in what an output, its loss and its targets do not fit each other."""
    where = f"output {output.name!r}" if len(facts.outputs) > 1 else "the output"
    upper = where[0].upper() + where[1:]
    last, loss, units = output.trains_as or output.activation, output.loss, output.units
    of_classes = "categorical_crossentropy" in loss
    if last == "softmax" and units == 1:
        yield f"Softmax over the single unit of {where} is always 1: should it be a sigmoid?"
    elif of_classes and units == 1:
        yield f"{loss} needs a unit for each class, and {where} has one: binary_crossentropy?"
    is_crossentropy = of_classes or loss == "binary_crossentropy"
    outer, _, inner = last.partition("(")
    if is_crossentropy and inner:
        inner = inner.rstrip(")")
        if inner in ("softmax", "sigmoid"):
            yield f"{upper} ends with {inner}, and {loss} applies {outer} to it again."
        else:
            yield f"{upper} ends with {inner}, and {loss} takes it for logits."
    elif is_crossentropy and not output.from_logits and last in (*_UNBOUNDED, "tanh"):
        yield f"{loss} needs probabilities or logits, and {where} ends with {last}."
    elif is_crossentropy and not output.from_logits and last == "linear":
        yield f"{loss} needs probabilities, and {where} is linear: from_logits=True?"
    elif of_classes and last == "sigmoid" and (units or 0) > 1:
        yield f"{loss} is for classes that exclude each other, and {where} ends with sigmoid."
    if output.dropout > 0:
        yield f"Dropout of {output.dropout:.2g} acts on {where}: it belongs before the last layer."
    yield from _unfit_targets(output, facts, where, last)


def _unfit_targets(output: OutputFacts, facts: ModelFacts, where: str, last: str) -> Iterator[str]:
    """Yields which targets an output cannot return."""
    targets = [each for each in facts.targets if each.name in ("", output.name)]
    if len(targets) != 1 or not math.isfinite(targets[0].maximum):
        return
    low, high = targets[0].minimum, targets[0].maximum
    between = f"The targets of {where} lie between {low:.3g} and {high:.3g}"
    if output.loss == "sparse_categorical_crossentropy":
        is_class = targets[0].is_whole and low >= 0
        if output.units and not (is_class and high < output.units):
            yield f"{between}; classes are whole numbers from 0 to {output.units - 1}."
    elif output.loss in ("binary_crossentropy", "categorical_crossentropy"):
        if low < 0 or high > 1:
            yield f"{between}; {output.loss} needs numbers from 0 to 1."
        elif 0 < high < 0.5:
            yield f"{between}; were they divided twice?"
    elif last in _RANGES and output.loss in _OF_NUMBERS:
        bottom, top = _RANGES[last]
        if low < bottom - 1e-6 or high > top + 1e-6:
            yield f"{between}, and {where} ends with {last}: it cannot return them all."


def _loss_out_of_range(output: OutputFacts, history: History) -> Iterator[str]:
    """Yields that a squared error is larger than an output's range allows, if targets lie in it."""
    last, facts = output.trains_as or output.activation, history.facts
    losses = [each.logs["loss"] for each in history.logged if "loss" in each.logs]
    if len(facts.outputs) > 1 or facts.regularisers or facts.has_own_train_step or not losses:
        return
    widest = {"sigmoid": 1.0, "softmax": 1.0, "tanh": 4.0}.get(last, math.inf)
    if output.loss == "mean_squared_error" and losses[-1] > widest:
        yield (
            f"The mean squared error is {losses[-1]:.3g}, and the output ends with {last}: the "
            "targets lie outside of what it can return."
        )


def unscaled_inputs(history: Steps) -> list[Alarm]:
    """Asks whether the inputs are normalised, by the probe, or by a first loss that is huge."""
    history = History.of(history)
    facts = history.facts
    for each in facts.inputs:
        where = f" {each.name!r}" if each.name else ""
        if each.finite < 1:
            message = (
                f"The probe's input{where} has NaN or infinite numbers: a share of "
                f"{1 - each.finite:.2g}."
            )
            return [_question(history, "unscaled_inputs", message, "")]
        size = math.hypot(each.mean, each.std)
        is_shifted = abs(each.mean) > _LARGE * each.std > 0
        if facts.normalises_inputs or (_SMALL < size < _LARGE and not is_shifted):
            continue
        message = (
            f"The probe's input{where} reaches the first kernel with numbers from "
            f"{each.minimum:.3g} to {each.maximum:.3g} (mean {each.mean:.3g}, standard deviation "
            f"{each.std:.3g}): should it be brought to about -1 to 1?"
        )
        # a BatchNormalization behind the first kernel takes their size away again
        level = "note" if next(iter(history[-1]), "") in facts.batch_norm_momentum else ""
        return [_question(history, "unscaled_inputs", message, "", size, _LARGE, level)]
    return []


def huge_first_loss(history: Steps) -> list[Alarm]:
    """Notes a loss before training, or of the first epoch, that is far above that of guessing."""
    history = History.of(history)
    outputs = history.facts.outputs
    guess = guessing_loss(outputs[0], history.facts) if len(outputs) == 1 else 0.0
    name = "probe_loss" if "probe_loss" in history[0].logs else "loss"
    if name == "loss" and history.facts.regularisers:
        return []  # a penalty is in it
    losses = [each.logs[name] for each in history if name in each.logs]
    bound = _HUGE_LOSS * guess
    if not losses or not guess > 0 or not losses[0] > bound:
        return []
    message = (
        f"The first {name} is {losses[0]:.3g}, and guessing gives {guess:.3g}: the outputs are "
        "huge as training begins. Are the inputs normalised, and the weights small?"
    )
    # that the loss is still above guessing would be the same evidence again
    level = "warning" if history.gets_nowhere or history.has_diverged else "note"
    return [_question(history, "huge_first_loss", message, "", losses[0], bound, level)]


def strong_dropout(history: Steps) -> list[Alarm]:
    """Asks whether a Dropout is too strong; warns where validation is far above training."""
    history = History.of(history)
    rates = history.facts.dropout
    if not rates or max(rates.values()) < 0.5:
        return []
    name, rate = max(rates.items(), key=lambda item: item[1])
    gap, training = history.gap(), history.progress()
    hinders = gap < -0.2 and training < 0.5 and len(history.logged) >= history.patience
    if rate < _STRONG_DROPOUT and not hinders:
        return []
    message = f"{name} drops {rate:.0%} of what it gets: is that too much?"
    if hinders:
        message += (
            f" The network came {training:.0%} of the way on its training data, and "
            f"{training - gap:.0%} on the validation data, where nothing is dropped."
        )
    level = "warning" if hinders else ""
    return [_question(history, "strong_dropout", message, "", rate, _STRONG_DROPOUT, level)]


def unusual_rate(history: Steps) -> list[Alarm]:
    """Asks whether a learning rate is meant that lies far from those usual with its optimizer."""
    history = History.of(history)
    facts = history.facts
    rate = usual_rate_missed(history)
    if rate is None:
        return []
    low, high = USUAL_RATES[facts.optimizer]
    message = (
        f"The learning rate of {facts.optimizer} is {rate:.3g}"
        + (" with its momentum" if facts.momentum and facts.optimizer == "SGD" else "")
        + f"; usual are {low:.0e} to {high:.0e}."
    )
    bound = low if rate < low else high
    return [_question(history, "unusual_rate", message, "", rate, bound)]


def usual_rate_missed(history: History) -> float | None:
    """Returns the learning rate if it lies outside what is usual; else None.

    A model that came trained may be tuned in steps as small as one likes.
    """
    rate = effective_rate(history)
    if rate is None:
        return None
    low, high = USUAL_RATES[history.facts.optimizer]
    is_too_low = rate < low and not history.was_pretrained()
    return rate if is_too_low or rate > high else None


def effective_rate(history: History) -> float | None:
    """Returns the highest learning rate so far, as `USUAL_RATES` has it; None if unknown.

    That of SGD is divided by 1 - momentum, by which momentum enlarges steps.
    """
    facts = history.facts
    logged = [each.logs["learning_rate"] for each in history.logged if "learning_rate" in each.logs]
    if facts.optimizer not in USUAL_RATES or (facts.schedule and len(logged) < history.patience):
        return None  # a schedule may begin with a warm-up
    rates = logged or ([] if facts.learning_rate is None else [facts.learning_rate])
    if not rates:
        return None
    return max(rates) / (1 - facts.momentum) if facts.optimizer == "SGD" else max(rates)


def strong_penalty(history: Steps) -> list[Alarm]:
    """Asks whether L1 or L2 of a layer, or the optimizer's weight decay, is meant so strong."""
    history = History.of(history)
    facts = history.facts
    strengths = [
        (strength, f"{kind.upper()} of {layer} is {strength:.3g}")
        for layer, kinds in facts.regularisers.items()
        for kind, strength in kinds.items()
    ]
    strength, text = max(strengths, default=(0.0, ""))
    if strength > _STRONG_PENALTY:
        message = f"{text}: usual are 1e-05 to 1e-02. Does it leave room to learn?"
        return [_question(history, "strong_penalty", message, "", strength, _STRONG_PENALTY)]
    if facts.weight_decay > _STRONG_DECAY:
        decay = facts.weight_decay
        message = f"The weight decay is {decay:.3g}: usual are 1e-05 to 1e-01. Is that meant?"
        return [_question(history, "strong_penalty", message, "", decay, _STRONG_DECAY)]
    return []


def linear_stack(history: Steps) -> list[Alarm]:
    """Notes a network of several layers without a non-linearity: it can do what one layer can.

    A warning where the network gets nowhere.
    """
    history = History.of(history)
    if not history.facts.is_linear or len(history[-1].layers) < 2:
        return []
    message = "No non-linearity stands between the layers: together they can do what one layer can."
    level = "warning" if history.gets_nowhere else "note"
    return [_question(history, "linear_stack", message, "", level=level)]


def _question(
    history: History,
    rule: str,
    message: str,
    layer: str,
    value: float = math.nan,
    threshold: float = math.nan,
    level: str = "",
) -> Alarm:
    level = level or ("warning" if history.struggles else "note")
    return Alarm(rule, layer, history[-1].step, value, threshold, (), message, level)
