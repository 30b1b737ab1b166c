"""From alarms and a history to the most probable cause, its evidence and advice."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import History
from keras_filterwatch.progress import UNKNOWN
from keras_filterwatch.rules.setup import USUAL_RATES, effective_rate, usual_rate_missed
from keras_filterwatch.scores import Scores

NO_FAULT, CANNOT_TELL = "no fault found", "can't tell"
_TINY_CLIPPING = 1e-4  # a bound far below the usual norms of gradients

ByRule = Mapping[str, Sequence[Alarm]]


@dataclass(frozen=True)
class Diagnosis:
    """What is probably wrong; prints as sentences.

    Attributes:
        cause: a key of `ADVICE`: a name in `CAUSES`, `"no fault found"` or `"can't tell"`.
        evidence: what was measured, in sentences: messages of the alarms that the cause explains,
            three at most.
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
        explained: takes the alarms by rule, and the history; returns the alarms that the cause
            explains, none if it does not apply.
        advice: what to try first.
        remedy: takes the history; returns advice with its numbers, such as another learning rate,
            to stand before `advice`; `""` for none.
    """

    name: str
    explained: Callable[[ByRule, History], Sequence[Alarm]]
    advice: str
    remedy: Callable[[History], str] = lambda history: ""


def diagnose(history: Sequence[Scores], alarms: Sequence[Alarm]) -> Diagnosis:
    """Returns the most probable cause of alarms: the first of `CAUSES` that explains some.

    Args:
        history: the `Scores` of each step, oldest first.
        alarms: the errors and warnings to explain, oldest first; `watch.diagnosis` passes those
            that hold.

    Returns:
        A `Diagnosis`. Its cause is `"can't tell"` if no cause explains an alarm or nothing was
        watched, and `"no fault found"` if there are no alarms.

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
    """Returns `"no fault found"`, or `"can't tell"` before the end of the first epoch."""
    if not history or not history[-1].layers:
        return Diagnosis(
            CANNOT_TELL,
            ("Nothing was watched.",),
            "Fit a model with this callback; watch.problems lists what went wrong.",
        )
    epochs = history.epochs
    if epochs == 0:
        return Diagnosis(CANNOT_TELL, ("No epoch has ended yet.",), "Train for some epochs.")
    evidence = []
    if epochs < history.patience:
        evidence.append(f"Epochs watched: {epochs}; most alarms need {history.patience}.")
    elif history.learning == UNKNOWN:
        evidence.append("The logs do not show whether the network learns.")
    return Diagnosis(NO_FAULT, tuple(evidence), ADVICE[NO_FAULT])


def _raised(*rules: str) -> Callable[[ByRule, History], Sequence[Alarm]]:
    """Returns a `Cause.explained` that explains all alarms of some rules."""
    return lambda alarms, history: [a for rule in rules for a in alarms.get(rule, ())]


def _not_finite_inputs(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a question about the inputs by NaN or infinite numbers among them."""
    has_nan = any(each.finite < 1 for each in history.facts.inputs)
    return alarms.get("unscaled_inputs", ()) if has_nan else ()


def _clipped(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a network that stands still by gradients that are clipped to next to nothing."""
    bounds = history.facts.clipping.values()
    return alarms.get("stalled", ()) if min(bounds, default=1.0) < _TINY_CLIPPING else ()


def _outputs_huge_at_start(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a huge first loss by the inputs, unless a probe showed their range.

    At an unusual learning rate, the loss of the first epoch may be the rate's doing; a loss before
    training cannot be.
    """
    if history.facts.inputs:
        return ()  # the rule `unscaled_inputs` has judged them
    by_rate = "probe_loss" not in history[0].logs and usual_rate_missed(history) is not None
    return () if by_rate else alarms.get("huge_first_loss", ())


def _diverged_by_penalty(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a training that diverged by a penalty that is far above what is usual."""
    return alarms.get("strong_penalty", ()) if "diverged" in alarms else ()


def _over_regularised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains strong penalties, and filters that shrank, by penalties on the weights.

    Not if filters of other layers grew, or if the model is known to have no penalty.
    """
    facts = history.facts
    knows_model = bool(facts.optimizer or facts.outputs)
    if "exploding" in alarms or (knows_model and not _penalties(history)):
        return ()
    # at a rate that is far too high, a weak penalty shrinks weights too
    shrunk = () if "unusual_rate" in alarms else alarms.get("shrinking", ())
    return [*alarms.get("strong_penalty", ()), *shrunk]


def _penalties(history: History) -> list[str]:
    """Returns the penalties on weights with their strengths, in words, the strongest first."""
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
    """Explains dead units that were dead before training, or whose layer never moved."""

    def was_dead(alarm: Alarm) -> bool:
        start, now = history[0].get(alarm.layer), history[-1].get(alarm.layer)
        if start is None or now is None:
            return False
        return start.get("dead_units", 0.0) >= alarm.threshold or now.get("rotation", 1.0) < 1e-9

    if history[0].updates:  # those before the first step may have killed the units
        return []
    return [alarm for alarm in alarms.get("dead", ()) if was_dead(alarm)]


def _saturated_at_start(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains units that were saturated before training."""

    def was_saturated(alarm: Alarm) -> bool:
        start = history[0].get(alarm.layer)
        units = start.get("saturated_units") if start else None
        # without a probe, a norm at the start was judged; any other value is a share
        return alarm.threshold > 1 if units is None else units >= alarm.threshold

    return [alarm for alarm in alarms.get("saturated", ()) if was_saturated(alarm)]


def _unusually_high(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains weights that grew and units that died by a rate that is unusually high.

    Also the rule `unusual_rate` itself, and so a training that struggles without these.
    """
    is_high = _has_high_rate(history)
    # no rate explains a loss that was huge before training
    was_huge = "huge_first_loss" in alarms and "probe_loss" in history[0].logs
    harm = [*alarms.get("exploding", ()), *alarms.get("dead", ())]
    return [*alarms.get("unusual_rate", ()), *harm] if is_high and not was_huge else ()


def _has_high_rate(history: History) -> bool:
    rate = effective_rate(history)
    return rate is not None and rate > USUAL_RATES[history.facts.optimizer][1]


def _rate_too_high(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains weights that grew and units that died by a rate that is high, or not known.

    High is a tenth of the highest usual rate for weights that grew, a third for units that died.
    """
    rate = effective_rate(history)
    high = 0.0 if rate is None else USUAL_RATES[history.facts.optimizer][1]
    grew = alarms.get("exploding", ()) if rate is None or rate >= high / 10 else ()
    # units die for other reasons too, so a rate has to be higher to be blamed
    died = alarms.get("dead", ()) if rate is None or rate >= high / 3 else ()
    return [*grew, *died]


def _at_rest(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a network that stands still by its learning rate, unless that is unusually high."""
    if _has_high_rate(history):
        return []
    return alarms.get("stalled") or [a for a in alarms.get("noisy", ()) if history.is_at_rest]


def _unusually_low(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains a network that learns nothing, or stands still, by a rate that is unusually low."""
    rate = effective_rate(history)
    if rate is None or rate >= USUAL_RATES[history.facts.optimizer][0]:
        return ()
    return [*_at_rest(alarms, history), *alarms.get("unusual_rate", ())]


def _memorised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    """Explains overfitting by memorised items, if validation is no better than guessing."""
    return alarms.get("overfitting", ()) if history.validation_is_guessed() else ()


def _other_rate(times: float) -> Callable[[History], str]:
    """Returns a remedy that names another learning rate, so many times the present one.

    Where the present rate is outside the usual ones, it names their geometric mean instead. Where
    an earlier rate was too high and the present one is usual, it says to begin again without it.
    """

    def remedy(history: History) -> str:
        facts = history.facts
        rates = [each.logs["learning_rate"] for each in history if "learning_rate" in each.logs]
        rate = rates[-1] if rates else facts.learning_rate
        if not rate:
            return ""
        low, high = USUAL_RATES.get(facts.optimizer, (rate, rate))
        if times < 1 and facts.optimizer in USUAL_RATES and max(rates, default=0) > high >= rate:
            return (
                f"The learning rate was {max(rates):.3g} at its highest and is {rate:.3g} now: "
                "begin again from weights that were saved before it rose, and do not let it rise "
                "so far."
            )
        is_far = rate > high if times < 1 else rate < low
        better = math.sqrt(low * high) if is_far else times * rate
        return (
            f"Learning rate {rate:.3g} of {facts.optimizer or 'the optimizer'}: try {better:.0e}."
        )

    return remedy


def _weaker_penalty(history: History) -> str:
    """Returns a remedy that names the strongest penalty; `""` if none is known."""
    penalties = _penalties(history)
    return f"The strongest is {penalties[0]}: try a tenth." if penalties else ""


_WEAKEN = "Weaken L1, L2 or weight decay, tenfold first."
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
        "Look at the sign of the loss, and whether the loss and the metric get the same labels.",
    ),
    Cause("rate too low", _unusually_low, _RAISE_RATE, _other_rate(10)),
    Cause(
        "inputs not normalised",
        _raised("unscaled_inputs"),
        _NORMALISE,
    ),
    Cause("over-regularised", _diverged_by_penalty, _WEAKEN, _weaker_penalty),
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
        "Clip gradients at about 1, not far below: they are cut to next to nothing.",
    ),
    Cause(
        "dead at the start",
        _dead_at_start,
        "Initialise the biases with zeros and the kernels with he_normal, and look at the range of "
        "the inputs.",
    ),
    Cause("rate too low", _at_rest, _RAISE_RATE, _other_rate(10)),
    Cause("over-regularised", _over_regularised, _WEAKEN, _weaker_penalty),
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
        "Drop 20 to 50 % of the units, and less in small layers.",
    ),
    Cause("rate too high", _rate_too_high, _LOWER_RATE, _other_rate(0.1)),
    Cause(
        "memorised",
        _memorised,
        "Look at the labels: what is learnt does not carry over to validation data at all. Then "
        "add data.",
    ),
    Cause(
        "overfit",
        _raised("overfitting"),
        "Add data or augmentation, L2 or dropout, or stop earlier.",
    ),
)

ADVICE = {
    **{cause.name: cause.advice for cause in CAUSES},
    NO_FAULT: "No alarm holds: there is no reason to stop.",
    CANNOT_TELL: "Look at the labels and at a few inputs, at the batch size, and whether the "
    "network is large enough: weights and logs do not show these. With probe=(x, y) and validation "
    "data FilterWatch can tell more causes apart.",
}
