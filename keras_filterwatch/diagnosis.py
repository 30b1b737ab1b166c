"""Alarms and history in, the most probable cause, its evidence and advice out."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm
from keras_filterwatch.history import UNMOVED, History
from keras_filterwatch.scores import Scores

NO_FAULT, CANNOT_TELL = "no fault found", "can't tell"
_ENOUGH_EPOCHS = 5  # the patience of the rules
_NO_PROGRESS = 0.1  # of the way to perfection: less on validation data is nothing

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
    """

    name: str
    explained: Callable[[ByRule, History], Sequence[Alarm]]
    advice: str


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
            return Diagnosis(cause.name, evidence, cause.advice)
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
    evidence = (f"Epochs watched: {epochs}; most alarms need {_ENOUGH_EPOCHS}.",)
    return Diagnosis(NO_FAULT, () if epochs >= _ENOUGH_EPOCHS else evidence, ADVICE[NO_FAULT])


def _raised(rule: str) -> Callable[[ByRule, History], Sequence[Alarm]]:
    """Returns an explanation of all alarms of a rule."""
    return lambda alarms, history: alarms.get(rule, ())


def _frozen_at_random(alarms: ByRule, history: History) -> Sequence[Alarm]:
    return [a for a in alarms.get("noisy", ()) if not history.is_trainable(a.layer)]


def _over_regularised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    return () if "exploding" in alarms else alarms.get("shrinking", ())


def _vanishing_gradient(alarms: ByRule, history: History) -> Sequence[Alarm]:
    saturated = alarms.get("saturated", ())
    first = next(iter(history[-1]), "")
    if any(alarm.layer == first for alarm in saturated) or not history.later_layers_moved():
        return ()
    return [*alarms.get("stalled", ()), *saturated]


def _memorised(alarms: ByRule, history: History) -> Sequence[Alarm]:
    carried_over = not history.best_validation_progress() < _NO_PROGRESS
    return () if carried_over else alarms.get("overfitting", ())


def _unmoved(alarms: ByRule, history: History) -> Sequence[Alarm]:
    return () if history.largest_rotation >= UNMOVED else alarms.get("noisy", ())


_LOWER_RATE = (
    "Lower the learning rate tenfold; then try LeakyReLU, He initialisation or BatchNormalization."
)
_RAISE_RATE = "Raise the learning rate tenfold, or train much longer."

# A cause that explains others stands before them: a network that diverged is not also stalled, and
# units that died while the weights shrank to nothing were killed by regularisation.
CAUSES: tuple[Cause, ...] = (
    Cause(
        "diverged",
        _raised("diverged"),
        "Lower the learning rate tenfold, clip gradients, and look for inputs that are NaN or "
        "huge.",
    ),
    Cause(
        "symmetric initialisation",
        _raised("symmetric"),
        "Initialise the layer at random (glorot_uniform, he_normal), not with zeros or a constant.",
    ),
    Cause(
        "frozen at random",
        _frozen_at_random,
        "Set trainable = True, or load trained weights before freezing.",
    ),
    Cause("over-regularised", _over_regularised, "Weaken L2 or weight decay, tenfold first."),
    Cause(
        "vanishing gradient",
        _vanishing_gradient,
        "Use ReLU with He initialisation, BatchNormalization or shortcuts; or fewer layers.",
    ),
    Cause(
        "saturated",
        _raised("saturated"),
        "Normalise the inputs (0..255 to about -1..1), initialise smaller, or use ReLU.",
    ),
    Cause("rate too high", _raised("exploding"), _LOWER_RATE),
    Cause("rate too high", _raised("dead"), _LOWER_RATE),
    Cause("rate too low", _raised("stalled"), _RAISE_RATE),
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
    Cause("rate too low", _unmoved, _RAISE_RATE),
)

ADVICE = {
    **{cause.name: cause.advice for cause in CAUSES},
    NO_FAULT: "What was watched gave no reason to stop.",
    CANNOT_TELL: "Give FilterWatch probe inputs and fit validation data: they tell causes apart.",
}
