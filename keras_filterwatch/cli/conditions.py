"""Conditions: what `--fail-on` asks for, and which files and layers meet it."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from keras_filterwatch.cli.errors import UsageError

# of a file, what `audit` prints as JSON; of a training, `notes_that_hold` beside
File = Mapping[str, Any]
Meets = Callable[[File], Iterator[tuple[str, float | None, str]]]  # layer, value, why

DEAD_SHARE = 0.5  # as the rule `dead` has it
# the rules of which `judge_single_step` raises alarms
ALARMS_OF_FILES = (
    *("diverged", "symmetric", "dead", "frozen_at_random", "output_mismatch"),
    *("strong_dropout", "strong_penalty", "linear_stack", "unusual_rate"),
)
_WORDS = ("noisy", "dead", "skipped", "undetermined", "unreadable", "alarm")
_ITEM = re.compile(r"\s*(\w+)\s*(?:([=<>])\s*(.*?)\s*)?", re.ASCII)


class Failure(NamedTuple):
    """A file that meets a condition.

    Attributes:
        condition: as it was written.
        file: the file's name.
        layer: the layer that meets it; `""` if the whole file does.
        value: the number that was compared, or None.
        message: what is so, to stand behind the layer's or the file's name.
    """

    condition: str
    file: str
    layer: str
    value: float | None
    message: str


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: as it was written.
        meets: takes a file; yields each layer that meets the condition, `""` for the whole file,
            with the number that was compared and what is so.
        score: the score that it is about; `""` for conditions about something else.
    """

    text: str
    meets: Meets
    score: str = ""

    def failures(self, file: File) -> list[Failure]:
        """Returns an entry for each layer of a file that meets the condition."""
        return [Failure(self.text, file["file"], *each) for each in self.meets(file)]

    def lacks_score(self, file: File) -> bool:
        """Returns True if no layer of a file has the score, so that nothing could be compared."""
        if not self.score or file["error"]:
            return False
        has_score = any(self.score in layer["scores"] for layer in file["layers"])
        return not has_score and not self.failures(file)


def parse_conditions(texts: Iterable[str], of_training: bool = False) -> list[Condition]:
    """Returns the conditions that `--fail-on` was given.

    Args:
        texts: of each `--fail-on`, conditions with commas between them.
        of_training: whether they are about a recorded training, which has more scores and alarms
            than a file.

    Raises:
        UsageError: there is no such condition.

    Example:
        >>> [condition.text for condition in parse_conditions(["noisy,dead=0.2", "noise>0.9"])]
        ['noisy', 'dead=0.2', 'noise>0.9']
    """
    items = [item.strip() for text in texts for item in text.split(",")]
    if not any(items):
        raise UsageError(f"--fail-on: no condition came; there are {', '.join(_WORDS)} and more.")
    return [_condition(item, of_training) for item in dict.fromkeys(items) if item]


def _condition(text: str, of_training: bool) -> Condition:
    match = _ITEM.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--fail-on: {text!r} is no condition; conditions are such as noisy, dead=0.2 or "
            "'noise>0.9'."
        )
    name, sign, number = match.groups()
    if name == "dead":
        share = sign and _score_condition("dead", sign, _number(text, number), "low")
        return Condition(text, share or _dead, "dead")
    if sign is not None and name in _WORDS:
        raise UsageError(f"--fail-on: {name} takes no number; got {text!r}.")
    if sign is not None:
        return _of_score(text, name, sign, _number(text, number), of_training)
    if name in _MEETS:
        return Condition(text, _MEETS[name])
    if name in _alarm_names(of_training):
        return Condition(text, _alarms(lambda alarm: alarm["rule"] == name))
    raise UsageError(f"--fail-on: {_why_not(name, of_training)}")


def _alarm_names(of_training: bool) -> Collection[str]:
    if not of_training:
        return ALARMS_OF_FILES
    from keras_filterwatch.rules import RULES  # it needs NumPy

    return RULES


def _number(text: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not abs(value) < float("inf"):
        raise UsageError(f"--fail-on: {text!r} needs a number behind the sign; got {number!r}.")
    return value


def _of_score(text: str, name: str, sign: str, number: float, of_training: bool) -> Condition:
    scores = _scores(of_training)
    if name not in scores:
        raise UsageError(f"--fail-on: {_why_not(name, of_training)}")
    better = scores[name]
    if sign == "=" and not better:
        raise UsageError(
            f"--fail-on: no end of {name} is better than the other; say which is to fail: "
            f"'{name}>{number:g}' or '{name}<{number:g}', in quotes."
        )
    return Condition(text, _score_condition(name, sign, number, better), name)


def _scores(of_training: bool) -> dict[str, str]:
    """Returns the scores that layers can have -> which end is better, or `""`."""
    from keras_filterwatch.metrics import activity, gradient, motion
    from keras_filterwatch.score_facts import SCORE_FACTS

    lacking = {"orientation", "labels"}  # filters have them, layers do not
    if not of_training:
        lacking |= {*activity.DESCRIPTIONS, *gradient.DESCRIPTIONS, *motion.UPDATE}
        lacking |= {*motion.ROTATION}
    return {name: facts.better for name, facts in SCORE_FACTS.items() if name not in lacking}


def _why_not(name: str, of_training: bool) -> str:
    """Returns why a name is no condition, and what may be meant."""
    from keras_filterwatch.rules import RULES
    from keras_filterwatch.score_facts import SCORE_FACTS
    from keras_filterwatch.text import suggestion

    scores = _scores(of_training)
    if name in scores:
        example = f"{name}=0.5" if scores[name] else f"'{name}>0.5'"
        return f"{name} is a score and needs a number, such as {example}."
    if name in RULES:
        return (
            f"the alarm {name} needs the history of a training, which a file does not have; "
            "`keras-filterwatch series` judges the checkpoints of a training."
        )
    if name in SCORE_FACTS:
        return f"the score {name} is not known of a layer whose weights alone are known."
    names = [*_WORDS, *_alarm_names(of_training), *scores]
    return f"there is no {name!r}; {suggestion(name, names)}."


def _score_condition(score: str, sign: str, number: float, better: str) -> Meets:
    fails: dict[str, Callable[[float], bool]] = {
        ">": lambda value: value > number,
        "<": lambda value: value < number,
        "=": lambda value: value <= number if better == "high" else value >= number,
    }

    def meets(file: File) -> Iterator[tuple[str, float | None, str]]:
        for layer in file["layers"]:
            value = layer["scores"].get(score)
            if value is not None and fails[sign](value):
                yield layer["name"], value, f"{score} is {value:.3g}"

    return meets


def _layers(has: Callable[[Mapping[str, Any]], bool], what: str) -> Meets:
    """Returns what yields the layers for which `has` is true."""
    return lambda file: ((each["name"], None, what) for each in file["layers"] if has(each))


def _alarms(has: Callable[[Mapping[str, Any]], bool]) -> Meets:
    return lambda file: (
        (each["layer"], each["value"], each["message"]) for each in file["alarms"] if has(each)
    )


def _dead(file: File) -> Iterator[tuple[str, float | None, str]]:
    """Yields layers with many dead filters, and those of alarms and notes that say so."""
    named = set()
    for failure in _score_condition("dead", "=", DEAD_SHARE, "low")(file):
        named.add(failure[0])
        yield failure
    for alarm in (*file["alarms"], *file.get("notes_that_hold", ())):
        if alarm["rule"] == "dead" and alarm["layer"] not in named:
            yield alarm["layer"], alarm["value"], alarm["message"]


def _unreadable(file: File) -> Iterator[tuple[str, float | None, str]]:
    if file["error"]:
        yield "", None, file["error"]["message"]


_MEETS: dict[str, Meets] = {
    "noisy": _layers(lambda layer: layer["verdict"] == "untrained", "its weights look random"),
    "undetermined": _layers(
        lambda layer: layer["state"] == "undetermined", "its weights do not tell"
    ),
    "skipped": lambda file: ((name, None, why) for name, why in file["skipped"].items()),
    "unreadable": _unreadable,
    "alarm": _alarms(lambda alarm: alarm["level"] != "note"),
}


def failures_of(file: File, conditions: Sequence[Condition]) -> list[Failure]:
    """Returns what meets the conditions in one file, in the order of the conditions.

    Example:
        >>> file = {"file": "a.keras", "skipped": {"bn": "no kernel"}}
        >>> failures_of(file, parse_conditions(["skipped"]))[0].layer
        'bn'
    """
    return [failure for condition in conditions for failure in condition.failures(file)]
