"""Alarm, and how rules are applied to a history: which alarms begin, hold and end."""

import reprlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from numbers import Integral, Real
from typing import Any

from keras_filterwatch.history import History
from keras_filterwatch.text import error_message


@dataclass(frozen=True)
class Alarm:
    """What a rule raised at a step, and whether it still holds.

    Attributes:
        rule: the rule's name, as `stop_on` takes it.
        layer: the layer that the alarm is about; `""` if it is about the whole network.
        step: the step at which the alarm was raised.
        value: what was measured.
        threshold: the bound that `value` passed; NaN for both where nothing was measured.
        filters: indices of the filters concerned; empty if the whole layer is.
        message: what happened, what it means and what to do, in sentences.
        level: `"error"` if training cannot go on, `"warning"` if something is probably wrong with
            it, `"note"` if something is odd but harmless so far.
        ended: the step at which it did not hold any more; None while it holds.

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
    level: str = "warning"
    ended: int | None = None


Rule = Callable[[History], Iterable[Alarm]]

LEVELS = ("error", "warning", "note")  # the most severe first

_FIELD_TYPES: dict[str, Any] = {
    "rule": str,
    "layer": str,
    "step": Integral,
    "value": Real,
    "threshold": Real,
    "filters": Iterable,
    "message": str,
}
_RULE_CONTRACT = "a rule returns a list of Alarm, [] for none"


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
        raised: all that was raised so far, of every level and ended or not, oldest first.
        new: those of `raised` that this step added.
        ended: those of `raised` that ended at this step.
        failures: rules that failed at this step.

    Example:
        >>> alarm = Alarm("too_large", "head", 3, 11.5, 10.0, (), "A weight of head is 11.5.")
        >>> judgement = Judgement(raised=(alarm,))
        >>> len(judgement.alarms), len(judgement.notes), judgement.active
        (1, 0, frozenset({'too_large'}))
    """

    raised: tuple[Alarm, ...] = ()
    new: tuple[Alarm, ...] = ()
    ended: tuple[Alarm, ...] = ()
    failures: tuple[RuleFailure, ...] = ()

    @property
    def alarms(self) -> tuple[Alarm, ...]:
        """All errors and warnings so far, oldest first."""
        return tuple(alarm for alarm in self.raised if alarm.level != "note")

    @property
    def notes(self) -> tuple[Alarm, ...]:
        """All notes so far, oldest first."""
        return tuple(alarm for alarm in self.raised if alarm.level == "note")

    @property
    def holding(self) -> tuple[Alarm, ...]:
        """The errors and warnings that hold now, oldest first."""
        return tuple(alarm for alarm in self.alarms if alarm.ended is None)

    @property
    def active(self) -> frozenset[str]:
        """Names of the rules whose errors or warnings hold now."""
        return frozenset(alarm.rule for alarm in self.holding)


def follow(
    rules: Iterable[Rule], history: Sequence[Any], earlier: Sequence[Alarm] = ()
) -> Judgement:
    """Applies rules to the last step of a history. A rule that fails does not stop the others.

    An alarm about a layer holds as long as its rule raises it at each step with the same level. If
    the rule does not raise it at this step, or with another level, it ends at this step. Where a
    rule fails, the alarms that it raised before stay as they are.

    Args:
        rules: functions `history -> alarms`.
        history: the `Scores` of each step so far, oldest first, at least one.
        earlier: `raised` of the judgement at the step before.

    Returns:
        The judgement at the last step.

    Example:
        >>> from keras_filterwatch.scores import Scores
        >>> follow([lambda history: history[0]["conv"]], [Scores(0, 0, {})]).failures[0].rule
        '<lambda>'
    """
    history, rules = History.of(history), tuple(rules)
    failures: list[RuleFailure] = []
    now: dict[tuple[str, str], Alarm] = {}  # (rule, layer) -> what is raised at this step
    for rule in rules:
        result = _result(rule, history)
        if isinstance(result, RuleFailure):
            failures.append(result)
            continue
        for alarm in result:
            known = now.setdefault((alarm.rule, alarm.layer), alarm)
            if LEVELS.index(alarm.level) < LEVELS.index(known.level):
                now[alarm.rule, alarm.layer] = alarm
    names, failed = {rule_name(rule) for rule in rules}, {failure.rule for failure in failures}
    raised: list[Alarm] = []
    ended: list[Alarm] = []
    for alarm in earlier:
        if alarm.ended is None:
            again = now.get((alarm.rule, alarm.layer))
            # a rule may raise alarms under any name: one that no rule has may be of one that failed
            may_hold = alarm.rule in failed or (bool(failed) and alarm.rule not in names)
            if again and again.level == alarm.level:
                del now[alarm.rule, alarm.layer]
            elif again or not may_hold:
                alarm = replace(alarm, ended=history[-1].step)
                ended.append(alarm)
        raised.append(alarm)
    new = [replace(alarm, ended=None) for alarm in now.values()]
    return Judgement((*raised, *new), tuple(new), tuple(ended), tuple(failures))


def _result(rule: Rule, history: History) -> list[Alarm] | RuleFailure:
    """Returns the alarms of one rule, or what is wrong with it."""
    name = rule_name(rule)
    try:
        alarms = list(_iterable(rule(history)))
        fault = next(filter(None, map(_fault, alarms)), "")
        return RuleFailure(name, fault, _RULE_CONTRACT) if fault else alarms
    except Exception as error:
        return RuleFailure(name, f"raised {type(error).__name__}", error_message(error))


def _iterable(result: Any) -> Iterable[Any]:
    """Returns the results of a rule one by one; anything that is not a collection is one result."""
    is_collection = isinstance(result, Iterable) and not isinstance(result, str | bytes)
    return result if is_collection else [result]


def _fault(result: Any) -> str:
    """Returns why a result is no valid alarm, to stand after the rule's name; `""` if it is one."""
    if not isinstance(result, Alarm):
        return f"returned {type(result).__name__}"
    for field, kind in _FIELD_TYPES.items():
        value = getattr(result, field)
        if not isinstance(value, kind) or (kind is Iterable and isinstance(value, str | bytes)):
            return f"returned an Alarm whose {field} is of type {type(value).__name__}"
    if result.level not in LEVELS:
        levels = ", ".join(map(repr, LEVELS))
        level = reprlib.repr(result.level)
        return f"returned an Alarm whose level is {level}: one of {levels} is needed"
    return ""


def rule_name(rule: Any) -> str:
    """Returns the name of a rule: that of its function, also behind `functools.partial`."""
    while isinstance(rule, partial):
        rule = rule.func
    return str(getattr(rule, "__name__", None) or type(rule).__name__)
