"""Alarms, and rules that raise them at steps of the test's choice, for the tests of plumbing."""

from dataclasses import dataclass

from keras_filterwatch.alarms import Alarm


def alarm(rule="mine", layer="conv", **changes):
    """An alarm of the rule `mine` at step 0."""
    fields = {"step": 0, "value": 1.0, "threshold": 0.5, "filters": (), "message": "It is so."}
    return Alarm(rule, layer, **{**fields, **changes})


@dataclass(frozen=True)
class Raising:
    """A rule that raises an alarm of `levels[step]` at each step, none where the level is None.

    The last level is that of all later steps too. Pickle can find it, which a closure cannot.
    """

    levels: tuple
    rule: str = "mine"
    layer: str = "conv"

    def __call__(self, history):
        step = history[-1].step
        level = self.levels[min(step, len(self.levels) - 1)]
        message = f"{self.rule} about {self.layer} at step {step}."
        return [alarm(self.rule, self.layer, step=step, level=level, message=message)] * bool(level)


def raising(*levels, rule="mine", layer="first"):
    """A rule that raises an alarm of these levels, one for each step from 0 on."""
    return Raising(levels, rule, layer)


def spans(alarms):
    """(level, first step, last step) of each alarm."""
    return [(each.level, each.step, each.ended) for each in alarms]
