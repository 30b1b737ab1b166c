"""Alarm, and how rules are followed: rules and a history in, alarms out."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import Any

from keras_filterwatch.history import History
from keras_filterwatch.text import error_message


@dataclass(frozen=True)
class Alarm:
    """Something is probably wrong.

    Attributes:
        rule: the rule's name, as `stop_on` takes it.
        layer: the layer that the alarm is about.
        step: the step at which the alarm was raised.
        value: what was measured.
        threshold: the bound that `value` passed.
        filters: indices of the filters concerned; empty if the whole layer is.
        message: the same in a sentence.

    Example:
        >>> Alarm("too_large", "head", 3, 11.5, 10.0, (), "A weight of head is 11.5.").rule
        'too_large'
    """

    rule: str
    layer: str
    step: int
    value: float
    threshold: float
    filters: tuple[int, ...]
    message: str


Rule = Callable[[History], Iterable[Alarm]]

_FIELD_TYPES: dict[str, Any] = {
    "rule": str,
    "layer": str,
    "step": Integral,
    "value": Real,
    "threshold": Real,
    "filters": Iterable,
    "message": str,
}
_WANTED = "a rule returns a list of Alarm, [] for none"


@dataclass(frozen=True)
class RuleFailure:
    """A rule that raised an error or returned something else than alarms.

    Attributes:
        rule: the rule's name.
        what: what it did, such as `"raised KeyError"`.
        reason: the error's message, or what a rule has to return.
    """

    rule: str
    what: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """What rules say at the last step of a history.

    Attributes:
        alarms: all alarms so far, oldest first; a rule raises one alarm about a layer.
        new: those of `alarms` that this step added.
        active: names of the rules that raise an alarm at this step, an earlier one included.
        failures: rules that failed.
    """

    alarms: tuple[Alarm, ...] = ()
    new: tuple[Alarm, ...] = ()
    active: frozenset[str] = frozenset()
    failures: tuple[RuleFailure, ...] = ()


def follow(
    rules: Iterable[Rule], history: Sequence[Any], earlier: Sequence[Alarm] = ()
) -> Judgement:
    """Follows rules at the last step of a history. A rule that fails does not stop the others.

    Args:
        rules: functions `history -> alarms`.
        history: the `Scores` of each step so far, oldest first, at least one.
        earlier: the alarms of the steps before.

    Returns:
        The judgement at the last step; its `alarms` are `earlier` of the next one.

    Example:
        >>> from keras_filterwatch.scores import Scores
        >>> follow([lambda history: history[0]["conv"]], [Scores(0, 0, {})]).failures[0].rule
        '<lambda>'
    """
    history = History.of(history)
    known = {(alarm.rule, alarm.layer) for alarm in earlier}
    new: list[Alarm] = []
    active: set[str] = set()
    failures: list[RuleFailure] = []
    for rule in rules:
        for result in _results(rule, history):
            if isinstance(result, RuleFailure):
                failures.append(result)
                continue
            active.add(result.rule)
            if (result.rule, result.layer) not in known:
                known.add((result.rule, result.layer))
                new.append(result)
    return Judgement((*earlier, *new), tuple(new), frozenset(active), tuple(failures))


def _results(rule: Rule, history: History) -> Iterator[Alarm | RuleFailure]:
    """Yields the alarms of one rule, and what is wrong with it."""
    name = rule_name(rule)
    try:
        for alarm in _iterable(rule(history)):
            fault = _fault(alarm)
            yield RuleFailure(name, fault, _WANTED) if fault else alarm
    except Exception as error:
        yield RuleFailure(name, f"raised {type(error).__name__}", error_message(error))


def _iterable(result: Any) -> Iterable[Any]:
    """Returns the results of a rule one by one; anything that is not a collection is one result."""
    is_collection = isinstance(result, Iterable) and not isinstance(result, str | bytes)
    return result if is_collection else [result]


def _fault(result: Any) -> str:
    """Returns in what a result is no alarm; `""` if it is one."""
    if not isinstance(result, Alarm):
        return f"returned {type(result).__name__}"
    for field, kind in _FIELD_TYPES.items():
        value = getattr(result, field)
        if not isinstance(value, kind) or (kind is Iterable and isinstance(value, str | bytes)):
            return f"returned an Alarm whose {field} is of type {type(value).__name__}"
    return ""


def rule_name(rule: Any) -> str:
    """Returns the name of a rule: that of its function, also behind `functools.partial`."""
    while isinstance(rule, partial):
        rule = rule.func
    return str(getattr(rule, "__name__", None) or type(rule).__name__)
