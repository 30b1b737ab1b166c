"""What is printed when alarms begin and end, without repeating what comes and goes."""

from collections import Counter
from collections.abc import Iterator

from keras_filterwatch.alarms import Alarm, Judgement
from keras_filterwatch.text import printable

_MOST_PRINTED = 3  # times that an alarm which comes and goes is printed
_MOST_LAYERS = 3  # alarms of one rule that are printed at a step


def alarm_messages(judgement: Judgement, first_step: int) -> Iterator[str]:
    """Yields the messages to print about a step: which alarms began, and which ended.

    Notes are printed only at the first step, where they are about the set-up. An alarm that comes
    and goes is printed three times, and of those that one rule begins at a step the first three.
    """
    now = {(alarm.rule, alarm.layer): alarm for alarm in judgement.new}
    for alarm in judgement.ended:
        again = now.get((alarm.rule, alarm.layer))
        is_over = alarm.level != "note" and (again is None or again.level == "note")
        if is_over and _count(alarm, judgement) < _MOST_PRINTED:
            rule, layer = printable(alarm.rule), printable(alarm.layer or "the whole network")
            end = f"is only a note now: {printable(again.message)}" if again else "is over."
            yield f"FilterWatch: alarm ({rule}) about {layer}, raised at step {alarm.step}, {end}"
    by_rule: Counter[str] = Counter()
    for alarm in judgement.new:
        rule, message = printable(alarm.rule), printable(alarm.message)
        by_rule[rule] += alarm.level != "note"
        if by_rule[rule] > _MOST_LAYERS and alarm.level != "note":
            continue
        if alarm.level == "note":
            if alarm.step == first_step:
                yield f"FilterWatch note ({rule}): {message}"
        elif _count(alarm, judgement) < _MOST_PRINTED:
            yield f"FilterWatch alarm ({rule}): {message}"
        elif _count(alarm, judgement) == _MOST_PRINTED:
            yield (
                f"FilterWatch alarm ({rule}): {message} It comes and goes: from now on it is not "
                "printed any more, and watch.alarms has it."
            )
    for rule, count in by_rule.items():
        more = count - _MOST_LAYERS
        if more > 0:
            layers, them = ("layer", "it") if more == 1 else ("layers", "them")
            yield (
                f"FilterWatch alarm ({rule}): the same about {more} more {layers}; "
                f"watch.alarms has {them}."
            )


def _count(alarm: Alarm, judgement: Judgement) -> int:
    """Returns how many alarms with the same rule and layer were raised so far."""
    return sum((each.rule, each.layer) == (alarm.rule, alarm.layer) for each in judgement.alarms)
