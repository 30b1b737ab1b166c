"""Alarms and history in, the most probable cause, its evidence and advice out."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History
from keras_filterwatch.progress import (
    UNKNOWN,
)
from keras_filterwatch.rules.setup import USUAL_RATES, effective_rate, usual_rate_missed
from keras_filterwatch.scores import Scores

NO_FAULT, CANNOT_TELL = "no fault found", "can't tell"
_TINY_CLIPPING = 1e-4  # a gradient's usual norm is thousands of times as large

ByRule = Mapping[str, Sequence[Alarm]]


@dataclass(frozen=True)
class Diagnosis:
    """What is probably wrong; prints as sentences.

    Attributes:
        cause: a key of `ADVICE`: a name in `CAUSES`, `"no fault found"` or `"can't tell"`.
        evidence: what was measured, in sentences.
        advice: what to try first.

    Example:
        >>> print(Diagnosis("rate too low", ("conv2d has not moved.",), "Raise the rate."))
        Rate too low. conv2d has not moved. Raise the rate.
    """

    cause: str
    evidence: tuple[str, ...]
    advice: str

    def __str__(self) -> str:
        return " ".join((f"{self.cause.capitalize()}.", *self.evidence, self.advice))


@dataclass(frozen=True)
class Cause:
    """A cause of alarms.

    Attributes:
        name: as `Diagnosis.cause` has it.
        explained: returns which alarms, given by rule, the cause explains; none if it does not
            apply.
        advice: what to try first.
        remedy: returns the advice in numbers, such as another learning rate; `""` for none.
    """

    name: str
    explained: Callable[[ByRule, History], Sequence[Alarm]]
    advice: str
    remedy: Callable[[History], str] = lambda history: ""


def diagnose(history: Sequence[Scores], alarms: Sequence[Alarm]) -> Diagnosis:
    """Returns the most probable cause of alarms: the first of `CAUSES` that explains some.

    Args:
        history: the `Scores` of each step, oldest first.
        alarms: what the rules raised, oldest first.

    Example:
        >>> diagnose([], []).cause
        "can't tell"
    """
    history = History.of(history)
    if not alarms:
        return _without_alarms(history)
    by_rule: dict[str, list[Alarm]] = {}
    for alarm in alarms:
        by_rule.setdefault(alarm.rule, []).append(alarm)
    for cause in CAUSES if history else ():
        explained = cause.explained(by_rule, history)
        if explained:
            evidence = tuple(alarm.message for alarm in explained[:3])
            advice = " ".join(filter(None, (cause.remedy(history), cause.advice)))
            return Diagnosis(cause.name, evidence, advice)
    evidence = tuple(alarm.message for alarm in alarms[:3])
    return Diagnosis(CANNOT_TELL, evidence, ADVICE[CANNOT_TELL])


def _without_alarms(history: History) -> Diagnosis:
    """Returns that there is no fault, or that too little was watched to say so."""
    if not history or not history[-1].layers:
        return Diagnosis(
            CANNOT_TELL,
            ("Nothing was watched.",),
            "Fit a model with this callback; watch.problems lists what went wrong.",
        )
    epochs = history.epochs
    if epochs == 0:
        return Diagnosis(CANNOT_TELL, ("No epoch has ended yet.",), "Train on.")
    evidence = []
    if epochs < history.patience:
        evidence.append(f"Epochs watched: {epochs}; most alarms need {history.patience}.")
    elif history.learning == UNKNOWN:
        evidence.append("The logs do not say how far training came.")
    return Diagnosis(NO_FAULT, tuple(evidence), ADVICE[NO_FAULT])


def _raised(*rules: str) -> Callable[[ByRule, History], Sequence[Alarm]]:
    """Returns an explanation of all alarms of some rules."""
    return lambda alarms, history: [a for rule in rules for a in alarms.get(rule, ())]


def _not_finite_inputs(alarms: ByRule, history: History) -> Sequence[Alarm]:
    has_nan = any(each.finite < 1 for each in history.facts.inputs)
    return alarms.get("unscaled_inputs", ()) if has_nan else ()


def _clipped(alarms: ByRule, history: History) -> Sequence[Alarm]:
    bounds = history.facts.clipping.values()
    return alarms.get("stalled", ()) if min(bounds, default=1.0) < _TINY_CLIPPING else ()


def _outputs_huge_at_start(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a huge first loss by the inputs, unless a probe shows that they are normal.

    At an unusual rate, the loss of a whole epoch may be its doing; a loss before training is not.
    """
    if history.facts.inputs:
        return ()  # `unscaled_inputs` says whether they are normal
    by_rate = "probe_loss" not in history[0].logs and usual_rate_missed(history) is not None
    return () if by_rate else alarms.get("huge_first_loss", ())


def _over_regularised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    facts = history.facts
    knows_model = bool(facts.optimizer or facts.outputs)
    if "exploding" in alarms or (knows_model and not _penalties(history)):
        return ()
    # at a rate that is far too high, a weak penalty shrinks weights too
    shrunk = () if "unusual_rate" in alarms else alarms.get("shrinking", ())
    return [*alarms.get("strong_penalty", ()), *shrunk]


def _penalties(history: History) -> list[str]:
    """Returns what pulls weights towards zero, the strongest first, with its strength."""
    facts = history.facts
    strengths = [
        (strength, f"{kind.upper()} {strength:.3g} of {layer}")
        for layer, kinds in facts.regularisers.items()
        for kind, strength in kinds.items()
        if strength > 0
    ]
    if facts.weight_decay:
        strengths.append((facts.weight_decay, f"weight decay {facts.weight_decay:.3g}"))
    return [text for _, text in sorted(strengths, reverse=True)]


def _dead_at_start(alarms: ByRule, history: History) -> Sequence[Alarm]:
    def was_dead(alarm: Alarm) -> bool:
        start, now = history[0].get(alarm.layer), history[-1].get(alarm.layer)
        if start is None or now is None:
            return False
        return start.get("dead_units", 0.0) >= alarm.threshold or now.get("rotation", 1.0) < 1e-9

    return [alarm for alarm in alarms.get("dead", ()) if was_dead(alarm)]


def _saturated_at_start(alarms: ByRule, history: History) -> Sequence[Alarm]:
    def was_saturated(alarm: Alarm) -> bool:
        start = history[0].get(alarm.layer)
        units = start.get("saturated_units") if start else None
        # without a probe, a norm at the start was judged; any other value is a share
        return alarm.threshold > 1 if units is None else units >= alarm.threshold

    return [alarm for alarm in alarms.get("saturated", ()) if was_saturated(alarm)]


def _unusually_high(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a training that struggles by a rate that is unusually high."""
    rate = effective_rate(history)
    is_high = rate is not None and rate > USUAL_RATES[history.facts.optimizer][1]
    # no rate explains a loss that was huge before training
    was_huge = "huge_first_loss" in alarms and "probe_loss" in history[0].logs
    harm = [*alarms.get("exploding", ()), *alarms.get("dead", ())]
    return [*alarms.get("unusual_rate", ()), *harm] if is_high and not was_huge else ()


def _rate_too_high(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains units that died and weights that grew by a rate that is high, or not known."""
    rate = effective_rate(history)
    high = 0.0 if rate is None else USUAL_RATES[history.facts.optimizer][1]
    grew = alarms.get("exploding", ()) if rate is None or rate >= high / 10 else ()
    # units die for other reasons too, so that more of the rate is asked for
    died = alarms.get("dead", ()) if rate is None or rate >= high / 3 else ()
    return [*grew, *died]


def _at_rest(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a network that stands still by its rate."""
    return alarms.get("stalled") or [a for a in alarms.get("noisy", ()) if history.is_at_rest]


def _unusually_low(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a network that learns nothing, or stands still, by a rate that is unusually low."""
    rate = effective_rate(history)
    if rate is None or rate >= USUAL_RATES[history.facts.optimizer][0]:
        return ()
    return [*_at_rest(alarms, history), *alarms.get("unusual_rate", ())]


def _memorised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    return alarms.get("overfitting", ()) if history.validation_is_guessed() else ()


def _other_rate(times: float) -> Callable[[History], str]:
    """Returns a remedy that names a learning rate: so many times the present, or a usual one."""

    def remedy(history: History) -> str:
        facts = history.facts
        rates = [each.logs["learning_rate"] for each in history if "learning_rate" in each.logs]
        rate = rates[-1] if rates else facts.learning_rate
        if not rate:
            return ""
        low, high = USUAL_RATES.get(facts.optimizer, (rate, rate))
        is_far = rate > high if times < 1 else rate < low
        better = math.sqrt(low * high) if is_far else times * rate
        return (
            f"Learning rate {rate:.3g} of {facts.optimizer or 'the optimizer'}: try {better:.0e}."
        )

    return remedy


def _weaker_penalty(history: History) -> str:
    penalties = _penalties(history)
    return f"The strongest is {penalties[0]}: try a tenth." if penalties else ""


_LOWER_RATE = (
    "Lower the learning rate tenfold; then try LeakyReLU, He initialisation or BatchNormalization."
)
_RAISE_RATE = "Raise the learning rate tenfold, or train much longer."
_NORMALISE = (
    "Bring the inputs to about -1 to 1: divide pixels by 255, or begin with a Normalization layer."
)
_UNSATURATE = "Normalise the inputs (0..255 to about -1..1), initialise smaller, or use ReLU."

# A cause that explains others stands before them: a network that diverged is not also stalled, and
# units that died while the weights shrank to nothing were killed by regularisation.
CAUSES: tuple[Cause, ...] = (
    Cause(
        "inputs not finite",
        _not_finite_inputs,
        "Look for NaN in the data: fill or drop what is missing before training.",
    ),
    Cause(
        "symmetric initialisation",
        _raised("symmetric"),
        "Initialise the layer at random (glorot_uniform, he_normal), not with zeros or a constant.",
    ),
    Cause(
        "loss does not fit the output",
        _raised("output_mismatch"),
        "Classes that exclude each other: softmax with sparse_categorical_crossentropy; two "
        "classes, or several at once: sigmoid with binary_crossentropy; numbers: a linear output "
        "with mean_squared_error.",
    ),
    Cause(
        "labels or loss wrong",
        _raised("contradiction"),
        "Look at the sign of the loss, and whether labels, loss and metric mean the same.",
    ),
    Cause("rate too low", _unusually_low, _RAISE_RATE, _other_rate(10)),
    Cause(
        "inputs not normalised",
        _raised("unscaled_inputs"),
        _NORMALISE,
    ),
    Cause(
        "diverged",
        _raised("diverged"),
        "Lower the learning rate tenfold, clip gradients, and look for inputs that are NaN or "
        "huge.",
        _other_rate(0.1),
    ),
    Cause(
        "frozen at random",
        _raised("frozen_at_random"),
        "Set trainable = True, or load trained weights before freezing.",
    ),
    Cause(
        "clipped to nothing",
        _clipped,
        "Clip gradients at about 1, not far below.",
    ),
    Cause(
        "dead at the start",
        _dead_at_start,
        "Initialise the biases with zeros and the kernels with he_normal, and look at the inputs.",
    ),
    Cause("rate too low", _at_rest, _RAISE_RATE, _other_rate(10)),
    Cause(
        "over-regularised",
        _over_regularised,
        "Weaken L2 or weight decay, tenfold first.",
        _weaker_penalty,
    ),
    Cause("rate too high", _unusually_high, _LOWER_RATE, _other_rate(0.1)),
    Cause(
        "no non-linearity",
        _raised("linear_stack"),
        "Give the hidden layers an activation, such as relu.",
    ),
    Cause("saturated", _saturated_at_start, _UNSATURATE),
    Cause(
        "vanishing gradient",
        _raised("vanishing"),
        "Use ReLU with He initialisation, BatchNormalization or shortcuts; or fewer layers.",
    ),
    Cause("saturated", _raised("saturated"), _UNSATURATE),
    Cause("inputs not normalised", _outputs_huge_at_start, _NORMALISE),
    Cause(
        "too much dropout",
        _raised("strong_dropout"),
        "Drop 20 to 50 %, and less in small layers.",
    ),
    Cause("rate too high", _rate_too_high, _LOWER_RATE, _other_rate(0.1)),
    Cause(
        "memorised",
        _memorised,
        "Look at the labels: what is learnt does not carry over at all. Then more data.",
    ),
    Cause(
        "overfit",
        _raised("overfitting"),
        "Add data or augmentation, L2 or dropout, or stop earlier.",
    ),
)

ADVICE = {
    **{cause.name: cause.advice for cause in CAUSES},
    NO_FAULT: "What was watched gave no reason to stop.",
    CANNOT_TELL: "Look at the labels and at a few inputs, at the batch size, and whether the "
    "network is large enough: weights and logs do not show these. probe=(x, y) and validation "
    "data tell more causes apart.",
}
