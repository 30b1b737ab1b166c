"""Rules about the set-up: what model and probe show before the first epoch, as questions.

A question is a note. It becomes a warning where training struggles (`History.struggles`): what it
asks about is then a probable reason.
"""

import math
from collections.abc import Iterator

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History, Steps
from keras_filterwatch.model_facts import ModelFacts, OutputFacts
from keras_filterwatch.yardsticks import guessing_loss

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
_OF_NUMBERS = (
    *("mean_squared_error", "mean_absolute_error", "huber", "log_cosh"),
    "cosine_similarity",
)
_RANGES = {
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "relu": (0.0, math.inf),
    "tanh": (-1.0, 1.0),
}


def output_mismatch(history: Steps) -> list[Alarm]:
    """Asks whether each output, its loss and the probe's targets fit each other.

    An alarm is about the output (`Alarm.layer` is its name) where the model has several. Abstains
    about an output whose last non-linearity or loss is not known.
    """
    history = History.of(history)
    outputs, alarms = history.facts.outputs, []
    for output in outputs:
        name = output.name if len(outputs) > 1 else ""
        messages = [
            *_mismatches(output, history.facts),
            *_loss_out_of_range(output, history),
        ]
        alarms += [_question(history, "output_mismatch", each, name) for each in messages[:1]]
    return alarms


def _mismatches(output: OutputFacts, facts: ModelFacts) -> Iterator[str]:
    """Yields a message for each way in which an output, its loss and its targets do not fit."""
    where = f"output {output.name!r}" if len(facts.outputs) > 1 else "the output"
    upper = where[0].upper() + where[1:]
    last, loss, units = output.trains_as or output.activation, output.loss, output.units
    of_classes = "categorical_crossentropy" in loss
    if last == "softmax" and units == 1:
        yield (
            f"Softmax over the single unit of {where} is always 1, so nothing can be learnt: "
            "should it be a sigmoid?"
        )
    elif of_classes and units == 1:
        yield (
            f"{loss} needs a unit for each class, but {where} has a single one: should the loss be "
            "binary_crossentropy?"
        )
    is_crossentropy = of_classes or loss == "binary_crossentropy"
    outer, _, inner = last.partition("(")
    if is_crossentropy and inner:
        inner = inner.rstrip(")")
        if inner in ("softmax", "sigmoid"):
            yield (
                f"{upper} ends with {inner}, and {loss} applies {outer} to it again, which weakens "
                f"the gradient: should {where} be linear, or from_logits=False?"
            )
        else:
            yield (
                f"{upper} ends with {inner}, and {loss} takes it for logits, which {inner} cuts "
                "off or bends: should the last layer be linear?"
            )
    elif is_crossentropy and not output.from_logits and last in (*_UNBOUNDED, "tanh"):
        yield (
            f"{loss} needs probabilities or logits, but {where} ends with {last}: should it be "
            f"{'softmax' if of_classes else 'sigmoid'}?"
        )
    elif is_crossentropy and not output.from_logits and last == "linear":
        yield (
            f"{loss} needs probabilities, but {where} is linear: should the loss have "
            "from_logits=True?"
        )
    elif of_classes and last == "sigmoid" and (units or 0) > 1:
        yield (
            f"{loss} is for classes that exclude each other, but {where} ends with sigmoid, which "
            "takes each class alone: should it be softmax, or the loss binary_crossentropy?"
        )
    if output.dropout > 0:
        yield (
            f"Dropout of {output.dropout:.2g} acts on {where}, so that parts of the answer are "
            "zero at random while training: should it stand before the last layer?"
        )
    yield from _unfit_targets(output, facts, where, last)


def _unfit_targets(output: OutputFacts, facts: ModelFacts, where: str, last: str) -> Iterator[str]:
    """Yields a message about targets that an output cannot return or its loss cannot take."""
    targets = [each for each in facts.targets if each.name in ("", output.name)]
    if len(targets) != 1 or not math.isfinite(targets[0].maximum):
        return
    low, high = targets[0].minimum, targets[0].maximum
    between = f"The targets of {where} lie between {low:.3g} and {high:.3g}"
    if output.loss == "sparse_categorical_crossentropy":
        is_class = targets[0].is_whole and low >= 0
        if output.units and not (is_class and high < output.units):
            yield (
                f"{between}, but with {output.units} units classes are whole numbers from 0 to "
                f"{output.units - 1}: should classes be renumbered, or units added?"
            )
    elif output.loss in ("binary_crossentropy", "categorical_crossentropy"):
        if low < 0 or high > 1:
            yield (
                f"{between}, but {output.loss} needs numbers from 0 to 1: should they be rescaled "
                "or one-hot, or is it the wrong loss?"
            )
        elif 0 < high < 0.5:
            yield f"{between}, but {output.loss} expects them to reach 1: were they divided twice?"
    elif last in _RANGES and output.loss in _OF_NUMBERS:
        bottom, top = _RANGES[last]
        if low < bottom - 1e-6 or high > top + 1e-6:
            yield (
                f"{between}, but {where} ends with {last}: it cannot return them all. Should it be "
                "linear, or the targets rescaled?"
            )


def _loss_out_of_range(output: OutputFacts, history: History) -> Iterator[str]:
    """Yields a message if a squared error is too large for targets within the output's range."""
    last, facts = output.trains_as or output.activation, history.facts
    losses = [each.logs["loss"] for each in history.logged if "loss" in each.logs]
    if len(facts.outputs) > 1 or facts.regularisers or facts.has_own_train_step or not losses:
        return
    widest = {"sigmoid": 1.0, "softmax": 1.0, "tanh": 4.0}.get(last, math.inf)
    if output.loss == "mean_squared_error" and losses[-1] > widest:
        yield (
            f"The mean squared error is {losses[-1]:.3g}, but the output ends with {last}: the "
            "targets lie outside of what it can return. Should it be linear, or the targets "
            "rescaled?"
        )


def unscaled_inputs(history: Steps) -> list[Alarm]:
    """Asks whether the inputs are normalised, or whether they have NaN. Abstains without a probe.

    Judged are the probe's numbers as they reach the first kernel. They are odd if their root mean
    square is below 0.02 or above 10, or if their mean is over ten standard deviations from 0.
    A model that normalises them itself is only asked about NaN.
    """
    history = History.of(history)
    facts = history.facts
    for each in facts.inputs:
        where = f" {each.name!r}" if each.name else ""
        if each.finite < 1:
            message = (
                f"A share of {1 - each.finite:.2g} of the numbers in the probe's input{where} is "
                "NaN or infinite. Such inputs make the loss and then all weights NaN: are values "
                "missing in the data?"
            )
            return [_question(history, "unscaled_inputs", message, "")]
        size = math.hypot(each.mean, each.std)
        is_shifted = abs(each.mean) > _LARGE * each.std > 0
        if facts.normalises_inputs or (_SMALL < size < _LARGE and not is_shifted):
            continue
        message = (
            f"The probe's input{where} reaches the first kernel with numbers from "
            f"{each.minimum:.3g} to {each.maximum:.3g} (mean {each.mean:.3g}, standard deviation "
            f"{each.std:.3g}). Training is easiest with about -1 to 1: should it be normalised?"
        )
        # a BatchNormalization behind the first kernel takes their size away again
        level = "note" if next(iter(history[-1]), "") in facts.batch_norm_momentum else ""
        return [_question(history, "unscaled_inputs", message, "", size, _LARGE, level)]
    return []


def huge_first_loss(history: Steps) -> list[Alarm]:
    """Asks why the first loss is more than five times that of guessing.

    The first loss is `probe_loss` before training, or without it the loss of the first epoch.
    Abstains where the loss of guessing is not known (`yardsticks.guessing_loss`).
    """
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
        "huge as training begins. Are the inputs normalised, and the first weights small?"
    )
    # not by `struggles`: a loss that is still above guessing would be the same evidence again
    level = "warning" if history.gets_nowhere or history.has_diverged else "note"
    return [_question(history, "huge_first_loss", message, "", losses[0], bound, level)]


def strong_dropout(history: Steps) -> list[Alarm]:
    """Asks whether a Dropout of 0.8 or more is too strong.

    A warning, also from 0.5 on, where the network is less than half way on the training data and
    more than a fifth of the way further on the validation data, where nothing is dropped.
    """
    history = History.of(history)
    rates = history.facts.dropout
    if not rates or max(rates.values()) < 0.5:
        return []
    name, rate = max(rates.items(), key=lambda item: item[1])
    gap, training = history.gap(), history.progress()
    hinders = gap < -0.2 and training < 0.5 and len(history.logged) >= history.patience
    if rate < _STRONG_DROPOUT and not hinders:
        return []
    message = f"{name} drops {rate:.0%} of what it gets, and 20% to 50% is usual: is it too much?"
    if hinders:
        message += (
            f" The network came {training:.0%} of the way from guessing to perfection on the "
            f"training data, and {training - gap:.0%} on the validation data, where nothing is "
            "dropped."
        )
    level = "warning" if hinders else ""
    return [_question(history, "strong_dropout", message, "", rate, _STRONG_DROPOUT, level)]


def unusual_rate(history: Steps) -> list[Alarm]:
    """Asks whether a learning rate far from those usual with its optimizer is meant.

    Abstains with optimizers that are not in `USUAL_RATES`, and about low rates of a model that was
    trained before.
    """
    history = History.of(history)
    facts = history.facts
    rate = usual_rate_missed(history)
    if rate is None:
        return []
    low, high = USUAL_RATES[facts.optimizer]
    has_momentum = facts.momentum and facts.optimizer == "SGD"
    effect = "hardly moves the weights" if rate < low else "may make training diverge"
    logged = [each.logs["learning_rate"] for each in history.logged if "learning_rate" in each.logs]
    verb = "was at its highest" if logged and logged[-1] < max(logged) else "is"
    message = (
        f"The learning rate of {facts.optimizer} {verb} {rate:.3g}"
        + (" (divided by 1 - momentum)" if has_momentum else "")
        + f"; usual rates are {low:.0e} to {high:.0e}. Such a rate {effect}. Is it intended?"
    )
    bound = low if rate < low else high
    return [_question(history, "unusual_rate", message, "", rate, bound)]


def usual_rate_missed(history: History) -> float | None:
    """Returns the `effective_rate` if it lies outside what is usual; else None.

    A model that was trained before may be tuned in steps as small as one likes.
    """
    rate = effective_rate(history)
    if rate is None:
        return None
    low, high = USUAL_RATES[history.facts.optimizer]
    is_too_low = rate < low and not history.was_pretrained()
    return rate if is_too_low or rate > high else None


def effective_rate(history: History) -> float | None:
    """Returns the highest learning rate so far, to compare with `USUAL_RATES`; None if unknown.

    That of SGD is divided by 1 - momentum, because momentum enlarges steps so much. None for
    optimizers that are not in `USUAL_RATES`, and in the first epochs of a schedule.
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
    """Asks whether L1 or L2 above 0.1, or a weight decay above 0.5, is meant."""
    history = History.of(history)
    facts = history.facts
    strengths = [
        (strength, f"{kind.upper()} of {layer} is {strength:.3g}")
        for layer, kinds in facts.regularisers.items()
        for kind, strength in kinds.items()
    ]
    strength, text = max(strengths, default=(0.0, ""))
    if strength > _STRONG_PENALTY:
        message = (
            f"{text}; usual are 1e-05 to 1e-02. So strong a penalty pulls weights to zero. Is it "
            "intended?"
        )
        return [_question(history, "strong_penalty", message, "", strength, _STRONG_PENALTY)]
    if facts.weight_decay > _STRONG_DECAY:
        decay = facts.weight_decay
        message = (
            f"The weight decay is {decay:.3g}; usual are 1e-05 to 1e-01. So strong a decay pulls "
            "weights to zero. Is it intended?"
        )
        return [_question(history, "strong_penalty", message, "", decay, _STRONG_DECAY)]
    return []


def linear_stack(history: Steps) -> list[Alarm]:
    """Asks whether activations are missing in a network of several layers without any.

    A warning where the network gets nowhere. Abstains where a non-linearity is not known.
    """
    history = History.of(history)
    if not history.facts.is_linear or len(history[-1].layers) < 2:
        return []
    message = (
        "No non-linearity stands between the layers, so together they can do no more than one "
        "layer: is an activation missing?"
    )
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
    """Returns an alarm; without a `level`, a warning where training struggles, else a note."""
    level = level or ("warning" if history.struggles else "note")
    return Alarm(rule, layer, history[-1].step, value, threshold, (), message, level)
